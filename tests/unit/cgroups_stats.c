/* Statistics: from the files of either version to the JSON of runc. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "cgroups/cgroup.h"
#include "runtime/container.h"

struct file {
    const char *name, *text;
};

/* A directory that looks like a cgroup. */
static int make_directory(const struct file *files, size_t count)
{
    char path[] = "/tmp/crun-lite-stats-XXXXXX";
    int dir = mkdtemp(path) == NULL ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    cr_assert(dir >= 0);
    for (size_t i = 0; i < count; i++) {
        autoclose int fd = openat(dir, files[i].name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        cr_assert(write(fd, files[i].text, strlen(files[i].text)) > 0);
    }
    return dir;
}

static void remove_directory(int dir, const struct file *files, size_t count)
{
    char link[40], path[64] = "";

    for (size_t i = 0; i < count; i++)
        unlinkat(dir, files[i].name, 0);
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    cr_assert(readlink(link, path, sizeof path - 1) > 0 && rmdir(path) == 0);
    close(dir);
}

/* The data of one event, as it is printed. */
static const char *json_of(const struct cgroup *cgroup, struct arena *arena)
{
    struct container_stats stats = {0};
    struct container_event event = {.type = "stats", .id = "web", .stats = &stats};
    struct container_interface interface = {.name = "eth0", .rx_bytes = 1, .tx_dropped = 8};
    struct error err;
    const char *json;

    cr_assert_eq(cgroup_stats_read(cgroup, arena, &stats.cgroup, &err), 0, "%s", err.text);
    stats.interfaces.items = &interface;
    stats.interfaces.count = 1;
    cr_assert_eq(fields_encode(&container_event_fields, &event, NULL, arena, &json, NULL, &err), 0);
    return json;
}

static const struct file v2_files[] = {
    {"cpu.stat",              "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 4\n"
                 "nr_throttled 2\nthrottled_usec 7\n"                      },
    {"cpu.pressure",          "some avg10=13.78 avg60=0.50 avg300=0.00 total=42\n"
                     "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"},
    {"cpuset.cpus.effective", "0-2,7\n"                                                    },
    {"cpuset.mems.effective", "0\n"                                                        },
    {"memory.stat",           "anon 5\nfile 6\nkernel 7\n"                                 },
    {"memory.current",        "100\n"                                                      },
    {"memory.peak",           "150\n"                                                      },
    {"memory.max",            "1000\n"                                                     },
    {"memory.events",         "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n"                  },
    {"memory.swap.current",   "11\n"                                                       },
    {"memory.swap.max",       "500\n"                                                      },
    {"pids.current",          "2\n"                                                        },
    {"pids.max",              "max\n"                                                      },
    {"io.stat",               "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n"      },
    {"hugetlb.2MB.current",   "4096\n"                                                     },
    {"hugetlb.2MB.events",    "max 9\n"                                                    },
};

Test(cgroups_stats, v2_is_told_in_the_shape_of_runc)
{
    struct arena arena = {NULL};
    int dir = make_directory(v2_files, count_of(v2_files));
    struct cgroup cgroup = {.count = 1, .directories = {{.name = "", .fd = dir, .is_v2 = true}}};

    cr_expect_str_eq(
        json_of(&cgroup, &arena),
        "{\"type\":\"stats\",\"id\":\"web\",\"data\":{"
        "\"cpu\":{\"usage\":{\"total\":30000,\"kernel\":10000,\"user\":20000},"
        "\"throttling\":{\"periods\":4,\"throttledPeriods\":2,\"throttledTime\":7000},"
        "\"psi\":{\"some\":{\"avg10\":13.78,\"avg60\":0.5,\"avg300\":0,\"total\":42},"
        "\"full\":{\"avg10\":0,\"avg60\":0,\"avg300\":0,\"total\":0}}},"
        "\"cpuset\":{\"cpus\":[0,1,2,7],\"cpu_exclusive\":0,\"mems\":[0],\"mem_hardwall\":0,"
        "\"mem_exclusive\":0,\"memory_migrate\":0,\"memory_spread_page\":0,"
        "\"memory_spread_slab\":0,\"memory_pressure\":0,\"sched_load_balance\":0,"
        "\"sched_relax_domain_level\":0},"
        "\"memory\":{\"cache\":6,\"usage\":{\"limit\":1000,\"usage\":100,\"max\":150,"
        "\"failcnt\":3},\"swap\":{\"limit\":1500,\"usage\":111,\"failcnt\":0},"
        "\"kernel\":{\"limit\":0,\"failcnt\":0},\"kernelTCP\":{\"limit\":0,\"failcnt\":0},"
        "\"raw\":{\"anon\":5,\"file\":6,\"kernel\":7}},"
        "\"pids\":{\"current\":2},"
        "\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":1},"
        "{\"major\":8,\"op\":\"Write\",\"value\":2}],"
        "\"ioServicedRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":3},"
        "{\"major\":8,\"op\":\"Write\",\"value\":4}]},"
        "\"hugetlb\":{\"2MB\":{\"usage\":4096,\"failcnt\":9}},"
        "\"intel_rdt\":{},"
        "\"network_interfaces\":[{\"Name\":\"eth0\",\"RxBytes\":1,\"RxPackets\":0,\"RxErrors\":0,"
        "\"RxDropped\":0,\"TxBytes\":0,\"TxPackets\":0,\"TxErrors\":0,\"TxDropped\":8}]}}");
    remove_directory(dir, v2_files, count_of(v2_files));
    arena_free(&arena);
}

static const struct file v1_files[] = {
    {"cpuacct.usage",                             "30000\n"                                            },
    {"cpuacct.stat",                              "user 2\nsystem 1\n"                                 },
    {"cpuacct.usage_percpu",                      "10 20 \n"                                           },
    {"cpuacct.usage_all",                         "cpu user system\n0 7 3\n1 15 5\n"                   },
    {"cpu.stat",                                  "nr_periods 4\nnr_throttled 2\nthrottled_time 7000\n"},
    {"cpuset.cpus",                               "1\n"                                                },
    {"cpuset.sched_relax_domain_level",           "-1\n"                                               },
    {"memory.stat",                               "cache 6\nrss 5\n"                                   },
    {"memory.usage_in_bytes",                     "100\n"                                              },
    {"memory.max_usage_in_bytes",                 "150\n"                                              },
    {"memory.limit_in_bytes",                     "1000\n"                                             },
    {"memory.failcnt",                            "3\n"                                                },
    {"memory.memsw.usage_in_bytes",               "111\n"                                              },
    {"memory.memsw.limit_in_bytes",               "1500\n"                                             },
    {"memory.kmem.usage_in_bytes",                "12\n"                                               },
    {"pids.current",                              "2\n"                                                },
    {"pids.max",                                  "77\n"                                               },
    {"blkio.throttle.io_service_bytes_recursive", "8:16 Read 1\n8:16 Write 2\nTotal 3\n"               },
    {"blkio.bfq.sectors_recursive",               "8:16 9\n"                                           },
    {"hugetlb.1GB.usage_in_bytes",                "4096\n"                                             },
    {"hugetlb.1GB.max_usage_in_bytes",            "8192\n"                                             },
    {"hugetlb.1GB.failcnt",                       "9\n"                                                },
};

Test(cgroups_stats, v1_is_told_in_the_same_shape)
{
    struct arena arena = {NULL};
    int dir = make_directory(v1_files, count_of(v1_files));
    struct cgroup cgroup = {
        .count = 1,
        .directories = {{.name = "cpu,cpuacct,cpuset,memory,pids,blkio,hugetlb", .fd = dir}}};

    const char *json = json_of(&cgroup, &arena);
    static const char *const parts[] = {
        "\"usage\":{\"total\":30000,\"percpu\":[10,20],\"percpu_kernel\":[3,5],"
        "\"percpu_user\":[7,15],\"kernel\":10000000,\"user\":20000000}",
        "\"throttledTime\":7000}",
        "\"cpus\":[1],",
        "\"sched_relax_domain_level\":-1}",
        "\"cache\":6,\"usage\":{\"limit\":1000,\"usage\":100,\"max\":150,\"failcnt\":3},"
        "\"swap\":{\"limit\":1500,\"usage\":111,\"failcnt\":0},"
        "\"kernel\":{\"limit\":0,\"usage\":12,\"failcnt\":0},",
        "\"raw\":{\"cache\":6,\"rss\":5}}",
        "\"pids\":{\"current\":2,\"limit\":77}",
        "\"ioServiceBytesRecursive\":[{\"major\":8,\"minor\":16,\"op\":\"Read\",\"value\":1},"
        "{\"major\":8,\"minor\":16,\"op\":\"Write\",\"value\":2}]",
        "\"sectorsRecursive\":[{\"major\":8,\"minor\":16,\"value\":9}]",
        "\"hugetlb\":{\"1GB\":{\"usage\":4096,\"max\":8192,\"failcnt\":9}}",
    };

    for (size_t i = 0; i < count_of(parts); i++)
        cr_expect(strstr(json, parts[i]) != NULL, "%s is not in %s", parts[i], json);
    cr_expect_null(strstr(json, "psi"));
    remove_directory(dir, v1_files, count_of(v1_files));
    arena_free(&arena);
}

/* Half a cgroup, on a kernel without most of it: what is not there is absent, not an error. */
Test(cgroups_stats, what_is_not_counted_is_absent)
{
    struct arena arena = {NULL};
    int dir = make_directory(NULL, 0);
    struct cgroup cgroup = {.count = 1, .directories = {{.name = "", .fd = dir, .is_v2 = true}}};
    const char *json = json_of(&cgroup, &arena);

    cr_expect(strstr(json, "\"usage\":{\"kernel\":0,\"user\":0},\"throttling\":{}}") != NULL);
    cr_expect(strstr(json, "\"pids\":{},\"blkio\":{},\"hugetlb\":{}") != NULL, "%s", json);
    remove_directory(dir, NULL, 0);
    arena_free(&arena);
}

Test(cgroups_stats, a_memory_that_is_unlimited_is_the_greatest_number)
{
    static const struct file files[] = {
        {"memory.max",      "max\n"},
        {"memory.swap.max", "max\n"},
    };
    struct arena arena = {NULL};
    int dir = make_directory(files, count_of(files));
    struct cgroup cgroup = {.count = 1, .directories = {{.name = "", .fd = dir, .is_v2 = true}}};

    cr_expect(strstr(json_of(&cgroup, &arena),
                     "\"usage\":{\"limit\":18446744073709551615,\"failcnt\":0},"
                     "\"swap\":{\"limit\":18446744073709551615,\"failcnt\":0}") != NULL);
    remove_directory(dir, files, count_of(files));
    arena_free(&arena);
}

/* The statistics read back, so that whoever has them as text has them as numbers. */
Test(cgroups_stats, the_json_is_read_as_it_was_written)
{
    static const char json[] = "{\"usage\":{\"total\":3,\"percpu\":[1,2],\"kernel\":0,\"user\":0},"
                               "\"throttling\":{},\"psi\":{\"some\":{\"avg10\":13.78,\"avg60\":0,"
                               "\"avg300\":0,\"total\":42},\"full\":{\"avg10\":0,\"avg60\":0,"
                               "\"avg300\":0,\"total\":0}}}";
    struct arena arena = {NULL};
    struct cgroup_cpu_stats stats;
    const char *again;
    struct error err;

    cr_assert_eq(
        fields_decode(&cgroup_cpu_stats_fields, json, sizeof json - 1, &arena, &stats, &err), 0,
        "%s", err.text);
    cr_expect_eq(stats.pressure->some.avg10, 13.78);
    cr_assert_eq(fields_encode(&cgroup_cpu_stats_fields, &stats, NULL, &arena, &again, NULL, &err),
                 0);
    cr_expect_str_eq(again, json);
    cr_expect_lt(fields_decode(&cgroup_cpu_stats_fields, "{\"usage\":{\"percpu\":[-1]}}", 25,
                               &arena, &stats, &err),
                 0);
    cr_expect_str_eq(err.text, "usage.percpu[0]: -1 is out of range (0 to 18446744073709551615)");
    cr_expect_lt(fields_decode(&cgroup_memory_stats_fields, "{\"raw\":{\"a\":\"b\"}}", 17, &arena,
                               &(struct cgroup_memory_stats){0}, &err),
                 0);
    cr_expect_str_eq(err.text, "raw.a: expected integer, found string");
    arena_free(&arena);
}
