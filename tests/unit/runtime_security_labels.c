/* Labels: never silently dropped, written where the module listens, and read back. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "runtime/security_labels.h"

static const char no_apparmor[] =
    "process.apparmorProfile: given, but AppArmor is not enabled on this host";
static const char no_selinux[] =
    "process.selinuxLabel: given, but SELinux is not enabled on this host";

static void check_modules(const char *profile, const char *label, bool apparmor, bool selinux,
                          const char *message)
{
    const struct security_labels_plan plan = {.apparmor_profile = profile, .selinux_label = label};
    const struct security_modules modules = {apparmor, selinux};
    struct error err = {0};
    int code = security_labels_check_modules(&plan, &modules, &err);

    cr_expect_eq(code, message != NULL ? -ENOTSUP : 0);
    cr_expect_str_eq(err.text, message != NULL ? message : "");
}

Test(security_labels, a_label_without_its_module_is_refused)
{
    check_modules("docker-default", NULL, false, true, no_apparmor);
    check_modules("unconfined", NULL, false, false, no_apparmor);
    check_modules(NULL, "system_u:system_r:container_t:s0", true, false, no_selinux);
}

Test(security_labels, a_mount_label_without_selinux_is_refused)
{
    const struct security_labels_plan plan = {.mount_label = "system_u:object_r:file_t:s0"};
    struct error err = {0};

    cr_expect_eq(
        security_labels_check_modules(&plan, &(struct security_modules){true, false}, &err),
        -ENOTSUP);
    cr_expect_str_eq(err.text, "linux.mountLabel: given, but SELinux is not enabled on this host");
    cr_expect_eq(
        security_labels_check_modules(&plan, &(struct security_modules){false, true}, &err), 0);
}

Test(security_labels, a_label_with_its_module_or_none_is_fine)
{
    check_modules("docker-default", NULL, true, false, NULL);
    check_modules(NULL, "system_u:system_r:container_t:s0", false, true, NULL);
    check_modules(NULL, NULL, false, false, NULL);
}

Test(security_labels, empty_labels_are_none)
{
    autoarena struct arena arena = {0};
    const struct spec_process process = {.apparmor_profile = "", .selinux_label = ""};
    struct security_labels_plan plan = {.apparmor_profile = "x"};
    struct error err;

    cr_assert_eq(security_labels_plan_from_spec(&plan, &process, NULL, &arena, &err), 0);
    cr_expect_null(plan.apparmor_profile);
    cr_expect_null(plan.selinux_label);
}

Test(security_labels, the_plan_asks_this_host)
{
    autoarena struct arena arena = {0};
    const struct spec_process process = {.apparmor_profile = "some-profile"};
    struct security_labels_plan plan;
    struct security_modules modules;
    struct error err;
    int code = security_labels_plan_from_spec(&plan, &process, NULL, &arena, &err);

    security_modules_find(&modules);
    cr_expect_eq(code, modules.apparmor ? 0 : -ENOTSUP);
    if (modules.apparmor)
        cr_expect_str_eq(plan.apparmor_command, "exec some-profile");
}

Test(security_labels, apparmor_is_read_back_with_its_mode)
{
    cr_expect(security_labels_apparmor_holds("docker-default", "docker-default (enforce)"));
    cr_expect(security_labels_apparmor_holds("docker-default", "docker-default (complain)"));
    cr_expect(security_labels_apparmor_holds("unconfined", "unconfined"));
    cr_expect_not(security_labels_apparmor_holds("docker-default", "unconfined"));
    cr_expect_not(security_labels_apparmor_holds("docker", "docker-default (enforce)"));
    cr_expect_not(security_labels_apparmor_holds("docker-default", ""));
    cr_expect(security_labels_apparmor_holds(":ns:inner", "ns//inner (enforce)"));
    cr_expect_not(security_labels_apparmor_holds("a//&b", ""));
}

Test(security_labels, apparmor_lists_profiles_with_their_modes)
{
    cr_expect(security_labels_apparmor_is_listed("one", "one (enforce)\n"));
    cr_expect(
        security_labels_apparmor_is_listed("/two with blanks", "/two with blanks (complain)"));
    cr_expect(security_labels_apparmor_is_listed("one//child", "one//child (kill)\n"));
    cr_expect_not(security_labels_apparmor_is_listed("on", "one (enforce)\n"));
    cr_expect_not(security_labels_apparmor_is_listed("child", "one//child (kill)\n"));
    cr_expect_not(security_labels_apparmor_is_listed("one", "one//child (kill)\n"));
    cr_expect_not(security_labels_apparmor_is_listed("one", ""));
}

Test(security_labels, selinux_is_read_back_up_to_its_type)
{
    cr_expect(security_labels_selinux_holds("u:r:t:s0:c1,c2", "u:r:t:s0:c1,c2"));
    cr_expect(security_labels_selinux_holds("u:r:t:s0:c2,c1", "u:r:t:s0:c1,c2"));
    cr_expect_not(security_labels_selinux_holds("u:r:t:s0", "u:r:other_t:s0"));
    cr_expect_not(security_labels_selinux_holds("u:r:t:s0", "u:r:t2:s0"));
    cr_expect_not(security_labels_selinux_holds("u:r:t:s0", ""));
}

/* --- applied to a directory that looks like /proc/thread-self: files keep what is written ------
 */

struct stage {
    char path[64];
    int directory;
};

static void set_up(struct stage *stage)
{
    snprintf(stage->path, sizeof stage->path, "/tmp/security-labels.XXXXXX");
    cr_assert_not_null(mkdtemp(stage->path));
    stage->directory = open(stage->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(stage->directory, 0);
    cr_assert_eq(mkdirat(stage->directory, "attr", 0700), 0);
}

static void touch(const struct stage *stage, const char *name)
{
    autoclose int fd = openat(stage->directory, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
}

static void tear_down(struct stage *stage)
{
    static const char *const files[] = {"attr/exec", "attr/keycreate", "attr/apparmor/exec"};

    for (size_t i = 0; i < count_of(files); i++)
        unlinkat(stage->directory, files[i], 0);
    unlinkat(stage->directory, "attr/apparmor", AT_REMOVEDIR);
    unlinkat(stage->directory, "attr", AT_REMOVEDIR);
    close_fd(&stage->directory);
    cr_expect_eq(rmdir(stage->path), 0);
}

static void expect_content(const struct stage *stage, const char *name, const char *content)
{
    char text[256];

    cr_expect_geq(read_pseudo_file(stage->directory, name, text, sizeof text), 0, "%s", name);
    cr_expect_str_eq(text, content, "%s: %s", name, text);
}

Test(security_labels, a_selinux_label_is_written_as_it_is)
{
    const struct security_labels_plan plan = {.selinux_label = "u:r:t:s0"};
    struct stage stage;
    struct error err;

    set_up(&stage);
    touch(&stage, "attr/exec");
    touch(&stage, "attr/keycreate");
    cr_expect_eq(security_labels_apply(&plan, stage.directory, &err), 0, "%s", err.text);
    expect_content(&stage, "attr/exec", "u:r:t:s0");
    cr_expect_eq(security_labels_set_keyring(&plan, stage.directory, &err), 0, "%s", err.text);
    expect_content(&stage, "attr/keycreate", "u:r:t:s0");
    tear_down(&stage);
}

/* A plain file does not answer as AppArmor does: what is read back is "exec docker-default". */
Test(security_labels, an_apparmor_profile_that_is_not_taken_is_an_error)
{
    const struct security_labels_plan plan = {.apparmor_profile = "docker-default",
                                              .apparmor_command = "exec docker-default"};
    struct stage stage;
    struct error err;

    set_up(&stage);
    touch(&stage, "attr/exec");
    cr_expect_eq(security_labels_apply(&plan, stage.directory, &err), -EPERM);
    cr_expect_str_eq(err.text, "process.apparmorProfile: the AppArmor profile docker-default was "
                               "not taken: attr/exec says "
                               "\"exec docker-default\"");
    tear_down(&stage);
}

Test(security_labels, apparmor_has_a_directory_of_its_own_where_there_is_one)
{
    const struct security_labels_plan plan = {.apparmor_profile = "p",
                                              .apparmor_command = "exec p"};
    struct stage stage;
    struct error err;

    set_up(&stage);
    cr_assert_eq(mkdirat(stage.directory, "attr/apparmor", 0700), 0);
    touch(&stage, "attr/apparmor/exec");
    touch(&stage, "attr/exec");
    cr_expect_eq(security_labels_apply(&plan, stage.directory, &err), -EPERM);
    expect_content(&stage, "attr/apparmor/exec", "exec p");
    expect_content(&stage, "attr/exec", "");
    tear_down(&stage);
}

Test(security_labels, without_labels_nothing_is_opened)
{
    const struct security_labels_plan plan = {0};
    struct error err;

    cr_expect_eq(security_labels_apply(&plan, -1, &err), 0);
    cr_expect_eq(security_labels_set_keyring(&plan, -1, &err), 0);
    cr_expect_eq(security_labels_clear_keyring(&plan, -1, &err), 0);
}

Test(security_labels, a_label_that_cannot_be_written_names_the_label)
{
    const struct security_labels_plan plan = {.selinux_label = "u:r:t:s0"};
    struct stage stage;
    struct error err;

    set_up(&stage);
    cr_expect_eq(security_labels_apply(&plan, stage.directory, &err), -ENOENT);
    cr_expect_str_eq(err.text, "process.selinuxLabel: write the SELinux label u:r:t:s0 to "
                               "attr/exec: No such file or directory");
    tear_down(&stage);
}
