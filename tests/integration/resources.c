/* config-linux.md "Control groups": limits that can be read back, and limits that hold. */

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

/* One limit: what config.json says, where the kernel shows it on v1 and on v2. */
struct limit_row {
    const char *path; /* below linux.resources */
    const char *value;
    const char *controller; /* of v1 */
    const char *v1_file, *v1_value;
    const char *v2_file, *v2_value; /* NULL: nothing on v2 */
};

static const struct limit_row limit_rows[] = {
    {"memory", "{\"limit\":67108864}",                                "memory", "memory.limit_in_bytes",      "67108864",            "memory.max",
     "67108864"                                                                                                                                                     },
    {"memory", "{\"limit\":-1}",                                      "memory", "memory.limit_in_bytes",      "9223372036854771712",
     "memory.max",                                                                                                                                      "max"       },
    {"memory", "{\"reservation\":33554432}",                          "memory", "memory.soft_limit_in_bytes", "33554432",
     "memory.low",                                                                                                                                      "33554432"  },
    {"memory", "{\"limit\":67108864,\"swap\":100663296}",             "memory", NULL,                         NULL,                  "memory.swap.max",
     "33554432"                                                                                                                                                     },
    {"memory", "{\"limit\":67108864,\"swap\":67108864}",              "memory", NULL,                         NULL,                  "memory.swap.max",
     "0"                                                                                                                                                            },
    {"pids",   "{\"limit\":77}",                                      "pids",   "pids.max",                   "77",                  "pids.max",        "77"        },
    {"pids",   "{\"limit\":-1}",                                      "pids",   "pids.max",                   "max",                 "pids.max",        "max"       },
    {"cpu",    "{\"quota\":25000,\"period\":50000}",                  "cpu",    "cpu.cfs_quota_us",           "25000",               "cpu.max",
     "25000 50000"                                                                                                                                                  },
    {"cpu",    "{\"quota\":25000,\"period\":50000}",                  "cpu",    "cpu.cfs_period_us",          "50000",               "cpu.max",
     "25000 50000"                                                                                                                                                  },
    {"cpu",    "{\"quota\":-1}",                                      "cpu",    "cpu.cfs_quota_us",           "-1",                  "cpu.max",         "max 100000"},
    {"cpu",    "{\"shares\":512}",                                    "cpu",    "cpu.shares",                 "512",                 "cpu.weight",      NULL        },
    {"cpu",    "{\"shares\":1024}",                                   "cpu",    "cpu.shares",                 "1024",                "cpu.weight",      "100"       },
    {"cpu",    "{\"shares\":2}",                                      "cpu",    "cpu.shares",                 "2",                   "cpu.weight",      "1"         },
    {"cpu",    "{\"shares\":262144}",                                 "cpu",    "cpu.shares",                 "262144",              "cpu.weight",      "10000"     },
    {"cpu",    "{\"quota\":50000,\"period\":100000,\"burst\":10000}", "cpu",    "cpu.cfs_burst_us",
     "10000",                                                                                                                        "cpu.max.burst",   "10000"     },
    {"cpu",    "{\"idle\":1}",                                        "cpu",    "cpu.idle",                   "1",                   "cpu.idle",        "1"         },
    {"cpu",    "{\"cpus\":\"0\"}",                                    "cpuset", "cpuset.cpus",                "0",                   "cpuset.cpus",     "0"         },
    {"cpu",    "{\"mems\":\"0\"}",                                    "cpuset", "cpuset.mems",                "0",                   "cpuset.mems",     "0"         },
};

Scenario(resources, limits_are_what_the_config_says)
{
    bool v2 = host_has_pure_cgroup2();

    need_root();
    for (size_t i = 0; i < count_of(limit_rows); i++) {
        const struct limit_row *row = &limit_rows[i];
        const char *file = v2 ? row->v2_file : row->v1_file;
        const char *expected = v2 ? row->v2_value : row->v1_value;
        struct bundle *bundle = bundle_new();
        const char *path;

        if (file == NULL || expected == NULL)
            continue;
        bundle_set(bundle, text("linux.resources.%s", row->path), "%s", row->value);
        bundle_start(bundle);
        path = bundle_cgroup_file(bundle, row->controller, file);
        if (file_exists(
                path)) /* memory.swap.max, cpu.max.burst and cpu.idle are options of kernels */
            cr_assert(strcmp(file_line(path), expected) == 0, "%s %s: %s says %s instead of %s",
                      row->path, row->value, file, file_line(path), expected);
        bundle_delete(bundle);
    }
}

Scenario(resources, shares_between_become_weights_between)
{
    struct bundle *bundle = bundle_new();
    int weight;

    need_root();
    if (!host_has_pure_cgroup2())
        skip("is about cgroup v2");
    bundle_set(bundle, "linux.resources.cpu.shares", "512");
    bundle_start(bundle);
    weight = atoi(file_line(bundle_cgroup_file(bundle, "cpu", "cpu.weight")));
    cr_assert(weight > 1 && weight < 100, "weight %d", weight);
    bundle_delete(bundle);
}

Scenario(resources, unified_files_are_written_on_v2)
{
    struct bundle *bundle = bundle_new();

    need_root();
    if (!host_has_pure_cgroup2())
        skip("is about cgroup v2");
    bundle_set(bundle, "linux.resources.unified",
               "{\"memory.high\":\"50331648\",\"pids.max\":\"55\",\"cgroup.max.depth\":\"3\"}");
    bundle_start(bundle);
    assert_text(file_line(bundle_cgroup_file(bundle, "", "memory.high")), "50331648");
    assert_text(file_line(bundle_cgroup_file(bundle, "", "pids.max")), "55");
    assert_text(file_line(bundle_cgroup_file(bundle, "", "cgroup.max.depth")), "3");
    bundle_delete(bundle);
}

/* Engines send these to v2 hosts still; runc lets them pass. */
Scenario(resources, memory_members_of_v1_alone_are_in_force_there)
{
    struct bundle *bundle = bundle_new();

    need_root();
    if (host_has_pure_cgroup2())
        skip("is about cgroup v1");
    bundle_set(bundle, "linux.resources.memory",
               "{\"swappiness\":10,\"kernelTCP\":67108864,\"disableOOMKiller\":true}");
    bundle_start(bundle);
    assert_text(file_line(bundle_cgroup_file(bundle, "memory", "memory.swappiness")), "10");
    assert_text(file_line(bundle_cgroup_file(bundle, "memory", "memory.kmem.tcp.limit_in_bytes")),
                "67108864");
    assert_has(file_text(bundle_cgroup_file(bundle, "memory", "memory.oom_control")),
               "oom_kill_disable 1\n");
    bundle_delete(bundle);
}

Scenario(resources, members_of_v1_alone_do_no_harm_on_v2)
{
    struct bundle *bundle = bundle_new();

    need_root();
    if (!host_has_pure_cgroup2())
        skip("is about cgroup v2");
    bundle_set(bundle, "linux.resources.memory",
               "{\"swappiness\":10,\"kernel\":67108864,\"kernelTCP\":67108864,"
               "\"disableOOMKiller\":false,\"useHierarchy\":true}");
    bundle_set(bundle, "linux.resources.cpu", "{\"realtimeRuntime\":0,\"realtimePeriod\":0}");
    bundle_set(bundle, "linux.resources.network", "{\"classID\":1}");
    assert_text(inside(bundle, "echo runs"), "runs");
}

Scenario(resources, what_the_host_cannot_enforce_is_an_error)
{
    struct bundle *bundle = bundle_new();

    need_root();
    if (host_has_pure_cgroup2()) {
        bundle_set(bundle, "linux.resources.unified", "{\"nosuch.max\":\"1\"}");
        assert_refused(bundle_run(bundle), 1, "nosuch");
    } else {
        bundle_set(bundle, "linux.resources.rdma", "{\"mlx5_1\":{\"hcaHandles\":3}}");
        assert_refused(bundle_run(bundle), 1, "rdma");
    }
}

/* What a host may lack: the limit is in force, or it is refused by name. */
Scenario(resources, rare_controllers_work_or_are_named)
{
    static const struct {
        const char *path, *value, *controller, *v1_file, *v2_file, *expected, *message;
    } rows[] = {
        {"rdma",    "{\"mlx5_1\":{\"hcaHandles\":3}}", "rdma",    "rdma.max",        "rdma.max",
         "mlx5_1 hca_handle=3 hca_object=max",                                                              "rdma"},
        {"network", "{\"classID\":1048577}",           "net_cls", "net_cls.classid", NULL,       "1048577",
         "network"                                                                                                },
    };

    need_root();
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();
        const char *file = host_has_pure_cgroup2() ? rows[i].v2_file : rows[i].v1_file;
        struct outcome outcome;

        bundle_set(bundle, text("linux.resources.%s", rows[i].path), "%s", rows[i].value);
        bundle_script(bundle, "sleep 3600");
        outcome = crun("run", "-d", "-b", bundle->path, bundle->id);
        if (outcome.code != 0) {
            assert_refused(outcome, 1, rows[i].message);
            continue;
        }
        if (file != NULL)
            assert_text(file_line(bundle_cgroup_file(bundle, rows[i].controller, file)),
                        rows[i].expected);
        bundle_delete(bundle);
    }
}

Scenario(resources, unified_is_refused_on_v1)
{
    struct bundle *bundle = bundle_new();

    need_root();
    if (host_has_pure_cgroup2())
        skip("is about cgroup v1");
    bundle_set(bundle, "linux.resources.unified", "{\"memory.high\":\"50331648\"}");
    assert_refused(bundle_run(bundle), 1, "unified");
}

/* --- where ------------------------------------------------------------------------------------ */

Scenario(resources, every_hierarchy_has_the_cgroup)
{
    struct bundle *bundle = bundle_new();
    const char *lines;

    need_root();
    bundle_start(bundle);
    lines = file_text(text("/proc/%d/cgroup", (int)bundle_pid(bundle)));
    for (const char *line = lines; *line != '\0'; line = strchr(line, '\n') + 1)
        assert_has(text("%.*s", (int)strcspn(line, "\n"), line), bundle->cgroup);
    bundle_delete(bundle);
}

Scenario(resources, without_a_path_the_id_names_the_cgroup)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_remove(bundle, "linux.cgroupsPath");
    bundle_start(bundle);
    assert_has(file_text(text("/proc/%d/cgroup", (int)bundle_pid(bundle))),
               text("/%s\n", bundle->id));
    bundle_delete(bundle);
}

Scenario(resources, two_containers_may_share_a_parent)
{
    struct bundle *first = bundle_new();
    struct bundle *second = bundle_new();

    need_root();
    bundle_set(second, "linux.cgroupsPath", "\"/%s.group/second\"", first->id);
    bundle_start(first);
    bundle_start(second);
    bundle_delete(second);
    assert_text(inside_running(first, "echo alive"), "alive");
    bundle_delete(first);
}

Scenario(resources, a_cgroup_that_has_processes_is_refused)
{
    struct bundle *first = bundle_new();
    struct bundle *second = bundle_new();

    need_root();
    bundle_set(second, "linux.cgroupsPath", "\"%s\"", first->cgroup);
    bundle_start(first);
    assert_refused(bundle_run(second), 1, "not empty");
    assert_text(inside_running(first, "echo alive"), "alive");
    bundle_delete(first);
}

/* --- the four proofs -------------------------------------------------------------------------- */

/* Processor time used by the container in nanoseconds. */
static double cpu_used(struct bundle *bundle)
{
    const char *stat;

    if (!host_has_pure_cgroup2())
        return atof(file_line(bundle_cgroup_file(bundle, "cpuacct", "cpuacct.usage")));
    stat = strstr(file_text(bundle_cgroup_file(bundle, "", "cpu.stat")), "usage_usec ");
    return atof(stat + strlen("usage_usec ")) * 1000;
}

/* Of a quota, where nothing else is said. */
static const double PERIOD_NS = 1e8;

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* A number of the cgroup's cpu.stat, of which both versions have those of the quota. */
static double cpu_stat(struct bundle *bundle, const char *key)
{
    const char *path = bundle_cgroup_file(bundle, "cpu", "cpu.stat");
    const char *stat = strstr(file_text(path), text("%s ", key));

    cr_assert(stat != NULL, "no %s in %s", key, path);
    return atof(stat + strlen(key));
}

/* What the container got between two looks. */
struct cpu_share {
    double of_the_clock; /* of one processor, and never more than that: from before to after */
    double of_its_turns; /* of one processor, in the periods in which it was held back */
    double turns;        /* how many these were */
};

static struct cpu_share share_over(struct bundle *bundle, int seconds)
{
    double began = now_ns(), used = cpu_used(bundle), held = cpu_stat(bundle, "nr_throttled");

    wait_ms(seconds * 1000);
    held = cpu_stat(bundle, "nr_throttled") - held;
    used = cpu_used(bundle) - used;
    return (struct cpu_share){
        .of_the_clock = used / (now_ns() - began),
        .of_its_turns = held > 0 ? used / (held * PERIOD_NS) : 0,
        .turns = held,
    };
}

/* An emulated processor loses time to its host, which the container then does not get. */
static bool processor_is_emulated(void)
{
    return strstr(file_text("/proc/cpuinfo"), "QEMU TCG") != NULL;
}

/* Within a tenth, over some seconds.  Never more; less only while others are in the way.  These
 * take the container's time before it has used its quarter up: a period in which the kernel held it
 * back is one in which it had its quarter. */
Scenario(resources, a_quarter_of_a_cpu_is_a_quarter)
{
    enum { LOOKS = 4, SECONDS = 5 };
    struct bundle *bundle = bundle_new();
    double least = processor_is_emulated() ? 0.125 : 0.225;
    struct cpu_share share = {0};

    need_root();
    bundle_script(bundle, "while :; do :; done & while :; do :; done");
    assert_ok(crun("run", "-d", "--cpus", "0.25", "-b", bundle->path, bundle->id));
    wait_ms(500);
    for (int look = 0; look < LOOKS && share.of_its_turns < least; look++) {
        share = share_over(bundle, SECONDS);
        cr_assert(share.of_the_clock < 0.275, "%.3f of a processor instead of 0.25",
                  share.of_the_clock);
    }
    cr_assert(cpu_stat(bundle, "nr_periods") > 0, "no quota is in force");
    bundle_delete(bundle);
    if (share.turns == 0)
        skip("others leave it %.3f of a processor", share.of_the_clock);
    cr_assert(share.of_its_turns > least, "%.3f of a processor instead of 0.25",
              share.of_its_turns);
}

static const char *meminfo_available(void)
{
    return strstr(file_text("/proc/meminfo"), "MemAvailable:");
}

Scenario(resources, who_takes_more_memory_than_allowed_is_killed)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":33554432,\"swap\":33554432}");
    bundle_script(bundle,
                  "tail -c 200000000 /dev/zero | cat >/dev/null; echo survived ${PIPESTATUS}; "
                  "exec tail -c 200000000 /dev/zero");
    cr_assert(atol(meminfo_available() + strlen("MemAvailable:")) > 200000,
              "too little memory for this test");
    outcome = bundle_run(bundle);
    assert_code(outcome, 128 + 9);
}

Scenario(resources, the_host_outlives_the_container_that_ran_out_of_memory)
{
    struct bundle *bundle = bundle_new();
    struct bundle *neighbour = bundle_new();

    need_root();
    bundle_start(neighbour);
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":33554432,\"swap\":33554432}");
    assert_text(inside(bundle, "tail -c 200000000 /dev/zero >/dev/null 2>&1; echo $?"), "137");
    assert_text(inside_running(neighbour, "echo alive"), "alive");
    bundle_delete(neighbour);
}

Scenario(resources, a_fork_bomb_stops_at_the_limit)
{
    struct bundle *bundle = bundle_new();
    const char *count;

    need_root();
    bundle_script(bundle, "bomb() { while :; do sleep 1000 & done; }; bomb 2>/dev/null");
    assert_ok(crun("run", "-d", "--pids", "30", "-b", bundle->path, bundle->id));
    cr_assert(
        eventually(atoi(file_line(bundle_cgroup_file(bundle, "pids", "pids.current"))) >= 30 ||
                   strcmp(bundle_status(bundle), "stopped") == 0));
    if (strcmp(bundle_status(bundle), "stopped") != 0) {
        count = file_line(bundle_cgroup_file(bundle, "pids", "pids.current"));
        cr_assert(atoi(count) <= 30, "%s processes", count);
    }
    bundle_delete(bundle);
}

Scenario(resources, the_pids_limit_counts)
{
    struct bundle *bundle = bundle_new();
    const char *made;

    need_root();
    bundle_set(bundle, "linux.resources.pids.limit", "10");
    /* The shell gives up at the first fork that fails. */
    bundle_script(bundle, "i=0; while [ $i -lt 50 ]; do sleep 100 & i=$((i+1)); echo $i; done");
    made = bundle_run(bundle).out;
    assert_has(made, "\n8\n");
    assert_lacks(made, "\n10\n");
}

Scenario(resources, a_denied_device_cannot_be_opened)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.devices",
               "[{\"path\":\"/dev/kmsg2\",\"type\":\"c\",\"major\":1,\"minor\":11},"
               "{\"path\":\"/dev/mem2\",\"type\":\"c\",\"major\":1,\"minor\":1}]");
    assert_text(inside(bundle, "head -c 1 /dev/kmsg2 2>&1; head -c 1 /dev/mem2 2>&1; "
                               "mknod /dev/sda b 8 0 && head -c 1 /dev/sda 2>&1; "
                               "head -c 1 /dev/zero | wc -c"),
                "head: /dev/kmsg2: Operation not permitted\n"
                "head: /dev/mem2: Operation not permitted\n"
                "head: /dev/sda: Operation not permitted\n1");
}

Scenario(resources, an_allowed_device_can_be_opened_as_allowed)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.devices",
               "[{\"path\":\"/dev/kmsg2\",\"type\":\"c\",\"major\":1,\"minor\":11,"
               "\"fileMode\":438}]");
    bundle_set(bundle, "linux.resources.devices[+]",
               "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"w\"}");
    assert_text(inside(bundle, "exec 3>/dev/kmsg2 && echo opened for writing; "
                               "(exec 4</dev/kmsg2) 2>/dev/null || echo not for reading"),
                "opened for writing\nnot for reading");
}

Scenario(resources, the_last_device_rule_wins)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "linux.devices",
               "[{\"path\":\"/dev/kmsg2\",\"type\":\"c\",\"major\":1,\"minor\":11}]");
    bundle_set(bundle, "linux.resources.devices[+]",
               "{\"allow\":true,\"type\":\"c\",\"major\":1,\"access\":\"rwm\"}");
    bundle_set(bundle, "linux.resources.devices[+]",
               "{\"allow\":false,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"rw\"}");
    bundle_script(bundle, "(exec 3</dev/kmsg2) 2>/dev/null || echo denied");
    outcome = bundle_run(bundle);
    /* v1 cannot take back a part of what it allowed: there it must be refused, not ignored. */
    if (outcome.code == 1 && !host_has_pure_cgroup2())
        assert_refused(outcome, 1, "linux.resources.devices");
    else
        assert_text(outcome.out, "denied\n");
}

Scenario(resources, default_devices_cannot_be_denied)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.devices[+]",
               "{\"allow\":false,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"rwm\"}");
    assert_text(inside(bundle, "echo x >/dev/null && echo works"), "works");
}

Scenario(resources, without_device_rules_the_default_is_no)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_remove(bundle, "linux.resources");
    assert_text(inside(bundle, "mknod /dev/sda b 8 0; head -c 1 /dev/sda 2>&1; true"),
                "head: /dev/sda: Operation not permitted");
}

/* --- pause ------------------------------------------------------------------------------------ */

Scenario(resources, a_paused_container_makes_no_progress)
{
    struct bundle *bundle = bundle_new();
    double before, after;

    need_root();
    bundle_script(bundle, "while :; do :; done");
    bundle_start_as_is(bundle);
    cr_assert(eventually(cpu_used(bundle) > 5e7));
    assert_ok(crun("pause", bundle->id));
    before = cpu_used(bundle);
    wait_ms(700);
    after = cpu_used(bundle);
    cr_assert(after - before < 1e7, "%.0f ns used while paused", after - before);
    assert_ok(crun("resume", bundle->id));
    cr_assert(eventually(cpu_used(bundle) > after + 5e7));
    bundle_delete(bundle);
}

/* --- update ----------------------------------------------------------------------------------- */

static const char *limit_of(struct bundle *bundle, const char *controller, const char *v1,
                            const char *v2)
{
    return file_line(bundle_cgroup_file(bundle, controller, host_has_pure_cgroup2() ? v2 : v1));
}

static const char *cpu_limit_of(struct bundle *bundle)
{
    if (host_has_pure_cgroup2())
        return file_line(bundle_cgroup_file(bundle, "", "cpu.max"));
    return text("%s %s", file_line(bundle_cgroup_file(bundle, "cpu", "cpu.cfs_quota_us")),
                file_line(bundle_cgroup_file(bundle, "cpu", "cpu.cfs_period_us")));
}

Scenario(resources, update_by_flags)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_ok(crun("update", "--pids-limit", "44", "--memory", "64m", "--cpu-quota", "20000",
                   "--cpu-period", "100000", bundle->id));
    assert_text(limit_of(bundle, "pids", "pids.max", "pids.max"), "44");
    assert_text(limit_of(bundle, "memory", "memory.limit_in_bytes", "memory.max"), "67108864");
    assert_text(cpu_limit_of(bundle), "20000 100000");
    assert_ok(crun("update", "--pids-limit", "-1", bundle->id));
    assert_text(limit_of(bundle, "pids", "pids.max", "pids.max"), "max");
    bundle_delete(bundle);
}

Scenario(resources, update_by_resources_from_standard_input_and_file)
{
    struct bundle *bundle = bundle_new();
    const char *file = work_file("resources.json", "{\"pids\":{\"limit\":46}}");

    need_root();
    bundle_start(bundle);
    assert_ok(crun_with(PROGRAM(.input = "{\"pids\":{\"limit\":45},\"memory\":{\"limit\":67108864},"
                                         "\"cpu\":{\"shares\":512,\"realtimePeriod\":0}}"),
                        "update", "--resources=-", bundle->id));
    assert_text(limit_of(bundle, "pids", "pids.max", "pids.max"), "45");
    assert_text(limit_of(bundle, "memory", "memory.limit_in_bytes", "memory.max"), "67108864");
    assert_ok(crun("update", "-r", file, bundle->id));
    assert_text(limit_of(bundle, "pids", "pids.max", "pids.max"), "46");
    bundle_delete(bundle);
}

Scenario(resources, an_updated_quota_keeps_the_period)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.cpu", "{\"quota\":10000,\"period\":50000}");
    bundle_start(bundle);
    assert_ok(crun("update", "--cpu-quota", "20000", bundle->id));
    assert_text(cpu_limit_of(bundle), "20000 50000");
    assert_ok(crun("update", "--cpu-period", "40000", bundle->id));
    assert_text(cpu_limit_of(bundle), "20000 40000");
    bundle_delete(bundle);
}

Scenario(resources, a_failed_update_changes_nothing)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.pids.limit", "50");
    bundle_set(bundle, "linux.resources.memory.limit", "67108864");
    bundle_start(bundle);
    assert_code(crun_with(PROGRAM(.input = "{\"memory\":{\"limit\":50331648},"
                                           "\"pids\":{\"limit\":60},"
                                           "\"cpu\":{\"cpus\":\"9999\"}}"),
                          "update", "-r", "-", bundle->id),
                1);
    assert_text(limit_of(bundle, "pids", "pids.max", "pids.max"), "50");
    assert_text(limit_of(bundle, "memory", "memory.limit_in_bytes", "memory.max"), "67108864");
    bundle_delete(bundle);
}

Scenario(resources, updates_add_up)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.pids.limit", "50");
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":67108864,\"swap\":67108864}");
    bundle_start(bundle);
    assert_ok(crun("update", "--memory", "48m", "--memory-swap", "48m", bundle->id));
    assert_ok(crun("update", "--cpu-share", "512", bundle->id));
    assert_ok(crun("update", "--cpuset-cpus", "0", bundle->id));
    assert_text(limit_of(bundle, "pids", "pids.max", "pids.max"), "50");
    assert_text(limit_of(bundle, "memory", "memory.limit_in_bytes", "memory.max"), "50331648");
    assert_text(limit_of(bundle, "cpuset", "cpuset.cpus", "cpuset.cpus"), "0");
    assert_ok(crun("update", "--memory", "96m", "--memory-swap", "96m", bundle->id));
    assert_text(limit_of(bundle, "memory", "memory.limit_in_bytes", "memory.max"), "100663296");
    bundle_delete(bundle);
}

Scenario(resources, limits_hold_for_exec)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":33554432,\"swap\":33554432}");
    bundle_start(bundle);
    assert_code(crun("exec", bundle->id, "sh", "-c", "exec tail -c 200000000 /dev/zero"), 128 + 9);
    assert_text(inside_running(bundle, "echo alive"), "alive");
    bundle_delete(bundle);
}

Scenario(resources, running_out_of_memory_is_told)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":33554432,\"swap\":33554432}");
    bundle_set(bundle, "process.args", "[\"tail\",\"-c\",\"200000000\",\"/dev/zero\"]");
    outcome = bundle_run(bundle);
    assert_code(outcome, 128 + 9);
    assert_has(outcome.err, "OOM");
}

Scenario(resources, bad_updates_are_refused)
{
    static const struct {
        const char *input, *message;
    } bad[] = {
        {"",                             "empty"       },
        {"{",                            "line"        },
        {"[]",                           "object"      },
        {"{\"pids\":{\"limit\":\"x\"}}", "pids.limit"  },
        {"{\"memory\":{\"limit\":1.5}}", "memory.limit"},
        {"{\"cpu\":{\"cpus\":\"a-b\"}}", "cpu"         },
    };
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(bad); i++)
        assert_refused(crun_with(PROGRAM(.input = bad[i].input), "update", "-r", "-", bundle->id),
                       1, bad[i].message);
    bundle_delete(bundle);
}

Scenario(resources, update_of_a_stopped_container_is_refused)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start_as_is(bundle);
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_code(crun("update", "--pids-limit", "10", bundle->id), 1);
    assert_ok(crun("delete", bundle->id));
}

/* --- out of memory at the very start ---------------------------------------------------------- */

/* Very small limits either work or say that memory is what was missing; never a hang or a riddle.
 */
Scenario(resources, tiny_memory_limits_work_or_say_so)
{
    static const int limits[] = {4096, 65536, 262144, 1048576, 4194304};

    need_root();
    for (size_t i = 0; i < count_of(limits); i++) {
        struct bundle *bundle = bundle_new();
        struct outcome outcome;

        bundle_set(bundle, "linux.resources.memory", "{\"limit\":%d,\"swap\":%d}", limits[i],
                   limits[i]);
        outcome = bundle_run(bundle);
        cr_assert(outcome.code == 0 || outcome.code == 137 ||
                      (outcome.code == 1 && strstr(outcome.err, "emory") != NULL),
                  "limit %d: exit code %d: %s", limits[i], outcome.code, outcome.err);
    }
}
