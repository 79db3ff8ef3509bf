/* config-linux.md "Network": the class and the priorities that the kernel gives to what a container
 * sends.  Of cgroup v1 alone; that v2 passes them over is in resources.c. */

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/scenario.h"

static void need_controller(const char *controller)
{
    const char *enabled = file_text("/proc/self/cgroup");

    need_root();
    if (host_has_pure_cgroup2())
        skip("is about cgroup v1");
    if (enabled == NULL || strstr(enabled, controller) == NULL)
        skip("needs the controller %s of cgroup v1", controller);
}

/* A line of net_prio.ifpriomap. */
static bool has_priority(struct bundle *bundle, const char *line)
{
    const char *map = file_text(bundle_cgroup_file(bundle, "net_prio", "net_prio.ifpriomap"));

    return map != NULL && strstr(text("\n%s", map), text("\n%s\n", line)) != NULL;
}

Scenario(network_classes, the_class_is_the_configs)
{
    struct bundle *bundle = bundle_new();

    need_controller("net_cls");
    bundle_set(bundle, "linux.resources.network", "{\"classID\":1048577}");
    bundle_mount(bundle, "/sys/fs/cgroup", "cgroup", "cgroup", "\"ro\"");
    bundle_start(bundle);
    assert_text(file_line(bundle_cgroup_file(bundle, "net_cls", "net_cls.classid")), "1048577");
    assert_text(inside_running(bundle, "cat /sys/fs/cgroup/net_cls/net_cls.classid"), "1048577");
    assert_ok(crun_with(PROGRAM(.input = "{\"network\":{\"classID\":4294967295}}"), "update",
                        "--resources=-", bundle->id));
    assert_text(file_line(bundle_cgroup_file(bundle, "net_cls", "net_cls.classid")), "4294967295");
    bundle_delete(bundle);
}

Scenario(network_classes, priorities_are_the_configs_for_each_interface)
{
    struct bundle *bundle = bundle_new();

    need_controller("net_prio");
    bundle_start(bundle);
    cr_assert(has_priority(bundle, "lo 0"));
    bundle_delete(bundle);
    bundle_set(bundle, "linux.resources.network.priorities", "[{\"name\":\"lo\",\"priority\":5}]");
    bundle_start(bundle);
    cr_assert(has_priority(bundle, "lo 5"));
    assert_ok(crun_with(
        PROGRAM(.input = "{\"network\":{\"priorities\":[{\"name\":\"lo\",\"priority\":6}]}}"),
        "update", "--resources=-", bundle->id));
    cr_assert(has_priority(bundle, "lo 6"));
    /* The first is set when the second is refused. */
    assert_refused(
        crun_with(PROGRAM(.input = "{\"network\":{\"priorities\":[{\"name\":\"lo\",\"priority\":7},"
                                   "{\"name\":\"nosuch0\",\"priority\":7}]}}"),
                  "update", "--resources=-", bundle->id),
        1, "linux.resources.network.priorities: write \"nosuch0 7\"");
    cr_assert(has_priority(bundle, "lo 6"));
    bundle_delete(bundle);
}

Scenario(network_classes, an_interface_that_is_not_there_is_named)
{
    struct bundle *bundle = bundle_new();

    need_controller("net_prio");
    bundle_set(bundle, "linux.resources.network.priorities",
               "[{\"name\":\"nosuch0\",\"priority\":5}]");
    assert_refused(bundle_run(bundle), 1,
                   "linux.resources.network.priorities: write \"nosuch0 5\"");
}
