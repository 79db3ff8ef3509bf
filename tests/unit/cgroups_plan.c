/* From linux.resources to files and values, on a v2, a v1 and a hybrid host. */

#include <errno.h>
#include <stdio.h>

#include "tests/unit/cgroups_help.h"

/* What becomes of a piece of resources: writes as writes_text() gives them, or the whole error. */
struct expectation {
    const char *json;
    const char *v2;
    const char *v1;
};

static const char *outcome(const struct cgroup_host *host, const char *json, struct arena *arena)
{
    struct cgroup_plan plan;
    struct error err;

    if (plan_of(&plan, host, json, arena, &err) < 0)
        return arena_string(arena, err.text);
    return writes_text(&plan, arena);
}

static void check(const struct expectation *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        autoarena struct arena arena = {0};
        const char *v2 = outcome(&v2_host, rows[i].json, &arena);
        const char *v1 = outcome(&v1_host, rows[i].json, &arena);

        cr_expect_str_eq(v2, rows[i].v2, "%s on v2: %s", rows[i].json, v2);
        cr_expect_str_eq(v1, rows[i].v1, "%s on v1: %s", rows[i].json, v1);
    }
}

#define CHECK(rows) check(rows, count_of(rows))

Test(cgroups_plan, nothing_asked_writes_nothing)
{
    static const struct expectation rows[] = {
        {"{}",                                                         "", ""},
        {"{'memory':{},'cpu':{},'pids':{},'blockIO':{},'network':{}}", "", ""},
    };

    CHECK(rows);
}

Test(cgroups_plan, memory)
{
    static const struct expectation rows[] = {
        {"{'memory':{'limit':1000}}",                       "memory.max=1000",                       "memory.limit_in_bytes=1000"      },
        {"{'memory':{'limit':0,'reservation':0,'swap':0}}", "",                                      ""                                },
        {"{'memory':{'limit':-1}}",                         "memory.max=max; memory.swap.max?=max",
         "memory.limit_in_bytes=-1; memory.memsw.limit_in_bytes?=-1"                                                                   },
        {"{'memory':{'reservation':500}}",                  "memory.low=500",                        "memory.soft_limit_in_bytes=500"  },
        {"{'memory':{'reservation':-1}}",                   "memory.low=max",                        "memory.soft_limit_in_bytes=-1"   },
        {"{'memory':{'limit':1000,'swap':3000}}",           "memory.max=1000; memory.swap.max=2000",
         "memory.limit_in_bytes=1000; memory.memsw.limit_in_bytes=3000"                                                                },
        {"{'memory':{'limit':1000,'swap':1000}}",           "memory.max=1000; memory.swap.max?=0",
         "memory.limit_in_bytes=1000; memory.memsw.limit_in_bytes=1000"                                                                },
        {"{'memory':{'limit':1000,'swap':-1}}",             "memory.max=1000; memory.swap.max?=max",
         "memory.limit_in_bytes=1000; memory.memsw.limit_in_bytes?=-1"                                                                 },
        {"{'memory':{'limit':1000,'swap':999}}",
         "linux.resources.memory.swap: 999 is less than memory.limit, 1000 (it counts memory and "
         "swap together)",                                                                           "linux.resources.memory.swap: 999 is less than memory.limit, 1000 (it counts memory and "
         "swap together)"                                                                                    },
        {"{'memory':{'swap':1000}}",
         "linux.resources.memory.swap: 1000 needs a memory.limit beside it (it counts memory and "
         "swap together, cgroup v2 swap alone)",                                                     "memory.memsw.limit_in_bytes=1000"},
    };

    CHECK(rows);
}

Test(cgroups_plan, memory_of_v1_alone_is_ignored_on_v2)
{
    static const struct expectation rows[] = {
        {"{'memory':{'kernel':1000}}",                                "", ""                                   },
        {"{'memory':{'kernelTCP':1000}}",                             "", "memory.kmem.tcp.limit_in_bytes=1000"},
        {"{'memory':{'swappiness':0}}",                               "", "memory.swappiness=0"                },
        {"{'memory':{'disableOOMKiller':true}}",                      "", "memory.oom_control=1"               },
        {"{'memory':{'disableOOMKiller':false,'useHierarchy':true}}", "", ""                                   },
    };

    CHECK(rows);
}

Test(cgroups_plan, bytes_below_minus_one_are_refused_where_the_decoder_is_not_asked)
{
    struct spec_memory memory = {
        .limit = {-5, true}
    };
    struct spec_resources resources = {.memory = &memory};
    struct cgroup_request request = {.id = "web", .resources = &resources};
    autoarena struct arena arena = {0};
    struct cgroup_plan plan;
    struct error err;

    cr_assert_eq(cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, NULL, &err), -22);
    cr_assert_str_eq(err.text, "linux.resources.memory.limit: -5 is no number of bytes (-1 is "
                               "unlimited)");
    memory = (struct spec_memory){
        .swap = {-2, true}
    };
    cr_assert_eq(cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, NULL, &err), -22);
    memory = (struct spec_memory){
        .swappiness = {101, true}
    };
    cr_assert_eq(cgroup_plan_from_spec(&plan, &v1_host, &request, &arena, NULL, &err), -22);
}

Test(cgroups_plan, cpu)
{
    static const struct expectation rows[] = {
        {"{'cpu':{'shares':1024}}",                               "cpu.weight=100",                   "cpu.shares=1024"        },
        {"{'cpu':{'shares':0}}",                                  "",                                 ""                       },
        {"{'cpu':{'quota':25000,'period':100000}}",               "cpu.max=25000 100000",
         "cpu.cfs_period_us=100000; cpu.cfs_quota_us=25000"                                                                    },
        {"{'cpu':{'quota':25000}}",                               "cpu.max=25000",                    "cpu.cfs_quota_us=25000" },
        {"{'cpu':{'quota':-1}}",                                  "cpu.max=max",                      "cpu.cfs_quota_us=-1"    },
        {"{'cpu':{'quota':0,'period':50000}}",                    "cpu.max=max 50000",
         "cpu.cfs_period_us=50000; cpu.cfs_quota_us=-1"                                                                        },
        {"{'cpu':{'period':50000}}",                              "cpu.max=max 50000",                "cpu.cfs_period_us=50000"},
        {"{'cpu':{'period':0}}",                                  "",                                 ""                       },
        {"{'cpu':{'burst':1000,'quota':5000}}",                   "cpu.max.burst=1000; cpu.max=5000",
         "cpu.cfs_burst_us=1000; cpu.cfs_quota_us=5000"                                                                        },
        {"{'cpu':{'burst':0}}",                                   "cpu.max.burst?=0",                 "cpu.cfs_burst_us?=0"    },
        {"{'cpu':{'idle':0,'shares':1024}}",                      "cpu.idle?=0; cpu.weight=100",
         "cpu.idle?=0; cpu.shares=1024"                                                                                        },
        {"{'cpu':{'cpus':'0-3,7','mems':'0'}}",                   "cpuset.cpus=0-3,7; cpuset.mems=0",
         "cpuset.cpus=0-3,7; cpuset.mems=0"                                                                                    },
        {"{'cpu':{'cpus':'','mems':''}}",                         "",                                 ""                       },
        {"{'cpu':{'realtimeRuntime':900,'realtimePeriod':1000}}", "",
         "cpu.rt_period_us=1000; cpu.rt_runtime_us=900"                                                                        },
        {"{'cpu':{'realtimeRuntime':0,'realtimePeriod':0}}",      "",                                 ""                       },
    };

    CHECK(rows);
}

Test(cgroups_plan, an_idle_cgroup_gets_no_weight)
{
    static const struct expectation rows[] = {
        {"{'cpu':{'idle':1,'shares':1024}}", "cpu.idle=1", "cpu.idle=1"},
    };

    CHECK(rows);
}

/* The three points all runtimes agree on, the clamps, and some between, computed with a
 * mathematics library. */
Test(cgroups_plan, shares_follow_the_agreed_curve_to_weights)
{
    static const struct {
        unsigned shares;
        const char *weight;
    } points[] = {
        {1,      "cpu.weight=1"    },
        {2,      "cpu.weight=1"    },
        {3,      "cpu.weight=2"    },
        {10,     "cpu.weight=4"    },
        {100,    "cpu.weight=17"   },
        {512,    "cpu.weight=59"   },
        {1023,   "cpu.weight=100"  },
        {1024,   "cpu.weight=100"  },
        {1025,   "cpu.weight=101"  },
        {2048,   "cpu.weight=174"  },
        {100000, "cpu.weight=4340" },
        {262143, "cpu.weight=10000"},
        {262144, "cpu.weight=10000"},
        {999999, "cpu.weight=10000"},
    };

    for (size_t i = 0; i < count_of(points); i++) {
        autoarena struct arena arena = {0};
        char json[64];

        snprintf(json, sizeof json, "{'cpu':{'shares':%u}}", points[i].shares);
        cr_expect_str_eq(outcome(&v2_host, json, &arena), points[i].weight, "%u: %s",
                         points[i].shares, outcome(&v2_host, json, &arena));
    }
}

Test(cgroups_plan, lists_of_cpus_are_checked)
{
    static const char *const bad[] = {"a", "0-", "-1", "3-1", "0,,1", "0,", "1 2", "0-3-5", "0x1"};

    for (size_t i = 0; i < count_of(bad); i++) {
        autoarena struct arena arena = {0};
        char json[64];
        char expected[160];

        snprintf(json, sizeof json, "{'cpu':{'cpus':'%s'}}", bad[i]);
        snprintf(expected, sizeof expected,
                 "linux.resources.cpu.cpus: \"%s\" is not a list of numbers and ranges such as "
                 "0-3,7",
                 bad[i]);
        cr_expect_str_eq(outcome(&v2_host, json, &arena), expected);
    }
}

Test(cgroups_plan, pids)
{
    static const struct expectation rows[] = {
        {"{'pids':{'limit':100}}", "pids.max=100", "pids.max=100"},
        {"{'pids':{'limit':-1}}",  "pids.max=max", "pids.max=max"},
        {"{'pids':{'limit':0}}",   "pids.max=1",   "pids.max=1"  },
    };

    CHECK(rows);
}

Test(cgroups_plan, block_io)
{
    static const struct expectation rows[] = {
        {"{'blockIO':{'weight':10}}",                                                         "io.bfq.weight=10 or io.weight=1",
         "blkio.bfq.weight=10 or blkio.weight=10"                                                                                                                                                                          },
        {"{'blockIO':{'weight':1000}}",                                                       "io.bfq.weight=1000 or io.weight=10000",
         "blkio.bfq.weight=1000 or blkio.weight=1000"                                                                                                                                                                      },
        {"{'blockIO':{'weight':500}}",                                                        "io.bfq.weight=500 or io.weight=4950",
         "blkio.bfq.weight=500 or blkio.weight=500"                                                                                                                                                                        },
        {"{'blockIO':{'weight':9}}",
         "linux.resources.blockIO.weight: 9 is out of range (10 to 1000)",                                                                                 "linux.resources.blockIO.weight: 9 is out of range (10 to 1000)"},
        {"{'blockIO':{'weight':0,'leafWeight':0}}",                                           "",                                                          ""                                                              },
        {"{'blockIO':{'leafWeight':30}}",                                                     "",                                                          "blkio.leaf_weight=30"                                          },
        {"{'blockIO':{'weightDevice':[{'major':8,'minor':0,'weight':100,'leafWeight':20}]}}",
         "io.bfq.weight=8:0 100 or io.weight=8:0 910",                                                                                                     "blkio.bfq.weight_device=8:0 100 or blkio.weight_device=8:0 100; "
         "blkio.leaf_weight_device=8:0 20"                                                                                                                           },
        {"{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':600},"
         "{'major':8,'minor':16,'rate':0}]}}",                                       "io.max=8:0 rbps=600; io.max=8:16 rbps=max",
         "blkio.throttle.read_bps_device=8:0 600; blkio.throttle.read_bps_device=8:16 0"                                                                                                                                   },
        {"{'blockIO':{'throttleWriteBpsDevice':[{'major':8,'minor':0,'rate':1}],"
         "'throttleReadIOPSDevice':[{'major':8,'minor':0,'rate':2}],"
         "'throttleWriteIOPSDevice':[{'major':8,'minor':0,'rate':3}]}}",             "io.max=8:0 wbps=1; io.max=8:0 riops=2; io.max=8:0 wiops=3",
         "blkio.throttle.write_bps_device=8:0 1; blkio.throttle.read_iops_device=8:0 2; "
         "blkio.throttle.write_iops_device=8:0 3"                                                                                                                                                                          },
    };

    CHECK(rows);
}

Test(cgroups_plan, huge_pages_are_limited_in_use_and_reservation)
{
    static const struct expectation rows[] = {
        {"{'hugepageLimits':[{'pageSize':'2MB','limit':4194304}]}",
         "hugetlb.2MB.max=4194304; hugetlb.2MB.rsvd.max?=4194304",                              "hugetlb.2MB.limit_in_bytes=4194304; hugetlb.2MB.rsvd.limit_in_bytes?=4194304"       },
        {"{'hugepageLimits':[{'pageSize':'64KB','limit':0},{'pageSize':'3MB','limit':0}]}",
         "linux.resources.hugepageLimits[1].pageSize: \"3MB\" is not a page size such as 2MB",  "linux.resources.hugepageLimits[1].pageSize: \"3MB\" is not a page size such as 2MB" },
        {"{'hugepageLimits':[{'pageSize':'../x','limit':0}]}",
         "linux.resources.hugepageLimits[0].pageSize: \"../x\" is not a page size such as 2MB", "linux.resources.hugepageLimits[0].pageSize: \"../x\" is not a page size such as 2MB"},
    };

    CHECK(rows);
}

static void keep_ignored(void *context, enum log_level level, const char *text)
{
    cr_expect_eq(level, LOG_LEVEL_IGNORED);
    text_print(context, "%s|", text);
}

/* What v2 has no file for is told, so that --strict can refuse it. */
Test(cgroups_plan, what_v2_has_no_file_for_is_told_as_ignored)
{
    static const struct {
        const char *json;
        const char *lines;
    } rows[] = {
        {"{'blockIO':{'leafWeight':30}}",
         "linux.resources.blockIO.leafWeight: ignored, cgroup v2 has no such thing|"},
        {"{'network':{'priorities':[{'name':'eth0','priority':5}]}}",
         "linux.resources.network.priorities: ignored, cgroup v2 has no such thing|"},
        {"{'network':{'priorities':[]}}",                             ""            },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};
        char lines[500] = "";
        struct text kept = TEXT_IN(lines);
        const struct log log = {.write = keep_ignored, .context = &kept, .strict = true};
        struct cgroup_request request = {.id = "web",
                                         .resources = resources_of(rows[i].json, &arena)};
        struct cgroup_plan plan;
        struct error err = {0};

        cr_assert_eq(cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, &log, &err), 0, "%s",
                     err.text);
        cr_expect_str_eq(lines, rows[i].lines);
    }
}

Test(cgroups_plan, rdma_and_network)
{
    static const struct expectation rows[] = {
        {"{'rdma':{'mlx5_1':{'hcaHandles':3,'hcaObjects':10000}}}",
         "rdma.max=mlx5_1 hca_handle=3 hca_object=10000",                                                                 "rdma.max=mlx5_1 hca_handle=3 hca_object=10000"            },
        {"{'rdma':{'mlx4_0':{'hcaObjects':1}}}",                                          "rdma.max=mlx4_0 hca_object=1",
         "rdma.max=mlx4_0 hca_object=1"                                                                                                                                              },
        {"{'rdma':{'a b':{'hcaObjects':1}}}",
         "linux.resources.rdma: \"a b\" is not the name of a device",                                                     "linux.resources.rdma: \"a b\" is not the name of a device"},
        {"{'network':{'classID':1048577,'priorities':[{'name':'eth0','priority':500}]}}", "",
         "net_cls.classid=1048577; net_prio.ifpriomap=eth0 500"                                                                                                                      },
    };

    CHECK(rows);
}

/* Engines send all they know when they update; create still has to keep what it promises. */
Test(cgroups_plan, on_update_a_controller_of_v1_may_be_missing)
{
    static const char json[] =
        "{'network':{'classID':7,'priorities':[{'name':'eth0','priority':5}]}}";
    autoarena struct arena arena = {0};
    struct cgroup_request request = {.id = "web", .resources = resources_of(json, &arena)};
    struct cgroup_plan plan;
    struct error err = {0};

    cr_expect_eq(cgroup_plan_from_spec(&plan, &hybrid_host, &request, &arena, NULL, &err),
                 -EOPNOTSUPP);
    request.is_update = true;
    cr_assert_eq(cgroup_plan_from_spec(&plan, &hybrid_host, &request, &arena, NULL, &err), 0, "%s",
                 err.text);
    cr_expect_str_eq(writes_text(&plan, &arena), "");
    request.resources = resources_of("{'rdma':{'mlx4_0':{'hcaObjects':1}}}", &arena);
    cr_expect_eq(cgroup_plan_from_spec(&plan, &hybrid_host, &request, &arena, NULL, &err),
                 -EOPNOTSUPP);
}

Test(cgroups_plan, unified_names_files_of_v2)
{
    static const char v1_error[] =
        "linux.resources.unified[\"memory.high\"]: this host has no memory controller on cgroup v2";
    static const struct expectation rows[] = {
        {"{'unified':{'memory.high':'1000','cgroup.max.depth':'2'}}",
         "memory.high=1000; cgroup.max.depth=2",            v1_error},
        {"{'memory':{'limit':2000},'unified':{'memory.high':'1000'}}",
         "memory.max=2000; memory.high=1000",               v1_error},
        {"{'unified':{'memory.high':'8:0 rbps=1\\n8:16 rbps=2\\n'}}",
         "memory.high=8:0 rbps=1; memory.high=8:16 rbps=2", v1_error},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};

        cr_expect_str_eq(outcome(&v2_host, rows[i].json, &arena), rows[i].v2);
        cr_expect(starts_with(outcome(&v1_host, rows[i].json, &arena), rows[i].v1), "%s",
                  outcome(&v1_host, rows[i].json, &arena));
    }
}

Test(cgroups_plan, unified_refuses_what_is_no_file_name_or_not_the_bundles)
{
    static const struct expectation rows[] = {
        {"{'unified':{'../memory.max':'1'}}",
         "linux.resources.unified: \"../memory.max\" is not the name of a cgroup v2 file such as "
         "memory.high",                                                                             NULL},
        {"{'unified':{'memory':'1'}}",
         "linux.resources.unified: \"memory\" is not the name of a cgroup v2 file such as "
         "memory.high",                                                                             NULL},
        {"{'unified':{'..':'1'}}",
         "linux.resources.unified: \"..\" is not the name of a cgroup v2 file such as memory.high", NULL},
        {"{'unified':{'cgroup.procs':'1'}}",
         "linux.resources.unified: cgroup.procs belongs to the runtime",                            NULL},
        {"{'unified':{'gpu.max':'1'}}",
         "linux.resources.unified[\"gpu.max\"]: this host has no gpu controller (cgroup v2 here "
         "offers: cpuset cpu io memory hugetlb pids rdma misc)",                                    NULL},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};

        cr_expect_str_eq(outcome(&v2_host, rows[i].json, &arena), rows[i].v2);
    }
}

Test(cgroups_plan, hybrid_host_uses_v1_and_what_its_v2_tree_carries)
{
    static const struct {
        const char *json;
        const char *expected;
    } rows[] = {
        {"{'memory':{'limit':1000}}",                         "memory.limit_in_bytes=1000"                                                   },
        {"{'hugepageLimits':[{'pageSize':'2MB','limit':0}]}",
         "hugetlb.2MB.max=0; hugetlb.2MB.rsvd.max?=0"                                                                                        },
        {"{'unified':{'cgroup.max.depth':'3'}}",              "cgroup.max.depth=3"                                                           },
        {"{'pids':{'limit':5}}",                              "linux.resources.pids.limit: this host has no pids controller "
                                 "(it has: memory cpu devices hugetlb (v2))"                                 },
        {"{'rdma':{'x':{'hcaObjects':1}}}",                   "linux.resources.rdma.x: this host has no rdma "
                                            "controller (it has: memory cpu devices hugetlb (v2))"},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};

        cr_expect_str_eq(outcome(&hybrid_host, rows[i].json, &arena), rows[i].expected, "%s",
                         outcome(&hybrid_host, rows[i].json, &arena));
    }
}

Test(cgroups_plan, writes_go_to_the_hierarchy_of_their_controller)
{
    autoarena struct arena arena = {0};
    struct cgroup_plan plan;
    struct error err;

    cr_assert_eq(plan_of(&plan, &hybrid_host,
                         "{'memory':{'limit':1000},'cpu':{'shares':2},"
                         "'hugepageLimits':[{'pageSize':'2MB','limit':0}]}",
                         &arena, &err),
                 0);
    for (size_t i = 0; i < plan.write_count; i++) {
        const struct cgroup_write *write = &plan.writes[i];
        const char *mount = hybrid_host.hierarchies[write->hierarchy].mount_point;

        if (starts_with(write->file, "memory."))
            cr_expect_str_eq(mount, "/sys/fs/cgroup/memory");
        if (starts_with(write->file, "cpu."))
            cr_expect_str_eq(mount, "/sys/fs/cgroup/cpu");
        if (starts_with(write->file, "hugetlb."))
            cr_expect_str_eq(mount, "/sys/fs/cgroup/unified");
    }
}

Test(cgroups_plan, a_limit_without_its_controller_is_refused_by_name)
{
    static const struct cgroup_host poor_v2 = {
        .hierarchies = {{"", "/sys/fs/cgroup", "/", "/", true}},
        .count = 1,
        .pure_v2 = true,
        .v2_controllers = "cpu",
    };
    static const struct {
        const struct cgroup_host *host;
        const char *json;
        const char *expected;
    } rows[] = {
        {&poor_v2,   "{'memory':{'limit':1000}}",
         "linux.resources.memory.limit: this host has no memory controller (cgroup v2 here offers: "
         "cpu)"                                          },
        {&poor_v2,   "{'cpu':{'cpus':'0'}}",
         "linux.resources.cpu.cpus: this host has no cpuset controller (cgroup v2 here offers: "
         "cpu)"                                          },
        {&bare_host, "{'pids':{'limit':7}}",
         "linux.resources.pids.limit: this host has no pids controller (no cgroup file system is "
         "mounted: mount -t cgroup2 none /sys/fs/cgroup)"},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};

        cr_expect_str_eq(outcome(rows[i].host, rows[i].json, &arena), rows[i].expected, "%s",
                         outcome(rows[i].host, rows[i].json, &arena));
    }
}

Test(cgroups_plan, no_limit_needs_no_controller)
{
    autoarena struct arena arena = {0};

    cr_expect_str_eq(outcome(&bare_host, "{}", &arena), "");
    cr_expect_str_eq(outcome(&bare_host,
                             "{'pids':{'limit':-1},'memory':{'limit':-1},'cpu':{'quota':-1,"
                             "'period':100000}}",
                             &arena),
                     "");
}

Test(cgroups_plan, without_a_manager_limits_are_refused)
{
    autoarena struct arena arena = {0};
    struct cgroup_request request = {
        .id = "web",
        .manager = CGROUP_MANAGER_DISABLED,
        .resources = resources_of("{'devices':[{'allow':false}]}", &arena),
    };
    struct cgroup_plan plan;
    struct error err;

    cr_assert_eq(cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, NULL, &err), 0);
    cr_assert_null(plan.path);
    cr_assert_not(plan.has_devices);
    request.resources = resources_of("{'pids':{'limit':7}}", &arena);
    cr_assert_lt(cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, NULL, &err), 0);
    cr_assert_str_eq(err.text, "linux.resources.pids.limit: no limits without cgroups, and the "
                               "cgroup manager is off");
}

/* Which knobs may have to be tried again, keep half of a file, or say how they are undone. */
Test(cgroups_plan, special_treatment_is_marked)
{
    static const struct {
        const struct cgroup_host *host;
        const char *json;
        bool order_unknown;
        bool keeps_first_word;
        const char *reset;
    } rows[] = {
        {&v2_host, "{'cpu':{'burst':1}}",                                                      true,  false, NULL          },
        {&v2_host, "{'cpu':{'period':5000}}",                                                  true,  true,  NULL          },
        {&v1_host, "{'cpu':{'period':5000}}",                                                  true,  false, NULL          },
        {&v1_host, "{'memory':{'limit':5000}}",                                                true,  false, NULL          },
        {&v2_host, "{'cpu':{'quota':5000}}",                                                   false, false, NULL          },
        {&v2_host, "{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':600}]}}",
         false,                                                                                       false, "8:0 rbps=max"},
        {&v1_host, "{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':600}]}}",
         false,                                                                                       false, "8:0 0"       },
        {&v2_host, "{'rdma':{'x':{'hcaObjects':1}}}",                                          false, false,
         "x hca_handle=max hca_object=max"                                                                                 },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};
        struct cgroup_plan plan;
        struct error err;

        cr_assert_eq(plan_of(&plan, rows[i].host, rows[i].json, &arena, &err), 0);

        const struct cgroup_write *write = &plan.writes[plan.write_count - 1];

        cr_expect_eq(write->order_unknown, rows[i].order_unknown, "%s", rows[i].json);
        cr_expect_eq(write->keeps_first_word, rows[i].keeps_first_word, "%s", rows[i].json);
        if (rows[i].reset == NULL)
            cr_expect_null(write->reset, "%s", rows[i].json);
        else
            cr_expect_str_eq(write->reset, rows[i].reset);
    }
}
