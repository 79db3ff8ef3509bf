/* Writing to a cgroup: ordinary directories stand in for it, so that no root is needed. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cgroups/directories.h"
#include "tests/unit/cgroups_help.h"

static char temporary[] = "/tmp/cgroups-files-XXXXXX";
static struct cgroup cgroup;

/* A v2 directory and, beside it, a v1 one. */
static void set_up(void)
{
    static const char *const names[] = {"v2", "v1"};

    cr_assert_not_null(mkdtemp(temporary));
    for (size_t i = 0; i < count_of(names); i++) {
        char path[64];

        snprintf(path, sizeof path, "%s/%s", temporary, names[i]);
        cr_assert_eq(mkdir(path, 0755), 0);
        cgroup.directories[i].name = i == 0 ? "" : "memory";
        cgroup.directories[i].directory = i == 0 ? "/v2" : "/v1";
        cgroup.directories[i].fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cgroup.directories[i].is_v2 = i == 0;
    }
    cgroup.count = 2;
}

static void tear_down(void)
{
    char command[64];

    cgroup_done(&cgroup);
    snprintf(command, sizeof command, "rm -r %s", temporary);
    cr_assert_eq(system(command), 0);
}

static void put(size_t directory, const char *name, const char *text)
{
    autoclose int fd = openat(cgroup.directories[directory].fd, name,
                              O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

    cr_assert_eq(write_all(fd, text, strlen(text)), 0);
}

static void expect_file(size_t directory, const char *name, const char *text)
{
    char found[256] = "";

    cr_expect_geq(read_pseudo_file(cgroup.directories[directory].fd, name, found, sizeof found), 0,
                  "%s", name);
    cr_expect_str_eq(found, text, "%s: %s", name, found);
}

static int apply(const char *json, struct error *err)
{
    autoarena struct arena arena = {0};
    struct cgroup_request request = {
        .id = "web", .unprivileged = true, .resources = resources_of(json, &arena)};
    struct cgroup_plan plan;

    cr_assert_eq(cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, NULL, err), 0, "%s",
                 err->text);
    return cgroup_apply(&cgroup, &plan, NULL, err);
}

static int update(const char *json, struct error *err)
{
    autoarena struct arena arena = {0};
    struct spec_resources *resources = resources_of(json, &arena);
    struct cgroup_request request = {.id = "web", .unprivileged = true, .resources = resources};
    struct cgroup_plan plan;

    cr_assert_eq(cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, NULL, err), 0, "%s",
                 err->text);
    return cgroup_update(&cgroup, &plan, resources, NULL, err);
}

TestSuite(cgroups_files, .init = set_up, .fini = tear_down);

Test(cgroups_files, limits_reach_their_files)
{
    struct error err;

    put(0, "memory.max", "");
    put(0, "pids.max", "");
    cr_assert_eq(apply("{'memory':{'limit':1000},'pids':{'limit':7}}", &err), 0, "%s", err.text);
    expect_file(0, "memory.max", "1000");
    expect_file(0, "pids.max", "7");
}

Test(cgroups_files, a_failed_write_names_field_value_file_and_reason)
{
    struct error err;

    cr_assert_eq(apply("{'pids':{'limit':7}}", &err), -ENOENT);
    cr_assert_str_eq(err.text,
                     "linux.resources.pids.limit: write \"7\" to /v2/pids.max: No such file or "
                     "directory");
}

Test(cgroups_files, a_missing_file_that_may_be_missing_is_no_error)
{
    struct error err;

    put(0, "hugetlb.2MB.max", "");
    cr_assert_eq(apply("{'hugepageLimits':[{'pageSize':'2MB','limit':5}]}", &err), 0, "%s",
                 err.text);
    expect_file(0, "hugetlb.2MB.max", "5");
}

Test(cgroups_files, the_general_weight_stands_in_for_the_missing_one)
{
    struct error err;

    put(0, "io.weight", "");
    cr_assert_eq(apply("{'blockIO':{'weight':500}}", &err), 0, "%s", err.text);
    expect_file(0, "io.weight", "4950");
    put(0, "io.bfq.weight", "");
    put(0, "io.weight", "");
    cr_assert_eq(apply("{'blockIO':{'weight':500}}", &err), 0, "%s", err.text);
    expect_file(0, "io.bfq.weight", "500");
    expect_file(0, "io.weight", "");
}

Test(cgroups_files, no_weight_at_all_is_explained)
{
    struct error err;

    cr_assert_eq(apply("{'blockIO':{'weight':500}}", &err), -ENOENT);
    cr_assert_not_null(strstr(err.text, "(this kernel shares disks by neither bfq nor iocost)"));
}

Test(cgroups_files, a_period_alone_keeps_the_quota)
{
    struct error err;

    put(0, "cpu.max", "25000 100000\n");
    cr_assert_eq(update("{'cpu':{'period':50000}}", &err), 0, "%s", err.text);
    expect_file(0, "cpu.max",
                "25000 500000"); /* a plain file keeps its tail; the kernel does not */
}

/* The third file is missing: the two before it get their old values back. */
Test(cgroups_files, an_update_that_fails_halfway_is_taken_back)
{
    struct error err;

    put(0, "cpu.weight", "100");
    put(0, "memory.max", "5000");
    cr_assert_eq(update("{'cpu':{'shares':4096},'memory':{'limit':9000},'pids':{'limit':7}}", &err),
                 -ENOENT);
    cr_assert_not_null(strstr(err.text, "linux.resources.pids.limit: "), "%s", err.text);
    expect_file(0, "cpu.weight", "100");
    expect_file(0, "memory.max", "5000");
}

/* io.max lists devices: the line of the one that is changed is what comes back, or its reset. */
Test(cgroups_files, an_update_takes_back_the_line_of_a_device)
{
    static const struct {
        const char *old;
        const char *device;
        const char *expected;
    } rows[] = {
        {"8:16 rbps=77\n8:0 rbps=55\n", "0", "8:0 rbps=55" },
        {"8:16 rbps=77\n",              "0", "8:0 rbps=max"},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        char json[160];
        char found[256];
        struct error err;

        put(0, "io.max", rows[i].old);
        snprintf(json, sizeof json,
                 "{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':%s,'rate':9}]},"
                 "'pids':{'limit':7}}",
                 rows[i].device);
        cr_assert_eq(update(json, &err), -ENOENT);
        cr_assert_gt(read_pseudo_file(cgroup.directories[0].fd, "io.max", found, sizeof found), 0);
        cr_expect(starts_with(found, rows[i].expected), "%s", found);
    }
}

/* The same of rdma.max; the file of `unified`, which comes last, is missing. */
Test(cgroups_files, an_update_takes_back_the_line_of_an_rdma_device)
{
    static const struct {
        const char *old;
        const char *expected;
    } rows[] = {
        {"mlx4_0 hca_handle=1 hca_object=2\nmlx5_1 hca_handle=5 hca_object=6\n",
         "mlx5_1 hca_handle=5 hca_object=6"                                                                            },
        {"mlx4_0 hca_handle=1 hca_object=2\n",                                   "mlx5_1 hca_handle=max hca_object=max"},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        char found[256];
        struct error err;

        put(0, "rdma.max", rows[i].old);
        cr_assert_eq(
            update("{'rdma':{'mlx5_1':{'hcaHandles':3}},'unified':{'misc.max':'7'}}", &err),
            -ENOENT);
        cr_assert_gt(read_pseudo_file(cgroup.directories[0].fd, "rdma.max", found, sizeof found),
                     0);
        cr_expect(starts_with(found, rows[i].expected), "%s", found);
    }
}

/* By rules of the request alone: what resources say is of no account. */
static int update_devices(const char *before, const char *added, const char *json,
                          struct error *err)
{
    autoarena struct arena arena = {0};
    struct spec_resources *resources = resources_of(json, &arena);
    struct cgroup_device_rules rules;
    struct cgroup_request request = {
        .id = "web", .resources = resources, .is_update = true, .device_rules = &rules};
    struct cgroup_plan plan;

    cgroup.directories[1].name = "devices";
    cr_assert_eq(cgroup_device_rules_add(&rules, &resources_of(before, &arena)->devices,
                                         &resources_of(added, &arena)->devices, &arena, err),
                 0, "%s", err->text);
    cr_assert_eq(cgroup_plan_from_spec(&plan, &v1_host, &request, &arena, NULL, err), 0, "%s",
                 err->text);
    cr_assert_null(plan.device_program);
    return cgroup_update(&cgroup, &plan, resources, NULL, err);
}

#define RULE(allow, minor) \
    "{'allow':" allow ",'type':'c','major':1,'minor':" minor ",'access':'rw'}"

Test(cgroups_files, an_update_without_device_rules_leaves_devices_alone)
{
    static const char *const same[] = {
        "{}",
        "{'devices':[]}",
        "{'devices':[" RULE("true", "11") "]}",
        "{'devices':[{'allow':false,'access':'rwm'}," RULE("true", "11") "]}",
    };

    for (size_t i = 0; i < count_of(same); i++) {
        struct error err;

        put(1, "devices.allow", "");
        put(1, "devices.deny", "");
        cr_assert_eq(update_devices("{'devices':[{'allow':false}," RULE("true", "11") "]}", same[i],
                                    "{'devices':[{'allow':true}]}", &err),
                     0, "%s", err.text);
        expect_file(1, "devices.allow", "");
        expect_file(1, "devices.deny", "");
    }
}

/* Nothing but what is new, and never everything. */
Test(cgroups_files, an_update_of_device_rules_writes_the_difference)
{
    struct error err;

    put(1, "devices.allow", "");
    put(1, "devices.deny", "");
    cr_assert_eq(update_devices("{'devices':[" RULE("true", "11") "]}",
                                "{'devices':[" RULE("true", "1") "," RULE("false", "11") "]}", "{}",
                                &err),
                 0, "%s", err.text);
    expect_file(1, "devices.allow", "c 1:1 rw");
    expect_file(1, "devices.deny", "c 1:11 rw");
}

/* Limits are written first: nothing is granted for the time of an update that fails. */
Test(cgroups_files, devices_do_not_change_when_a_limit_fails)
{
    struct error err;

    cgroup.directories[0].name = "pids";
    put(1, "devices.allow", "");
    put(1, "devices.deny", "");
    cr_assert_eq(
        update_devices("{}", "{'devices':[" RULE("true", "11") "]}", "{'pids':{'limit':7}}", &err),
        -ENOENT);
    cr_expect_not_null(strstr(err.text, "write \"7\" to "), "%s", err.text);
    expect_file(1, "devices.allow", "");
    expect_file(1, "devices.deny", "");
}

/* devices.deny is missing. */
Test(cgroups_files, a_device_rule_that_fails_is_taken_back)
{
    struct error err;

    put(1, "devices.allow", "");
    cr_assert_eq(update_devices("{'devices':[" RULE("true", "11") "]}",
                                "{'devices':[" RULE("true", "1") "," RULE("false", "11") "]}", "{}",
                                &err),
                 -ENOENT);
    cr_expect_str_eq(err.text, "linux.resources.devices: write \"c 1:11 rw\" to /v1/devices.deny: "
                               "No such file or directory");
    expect_file(1, "devices.allow", "c 1:11 rw");
}

/* The default flips: nobody may run, and nobody can be stopped here. */
Test(cgroups_files, another_default_takes_a_freezer)
{
    struct error err;

    put(1, "devices.allow", "");
    put(1, "devices.deny", "");
    cr_assert_eq(update_devices("{}", "{'devices':[{'allow':true}]}", "{}", &err), -EOPNOTSUPP);
    cr_expect(starts_with(err.text, "linux.resources.devices: all are set anew, nobody may run "
                                    "meanwhile: the container's cgroup has no freezer"),
              "%s", err.text);
    expect_file(1, "devices.allow", "");
    put(1, "freezer.state", "FROZEN");
    cr_assert_eq(update_devices("{}", "{'devices':[{'allow':true}]}", "{}", &err), 0, "%s",
                 err.text);
    expect_file(1, "devices.allow", "a");
    expect_file(1, "freezer.state", "FROZEN");
}

Test(cgroups_files, check_before_update_refuses_a_limit_below_what_is_used)
{
    struct error err;

    put(0, "memory.current", "4096\n");
    put(0, "memory.max", "9000");
    cr_assert_eq(update("{'memory':{'limit':4095,'checkBeforeUpdate':true}}", &err), -EBUSY);
    cr_assert_str_eq(err.text, "linux.resources.memory.limit: 4095 is less than what is in use, "
                               "4096");
    expect_file(0, "memory.max", "9000");
    cr_assert_eq(update("{'memory':{'limit':4096,'checkBeforeUpdate':true}}", &err), 0);
    expect_file(0, "memory.max", "4096");
    cr_assert_eq(update("{'memory':{'limit':1111}}", &err), 0);
    expect_file(0, "memory.max", "1111");
}

Test(cgroups_files, a_process_joins_v1_by_tasks_and_v2_by_procs)
{
    struct error err;

    put(0, "cgroup.procs", "");
    put(1, "tasks", "");
    cr_assert_eq(cgroup_join_self(&cgroup, false, &err), 0, "%s", err.text);
    expect_file(0, "cgroup.procs", "0");
    expect_file(1, "tasks", "0");
    put(0, "cgroup.procs", "");
    cr_assert_eq(cgroup_join_self(&cgroup, true, &err), 0);
    expect_file(0, "cgroup.procs", "");
}

Test(cgroups_files, joining_names_the_cgroup_that_refuses)
{
    struct error err;

    cr_assert_eq(cgroup_join_self(&cgroup, true, &err), -ENOENT);
    cr_assert_str_eq(err.text, "join cgroup /v1: No such file or directory");
}

Test(cgroups_files, one_that_refuses_does_not_keep_a_process_from_the_others)
{
    struct error err;

    put(1, "tasks", "");
    cr_assert_eq(cgroup_join_self(&cgroup, false, &err), -ENOENT);
    cr_assert_str_eq(err.text, "join cgroup /v2: No such file or directory");
    expect_file(1, "tasks", "0");
}

/* Who may do without what he has no right to must not miss that something else is wrong. */
Test(cgroups_files, of_several_that_refuse_the_one_that_is_not_about_rights_is_told)
{
    struct error err;
    uid_t user = geteuid();

    put(0, "cgroup.procs", "");
    cr_assert_eq(fchmodat(cgroup.directories[0].fd, "cgroup.procs", 0444, 0), 0);
    /* Root may write everywhere. */
    cr_assert_eq(user == 0 ? seteuid(65534) : 0, 0);
    cr_expect_eq(cgroup_join_self(&cgroup, false, &err), -ENOENT);
    cr_expect_str_eq(err.text, "join cgroup /v1: No such file or directory");
    cr_assert_eq(seteuid(user), 0);
}

Test(cgroups_files, processes_are_those_of_the_whole_tree_sorted_once)
{
    autoarena struct arena arena = {0};
    struct error err;
    pid_t *pids;
    size_t count;

    put(0, "cgroup.procs", "30\n7\n0\n");
    cr_assert_eq(mkdirat(cgroup.directories[0].fd, "a", 0755), 0);
    cr_assert_eq(mkdirat(cgroup.directories[0].fd, "a/b", 0755), 0);
    put(0, "a/cgroup.procs", "9\n7\n");
    put(0, "a/b/cgroup.procs", "1\n");
    put(1, "cgroup.procs", "55\n");
    cr_assert_eq(cgroup_processes(&cgroup, &arena, &pids, &count, &err), 0, "%s", err.text);
    cr_assert_eq(count, 4);
    cr_assert(pids[0] == 1 && pids[1] == 7 && pids[2] == 9 && pids[3] == 30);
}

Test(cgroups_files, an_empty_cgroup_has_no_processes)
{
    autoarena struct arena arena = {0};
    struct cgroup none = CGROUP_EMPTY;
    struct error err;
    pid_t *pids;
    size_t count = 5;

    cr_assert_eq(cgroup_processes(&none, &arena, &pids, &count, &err), 0);
    cr_assert_eq(count, 0);
    cr_assert_eq(cgroup_kill(&none, 15, &err), 0);
    cr_assert_eq(cgroup_kill(&none, 9, &err), 0);
    cr_assert_eq(cgroup_remove(&none, 0, &err), 0);
    cr_assert_eq(cgroup_oom_kills(&none), -1);
    cr_assert_not(cgroup_is_frozen(&none));
    cr_assert_eq(cgroup_clone_fd(&none), -1);
    cgroup_done(&none);
}

Test(cgroups_files, freezing_without_a_freezer_says_what_is_needed)
{
    struct error err;

    cr_assert_eq(cgroup_freeze(&cgroup, true, 0, &err), -EOPNOTSUPP);
    cr_assert_str_eq(err.text, "the container's cgroup has no freezer (cgroup v2 of Linux 5.2 or "
                               "later, or the v1 freezer controller, is needed)");
}

Test(cgroups_files, a_freeze_that_does_not_complete_is_undone)
{
    struct error err;

    put(0, "cgroup.freeze", "0");
    put(0, "cgroup.events", "populated 1\nfrozen 0\n");
    cr_assert_eq(cgroup_freeze(&cgroup, true, 20, &err), -ETIMEDOUT);
    cr_assert_str_eq(err.text, "/v2/cgroup.freeze: not frozen after 20 ms");
    expect_file(0, "cgroup.freeze", "0");
}

Test(cgroups_files, frozen_is_read_from_either_freezer)
{
    put(0, "cgroup.events", "populated 1\nfrozen 1\n");
    cr_expect(cgroup_is_frozen(&cgroup));
    put(0, "cgroup.events", "populated 1\nfrozen 0\n");
    cr_expect_not(cgroup_is_frozen(&cgroup));
    put(1, "freezer.state", "FROZEN\n");
    cr_expect(cgroup_is_frozen(&cgroup));
    put(1, "freezer.state", "THAWED\n");
    cr_expect_not(cgroup_is_frozen(&cgroup));
}

Test(cgroups_files, oom_kills_are_counted_from_either_file)
{
    cr_expect_eq(cgroup_oom_kills(&cgroup), -1);
    put(1, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
    cr_expect_eq(cgroup_oom_kills(&cgroup), 3);
    put(0, "memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n");
    cr_expect_eq(cgroup_oom_kills(&cgroup), 1);
}

Test(cgroups_files, an_empty_cpuset_takes_that_of_the_one_above)
{
    struct error err;

    put(0, "cpuset.cpus", "0-3\n");
    put(0, "cpuset.mems", "0\n");
    put(1, "cpuset.cpus", "");
    put(1, "cpuset.mems", "1\n");
    cr_assert_eq(
        cgroup_fill_cpuset(cgroup.directories[0].fd, cgroup.directories[1].fd, "/v1", &err), 0,
        "%s", err.text);
    expect_file(1, "cpuset.cpus", "0-3");
    expect_file(1, "cpuset.mems", "1");
}

/* cgroup_open_sub() with as many of the texts as are not NULL. */
static int open_sub(struct cgroup *ret, const char *first, const char *second, struct arena *arena,
                    struct error *err)
{
    const char *texts[] = {first, second};
    struct string_list list = {texts, second != NULL ? 2 : 1};

    return cgroup_open_sub(ret, &cgroup, &list, arena, err);
}

Test(cgroups_files, a_sub_cgroup_stays_inside)
{
    static const char *const bad[] = {"../x", "a/../..", "a//b", "cpu:../x"};
    autoarena struct arena arena = {0};
    struct cgroup sub;
    struct error err;

    cr_assert_eq(mkdirat(cgroup.directories[0].fd, "a", 0755), 0);
    cr_assert_eq(mkdirat(cgroup.directories[1].fd, "a", 0755), 0);
    for (size_t i = 0; i < count_of(bad); i++)
        cr_expect_lt(open_sub(&sub, bad[i], NULL, &arena, &err), 0, "%s", bad[i]);
    cr_assert_eq(open_sub(&sub, "/a", NULL, &arena, &err), 0, "%s", err.text);
    cr_expect_str_eq(sub.directories[0].directory, "/v2/a");
    cr_expect_str_eq(sub.directories[1].directory, "/v1/a");
    cgroup_done(&sub);
    cr_assert_eq(open_sub(&sub, "memory:a", NULL, &arena, &err), 0, "%s", err.text);
    cr_expect_str_eq(sub.directories[0].directory, "/v2");
    cr_expect_str_eq(sub.directories[1].directory, "/v1/a");
    cr_expect_geq(sub.directories[0].fd, 0);
    cr_expect_neq(sub.directories[0].fd, cgroup.directories[0].fd);
    cgroup_done(&sub);
    cr_assert_lt(open_sub(&sub, "cpu:a", NULL, &arena, &err), 0);
    cr_expect_str_eq(err.text, "cgroup \"cpu:a\": no v1 hierarchy has the controller cpu");
}

Test(cgroups_files, several_sub_cgroups_are_for_a_hierarchy_each)
{
    autoarena struct arena arena = {0};
    struct cgroup sub;
    struct error err;

    cgroup.directories[0].name = "cpu,cpuacct";
    cr_assert_eq(mkdirat(cgroup.directories[0].fd, "b", 0755), 0);
    cr_assert_eq(mkdirat(cgroup.directories[1].fd, "a", 0755), 0);
    cr_assert_eq(open_sub(&sub, "memory:a", "cpu:b", &arena, &err), 0, "%s", err.text);
    cr_expect_str_eq(sub.directories[0].directory, "/v2/b");
    cr_expect_str_eq(sub.directories[1].directory, "/v1/a");
    cgroup_done(&sub);
    cr_assert_lt(open_sub(&sub, "cpu:b", "cpuacct:b", &arena, &err), 0);
    cr_expect_str_eq(err.text,
                     "cgroup \"cpuacct:b\": \"cpu:b\" is about hierarchy cpu,cpuacct too");
    cr_assert_lt(open_sub(&sub, "cpu:b", "a", &arena, &err), 0);
    cr_expect_str_eq(err.text, "cgroup \"a\": one of several must name its controllers, as in "
                               "\"cpu,memory:PATH\"");
}

Test(cgroups_files, a_record_survives_json)
{
    struct cgroup_directory_record directories[] = {
        {"",             "/sys/fs/cgroup/web", 1},
        {"name=systemd", "/cg/a/web",          2}
    };
    struct cgroup_record record = {
        .manager = "cgroupfs",
        .path = "/web",
        .directories = {directories, 2},
    };
    static const struct json_layout layout = {NULL};
    autoarena struct arena arena = {0};
    struct cgroup_record read;
    const char *json;
    size_t length;
    struct error err;

    cr_assert_eq(
        fields_encode(&cgroup_record_fields, &record, &layout, &arena, &json, &length, &err), 0);
    cr_assert_eq(fields_decode(&cgroup_record_fields, json, length, &arena, &read, &err), 0, "%s",
                 err.text);
    cr_expect_str_eq(read.path, "/web");
    cr_assert_eq(read.directories.count, 2);
    cr_expect_str_eq(read.directories.items[0].hierarchy, "");
    cr_expect_str_eq(read.directories.items[1].directory, "/cg/a/web");
    cr_expect_eq(read.directories.items[1].made, 2);
}
