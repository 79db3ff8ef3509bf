/* update: what runc's callers rely on beside the single limits (resources.c, flags.c). */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

/* A file of the cgroup under its name in either version; NULL when this kernel has none. */
static const char *file_of(struct bundle *bundle, const char *controller, const char *v1,
                           const char *v2)
{
    const char *file = bundle_cgroup_file(bundle, controller, host_has_pure_cgroup2() ? v2 : v1);

    return file_exists(file) ? file_line(file) : NULL;
}

static struct outcome update_by(struct bundle *bundle, const char *resources)
{
    return crun_with(PROGRAM(.input = resources), "update", "--resources=-", bundle->id);
}

/* With another state root. */
#define in_root(root, ...)                                                                       \
    program_run(PROGRAM(.arguments = (const char *const[]){scenario_program(), "--root", (root), \
                                                           __VA_ARGS__, NULL}))

/* Write until there is no room left. */
static void fill(const char *path)
{
    static const char page[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    cr_assert(fd >= 0);
    while (write(fd, page, sizeof page) > 0)
        ;
    cr_assert(errno == ENOSPC);
    close(fd);
}

/* The names in a directory that hold `part`. */
static const char *ls(const char *path, const char *part)
{
    const char *names = "";
    DIR *directory = opendir(path);

    cr_assert(directory != NULL, "%s", path);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strstr(entry->d_name, part) != NULL)
            names = text("%s%s ", names, entry->d_name);
    }
    closedir(directory);
    return names;
}

static const struct {
    const char *controller, *v1, *v2;
} watched[] = {
    {"cpu",    "cpu.shares",                 "cpu.weight"           },
    {"cpu",    "cpu.cfs_quota_us",           "cpu.max"              },
    {"cpu",    "cpu.cfs_period_us",          "cpu.max"              },
    {"cpuset", "cpuset.effective_cpus",      "cpuset.cpus.effective"},
    {"memory", "memory.limit_in_bytes",      "memory.max"           },
    {"memory", "memory.soft_limit_in_bytes", "memory.low"           },
    {"pids",   "pids.max",                   "pids.max"             },
};

/* pids come last of all and take no number beyond the kernel's greatest pid. */
Scenario(update_rules, when_the_last_write_fails_all_is_as_it_was)
{
    struct bundle *bundle = bundle_new();
    const char *before[count_of(watched)];
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "linux.resources.pids.limit", "50");
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":67108864,\"reservation\":33554432}");
    bundle_set(bundle, "linux.resources.cpu", "{\"quota\":30000,\"period\":60000,\"shares\":512}");
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(watched); i++)
        before[i] = file_of(bundle, watched[i].controller, watched[i].v1, watched[i].v2);
    outcome = update_by(bundle, "{\"cpu\":{\"shares\":256,\"quota\":20000,\"period\":40000,"
                                "\"cpus\":\"0\"},\"memory\":{\"limit\":50331648,"
                                "\"reservation\":16777216},\"pids\":{\"limit\":99999999}}");
    assert_refused(outcome, 1, "linux.resources.pids.limit: write \"99999999\" to ");
    for (size_t i = 0; i < count_of(watched); i++)
        assert_text(file_of(bundle, watched[i].controller, watched[i].v1, watched[i].v2),
                    before[i]);
    /* Nor has anything been remembered. */
    assert_ok(crun("update", "--cpu-period", "50000", bundle->id));
    assert_text(file_of(bundle, "cpu", "cpu.cfs_quota_us", "cpu.max"),
                host_has_pure_cgroup2() ? "30000 50000" : "30000");
    bundle_delete(bundle);
}

Scenario(update_rules, a_bad_value_is_refused_before_anything_is_written)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.pids.limit", "50");
    bundle_start(bundle);
    assert_refused(update_by(bundle, "{\"pids\":{\"limit\":60},"
                                     "\"hugepageLimits\":[{\"pageSize\":\"x\",\"limit\":1}]}"),
                   1, "pageSize");
    assert_text(file_of(bundle, "pids", "pids.max", "pids.max"), "50");
    bundle_delete(bundle);
}

Scenario(update_rules, unlimited_memory_is_unlimited_swap_too)
{
    struct bundle *bundle = bundle_new();
    const char *swap;

    need_root();
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":67108864,\"swap\":100663296}");
    bundle_start(bundle);
    assert_ok(crun("update", "--memory", "-1", bundle->id));
    assert_text(file_of(bundle, "memory", "memory.limit_in_bytes", "memory.max"),
                host_has_pure_cgroup2() ? "max" : "9223372036854771712");
    swap = file_of(bundle, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max");
    if (swap != NULL)
        assert_text(swap, host_has_pure_cgroup2() ? "max" : "9223372036854771712");
    bundle_delete(bundle);
}

/* What restore would apply, and what the next update starts from. */
Scenario(update_rules, unlimited_memory_leaves_no_old_sum_behind)
{
    struct bundle *bundle = bundle_new();
    const char *unlimited = host_has_pure_cgroup2() ? "max" : "9223372036854771712";
    const char *saved, *swap;

    need_root();
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":67108864,\"swap\":100663296}");
    bundle_start(bundle);
    assert_ok(crun("update", "--memory=-1", bundle->id));
    assert_ok(crun("update", "--memory-reservation", "33554432", bundle->id));
    saved = file_text(text("%s/%s/config.json", scenario_root(), bundle->id));
    assert_text(json_text(scenario_arena(), saved, "linux.resources.memory.limit"), "-1");
    assert_text(json_text(scenario_arena(), saved, "linux.resources.memory.swap"), "-1");
    assert_text(json_text(scenario_arena(), saved, "linux.resources.memory.reservation"),
                "33554432");
    assert_text(file_of(bundle, "memory", "memory.limit_in_bytes", "memory.max"), unlimited);
    assert_text(file_of(bundle, "memory", "memory.soft_limit_in_bytes", "memory.low"), "33554432");
    swap = file_of(bundle, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max");
    if (swap != NULL)
        assert_text(swap, unlimited);
    bundle_delete(bundle);
}

/* The sum of memory and swap is what was asked for: more of the one is less of the other. */
Scenario(update_rules, another_memory_limit_keeps_the_sum)
{
    struct bundle *bundle = bundle_new();
    const char *saved, *swap;

    need_root();
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":67108864,\"swap\":100663296}");
    bundle_start(bundle);
    assert_ok(crun("update", "--memory=80m", bundle->id));
    saved = file_text(text("%s/%s/config.json", scenario_root(), bundle->id));
    assert_text(json_text(scenario_arena(), saved, "linux.resources.memory.limit"), "83886080");
    assert_text(json_text(scenario_arena(), saved, "linux.resources.memory.swap"), "100663296");
    assert_text(file_of(bundle, "memory", "memory.limit_in_bytes", "memory.max"), "83886080");
    swap = file_of(bundle, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max");
    if (swap != NULL)
        assert_text(swap, host_has_pure_cgroup2() ? "16777216" : "100663296");

    assert_refused(crun("update", "--memory=128m", bundle->id), 1, "100663296 is less than");
    assert_text(file_of(bundle, "memory", "memory.limit_in_bytes", "memory.max"), "83886080");
    bundle_delete(bundle);
}

Scenario(update_rules, idle_leaves_the_shares_alone)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.cpu", "{\"shares\":512}");
    bundle_start(bundle);
    if (file_of(bundle, "cpu", "cpu.idle", "cpu.idle") == NULL)
        skip("this kernel has no cpu.idle");
    assert_ok(crun("update", "--cpu-idle", "1", bundle->id));
    assert_text(file_of(bundle, "cpu", "cpu.idle", "cpu.idle"), "1");
    assert_ok(crun("update", "--cpu-idle", "0", bundle->id));
    assert_text(file_of(bundle, "cpu", "cpu.idle", "cpu.idle"), "0");
    bundle_delete(bundle);
}

/* go-runc and CRI-O send whole LinuxResources objects, with members that this host has no use for.
 */
Scenario(update_rules, members_that_mean_nothing_here_do_no_harm)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_ok(update_by(bundle, "{\"pids\":{\"limit\":60},\"nosuch\":{\"x\":1},"
                                "\"memory\":{\"useHierarchy\":true,\"nosuch\":7},"
                                "\"cpu\":{\"realtimeRuntime\":0,\"realtimePeriod\":0}}"));
    assert_text(file_of(bundle, "pids", "pids.max", "pids.max"), "60");
    if (host_has_pure_cgroup2())
        assert_ok(update_by(bundle, "{\"memory\":{\"swappiness\":10,\"kernel\":67108864,"
                                    "\"kernelTCP\":67108864,\"disableOOMKiller\":true},"
                                    "\"cpu\":{\"realtimeRuntime\":1,\"realtimePeriod\":2},"
                                    "\"network\":{\"classID\":1}}"));
    bundle_delete(bundle);
}

Scenario(update_rules, check_before_update_looks_at_what_is_in_use)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":134217728}");
    bundle_mount(bundle, "/big", "tmpfs", "tmpfs", "\"size=64m\"");
    bundle_start(bundle);
    inside_running(bundle, "dd if=/dev/zero of=/big/file bs=1M count=32 2>/dev/null");
    assert_refused(
        update_by(bundle, "{\"memory\":{\"limit\":16777216,\"checkBeforeUpdate\":true}}"), 1,
        "is less than what is in use");
    assert_text(file_of(bundle, "memory", "memory.limit_in_bytes", "memory.max"), "134217728");
    assert_ok(update_by(bundle, "{\"memory\":{\"limit\":67108864,\"checkBeforeUpdate\":true}}"));
    bundle_delete(bundle);
}

Scenario(update_rules, any_negative_pids_limit_is_unlimited)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.pids.limit", "-7");
    bundle_start(bundle);
    assert_text(file_of(bundle, "pids", "pids.max", "pids.max"), "max");
    assert_ok(crun("update", "--pids-limit", "50", bundle->id));
    assert_ok(crun("update", "--pids-limit=-5", bundle->id));
    assert_text(file_of(bundle, "pids", "pids.max", "pids.max"), "max");
    assert_ok(crun("update", "--pids-limit", "50", bundle->id));
    assert_ok(update_by(bundle, "{\"pids\":{\"limit\":-9223372036854775808}}"));
    assert_text(file_of(bundle, "pids", "pids.max", "pids.max"), "max");
    /* What has been stored can be read. */
    assert_ok(crun("exec", bundle->id, "true"));
    bundle_delete(bundle);
}

/* A stored config that cannot be read again would be the end of exec and update. */
Scenario(update_rules, a_flag_out_of_range_is_refused_before_it_is_stored)
{
    static const struct {
        const char *flag, *message;
    } rows[] = {
        {"--cpu-idle=5",         "linux.resources.cpu.idle: 5 is out of range (0 to 1)" },
        {"--cpu-idle=-1",        "linux.resources.cpu.idle: -1 is out of range"         },
        {"--blkio-weight=70000", "linux.resources.blockIO.weight: 70000 is out of range"},
    };
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.pids.limit", "50");
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(rows); i++) {
        assert_refused(crun("update", "--pids-limit=60", rows[i].flag, bundle->id), 1,
                       rows[i].message);
        assert_text(file_of(bundle, "pids", "pids.max", "pids.max"), "50");
        assert_ok(crun("exec", bundle->id, "true"));
    }
    assert_ok(crun("update", "--pids-limit=60", bundle->id));
    bundle_delete(bundle);
}

/* "if data is to be read from a file or the standard input, all other options are ignored" */
Scenario(update_rules, a_file_of_resources_is_all_there_is)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":67108864}");
    bundle_start(bundle);
    outcome = crun_with(PROGRAM(.input = "{\"pids\":{\"limit\":33}}"), "update", "--resources", "-",
                        "--pids-limit", "44", "--memory", "96m", "--cpu-share", "many", bundle->id);
    assert_ok(outcome);
    assert_text(file_of(bundle, "pids", "pids.max", "pids.max"), "33");
    assert_text(file_of(bundle, "memory", "memory.limit_in_bytes", "memory.max"), "67108864");
    /* Not so the schemata, as with runc. */
    outcome = crun_with(PROGRAM(.input = "{\"pids\":{\"limit\":34}}"), "update", "-r", "-",
                        "--l3-cache-schema", "nonsense", bundle->id);
    assert_code(outcome, 1);
    assert_text(file_of(bundle, "pids", "pids.max", "pids.max"), "33");
    /* "" is no file. */
    assert_ok(crun("update", "-r", "", "--cpu-quota", "", "--pids-limit", "35", bundle->id));
    assert_text(file_of(bundle, "pids", "pids.max", "pids.max"), "35");
    bundle_delete(bundle);
}

/* Container and limits as they were: what is recorded is what is in force. */
Scenario(update_rules, without_room_for_the_record_nothing_is_changed)
{
    struct bundle *bundle = bundle_new();
    const char *root = work_path("small");

    need_root();
    bundle_set(bundle, "linux.resources.pids.limit", "50");
    bundle_script(bundle, "exec sleep 3600");
    cr_assert(mkdir(root, 0700) == 0);
    cr_assert(kernel_mount("none", root, "tmpfs", 0, "size=256k,mode=700") == 0);
    assert_ok(in_root(root, "create", "-b", bundle->path, bundle->id));
    fill(text("%s/full", root));
    assert_refused(in_root(root, "update", "--pids-limit=33", bundle->id), 1,
                   "write config.json: No space left on device");
    assert_text(file_of(bundle, "pids", "pids.max", "pids.max"), "50");
    cr_assert(unlink(text("%s/full", root)) == 0);
    assert_ok(in_root(root, "update", "--pids-limit=33", bundle->id));
    assert_text(file_of(bundle, "pids", "pids.max", "pids.max"), "33");
    /* Nor is a new record left when the limits cannot be had. */
    assert_code(in_root(root, "update", "--pids-limit=99999999", bundle->id), 1);
    assert_text(ls(text("%s/%s", root, bundle->id), ".config.json"), "");
    assert_ok(in_root(root, "delete", "--force", bundle->id));
    cr_assert(kernel_umount(root, MNT_DETACH) == 0);
}

/* A controller of v1 that this host has not: refused by create, a warning of update's, as runc. */
Scenario(update_rules, network_classes_that_the_host_lacks_are_warned_about)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    if (file_exists("/sys/fs/cgroup/net_cls") || file_exists("/sys/fs/cgroup/net_cls,net_prio"))
        skip("this host has net_cls");
    bundle_start(bundle);
    outcome = update_by(bundle, "{\"pids\":{\"limit\":60},\"network\":{\"classID\":5,"
                                "\"priorities\":[{\"name\":\"lo\",\"priority\":3}]}}");
    assert_ok(outcome);
    if (!host_has_pure_cgroup2()) {
        assert_has(outcome.err, "linux.resources.network.classID: ignored");
        assert_has(outcome.err, "linux.resources.network.priorities: ignored");
    }
    assert_text(file_of(bundle, "pids", "pids.max", "pids.max"), "60");
    bundle_delete(bundle);
}
