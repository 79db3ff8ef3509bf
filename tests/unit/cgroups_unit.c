/* What systemd is told of a container, and what is made of its answers: a systemd of our own. */

#include "cgroups/directories.h"
#include "cgroups/systemd.h"
#include "tests/unit/cgroups_fake_manager.h"
#include "tests/unit/cgroups_help.h"
#include "tests/unit/runtime_help.h"

TestSuite(cgroups_unit, .init = manager_set_up, .fini = manager_tear_down, .timeout = 20);

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

static int update(const struct live *live, const char *json, struct error *err)
{
    static const struct log log = {0};
    struct cgroup_plan plan;

    cr_assert_eq(plan_of(&plan, &v2_host, json, live->arena, err), 0, "%s", err->text);
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
