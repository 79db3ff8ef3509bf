/* config.md "apparmorProfile", "selinuxLabel", config-linux.md "mountLabel": what the process is
 * confined to, by its label and by what it may not do.  SELinux has the policy of
 * tests/vm/selinux.cil in a guest of its own (tests/vm/test.sh). */

#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/host_mounts.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

/* --- AppArmor --------------------------------------------------------------------------------- */

static struct outcome apparmor_parser(const char *action, const char *file)
{
    return program_run(PROGRAM(.arguments = (const char *const[]){"apparmor_parser", "--skip-cache",
                                                                  action, file, NULL}));
}

/* A profile that lets everything be but writing to /tmp/forbidden. */
struct profile {
    const char *name, *file;
};

static struct profile load_profile(const char *name)
{
    struct profile profile = {.name = text("crun-lite-%s-%s", scenario_tag(), name)};
    const char *enabled = file_text("/sys/module/apparmor/parameters/enabled");

    need_root();
    if (enabled == NULL || *enabled != 'Y')
        skip("needs AppArmor");
    need_command("apparmor_parser");
    profile.file = work_file(
        name, text("profile %s flags=(attach_disconnected,mediate_deleted) {\n"
                   "  file, capability, network, mount, umount, pivot_root, signal, ptrace, unix,\n"
                   "  deny /tmp/forbidden w,\n"
                   "}\n",
                   profile.name));
    assert_ok(apparmor_parser("--add", profile.file));
    return profile;
}

static void unload_profile(struct profile profile)
{
    assert_ok(apparmor_parser("--remove", profile.file));
}

#define LABEL     "cat /proc/self/attr/apparmor/current"
#define FORBIDDEN "echo x > /tmp/allowed && ! { echo x > /tmp/forbidden; } 2>/dev/null && echo kept"

Scenario(security_labels, an_apparmor_profile_confines)
{
    struct profile profile = load_profile("own");
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "process.apparmorProfile", "\"%s\"", profile.name);
    assert_text(inside(bundle, LABEL), text("%s (enforce)", profile.name));
    assert_text(inside(bundle, FORBIDDEN), "kept");
    unload_profile(profile);
}

Scenario(security_labels, check_knows_which_profiles_are_loaded)
{
    struct profile profile = load_profile("own");
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    bundle_set(bundle, "process.apparmorProfile", "\"%s\"", profile.name);
    assert_ok(crun("check", bundle->path));
    unload_profile(profile);
    outcome = crun("check", bundle->path);
    assert_code(outcome, 1);
    assert_has(outcome.out, text("process.apparmorProfile: %s is not loaded", profile.name));
    cr_assert_neq(bundle_run(bundle).code, 0);
}

Scenario(security_labels, exec_takes_the_containers_profile_or_its_own)
{
    struct profile own = load_profile("own"), other = load_profile("other");
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "process.apparmorProfile", "\"%s\"", own.name);
    bundle_start(bundle);
    assert_text(inside_running(bundle, LABEL), text("%s (enforce)", own.name));
    assert_text(inside_running(bundle, FORBIDDEN), "kept");
    assert_text(crun("exec", "--apparmor", other.name, bundle->id, "sh", "-c", LABEL).out,
                text("%s (enforce)\n", other.name));
    bundle_delete(bundle);
    unload_profile(other);
    unload_profile(own);
}

Scenario(security_labels, a_profile_that_is_not_loaded_is_refused)
{
    struct profile profile = load_profile("own");
    struct bundle *bundle = bundle_new();

    unload_profile(profile);
    bundle_set(bundle, "process.apparmorProfile", "\"%s\"", profile.name);
    assert_refused(bundle_run(bundle), 1, "process.apparmorProfile");
}

/* --- SELinux ---------------------------------------------------------------------------------- */

#define CONTAINER "system_u:system_r:container_t:s0:c1,c2"
#define FILES     "system_u:object_r:container_file_t:s0:c1,c2"

static void need_selinux(void)
{
    const char *enforce = file_text("/sys/fs/selinux/enforce");

    need_root();
    if (enforce == NULL || *enforce != '1')
        skip("needs SELinux");
    if (strstr(file_text("/proc/self/attr/current"), ":system_t:") == NULL)
        skip("needs SELinux with the policy of tests/vm/selinux.cil");
}

/* The policy keeps containers, and no one else, from making FIFOs. */
#define NO_FIFO "touch /tmp/x && ! mkfifo /tmp/fifo 2>/dev/null && echo kept"

Scenario(security_labels, an_selinux_label_confines)
{
    struct bundle *bundle = bundle_new();

    need_selinux();
    assert_text(inside(bundle, "mkfifo /tmp/fifo && echo made"), "made");
    bundle_set(bundle, "process.selinuxLabel", "\"" CONTAINER "\"");
    assert_text(inside(bundle, "cat /proc/self/attr/current | tr -d '\\0'"), CONTAINER);
    assert_text(inside(bundle, NO_FIFO), "kept");
}

/* Nor is anything else that it makes labelled so. */
Scenario(security_labels, new_keys_of_the_process_have_no_label_of_their_own)
{
    struct bundle *bundle = bundle_new();

    need_selinux();
    bundle_set(bundle, "process.selinuxLabel", "\"" CONTAINER "\"");
    assert_text(inside(bundle, "cat /proc/self/attr/keycreate /proc/self/attr/exec"), "");
}

Scenario(security_labels, exec_takes_the_containers_label_or_its_own)
{
    struct bundle *bundle = bundle_new();

    need_selinux();
    bundle_set(bundle, "process.selinuxLabel", "\"" CONTAINER "\"");
    bundle_start(bundle);
    assert_text(inside_running(bundle, "tr -d '\\0' </proc/self/attr/current"), CONTAINER);
    assert_text(inside_running(bundle, NO_FIFO), "kept");
    assert_text(crun("exec", "--process-label", "system_u:system_r:container_t:s0:c1", bundle->id,
                     "sh", "-c", "tr -d '\\0' </proc/self/attr/current")
                    .out,
                "system_u:system_r:container_t:s0:c1");
    bundle_delete(bundle);
}

Scenario(security_labels, a_label_that_the_policy_does_not_know_is_refused)
{
    struct bundle *bundle = bundle_new();

    need_selinux();
    bundle_set(bundle, "process.selinuxLabel", "\"system_u:system_r:nothing_t:s0\"");
    assert_refused(bundle_run(bundle), 1, "process.selinuxLabel");
}

static const char *label_of(const char *path)
{
    char label[256] = "";

    cr_assert(getxattr(path, "security.selinux", label, sizeof label - 1) > 0, "%s", path);
    return text("%s", label);
}

/* A mounted file system shows its context among its options; the queues were mounted by the kernel
 * before, so that their directory is labelled. */
Scenario(security_labels, what_is_mounted_has_the_mount_label)
{
    struct bundle *bundle = bundle_new();

    need_selinux();
    bundle_set(bundle, "linux.mountLabel", "\"" FILES "\"");
    bundle_mount(bundle, "/labelled", "tmpfs", "labelled", "");
    bundle_start(bundle);
    assert_has(inside_running(bundle, "grep ' /labelled ' /proc/self/mountinfo"),
               "context=\"" FILES "\"");
    assert_text(label_of(text("/proc/%d/root/dev/mqueue", bundle_pid(bundle))), FILES);
    bundle_delete(bundle);
}

/* As the containers of a pod do with that of the first: its queues are theirs, too. */
Scenario(security_labels, queues_of_a_joined_namespace_get_the_mount_label)
{
    struct bundle *first = bundle_new(), *second = bundle_new();
    const char *queues;

    need_selinux();
    bundle_start(first);
    queues = text("/proc/%d/root/dev/mqueue", bundle_pid(first));
    cr_assert(strcmp(label_of(queues), FILES) != 0);
    bundle_set(second, "linux.mountLabel", "\"" FILES "\"");
    bundle_join_namespace(second, "ipc", text("/proc/%d/ns/ipc", bundle_pid(first)));
    bundle_start(second);
    assert_text(label_of(queues), FILES);
    bundle_delete(second);
    bundle_delete(first);
}

Scenario(security_labels, queues_of_the_host_keep_their_label)
{
    struct bundle *bundle = bundle_new();
    const char *before;

    need_selinux();
    bundle_set(bundle, "linux.mountLabel", "\"" FILES "\"");
    bundle_join_namespace(bundle, "ipc", "/proc/self/ns/ipc");
    if (strcmp(mounted_at(file_text("/proc/self/mountinfo"), "/dev/mqueue").type, "mqueue") != 0)
        skip("the host has not mounted its queues");
    before = label_of("/dev/mqueue");
    bundle_start(bundle);
    assert_text(mounted_at(inside_running(bundle, "cat /proc/self/mountinfo"), "/dev/mqueue").type,
                "mqueue");
    assert_text(label_of("/dev/mqueue"), before);
    bundle_delete(bundle);
}

Scenario(security_labels, a_mount_label_without_selinux_is_refused)
{
    struct bundle *bundle = bundle_new();

    need_root();
    if (file_exists("/sys/fs/selinux/enforce"))
        skip("is about hosts without SELinux");
    bundle_set(bundle, "linux.mountLabel", "\"" FILES "\"");
    assert_refused(bundle_run(bundle), 1, "linux.mountLabel");
}
