/* config-linux.md "Namespaces" and the sections that fill them: what a container sees. */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/scenario.h"

static const struct kind {
    const char *type; /* in config.json */
    const char *link; /* below /proc/PID/ns */
} kinds[] = {
    {"pid",     "pid"   },
    {"network", "net"   },
    {"mount",   "mnt"   },
    {"ipc",     "ipc"   },
    {"uts",     "uts"   },
    {"user",    "user"  },
    {"cgroup",  "cgroup"},
    {"time",    "time"  },
};

/* The namespace that process `pid` is in, as "net:[4026531840]". */
static const char *namespace_of(const char *pid, const char *link)
{
    char target[128] = "";
    const char *path = text("/proc/%s/ns/%s", pid, link);

    cr_assert(readlink(path, target, sizeof target - 1) > 0, "readlink %s", path);
    return text("%s", target);
}

static const char *number(pid_t pid)
{
    return text("%d", (int)pid);
}

/* --- each kind -------------------------------------------------------------------------------- */

Scenario(namespaces, each_of_the_eight_is_new)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(kinds); i++) {
        const char *outside = namespace_of("self", kinds[i].link);
        const char *its = namespace_of(number(bundle_pid(bundle)), kinds[i].link);

        cr_assert(strcmp(outside, its) != 0, "%s: the same inside and outside: %s", kinds[i].type,
                  its);
    }
    bundle_delete(bundle);
}

Scenario(namespaces, exec_enters_each_of_the_eight)
{
    struct bundle *bundle = bundle_new();
    const char *pid;

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    bundle_start(bundle);
    pid = number(bundle_pid(bundle));
    for (size_t i = 0; i < count_of(kinds); i++)
        assert_text(inside_running(bundle, text("readlink /proc/self/ns/%s", kinds[i].link)),
                    namespace_of(pid, kinds[i].link));
    bundle_delete(bundle);
}

Scenario(namespaces, what_is_not_listed_is_the_callers)
{
    static const char *const shared[] = {"network", "ipc", "uts", "cgroup", "time", "pid"};

    need_root();
    for (size_t i = 0; i < count_of(shared); i++) {
        struct bundle *bundle = bundle_new();

        bundle_without_namespace(bundle, shared[i]);
        if (strcmp(shared[i], "uts") == 0)
            bundle_remove(bundle, "hostname");
        bundle_start(bundle);
        for (size_t j = 0; j < count_of(kinds); j++) {
            const char *its = namespace_of(number(bundle_pid(bundle)), kinds[j].link);
            bool same = strcmp(namespace_of("self", kinds[j].link), its) == 0;
            bool expected = strcmp(kinds[j].type, shared[i]) == 0 ||
                            strcmp(kinds[j].type, "user") == 0;

            cr_assert(same == expected, "without %s: %s is %s", shared[i], kinds[j].type,
                      same ? "the caller's" : "a new one");
        }
        bundle_delete(bundle);
    }
}

Scenario(namespaces, each_can_be_joined_by_path)
{
    static const char *const joined[] = {"network", "ipc", "uts", "pid", "cgroup", "time"};
    struct bundle *first = bundle_new();
    const char *pid;

    need_root();
    bundle_start(first);
    pid = number(bundle_pid(first));
    for (size_t i = 0; i < count_of(joined); i++) {
        struct bundle *second = bundle_new();
        const char *link = NULL;

        for (size_t j = 0; j < count_of(kinds); j++)
            if (strcmp(kinds[j].type, joined[i]) == 0)
                link = kinds[j].link;
        bundle_join_namespace(second, joined[i], text("/proc/%s/ns/%s", pid, link));
        if (strcmp(joined[i], "uts") == 0)
            bundle_remove(second, "hostname");
        bundle_start(second);
        assert_text(namespace_of(number(bundle_pid(second)), link), namespace_of(pid, link));
        bundle_delete(second);
    }
    bundle_delete(first);
}

Scenario(namespaces, a_user_namespace_can_be_joined_with_all_it_owns)
{
    struct bundle *first = bundle_new();
    struct bundle *second = bundle_new();
    const char *pid;

    need_root();
    bundle_map_users(first, 100000, 65536);
    bundle_map_users(second, 100000, 65536);
    bundle_start(first);
    pid = number(bundle_pid(first));
    bundle_remove(second, "linux.uidMappings");
    bundle_remove(second, "linux.gidMappings");
    bundle_join_namespace(second, "user", text("/proc/%s/ns/user", pid));
    bundle_join_namespace(second, "network", text("/proc/%s/ns/net", pid));
    bundle_join_namespace(second, "ipc", text("/proc/%s/ns/ipc", pid));
    bundle_start(second);
    assert_text(namespace_of(number(bundle_pid(second)), "user"), namespace_of(pid, "user"));
    assert_text(namespace_of(number(bundle_pid(second)), "net"), namespace_of(pid, "net"));
    assert_text(inside_running(second, "id -u"), "0");
    bundle_delete(second);
    bundle_delete(first);
}

Scenario(namespaces, a_path_together_with_equal_mappings_is_accepted)
{
    struct bundle *first = bundle_new();
    struct bundle *second = bundle_new();

    need_root();
    bundle_map_users(first, 100000, 65536);
    bundle_map_users(second, 100000, 65536);
    bundle_start(first);
    bundle_join_namespace(second, "user", text("/proc/%d/ns/user", (int)bundle_pid(first)));
    assert_text(inside(second, "id -u"), "0");
    bundle_delete(first);
}

/* --- what fills them -------------------------------------------------------------------------- */

/* The "host" is namespaces of the test's own. */
Scenario(namespaces, sysctls_of_ours_joined_by_path_are_refused)
{
    static const struct {
        int flag;
        const char *type, *link, *key, *file, *value;
    } cases[] = {
        {CLONE_NEWNET, "network", "net", "net.ipv4.ip_forward", "net/ipv4/ip_forward", "1"   },
        {CLONE_NEWIPC, "ipc",     "ipc", "kernel.msgmax",       "kernel/msgmax",       "1234"},
        {CLONE_NEWUTS, "uts",     "uts", "kernel.domainname",   "kernel/domainname",   "x.y" },
    };
    struct bundle *other;

    need_root();
    other = bundle_new();
    bundle_start(other);
    for (size_t i = 0; i < count_of(cases); i++) {
        const char *file = text("/proc/sys/%s", cases[i].file), *before;
        struct bundle *bundle = bundle_new();

        cr_assert_eq(unshare(cases[i].flag), 0, "%s", strerror(errno));
        before = file_line(file);
        bundle_remove(bundle, "hostname");
        bundle_set(bundle, text("linux.sysctl.'%s'", cases[i].key), "\"%s\"", cases[i].value);
        /* However it is called. */
        bundle_join_namespace(bundle, cases[i].type,
                              text("/proc/%d/ns/%s", (int)getpid(), cases[i].link));
        bundle_script(bundle, "true");
        assert_refused(
            bundle_run(bundle), 1,
            text("linux.sysctl[\"%s\"]: belongs to the %s namespace, and the container has "
                 "the host's",
                 cases[i].key, cases[i].type));
        assert_text(file_line(file), before);
        /* Of somebody else it may. */
        bundle_join_namespace(bundle, cases[i].type,
                              text("/proc/%d/ns/%s", (int)bundle_pid(other), cases[i].link));
        assert_text(inside(bundle, text("cat /proc/sys/%s", cases[i].file)), cases[i].value);
        assert_text(inside_running(other, text("cat /proc/sys/%s", cases[i].file)), cases[i].value);
        assert_text(file_line(file), before);
    }
    bundle_delete(other);
}

Scenario(namespaces, the_first_process_is_pid_1_and_alone)
{
    struct bundle *bundle = bundle_new();

    need_root();
    /* Counted by the shell itself: another process would count too, or not yet. */
    assert_text(inside(bundle, "echo $$; set -- /proc/[0-9]*; echo $#"), "1\n1");
}

Scenario(namespaces, only_loopback_is_there_and_it_is_up)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle, "ls /sys/class/net; ip -o addr show lo | grep -c 127.0.0.1/8; "
                               "ping -c 1 127.0.0.1 >/dev/null 2>&1; "
                               "ip link show lo | grep -o LOWER_UP; ip route | wc -l"),
                "lo\n1\nLOWER_UP\n0");
}

Scenario(namespaces, one_can_talk_over_loopback)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle, "nc -l -p 7 -e echo hello & "
                               "until nc 127.0.0.1 7 </dev/null 2>/dev/null; do sleep 0.1; done"),
                "hello");
}

Scenario(namespaces, hostname_and_domainname_are_set_inside_only)
{
    struct bundle *bundle = bundle_new();
    char before[256], after[256];

    need_root();
    bundle_set(bundle, "hostname", "\"web-1\"");
    bundle_set(bundle, "domainname", "\"example.org\"");
    cr_assert(gethostname(before, sizeof before) == 0);
    assert_text(inside(bundle, "hostname; cat /proc/sys/kernel/domainname"), "web-1\nexample.org");
    cr_assert(gethostname(after, sizeof after) == 0);
    assert_text(after, before);
}

Scenario(namespaces, the_cgroup_namespace_begins_at_the_containers_cgroup)
{
    struct bundle *bundle = bundle_new();

    need_root();
    /* Every hierarchy where the container has a cgroup of its own shows "/". */
    assert_lacks(inside(bundle, "cat /proc/self/cgroup"), scenario_tag());
}

Scenario(namespaces, without_a_cgroup_namespace_the_cgroup_has_its_name)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_without_namespace(bundle, "cgroup");
    assert_has(inside(bundle, "cat /proc/self/cgroup"), bundle->cgroup);
}

Scenario(namespaces, time_offsets_move_the_clocks)
{
    struct bundle *bundle = bundle_new();
    const char *offsets;
    double uptime;

    need_root();
    bundle_set(bundle, "linux.timeOffsets",
               "{\"boottime\":{\"secs\":1000000,\"nanosecs\":5},\"monotonic\":{\"secs\":2000000}}");
    offsets = inside(bundle, "cat /proc/self/timens_offsets /proc/uptime");
    uptime = atof(strrchr(offsets, '\n') + 1);
    assert_has(offsets, "boottime      1000000         5");
    assert_has(offsets, "monotonic     2000000         0");
    cr_assert(uptime > 1000000, "uptime %f", uptime);
}

Scenario(namespaces, time_offsets_hold_for_exec_too)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.timeOffsets", "{\"boottime\":{\"secs\":1000000}}");
    bundle_start(bundle);
    cr_assert(atof(inside_running(bundle, "cat /proc/uptime")) > 1000000);
    bundle_delete(bundle);
}

/* --- users ------------------------------------------------------------------------------------ */

Scenario(namespaces, shifted_ids_look_like_root_inside)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    assert_text(inside(bundle, "id -u; id -g; stat -c %u:%g /bin/busybox; "
                               "tr -s ' ' </proc/self/uid_map; tr -s ' ' </proc/self/gid_map"),
                "0\n0\n0:0\n 0 100000 65536\n 0 100000 65536");
}

Scenario(namespaces, a_file_made_by_shifted_root_belongs_to_the_host_id)
{
    struct bundle *bundle = bundle_new();
    struct outcome owner;

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    inside(bundle, "touch /work/mine; chown 7:8 /work/mine");
    owner = program_run(
        PROGRAM(.arguments = (const char *[]){"stat", "-c", "%u:%g",
                                              text("%s/work/mine", bundle->rootfs), NULL}));
    assert_text(owner.out, "100007:100008\n");
}

Scenario(namespaces, ids_one_to_one_are_the_hosts)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_map_users(bundle, 0, 65536);
    assert_text(inside(bundle, "id -u; stat -c %u /bin/busybox; tr -s ' ' </proc/self/uid_map"),
                "0\n0\n 0 0 65536");
}

Scenario(namespaces, several_ranges_are_mapped)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_map_users(bundle, 100000, 1000);
    bundle_set(bundle, "linux.uidMappings[+]",
               "{\"containerID\":5000,\"hostID\":300000,\"size\":10}");
    assert_text(inside(bundle, "tr -s ' ' </proc/self/uid_map"), " 0 100000 1000\n 5000 300000 10");
}

Scenario(namespaces, a_user_other_than_root_in_a_user_namespace)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    bundle_set(bundle, "process.user", "{\"uid\":1000,\"gid\":1001,\"additionalGids\":[5,6]}");
    assert_text(inside(bundle, "id -u; id -g; id -G"), "1000\n1001\n1001 5 6");
}

Scenario(namespaces, rights_in_a_user_namespace_end_at_its_border)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    bundle_set(bundle, "process.capabilities.bounding", "[\"CAP_SYS_ADMIN\",\"CAP_MKNOD\"]");
    bundle_set(bundle, "process.capabilities.effective", "[\"CAP_SYS_ADMIN\",\"CAP_MKNOD\"]");
    bundle_set(bundle, "process.capabilities.permitted", "[\"CAP_SYS_ADMIN\",\"CAP_MKNOD\"]");
    assert_text(inside(bundle, "mknod /work/sda b 8 0 2>/dev/null || echo no device; "
                               "mount -t tmpfs none /mnt && echo a mount of its own"),
                "no device\na mount of its own");
}

Scenario(namespaces, an_ordinary_user_is_root_inside)
{
    struct bundle *bundle = bundle_new_rootless();
    struct outcome outcome;

    if (geteuid() == 0)
        skip("is about ordinary users");
    if (program_run(PROGRAM(.arguments = (const char *[]){"unshare", "-Ur", "true", NULL})).code !=
        0)
        skip("this kernel gives ordinary users no user namespaces");
    bundle_script(bundle, "id -u; hostname; echo $$");
    outcome = bundle_run(bundle);
    assert_ok(outcome);
    assert_text(outcome.out, "0\ninside\n1\n");
}
