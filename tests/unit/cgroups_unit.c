/* What systemd is told of a container, and what is made of its answers: a systemd of our own. */

#include <sched.h>
#include <sys/mount.h>

#include "cgroups/devices.h"
#include "cgroups/systemd.h"
#include "tests/unit/cgroups_fake_manager.h"
#include "tests/unit/cgroups_help.h"
#include "tests/unit/runtime_help.h"

/* Nothing here waits for long, but an emulated machine may be slow. */
TestSuite(cgroups_unit, .init = manager_set_up, .fini = manager_tear_down, .timeout = 120);

enum { PATIENCE_MS = 10000 };

#define READ_ONLY(property)                                \
    REFUSAL("org.freedesktop.DBus.Error.PropertyReadOnly", \
            "Cannot set property " property ", or unknown property.")
#define OUT_OF_RANGE(property)                        \
    REFUSAL("org.freedesktop.DBus.Error.InvalidArgs", \
            "Value specified in " property " is out of range")

/* --- an older systemd */

static int start_scope(const char *resources, struct error *err)
{
    autoarena struct arena arena = {0};
    struct cgroup_request request = {
        .id = "web",
        .resources = resources_of(resources, &arena),
        .manager = CGROUP_MANAGER_SYSTEMD,
        .user_directory = manager,
        .user_path = "/mine",
    };
    struct cgroup_plan plan;
    int placeholder = -1;
    pid_t pid;
    int code;

    cr_assert_eq(cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, NULL, err), 0, "%s",
                 err->text);
    code = unit_start(&plan, &placeholder, &pid, err);
    unit_release(&placeholder);
    return code;
}

Test(cgroups_unit, a_scope_is_started_without_what_an_older_systemd_refuses)
{
    static const struct exchange script[] = {
        {"StartTransientUnit", READ_ONLY("CollectMode"),        NULL  },
        {"StartTransientUnit", OUT_OF_RANGE("CPUWeight"),       NULL  },
        {"StartTransientUnit", READ_ONLY("CPUQuotaPeriodUSec"), NULL  },
        {"StartTransientUnit", A_JOB,                           "done"},
    };
    struct error err;

    manager_serve(script, count_of(script));
    cr_assert_eq(start_scope("{'cpu':{'idle':1,'quota':25000,'period':50000}}", &err), 0, "%s",
                 err.text);
    cr_expect(message_says(0, "CollectMode"));
    cr_expect(!message_says(1, "CollectMode"));
    cr_expect_eq(property_said(1, "CPUWeight"), 0);
    cr_expect(!message_says(2, "CPUWeight"));
    cr_expect_eq(property_said(2, "CPUQuotaPeriodUSec"), 50000);
    cr_expect(!message_says(3, "CPUQuotaPeriodUSec"));
    cr_expect_eq(property_said(3, "CPUQuotaPerSecUSec"), 500000);
    cr_expect(message_says(3, "PIDs"));
}

Test(cgroups_unit, what_is_not_optional_is_an_error_when_it_is_refused)
{
    static const struct exchange script[] = {
        {"StartTransientUnit", OUT_OF_RANGE("CPUWeight"), NULL}
    };
    struct error err;

    manager_serve(script, count_of(script));
    cr_expect_lt(start_scope("{'cpu':{'shares':1024}}", &err), 0);
    cr_expect_not_null(strstr(err.text, "CPUWeight is out of range"), "%s", err.text);
    cr_expect_null(message_heard(1));
}

/* --- update */

/* An open cgroup of plain files: what is written to them can be read. */
struct live {
    struct arena *arena;
    const char *directory;
    struct cgroup cgroup;
};

static void live_begin(struct live *live, struct arena *arena, const char *directory)
{
    *live = (struct live){arena, directory, CGROUP_EMPTY};
    live->cgroup.count = 1;
    live->cgroup.directories[0].name = "";
    live->cgroup.directories[0].directory = directory;
    live->cgroup.directories[0].fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    live->cgroup.directories[0].is_v2 = true;
    live->cgroup.unit = "web.scope";
    live->cgroup.manager = manager;
}

static void live_file(const struct live *live, const char *name, const char *content)
{
    put_file(path_in(live->arena, live->directory, name), content, 0600);
}

static const char *live_text(const struct live *live, const char *name)
{
    char *text = arena_zero(live->arena, 64, 1);

    cr_assert_geq(read_pseudo_file(live->cgroup.directories[0].fd, name, text, 64), 0);
    return text;
}

static int update(const struct live *live, const char *json, struct error *err)
{
    static const struct log log = {0};
    struct cgroup_plan plan;

    cr_assert_eq(update_plan_of(&plan, &v2_host, json, live->arena, err), 0, "%s", err->text);
    return cgroup_update(&live->cgroup, &plan, resources_of(json, live->arena), &log, err);
}

Test(cgroups_unit, update_does_without_what_an_older_systemd_does_not_know)
{
    static const struct exchange script[] = {
        {"SetUnitProperties", READ_ONLY("AllowedCPUs"), NULL},
        {"SetUnitProperties", NO_BODY,                  NULL},
    };
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct live live;
    struct error err;

    live_begin(&live, &arena, directory);
    live_file(&live, "cpuset.cpus", "0-3");
    live_file(&live, "pids.max", "70");
    manager_serve(script, count_of(script));
    must(update(&live, "{'cpu':{'cpus':'0-1'},'pids':{'limit':77}}", &err));
    cr_expect(message_says(0, "AllowedCPUs"));
    cr_expect(!message_says(1, "AllowedCPUs"));
    cr_expect_eq(property_said(1, "TasksMax"), 77);
    cgroup_done(&live.cgroup);
}

Test(cgroups_unit, zswap_is_limited_without_a_systemd_that_knows_it)
{
    static const struct exchange script[] = {
        {"SetUnitProperties", READ_ONLY("MemoryZSwapMax"), NULL},
        {"SetUnitProperties", NO_BODY,                     NULL},
    };
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct live live;
    struct error err;

    live_begin(&live, &arena, directory);
    live_file(&live, "memory.zswap.max", "max");
    live_file(&live, "memory.max", "max");
    manager_serve(script, count_of(script));
    must(update(&live, "{'memory':{'limit':4096},'unified':{'memory.zswap.max':'0'}}", &err));
    cr_expect_eq(property_said(0, "MemoryZSwapMax"), 0);
    cr_expect(!message_says(1, "MemoryZSwapMax"));
    cr_expect_eq(property_said(1, "MemoryMax"), 4096);
    cr_expect(starts_with(live_text(&live, "memory.zswap.max"), "0"));
    cgroup_done(&live.cgroup);
}

/* systemd has a property for each of the two numbers in cpu.max. */
static const struct {
    const char *before, *resources, *after;
    int64_t quota, period; /* microseconds a second, and microseconds */
} limit_rows[] = {
    {"25000 100000", "{'cpu':{'period':200000}}",              "25000 200000", 130000,  200000},
    {"25000 50000",  "{'cpu':{'period':25000}}",               "25000 25000",  1000000, 25000 },
    {"max 100000",   "{'cpu':{'period':200000}}",              "max 200000",   -1,      200000},
    {"15000 50000",  "{'cpu':{'quota':25000}}",                "25000 50000",  500000,  50000 },
    {"15000 50000",  "{'cpu':{'quota':-1}}",                   "max",          -1,      50000 },
    {"15000 50000",  "{'cpu':{'quota':20000,'period':40000}}", "20000 40000",  500000,  40000 },
    {"15000 50000",  "{'unified':{'cpu.max':'25000'}}",        "25000 50000",  500000,  50000 },
};

Test(cgroups_unit, a_quota_or_a_period_alone_keeps_the_other_for_systemd_too)
{
    static const struct exchange script[] = {
        {"SetUnitProperties", NO_BODY, NULL}
    };

    for (size_t i = 0; i < count_of(limit_rows); i++) {
        autoarena struct arena arena = {0};
        own_directory(directory);
        struct live live;
        struct error err;

        live_begin(&live, &arena, directory);
        live_file(&live, "cpu.max", limit_rows[i].before);
        manager_serve(script, count_of(script));
        must(update(&live, limit_rows[i].resources, &err));
        cr_expect_eq(property_said(0, "CPUQuotaPerSecUSec"), limit_rows[i].quota, "%s",
                     limit_rows[i].resources);
        cr_expect_eq(property_said(0, "CPUQuotaPeriodUSec"), limit_rows[i].period, "%s",
                     limit_rows[i].resources);
        cr_expect(starts_with(live_text(&live, "cpu.max"), limit_rows[i].after), "%s",
                  limit_rows[i].resources);
        manager_end();
        cgroup_done(&live.cgroup);
    }
}

/* systemd writes all of cpu together, as it has it: rounded, and no longer idle. */
static int written_by_systemd = -1; /* the directory */

static void write_cpu(void)
{
    (void)!write_pseudo_file(written_by_systemd, "cpu.max", "13000 500000");
    (void)!write_pseudo_file(written_by_systemd, "cpu.weight", "777");
    (void)!write_pseudo_file(written_by_systemd, "cpu.idle", "0");
}

static const struct {
    const char *idle, *resources;
    const char *max_after, *weight_after, *idle_after;
    int code;
} kept_rows[] = {
  /* "max" alone, into a file that is none of the kernel's */
    {"0", "{'cpu':{'quota':-1}}",                                       "max00 500000", "222", "0", 0      },

    {"0", "{'cpu':{'period':200000}}",                                  "12345 200000", "222", "0", 0      },
    {"0", "{'cpu':{'quota':54321}}",                                    "54321 100000", "222", "0", 0      },
    {"0", "{'cpu':{'period':200000},'unified':{'cpu.max':'54321'}}",    "54321 200000", "222", "0", 0      },

    {"0", "{'cpu':{'shares':512}}",                                     "12345 100000", "59",  "0", 0      },
    {"0", "{'cpu':{'quota':54321,'period':100000}}",                    "54321 100000", "222", "0", 0      },
    {"1", "{'cpu':{'quota':54321,'period':100000}}",                    "54321 100000", "777", "1", 0      },
    {"0", "{'cpu':{'idle':1}}",                                         "12345 100000", "777", "1", 0      },
    {"0", "{'cpu':{'shares':512},'pids':{'limit':7}}",                  "12345 100000", "222", "0", -ENOENT},
    {"1", "{'cpu':{'quota':54321,'period':100000},'pids':{'limit':7}}", "12345 100000", "777", "1",
     -ENOENT                                                                                               },
};

Test(cgroups_unit, what_systemd_writes_unasked_is_written_again_as_it_was)
{
    static const struct exchange script[] = {
        {"SetUnitProperties", DOES(write_cpu), NULL},
        {"SetUnitProperties", DOES(write_cpu), NULL},
    };

    for (size_t i = 0; i < count_of(kept_rows); i++) {
        autoarena struct arena arena = {0};
        own_directory(directory);
        struct live live;
        struct error err;

        live_begin(&live, &arena, directory);
        live_file(&live, "cpu.max", "12345 100000");
        live_file(&live, "cpu.weight", "222");
        live_file(&live, "cpu.idle", kept_rows[i].idle);
        written_by_systemd = live.cgroup.directories[0].fd;
        manager_serve(script, count_of(script));
        cr_expect_eq(update(&live, kept_rows[i].resources, &err), kept_rows[i].code, "row %zu", i);
        cr_expect_str_eq(live_text(&live, "cpu.max"), kept_rows[i].max_after, "row %zu", i);
        cr_expect(starts_with(live_text(&live, "cpu.weight"), kept_rows[i].weight_after), "row %zu",
                  i);
        cr_expect_str_eq(live_text(&live, "cpu.idle"), kept_rows[i].idle_after, "row %zu", i);
        manager_end();
        cgroup_done(&live.cgroup);
    }
}

/* There is no pids.max: the last write fails. */
Test(cgroups_unit, an_update_that_fails_tells_systemd_the_old_limits)
{
    static const struct exchange script[] = {
        {"SetUnitProperties", NO_BODY, NULL},
        {"SetUnitProperties", NO_BODY, NULL},
    };
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct live live;
    struct error err;

    live_begin(&live, &arena, directory);
    live_file(&live, "cpu.max", "15000 50000");
    manager_serve(script, count_of(script));
    cr_expect_eq(update(&live, "{'cpu':{'quota':25000},'pids':{'limit':7}}", &err), -ENOENT, "%s",
                 err.text);
    cr_expect_eq(property_said(0, "CPUQuotaPerSecUSec"), 500000);
    cr_expect_eq(property_said(1, "CPUQuotaPerSecUSec"), 300000);
    cr_expect_eq(property_said(1, "CPUQuotaPeriodUSec"), 50000);
    cr_expect_str_eq(live_text(&live, "cpu.max"), "15000 50000");
    cgroup_done(&live.cgroup);
}

/* What DeviceAllow says is added to what the unit has, unless it is emptied: "a(ss)" of no bytes,
 * and then the list. */
static bool devices_are_emptied_first(size_t index)
{
    static const char empty[] = "DeviceAllow\0\5a(ss)";
    const char *at = find_in_message(index, "DeviceAllow");
    const char *message = message_heard(index);
    size_t length;

    if (at == NULL || memcmp(at, empty, sizeof empty) != 0)
        return false;
    length = aligned((size_t)(at + sizeof empty - message), 4);
    return uint32_at(message + length) == 0 &&
           memmem(at + 1, message_length(message) - (size_t)(at + 1 - message), empty,
                  sizeof empty) != NULL;
}

/* Of v1, so that it takes no root.  systemd closes all and opens what is allowed one by one: the
 * container is frozen, and everything is written anew behind it, the old rules, too. */
Test(cgroups_unit, devices_of_a_unit_are_told_and_told_back)
{
    static const struct exchange script[] = {
        {"SetUnitProperties", NO_BODY, NULL},
        {"SetUnitProperties", NO_BODY, NULL},
    };
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct spec_device_rule_list before =
        resources_of("{'devices':[{'allow':true,'type':'c','major':77}]}", &arena)->devices;
    struct spec_device_rule_list added = resources_of(
                                             "{'devices':[{'allow':true,'type':'b','major':88},"
                                             "{'allow':false,'type':'c','major':77}]}",
                                             &arena)
                                             ->devices;
    struct cgroup_device_rules rules;
    struct cgroup_request request = {
        .id = "web", .is_update = true, .device_rules = &rules, .has_unit = true};
    struct cgroup_plan plan;
    struct live live;
    struct error err;

    live_begin(&live, &arena, directory);
    live.cgroup.directories[0].name = "devices";
    live.cgroup.directories[0].is_v2 = false;
    live_file(&live, "freezer.state", "FROZEN");
    live_file(&live, "devices.allow", "");
    must(cgroup_device_rules_add(&rules, &before, &added, &arena, &err));
    must(cgroup_plan_from_spec(&plan, &v1_host, &request, &arena, NULL, &err));
    cr_assert(plan.device_change->starts_anew);
    cr_assert_str_eq(plan.device_change->writes[0].value, "a");
    cr_assert_str_eq(plan.device_change->undo[0].value, "a");
    manager_serve(script, count_of(script));
    cr_expect_eq(cgroup_update(&live.cgroup, &plan, NULL, &(struct log){0}, &err), -ENOENT);
    cr_expect_not_null(strstr(err.text, "devices.deny"), "%s", err.text);
    cr_expect(devices_are_emptied_first(0) && devices_are_emptied_first(1));
    cr_expect(message_says(0, "block-88") && !message_says(0, "char-77"));
    cr_expect(message_says(1, "char-77") && !message_says(1, "block-88"));
    cgroup_done(&live.cgroup);
}

/* systemd may have taken the call all the same. */
Test(cgroups_unit, an_update_whose_answer_is_lost_tells_systemd_the_old_limits)
{
    static const struct exchange script[] = {
        {"SetUnitProperties", HANGS_UP, NULL},
        {"SetUnitProperties", NO_BODY,  NULL},
    };
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct live live;
    struct error err;

    live_begin(&live, &arena, directory);
    live_file(&live, "pids.max", "70");
    manager_serve(script, count_of(script));
    cr_expect_lt(update(&live, "{'pids':{'limit':77}}", &err), 0);
    cr_expect_eq(property_said(0, "TasksMax"), 77);
    cr_expect_eq(property_said(1, "TasksMax"), 70);
    cr_expect_str_eq(live_text(&live, "pids.max"), "70");
    cgroup_done(&live.cgroup);
}

/* There is nothing to take back. */
Test(cgroups_unit, an_update_that_systemd_refuses_is_not_told_again)
{
    static const struct exchange script[] = {
        {"SetUnitProperties", OUT_OF_RANGE("TasksMax"), NULL},
    };
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct live live;
    struct error err;

    live_begin(&live, &arena, directory);
    live_file(&live, "pids.max", "70");
    manager_serve(script, count_of(script));
    cr_expect_lt(update(&live, "{'pids':{'limit':77}}", &err), 0);
    cr_expect_null(message_heard(1));
    cr_expect_str_eq(live_text(&live, "pids.max"), "70");
    cgroup_done(&live.cgroup);
}

enum { IDLE = 0 }; /* as a CPUWeight */

static const struct {
    const char *idle, *weight, *resources;
    int64_t told; /* CPUWeight */
} idle_rows[] = {
    {"0", "200", "{'cpu':{'idle':1}}",              IDLE},
    {"1", "0",   "{'cpu':{'idle':0}}",              100 },
    {"1", "1",   "{'cpu':{'idle':0}}",              100 }, /* newer kernels */
    {"0", "200", "{'cpu':{'idle':0}}",              200 },
    {"1", "0",   "{'cpu':{'idle':0,'shares':512}}", 59  },
};

Test(cgroups_unit, systemd_is_told_the_weight_of_what_is_idle_no_longer)
{
    static const struct exchange script[] = {
        {"SetUnitProperties", NO_BODY, NULL}
    };

    for (size_t i = 0; i < count_of(idle_rows); i++) {
        autoarena struct arena arena = {0};
        own_directory(directory);
        struct live live;
        struct error err;

        live_begin(&live, &arena, directory);
        live_file(&live, "cpu.idle", idle_rows[i].idle);
        live_file(&live, "cpu.weight", idle_rows[i].weight);
        manager_serve(script, count_of(script));
        must(update(&live, idle_rows[i].resources, &err));
        cr_expect_eq(property_said(0, "CPUWeight"), idle_rows[i].told, "row %zu", i);
        manager_end();
        cgroup_done(&live.cgroup);
    }
}

/* As without systemd, whatever its version makes of it. */
Test(cgroups_unit, what_is_idle_gets_no_weight_and_systemd_does_not_hear_of_it)
{
    static const struct exchange script[] = {
        {"SetUnitProperties", NO_BODY, NULL}
    };
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct live live;
    struct error err;

    live_begin(&live, &arena, directory);
    live_file(&live, "cpu.idle", "1");
    live_file(&live, "cpu.weight", "0");
    manager_serve(script, count_of(script));
    cr_expect_eq(update(&live, "{'cpu':{'shares':512}}", &err), -EINVAL, "%s", err.text);
    cr_expect_str_eq(err.text,
                     "linux.resources.cpu.shares: a cgroup with cpu.idle 1 has no weight");
    cr_expect_null(message_heard(0));
    cr_expect_str_eq(live_text(&live, "cpu.weight"), "0");
    cgroup_done(&live.cgroup);
}

static const struct {
    const char *idle, *weight, *resources;
    const char *weight_after;
    int64_t told; /* CPUWeight in the end */
} undone_rows[] = {
    {"0", "200", "{'cpu':{'idle':1},'pids':{'limit':7}}",               "200", 200 },
    {"1", "0",   "{'cpu':{'idle':0},'pids':{'limit':7}}",               "0",   IDLE},
    {"1", "1",   "{'cpu':{'idle':0,'shares':1024},'pids':{'limit':7}}", "100", IDLE},
    {"0", "200", "{'cpu':{'idle':0,'shares':1024},'pids':{'limit':7}}", "200", 200 },
};

/* The files are no cgroup's: a weight that the kernel would forget stays. */
Test(cgroups_unit, an_update_that_fails_tells_systemd_what_was_idle_and_what_was_not)
{
    static const struct exchange script[] = {
        {"SetUnitProperties", NO_BODY, NULL},
        {"SetUnitProperties", NO_BODY, NULL},
    };

    for (size_t i = 0; i < count_of(undone_rows); i++) {
        autoarena struct arena arena = {0};
        own_directory(directory);
        struct live live;
        struct error err;

        live_begin(&live, &arena, directory);
        live_file(&live, "cpu.idle", undone_rows[i].idle);
        live_file(&live, "cpu.weight", undone_rows[i].weight);
        manager_serve(script, count_of(script));
        cr_expect_eq(update(&live, undone_rows[i].resources, &err), -ENOENT, "%s", err.text);
        cr_expect_eq(property_said(1, "CPUWeight"), undone_rows[i].told, "row %zu", i);
        cr_expect_str_eq(live_text(&live, "cpu.idle"), undone_rows[i].idle);
        cr_expect_str_eq(live_text(&live, "cpu.weight"), undone_rows[i].weight_after);
        manager_end();
        cgroup_done(&live.cgroup);
    }
}

/* --- a cgroup of the kernel's */

/* Its hierarchy is v2, and what systemd is said to have is a directory of the test's there. */
struct place {
    struct cgroup_host host;
    struct arena arena;
    const char *name;      /* below the root of the hierarchy */
    const char *directory; /* absolute */
};

static void place_begin(struct place *place)
{
    struct cgroup_host host;
    struct error err;

    *place = (struct place){.host.v2_controllers = ""};
    must(cgroup_host_probe(&host, &place->arena, &err));
    for (size_t i = 0; i < host.count; i++) {
        if (host.hierarchies[i].is_v2)
            place->host.hierarchies[place->host.count++] = host.hierarchies[i];
    }
    if (place->host.count == 0 || access(place->host.hierarchies[0].mount_point, W_OK) < 0)
        cr_skip_test("no v2 cgroup may be made here");
    place->name = arena_print(&place->arena, "crun-lite-unit-%d", (int)getpid());
    place->directory = path_in(&place->arena, place->host.hierarchies[0].mount_point, place->name);
}

static void place_end(struct place *place)
{
    rmdir(place->directory);
    arena_free(&place->arena);
}

/* The place itself, as the cgroup of a unit that systemd does not end by itself. */
static struct cgroup place_open(const struct place *place)
{
    struct cgroup cgroup = {.count = 1, .placeholder = -1};

    cr_assert_eq(mkdir(place->directory, 0755), 0);
    cgroup.directories[0].name = "";
    cgroup.directories[0].directory = place->directory;
    cgroup.directories[0].fd = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cgroup.directories[0].is_v2 = true;
    cgroup.unit = "web.scope";
    cgroup.manager = manager;
    cgroup.unit_stays = true;
    return cgroup;
}

/* The kernel gives a cgroup that is idle no longer the default. */
Test(cgroups_unit, an_update_of_v1_that_fails_sets_the_shares_of_what_becomes_idle_back)
{
    autoarena struct arena arena = {0};
    const char *directory = arena_print(&arena, "/sys/fs/cgroup/cpu/crun-lite-unit-%d",
                                        (int)getpid());
    struct live live;
    struct cgroup_plan plan;
    struct error err;

    if (mkdir(directory, 0755) < 0)
        cr_skip_test("no v1 cgroup may be made here");
    live_begin(&live, &arena, directory);
    live.cgroup.directories[0].name = "cpu,cpuacct";
    live.cgroup.directories[0].is_v2 = false;
    live.cgroup.unit = NULL;
    if (faccessat(live.cgroup.directories[0].fd, "cpu.idle", W_OK, 0) == 0) {
        live_file(&live, "cpu.shares", "2048");
        must(update_plan_of(&plan, &v1_host, "{'cpu':{'idle':1,'quota':1}}", &arena, &err));
        cr_expect_eq(cgroup_update(&live.cgroup, &plan, NULL, &(struct log){0}, &err), -EINVAL);
        cr_expect_str_eq(live_text(&live, "cpu.idle"), "0");
        cr_expect_str_eq(live_text(&live, "cpu.shares"), "2048");
    }
    cgroup_done(&live.cgroup);
    rmdir(directory);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* A container whose unit has that path below the place. */
static int create(struct place *place, const char *path, struct cgroup *ret, struct error *err)
{
    struct cgroup_request request = {
        .id = "web",
        .cgroups_path = path,
        .resources = resources_of("{}", &place->arena),
        .manager = CGROUP_MANAGER_SYSTEMD,
        .user_directory = manager,
        .user_path = arena_print(&place->arena, "/%s", place->name),
    };
    struct cgroup_plan plan;
    struct cgroup_record record;
    int code;

    *ret = CGROUP_EMPTY;
    code = cgroup_plan_from_spec(&plan, &place->host, &request, &place->arena, NULL, err);
    if (code == 0)
        code = cgroup_record_from_plan(&record, &plan, &place->arena, err);
    if (code == 0)
        code = cgroup_create(ret, &record, &plan, err);
    return code;
}

/* Is what held the place for the unit still there, or not waited for? */
static bool placeholder_is_left(void)
{
    siginfo_t info = {0};

    manager_end(); /* our only other child */
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

Test(cgroups_unit, a_unit_that_systemd_has_elsewhere_is_refused_and_leaves_nothing)
{
    static const struct exchange script[] = {
        {"StartTransientUnit", A_JOB, "done"}
    };
    struct place place;
    struct cgroup cgroup;
    struct error err;

    place_begin(&place);
    manager_serve(script, count_of(script));
    cr_expect_eq(create(&place, "some.slice:test:web", &cgroup, &err), -EPROTO, "%s", err.text);
    cr_expect_not_null(strstr(err.text, "systemd has it in another cgroup than"), "%s", err.text);
    cr_expect_not_null(strstr(err.text, place.directory), "%s", err.text);
    cr_expect(!exists(place.directory));
    cr_expect(!placeholder_is_left());
    place_end(&place);
}

/* The directory is there, but not for our unit: it was somebody else's before. */
Test(cgroups_unit, a_directory_that_holds_no_process_of_the_unit_is_not_its_own)
{
    static const struct exchange script[] = {
        {"StartTransientUnit", A_JOB, "done"}
    };
    struct place place;
    struct cgroup cgroup;
    struct error err;
    const char *scope;

    place_begin(&place);
    scope = path_in(&place.arena, place.directory, "test-web.scope");
    cr_assert(mkdir(place.directory, 0755) == 0 && mkdir(scope, 0755) == 0);
    manager_serve(script, count_of(script));
    cr_expect_eq(create(&place, "-.slice:test:web", &cgroup, &err), -EPROTO, "%s", err.text);
    cr_expect_not_null(strstr(err.text, scope), "%s", err.text);
    cr_expect(exists(scope));
    cr_expect(!placeholder_is_left());
    rmdir(scope);
    place_end(&place);
}

/* One that a file of the administrator's describes, and nobody uses: systemd makes no new one. */
Test(cgroups_unit, a_slice_that_systemd_knows_already_is_started)
{
    static const struct exchange script[] = {
        {"StartTransientUnit", REFUSAL("org.freedesktop.systemd1.UnitExists", "exists"), NULL},
        {"StartUnit",                    A_JOB,                                                       "done"                                       },
        {"StopUnit",                    A_JOB,                                                        "done" },
        {"ResetFailedUnit",                    NO_BODY,                                                 NULL                              },
    };
    struct place place;
    struct cgroup cgroup;
    struct error err;

    place_begin(&place);
    manager_serve(script, count_of(script));
    /* It is elsewhere, which undoes what was done. */
    cr_expect_eq(create(&place, "some.slice:test:web.slice", &cgroup, &err), -EPROTO, "%s",
                 err.text);
    cr_expect(message_says(1, "web.slice"));
    cr_expect(message_says(2, "web.slice"));
    place_end(&place);
}

/* Others are in it: stopping it would stop them. */
Test(cgroups_unit, a_slice_that_was_in_use_is_not_stopped)
{
    static const struct exchange script[] = {
        {"StartTransientUnit", A_JOB, "done"},
    };
    struct place place;
    struct cgroup cgroup;
    struct error err;
    const char *slice;

    place_begin(&place);
    slice = path_in(&place.arena, place.directory, "web.slice");
    cr_assert(mkdir(place.directory, 0755) == 0 && mkdir(slice, 0755) == 0);
    manager_serve(script, count_of(script));
    must(create(&place, "some.slice:test:web.slice", &cgroup, &err));
    must(cgroup_remove(&cgroup, PATIENCE_MS, &err));
    cr_expect_null(message_heard(1));
    cr_expect(exists(slice));
    cgroup_done(&cgroup);
    rmdir(slice);
    place_end(&place);
}

/* A process that waits in the cgroup of that path, and dies with the test. */
static pid_t sleeper_in(const char *directory, struct arena *arena)
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    cr_assert_gt(pid, 0);
    cr_assert_eq(write_pseudo_file(-1, path_in(arena, directory, "cgroup.procs"),
                                   arena_print(arena, "%d", (int)pid)),
                 0);
    return pid;
}

/* Its other units are below it. */
Test(cgroups_unit, a_kill_in_a_slice_that_was_in_use_spares_what_is_below_it)
{
    static const int signals[] = {SIGTERM, SIGKILL};

    for (size_t i = 0; i < count_of(signals); i++) {
        struct place place;
        struct cgroup cgroup;
        struct error err;
        const char *below;
        pid_t ours, theirs;
        int status;

        place_begin(&place);
        cgroup = place_open(&place);
        cgroup.unit_is_shared = true;
        below = path_in(&place.arena, place.directory, "other.scope");
        cr_assert_eq(mkdir(below, 0755), 0);
        ours = sleeper_in(place.directory, &place.arena);
        theirs = sleeper_in(below, &place.arena);
        must(cgroup_kill(&cgroup, signals[i], &err));
        cr_expect_eq(waitpid(ours, &status, 0), ours);
        cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
        usleep(20000);
        cr_expect_eq(waitpid(theirs, &status, WNOHANG), 0);
        kill(theirs, SIGKILL);
        waitpid(theirs, &status, 0);
        rmdir(below);
        cgroup_done(&cgroup);
        place_end(&place);
    }
}

Test(cgroups_unit, a_slice_that_was_in_use_is_rid_of_what_the_container_made_when_nobody_is_there)
{
    struct place place;
    struct cgroup cgroup;
    struct error err;
    const char *made, *below, *unit;
    pid_t theirs;

    place_begin(&place);
    cgroup = place_open(&place);
    cgroup.unit_is_shared = true;
    made = path_in(&place.arena, place.directory, "made");
    below = path_in(&place.arena, made, "below.scope");
    unit = path_in(&place.arena, place.directory, "other.scope");
    cr_assert(mkdir(made, 0755) == 0 && mkdir(below, 0755) == 0 && mkdir(unit, 0755) == 0);
    theirs = sleeper_in(unit, &place.arena);
    must(cgroup_remove(&cgroup, PATIENCE_MS, &err));
    cr_expect(exists(below));
    kill(theirs, SIGKILL);
    waitpid(theirs, NULL, 0);
    must(cgroup_remove(&cgroup, PATIENCE_MS, &err));
    cr_expect(!exists(made));
    cr_expect(exists(unit));
    rmdir(unit);
    cgroup_done(&cgroup);
    place_end(&place);
}

static const struct exchange forgotten[] = {
    {"StopUnit", REFUSAL("org.freedesktop.systemd1.NoSuchUnit", "Unit not loaded."), NULL},
};

Test(cgroups_unit, the_directory_of_a_unit_that_systemd_has_forgotten_is_removed)
{
    struct place place;
    struct cgroup cgroup;
    struct error err;

    place_begin(&place);
    cgroup = place_open(&place);
    manager_serve(forgotten, count_of(forgotten));
    must(cgroup_remove(&cgroup, PATIENCE_MS, &err));
    cr_expect(!exists(place.directory));
    cgroup_done(&cgroup);
    place_end(&place);
}

/* A mount point is busy for whoever sees it. */
Test(cgroups_unit, a_directory_that_cannot_be_removed_behind_its_unit_is_an_error)
{
    struct place place;
    struct cgroup cgroup;
    struct error err;

    place_begin(&place);
    cgroup = place_open(&place);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        cgroup_done(&cgroup);
        place_end(&place);
        cr_skip_test("no mount namespace for this process");
    }
    cr_assert_eq(mount(place.directory, place.directory, NULL, MS_BIND, NULL), 0);
    manager_serve(forgotten, count_of(forgotten));
    cr_expect_eq(cgroup_remove(&cgroup, 2000, &err), -EBUSY, "%s", err.text);
    cr_expect_not_null(strstr(err.text, place.directory), "%s", err.text);
    cgroup_done(&cgroup);
    umount(place.directory);
    place_end(&place);
}
