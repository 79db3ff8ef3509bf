/*
 * linux.intelRdt: classes of service and monitoring groups.  No machine of ours has the processor
 * for it: the kernel's part is played by harness/resctrl.c.
 */

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/resctrl.h"
#include "tests/integration/harness/scenario.h"

#define with(resctrl, ...) crun_with(PROGRAM(.wrapper = (resctrl).wrapper), __VA_ARGS__)

static struct bundle *bundle_with(const char *rdt)
{
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "linux.intelRdt", "%s", rdt);
    bundle_set(bundle, "process.args", "[\"/bin/sleep\",\"3600\"]");
    return bundle;
}

static void start(const struct resctrl *resctrl, struct bundle *bundle)
{
    assert_ok(with(*resctrl, "run", "-d", "-b", bundle->path, bundle->id));
}

static const char *first_process(struct bundle *bundle)
{
    return text("%d\n", (int)bundle_pid(bundle));
}

Scenario(resctrl, a_class_of_its_own_comes_and_goes)
{
    struct resctrl resctrl = resctrl_mount();
    struct bundle *bundle = bundle_with(
        "{\"l3CacheSchema\":\"L3:0=f0\\nMB:0=90\","
        "\"memBwSchema\":\"MB:0=20;1=65\",\"schemata\":[\"L3:1=7\"]}");

    start(&resctrl, bundle);
    assert_text(resctrl_file(&resctrl, "%s/schemata", bundle->id),
                "    L3:0=0f0;1=007\n    MB:0= 20;1= 70\n");
    assert_text(resctrl_file(&resctrl, "%s/tasks", bundle->id), first_process(bundle));
    assert_text(resctrl_file(&resctrl, "schemata"), "    L3:0=fff;1=fff\n    MB:0=100;1=100\n");
    bundle_delete(bundle);
    cr_assert(!file_exists(text("%s/%s", resctrl.place, bundle->id)));
    resctrl_unmount(&resctrl);
}

Scenario(resctrl, exec_is_in_the_class_too)
{
    struct resctrl resctrl = resctrl_mount();
    struct bundle *bundle = bundle_with("{\"enableMonitoring\":true}");
    const char *pid_file = work_path("exec.pid"), *both;

    start(&resctrl, bundle);
    assert_ok(crun("exec", "-d", "--pid-file", pid_file, bundle->id, "/bin/sleep", "3600"));
    both = text("%s%s\n", first_process(bundle), file_line(pid_file));
    assert_text(resctrl_file(&resctrl, "%s/tasks", bundle->id), both);
    assert_text(resctrl_file(&resctrl, "%s/mon_groups/%s/tasks", bundle->id, bundle->id), both);
    bundle_delete(bundle);
    resctrl_unmount(&resctrl);
}

Scenario(resctrl, the_default_class_can_be_monitored)
{
    struct resctrl resctrl = resctrl_mount();
    struct bundle *bundle = bundle_with("{\"closID\":\"/\",\"enableMonitoring\":true}");

    start(&resctrl, bundle);
    assert_text(resctrl_file(&resctrl, "mon_groups/%s/tasks", bundle->id), first_process(bundle));
    cr_assert(!file_exists(text("%s/%s", resctrl.place, bundle->id)));
    assert_refused(crun("update", "--l3-cache-schema", "L3:0=1", bundle->id), 1, "default class");
    bundle_delete(bundle);
    cr_assert(!file_exists(text("%s/mon_groups/%s", resctrl.place, bundle->id)));
    resctrl_unmount(&resctrl);
}

Scenario(resctrl, a_class_that_is_there_is_used_and_stays)
{
    struct resctrl resctrl = resctrl_mount();
    struct bundle *bundle = bundle_with("{\"closID\":\"gold\"}");

    cr_assert(mkdir(text("%s/gold", resctrl.place), 0755) == 0);
    start(&resctrl, bundle);
    assert_text(resctrl_file(&resctrl, "gold/tasks"), first_process(bundle));
    bundle_delete(bundle);
    cr_assert(eventually(*resctrl_file(&resctrl, "gold/tasks") == '\0'));

    /* what the kernel makes of the values is what counts */
    bundle_set(bundle, "linux.intelRdt.schemata", "[\"L3:0=0FFF\",\"MB:1=91\"]");
    start(&resctrl, bundle);
    bundle_delete(bundle);
    cr_assert(file_exists(text("%s/gold", resctrl.place)));
    resctrl_unmount(&resctrl);
}

Scenario(resctrl, a_class_that_two_share_goes_with_its_maker_when_he_is_the_last)
{
    struct resctrl resctrl = resctrl_mount();
    const char *rdt = "{\"closID\":\"pair\",\"schemata\":[\"L3:0=3\"]}";
    struct bundle *first = bundle_with(rdt), *second = bundle_with(rdt);

    start(&resctrl, first);
    start(&resctrl, second);
    bundle_delete(second);
    cr_assert(eventually(strcmp(resctrl_file(&resctrl, "pair/tasks"), first_process(first)) == 0));
    bundle_delete(first);
    cr_assert(!file_exists(text("%s/pair", resctrl.place)));
    resctrl_unmount(&resctrl);
}

Scenario(resctrl, what_cannot_be_is_refused_and_leaves_nothing)
{
    static const struct {
        const char *rdt, *words;
    } rows[] = {
        {"{\"closID\":\"none\"}",
         "config.json: linux.intelRdt.closID: there is no class \"none\" in "                                                },
        {"{\"closID\":\"gold\",\"schemata\":[\"L3:0=fff\",\"L3:1=1\"]}",
         "the class \"gold\" is there already, and \"L3:1=1\" is not what it has"                                            },
        {"{\"closID\":\"gold\",\"memBwSchema\":\"MB:0=90\"}",            "\"MB:0=90\" is not what it has"                    },
        {"{\"closID\":\"/\",\"l3CacheSchema\":\"L3:0=1\"}",              "\"L3:0=1\" is not what it has"                     },
        {"{\"schemata\":[\"L2:0=1\"]}",                                  "resctrl says: Unknown or unsupported resource name"},
        {"{\"l3CacheSchema\":\"L3:0=1fff\"}",                            "resctrl says: Mask out of range"                   },
        {"{\"closID\":\"info\",\"schemata\":[\"L3:0=1\"]}",              "linux.intelRdt"                                    },
    };
    struct resctrl resctrl = resctrl_mount();

    cr_assert(mkdir(text("%s/gold", resctrl.place), 0755) == 0);
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_with(rows[i].rdt);

        assert_refused(with(resctrl, "run", "-d", "-b", bundle->path, bundle->id), 1,
                       rows[i].words);
        cr_assert(!file_exists(text("%s/%s", resctrl.place, bundle->id)));
    }
    cr_assert(file_exists(text("%s/gold", resctrl.place)));
    assert_text(resctrl_file(&resctrl, "schemata"), "    L3:0=fff;1=fff\n    MB:0=100;1=100\n");
    resctrl_unmount(&resctrl);
}

/* Three beside the default one. */
Scenario(resctrl, no_class_left_is_an_error_and_leaves_nothing)
{
    struct resctrl resctrl = resctrl_mount();
    struct bundle *bundle = bundle_with("{}");

    for (int i = 0; i < 3; i++)
        cr_assert(mkdir(text("%s/class%d", resctrl.place, i), 0755) == 0);
    assert_refused(with(resctrl, "run", "-d", "-b", bundle->path, bundle->id), 1,
                   "resctrl says: Out of CLOSIDs");
    resctrl_unmount(&resctrl);
}

/* The undo comes when the class has a process. */
Scenario(resctrl, a_start_that_fails_later_leaves_no_class)
{
    struct resctrl resctrl = resctrl_mount();
    struct bundle *bundle = bundle_with("{\"enableMonitoring\":true}");

    bundle_set(bundle, "process.args", "[\"/no/such/program\"]");
    assert_refused(with(resctrl, "run", "-b", bundle->path, bundle->id), 1, "/no/such/program");
    cr_assert(!file_exists(text("%s/%s", resctrl.place, bundle->id)));
    resctrl_unmount(&resctrl);
}

Scenario(resctrl, update_changes_the_share)
{
    struct resctrl resctrl = resctrl_mount();
    struct bundle *bundle = bundle_with("{}");

    start(&resctrl, bundle);
    assert_ok(crun("update", "--l3-cache-schema", "L3:0=f", "--mem-bw-schema=MB:1=50", bundle->id));
    assert_text(resctrl_file(&resctrl, "%s/schemata", bundle->id),
                "    L3:0=00f;1=fff\n    MB:0=100;1= 50\n");
    assert_refused(crun("update", "--l3-cache-schema", "L3:0=0", bundle->id), 1,
                   "Mask out of range");
    assert_refused(crun("update", "--mem-bw-schema", "L3:0=1", bundle->id), 1,
                   "linux.intelRdt.memBwSchema");
    /* all or nothing */
    assert_refused(
        crun("update", "--l3-cache-schema", "L3:0=1", "--cpuset-cpus", "4095", bundle->id), 1,
        "cpuset");
    assert_text(resctrl_file(&resctrl, "%s/schemata", bundle->id),
                "    L3:0=00f;1=fff\n    MB:0=100;1= 50\n");
    bundle_delete(bundle);
    resctrl_unmount(&resctrl);
}

Scenario(resctrl, a_class_that_two_share_stays_when_its_maker_is_not_the_last)
{
    struct resctrl resctrl = resctrl_mount();
    const char *rdt = "{\"closID\":\"pair\",\"schemata\":[\"L3:0=3\"]}";
    struct bundle *first = bundle_with(rdt), *second = bundle_with(rdt);

    start(&resctrl, first);
    start(&resctrl, second);
    bundle_delete(first);
    cr_assert(eventually(strcmp(resctrl_file(&resctrl, "pair/tasks"), first_process(second)) == 0));
    bundle_delete(second);
    cr_assert(file_exists(text("%s/pair", resctrl.place)));
    resctrl_unmount(&resctrl);
}

/* The record of a class that could not be made must not stay. */
Scenario(resctrl, a_first_update_that_fails_can_be_repeated)
{
    struct resctrl resctrl = resctrl_mount();
    struct bundle *bundle = bundle_new();

    bundle_start(bundle);
    assert_refused(with(resctrl, "update", "--l3-cache-schema", "L3:0=0", bundle->id), 1,
                   "Mask out of range");
    assert_text(inside_running(bundle, "echo still here"), "still here");
    assert_ok(crun("events", "--stats", bundle->id));
    assert_ok(with(resctrl, "update", "--l3-cache-schema", "L3:0=1", bundle->id));
    assert_has(resctrl_file(&resctrl, "%s/schemata", bundle->id), "L3:0=001;1=fff");
    assert_has(crun("events", "--stats", bundle->id).out, "\"l3_cache_schema\":\"L3:0=001;1=fff\"");
    bundle_delete(bundle);
    cr_assert(!file_exists(text("%s/%s", resctrl.place, bundle->id)));
    resctrl_unmount(&resctrl);
}

/* Somebody has made a class of the container's name: the way back from it is to the default one. */
Scenario(resctrl, an_update_that_fails_takes_its_processes_out_of_a_class_of_others)
{
    struct resctrl resctrl = resctrl_mount();
    struct bundle *bundle = bundle_new();

    bundle_start(bundle);
    cr_assert(mkdir(text("%s/%s", resctrl.place, bundle->id), 0755) == 0);
    assert_refused(with(resctrl, "update", "--l3-cache-schema", "L3:0=1", bundle->id), 1,
                   "is not what it has");
    assert_refused(with(resctrl, "update", "--l3-cache-schema", "L3:0=fff", "--cpuset-cpus", "4095",
                        bundle->id),
                   1, "cpuset");
    assert_text(resctrl_file(&resctrl, "%s/tasks", bundle->id), "");
    assert_text(resctrl_file(&resctrl, "tasks"),
                file_text(bundle_cgroup_file(bundle, "pids", "cgroup.procs")));
    bundle_delete(bundle);
    cr_assert(file_exists(text("%s/%s", resctrl.place, bundle->id)));
    resctrl_unmount(&resctrl);
}

Scenario(resctrl, exec_goes_on_without_a_class_that_was_taken_away)
{
    struct resctrl resctrl = resctrl_mount();
    struct bundle *bundle = bundle_with("{}");
    struct outcome outcome;

    start(&resctrl, bundle);
    cr_assert(rmdir(text("%s/%s", resctrl.place, bundle->id)) == 0);
    outcome = crun("exec", bundle->id, "/bin/true");
    assert_ok(outcome);
    assert_has(outcome.err, "has gone");
    bundle_delete(bundle);
    resctrl_unmount(&resctrl);
}

Scenario(resctrl, update_gives_a_class_to_who_has_none)
{
    struct resctrl resctrl = resctrl_mount();
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "process.args", "[\"/bin/sh\",\"-c\",\"sleep 3600 & wait\"]");
    assert_ok(crun("run", "-d", "-b", bundle->path, bundle->id));
    cr_assert(eventually(strstr(crun("ps", bundle->id).out, "sleep 3600\n") != NULL));
    assert_refused(
        with(resctrl, "update", "--l3-cache-schema", "L3:0=f", "--cpuset-cpus", "4095", bundle->id),
        1, "cpuset");
    cr_assert(!file_exists(text("%s/%s", resctrl.place, bundle->id)));
    assert_ok(with(resctrl, "update", "--l3-cache-schema", "L3:0=f", bundle->id));
    assert_text(resctrl_file(&resctrl, "%s/schemata", bundle->id),
                "    L3:0=00f;1=fff\n    MB:0=100;1=100\n");
    assert_text(resctrl_file(&resctrl, "%s/tasks", bundle->id),
                file_text(bundle_cgroup_file(bundle, "pids", "cgroup.procs")));
    bundle_delete(bundle);
    cr_assert(!file_exists(text("%s/%s", resctrl.place, bundle->id)));
    resctrl_unmount(&resctrl);
}

Scenario(resctrl, events_show_the_share_and_its_use)
{
    struct resctrl resctrl = resctrl_mount();
    struct bundle *bundle = bundle_with("{\"schemata\":[\"L3:0=f\"],\"enableMonitoring\":true}");
    struct outcome outcome;

    start(&resctrl, bundle);
    outcome = crun("events", "--stats", bundle->id);
    assert_ok(outcome);
    assert_has(outcome.out,
               "\"intel_rdt\":{\"l3_cache_info\":{\"cbm_mask\":\"fff\",\"min_cbm_bits\":1,"
               "\"num_closids\":4},\"l3_cache_schema_root\":\"L3:0=fff;1=fff\","
               "\"l3_cache_schema\":\"L3:0=00f;1=fff\",\"mem_bw_info\":{\"bandwidth_gran\":10,"
               "\"delay_linear\":1,\"min_bandwidth\":10,\"num_closids\":4},"
               "\"mem_bw_schema_root\":\"MB:0=100;1=100\",\"mem_bw_schema\":\"MB:0=100;1=100\","
               "\"schemata\":[\"L3:0=00f;1=fff\",\"MB:0=100;1=100\"],"
               "\"mbm_stats\":[{\"mbm_total_bytes\":1000,\"mbm_local_bytes\":900},"
               "{\"mbm_total_bytes\":1000,\"mbm_local_bytes\":0}],"
               "\"cmt_stats\":[{\"llc_occupancy\":4096},{\"llc_occupancy\":4096}]}");
    bundle_delete(bundle);
    resctrl_unmount(&resctrl);
}

Scenario(resctrl, nothing_is_promised_without_it)
{
    struct bundle *bundle = bundle_with("{\"closID\":\"x\"}");

    need_root();
    if (file_exists("/sys/fs/resctrl/schemata"))
        skip("this machine has resctrl");
    assert_refused(bundle_run(bundle), 1,
                   "linux.intelRdt: intelRdt is specified in config, but Intel RDT is not enabled");
    bundle_remove(bundle, "linux.intelRdt");
    bundle_start(bundle);
    assert_refused(crun("update", "--l3-cache-schema", "L3:0=f", bundle->id), 1, "not enabled");
    assert_refused(crun("update", "--mem-bw-schema", "MB:0=20", bundle->id), 1, "not enabled");
    bundle_delete(bundle);
}
