/* The systemd manager: paths, limits, devices and annotations as a unit and its properties. */

#include <stdio.h>

#include "cgroups/systemd.h"
#include "tests/unit/cgroups_help.h"

static int plan_unit(struct cgroup_plan *plan, const char *path, const char *user,
                     const char *resources, struct arena *arena, struct error *err)
{
    struct cgroup_request request = {
        .id = "web",
        .cgroups_path = path,
        .resources = resources_of(resources, arena),
        .manager = CGROUP_MANAGER_SYSTEMD,
        .user_directory = user,
    };

    err->text[0] = '\0';
    return cgroup_plan_from_spec(plan, &v2_host, &request, arena, NULL, err);
}

/* A user's systemd need not be where logind starts it, nor be found by a directory with a number.
 */
Test(cgroups_systemd, a_user_s_manager_knows_its_place_best)
{
    static const struct {
        const char *user, *said, *where;
    } rows[] = {
        {"/tmp/podman-run-7", "/system.slice/mine.service",
         "/system.slice/mine.service/user.slice/runc-web.scope"                                      },
        {"/run/user/1000",    "/user.slice/user-7.slice/user@7.service",
         "/user.slice/user-7.slice/user@7.service/user.slice/runc-web.scope"                         },
        {"/run/user/1000",    "",                                        "/user.slice/runc-web.scope"},
        {"/run/user/1000",    "/",                                       "/user.slice/runc-web.scope"},
        {"/run/user/1000",    NULL,
         "/user.slice/user-1000.slice/user@1000.service/user.slice/runc-web.scope"                   },
        {"/tmp/podman-run-7", NULL,                                      NULL                        },
        {"/run/user/1000",    "/a/../b",                                 NULL                        },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};
        struct cgroup_request request = {
            .id = "web",
            .resources = resources_of("{}", &arena),
            .manager = CGROUP_MANAGER_SYSTEMD,
            .user_directory = rows[i].user,
            .user_path = rows[i].said,
        };
        struct cgroup_plan plan;
        struct error err = {0};
        int code = cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, NULL, &err);

        cr_assert_eq(code < 0, rows[i].where == NULL, "row %zu: %s", i, err.text);
        if (rows[i].where != NULL)
            cr_expect_str_eq(plan.path, rows[i].where);
    }
}

static const struct {
    const char *path, *user;
    const char *unit;  /* NULL: refused ... */
    const char *where; /* ... with this in the text */
} path_rows[] = {
    {NULL,                    NULL,             "runc-web.scope",  "/system.slice/runc-web.scope"      },
    {"",                      NULL,             "runc-web.scope",  "/system.slice/runc-web.scope"      },
    {"a-b.slice:docker:x1",   NULL,             "docker-x1.scope", "/a.slice/a-b.slice/docker-x1.scope"},
    {"-.slice::x1",           NULL,             "x1.scope",        "/x1.scope"                         },
    {":p:",                   NULL,             "p-web.scope",     "/system.slice/p-web.scope"         },
    {"x.slice:p:pod-1.slice", NULL,             "pod-1.slice",     "/pod.slice/pod-1.slice"            },
    {NULL,                    "/run/user/1000", "runc-web.scope",
     "/user.slice/user-1000.slice/user@1000.service/user.slice/runc-web.scope"                         },
    {"/a/b",                  NULL,             NULL,              "\"/a/b\" is not of the form"       },
    {"a:b",                   NULL,             NULL,              "is not of the form"                },
    {"a.slice:b:c:d",         NULL,             NULL,              "is not of the form"                },
    {"a:b:c",                 NULL,             NULL,              "must end in .slice"                },
    {"-a.slice:b:c",          NULL,             NULL,              "a dash"                            },
    {"a-.slice:b:c",          NULL,             NULL,              "a dash"                            },
    {"a--b.slice:b:c",        NULL,             NULL,              "a dash"                            },
    {".slice:b:c",            NULL,             NULL,              "a dash"                            },
    {"a/b.slice:b:c",         NULL,             NULL,              "is no name of a unit"              },
    {":b:c/../d",             NULL,             NULL,              "is no name of a unit"              },
    {":b:c@d",                NULL,             NULL,              "is no name of a unit"              },
};

Test(cgroups_systemd, a_path_of_three_parts_is_a_unit_in_a_slice)
{
    for (size_t i = 0; i < count_of(path_rows); i++) {
        autoarena struct arena arena = {0};
        struct cgroup_plan plan;
        struct error err;
        int code = plan_unit(&plan, path_rows[i].path, path_rows[i].user, "{}", &arena, &err);

        if (path_rows[i].unit == NULL) {
            cr_assert_lt(code, 0, "%s", path_rows[i].path);
            cr_assert(starts_with(err.text, "linux.cgroupsPath: "), "%s", err.text);
            cr_assert_not_null(strstr(err.text, path_rows[i].where), "%s: %s", path_rows[i].path,
                               err.text);
            continue;
        }
        cr_assert_eq(code, 0, "%s", err.text);
        cr_assert_str_eq(plan.unit->name, path_rows[i].unit);
        cr_assert_str_eq(plan.path, path_rows[i].where);
    }
}

/* A v2 tree beside v1 that is another's has no units in it. */
static const struct {
    const char *mount_point, *own_path, *own_unit;
    bool is_used;
} beside_rows[] = {
    {"/sys/fs/cgroup/unified", "/own", "/own", true },
    {"/sys/fs/cgroup/unified", "/",    "/",    true },
    {"/sys/fs/cgroup/unified", "/",    "/own", false},
    {"/run/cilium/cgroupv2",   "/",    "/own", false},
    {"/run/cilium/cgroupv2",   "/",    "/",    false},
};

Test(cgroups_systemd, a_v2_tree_of_somebody_else_is_left_out)
{
    for (size_t i = 0; i < count_of(beside_rows); i++) {
        autoarena struct arena arena = {0};
        struct cgroup_host host = v1_host;
        struct cgroup_request request = {
            .id = "web",
            .resources = resources_of("{}", &arena),
            .manager = CGROUP_MANAGER_SYSTEMD,
        };
        struct cgroup_plan plan;
        struct error err = {0};

        host.hierarchies[0].own_path = beside_rows[i].own_unit;
        host.hierarchies[host.count] = (struct cgroup_hierarchy){
            "", beside_rows[i].mount_point, "/", beside_rows[i].own_path, true};
        host.count++;
        cr_assert_eq(cgroup_plan_from_spec(&plan, &host, &request, &arena, NULL, &err), 0, "%s",
                     err.text);
        cr_expect_eq(plan.directories[host.count - 1] != NULL, beside_rows[i].is_used, "row %zu",
                     i);
        cr_expect_str_eq(plan.directories[0], "/sys/fs/cgroup/systemd/system.slice/runc-web.scope");
    }
}

Test(cgroups_systemd, a_name_of_more_than_255_bytes_is_refused)
{
    autoarena struct arena arena = {0};
    struct cgroup_plan plan;
    struct error err;

    cr_assert_lt(plan_unit(&plan, arena_print(&arena, ":p:%0250d", 1), NULL, "{}", &arena, &err),
                 0);
    cr_assert_not_null(strstr(err.text, "258 bytes, 255 is the most"), "%s", err.text);
}

static const char *show(const struct unit_properties *properties, const char *name,
                        struct arena *arena)
{
    struct text text = {.bytes = arena_zero(arena, 2048, 1), .size = 2048};

    for (size_t i = 0; i < properties->count; i++) {
        const struct unit_property *property = &properties->items[i];

        if (strcmp(property->name, name) != 0)
            continue;
        text_print(&text, "%s:", property->type);
        if (*property->type == 's')
            text_print(&text, "%s", property->string);
        else if (*property->type != 'a')
            text_print(&text, "%lld", (long long)property->number);
        for (size_t j = 0; j < property->byte_count; j++)
            text_print(&text, "%02x", property->bytes[j]);
        for (size_t j = 0; j < property->strings.count; j++)
            text_print(&text, "%s,", property->strings.items[j]);
        for (size_t j = 0; j < property->device_count; j++)
            text_print(&text, "%s %s,", property->devices[j].node, property->devices[j].access);
    }
    return text.bytes;
}

static const struct {
    const char *resources, *property, *value;
} limit_rows[] = {
    {"{'memory':{'limit':1048576}}",                                             "MemoryMax",           "t:1048576"     },
    {"{'memory':{'limit':-1}}",                                                  "MemoryMax",           "t:-1"          },
    {"{'memory':{'limit':10,'swap':30}}",                                        "MemorySwapMax",       "t:20"          },
    {"{'memory':{'reservation':5}}",                                             "MemoryLow",           "t:5"           },
    {"{'unified':{'memory.high':'7'}}",                                          "MemoryHigh",          "t:7"           },
    {"{'unified':{'memory.zswap.max':'0'}}",                                     "MemoryZSwapMax",      "t:0"           },
    {"{'unified':{'memory.oom.group':'1'}}",                                     "OOMPolicy",           "s:kill"        },
    {"{'unified':{'memory.oom.group':'0'}}",                                     "OOMPolicy",           "s:continue"    },
    {"{'pids':{'limit':9}}",                                                     "TasksMax",            "t:9"           },
    {"{'cpu':{'shares':1024}}",                                                  "CPUWeight",           "t:100"         },
    {"{'cpu':{'idle':1}}",                                                       "CPUWeight",           "t:0"           },
    {"{'cpu':{'quota':25000,'period':50000}}",                                   "CPUQuotaPerSecUSec",  "t:500000"      },
    {"{'cpu':{'quota':25000,'period':50000}}",                                   "CPUQuotaPeriodUSec",  "t:50000"       },
    {"{'cpu':{'quota':1234,'period':100000}}",                                   "CPUQuotaPerSecUSec",  "t:20000"       },
    {"{'cpu':{'quota':-1}}",                                                     "CPUQuotaPerSecUSec",  "t:-1"          },
    {"{'cpu':{'cpus':'0-2,9'}}",                                                 "AllowedCPUs",         "ay:0702"       },
    {"{'cpu':{'mems':'0'}}",                                                     "AllowedMemoryNodes",  "ay:01"         },
    {"{}",                                                                       "Slice",               "s:system.slice"},
    {"{}",                                                                       "Delegate",            "b:1"           },
    {"{}",                                                                       "DefaultDependencies", "b:0"           },
    {"{}",                                                                       "DevicePolicy",        "s:strict"      },
    {"{'devices':[{'allow':true,'type':'c','major':7,'minor':8,'access':'r'}]}", "DeviceAllow",
     "a(ss):/dev/char/7:8 r,char-* m,block-* m,/dev/char/1:3 rwm,/dev/char/1:8 rwm,/dev/char/1:7 "
     "rwm,/dev/char/5:0 rwm,/dev/char/1:5 rwm,/dev/char/1:9 rwm,char-136 rwm,/dev/char/5:2 rwm,"
     "/dev/char/10:200 rwm,"                                                                                            },
    {"{'devices':[{'allow':true,'type':'c','access':'r'},{'allow':true}]}",      "DeviceAllow",
     "a(ss):char-* rwm,block-* rwm,/dev/char/1:3 rwm,/dev/char/1:8 rwm,/dev/char/1:7 "
     "rwm,/dev/char/5:0 rwm,/dev/char/1:5 rwm,/dev/char/1:9 rwm,char-136 rwm,/dev/char/5:2 rwm,"
     "/dev/char/10:200 rwm,"                                                                                            },
};

/* The kernel reads more than decimal numbers; nothing is told of what it will refuse. */
static const struct {
    const char *value, *shown;
} number_rows[] = {
    {"1G",                   "t:1073741824"         },
    {"1k",                   "t:1024"               },
    {"3E",                   "t:3458764513820540928"},
    {"0x40000000",           "t:1073741824"         },
    {"0x1K",                 "t:1024"               },
    {"010",                  "t:8"                  },
    {"  4096",               "t:4096"               },
    {"4096 ",                "t:4096"               },
    {" max",                 "t:-1"                 },
    {"18446744073709551615", "t:-1"                 },
    {"16E",                  ""                     },
    {"99999999999999999999", ""                     },
    {"1GB",                  ""                     },
    {"1 G",                  ""                     },
    {"1X",                   ""                     },
    {"maximum",              ""                     },
    {"-2",                   ""                     },
    {"+5",                   ""                     },
    {"",                     ""                     },
};

static const struct {
    const char *value, *quota, *period;
} quota_rows[] = {
    {"25000 50000",   "t:500000", "t:50000"},
    {"25000",         "t:250000", ""       },
    {" 25000  50000", "t:500000", "t:50000"},
    {"max 50000",     "t:-1",     "t:50000"},
    {"max",           "t:-1",     ""       },
    {"25K 50000",     "",         ""       },
    {"0x6000 50000",  "",         ""       },
    {"25000 50K",     "",         ""       },
    {"25000 0",       "",         ""       },
    {"0 50000",       "",         ""       },
    {"-1 50000",      "",         ""       },
    {"25000 50000 1", "",         ""       },
    {"25000 max",     "",         ""       },
    {"",              "",         ""       },
};

/* What the property would be of that value in a file. */
static const char *told_of(const char *file, const char *value, const char *property,
                           struct arena *arena)
{
    struct unit_properties properties = {0};
    struct error err = {0};

    cr_assert_eq(unit_properties_of_write(&properties, file, value, "here", arena, &err), 0, "%s",
                 err.text);
    return show(&properties, property, arena);
}

Test(cgroups_systemd, numbers_are_read_as_the_kernel_reads_them)
{
    for (size_t i = 0; i < count_of(number_rows); i++) {
        autoarena struct arena arena = {0};

        cr_expect_str_eq(told_of("memory.max", number_rows[i].value, "MemoryMax", &arena),
                         number_rows[i].shown, "\"%s\"", number_rows[i].value);
    }
}

Test(cgroups_systemd, a_quota_is_two_decimal_numbers)
{
    for (size_t i = 0; i < count_of(quota_rows); i++) {
        autoarena struct arena arena = {0};
        const char *value = quota_rows[i].value;

        cr_expect_str_eq(told_of("cpu.max", value, "CPUQuotaPerSecUSec", &arena),
                         quota_rows[i].quota, "\"%s\"", value);
        cr_expect_str_eq(told_of("cpu.max", value, "CPUQuotaPeriodUSec", &arena),
                         quota_rows[i].period, "\"%s\"", value);
    }
}

Test(cgroups_systemd, quota_and_period_of_v1_are_told_together)
{
    static const struct {
        const char *quota, *period, *together;
    } rows[] = {
        {"25000", "50000", "25000 50000"},
        {"25000", NULL,    "25000"      },
        {"-1",    "50000", "max 50000"  },
        {NULL,    "50000", "max 50000"  },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};

        cr_expect_str_eq(unit_quota_of_v1(rows[i].quota, rows[i].period, &arena), rows[i].together);
    }
}

Test(cgroups_systemd, limits_are_properties_too)
{
    for (size_t i = 0; i < count_of(limit_rows); i++) {
        autoarena struct arena arena = {0};
        struct cgroup_plan plan;
        struct error err;

        cr_assert_eq(plan_unit(&plan, NULL, NULL, limit_rows[i].resources, &arena, &err), 0, "%s",
                     err.text);
        cr_assert_str_eq(show(&plan.unit->properties, limit_rows[i].property, &arena),
                         limit_rows[i].value, "%s", limit_rows[i].resources);
    }
}

static const struct {
    const char *name, *value, *property, *shown; /* property NULL: refused, with `shown` */
} annotation_rows[] = {
    {"TimeoutStopUSec",     "uint64 7000000",       "TimeoutStopUSec",     "t:7000000"              },
    {"TimeoutStopSec",      "7",                    "TimeoutStopUSec",     "t:7000000"              },
    {"TimeoutStopSec",      "1.5",                  "TimeoutStopUSec",     "t:1500000"              },
    {"CollectMode",         "'inactive'",           "CollectMode",         "s:inactive"             },
    {"KillSignal",          "15",                   "KillSignal",          "i:15"                   },
    {"DefaultDependencies", "true",                 "DefaultDependencies", "b:1"                    },
    {"After",               "['a.service', \"b\"]", "After",               "as:a.service,b,"        },
    {"Description",         "'it\\'s'",             "Description",         "s:it's"                 },
    {"ExecStart",           "'x'",                  NULL,                  "not among"              },
    {"Wants",               "['poweroff.target']",  NULL,                  "not among"              },
    {"Slice",               "'x.slice'",            NULL,                  "not among"              },
    {"User",                "'root'",               NULL,                  "not among"              },
    {"",                    "'root'",               NULL,                  "not among"              },
    {"TimeoutStopUSec",     "'soon'",               NULL,                  "is not a number, uint64"},
    {"TimeoutStopUSec",     "int32 5",              NULL,                  "is not a number, uint64"},
    {"TimeoutStopUSec",     "5 6",                  NULL,                  "is not a number, uint64"},
    {"KillSignal",          "4294967296",           NULL,                  "is not a number, int32" },
    {"CollectMode",         "inactive",             NULL,                  "is not a string"        },
    {"CollectMode",         "'inactive",            NULL,                  "is not a string"        },
    {"After",               "['a'",                 NULL,                  "is not strings"         },
    {"SendSIGKILL",         "yes",                  NULL,                  "is not true or false"   },
};

Test(cgroups_systemd, annotations_are_properties_from_a_list_of_harmless_ones)
{
    for (size_t i = 0; i < count_of(annotation_rows); i++) {
        autoarena struct arena arena = {0};
        struct unit_properties properties = {0};
        struct string_pair pair = {
            arena_print(&arena, "org.systemd.property.%s", annotation_rows[i].name),
            (char *)annotation_rows[i].value};
        struct error err = {0};
        int code = unit_property_of_annotation(&properties, &pair, &arena, &err);

        if (annotation_rows[i].property == NULL) {
            cr_assert_lt(code, 0, "%s", pair.key);
            cr_assert_not_null(strstr(err.text, annotation_rows[i].shown), "%s", err.text);
            cr_assert_not_null(strstr(err.text, pair.key), "%s", err.text);
            continue;
        }
        cr_assert_eq(code, 0, "%s", err.text);
        cr_assert_str_eq(show(&properties, annotation_rows[i].property, &arena),
                         annotation_rows[i].shown);
    }
}
