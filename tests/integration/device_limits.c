/* config-linux.md "Block IO", "Huge page limits": limits per device or page size, as the kernel
 * shows them. */

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

/* A disk of the test's own, on a file; it goes with the last descriptor. */
struct disk {
    const char *name;   /* "loop3" */
    const char *number; /* "7:3" */
    int file;
};

static int open_loop_control(void)
{
    /* Where no one does it on demand. */
    program_run(PROGRAM(.arguments = (const char *const[]){"modprobe", "-q", "loop", NULL}));
    return open("/dev/loop-control", O_RDWR | O_CLOEXEC);
}

static struct disk make_disk(void)
{
    autoclose int control = open_loop_control();
    autoclose int backing = open(work_file("disk", ""), O_RDWR | O_CLOEXEC);
    struct loop_config config = {.fd = (unsigned)backing, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    struct disk disk = {.file = -1};

    if (control < 0)
        skip("needs loop devices (/dev/loop-control)");
    cr_assert(ftruncate(backing, 1 << 20) == 0);
    for (int attempt = 0; attempt < 20; attempt++) { /* others take free ones too */
        disk.name = text("loop%d", ioctl(control, LOOP_CTL_GET_FREE));
        disk.file = open(text("/dev/%s", disk.name), O_RDWR | O_CLOEXEC);
        if (disk.file >= 0 && ioctl(disk.file, LOOP_CONFIGURE, &config) == 0)
            break;
        close(disk.file);
        disk.file = -1;
    }
    cr_assert(disk.file >= 0, "no loop device: %s", strerror(errno));
    disk.number = file_line(text("/sys/block/%s/dev", disk.name));
    return disk;
}

/* `{"major":8,"minor":0,MEMBER}` */
static const char *device_entry(const char *disk, const char *member)
{
    return text("{\"major\":%d,\"minor\":%d,%s}", atoi(disk), atoi(strchr(disk, ':') + 1), member);
}

static const struct rate {
    const char *member, *value, *v1_file, *v2_key;
} rates[] = {
    {"throttleReadBpsDevice",   "1048576", "blkio.throttle.read_bps_device",   "rbps" },
    {"throttleWriteBpsDevice",  "2097152", "blkio.throttle.write_bps_device",  "wbps" },
    {"throttleReadIOPSDevice",  "100",     "blkio.throttle.read_iops_device",  "riops"},
    {"throttleWriteIOPSDevice", "200",     "blkio.throttle.write_iops_device", "wiops"},
};

static const char *all_rates(const char *disk, bool none)
{
    const char *members = "";

    for (size_t i = 0; i < count_of(rates); i++) {
        const char *entry = device_entry(disk, text("\"rate\":%s", none ? "0" : rates[i].value));

        members = text("%s%s\"%s\":[%s]", members, i == 0 ? "" : ",", rates[i].member, entry);
    }
    return text("{%s}", members);
}

Scenario(device_limits, a_disk_is_throttled_until_an_update_says_0)
{
    struct bundle *bundle = bundle_new();
    bool v2 = host_has_pure_cgroup2();
    const char *disk;

    need_root();
    disk = make_disk().number;
    bundle_set(bundle, "linux.resources.blockIO", "%s", all_rates(disk, false));
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(rates); i++) {
        const char *file = bundle_cgroup_file(bundle, "blkio", v2 ? "io.max" : rates[i].v1_file);
        const char *expected = v2 ? text("%s=%s", rates[i].v2_key, rates[i].value)
                                  : text("%s %s", disk, rates[i].value);

        assert_has(file_text(file), expected);
    }
    assert_ok(crun_with(PROGRAM(.input = text("{\"blockIO\":%s}", all_rates(disk, true))), "update",
                        "--resources=-", bundle->id));
    for (size_t i = 0; i < count_of(rates); i++)
        assert_text(
            file_text(bundle_cgroup_file(bundle, "blkio", v2 ? "io.max" : rates[i].v1_file)), "");
    bundle_delete(bundle);
}

/* Write a line to a file of the kernel's. */
static bool told(const char *path, const char *line)
{
    autoclose int file = open(path, O_WRONLY | O_CLOEXEC);

    return file >= 0 && write(file, line, strlen(line)) > 0;
}

static void assert_weights(struct bundle *bundle, const char *file, const char *all,
                           const char *disk, const char *own)
{
    const char *weights = file_text(bundle_cgroup_file(bundle, "blkio", file));

    assert_has(weights, text("default %s\n", all));
    assert_has(weights, text("%s %s\n", disk, own));
}

static struct bundle *start_weighed(const struct disk *disk)
{
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "linux.resources.blockIO", "{\"weight\":500,\"weightDevice\":[%s]}",
               device_entry(disk->number, "\"weight\":100"));
    bundle_start(bundle);
    return bundle;
}

/* On a scale of 1 to 10000 instead of 10 to 1000, 500 is 4950 and 100 is 910. */
Scenario(device_limits, a_disk_has_a_weight_by_io_cost)
{
    struct bundle *bundle;
    struct disk disk;

    need_root();
    disk = make_disk();
    if (!host_has_pure_cgroup2() ||
        !told("/sys/fs/cgroup/io.cost.qos", text("%s enable=1", disk.number)))
        skip("needs cgroup v2 and io.cost (CONFIG_BLK_CGROUP_IOCOST)");
    bundle = start_weighed(&disk);
    if (file_exists(bundle_cgroup_file(bundle, "blkio", "io.bfq.weight")))
        skip("BFQ is loaded, and its file comes first");
    assert_weights(bundle, "io.weight", "4950", disk.number, "910");
    bundle_delete(bundle);
}

Scenario(device_limits, a_disk_has_a_weight_by_the_scheduler_bfq)
{
    struct bundle *bundle;
    struct disk disk;

    need_root();
    disk = make_disk();
    if (!told(text("/sys/block/%s/queue/scheduler", disk.name), "bfq"))
        skip("needs the scheduler BFQ (CONFIG_BFQ_GROUP_IOSCHED)");
    bundle = start_weighed(&disk);
    assert_weights(bundle, host_has_pure_cgroup2() ? "io.bfq.weight" : "blkio.bfq.weight_device",
                   "500", disk.number, "100");
    bundle_delete(bundle);
}

/* What is reserved is limited too: mmap fails, where the first touch would end in SIGBUS. */
Scenario(device_limits, huge_pages_are_limited_in_use_and_in_reservation)
{
    struct bundle *bundle = bundle_new();
    bool v2;

    need_root();
    bundle_set(bundle, "linux.resources.hugepageLimits",
               "[{\"pageSize\":\"2MB\",\"limit\":4194304}]");
    if (!file_exists("/sys/kernel/mm/hugepages/hugepages-2048kB"))
        skip("this kernel has no huge pages of 2 MB");
    bundle_start(bundle);
    v2 = file_exists(bundle_cgroup_file(bundle, "hugetlb", "hugetlb.2MB.max"));
    assert_text(file_line(bundle_cgroup_file(
                    bundle, "hugetlb", v2 ? "hugetlb.2MB.max" : "hugetlb.2MB.limit_in_bytes")),
                "4194304");
    assert_text(
        file_line(bundle_cgroup_file(
            bundle, "hugetlb", v2 ? "hugetlb.2MB.rsvd.max" : "hugetlb.2MB.rsvd.limit_in_bytes")),
        "4194304");
    bundle_delete(bundle);
}
