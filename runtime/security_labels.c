#include "runtime/security_labels.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"

/* A page is the most that procfs takes in one write. */
enum { LONGEST_LABEL = 4096 };

/* --- the plan -----------------------------------------------------------------------------------
 */

void security_modules_find(struct security_modules *ret)
{
    char enabled[16];
    struct statfs selinux;

    ret->apparmor = read_pseudo_file(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", enabled,
                                     sizeof enabled) > 0 &&
                    enabled[0] == 'Y';

    /* libselinux takes a read-only selinuxfs for none: so it is shown inside containers. */
    ret->selinux = statfs("/sys/fs/selinux", &selinux) == 0 &&
                   (unsigned long)selinux.f_type == SELINUX_MAGIC && !(selinux.f_flags & ST_RDONLY);
}

static const char *wanted(const char *label)
{
    return label != NULL && label[0] != '\0' ? label : NULL;
}

static int check_label(const char *label, const char *place, struct error *err)
{
    char quoted[1040];

    if (strlen(label) >= LONGEST_LABEL - strlen("exec "))
        return refuse(err, EINVAL, "%s: %zu bytes are too long for a label", place, strlen(label));

    /* The kernel reads one line. */
    if (strchr(label, '\n') != NULL)
        return refuse(err, EINVAL, "%s: \"%s\" has more than one line", place,
                      quotable(quoted, label));
    return 0;
}

int security_labels_check_modules(const struct security_labels_plan *plan,
                                  const struct security_modules *modules, struct error *err)
{
    if (plan->apparmor_profile != NULL && !modules->apparmor)
        return refuse(err, ENOTSUP,
                      "process.apparmorProfile: given, but AppArmor is not enabled on this host");
    if (plan->selinux_label != NULL && !modules->selinux)
        return refuse(err, ENOTSUP,
                      "process.selinuxLabel: given, but SELinux is not enabled on this host");
    if (plan->mount_label != NULL && !modules->selinux)
        return refuse(err, ENOTSUP,
                      "linux.mountLabel: given, but SELinux is not enabled on this host");
    return 0;
}

int security_labels_plan_from_spec(struct security_labels_plan *ret,
                                   const struct spec_process *process,
                                   const struct spec_linux *linux_, struct arena *arena,
                                   struct error *err)
{
    struct security_labels_plan plan = {
        .apparmor_profile = wanted(process->apparmor_profile),
        .selinux_label = wanted(process->selinux_label),
        .mount_label = linux_ != NULL ? wanted(linux_->mount_label) : NULL,
    };
    struct security_modules modules;

    if (plan.apparmor_profile != NULL || plan.selinux_label != NULL || plan.mount_label != NULL) {
        security_modules_find(&modules);
        if (security_labels_check_modules(&plan, &modules, err) < 0)
            return -err->code;
    }
    if (plan.apparmor_profile != NULL) {
        if (check_label(plan.apparmor_profile, "process.apparmorProfile", err) < 0)
            return -err->code;
        plan.apparmor_command = arena_print(arena, "exec %s", plan.apparmor_profile);
        if (plan.apparmor_command == NULL)
            return no_memory(err);
    }
    if (plan.selinux_label != NULL &&
        check_label(plan.selinux_label, "process.selinuxLabel", err) < 0)
        return -err->code;
    *ret = plan;
    return 0;
}

/* --- before anything is started -----------------------------------------------------------------
 */

/* A profile of another policy namespace, or a stack of several. */
static bool is_of_one_piece(const char *profile)
{
    return profile[0] != ':' && strstr(profile, "//&") == NULL;
}

bool security_labels_apparmor_is_listed(const char *profile, const char *line)
{
    size_t length = strlen(profile);

    return strncmp(line, profile, length) == 0 && starts_with(line + length, " (");
}

bool security_labels_apparmor_is_loaded(const struct security_labels_plan *plan)
{
    const char *profile = plan->apparmor_profile;
    autofree char *line = NULL;
    size_t size = 0;
    bool found = false;

    /* This one the kernel has without a policy, and does not list. */
    if (strcmp(profile, "unconfined") == 0 || !is_of_one_piece(profile))
        return true;

    autostream FILE *list = fopen("/sys/kernel/security/apparmor/profiles", "re");

    if (list == NULL)
        return true;
    while (!found && getline(&line, &size, list) > 0)
        found = security_labels_apparmor_is_listed(profile, line);
    return found;
}

/* --- in the child -------------------------------------------------------------------------------
 */

/* "profile (enforce)" or "profile" for "profile".  Others the kernel writes in its own way: then
 * anything but nothing will do. */
bool security_labels_apparmor_holds(const char *profile, const char *read_back)
{
    size_t length = strlen(profile);

    if (!is_of_one_piece(profile))
        return read_back[0] != '\0';
    return strncmp(read_back, profile, length) == 0 &&
           (read_back[length] == '\0' || starts_with(read_back + length, " ("));
}

/* The length of "user:role:type" of a context. */
static size_t type_end(const char *context)
{
    const char *at = context;

    for (int colons = 0; *at != '\0'; at++) {
        if (*at == ':' && ++colons == 3)
            break;
    }
    return (size_t)(at - context);
}

/* User, role and type must agree; the kernel may list the categories behind them differently. */
bool security_labels_selinux_holds(const char *label, const char *read_back)
{
    size_t length = type_end(label);

    return length == type_end(read_back) && strncmp(label, read_back, length) == 0;
}

/* Where AppArmor listens: its own directory since Linux 5.8, which works beside other modules. */
static const char *apparmor_file(int thread_self)
{
    return faccessat(thread_self, "attr/apparmor/exec", F_OK, 0) == 0 ? "attr/apparmor/exec"
                                                                      : "attr/exec";
}

static int read_back(int thread_self, const char *file, char *buffer, size_t size,
                     struct error *err)
{
    ssize_t length = read_pseudo_file(thread_self, file, buffer, size);

    return length < 0 ? fail(err, (int)-length, "read back %s", file) : 0;
}

static int apply_apparmor(const struct security_labels_plan *plan, int thread_self,
                          struct error *err)
{
    const char *file = apparmor_file(thread_self);
    char label[LONGEST_LABEL];
    int code = write_pseudo_file(thread_self, file, plan->apparmor_command);

    if (code < 0) {
        fail(err, -code, "apply the AppArmor profile %s", plan->apparmor_profile);
        return code == -ENOENT ? hint(err, "is it loaded? see apparmor_parser(8)") : code;
    }
    if (read_back(thread_self, file, label, sizeof label, err) < 0)
        return -err->code;
    if (!security_labels_apparmor_holds(plan->apparmor_profile, label))
        return refuse(err, EPERM, "the AppArmor profile %s was not taken: %s says \"%s\"",
                      plan->apparmor_profile, file, label);
    return 0;
}

static int write_selinux(const struct security_labels_plan *plan, int thread_self, const char *file,
                         struct error *err)
{
    char label[LONGEST_LABEL];
    int code = write_pseudo_file(thread_self, file, plan->selinux_label);

    if (code < 0) {
        fail(err, -code, "write the SELinux label %s to %s", plan->selinux_label, file);
        return code == -EINVAL ? hint(err, "the loaded policy has no such context") : code;
    }
    if (read_back(thread_self, file, label, sizeof label, err) < 0)
        return -err->code;
    if (!security_labels_selinux_holds(plan->selinux_label, label))
        return refuse(err, EPERM, "the SELinux label %s was not taken: %s says \"%s\"",
                      plan->selinux_label, file, label);
    return 0;
}

int security_labels_apply(const struct security_labels_plan *plan, int thread_self,
                          struct error *err)
{
    if (plan->apparmor_profile != NULL && apply_apparmor(plan, thread_self, err) < 0)
        return within(err, "process.apparmorProfile");
    if (plan->selinux_label != NULL && write_selinux(plan, thread_self, "attr/exec", err) < 0)
        return within(err, "process.selinuxLabel");
    return 0;
}

int security_labels_set_keyring(const struct security_labels_plan *plan, int thread_self,
                                struct error *err)
{
    if (plan->selinux_label != NULL && write_selinux(plan, thread_self, "attr/keycreate", err) < 0)
        return within(err, "process.selinuxLabel");
    return 0;
}

int security_labels_clear_keyring(const struct security_labels_plan *plan, int thread_self,
                                  struct error *err)
{
    /* An empty line is "no label of its own" to SELinux; nothing at all cannot be written. */
    int code = plan->selinux_label == NULL ? 0
                                           : write_pseudo_file(thread_self, "attr/keycreate", "\n");

    return code < 0 ? fail(err, -code, "clear the SELinux label of new keyrings") : 0;
}
