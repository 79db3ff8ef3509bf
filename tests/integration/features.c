/* features.md, features-linux.md: what is claimed is true.  For every item of every list one small
 * container that uses it, so that nothing in there is refused; what each does in detail is in the
 * suites of its own.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/receive.h"
#include "tests/integration/harness/scenario.h"

/* Item `index` of the list at `path`, or NULL. */
static const char *claim(const char *path, size_t index)
{
    static const char *all; /* of this test: every test is a process of its own */

    if (all == NULL) {
        struct outcome outcome = crun("features");

        assert_ok(outcome);
        all = outcome.out;
    }
    return json_text(scenario_arena(), all, text("%s[%zu]", path, index));
}

#define for_each_claim(name, path)                                     \
    for (size_t name##_index = 0; name##_index < 1000; name##_index++) \
        for (const char *name = claim((path), name##_index); name != NULL; name = NULL)

static struct bundle *new_bundle(void)
{
    need_root();
    return bundle_new();
}

Scenario(features_hold, for_the_versions)
{
    static const char *const ends[] = {"ociVersionMin", "ociVersionMax"};
    struct bundle *bundle = new_bundle();
    struct outcome outcome = crun("features");

    for (size_t i = 0; i < count_of(ends); i++) {
        bundle_set(bundle, "ociVersion", "\"%s\"",
                   json_text(scenario_arena(), outcome.out, ends[i]));
        assert_text(inside(bundle, "echo ran"), "ran");
    }
}

Scenario(features_hold, for_every_hook)
{
    struct bundle *bundle = new_bundle();
    size_t count = 0;

    bundle_mount(bundle, scenario_work(), "none", scenario_work(), "\"bind\"");
    for_each_claim(kind, "hooks")
    {
        bundle_set(bundle, text("hooks.%s", kind), "[{\"path\":\"%s\"}]",
                   work_script(kind, text("touch %s", work_path(text("%s.ran", kind)))));
        count++;
    }
    cr_assert_eq(count, 6);
    bundle_script(bundle, "true");
    assert_ok(bundle_run(bundle));
    for_each_claim(kind, "hooks")
        cr_assert(file_exists(work_path(text("%s.ran", kind))), "%s", kind);
}

/* Its name below /proc/PID/ns. */
static const char *link_of(const char *type)
{
    if (strcmp(type, "network") == 0)
        return "net";
    return strcmp(type, "mount") == 0 ? "mnt" : type;
}

Scenario(features_hold, for_every_namespace)
{
    struct bundle *bundle = new_bundle();
    size_t count = 0;

    bundle_map_users(bundle, 100000, 65536);
    bundle_set(bundle, "linux.namespaces", "[]");
    for_each_claim(type, "linux.namespaces")
        bundle_set(bundle, "linux.namespaces[+]", "{\"type\":\"%s\"}", type);
    bundle_start(bundle);
    for_each_claim(type, "linux.namespaces")
    {
        const char *link = link_of(type);
        char ours[64] = "", its[64] = "";

        cr_assert(readlink(text("/proc/self/ns/%s", link), ours, sizeof ours - 1) > 0);
        cr_assert(readlink(text("/proc/%d/ns/%s", (int)bundle_pid(bundle), link), its,
                           sizeof its - 1) > 0);
        cr_assert(strcmp(ours, its) != 0, "%s", type);
        count++;
    }
    cr_assert_eq(count, 8);
    bundle_delete(bundle);
}

static unsigned long long set_in(const char *status, const char *name)
{
    const char *line = strstr(status, name);

    cr_assert(line != NULL, "%s", name);
    return strtoull(line + strlen(name), NULL, 16);
}

/* In the order of their numbers; where we have not all of them ourselves, those we have. */
Scenario(features_hold, for_every_capability)
{
    struct bundle *bundle = new_bundle();
    unsigned long long ours = set_in(file_text("/proc/self/status"), "CapPrm:");
    unsigned long long bounding = set_in(file_text("/proc/self/status"), "CapBnd:");
    unsigned long long all = 0;
    const char *list = "";

    for_each_claim(capability, "linux.capabilities")
    {
        bundle_set(bundle, "process.capabilities",
                   "{\"bounding\":[\"%s\"],\"permitted\":[\"%s\"],\"effective\":[\"%s\"]}",
                   capability, capability, capability);
        cr_assert_eq(set_in(inside(bundle, "cat /proc/self/status"), "CapEff:"),
                     1ull << capability_index & ours, "%s", capability);
        all |= 1ull << capability_index;
        list = text("%s%s\"%s\"", list, *list != '\0' ? "," : "", capability);
    }
    cr_assert_eq(all, (2ull << atoi(file_line("/proc/sys/kernel/cap_last_cap"))) - 1);
    bundle_set(bundle, "process.capabilities",
               "{\"bounding\":[%s],\"permitted\":[%s],\"effective\":[%s]}", list, list, list);
    cr_assert_eq(set_in(inside(bundle, "cat /proc/self/status"), "CapBnd:"), bounding & all);
}

/* --- mounts ----------------------------------------------------------------------------------- */

/* What an option needs around it: a tmpfs, or a bind mount of a directory. */
static struct outcome mount_with(struct bundle *bundle, const char *option, bool is_bind)
{
    const char *plain = bundle->config;
    bool is_mapped = strcmp(option, "idmap") == 0 || strcmp(option, "ridmap") == 0;
    bool is_again = strcmp(option, "remount") == 0;
    struct outcome outcome;

    if (is_again)
        bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "");
    bundle_mount(bundle, "/work", is_bind ? "none" : "tmpfs", is_bind ? scenario_work() : "tmpfs",
                 text("\"%s\"%s", option, is_bind ? ",\"rbind\"" : ""));
    if (is_mapped) {
        bundle_set(bundle, "mounts[6].uidMappings",
                   "[{\"containerID\":0,\"hostID\":1000,\"size\":10}]");
        bundle_set(bundle, "mounts[6].gidMappings",
                   "[{\"containerID\":0,\"hostID\":1000,\"size\":10}]");
    }
    bundle_script(bundle, "grep ' /work ' /proc/self/mountinfo");
    outcome = bundle_run(bundle);
    bundle_raw(bundle, plain);
    return outcome;
}

Scenario(features_hold, for_every_mount_option)
{
    struct bundle *bundle = new_bundle();
    size_t count = 0;

    for_each_claim(option, "mountOptions")
    {
        struct outcome tmpfs = mount_with(bundle, option, false), bind = tmpfs;

        if (tmpfs.code != 0)
            bind = mount_with(bundle, option, true);
        cr_assert(bind.code == 0, "%s:\n%s%s", option, tmpfs.err, bind.err);
        assert_lacks(bind.err, "gnored");
        assert_has(bind.out, " /work ");
        count++;
    }
    cr_assert_gt(count, 60);
}

/* containerd believes this before it makes a container with a user namespace. */
Scenario(features_hold, for_id_mapped_mounts)
{
    struct bundle *bundle = new_bundle();
    struct outcome outcome = crun("features");
    const char *claimed = json_get(scenario_arena(), outcome.out,
                                   "linux.mountExtensions.idmap.enabled");
    const char *file;

    cr_assert(claimed != NULL);
    if (strcmp(claimed, "true") != 0)
        skip("needs a kernel with id-mapped mounts");
    file = work_file("of-1000", "");
    cr_assert(chown(file, 0, 0) == 0);
    bundle_mount(bundle, "/work", "none", scenario_work(), "\"bind\",\"idmap\"");
    bundle_set(bundle, "mounts[6].uidMappings",
               "[{\"containerID\":0,\"hostID\":1000,\"size\":10}]");
    bundle_set(bundle, "mounts[6].gidMappings",
               "[{\"containerID\":0,\"hostID\":2000,\"size\":10}]");
    assert_text(inside(bundle, "stat -c '%u %g' /work/of-1000"), "1000 2000");
}

/* --- seccomp ---------------------------------------------------------------------------------- */

static void set_rule(struct bundle *bundle, const char *action, const char *more)
{
    bundle_set(
        bundle, "linux.seccomp",
        "{\"defaultAction\":\"%s\",\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":\"%s\"%s}]}",
        strcmp(action, "SCMP_ACT_ALLOW") == 0 ? "SCMP_ACT_LOG" : "SCMP_ACT_ALLOW", action, more);
}

/* A filter is in force, and the process runs. */
static void assert_filtered(struct bundle *bundle, const char *what)
{
    assert_text(text("%s: %s", what, inside(bundle, "grep '^Seccomp:' /proc/self/status")),
                text("%s: Seccomp:\t2", what));
}

Scenario(features_hold, for_every_seccomp_action)
{
    struct bundle *bundle = new_bundle();
    const char *path = work_path("agent.sock");
    int server = listen_at(path);
    size_t count = 0;

    for_each_claim(action, "linux.seccomp.actions")
    {
        set_rule(bundle, action, "");
        if (strcmp(action, "SCMP_ACT_NOTIFY") == 0)
            bundle_set(bundle, "linux.seccomp.listenerPath", "\"%s\"", path);
        assert_filtered(bundle, action);
        count++;
    }
    cr_assert_eq(count, 9);
    close(server);
}

Scenario(features_hold, for_every_seccomp_operator)
{
    struct bundle *bundle = new_bundle();
    size_t count = 0;

    for_each_claim(operator, "linux.seccomp.operators")
    {
        set_rule(
            bundle, "SCMP_ACT_ERRNO",
            text(",\"args\":[{\"index\":1,\"value\":1,\"valueTwo\":1,\"op\":\"%s\"}]", operator));
        assert_filtered(bundle, operator);
        count++;
    }
    cr_assert_eq(count, 7);
}

/* One filter cannot be for machines of both byte orders: known they are, all of them. */
Scenario(features_hold, for_every_seccomp_architecture)
{
    struct bundle *bundle = new_bundle();
    size_t loaded = 0, foreign = 0;

    for_each_claim(architecture, "linux.seccomp.archs")
    {
        struct outcome outcome;

        set_rule(bundle, "SCMP_ACT_ERRNO", "");
        bundle_set(bundle, "linux.seccomp.architectures", "[\"%s\"]", architecture);
        bundle_script(bundle, "grep '^Seccomp:' /proc/self/status");
        outcome = bundle_run(bundle);
        if (outcome.code == 0)
            assert_text(outcome.out, "Seccomp:\t2\n");
        else
            assert_has(outcome.err,
                       text("%s has another byte order than this machine", architecture));
        loaded += outcome.code == 0;
        foreign += outcome.code != 0;
    }
    cr_assert(loaded >= 8 && foreign >= 4, "%zu loaded, %zu of another byte order", loaded,
              foreign);
}

Scenario(features_hold, for_every_seccomp_flag)
{
    struct bundle *bundle = new_bundle();
    size_t count = 0;

    for_each_claim(flag, "linux.seccomp.supportedFlags")
    {
        set_rule(bundle, "SCMP_ACT_ERRNO", "");
        bundle_set(bundle, "linux.seccomp.flags", "[\"%s\"]", flag);
        assert_filtered(bundle, flag);
        count++;
    }
    cr_assert_geq(count, 3);
}

/* --- memory policy ---------------------------------------------------------------------------- */

/* "unrelated to whether the host OS supports" it: the one mode that is younger than the kernels we
 * run on (Linux 6.9) is refused by the kernel, not by us. */
static void try_policy(struct bundle *bundle, const char *mode, const char *flag)
{
    bool has_nodes = strcmp(mode, "MPOL_DEFAULT") != 0 && strcmp(mode, "MPOL_LOCAL") != 0;
    bool is_young = strcmp(mode, "MPOL_WEIGHTED_INTERLEAVE") == 0 &&
                    !file_exists("/sys/kernel/mm/mempolicy/weighted_interleave");

    bundle_set(bundle, "linux.memoryPolicy", "{\"mode\":\"%s\"%s%s}", mode,
               has_nodes ? ",\"nodes\":\"0\"" : "", flag);
    bundle_script(bundle, "true");
    if (is_young)
        assert_refused(bundle_run(bundle), 1, "or a mode or flag that this kernel lacks");
    else
        assert_ok(bundle_run(bundle));
}

Scenario(features_hold, for_every_memory_policy)
{
    struct bundle *bundle = new_bundle();
    size_t count = 0;

    if (!file_exists("/proc/self/numa_maps"))
        skip("this kernel knows no NUMA");
    for_each_claim(mode, "linux.memoryPolicy.modes")
    {
        try_policy(bundle, mode, "");
        count++;
    }
    for_each_claim(flag, "linux.memoryPolicy.flags")
    {
        try_policy(bundle, "MPOL_BIND", text(",\"flags\":[\"%s\"]", flag));
        count++;
    }
    cr_assert_eq(count, 7 + 3);
}
