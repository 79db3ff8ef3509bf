/* The systemd cgroup manager: a container's cgroup is a transient unit, and systemd knows its
 * limits. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/checkpoint.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"
#include "tests/integration/harness/systemd.h"

static char *scope_of(const struct bundle *bundle)
{
    return text("test-%s.scope", bundle->id);
}

static struct bundle *bundle_in_scope(void)
{
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "linux.cgroupsPath", "\"system.slice:test:%s\"", bundle->id);
    bundle_script(bundle, "while :; do sleep 1; done");
    return bundle;
}

static void start(struct bundle *bundle)
{
    assert_ok(crun("--systemd-cgroup", "run", "-d", "-b", bundle->path, bundle->id));
}

static void end(struct bundle *bundle)
{
    assert_ok(crun("--systemd-cgroup", "delete", "--force", bundle->id));
}

static const char *cgroup_line(const char *unit, const char *file)
{
    return file_line(unit_cgroup_file(text("system.slice/%s", unit), file));
}

static void reload(void)
{
    assert_ok(program_run(
        PROGRAM(.arguments = (const char *const[]){"systemctl", "daemon-reload", NULL})));
}

Scenario(systemd, a_container_is_a_scope_in_its_slice)
{
    need_systemd();

    struct bundle *bundle = bundle_in_scope();
    char *scope = scope_of(bundle);

    bundle_script(bundle, "exec sleep 3600");
    start(bundle);
    assert_text(unit_property(scope, "Slice"), "system.slice");
    assert_text(unit_property(scope, "Delegate"), "yes");
    assert_text(unit_property(scope, "ActiveState"), "active");
    assert_text(unit_property(scope, "Description"), text("libcontainer container %s", bundle->id));
    assert_has(file_text(text("/proc/%d/cgroup", bundle_pid(bundle))),
               unit_cgroup_line(text("system.slice/%s", scope)));
    /* Nobody but the container is inside: what held the place has gone. */
    assert_text(cgroup_line(scope, "cgroup.procs"), text("%d", bundle_pid(bundle)));
    end(bundle);
    cr_assert(eventually(unit_is_gone(scope)), "%s is still there", scope);
    forget_systemd();
}

struct expectation {
    const char *property, *shown;
    const char *file, *content; /* of the cgroup */
};

/* What a limit is for cgroup v2 and for v1. */
struct versions {
    struct expectation v2, v1;
};

static const struct expectation *expected_here(const struct versions *versions)
{
    return host_has_pure_cgroup2() ? &versions->v2 : &versions->v1;
}

/* clang-format off */
static const struct {
    const char *path, *value; /* of config.json */
    struct versions expected;
} limits[] = {
    {"memory", "{\"limit\":67108864,\"reservation\":33554432}",
     {{"MemoryMax", "67108864", "memory.max", "67108864"},
      {"MemoryLimit", "67108864", "memory.limit_in_bytes", "67108864"}}},
    {"memory", "{\"limit\":67108864,\"reservation\":33554432}",
     {{"MemoryLow", "33554432", "memory.low", "33554432"},
      {"MemoryAccounting", "yes", "memory.soft_limit_in_bytes", "33554432"}}},
    {"cpu", "{\"quota\":25000,\"period\":100000}",
     {{"CPUQuotaPerSecUSec", "250ms", "cpu.max", "25000 100000"},
      {"CPUQuotaPerSecUSec", "250ms", "cpu.cfs_quota_us", "25000"}}},
    {"cpu", "{\"quota\":25000,\"period\":50000}",
     {{"CPUQuotaPeriodUSec", "50ms", "cpu.max", "25000 50000"},
      {"CPUQuotaPeriodUSec", "50ms", "cpu.cfs_period_us", "50000"}}},
    {"cpu", "{\"shares\":1024}",
     {{"CPUWeight", "100", "cpu.weight", "100"},
      {"CPUShares", "1024", "cpu.shares", "1024"}}},
    {"cpu", "{\"cpus\":\"0\"}",
     {{"AllowedCPUs", "0", "cpuset.cpus", "0"},
      {"AllowedCPUs", "0", "cpuset.cpus", "0"}}},
    {"pids", "{\"limit\":77}",
     {{"TasksMax", "77", "pids.max", "77"},
      {"TasksMax", "77", "pids.max", "77"}}},
};
/* clang-format on */

Scenario(systemd, limits_are_properties_and_files)
{
    need_systemd();
    for (size_t i = 0; i < count_of(limits); i++) {
        const struct expectation *expected = expected_here(&limits[i].expected);
        struct bundle *bundle = bundle_in_scope();
        char *scope = scope_of(bundle);

        bundle_set(bundle, text("linux.resources.%s", limits[i].path), "%s", limits[i].value);
        start(bundle);
        assert_text(unit_property(scope, expected->property), expected->shown);
        assert_text(cgroup_line(scope, expected->file), expected->content);
        end(bundle);
    }
    forget_systemd();
}

Scenario(systemd, devices_stay_denied_and_allowed_after_a_reload)
{
    need_systemd();

    struct bundle *bundle = bundle_in_scope();
    static const char look[] = "echo > /dev/null && echo null; mknod /tmp/kmsg c 1 11 2>/dev/null; "
                               "cat /tmp/kmsg >/dev/null 2>&1 || echo denied";

    bundle_set(bundle, "linux.resources.devices", "[{\"allow\":false,\"access\":\"rwm\"}]");
    start(bundle);
    assert_text(inside_running(bundle, look), "null\ndenied");
    reload();
    assert_text(inside_running(bundle, look), "null\ndenied");
    end(bundle);
    forget_systemd();
}

/* systemd has a filter of its own, which it loads anew at a reload: it has to know as much. */
Scenario(systemd, an_update_of_devices_changes_both)
{
    static const struct {
        const char *rules, *opened;
    } rows[] = {
        {"{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"w\"}",  "null kmsg"},
        {"{\"allow\":false,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"w\"}", "null"     },
        {"{\"allow\":true,\"access\":\"rwm\"}",                                        "null kmsg"},
        {"{\"allow\":false,\"access\":\"rwm\"}",                                       "null"     },
    };
    static const char look[] = "(exec 3>/dev/null) && echo -n null; "
                               "(exec 3>/dev/kmsg2) 2>/dev/null && echo -n ' kmsg'; true";

    need_systemd();

    struct bundle *bundle = bundle_in_scope();
    char *scope = scope_of(bundle);

    bundle_set(bundle, "linux.devices",
               "[{\"path\":\"/dev/kmsg2\",\"type\":\"c\",\"major\":1,\"minor\":11,"
               "\"fileMode\":438}]");
    bundle_set(bundle, "linux.resources.devices", "[{\"allow\":false,\"access\":\"rwm\"}]");
    start(bundle);
    assert_text(inside_running(bundle, look), "null");
    for (size_t i = 0; i < count_of(rows); i++) {
        assert_ok(crun_with(PROGRAM(.input = text("{\"devices\":[%s]}", rows[i].rules)),
                            "--systemd-cgroup", "update", "--resources=-", bundle->id));
        assert_text(inside_running(bundle, look), rows[i].opened);
        reload();
        assert_text(inside_running(bundle, look), rows[i].opened);
        /* What is allowed no more is not allowed by systemd either. */
        cr_assert((strstr(unit_property(scope, "DeviceAllow"), "1:11") != NULL) == (i == 0), "%s",
                  unit_property(scope, "DeviceAllow"));
    }
    end(bundle);
    forget_systemd();
}

Scenario(systemd, an_update_that_fails_leaves_systemd_with_the_old_devices)
{
    need_systemd();

    struct bundle *bundle = bundle_in_scope();
    char *scope = scope_of(bundle);
    const char *before;

    bundle_set(bundle, "linux.resources.devices", "[{\"allow\":false,\"access\":\"rwm\"}]");
    start(bundle);
    before = unit_property(scope, "DeviceAllow");
    assert_refused(crun_with(PROGRAM(.input = "{\"pids\":{\"limit\":99999999},\"devices\":[{"
                                              "\"allow\":true,\"type\":\"c\",\"major\":1,"
                                              "\"minor\":11}]}"),
                             "--systemd-cgroup", "update", "--resources=-", bundle->id),
                   1, "linux.resources.pids.limit: write \"99999999\" to ");
    assert_text(unit_property(scope, "DeviceAllow"), before);
    end(bundle);
    forget_systemd();
}

/* What systemd knows and what the kernel has; and again when systemd has set everything anew. */
static void assert_limits(const char *scope, const struct expectation *expectations, size_t count)
{
    for (size_t i = 0; i < 2 * count; i++) {
        const struct expectation *expected = &expectations[i % count];

        if (i == count)
            reload();
        assert_text(unit_property(scope, expected->property), expected->shown);
        cr_assert(eventually(strcmp(cgroup_line(scope, expected->file), expected->content) == 0),
                  "%s is \"%s\" instead of \"%s\"", expected->file,
                  cgroup_line(scope, expected->file), expected->content);
    }
}

Scenario(systemd, update_changes_both)
{
    static const struct expectation v2[] = {
        {"MemoryMax", "83886080", "memory.max", "83886080"},
        {"TasksMax",  "33",       "pids.max",   "33"      },
    };
    static const struct expectation v1[] = {
        {"MemoryLimit", "83886080", "memory.limit_in_bytes", "83886080"},
        {"TasksMax",    "33",       "pids.max",              "33"      },
    };

    need_systemd();

    struct bundle *bundle = bundle_in_scope();

    bundle_set(bundle, "linux.resources.memory", "{\"limit\":67108864}");
    start(bundle);
    assert_ok(
        crun("--systemd-cgroup", "update", "--memory", "80M", "--pids-limit", "33", bundle->id));
    assert_limits(scope_of(bundle), host_has_pure_cgroup2() ? v2 : v1, count_of(v2));
    end(bundle);
    forget_systemd();
}

/* systemd has the usual period for what has no quota, whichever it knows. */
/* clang-format off */
static const struct {
    const char *option;
    struct versions expected;
} updates[] = {
    {"--cpu-period=50000", {{"CPUQuotaPeriodUSec", "50ms",     "cpu.max", "25000 50000"},
                            {"CPUQuotaPeriodUSec", "50ms",     "cpu.cfs_period_us", "50000"}}},
    {"--cpu-period=62500", {{"CPUQuotaPerSecUSec", "400ms",    "cpu.max", "25000 62500"},
                            {"CPUQuotaPerSecUSec", "400ms",    "cpu.cfs_quota_us", "25000"}}},
    {"--cpu-quota=10000",  {{"CPUQuotaPerSecUSec", "160ms",    "cpu.max", "10000 62500"},
                            {"CPUQuotaPerSecUSec", "160ms",    "cpu.cfs_quota_us", "10000"}}},
    {"--cpu-share=256",    {{"CPUQuotaPerSecUSec", "160ms",    "cpu.max", "10000 62500"},
                            {"CPUShares",          "256",      "cpu.cfs_period_us", "62500"}}},
    {"--cpu-quota=-1",     {{"CPUQuotaPerSecUSec", "infinity", "cpu.max", "max 100000"},
                            {"CPUQuotaPerSecUSec", "infinity", "cpu.cfs_quota_us", "-1"}}},
    {"--cpu-idle=1",       {{"CPUWeight",          "idle",     "cpu.idle", "1"},
                            {"CPUWeight",          "idle",     "cpu.idle", "1"}}},
    {"--cpu-idle=0",       {{"CPUWeight",          "100",      "cpu.idle", "0"},
                            {"CPUShares",          "1024",     "cpu.idle", "0"}}},
    {"--cpuset-cpus=0",    {{"AllowedCPUs",        "0",        "cpuset.cpus", "0"},
                            {"AllowedCPUs",        "0",        "cpuset.cpus", "0"}}},
};
/* clang-format on */

Scenario(systemd, an_update_of_one_limit_keeps_those_beside_it)
{
    need_systemd();

    struct bundle *bundle = bundle_in_scope();
    char *scope = scope_of(bundle);

    bundle_set(bundle, "linux.resources.cpu", "{\"quota\":25000,\"period\":100000,\"shares\":512}");
    start(bundle);
    for (size_t i = 0; i < count_of(updates); i++) {
        const struct expectation *expected = expected_here(&updates[i].expected);

        assert_ok(crun("--systemd-cgroup", "update", updates[i].option, bundle->id));
        assert_limits(scope, expected, 1);
    }
    end(bundle);
    forget_systemd();
}

/* pids come last of all and take no number beyond the kernel's greatest pid. */
Scenario(systemd, an_update_that_fails_leaves_systemd_with_the_old_limits)
{
    static const struct expectation v2[] = {
        {"CPUQuotaPerSecUSec", "500ms", "cpu.max",    "30000 60000"},
        {"CPUQuotaPeriodUSec", "60ms",  "cpu.idle",   "0"          },
        {"CPUWeight",          "59",    "cpu.weight", "59"         },
        {"TasksMax",           "77",    "pids.max",   "77"         },
    };
    static const struct expectation v1[] = {
        {"CPUQuotaPerSecUSec", "500ms", "cpu.cfs_quota_us",  "30000"},
        {"CPUQuotaPeriodUSec", "60ms",  "cpu.cfs_period_us", "60000"},
        {"CPUShares",          "512",   "cpu.shares",        "512"  },
        {"TasksMax",           "77",    "pids.max",          "77"   },
    };
    bool has_v2 = host_has_pure_cgroup2();

    need_systemd();

    struct bundle *bundle = bundle_in_scope();

    bundle_set(bundle, "linux.resources.cpu", "{\"quota\":30000,\"period\":60000,\"shares\":512}");
    bundle_set(bundle, "linux.resources.pids", "{\"limit\":77}");
    start(bundle);
    assert_refused(crun_with(PROGRAM(.input = text("{\"cpu\":{%s,\"quota\":20000},"
                                                   "\"pids\":{\"limit\":99999999}}",
                                                   has_v2 ? "\"idle\":1" : "\"shares\":64")),
                             "--systemd-cgroup", "update", "--resources=-", bundle->id),
                   1, "linux.resources.pids.limit: write \"99999999\" to ");
    assert_limits(scope_of(bundle), has_v2 ? v2 : v1, count_of(v2));
    end(bundle);
    forget_systemd();
}

Scenario(systemd, annotations_are_properties)
{
    need_systemd();

    struct bundle *bundle = bundle_in_scope();

    bundle_set(bundle, "annotations",
               "{\"org.systemd.property.TimeoutStopSec\":\"7\","
               "\"org.systemd.property.KillSignal\":\"2\"}");
    start(bundle);
    assert_text(unit_property(scope_of(bundle), "TimeoutStopUSec"), "7s");
    assert_text(unit_property(scope_of(bundle), "KillSignal"), "2");
    end(bundle);
    forget_systemd();
}

Scenario(systemd, annotations_that_could_run_something_are_refused)
{
    static const char *const names[] = {"ExecStop", "ExecStartPre", "Slice", "PIDs", "OnFailure"};

    need_systemd();
    for (size_t i = 0; i < count_of(names); i++) {
        struct bundle *bundle = bundle_in_scope();

        bundle_set(bundle, "annotations", "{\"org.systemd.property.%s\":\"'x'\"}", names[i]);
        assert_refused(
            crun("--systemd-cgroup", "run", "-d", "-b", bundle->path, bundle->id), 1,
            text("annotations[\"org.systemd.property.%s\"]: not among the properties", names[i]));
    }
    forget_systemd();
}

Scenario(systemd, a_failed_unit_of_that_name_is_no_obstacle)
{
    need_systemd();

    struct bundle *bundle = bundle_in_scope();
    char *scope = scope_of(bundle);

    assert_ok(program_run(PROGRAM(
            .arguments = (const char *const[]){
                "sh", "-c",
                text("systemd-run --scope --unit=%s -p CollectMode=inactive sh -c 'kill -SEGV $$'; "
                     "systemd-run --unit=%s.service -p CollectMode=inactive false; true",
                     scope, scope),
                NULL})));
    start(bundle);
    assert_text(unit_property(scope, "ActiveState"), "active");
    end(bundle);
    program_run(PROGRAM(.arguments = (const char *const[]){"systemctl", "reset-failed",
                                                           text("%s.service", scope), NULL}));
    forget_systemd();
}

Scenario(systemd, the_same_name_again_at_once)
{
    need_systemd();

    struct bundle *bundle = bundle_in_scope();

    for (int i = 0; i < 3; i++) {
        start(bundle);
        end(bundle);
    }
    forget_systemd();
}

Scenario(systemd, exec_pause_and_kill_find_the_scope)
{
    need_systemd();

    struct bundle *bundle = bundle_in_scope();
    char *scope = scope_of(bundle);

    start(bundle);
    assert_lacks(inside_running(bundle, "cat /proc/self/cgroup"), bundle->id);
    assert_ok(crun("pause", bundle->id));
    assert_text(bundle_status(bundle), "paused");
    /* The freezer of v2 needs no controller: a hybrid host has it, too. */
    if (file_exists(unit_cgroup_file(text("system.slice/%s", scope), "cgroup.events")))
        assert_has(cgroup_line(scope, "cgroup.events"), "frozen 1");
    else
        assert_text(cgroup_line(scope, "freezer.state"), "FROZEN");
    assert_ok(crun("resume", bundle->id));
    assert_ok(crun("kill", "--all", bundle->id, "KILL"));
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_ok(crun("delete", bundle->id));
    cr_assert(eventually(unit_is_gone(scope)), "%s is still there", scope);
    forget_systemd();
}

Scenario(systemd, an_end_for_want_of_memory_leaves_no_failed_unit)
{
    need_systemd();

    struct bundle *bundle = bundle_in_scope();

    bundle_set(bundle, "linux.resources.memory", "{\"limit\":16777216,\"swap\":16777216}");
    bundle_script(bundle, "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done");
    assert_code(crun("--systemd-cgroup", "run", "-b", bundle->path, bundle->id), 137);
    cr_assert(eventually(unit_is_gone(scope_of(bundle))), "%s is still there", scope_of(bundle));
    forget_systemd();
}

Scenario(systemd, a_failed_create_leaves_no_unit)
{
    need_systemd();

    struct bundle *bundle = bundle_in_scope();

    bundle_set(bundle, "process.args", "[\"/no/such\"]");
    assert_refused(crun("--systemd-cgroup", "run", "-d", "-b", bundle->path, bundle->id), 1,
                   "/no/such");
    cr_assert(eventually(unit_is_gone(scope_of(bundle))), "%s is still there", scope_of(bundle));
    forget_systemd();
}

Scenario(systemd, a_path_of_another_form_is_refused)
{
    static const char *const paths[] = {"/a/b", "a:b", "nodots:test:x", "a--b.slice:test:x",
                                        "system.slice:te/st:x"};

    need_root();
    for (size_t i = 0; i < count_of(paths); i++) {
        struct bundle *bundle = bundle_new();

        bundle_set(bundle, "linux.cgroupsPath", "\"%s\"", paths[i]);
        assert_refused(crun("--systemd-cgroup", "run", "-d", "-b", bundle->path, bundle->id), 1,
                       "linux.cgroupsPath");
    }
}

/* --- a container that is a slice -------------------------------------------------------------- */

/* Dashes would put it below others. */
static char *slice_of(const struct bundle *bundle)
{
    char *slice = text("test_%s.slice", bundle->id);

    for (char *at = slice; (at = strchr(at, '-')) != NULL;)
        *at = '_';
    return slice;
}

static struct bundle *bundle_in_slice(void)
{
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "linux.cgroupsPath", "\"system.slice:test:%s\"", slice_of(bundle));
    bundle_script(bundle, "exec sleep 3600");
    return bundle;
}

/* systemd knows every slice that can be; whether it is in use is the question. */
static bool slice_is_unused(const char *slice)
{
    return strcmp(unit_property(slice, "ActiveState"), "inactive") == 0 &&
           !file_exists(unit_cgroup_file(slice, "cgroup.procs"));
}

Scenario(systemd, a_container_may_be_a_slice)
{
    need_systemd();

    struct bundle *bundle = bundle_in_slice();
    char *slice = slice_of(bundle);

    bundle_set(bundle, "linux.resources.pids", "{\"limit\":77}");
    start(bundle);
    assert_text(unit_property(slice, "ActiveState"), "active");
    assert_text(unit_property(slice, "TasksMax"), "77");
    assert_text(file_line(unit_cgroup_file(slice, "pids.max")), "77");
    assert_has(file_text(text("/proc/%d/cgroup", bundle_pid(bundle))), unit_cgroup_line(slice));
    end(bundle);
    cr_assert(eventually(slice_is_unused(slice)), "%s is still there", slice);
    forget_systemd();
}

Scenario(systemd, a_failed_create_leaves_no_slice)
{
    need_systemd();

    struct bundle *bundle = bundle_in_slice();

    bundle_set(bundle, "process.args", "[\"/no/such\"]");
    assert_refused(crun("--systemd-cgroup", "run", "-d", "-b", bundle->path, bundle->id), 1,
                   "/no/such");
    cr_assert(eventually(slice_is_unused(slice_of(bundle))), "%s is still there", slice_of(bundle));
    forget_systemd();
}

/* A service in that slice, which stays active when it has ended. */
static char *service_in(const char *slice, const char *command)
{
    char *unit = text("other-%s.service", scenario_tag());

    assert_ok(program_run(PROGRAM(.arguments = (const char *const[]){
                                      "systemd-run", "--quiet", "--unit", unit, "--slice", slice,
                                      "-p", "RemainAfterExit=yes", "sh", "-c", command, NULL})));
    return unit;
}

Scenario(systemd, a_slice_that_others_have_filled_is_refused_and_left_to_them)
{
    need_systemd();

    struct bundle *bundle = bundle_in_slice();
    char *slice = slice_of(bundle);
    char *unit = service_in(slice, "exec sleep 3600");

    assert_refused(crun("--systemd-cgroup", "run", "-d", "-b", bundle->path, bundle->id), 1,
                   "container's cgroup is not empty");
    assert_text(unit_property(unit, "SubState"), "running");
    unit_end(unit);
    program_run(PROGRAM(.arguments = (const char *const[]){"systemctl", "stop", slice, NULL}));
    forget_systemd();
}

/* The kernel wants no process where controllers are passed on: the container fails late. */
Scenario(systemd, a_slice_that_others_use_is_left_to_them)
{
    need_systemd();
    if (!host_has_pure_cgroup2())
        skip("on cgroup v1 a slice that others use can hold a container");

    struct bundle *bundle = bundle_in_slice();
    char *slice = slice_of(bundle);
    char *unit = service_in(slice, "true");

    cr_assert(eventually(strcmp(unit_property(unit, "SubState"), "exited") == 0));
    assert_refused(crun("--systemd-cgroup", "run", "-d", "-b", bundle->path, bundle->id), 1,
                   "it cannot hold processes");
    assert_text(unit_property(unit, "SubState"), "exited");
    assert_text(unit_property(slice, "ActiveState"), "active");
    unit_end(unit);
    program_run(PROGRAM(.arguments = (const char *const[]){"systemctl", "stop", slice, NULL}));
    cr_assert(eventually(slice_is_unused(slice)), "%s is still there", slice);
    forget_systemd();
}

/* --- a container as a service ----------------------------------------------------------------- */

/* Its process tells by systemd's own client, with the host's programs. */
static struct bundle *bundle_that_notifies(void)
{
    static const char *const directories[] = {"/usr", "/lib", "/lib64"};
    struct bundle *bundle = bundle_new();

    need_command("systemd-notify");
    for (size_t i = 0; i < count_of(directories); i++) {
        if (file_exists(directories[i]))
            bundle_mount(bundle, directories[i], "bind", directories[i], "\"bind\",\"ro\"");
    }
    bundle_script(bundle, "trap 'exit 0' TERM; systemd-notify --status=loading; sleep 1; "
                          "systemd-notify --ready; systemd-notify --status=up; "
                          "while :; do sleep 3600 & wait $!; done");
    return bundle;
}

/* `run` as a service that is active when it says so; its messages count as its main process's. */
static char *serve(struct bundle *bundle, const char *detach)
{
    char *unit = text("%s.service", bundle->id);

    assert_ok(program_run(
        PROGRAM(.arguments = (const char *const[]){
                    "systemd-run", "--quiet", "--unit", unit, "--service-type=notify", "-p",
                    "NotifyAccess=main", scenario_program(), "--root", scenario_root(), "run",
                    text("--detach=%s", detach), "-b", bundle->path, bundle->id, NULL})));
    return unit;
}

static bool has_status_text(const char *unit, const char *expected)
{
    return strcmp(unit_property(unit, "StatusText"), expected) == 0;
}

Scenario(systemd, run_is_the_main_process_of_a_service_and_tells_what_the_container_says)
{
    need_systemd();

    struct bundle *bundle = bundle_that_notifies();
    char *unit = serve(bundle, "false");
    char *main_pid = unit_property(unit, "MainPID");

    assert_text(unit_property(unit, "SubState"), "running");
    assert_has(file_text(text("/proc/%s/cmdline", main_pid)), "crun-lite");
    assert_has(file_text(text("/proc/%s/cgroup", main_pid)), text("/system.slice/%s\n", unit));
    /* What comes behind READY=1 is heard as well. */
    cr_assert(eventually(has_status_text(unit, "up")), "status is \"%s\"",
              unit_property(unit, "StatusText"));
    unit_end(unit);
    assert_refused(crun("state", bundle->id), 1, "does not exist");
    forget_systemd();
}

Scenario(systemd, run_detached_gives_its_service_to_the_containers_process)
{
    need_systemd();

    struct bundle *bundle = bundle_that_notifies();
    char *unit = serve(bundle, "true");

    /* It is told behind READY=1. */
    cr_assert(eventually(
                  strcmp(unit_property(unit, "MainPID"), text("%d", (int)bundle_pid(bundle))) == 0),
              "%s", unit_property(unit, "MainPID"));
    assert_text(unit_property(unit, "SubState"), "running");
    unit_end(unit);
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_ok(crun("delete", bundle->id));
    forget_systemd();
}

Scenario(systemd, a_restored_container_is_a_scope_again)
{
    need_systemd();
    need_criu();

    struct bundle *bundle = bundle_in_scope();
    char *scope = scope_of(bundle);
    struct counter before;

    bundle_set(bundle, "linux.resources.pids", "{\"limit\":77}");
    bundle_script(bundle, COUNTING);
    start(bundle);
    before = counter_beyond(bundle, 0);
    assert_ok(crun("--systemd-cgroup", "checkpoint", "--image-path", images(), bundle->id));
    cr_assert(eventually(unit_is_gone(scope)), "%s is still there", scope);
    before = counter_of(bundle);
    assert_ok(crun("--systemd-cgroup", "restore", "-d", "-b", bundle->path, "--image-path",
                   images(), bundle->id));
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    assert_text(unit_property(scope, "ActiveState"), "active");
    assert_text(unit_property(scope, "TasksMax"), "77");
    assert_has(file_text(text("/proc/%d/cgroup", bundle_pid(bundle))),
               unit_cgroup_line(text("system.slice/%s", scope)));
    end(bundle);
    cr_assert(eventually(unit_is_gone(scope)), "%s is still there", scope);
    forget_systemd();
}

/* --- the systemd of a user -------------------------------------------------------------------- */

/* As the manager itself tells it. */
static bool is_gone_for_user(const char *unit, const char *directory)
{
    struct outcome outcome = program_run(
        PROGRAM(.arguments = (const char *const[]){"env", text("XDG_RUNTIME_DIR=%s", directory),
                                                   "systemctl", "--user", "show", "--value", "-p",
                                                   "LoadState", unit, NULL},
                .user = SYSTEMD_USER));

    assert_ok(outcome);
    return strcmp(outcome.out, "not-found\n") == 0;
}

/* A container in a scope of that manager's, from create to delete. */
static void assert_lives_below(const char *unit, const char *manager, const char *runtime_directory,
                               const char *bus)
{
    struct bundle *bundle = bundle_new_for_user(SYSTEMD_USER);
    const char *path = text("/system.slice/%s/some.slice/test-%s.scope", unit, bundle->id);
    const char *directory = text("/sys/fs/cgroup%s", path);
    const char *pid_file = text("%s/pid", work_path("state"));
    const char *list;

    bundle_set(bundle, "linux.cgroupsPath", "\"some.slice:test:%s\"", bundle->id);
    bundle_set(bundle, "linux.resources.pids.limit", "50");
    bundle_script(bundle, "exec sleep 3600");
    assert_ok(as_user(runtime_directory, bus, "run", "-d", "-b", bundle->path, bundle->id));
    list = as_user(runtime_directory, bus, "list", "-f", "json").out;
    assert_text(file_text(text("/proc/%s/cgroup", json_text(scenario_arena(), list, "[0].pid"))),
                text("0::%s\n", path));
    assert_text(file_line(text("%s/pids.max", directory)), "50");
    assert_ok(as_user(runtime_directory, bus, "exec", "-d", "--pid-file", pid_file, bundle->id,
                      "sleep", "3600"));
    assert_text(file_text(text("/proc/%s/cgroup", file_text(pid_file))), text("0::%s\n", path));
    assert_ok(as_user(runtime_directory, bus, "update", "--pids-limit", "60", bundle->id));
    assert_text(file_line(text("%s/pids.max", directory)), "60");
    assert_ok(as_user(runtime_directory, bus, "delete", "--force", bundle->id));
    cr_assert(eventually(!file_exists(directory)), "%s is still there", directory);
    cr_assert(eventually(is_gone_for_user(strrchr(path, '/') + 1, manager)), "%s", path);
}

/* Podman without a session makes up a runtime directory, and names the bus. */
Scenario(systemd, of_a_user_is_found_by_bus_or_directory_wherever_it_is)
{
    const char *directory, *other;
    char *unit;

    need_systemd();
    if (!host_has_pure_cgroup2())
        skip("on cgroup v1 systemd gives no controller to users");
    directory = directory_of_user("runtime");
    other = directory_of_user("made-up");
    directory_of_user("state");
    unit = serve_user_manager(directory);
    assert_lives_below(unit, directory, directory, "");
    assert_lives_below(unit, directory, other, text("unix:path=%s/bus", directory));
    assert_refused(
        as_user(other, "", "run", "-d", "-b", bundle_new_for_user(SYSTEMD_USER)->path, "none"), 1,
        text("connect to systemd at %s/systemd/private", other));
    unit_end(unit);
    assert_ok(program_run(
        PROGRAM(.arguments = (const char *const[]){"rm", "-rf", directory, other, NULL})));
    forget_systemd();
}
