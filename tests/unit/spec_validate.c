/* The rules between fields, one table a chapter: what is wrong, and the words it is refused with.
 */

#include <sys/mman.h>
#include <unistd.h>

#include "base/own.h"
#include "spec_help.h"

struct rule_case {
    const char *members; /* of the text, behind ociVersion and root */
    const char *message; /* behind "config.json: "; "": accepted    */
};

static void check_cases(const struct rule_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena arena = {0};
        struct error err = {0};
        const char *text = arena_print(
            &arena, "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"}%s%s}",
            cases[i].members[0] != '\0' ? "," : "", cases[i].members);
        const char *message = arena_print(
            &arena, "%s%s", cases[i].message[0] != '\0' ? "config.json: " : "", cases[i].message);
        const char *got = verdict(text, &err);

        cr_expect_str_eq(got, message, "%s\n  gives: %s\n  not:   %s", cases[i].members, got,
                         message);
        arena_free(&arena);
    }
}

#define RULES(name, ...)                                     \
    Test(spec_validate, name)                                \
    {                                                        \
        static const struct rule_case cases[] = __VA_ARGS__; \
                                                             \
        check_cases(cases, count_of(cases));                 \
    }

/* The tables read better with one case a line. */
/* clang-format off */
#define PROCESS(members)    "\"process\":{\"cwd\":\"/\"," members "}"
#define LINUX(members)      "\"linux\":{" members "}"
#define RESOURCES(members)  LINUX("\"resources\":{" members "}")
#define SECCOMP(members)    LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"," members "}")
#define NAMESPACES(entries) "\"namespaces\":[" entries "]"
#define NEW(type)           "{\"type\":\"" type "\"}"
#define AT(type, path)      "{\"type\":\"" type "\",\"path\":\"" path "\"}"
#define MAP(inside, outside, size) \
    "{\"containerID\":" #inside ",\"hostID\":" #outside ",\"size\":" #size "}"

/* --- config.md -------------------------------------------------------------------------------------- */

Test(spec_validate, versions_are_semantic_and_not_above_1)
{
    static const struct {
        const char *version;
        const char *reason;
    } cases[] = {
        {"1.0.0",         ""                                                  },
        {"1.0.2-dev",     ""                                                  },
        {"1.3.0+dev",     ""                                                  },
        {"1.0.0-rc.5-x+b.1", ""                                               },
        {"1.99.0",        ""                                                  },
        {"0.5.0-dev",     ""                                                  },
        {"2.0.0",         "\"2.0.0\" is not supported"                        },
        {"10.0.0",        "\"10.0.0\" is not supported"                       },
        {"",              "\"\" is not a version"                             },
        {"abc",           "\"abc\" is not a version"                          },
        {"1",             "\"1\" is not a version"                            },
        {"1.0",           "\"1.0\" is not a version"                          },
        {"1.0.0.0",       "\"1.0.0.0\" is not a version"                      },
        {"v1.0.0",        "\"v1.0.0\" is not a version"                       },
        {"01.0.0",        "\"01.0.0\" is not a version"                       },
        {"1.0.0-",        "\"1.0.0-\" is not a version"                       },
        {"1.0.0+a+b",     "\"1.0.0+a+b\" is not a version"                    },
        {" 1.0.0",        "\" 1.0.0\" is not a version"                       },
        {"1. 0.0",        "\"1. 0.0\" is not a version"                       },
        {"1.0.0\\n",      "\"1.0.0\\x0a\" is not a version"                   },
        {"99999999999999999999.0.0", "\"99999999999999999999.0.0\" is not a version"},
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct arena arena = {0};
        struct error err = {0};
        const char *message = "";

        if (cases[i].reason[0] != '\0')
            message = arena_print(&arena,
                                  "config.json: ociVersion: %s (supported: 1.0.0 to 1.3.0)",
                                  cases[i].reason);
        cr_expect_str_eq(verdict(arena_print(&arena,
                                             "{\"ociVersion\":\"%s\",\"root\":{\"path\":\"r\"}}",
                                             cases[i].version),
                                 &err),
                         message, "%s: %s", cases[i].version, err.text);
        arena_free(&arena);
    }
}

Test(spec_validate, root_is_required_and_not_empty)
{
    struct error err;

    cr_expect_str_eq(verdict("{\"ociVersion\":\"1.0.0\"}", &err), "config.json: missing \"root\"");
    cr_expect_str_eq(verdict("{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"\"}}", &err),
                     "config.json: root.path: is empty");
    cr_expect_str_eq(verdict("{\"root\":{\"path\":\"r\"}}", &err),
                     "config.json: missing \"ociVersion\"");
}

RULES(process_cwd_is_absolute, {
    {"\"process\":{\"cwd\":\"/a\"}",   ""                                                   },
    {"\"process\":{\"cwd\":\"\"}",     "process.cwd: \"\" is not an absolute path"          },
    {"\"process\":{\"cwd\":\"a\\u001b\"}", "process.cwd: \"a\\x1b\" is not an absolute path"},
})

RULES(process_args_name_a_program_when_they_are_there, {
    {PROCESS("\"terminal\":false"), ""                                                        },
    {PROCESS("\"args\":[\"sh\",\"\"]"), ""                                                    },
    {PROCESS("\"args\":[]"),        "process.args: is empty: there is no program to run"      },
    {PROCESS("\"args\":[\"\"]"),    ""                                                     },
})

RULES(environment_entries_are_name_and_value, {
    {PROCESS("\"env\":[\"A=1\",\"B=\",\"C==\"]"), ""                                          },
    {PROCESS("\"env\":[\"A=1\",\"FOO\"]"),  "process.env[1]: \"FOO\" is not NAME=VALUE"       },
    {PROCESS("\"env\":[\"=1\"]"),           "process.env[0]: \"=1\" is not NAME=VALUE"        },
    {PROCESS("\"env\":[\"\"]"),             "process.env[0]: \"\" is not NAME=VALUE"          },
})

#define RLIMIT(type, soft, hard) \
    "{\"type\":\"" type "\",\"soft\":" #soft ",\"hard\":" #hard "}"

RULES(resource_limits_are_named_once_with_soft_below_hard, {
    {PROCESS("\"rlimits\":[" RLIMIT("RLIMIT_NOFILE", 1, 1) "," RLIMIT("RLIMIT_CORE", 0, 18446744073709551615) "]"), ""},
    {PROCESS("\"rlimits\":[" RLIMIT("RLIMIT_CORE", 0, 0) "," RLIMIT("RLIMIT_NOFILE", 6, 5) "]"),
     "process.rlimits[1].soft: 6 is above the hard limit 5"},
    {PROCESS("\"rlimits\":[" RLIMIT("RLIMIT_CORE", 1, 1) "," RLIMIT("RLIMIT_CORE", 1, 1) "]"),
     "process.rlimits[1].type: \"RLIMIT_CORE\" is given twice, first in rlimits[0]"},
    {PROCESS("\"rlimits\":[" RLIMIT("NOFILE", 1, 1) "]"),
     "process.rlimits[0].type: \"NOFILE\" is not the name of a limit (such as RLIMIT_NOFILE)"},
    {PROCESS("\"rlimits\":[" RLIMIT("RLIMIT_", 1, 1) "]"),
     "process.rlimits[0].type: \"RLIMIT_\" is not the name of a limit (such as RLIMIT_NOFILE)"},
    {PROCESS("\"rlimits\":[" RLIMIT("RLIMIT_nofile", 1, 1) "]"),
     "process.rlimits[0].type: \"RLIMIT_nofile\" is not the name of a limit (such as RLIMIT_NOFILE)"},
})

RULES(schedulers_take_what_their_policy_takes, {
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"nice\":19,\"priority\":0}"), ""},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_RR\",\"priority\":99}"), ""},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_FIFO\"}"),
     "process.scheduler.priority: 0 is out of range for SCHED_FIFO (1 to 99)"},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_RR\",\"priority\":100}"),
     "process.scheduler.priority: 100 is out of range for SCHED_RR (1 to 99)"},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"priority\":1}"),
     "process.scheduler.priority: 1 is out of range for SCHED_OTHER (0 to 0)"},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"period\":1}"),
     "process.scheduler: runtime, deadline and period are for SCHED_DEADLINE, not SCHED_OTHER"},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":1,\"deadline\":2}"), ""},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":1,\"deadline\":2,\"period\":2}"), ""},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_DEADLINE\"}"),
     "process.scheduler: runtime 0, deadline 0, period 0: SCHED_DEADLINE needs 0 < runtime <= "
     "deadline <= period"},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":3,\"deadline\":2}"),
     "process.scheduler: runtime 3, deadline 2, period 0: SCHED_DEADLINE needs 0 < runtime <= "
     "deadline <= period"},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":1,\"deadline\":3,\"period\":2}"),
     "process.scheduler: runtime 1, deadline 3, period 2: SCHED_DEADLINE needs 0 < runtime <= "
     "deadline <= period"},
})

#define AFFINITY(member, list) PROCESS("\"execCPUAffinity\":{\"" member "\":\"" list "\"}")
#define NOT_A_LIST(list) "\"" list "\" is not a list such as 0-3,7 of numbers up to 8191"

RULES(cpu_lists_are_numbers_and_ranges, {
    {AFFINITY("initial", "0"),         ""},
    {AFFINITY("initial", "0-3,7"),     ""},
    {AFFINITY("final", " 0 - 3 , 7 "), ""},
    {AFFINITY("final", "8191"),        ""},
    {AFFINITY("final", ""),            ""},
    {AFFINITY("initial", "5-2"),       "process.execCPUAffinity.initial: " NOT_A_LIST("5-2")},
    {AFFINITY("final", "0-99999"),     "process.execCPUAffinity.final: " NOT_A_LIST("0-99999")},
    {AFFINITY("final", "8192"),        "process.execCPUAffinity.final: " NOT_A_LIST("8192")},
    {AFFINITY("final", "0-"),          "process.execCPUAffinity.final: " NOT_A_LIST("0-")},
    {AFFINITY("final", "-1"),          "process.execCPUAffinity.final: " NOT_A_LIST("-1")},
    {AFFINITY("final", "0,"),          "process.execCPUAffinity.final: " NOT_A_LIST("0,")},
    {AFFINITY("final", ",0"),          "process.execCPUAffinity.final: " NOT_A_LIST(",0")},
    {AFFINITY("final", "1 2"),         "process.execCPUAffinity.final: " NOT_A_LIST("1 2")},
    {AFFINITY("final", "0-1-2"),       "process.execCPUAffinity.final: " NOT_A_LIST("0-1-2")},
    {AFFINITY("final", "a"),           "process.execCPUAffinity.final: " NOT_A_LIST("a")},
    {AFFINITY("final", "99999999999999999999"),
     "process.execCPUAffinity.final: " NOT_A_LIST("99999999999999999999")},
})

RULES(process_numbers_have_their_ranges, {
    {PROCESS("\"user\":{\"uid\":4294967294,\"gid\":4294967294,\"umask\":511}"), ""},
    {PROCESS("\"user\":{\"uid\":4294967295}"), "process.user.uid: 4294967295 is out of range (0 to 4294967294)"},
    {PROCESS("\"user\":{\"gid\":-1}"),         "process.user.gid: -1 is out of range (0 to 4294967294)"},
    {PROCESS("\"user\":{\"uid\":1.5}"),        "process.user.uid: expected integer, found 1.5"},
    {PROCESS("\"user\":{\"umask\":512}"),      "process.user.umask: 512 is out of range (0 to 511)"},
    {PROCESS("\"user\":{\"additionalGids\":[5,4294967295]}"),
     "process.user.additionalGids[1]: 4294967295 is out of range (0 to 4294967294)"},
    {PROCESS("\"oomScoreAdj\":-1000"),         ""},
    {PROCESS("\"oomScoreAdj\":1001"),          "process.oomScoreAdj: 1001 is out of range (-1000 to 1000)"},
    {PROCESS("\"oomScoreAdj\":-1001"),         "process.oomScoreAdj: -1001 is out of range (-1000 to 1000)"},
    {PROCESS("\"consoleSize\":{\"height\":0,\"width\":65535}"), ""},
    {PROCESS("\"consoleSize\":{\"height\":1,\"width\":70000}"),
     "process.consoleSize.width: 70000 is out of range (0 to 65535)"},
    {PROCESS("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":7}"), ""},
    {PROCESS("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}"),
     "process.ioPriority.priority: 8 is out of range (0 to 7)"},
    {PROCESS("\"ioPriority\":{\"class\":\"BE\"}"),
     "process.ioPriority.class: unknown value \"BE\" (known: IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE)"},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":20}"),
     "process.scheduler.nice: 20 is out of range (-20 to 19)"},
})

#define NAME_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

RULES(host_names_need_a_uts_namespace_and_fit_it, {
    {"\"hostname\":\"a\",\"domainname\":\"b\"," LINUX(NAMESPACES(NEW("uts"))), ""},
    {"\"hostname\":\"a\"," LINUX(NAMESPACES(AT("uts", "/proc/1/ns/uts"))), ""},
    {"\"hostname\":\"\",\"domainname\":\"\"", ""},
    {"\"hostname\":\"a\"", "hostname: unable to set hostname without a private UTS namespace"},
    {"\"hostname\":\"a\"," LINUX(NAMESPACES(NEW("ipc"))),
     "hostname: unable to set hostname without a private UTS namespace"},
    {"\"domainname\":\"a\"", "domainname: unable to set domainname without a private UTS namespace"},
    {"\"hostname\":\"" NAME_64 "\"," LINUX(NAMESPACES(NEW("uts"))), ""},
    {"\"hostname\":\"" NAME_64 "b\"," LINUX(NAMESPACES(NEW("uts"))),
     "hostname: \"" NAME_64 "b\" has 65 bytes (at most 64)"},
    {"\"domainname\":\"" NAME_64 "b\"," LINUX(NAMESPACES(NEW("uts"))),
     "domainname: \"" NAME_64 "b\" has 65 bytes (at most 64)"},
})

RULES(mounts_have_a_destination, {
    {"\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"relative\"}]", ""},
    {"\"mounts\":[{\"destination\":\"\"}]", "mounts[0].destination: is empty"},
    {"\"mounts\":[{\"destination\":\"/a\"},{\"source\":\"x\"}]", "mounts[1]: missing \"destination\""},
    {"\"mounts\":[{\"destination\":\"/a\",\"uidMappings\":[" MAP(0, 1, 1) "],\"gidMappings\":[" MAP(0, 1, 1) "]}]", ""},
    {"\"mounts\":[{\"destination\":\"/a\",\"uidMappings\":[" MAP(0, 1, 1) "]}]",
     "mounts[0]: uidMappings without gidMappings"},
    {"\"mounts\":[{\"destination\":\"/a\",\"gidMappings\":[" MAP(0, 1, 1) "]}]",
     "mounts[0]: gidMappings without uidMappings"},
    {"\"mounts\":[{\"destination\":\"/a\",\"uidMappings\":[" MAP(0, 1, 1) "],\"gidMappings\":[" MAP(0, 1, 0) "]}]",
     "mounts[0].gidMappings[0]: size is 0"},
})

Test(spec_validate, mount_destinations_fit_a_path)
{
    struct arena arena = {0};
    struct error err = {0};

    for (int length = 4095; length <= 4096; length++) {
        char *path = arena_zero(&arena, 5000, 1);

        memset(path, '/', (size_t)length);
        cr_expect_str_eq(
            verdict(arena_print(&arena,
                                "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},"
                                "\"mounts\":[{\"destination\":\"%s\"}]}",
                                path),
                    &err),
            length == 4095 ? ""
                           : "config.json: mounts[0].destination: 4096 bytes are too long for a "
                             "path (at most 4095)");
    }
    arena_free(&arena);
}

#define DEADLINE(more) \
    PROCESS("\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":1,\"deadline\":2" more "}") ","
#define START_HOOK "\"hooks\":{\"startContainer\":[{\"path\":\"/x\"}]}"

RULES(start_container_hooks_need_a_process_that_may_fork, {
    {DEADLINE("") START_HOOK,
     "hooks.startContainer: a process with SCHED_DEADLINE and without SCHED_FLAG_RESET_ON_FORK in "
     "process.scheduler.flags may not start any"},
    {DEADLINE(",\"flags\":[\"SCHED_FLAG_RECLAIM\"]") START_HOOK,
     "hooks.startContainer: a process with SCHED_DEADLINE and without SCHED_FLAG_RESET_ON_FORK in "
     "process.scheduler.flags may not start any"},
    {DEADLINE(",\"flags\":[\"SCHED_FLAG_RECLAIM\",\"SCHED_FLAG_RESET_ON_FORK\"]") START_HOOK, ""},
    {DEADLINE("") "\"hooks\":{\"createRuntime\":[{\"path\":\"/x\"}],\"startContainer\":[]}", ""},
    {START_HOOK, ""},
})

RULES(hooks_have_absolute_paths_and_take_a_second_at_least, {
    {"\"hooks\":{\"poststop\":[{\"path\":\"/x\",\"timeout\":1}]}", ""},
    {"\"hooks\":{\"prestart\":[{\"path\":\"/x\"},{\"path\":\"x\"}]}",
     "hooks.prestart[1].path: \"x\" is not an absolute path"},
    {"\"hooks\":{\"createRuntime\":[{\"path\":\"\"}]}", "hooks.createRuntime[0].path: \"\" is not an absolute path"},
    {"\"hooks\":{\"createContainer\":[{\"path\":\"x\"}]}", "hooks.createContainer[0].path: \"x\" is not an absolute path"},
    {"\"hooks\":{\"startContainer\":[{\"path\":\"x\"}]}", "hooks.startContainer[0].path: \"x\" is not an absolute path"},
    {"\"hooks\":{\"poststart\":[{\"path\":\"./x\"}]}", "hooks.poststart[0].path: \"./x\" is not an absolute path"},
    {"\"hooks\":{\"poststop\":[{\"path\":\"x\"}]}", "hooks.poststop[0].path: \"x\" is not an absolute path"},
    {"\"hooks\":{\"poststop\":[{\"path\":\"/x\",\"timeout\":0}]}",
     "hooks.poststop[0].timeout: 0 is out of range (1 to 9223372036854775807)"},
    {"\"hooks\":{\"poststop\":[{\"path\":\"/x\",\"timeout\":-1}]}",
     "hooks.poststop[0].timeout: -1 is out of range (1 to 9223372036854775807)"},
})

RULES(annotations_have_keys, {
    {"\"annotations\":{\"a\":\"\"}",   ""                                            },
    {"\"annotations\":{\"\":\"b\"}",   "annotations: the key \"\" is empty"          },
    {"\"annotations\":{\"a.b\":7}",    "annotations[\"a.b\"]: expected string, found number"},
})

/* --- config-linux.md: namespaces ------------------------------------------------------------------------ */

RULES(namespaces_are_given_once_with_absolute_paths, {
    {LINUX(NAMESPACES(NEW("pid") "," NEW("mount") "," AT("network", "/x"))), ""},
    {LINUX(NAMESPACES(AT("network", ""))), ""},
    {LINUX(NAMESPACES(NEW("pid") "," NEW("mount") "," AT("pid", "/x"))), "linux.namespaces[2].type: \"pid\" is given twice"},
    {LINUX(NAMESPACES(AT("network", "x"))), "linux.namespaces[0].path: \"x\" is not an absolute path"},
    {LINUX(NAMESPACES(NEW("net"))),
     "linux.namespaces[0].type: unknown value \"net\" (known: mount, pid, network, uts, ipc, user, cgroup, time)"},
    {LINUX("\"rootfsPropagation\":\"rslave\""), ""},
    {LINUX("\"rootfsPropagation\":\"\""), ""},
    {LINUX("\"rootfsPropagation\":\"foo\""),
     "linux.rootfsPropagation: unknown value \"foo\" (known: private, shared, slave, unbindable, rprivate, "
     "rshared, rslave, runbindable)"},
})

#define UIDS(entries) "\"uidMappings\":[" entries "]"
#define GIDS(entries) "\"gidMappings\":[" entries "]"
#define USER(uids)    LINUX(NAMESPACES(NEW("user")) "," UIDS(uids) "," GIDS(MAP(0, 0, 9)))

RULES(user_namespaces_and_mappings_come_together, {
    {USER(MAP(0, 1000, 1)), ""},
    {LINUX(NAMESPACES(AT("user", "/proc/1/ns/user"))), ""},
    {LINUX(NAMESPACES(AT("user", "/proc/1/ns/user")) "," UIDS(MAP(0, 1, 1))), ""},
    {LINUX(UIDS(MAP(0, 1, 1))), "linux.uidMappings: needs a user namespace, and linux.namespaces has none"},
    {LINUX(GIDS(MAP(0, 1, 1))), "linux.gidMappings: needs a user namespace, and linux.namespaces has none"},
    {LINUX(NAMESPACES(NEW("user"))), "linux.uidMappings: missing, and a new user namespace needs them"},
    {LINUX(NAMESPACES(NEW("user")) "," UIDS(MAP(0, 1, 1))),
     "linux.gidMappings: missing, and a new user namespace needs them"},
})

RULES(mappings_neither_overlap_nor_leave_the_range, {
    {USER(MAP(0, 0, 4294967295)), ""},
    {USER(MAP(0, 100, 10) "," MAP(10, 90, 10) "," MAP(20, 110, 1)), ""},
    {USER(MAP(0, 1, 1) "," MAP(1, 2, 0)), "linux.uidMappings[1]: size is 0"},
    {USER(MAP(1, 0, 4294967295)), "linux.uidMappings[0]: containerID 1 and size 4294967295 go beyond the last id"},
    {USER(MAP(0, 4294967290, 6)), "linux.uidMappings[0]: hostID 4294967290 and size 6 go beyond the last id"},
    {USER(MAP(0, 100, 10) "," MAP(9, 200, 10)), "linux.uidMappings[1]: containerID 9 to 18 overlaps entry 0"},
    {USER(MAP(5, 100, 10) "," MAP(0, 200, 20)), "linux.uidMappings[1]: containerID 0 to 19 overlaps entry 0"},
    {USER(MAP(0, 100, 10) "," MAP(10, 109, 1)), "linux.uidMappings[1]: hostID 109 to 109 overlaps entry 0"},
    {USER(MAP(4294967296, 0, 1)), "linux.uidMappings[0].containerID: 4294967296 is out of range (0 to 4294967295)"},
})

Test(spec_validate, more_mappings_than_the_kernel_takes_are_refused)
{
    struct spec_id_mapping items[341];
    struct spec_namespace user = {.type = SPEC_NAMESPACE_USER};
    struct spec_root root = {.path = "r"};
    struct spec_linux linux_ = {.namespaces = {&user, 1}};
    struct spec spec = {.oci_version = "1.0.0", .root = &root, .linux_ = &linux_};
    struct error err = {0};

    for (uint32_t i = 0; i < 341; i++)
        items[i] = (struct spec_id_mapping){i, 1000 + i, 1};
    linux_.gid_mappings = (struct spec_id_mappings){items, 340};
    linux_.uid_mappings = (struct spec_id_mappings){items, 340};
    cr_expect_eq(spec_validate(&spec, &err), 0, "%s", err.text);
    linux_.uid_mappings.count = 341;
    cr_expect_eq(spec_validate(&spec, &err), -EINVAL);
    cr_expect_str_eq(err.text, "linux.uidMappings: 341 entries are more than the kernel takes (340)");
}

#define IDS(members) PROCESS("\"user\":{" members "}") "," USER(MAP(0, 1000, 5))

RULES(the_user_is_mapped_in_a_new_user_namespace, {
    {IDS("\"uid\":4,\"gid\":8,\"additionalGids\":[0,8]"), ""},
    {IDS("\"uid\":5"), "process.user.uid: 5 is not mapped by linux.uidMappings"},
    {IDS("\"gid\":9"), "process.user.gid: 9 is not mapped by linux.gidMappings"},
    {IDS("\"additionalGids\":[8,9]"), "process.user.additionalGids[1]: 9 is not mapped by linux.gidMappings"},
    {PROCESS("\"user\":{\"uid\":5}") "," LINUX(NAMESPACES(AT("user", "/x")) "," UIDS(MAP(0, 1, 1))), ""},
})

RULES(clock_offsets_need_a_new_time_namespace, {
    {LINUX(NAMESPACES(NEW("time")) ",\"timeOffsets\":{\"boottime\":{\"secs\":-1,\"nanosecs\":999999999}}"), ""},
    {LINUX("\"timeOffsets\":{}"), ""},
    {LINUX("\"timeOffsets\":{\"realtime\":{\"secs\":1}}"), "linux.timeOffsets.realtime: unknown member"},
    {LINUX("\"timeOffsets\":{\"monotonic\":{\"secs\":1}}"),
     "linux.timeOffsets: needs a new time namespace, and linux.namespaces has none"},
    {LINUX(NAMESPACES(AT("time", "/x")) ",\"timeOffsets\":{\"monotonic\":{\"secs\":1}}"),
     "linux.timeOffsets: needs a new time namespace, and linux.namespaces joins one by path"},
    {LINUX(NAMESPACES(NEW("time")) ",\"timeOffsets\":{\"boottime\":{\"nanosecs\":1000000000}}"),
     "linux.timeOffsets.boottime.nanosecs: 1000000000 is out of range (0 to 999999999)"},
})

#define NET_DEVICES(members) LINUX(NAMESPACES(NEW("network")) ",\"netDevices\":{" members "}")

RULES(network_devices_have_names_that_the_kernel_takes, {
    {NET_DEVICES("\"eth0\":{\"name\":\"a23456789012345\"},\"eth1\":{}"), ""},
    {NET_DEVICES("\"eth0\":{\"name\":\"eth1\"},\"eth1\":{\"name\":\"eth0\"}"), ""},
    {NET_DEVICES("\"eth0\":{\"name\":\"\"}"), ""},
    {LINUX("\"netDevices\":{}"), ""},
    {LINUX("\"netDevices\":{\"eth0\":{}}"), "linux.netDevices: needs a network namespace, and linux.namespaces has none"},
    {NET_DEVICES("\"eth0\":{\"name\":\"a234567890123456\"}"),
     "linux.netDevices.eth0.name: \"a234567890123456\" is not the name of a network interface"},
    {NET_DEVICES("\"eth0\":{\"name\":\"..\"}"), "linux.netDevices.eth0.name: \"..\" is not the name of a network interface"},
    {NET_DEVICES("\"eth0\":{\"name\":\".\"}"), "linux.netDevices.eth0.name: \".\" is not the name of a network interface"},
    {NET_DEVICES("\"eth0\":{\"name\":\"a/b\"}"), "linux.netDevices.eth0.name: \"a/b\" is not the name of a network interface"},
    {NET_DEVICES("\"eth0\":{\"name\":\"a b\"}"), "linux.netDevices.eth0.name: \"a b\" is not the name of a network interface"},
    {NET_DEVICES("\"eth0\":{\"name\":\"a:b\"}"), "linux.netDevices.eth0.name: \"a:b\" is not the name of a network interface"},
    {NET_DEVICES("\"eth0\":{\"name\":\"eth%d\"}"), "linux.netDevices.eth0.name: \"eth%d\" is not the name of a network interface"},
    {NET_DEVICES("\"a/b\":{\"name\":\"x\"}"), "linux.netDevices[\"a/b\"]: not the name of a network interface"},
    {NET_DEVICES("\"\":{\"name\":\"x\"}"), "linux.netDevices[\"\"]: not the name of a network interface"},
    {NET_DEVICES("\"eth0\":{\"name\":\"x\"},\"eth1\":{\"name\":\"x\"}"),
     "linux.netDevices.eth1.name: \"x\" is the name of another device too"},
    {NET_DEVICES("\"eth0\":{},\"eth1\":{\"name\":\"eth0\"}"),
     "linux.netDevices.eth1.name: \"eth0\" is the name of another device too"},
})

#define SYSCTL(key, value) LINUX("\"sysctl\":{\"" key "\":\"" value "\"}")
#define NOT_A_KEY(key) \
    "linux.sysctl: \"" key "\" is not the name of a kernel parameter (such as net.core.somaxconn)"

RULES(kernel_parameters_have_names_that_stay_in_proc_sys, {
    {SYSCTL("net.core.somaxconn", "256"),           ""},
    {SYSCTL("net.ipv4.tcp_rmem", "1\\t2 3"),        ""},
    {SYSCTL("net/ipv4/conf/eno2.100/forwarding", "1"), ""},
    {SYSCTL("net.ipv4.conf.eno2/100.forwarding", "1"), ""},
    {SYSCTL("kernel..x", "1"),      NOT_A_KEY("kernel..x")},
    {SYSCTL("../x", "1"),           NOT_A_KEY("../x")},
    {SYSCTL("net/../x", "1"),       NOT_A_KEY("net/../x")},
    {SYSCTL("kernel./.x", "1"),     NOT_A_KEY("kernel./.x")},
    {SYSCTL("/net/x", "1"),         NOT_A_KEY("/net/x")},
    {SYSCTL("net.x.", "1"),         NOT_A_KEY("net.x.")},
    {SYSCTL("net", "1"),            NOT_A_KEY("net")},
    {SYSCTL("", "1"),               NOT_A_KEY("")},
    {SYSCTL("net.a b", "1"),        NOT_A_KEY("net.a b")},
    {SYSCTL("net.a\\n", "1"),       NOT_A_KEY("net.a\\x0a")},
    {SYSCTL("net.x", "1\\n2"),      "linux.sysctl[\"net.x\"]: \"1\\x0a2\" holds a newline"},
})

/* --- config-linux.md: devices, paths ---------------------------------------------------------------------- */

#define DEVICE(members) LINUX("\"devices\":[{" members "}]")
#define NULL_DEVICE(members) \
    DEVICE("\"path\":\"/dev/null\",\"type\":\"c\",\"major\":1,\"minor\":3," members)

RULES(devices_have_a_path_numbers_and_permissions, {
    {DEVICE("\"path\":\"/dev/null\",\"type\":\"u\",\"major\":4095,\"minor\":1048575"), ""},
    {DEVICE("\"path\":\"/srv/..a/pipe\",\"type\":\"p\""), ""},
    {NULL_DEVICE("\"fileMode\":511,\"uid\":0"), ""},
    {NULL_DEVICE("\"fileMode\":8630"), ""},
    {NULL_DEVICE("\"fileMode\":61440"), "linux.devices[0].fileMode: 0170000 is not made of permissions (at most 0777)"},
    {NULL_DEVICE("\"fileMode\":25014"), "linux.devices[0].fileMode: 060666 is not made of permissions (at most 0777)"},
    {NULL_DEVICE("\"fileMode\":512"), "linux.devices[0].fileMode: 01000 is not made of permissions (at most 0777)"},
    {NULL_DEVICE("\"uid\":4294967295"), "linux.devices[0].uid: 4294967295 is out of range (0 to 4294967294)"},
    {DEVICE("\"path\":\"dev/null\",\"type\":\"c\""), "linux.devices[0].path: \"dev/null\" is not an absolute path"},
    {DEVICE("\"path\":\"/dev/../etc/x\",\"type\":\"c\""), "linux.devices[0].path: \"/dev/../etc/x\" holds \"..\""},
    {DEVICE("\"path\":\"/dev/x/..\",\"type\":\"c\""), "linux.devices[0].path: \"/dev/x/..\" holds \"..\""},
    {DEVICE("\"path\":\"/dev/x\",\"type\":\"c\",\"minor\":1"), "linux.devices[0]: \"/dev/x\": missing \"major\""},
    {DEVICE("\"path\":\"/dev/x\",\"type\":\"b\",\"major\":1"), "linux.devices[0]: \"/dev/x\": missing \"minor\""},
    {DEVICE("\"path\":\"/dev/x\",\"type\":\"a\""), "linux.devices[0].type: \"a\" is for device rules; a device is c, b, u or p"},
    {DEVICE("\"path\":\"/dev/x\",\"type\":\"x\""), "linux.devices[0].type: unknown value \"x\" (known: c, u, b, p, a)"},
    {DEVICE("\"path\":\"/dev/x\",\"type\":\"c\",\"major\":-1"), "linux.devices[0].major: -1 is out of range (0 to 4095)"},
    {DEVICE("\"path\":\"/dev/x\",\"type\":\"c\",\"minor\":4294967296"),
     "linux.devices[0].minor: 4294967296 is out of range (0 to 1048575)"},
})

RULES(hidden_paths_are_absolute, {
    {LINUX("\"maskedPaths\":[\"/a\"],\"readonlyPaths\":[\"/\",\"/b\"]"), ""},
    {LINUX("\"maskedPaths\":[\"/a\",\"b\"]"), "linux.maskedPaths[1]: \"b\" is not an absolute path"},
    {LINUX("\"maskedPaths\":[\"/\"]"), "linux.maskedPaths[0]: \"/\" would hide the whole root"},
    {LINUX("\"readonlyPaths\":[\"\"]"), "linux.readonlyPaths[0]: \"\" is not an absolute path"},
})

/* --- config-linux.md: control groups ------------------------------------------------------------------------- */

#define RULE(members) RESOURCES("\"devices\":[{\"allow\":true," members "}]")

RULES(device_rules_are_made_of_rwm, {
    {RULE("\"access\":\"rwm\",\"type\":\"a\",\"major\":-1,\"minor\":-1"), ""},
    {RULE("\"type\":\"\""), ""},
    {RULE("\"access\":\"z\""), "linux.resources.devices[0].access: \"z\" is not made of r, w and m"},
    {RULE("\"access\":\"\""), "linux.resources.devices[0].access: \"\" is not made of r, w and m"},
    {RULE("\"type\":\"p\""), "linux.resources.devices[0].type: \"p\": device rules know a, b and c only"},
    {RULE("\"type\":\"q\""), "linux.resources.devices[0].type: unknown value \"q\" (known: c, u, b, p, a)"},
    {RULE("\"major\":-2"), "linux.resources.devices[0].major: -2 is out of range (-1 to 4294967295)"},
})

#define PAGES(size) RESOURCES("\"hugepageLimits\":[{\"pageSize\":\"" size "\",\"limit\":1}]")
#define NOT_PAGES(size)                                                                      \
    "linux.resources.hugepageLimits[0].pageSize: \"" size "\" is not the size of a huge page " \
    "(such as 2MB)"

RULES(huge_page_sizes_are_powers_of_two_in_kb_mb_or_gb, {
    {PAGES("64KB"), ""}, {PAGES("2MB"), ""}, {PAGES("1GB"), ""},
    {PAGES("64kB"), NOT_PAGES("64kB")}, {PAGES("3KB"), NOT_PAGES("3KB")},
    {PAGES("0KB"), NOT_PAGES("0KB")},   {PAGES("02MB"), NOT_PAGES("02MB")},
    {PAGES("2"), NOT_PAGES("2")},       {PAGES("2M"), NOT_PAGES("2M")},
    {PAGES("MB"), NOT_PAGES("MB")},     {PAGES("2MB/x"), NOT_PAGES("2MB/x")},
    {PAGES("99999999999999999999KB"), NOT_PAGES("99999999999999999999KB")},
})

/* Memory ends where the text ends: reading behind it is a SIGSEGV. */
Test(spec_validate, nothing_behind_the_size_of_a_huge_page_is_read)
{
    long page = sysconf(_SC_PAGESIZE);
    char *end = (char *)mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + page;
    struct spec_hugepage_limit limit = {.page_size = end - 2};
    struct spec_resources resources = {.hugepage_limits = {&limit, 1}};
    struct error err;

    cr_assert_eq(mprotect(end, (size_t)page, PROT_NONE), 0);
    end[-2] = '2';
    cr_assert_lt(spec_validate_resources(&resources, &err), 0);
    cr_assert_str_eq(err.text, "hugepageLimits[0].pageSize: \"2\" is not the size of a huge page "
                               "(such as 2MB)");
}

#define UNIFIED(key, value) RESOURCES("\"unified\":{\"" key "\":\"" value "\"}")
#define NOT_A_FILE(key) \
    "linux.resources.unified: \"" key "\" is not the name of a cgroup file (such as memory.high)"

RULES(unified_names_a_file_of_this_cgroup_and_lines, {
    {UNIFIED("memory.high", "1"),      ""},
    {UNIFIED("io.max", "8:0 rbps=1"),  ""},
    {UNIFIED("../memory.high", "1"),   NOT_A_FILE("../memory.high")},
    {UNIFIED("a/memory.high", "1"),    NOT_A_FILE("a/memory.high")},
    {UNIFIED("memory..high", "1"),     NOT_A_FILE("memory..high")},
    {UNIFIED(".x", "1"),               NOT_A_FILE(".x")},
    {UNIFIED("tasks", "1"),            NOT_A_FILE("tasks")},
    {UNIFIED("", "1"),                 NOT_A_FILE("")},
    {UNIFIED("io.max", "259:0 rbps=2097152 wiops=120\\n253:0 rbps=2097152 wiops=120"), ""},
    {UNIFIED("memory.high", "1\\t\\n"), ""},
    {UNIFIED("memory.high", "1\\r\\n"), "linux.resources.unified[\"memory.high\"]: \"1\\x0d\\x0a\" holds a control character"},
    {UNIFIED("memory.high", "\\u001b[2J"), "linux.resources.unified[\"memory.high\"]: \"\\x1b[2J\" holds a control character"},
    {UNIFIED("memory.high", "1\\u007f"), "linux.resources.unified[\"memory.high\"]: \"1\\x7f\" holds a control character"},
    {UNIFIED("memory.high", "1\\u0000"), "linux.resources.unified[\"memory.high\"]: the string holds a NUL character"},
})

RULES(resource_numbers_have_their_ranges, {
    {RESOURCES("\"memory\":{\"limit\":-1,\"swap\":9223372036854775807}"), ""},
    {RESOURCES("\"memory\":{\"limit\":-2}"), "linux.resources.memory.limit: -2 is out of range (-1 to 9223372036854775807)"},
    {RESOURCES("\"pids\":{}"), ""},
    {RESOURCES("\"pids\":{\"limit\":-5}"), ""},
    {RESOURCES("\"cpu\":{\"quota\":-1,\"shares\":18446744073709551615}"), ""},
    {RESOURCES("\"cpu\":{\"idle\":2}"), "linux.resources.cpu.idle: 2 is out of range (0 to 1)"},
    {RESOURCES("\"blockIO\":{\"weight\":65536}"), "linux.resources.blockIO.weight: 65536 is out of range (0 to 65535)"},
    {RESOURCES("\"memory\":{\"kernel\":-1,\"kernelTCP\":-1,\"swappiness\":60,\"useHierarchy\":true}"), ""},
    {RESOURCES("\"rdma\":{\"a b\":{}}"), "linux.resources.rdma: \"a b\" is not the name of a device"},
    {RESOURCES("\"rdma\":{\"m\":{\"hcaHandles\":0},\"n\":{\"hcaObjects\":1}}"), ""},
    {RESOURCES("\"rdma\":{\"mlx5_1\":{\"hcaHandles\":1},\"mlx5_2\":{}}"),
     "linux.resources.rdma.mlx5_2: limits nothing: neither hcaHandles nor hcaObjects is given"},
    {RESOURCES("\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":0},{\"major\":8,\"minor\":1,\"leafWeight\":1}]}"), ""},
    {RESOURCES("\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":9},{\"major\":8,\"minor\":1}]}"),
     "linux.resources.blockIO.weightDevice[1]: 8:1: neither weight nor leafWeight is given"},
    {RESOURCES("\"rdma\":{\"\":{}}"), "linux.resources.rdma: \"\" is not the name of a device"},
})

/* --- config-linux.md: seccomp ----------------------------------------------------------------------------------- */

#define CALL(names, members) SECCOMP("\"syscalls\":[{\"names\":" names "," members "}]")
#define NOTIFY(names)        CALL(names, "\"action\":\"SCMP_ACT_NOTIFY\"")

RULES(seccomp_values_mean_something, {
    {LINUX("\"seccomp\":{}"), "linux.seccomp: missing \"defaultAction\""},
    {LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_FOO\"}"),
     "linux.seccomp.defaultAction: unknown value \"SCMP_ACT_FOO\" (known: SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, "
     "SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY)"},
    {SECCOMP("\"architectures\":[\"SCMP_ARCH_FOO\"]"), "linux.seccomp.architectures[0]: unknown value \"SCMP_ARCH_FOO\""},
    {CALL("[\"a\"]", "\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":5,\"value\":18446744073709551615,\"op\":\"SCMP_CMP_EQ\"}]"), ""},
    {CALL("[\"a\"]", "\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":6,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]"),
     "linux.seccomp.syscalls[0].args[0].index: 6 is out of range (0 to 5)"},
    {CALL("[\"a\"]", "\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"value\":0,\"op\":\"EQ\"}]"),
     "linux.seccomp.syscalls[0].args[0].op: unknown value \"EQ\" (known: SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE, "
     "SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ)"},
    {CALL("[]", "\"action\":\"SCMP_ACT_ERRNO\""), "linux.seccomp.syscalls[0].names: is empty"},
    {CALL("[\"a\",\"\"]", "\"action\":\"SCMP_ACT_ERRNO\""), "linux.seccomp.syscalls[0].names[1]: \"\" is not a system call"},
})

RULES(seccomp_errno_goes_with_actions_that_return_one, {
    {CALL("[\"a\"]", "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":4095"), ""},
    {CALL("[\"a\"]", "\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":65535"), ""},
    {CALL("[\"a\"]", "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":4096"),
     "linux.seccomp.syscalls[0].errnoRet: 4096 is out of range (0 to 4095)"},
    {CALL("[\"a\"]", "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":70000"),
     "linux.seccomp.syscalls[0].errnoRet: 70000 is out of range (0 to 65535)"},
    {CALL("[\"a\"]", "\"action\":\"SCMP_ACT_KILL\",\"errnoRet\":1"),
     "linux.seccomp.syscalls[0].errnoRet: 1: SCMP_ACT_KILL has no errno to return"},
    {SECCOMP("\"defaultErrnoRet\":1"), "linux.seccomp.defaultErrnoRet: 1: SCMP_ACT_ALLOW has no errno to return"},
})

#define NAME_32 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define PATH_107 "/" NAME_64 NAME_32 "0123456789"

RULES(seccomp_listeners_have_a_socket_and_leave_write_alone, {
    {LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}"),
     "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default action"},
    {NOTIFY("[\"mkdir\"]"), "linux.seccomp.listenerPath: missing, and SCMP_ACT_NOTIFY needs it"},
    {SECCOMP("\"listenerPath\":\"/x\",\"listenerMetadata\":\"m\""), ""},
    {SECCOMP("\"listenerMetadata\":\"m\""), "linux.seccomp.listenerMetadata: set without listenerPath"},
    {SECCOMP("\"listenerPath\":\"x\""), "linux.seccomp.listenerPath: \"x\" is not an absolute path"},
    {SECCOMP("\"listenerPath\":\"" PATH_107 "\""), ""},
    {SECCOMP("\"listenerPath\":\"" PATH_107 "8\""),
     "linux.seccomp.listenerPath: 108 bytes are too long for a socket (at most 107)"},
    {NOTIFY("[\"mkdir\",\"write\"]"), "linux.seccomp.syscalls[0].names[1]: SCMP_ACT_NOTIFY cannot be used for write"},
    {SECCOMP("\"listenerPath\":\"/x\",\"syscalls\":[{\"names\":[\"sendmsg\"],\"action\":\"SCMP_ACT_NOTIFY\"}]"), ""},
    {SECCOMP("\"listenerPath\":\"/x\",\"syscalls\":[{\"names\":[\"sendmmsg\"],\"action\":\"SCMP_ACT_NOTIFY\"}]"), ""},
    {SECCOMP("\"listenerPath\":\"/x\",\"syscalls\":[{\"names\":[\"sendmsg\"],\"action\":\"SCMP_ACT_NOTIFY\"},"
             "{\"names\":[\"bind\",\"sendmmsg\"],\"action\":\"SCMP_ACT_NOTIFY\"}]"),
     "linux.seccomp.syscalls: SCMP_ACT_NOTIFY cannot be used for both sendmsg and sendmmsg: the agent is brought to life by "
     "one of them"},
    {SECCOMP("\"listenerPath\":\"/x\",\"syscalls\":[{\"names\":[\"sendmsg\"],\"action\":\"SCMP_ACT_NOTIFY\"},"
             "{\"names\":[\"sendmmsg\"],\"action\":\"SCMP_ACT_ERRNO\"}]"), ""},
})

/* --- config-linux.md: the rest -------------------------------------------------------------------------------------- */

RULES(resource_director_names_stay_in_resctrl, {
    {LINUX("\"intelRdt\":{\"closID\":\"guaranteed\",\"memBwSchema\":\"MB:0=20;1=70\",\"schemata\":[\"L3:0=f\"]}"), ""},
    {LINUX("\"intelRdt\":{\"closID\":\"\"}"), ""},
    {LINUX("\"intelRdt\":{\"closID\":\"/\"}"), ""},
    {LINUX("\"intelRdt\":{\"closID\":\"//\"}"), "linux.intelRdt.closID: \"//\" is not the name of a directory"},
    {LINUX("\"intelRdt\":{\"closID\":\"../x\"}"), "linux.intelRdt.closID: \"../x\" is not the name of a directory"},
    {LINUX("\"intelRdt\":{\"closID\":\"..\"}"), "linux.intelRdt.closID: \"..\" is not the name of a directory"},
    {LINUX("\"intelRdt\":{\"closID\":\".\"}"), "linux.intelRdt.closID: \".\" is not the name of a directory"},
    {LINUX("\"intelRdt\":{\"memBwSchema\":\"L3:0=f\"}"),
     "linux.intelRdt.memBwSchema: \"L3:0=f\" is not one line that starts with \"MB:\""},
    {LINUX("\"intelRdt\":{\"memBwSchema\":\"MB:0=1\\nL3:0=f\"}"),
     "linux.intelRdt.memBwSchema: \"MB:0=1\\x0aL3:0=f\" is not one line that starts with \"MB:\""},
    {LINUX("\"intelRdt\":{\"schemata\":[\"a\",\"b\\n\"]}"), "linux.intelRdt.schemata[1]: \"b\\x0a\" holds a newline"},
})

#define POLICY(mode, members) LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_" mode "\"" members "}")

RULES(memory_policies_have_the_nodes_their_mode_takes, {
    {POLICY("BIND", ",\"nodes\":\"0-1\",\"flags\":[\"MPOL_F_STATIC_NODES\",\"MPOL_F_NUMA_BALANCING\"]"), ""},
    {POLICY("PREFERRED", ""), ""},
    {POLICY("LOCAL", ""), ""},
    {POLICY("BIND", ""), "linux.memoryPolicy.nodes: missing, and MPOL_BIND needs it"},
    {POLICY("INTERLEAVE", ",\"nodes\":\"\""), "linux.memoryPolicy.nodes: missing, and MPOL_INTERLEAVE needs it"},
    {POLICY("BIND", ",\"nodes\":\"9999999\""),
     "linux.memoryPolicy.nodes: \"9999999\" is not a list such as 0-3,7 of numbers up to 1023"},
    {POLICY("DEFAULT", ",\"nodes\":\"0\""), "linux.memoryPolicy.nodes: set, and MPOL_DEFAULT takes none"},
    {POLICY("LOCAL", ",\"flags\":[\"MPOL_F_STATIC_NODES\"]"), "linux.memoryPolicy.flags: set, and MPOL_LOCAL takes none"},
    {POLICY("BIND", ",\"nodes\":\"0\",\"flags\":[\"MPOL_F_STATIC_NODES\",\"MPOL_F_RELATIVE_NODES\"]"),
     "linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other"},
    {LINUX("\"memoryPolicy\":{}"), "linux.memoryPolicy: missing \"mode\""},
    {LINUX("\"personality\":{\"domain\":\"LINUX32\",\"flags\":[\"x\"]}"), ""},
    {LINUX("\"personality\":{\"domain\":\"BSD\"}"), "linux.personality.domain: unknown value \"BSD\" (known: LINUX, LINUX32)"},
    {LINUX("\"personality\":{}"), "linux.personality: missing \"domain\""},
})

/* --- parts alone, and models changed after loading -------------------------------------------------------------------- */

Test(spec_validate, a_process_alone_is_placed_from_its_own_top)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"{\"cwd\":\"/\",\"args\":[\"a\"]}",       ""                                               },
        {"{\"cwd\":\"x\",\"args\":[\"a\"]}",       "p.json: cwd: \"x\" is not an absolute path"     },
        {"{\"cwd\":\"/\"}",                        "p.json: missing \"args\""                       },
        {"{\"args\":[\"a\"]}",                     "p.json: missing \"cwd\""                        },
        {"{\"cwd\":\"/\",\"args\":[]}",            "p.json: args: is empty: there is no program to run"},
        {"[]",                                     "p.json: expected object, found array"           },
        {"{",                                      "p.json: line 1, column 2: unexpected end of the text"},
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct arena arena = {0};
        struct spec_process *process = NULL;
        struct error err = {0};
        int code = spec_parse_process(cases[i].text, strlen(cases[i].text), "p.json", &arena,
                                      &process, &err);

        cr_expect_eq(code, cases[i].message[0] != '\0' ? -EINVAL : 0);
        cr_expect_str_eq(err.text, cases[i].message);
        cr_expect_eq(process == NULL, code < 0);
        arena_free(&arena);
    }
}

Test(spec_validate, resources_alone_are_placed_from_their_own_top)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"{}",                                     ""                                               },
        {"{\"memory\":{\"limit\":5,\"swappiness\":1},\"new\":{}}", ""                               },
        {"{\"memory\":{\"limit\":\"5\"}}",         "r: memory.limit: expected integer, found string"},
        {"{\"unified\":{\"a/b\":\"\"}}",
         "r: unified: \"a/b\" is not the name of a cgroup file (such as memory.high)"               },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct arena arena = {0};
        struct spec_resources *resources = NULL;
        struct error err = {0};
        int code = spec_parse_resources(cases[i].text, strlen(cases[i].text), "r", &arena,
                                        &resources, &err);

        cr_expect_eq(code, cases[i].message[0] != '\0' ? -EINVAL : 0);
        cr_expect_str_eq(err.text, cases[i].message);
        cr_expect_eq(resources == NULL, code < 0);
        arena_free(&arena);
    }
}

Test(spec_validate, mounts_alone_are_placed_by_their_index)
{
    static const struct {
        const char *text;
        size_t count;
        const char *message;
    } cases[] = {
        {"[]",                                                   0, ""                                               },
        {"[{\"destination\":\"/a\"},{\"destination\":\"/b\"}]", 2, ""                                               },
        {"{}",                                                   0, "m: expected array, found object"                },
        {"[{\"destination\":\"/a\"},{}]",                        0, "m: mounts[1]: missing \"destination\""            },
        {"[{\"destination\":7}]",                                0, "m: mounts[0].destination: expected string, found number"},
        {"[{\"destination\":\"\"}]",                             0, "m: mounts[0].destination: is empty"             },
        {"[{\"destination\":\"/a\",\"options\":[\"ro\",1]}]",    0,
         "m: mounts[0].options[1]: expected string, found number"                                                        },
        {"[",                                                    0, "m: line 1, column 2: unexpected end of the text"},
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct arena arena = {0};
        struct spec_mounts mounts = {0};
        struct error err = {0};
        int code = spec_parse_mounts(cases[i].text, strlen(cases[i].text), "m", &arena, &mounts,
                                     &err);

        cr_expect_eq(code, cases[i].message[0] != '\0' ? -EINVAL : 0);
        cr_expect_str_eq(err.text, cases[i].message);
        cr_expect_eq(mounts.count, cases[i].count);
        arena_free(&arena);
    }
}

Test(spec_validate, overrides_are_checked_like_the_file)
{
    static const char text[] = "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"}}";
    struct arena arena = {0};
    struct spec *spec = NULL;
    struct error err = {0};

    cr_assert_eq(spec_parse(text, strlen(text), "config.json", &arena, NULL, &spec, &err), 0);
    spec->hostname = "box";
    cr_expect_eq(spec_validate(spec, &err), -EINVAL);
    cr_expect_str_eq(err.text,
                     "hostname: unable to set hostname without a private UTS namespace");
    arena_free(&arena);
}
