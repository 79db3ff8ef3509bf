/*
 * What bad input gets: exit status 1, one line on standard error that names the field, the value
 * and the reason, and nothing left behind.  One row is one bad (or surprisingly good) config.json;
 * the tests are the groups of the security reference, one each.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

enum row_flag {
    FINE = 1,    /* is no mistake: must run */
    ROOT = 2,    /* only root gets that far */
    REFUSED = 4, /* only that it is refused is asked for: "says" stays empty */
};

struct row {
    const char *path, *value; /* JSON text at a path; value NULL removes it */
    const char *second_path, *second_value;
    const char *says[3];
    int flags;
};

#define CHECK(rows) check_rows((rows), count_of(rows))

static void edit(struct bundle *bundle, const char *path, const char *value)
{
    if (path == NULL)
        return;
    if (value == NULL)
        bundle_remove(bundle, path);
    else
        bundle_set(bundle, path, "%s", value);
}

static const char *story_of(const struct row *row)
{
    return text("%.200s = %.300s", row->path, row->value != NULL ? row->value : "(removed)");
}

static void check_outcome(const struct row *row, const struct outcome *outcome)
{
    int expected = (row->flags & FINE) != 0 ? 0 : 1;

    cr_assert(outcome->code == expected, "%s: exit code %d instead of %d\n  out: %s\n  err: %s",
              story_of(row), outcome->code, expected, outcome->out, outcome->err);
    if (expected == 0)
        return;
    cr_assert(is_one_line(outcome->err), "%s: not one line on stderr:\n%s", story_of(row),
              outcome->err);
    for (size_t i = 0; i < count_of(row->says); i++)
        cr_assert(row->says[i] == NULL || strstr(outcome->err, row->says[i]) != NULL,
                  "%s: \"%s\" is not in: %s", story_of(row), row->says[i], outcome->err);
    cr_assert(*outcome->out == '\0', "%s: the program ran: %s", story_of(row), outcome->out);
}

static struct bundle *bundle_for_caller(void)
{
    return geteuid() == 0 ? bundle_new() : bundle_new_rootless();
}

static void check_rows(const struct row *rows, size_t count)
{
    struct bundle *bundle = bundle_for_caller();
    const char *config = bundle->config;

    for (size_t i = 0; i < count; i++) {
        struct outcome outcome;

        if (geteuid() != 0 && (rows[i].flags & (ROOT | FINE)) != 0)
            continue;
        bundle_raw(bundle, config);
        edit(bundle, rows[i].path, rows[i].value);
        edit(bundle, rows[i].second_path, rows[i].second_value);
        outcome = bundle_run(bundle);
        check_outcome(&rows[i], &outcome);
    }
}

/* --- form (groups 1 to 14) -------------------------------------------------------------------- */

Scenario(bad_input, group_01_no_config)
{
    struct bundle *bundle = bundle_for_caller();
    const char *config = text("%s/config.json", bundle->path);

    cr_assert(unlink(config) == 0);
    assert_refused(bundle_run(bundle), 1, "config.json not found");
    assert_has(bundle_run(bundle).err, bundle->path);
    assert_refused(crun("run", "-b", work_path("no-bundle"), bundle->id), 1, "no-bundle");
    assert_refused(crun_with(PROGRAM(.directory = scenario_work()), "run", bundle->id), 1,
                   "config.json");
}

Scenario(bad_input, group_02_empty)
{
    struct bundle *bundle = bundle_for_caller();

    bundle_raw(bundle, "");
    assert_refused(bundle_run(bundle), 1, "empty");
    bundle_raw(bundle, " \n\t ");
    assert_refused(bundle_run(bundle), 1, "config.json");
}

Scenario(bad_input, group_03_not_json)
{
    static const char *const broken[] = {"x",
                                         "{]",
                                         "{\"a\":}",
                                         "{} {}",
                                         "{\"a\":1,}",
                                         "[1,2",
                                         "{\"a\" 1}",
                                         "{'a':1}",
                                         "{\"a\":01}",
                                         "{\"a\":tru}",
                                         "{ /* comment */ }",
                                         "{\"a\":\"\\x\"}",
                                         "{\"a\":\"\n\"}"};
    struct bundle *bundle = bundle_for_caller();

    for (size_t i = 0; i < count_of(broken); i++) {
        struct outcome outcome;

        bundle_raw(bundle, broken[i]);
        outcome = bundle_run(bundle);
        cr_assert(outcome.code == 1 && is_one_line(outcome.err), "%s: exit code %d, %s", broken[i],
                  outcome.code, outcome.err);
        assert_has(outcome.err, "config.json");
    }
    bundle_raw(bundle, "{\n\"ociVersion\": \"1.2.0\",\n  oops\n}");
    assert_refused(bundle_run(bundle), 1, "line 3");
}

Scenario(bad_input, group_03_truncated_anywhere)
{
    struct bundle *bundle = bundle_for_caller();
    const char *config = bundle->config;
    size_t length = strlen(config);

    while (config[length - 1] != '}')
        length--;
    for (size_t cut = 1; cut < length; cut += 41) {
        struct outcome outcome;

        bundle_raw(bundle, text("%.*s", (int)cut, config));
        outcome = bundle_run(bundle);
        cr_assert(outcome.code == 1 && is_one_line(outcome.err), "cut at %zu: exit code %d, %s",
                  cut, outcome.code, outcome.err);
        assert_has(outcome.err, "config.json");
    }
}

Scenario(bad_input, group_04_encoding)
{
    static const struct row rows[] = {
        {"hostname",        "\"a\xff\"",          NULL, NULL, {"UTF-8"}, 0   },
        {"process.args[+]", "\"\xc3\x28\"",       NULL, NULL, {"UTF-8"}, 0   },
        {"process.args[+]", "\"\xed\xa0\x80\"",   NULL, NULL, {"UTF-8"}, 0   },
        {"process.args[+]", "\"\xc3\xa4\"",       NULL, NULL, {0},       FINE},
        {"process.args[+]", "\"\\ud83d\\ude00\"", NULL, NULL, {0},       FINE},
    };
    struct bundle *bundle = bundle_for_caller();
    struct outcome outcome;

    CHECK(rows);
    bundle_raw(bundle, text("\xef\xbb\xbf%s", bundle->config));
    outcome = bundle_run(bundle);
    cr_assert(outcome.code == 0 || (outcome.code == 1 && is_one_line(outcome.err)), "%s",
              outcome.err);
}

Scenario(bad_input, group_05_nul_in_strings)
{
    static const struct row rows[] = {
        {"process.args[0]",       "\"/bin/true\\u0000x\"", NULL, NULL, {"process.args[0]"},       0},
        {"process.env[+]",        "\"A=b\\u0000c\"",       NULL, NULL, {"process.env[1]"},        0},
        {"process.cwd",           "\"/\\u0000\"",          NULL, NULL, {"process.cwd"},           0},
        {"hostname",              "\"a\\u0000\"",          NULL, NULL, {"hostname"},              0},
        {"root.path",             "\"rootfs\\u0000\"",     NULL, NULL, {"root.path"},             0},
        {"mounts[0].destination", "\"/proc\\u0000\"",      NULL, NULL, {"mounts[0].destination"}, 0},
        {"mounts[0].options[0]",  "\"ro\\u0000\"",         NULL, NULL, {"mounts[0].options[0]"},  0},
        {"linux.cgroupsPath",     "\"/a\\u0000\"",         NULL, NULL, {"linux.cgroupsPath"},     0},
        {"annotations.a",         "\"b\\u0000\"",          NULL, NULL, {"annotations"},           0},
    };

    CHECK(rows);
}

Scenario(bad_input, group_06_duplicate_keys)
{
    static const char *const twice[] = {"{\"args\":[\"/bin/false\"],", "{\"cwd\":\"/tmp\","};
    static const char *const names[] = {"process: the key \"args\"", "process: the key \"cwd\""};
    struct bundle *bundle = bundle_for_caller();
    const char *config = bundle->config;

    for (size_t i = 0; i < count_of(twice); i++) {
        const char *process = json_get(scenario_arena(), config, "process");

        bundle_raw(bundle, config);
        bundle_set(bundle, "process", "%s%s", twice[i], process + 1);
        assert_refused(bundle_run(bundle), 1, names[i]);
        assert_has(bundle_run(bundle).err, "twice");
    }
    bundle_raw(bundle, text("{\"ociVersion\":\"1.0.0\",%s", config + 1));
    assert_refused(bundle_run(bundle), 1, "ociVersion");
}

Scenario(bad_input, group_07_nested_too_deep)
{
    enum { DEPTH = 10000 };
    struct bundle *bundle = bundle_for_caller();
    const char *config = bundle->config;
    static char open[DEPTH + 1], close[DEPTH + 1];

    memset(open, '[', DEPTH);
    memset(close, ']', DEPTH);
    bundle_set(bundle, "unknown", "%s%s", open, close);
    assert_refused(bundle_run(bundle), 1, "64");
    open[60] = close[60] = '\0';
    bundle_raw(bundle, config);
    bundle_set(bundle, "unknown", "%s%s", open, close);
    if (geteuid() == 0)
        assert_ok(bundle_run(bundle));
}

Scenario(bad_input, group_08_not_a_file_or_too_big)
{
    struct bundle *bundle = bundle_for_caller();
    const char *config = text("%s/config.json", bundle->path);

    cr_assert(unlink(config) == 0 && mkdir(config, 0755) == 0);
    assert_refused(bundle_run(bundle), 1, "config.json");
    cr_assert(rmdir(config) == 0 && mkfifo(config, 0644) == 0);
    assert_refused(bundle_run(bundle), 1, "config.json");
    cr_assert(unlink(config) == 0 && symlink("/dev/zero", config) == 0);
    assert_refused(bundle_run(bundle), 1, "config.json");
    cr_assert(unlink(config) == 0 && symlink("config.json", config) == 0);
    assert_refused(bundle_run(bundle), 1, "config.json");
    cr_assert(unlink(config) == 0);
    close(open(config, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    cr_assert(truncate(config, 1L << 30) == 0);
    assert_refused(bundle_run(bundle), 1, "config.json");
    assert_has(bundle_run(bundle).err, "16");
}

/* So that what is missing beside the wrong member is never the reason. */
static const char *config_with_everything(struct bundle *bundle)
{
    static const struct row good[] = {
        {"process.scheduler",   "{\"policy\":\"SCHED_OTHER\"}",                  NULL, NULL, {0}, 0},
        {"process.ioPriority",
         "{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":4}",                       NULL,
         NULL,                                                                               {0},
         0                                                                                         },
        {"process.rlimits",
         "[{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":0}]",                   NULL,
         NULL,                                                                               {0},
         0                                                                                         },
        {"process.consoleSize", "{\"height\":24,\"width\":80}",                  NULL, NULL, {0}, 0},
        {"linux.uidMappings",   "[{\"containerID\":0,\"hostID\":0,\"size\":1}]", NULL, NULL, {0}, 0},
        {"linux.resources",
         "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}",                 NULL,
         NULL,                                                                               {0},
         0                                                                                         },
        {"linux.devices",
         "[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1,\"minor\":3}]",       NULL,
         NULL,                                                                               {0},
         0                                                                                         },
        {"linux.seccomp",       "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}",        NULL, NULL, {0}, 0},
        {"linux.memoryPolicy",  "{\"mode\":\"MPOL_DEFAULT\"}",                   NULL, NULL, {0}, 0},
        {"linux.personality",   "{\"domain\":\"LINUX\"}",                        NULL, NULL, {0}, 0},
    };

    for (size_t i = 0; i < count_of(good); i++)
        edit(bundle, good[i].path, good[i].value);
    return bundle->config;
}

/* Each is given a string, a number, an object, a list and true; all but its own kind must be
 * refused by name.  (null is what is absent.) */
Scenario(bad_input, group_09_wrong_types)
{
    static const struct {
        const char *path;
        char kind; /* s, n, o, a, b */
    } fields[] = {
        {"ociVersion",                              's'},
        {"hostname",                                's'},
        {"domainname",                              's'},
        {"root",                                    'o'},
        {"root.path",                               's'},
        {"root.readonly",                           'b'},
        {"mounts",                                  'a'},
        {"mounts[0]",                               'o'},
        {"mounts[0].destination",                   's'},
        {"mounts[0].type",                          's'},
        {"mounts[0].source",                        's'},
        {"mounts[0].options",                       'a'},
        {"mounts[0].options[0]",                    's'},
        {"mounts[0].uidMappings",                   'a'},
        {"process",                                 'o'},
        {"process.terminal",                        'b'},
        {"process.consoleSize",                     'o'},
        {"process.consoleSize.height",              'n'},
        {"process.user",                            'o'},
        {"process.user.uid",                        'n'},
        {"process.user.gid",                        'n'},
        {"process.user.umask",                      'n'},
        {"process.user.additionalGids",             'a'},
        {"process.user.additionalGids[0]",          'n'},
        {"process.args",                            'a'},
        {"process.args[0]",                         's'},
        {"process.env",                             'a'},
        {"process.env[0]",                          's'},
        {"process.cwd",                             's'},
        {"process.capabilities",                    'o'},
        {"process.capabilities.bounding",           'a'},
        {"process.capabilities.ambient",            'a'},
        {"process.rlimits",                         'a'},
        {"process.rlimits[0]",                      'o'},
        {"process.rlimits[0].type",                 's'},
        {"process.rlimits[0].soft",                 'n'},
        {"process.noNewPrivileges",                 'b'},
        {"process.apparmorProfile",                 's'},
        {"process.selinuxLabel",                    's'},
        {"process.oomScoreAdj",                     'n'},
        {"process.scheduler",                       'o'},
        {"process.scheduler.policy",                's'},
        {"process.scheduler.flags",                 'a'},
        {"process.ioPriority",                      'o'},
        {"process.ioPriority.class",                's'},
        {"process.execCPUAffinity",                 'o'},
        {"process.execCPUAffinity.initial",         's'},
        {"hooks",                                   'o'},
        {"hooks.prestart",                          'a'},
        {"hooks.createRuntime",                     'a'},
        {"hooks.createRuntime[0]",                  'o'},
        {"hooks.poststop",                          'a'},
        {"annotations",                             'o'},
        {"annotations.x",                           's'},
        {"linux",                                   'o'},
        {"linux.namespaces",                        'a'},
        {"linux.namespaces[0]",                     'o'},
        {"linux.namespaces[0].type",                's'},
        {"linux.namespaces[0].path",                's'},
        {"linux.uidMappings",                       'a'},
        {"linux.uidMappings[0]",                    'o'},
        {"linux.uidMappings[0].hostID",             'n'},
        {"linux.timeOffsets",                       'o'},
        {"linux.timeOffsets.boottime",              'o'},
        {"linux.timeOffsets.boottime.secs",         'n'},
        {"linux.devices",                           'a'},
        {"linux.devices[0]",                        'o'},
        {"linux.devices[0].path",                   's'},
        {"linux.devices[0].major",                  'n'},
        {"linux.netDevices",                        'o'},
        {"linux.cgroupsPath",                       's'},
        {"linux.resources",                         'o'},
        {"linux.resources.devices",                 'a'},
        {"linux.resources.devices[0].allow",        'b'},
        {"linux.resources.devices[0].access",       's'},
        {"linux.resources.memory",                  'o'},
        {"linux.resources.memory.limit",            'n'},
        {"linux.resources.memory.disableOOMKiller", 'b'},
        {"linux.resources.cpu",                     'o'},
        {"linux.resources.cpu.shares",              'n'},
        {"linux.resources.cpu.quota",               'n'},
        {"linux.resources.cpu.cpus",                's'},
        {"linux.resources.pids",                    'o'},
        {"linux.resources.pids.limit",              'n'},
        {"linux.resources.blockIO",                 'o'},
        {"linux.resources.blockIO.weight",          'n'},
        {"linux.resources.hugepageLimits",          'a'},
        {"linux.resources.network",                 'o'},
        {"linux.resources.rdma",                    'o'},
        {"linux.resources.unified",                 'o'},
        {"linux.rootfsPropagation",                 's'},
        {"linux.seccomp",                           'o'},
        {"linux.seccomp.defaultAction",             's'},
        {"linux.sysctl",                            'o'},
        {"linux.sysctl.x",                          's'},
        {"linux.maskedPaths",                       'a'},
        {"linux.maskedPaths[0]",                    's'},
        {"linux.readonlyPaths",                     'a'},
        {"linux.mountLabel",                        's'},
        {"linux.intelRdt",                          'o'},
        {"linux.intelRdt.closID",                   's'},
        {"linux.memoryPolicy",                      'o'},
        {"linux.memoryPolicy.mode",                 's'},
        {"linux.personality",                       'o'},
        {"linux.personality.domain",                's'},
    };
    static const struct {
        const char *value;
        char kind;
    } values[] = {
        {"\"x\"", 's'},
        {"7",     'n'},
        {"{}",    'o'},
        {"[]",    'a'},
        {"true",  'b'}
    };
    struct bundle *bundle = bundle_for_caller();
    const char *config = config_with_everything(bundle);

    for (size_t i = 0; i < count_of(fields); i++) {
        /* Two of the four wrong kinds each: all would take a minute. */
        for (size_t turn = 0, wrong = 0; wrong < 2; turn++) {
            size_t j = (i + turn) % count_of(values);
            struct outcome outcome;
            const char *name = text("%.*s", (int)strcspn(fields[i].path, "["), fields[i].path);

            if (values[j].kind == fields[i].kind)
                continue;
            wrong++;
            bundle_raw(bundle, config);
            bundle_set(bundle, fields[i].path, "%s", values[j].value);
            outcome = bundle_run(bundle);
            cr_assert(outcome.code == 1, "%s = %s: exit code %d, %s", fields[i].path,
                      values[j].value, outcome.code, outcome.err);
            cr_assert(strstr(outcome.err, name) != NULL && is_one_line(outcome.err), "%s = %s: %s",
                      fields[i].path, values[j].value, outcome.err);
        }
    }
}

Scenario(bad_input, group_10_numbers)
{
    static const struct row rows[] = {
        {"process.user.uid",             "1e400",                NULL, NULL, {"process.user.uid"},                                             0},
        {"process.user.uid",             "-0",                   NULL, NULL, {"process.user.uid", "-0"},                                       0},
        {"process.user.uid",             "1.5",                  NULL, NULL, {"process.user.uid", "1.5"},                                      0},
        {"process.user.uid",             "1e3",                  NULL, NULL, {"process.user.uid", "1e3"},                                      0},
        {"process.user.uid",             "\"10\"",               NULL, NULL, {"process.user.uid"},                                             0},
        {"process.user.uid",             "9223372036854775808",  NULL, NULL, {"process.user.uid", "range"},                                    0},
        {"process.user.uid",             "18446744073709551616", NULL, NULL, {"process.user.uid", "range"},                                    0},
        {"linux.resources.memory.limit",
         "9223372036854775808",                                  NULL,
         NULL,                                                               {"linux.resources.memory.limit", "9223372036854775808", "range"},
         0                                                                                                                                      },
        {"linux.resources.memory.limit", "1e18",                 NULL, NULL, {"linux.resources.memory.limit"},                                 0},
        {"linux.resources.cpu.shares",
         "18446744073709551616",                                 NULL,
         NULL,                                                               {"linux.resources.cpu.shares", "range"},
         0                                                                                                                                      },
        {"linux.resources.cpu.shares",   "-1",                   NULL, NULL, {"linux.resources.cpu.shares", "-1"},                             0},
        {"process.rlimits",
         "[{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":"
         "18446744073709551616}]",                               NULL,
         NULL,                                                               {"process.rlimits[0].hard"},
         0                                                                                                                                      },
    };

    CHECK(rows);
}

Scenario(bad_input, group_11_unknown_members_are_accepted)
{
    static const struct row rows[] = {
        {"somethingNew",  "{\"a\":[1,2,{\"b\":null}]}", NULL,                  NULL, {0}, FINE},
        {"process.new",   "1.5e300",                    NULL,                  NULL, {0}, FINE},
        {"mounts[0].new", "\"x\"",                      "linux.resources.new", "[]", {0}, FINE},
        {"windows",       "{\"layerFolders\":[]}",      "vm",                  "{}", {0}, FINE},
    };

    CHECK(rows);
}

Scenario(bad_input, group_12_versions)
{
    static const struct row rows[] = {
        {"ociVersion", NULL,                 NULL, NULL, {"ociVersion"},                0   },
        {"ociVersion", "\"\"",               NULL, NULL, {"ociVersion"},                0   },
        {"ociVersion", "\"abc\"",            NULL, NULL, {"ociVersion", "abc"},         0   },
        {"ociVersion", "\"2.0.0\"",          NULL, NULL, {"ociVersion", "2.0.0", "1."}, 0   },
        {"ociVersion", "\"1.0\"",            NULL, NULL, {"ociVersion", "1.0"},         0   },
        {"ociVersion", "\"1.0.0\"",          NULL, NULL, {0},                           FINE},
        {"ociVersion", "\"1.2.0-rc.1+dev\"", NULL, NULL, {0},                           FINE},
        {"ociVersion", "\"1.99.0\"",         NULL, NULL, {0},                           FINE},
    };

    CHECK(rows);
}

Scenario(bad_input, group_13_missing_parts)
{
    static const struct row rows[] = {
        {"root",                  NULL, NULL, NULL, {"root"},                     0},
        {"root.path",             NULL, NULL, NULL, {"root", "path"},             0},
        {"process",               NULL, NULL, NULL, {"process"},                  0},
        {"process.cwd",           NULL, NULL, NULL, {"process", "cwd"},           0},
        {"process.args",          NULL, NULL, NULL, {"process", "args"},          0},
        {"mounts[0].destination", NULL, NULL, NULL, {"mounts[0]", "destination"}, 0},
        {"linux",                 NULL, NULL, NULL, {"namespace"},                0},
    };

    CHECK(rows);
}

/* Legal for create (somebody may only want the namespaces), an error of start. */
Scenario(bad_input, group_13_no_process_is_an_error_of_start)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_remove(bundle, "process");
    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    assert_text(bundle_status(bundle), "created");
    assert_refused(crun("start", bundle->id), 1, "process");
    bundle_delete(bundle);
}

/* --- process, root, namespaces (groups 15 to 43) ---------------------------------------------- */

Scenario(bad_input, group_15_no_program)
{
    static const struct row rows[] = {
        {"process.args", "[]", NULL, NULL, {"process.args"},                                   0},
        {"process.args",
         "[\"\"]",             NULL,
         NULL,                             {"exec: \"\": executable file not found in $PATH"},
         0                                                                                      },
    };

    CHECK(rows);
}

Scenario(bad_input, group_16_programs_that_cannot_run)
{
    struct bundle *bundle = bundle_new();
    static const char other_machine[] =
        "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\x16\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    int fd;

    need_root();
    fd = open(text("%s/bin/other", bundle->rootfs), O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    cr_assert(write(fd, other_machine, sizeof other_machine) > 0);
    close(fd);
    bundle_set(bundle, "process.args", "[\"/bin/other\"]");
    assert_refused(bundle_run(bundle), 1, "/bin/other");
    assert_has(bundle_run(bundle).err, "xec format error");
}

Scenario(bad_input, group_17_too_many_arguments)
{
    struct bundle *bundle = bundle_new();
    char *big = arena_zero(scenario_arena(), 1, (200 << 10) + 1);

    need_root();
    memset(big, 'x', 200 << 10);
    bundle_set(bundle, "process.args", "[\"/bin/true\",\"%s\"]", big);
    assert_code(bundle_run(bundle), 1);
    assert_has(bundle_run(bundle).err, "rgument list too long");
}

Scenario(bad_input, group_18_environment)
{
    static const struct row rows[] = {
        {"process.env[+]", "\"NOVALUE\"",       NULL, NULL, {"process.env[1]", "NOVALUE"}, 0   },
        {"process.env[+]", "\"=x\"",            NULL, NULL, {"process.env[1]", "=x"},      0   },
        {"process.env[+]", "\"A=\"",            NULL, NULL, {0},                           FINE},
        {"process.env[+]", "\"A=b=c\"",         NULL, NULL, {0},                           FINE},
        {"process.env[+]", "\"A=two\\nlines\"", NULL, NULL, {0},                           FINE},
    };

    CHECK(rows);
}

Scenario(bad_input, group_19_working_directory)
{
    static const struct row rows[] = {
        {"process.cwd", "\"tmp\"",          NULL, NULL, {"process.cwd", "tmp"},             0   },
        {"process.cwd", "\"\"",             NULL, NULL, {"process.cwd"},                    0   },
        {"process.cwd", "\"/bin/busybox\"", NULL, NULL, {"process.cwd", "/bin/busybox"},    ROOT},
        {"process.cwd",
         "\"/proc/self/fd/7\"",             NULL,
         NULL,                                          {"process.cwd", "/proc/self/fd/7"},
         ROOT                                                                                   },
    };
    struct bundle *bundle;

    CHECK(rows);
    need_root();
    bundle = bundle_new();
    cr_assert(symlink("loop", text("%s/etc/loop", bundle->rootfs)) == 0);
    bundle_set(bundle, "process.cwd", "\"/etc/loop\"");
    assert_refused(bundle_run(bundle), 1, "process.cwd");
}

Scenario(bad_input, group_20_user_numbers)
{
    static const struct row rows[] = {
        {"process.user.uid",            "-1",         NULL, NULL, {"process.user.uid", "-1"},         0   },
        {"process.user.gid",            "-1",         NULL, NULL, {"process.user.gid", "-1"},         0   },
        {"process.user.uid",            "4294967295", NULL, NULL, {"process.user.uid", "4294967295"}, 0   },
        {"process.user.uid",            "4294967296", NULL, NULL, {"process.user.uid", "4294967296"}, 0   },
        {"process.user.gid",            "1.5",        NULL, NULL, {"process.user.gid", "1.5"},        0   },
        {"process.user.additionalGids",
         "[4294967295]",                              NULL,
         NULL,                                                    {"process.user.additionalGids[0]"},
         0                                                                                                },
        {"process.user.uid",            "4294967294", NULL, NULL, {0},                                FINE},
    };

    CHECK(rows);
}

Scenario(bad_input, group_21_ids_without_mapping)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_map_users(bundle, 100000, 1000);
    bundle_set(bundle, "process.user.uid", "1000");
    assert_refused(bundle_run(bundle), 1, "process.user.uid");
    assert_has(bundle_run(bundle).err, "1000");
    bundle_set(bundle, "process.user.uid", "0");
    bundle_set(bundle, "process.user.additionalGids", "[5000]");
    assert_refused(bundle_run(bundle), 1, "5000");
}

Scenario(bad_input, group_23_umask)
{
    static const struct row rows[] = {
        {"process.user.umask", "512", NULL, NULL, {"process.user.umask", "512"}, 0   },
        {"process.user.umask", "-1",  NULL, NULL, {"process.user.umask", "-1"},  0   },
        {"process.user.umask", "511", NULL, NULL, {0},                           FINE},
    };

    CHECK(rows);
}

Scenario(bad_input, group_24_capabilities)
{
    static const struct row rows[] = {
        {"process.capabilities.bounding[+]",
         "\"CAP-FOO\"",                                         NULL,
         NULL,                                                              {"process.capabilities.bounding[13]", "CAP-FOO"},
         0                                                                                                                         },
        {"process.capabilities.effective[0]",
         "\"cap_kill\"",                                        NULL,
         NULL,                                                              {"process.capabilities.effective[0]", "cap_kill"},
         0                                                                                                                         },
        {"process.capabilities.permitted[0]",
         "\"9\"",                                               NULL,
         NULL,                                                              {"process.capabilities.permitted[0]", "9"},
         0                                                                                                                         },
        {"process.capabilities.bounding[+]",  "\"CAP_KILL\"",   NULL, NULL, {0},                                               FINE},
        {"process.capabilities.bounding[+]",  "\"NO_CAP\"",     NULL, NULL, {0},                                               FINE},
        {"process.capabilities.ambient",      "[\"CAP_KILL\"]", NULL, NULL, {0},                                               FINE},
    };

    CHECK(rows);
}

Scenario(bad_input, group_25_resource_limits)
{
    static const struct row rows[] = {
        {"process.rlimits",
         "[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":1}]",    NULL,
         NULL, {"process.rlimits[0].type", "RLIMIT_X"},
         0},
        {"process.rlimits",
         "[{\"type\":\"NOFILE\",\"soft\":1,\"hard\":1}]",      NULL,
         NULL, {"process.rlimits[0].type", "NOFILE"},
         0},
        {"process.rlimits",
         "[{\"type\":\"RLIMIT_CORE\",\"soft\":2,\"hard\":1}]", NULL,
         NULL, {"process.rlimits[0]", "2", "1"},
         0},
        {"process.rlimits",
         "[{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":1},{\"type\":"
         "\"RLIMIT_CORE\",\"soft\":1,\"hard\":1}]",            NULL,
         NULL, {"process.rlimits[1]", "RLIMIT_CORE"},
         0},
        {"process.rlimits",
         "[{\"type\":\"RLIMIT_CORE\",\"soft\":1}]",            NULL,
         NULL, {"process.rlimits[0]", "hard"},
         0},
    };

    CHECK(rows);
}

Scenario(bad_input, group_26_oom_score)
{
    static const struct row rows[] = {
        {"process.oomScoreAdj", "1001",  NULL, NULL, {"process.oomScoreAdj", "1001"},  0   },
        {"process.oomScoreAdj", "-1001", NULL, NULL, {"process.oomScoreAdj", "-1001"}, 0   },
        {"process.oomScoreAdj", "1000",  NULL, NULL, {0},                              FINE},
    };

    CHECK(rows);
}

/* Never unconfined in silence, whether the host has these or not. */
Scenario(bad_input, group_27_28_labels)
{
    static const struct row rows[] = {
        {"process.apparmorProfile",
         "\"no-such-profile\"",                        NULL,
         NULL,                                                     {"process.apparmorProfile"},
         ROOT                                                                                       },
        {"process.selinuxLabel",    "\"not a label\"", NULL, NULL, {"process.selinuxLabel"},    ROOT},
        {"process.selinuxLabel",
         "\"system_u:system_r:container_t:s0\"",       NULL,
         NULL,                                                     {"process.selinuxLabel"},
         ROOT                                                                                       },
    };

    CHECK(rows);
}

Scenario(bad_input, group_29_scheduling)
{
    static const struct row rows[] = {
        {"process.scheduler",
         "{\"policy\":\"SCHED_X\"}",                                  NULL,
         NULL,                                                                    {"process.scheduler.policy", "SCHED_X"},
         0                                                                                                                         },
        {"process.scheduler",       "{}",                             NULL, NULL, {"process.scheduler", "policy"},                0},
        {"process.scheduler",
         "{\"policy\":\"SCHED_OTHER\",\"nice\":40}",                  NULL,
         NULL,                                                                    {"process.scheduler.nice", "40"},
         0                                                                                                                         },
        {"process.scheduler",
         "{\"policy\":\"SCHED_OTHER\",\"flags\":[\"SCHED_FLAG_X\"]}", NULL,
         NULL,                                                                    {"process.scheduler.flags[0]", "SCHED_FLAG_X"},
         0                                                                                                                         },
        {"process.scheduler",
         "{\"policy\":\"SCHED_FIFO\",\"priority\":1000}",             NULL,
         NULL,                                                                    {"process.scheduler", "1000"},
         0                                                                                                                         },
        {"process.ioPriority",
         "{\"class\":\"IOPRIO_CLASS_X\"}",                            NULL,
         NULL,                                                                    {"process.ioPriority.class", "IOPRIO_CLASS_X"},
         0                                                                                                                         },
        {"process.ioPriority",
         "{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}",            NULL,
         NULL,                                                                    {"process.ioPriority.priority", "8"},
         0                                                                                                                         },
        {"process.execCPUAffinity",
         "{\"initial\":\"5-2\"}",                                     NULL,
         NULL,                                                                    {"process.execCPUAffinity.initial", "5-2"},
         0                                                                                                                         },
        {"process.execCPUAffinity",
         "{\"final\":\"0-99999\"}",                                   NULL,
         NULL,                                                                    {"process.execCPUAffinity.final", "0-99999"},
         0                                                                                                                         },
        {"process.execCPUAffinity",
         "{\"final\":\"a\"}",                                         NULL,
         NULL,                                                                    {"process.execCPUAffinity.final", "a"},
         0                                                                                                                         },
    };

    CHECK(rows);
}

Scenario(bad_input, group_30_console_size)
{
    static const struct row rows[] = {
        {"process.consoleSize", "{\"height\":24,\"width\":80}", NULL, NULL, {0},                                     FINE},
        {"process.consoleSize", "{\"height\":0,\"width\":0}",   NULL, NULL, {0},                                     FINE},
        {"process.consoleSize",
         "{\"height\":70000,\"width\":80}",                     NULL,
         NULL,                                                              {"process.consoleSize.height", "70000"},
         0                                                                                                               },
        {"process.consoleSize", "{\"height\":24}",              NULL, NULL, {"process.consoleSize", "width"},        0   },
    };

    CHECK(rows);
}

Scenario(bad_input, group_31_terminal_and_console_socket)
{
    struct bundle *bundle = bundle_for_caller();

    bundle_set(bundle, "process.terminal", "true");
    assert_refused(crun("create", "-b", bundle->path, bundle->id), 1, "cannot allocate tty if");
    assert_refused(crun("run", "-d", "-b", bundle->path, bundle->id), 1, "cannot allocate tty if");
    bundle_set(bundle, "process.terminal", "false");
    assert_refused(
        crun("create", "--console-socket", work_path("s"), "-b", bundle->path, bundle->id), 1,
        "cannot use console socket if");
    bundle_set(bundle, "process.terminal", "true");
    assert_refused(crun("create", "--console-socket", work_path("missing.sock"), "-b", bundle->path,
                        bundle->id),
                   1, "missing.sock");
    assert_refused(
        crun("create", "--console-socket", work_file("plain", ""), "-b", bundle->path, bundle->id),
        1, "plain");
}

Scenario(bad_input, group_32_root)
{
    static const struct row rows[] = {
        {"root.path", "\"\"",                   NULL, NULL, {"root.path"},                      0   },
        {"root.path", "\"/\"",                  NULL, NULL, {"root.path", "/"},                 0   },
        {"root.path",
         "\"no-such-directory\"",               NULL,
         NULL,                                              {"root.path", "no-such-directory"},
         ROOT                                                                                       },
        {"root.path", "\"config.json\"",        NULL, NULL, {"root.path", "config.json"},       ROOT},
        {"root.path", "\"rootfs/bin/busybox\"", NULL, NULL, {"root.path", "busybox"},           ROOT},
    };

    CHECK(rows);
}

Scenario(bad_input, group_33_propagation)
{
    static const struct row rows[] = {
        {"linux.rootfsPropagation", "\"foo\"", NULL, NULL, {"linux.rootfsPropagation", "foo"}, 0   },
        {"linux.rootfsPropagation", "\"\"",    NULL, NULL, {0},                                FINE},
    };

    CHECK(rows);
}

Scenario(bad_input, group_34_namespaces)
{
    static const struct row rows[] = {
        {"linux.namespaces[+]", "{\"type\":\"foo\"}",               NULL, NULL, {"linux.namespaces[", "foo"},                                   0   },
        {"linux.namespaces[+]", "{}",                               NULL, NULL, {"linux.namespaces[", "type"},                                  0   },
        {"linux.namespaces[+]",
         "{\"type\":\"pid\"}",                                      NULL,
         NULL,                                                                  {"linux.namespaces[", "pid", "twice"},
         0                                                                                                                                          },
        {"linux.namespaces[2]",
         "{\"type\":\"ipc\",\"path\":\"/proc/self/ns/net\"}",       NULL,
         NULL,                                                                  {"linux.namespaces[2].path", "net"},
         ROOT                                                                                                                                       },
        {"linux.namespaces[2]",
         "{\"type\":\"ipc\",\"path\":\"/etc/passwd\"}",             NULL,
         NULL,                                                                  {"linux.namespaces[2].path", "/etc/passwd", "not a namespace"},
         ROOT                                                                                                                                       },
        {"linux.namespaces[2]",
         "{\"type\":\"ipc\",\"path\":\"/no/such\"}",                NULL,
         NULL,                                                                  {"linux.namespaces[2].path", "/no/such"},
         ROOT                                                                                                                                       },
        {"linux.namespaces[2]",
         "{\"type\":\"ipc\",\"path\":\"no/such\"}",                 NULL,
         NULL,                                                                  {"linux.namespaces[2].path", "no/such"},
         0                                                                                                                                          },
        {"linux.namespaces[2]",
         "{\"type\":\"ipc\",\"path\":\"/proc/self/ns/ipc\"}",       NULL,
         NULL,                                                                  {0},
         FINE                                                                                                                                       },
        {"linux.namespaces[2]", "{\"type\":\"ipc\",\"path\":\"\"}", NULL, NULL, {0},                                                            FINE},
    };

    CHECK(rows);
}

#define SIXTY_FOUR "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

Scenario(bad_input, group_35_names)
{
    static const struct row rows[] = {
        {"linux.namespaces[3]", NULL,                  NULL,                  NULL, {"hostname", "UTS"},                  0   },
        {"hostname",            NULL,                  "linux.namespaces[3]", NULL, {0},                                  FINE},
        {"hostname",            "\"" SIXTY_FOUR "\"",  NULL,                  NULL, {0},                                  FINE},
        {"hostname",            "\"" SIXTY_FOUR "b\"", NULL,                  NULL, {"hostname", SIXTY_FOUR "b", "64"},   0   },
        {"domainname",          "\"" SIXTY_FOUR "b\"", NULL,                  NULL, {"domainname", SIXTY_FOUR "b", "64"}, 0   },
    };

    CHECK(rows);
}

#define USER_NAMESPACE "linux.namespaces[+]", "{\"type\":\"user\"}"

Scenario(bad_input, group_36_id_mappings)
{
    static const struct row rows[] = {
        {"linux.uidMappings",
         "[{\"containerID\":0,\"hostID\":0,\"size\":1}]", NULL,
         NULL,                                                                                                           {"linux.uidMappings"},
         ROOT},
        {USER_NAMESPACE,                   NULL,                                NULL,              {"Mappings"},                                  ROOT                                     },
        {USER_NAMESPACE,
         "linux.uidMappings",                                "[{\"containerID\":0,\"hostID\":0,\"size\":0}]",
         {"linux.uidMappings[0]", "0"},
         ROOT                                                                                                                },
        {USER_NAMESPACE,
         "linux.uidMappings",                                "[{\"containerID\":0,\"hostID\":4294967290,\"size\":100}]",
         {"linux.uidMappings[0]"},
         ROOT                                                                                                                     },
        {USER_NAMESPACE,
         "linux.uidMappings",                                "[{\"containerID\":4294967290,\"hostID\":0,\"size\":100}]",
         {"linux.uidMappings[0]"},
         ROOT                                                                                                                     },
        {USER_NAMESPACE,
         "linux.uidMappings",                                "[{\"containerID\":0,\"hostID\":100,\"size\":100},"
         "{\"containerID\":50,\"hostID\":300,\"size\":100}]",                                   {"linux.uidMappings[1]"},
         ROOT },
        {USER_NAMESPACE,
         "linux.uidMappings",                                "[{\"containerID\":0,\"hostID\":100,\"size\":100},"
         "{\"containerID\":500,\"hostID\":150,\"size\":100}]",                                   {"linux.uidMappings[1]"},
         ROOT},
        {USER_NAMESPACE,
         "linux.uidMappings",                                "[{\"containerID\":0,\"hostID\":-1,\"size\":1}]",
         {"linux.uidMappings[0].hostID"},
         ROOT                                                                                                              },
    };

    CHECK(rows);
}

Scenario(bad_input, group_36_too_many_id_mappings)
{
    struct bundle *bundle = bundle_new();
    char *list = arena_string(scenario_arena(), "");

    need_root();
    for (int i = 0; i < 341; i++)
        list = text("%s%s{\"containerID\":%d,\"hostID\":%d,\"size\":1}", list, i == 0 ? "" : ",",
                    2 * i, 100000 + 2 * i);
    bundle_map_users(bundle, 100000, 1);
    bundle_set(bundle, "linux.uidMappings", "[%s]", list);
    assert_refused(bundle_run(bundle), 1, "linux.uidMappings");
    assert_has(bundle_run(bundle).err, "340");
}

Scenario(bad_input, group_37_time_offsets)
{
    static const struct row rows[] = {
        {"linux.timeOffsets",
         "{\"boottime\":{\"secs\":1}}",                         "linux.namespaces[6]",
         NULL, {"linux.timeOffsets"},
         ROOT},
        {"linux.timeOffsets",
         "{\"boottime\":{\"secs\":-100000000000}}",             NULL,
         NULL, {"linux.timeOffsets.boottime", "-100000000000"},
         0   },
        {"linux.timeOffsets",
         "{\"boottime\":{\"secs\":1,\"nanosecs\":1000000000}}", NULL,
         NULL, {"linux.timeOffsets.boottime.nanosecs", "1000000000"},
         0   },
        {"linux.timeOffsets",
         "{\"realtime\":{\"secs\":1}}",                         NULL,
         NULL, {"linux.timeOffsets", "realtime"},
         0   },
    };

    CHECK(rows);
}

Scenario(bad_input, group_38_sysctls)
{
    static const struct row rows[] = {
        {"linux.sysctl",
         "{\"kernel.core_pattern\":\"x\"}",                 NULL,
         NULL,                                                                           {"linux.sysctl", "kernel.core_pattern"},
         0                                                                                                                                       },
        {"linux.sysctl",
         "{\"vm.swappiness\":\"1\"}",                       NULL,
         NULL,                                                                           {"linux.sysctl", "vm.swappiness"},
         0                                                                                                                                       },
        {"linux.sysctl",
         "{\"net.ipv4.ip_forward\":\"1\"}",                 "linux.namespaces[1]",
         NULL,                                                                           {"linux.sysctl", "net.ipv4.ip_forward", "network"},
         0                                                                                                                                       },
        {"linux.sysctl",
         "{\"net/../kernel/core_pattern\":\"1\"}",          NULL,
         NULL,                                                                           {"linux.sysctl", "net/../kernel/core_pattern"},
         0                                                                                                                                       },
        {"linux.sysctl", "{\"net..ipv4\":\"1\"}",           NULL,                  NULL, {"linux.sysctl", "net..ipv4"},                      0   },
        {"linux.sysctl",
         "{\"net.ipv4.ip_forward\":\"1\\n2\"}",             NULL,
         NULL,                                                                           {"linux.sysctl", "net.ipv4.ip_forward"},
         0                                                                                                                                       },
        {"linux.sysctl",
         "{\"net.no.such.thing\":\"1\"}",                   NULL,
         NULL,                                                                           {"linux.sysctl", "net.no.such.thing"},
         ROOT                                                                                                                                    },
        {"linux.sysctl",
         "{\"net.ipv4.ip_forward\":\"abc\"}",               NULL,
         NULL,                                                                           {"linux.sysctl", "net.ipv4.ip_forward", "abc"},
         ROOT                                                                                                                                    },
        {"linux.sysctl",
         "{\"kernel.hostname\":\"other\"}",                 NULL,
         NULL,                                                                           {"linux.sysctl", "kernel.hostname"},
         0                                                                                                                                       },
        {"linux.sysctl", "{\"net/ipv4/ip_forward\":\"1\"}", NULL,                  NULL, {0},                                                FINE},
    };

    CHECK(rows);
}

Scenario(bad_input, group_39_network_devices)
{
    static const struct row rows[] = {
        {"linux.netDevices",
         "{\"eth99\":{}}",                                          "linux.namespaces[1]",
         NULL,                                                                                   {"linux.netDevices"},
         ROOT                                                                                                                                           },
        {"linux.netDevices", "{\"eth99\":{}}",                      NULL,                  NULL, {"linux.netDevices", "eth99"},                     ROOT},
        {"linux.netDevices", "{\"a/b\":{}}",                        NULL,                  NULL, {"linux.netDevices", "a/b"},                       0   },
        {"linux.netDevices", "{\"..\":{}}",                         NULL,                  NULL, {"linux.netDevices", ".."},                        0   },
        {"linux.netDevices",
         "{\"aaaaaaaaaaaaaaaa\":{}}",                               NULL,
         NULL,                                                                                   {"linux.netDevices", "aaaaaaaaaaaaaaaa"},
         0                                                                                                                                              },
        {"linux.netDevices",
         "{\"eth99\":{\"name\":\"aaaaaaaaaaaaaaaa\"}}",             NULL,
         NULL,                                                                                   {"linux.netDevices", "eth99", "aaaaaaaaaaaaaaaa"},
         0                                                                                                                                              },
        {"linux.netDevices",
         "{\"eth98\":{\"name\":\"x\"},\"eth99\":{\"name\":\"x\"}}", NULL,
         NULL,                                                                                   {"linux.netDevices", "x"},
         0                                                                                                                                              },
    };

    CHECK(rows);
}

Scenario(bad_input, group_40_personality)
{
    static const struct row rows[] = {
        {"linux.personality",
         "{\"domain\":\"LINUX64\"}", NULL,
         NULL,                                   {"linux.personality.domain", "LINUX64"},
         0                                                                                 },
        {"linux.personality", "{}",  NULL, NULL, {"linux.personality", "domain"},         0},
    };

    CHECK(rows);
}

Scenario(bad_input, group_41_42_rdt_and_memory_policy)
{
    static const struct row rows[] = {
        {"linux.intelRdt",
         "{\"closID\":\"../x\"}",                                             NULL,
         NULL,                                                                            {"linux.intelRdt.closID", "../x"},
         0                                                                                                                                 },
        {"linux.intelRdt",     "{\"closID\":\"x\"}",                          NULL, NULL, {"linux.intelRdt"},                          ROOT},
        {"linux.memoryPolicy",
         "{\"mode\":\"MPOL_BIND\",\"nodes\":\"\"}",                           NULL,
         NULL,                                                                            {"linux.memoryPolicy.nodes"},
         0                                                                                                                                 },
        {"linux.memoryPolicy",
         "{\"mode\":\"MPOL_BIND\",\"nodes\":\"9999999\"}",                    NULL,
         NULL,                                                                            {"linux.memoryPolicy.nodes", "9999999"},
         0                                                                                                                                 },
        {"linux.memoryPolicy",
         "{\"mode\":\"MPOL_X\",\"nodes\":\"0\"}",                             NULL,
         NULL,                                                                            {"linux.memoryPolicy.mode", "MPOL_X"},
         0                                                                                                                                 },
        {"linux.memoryPolicy",
         "{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_X\"]}", NULL,
         NULL,                                                                            {"linux.memoryPolicy.flags[0]", "MPOL_F_X"},
         0                                                                                                                                 },
    };

    CHECK(rows);
}

#define ALLOW      "\"defaultAction\":\"SCMP_ACT_ALLOW\""
#define RULE(rule) "{" ALLOW ",\"syscalls\":[{\"names\":[\"mkdir\"]," rule "}]}"

Scenario(bad_input, group_43_seccomp)
{
    static const struct row rows[] = {
        {"linux.seccomp", "{}",                                                                     NULL, NULL, {"linux.seccomp", "defaultAction"},            0},
        {"linux.seccomp",
         "{\"defaultAction\":\"SCMP_ACT_X\"}",                                                      NULL,
         NULL,                                                                                                  {"linux.seccomp.defaultAction", "SCMP_ACT_X"},
         0                                                                                                                                                      },
        {"linux.seccomp",
         "{" ALLOW ",\"architectures\":[\"SCMP_ARCH_VAX\"]}",
         NULL,                                                                                            NULL,
         {"linux.seccomp.architectures[0]", "SCMP_ARCH_VAX"},
         0                                                                                                                                                      },
        {"linux.seccomp",
         "{" ALLOW ",\"flags\":[\"SECCOMP_X\"]}",
         NULL,                                                                                            NULL,
         {"linux.seccomp.flags[0]", "SECCOMP_X"},
         0                                                                                                                                                      },
        {"linux.seccomp",
         RULE("\"action\":\"SCMP_ACT_X\""),
         NULL,                                                                                            NULL,
         {"linux.seccomp.syscalls[0].action", "SCMP_ACT_X"},
         0                                                                                                                                                      },
        {"linux.seccomp",
         "{" ALLOW ",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_ERRNO\"}]}",
         NULL,                                                                                            NULL,
         {"linux.seccomp.syscalls[0].names"},
         0                                                                                                                                                      },
        {"linux.seccomp",
         RULE("\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":6,\"value\":0,"
              "\"op\":\"SCMP_CMP_EQ\"}]"),
         NULL,                                                                                            NULL,
         {"linux.seccomp.syscalls[0].args[0].index", "6"},
         0                                                                                                                                                      },
        {"linux.seccomp",
         RULE("\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"value\":0,"
              "\"op\":\"SCMP_CMP_X\"}]"),
         NULL,                                                                                            NULL,
         {"linux.seccomp.syscalls[0].args[0].op", "SCMP_CMP_X"},
         0                                                                                                                                                      },
        {"linux.seccomp",
         RULE("\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":70000"),
         NULL,                                                                                            NULL,
         {"linux.seccomp.syscalls[0].errnoRet", "70000"},
         0                                                                                                                                                      },
        {"linux.seccomp",
         RULE("\"action\":\"SCMP_ACT_NOTIFY\""),
         NULL,                                                                                            NULL,
         {"linux.seccomp", "listenerPath"},
         0                                                                                                                                                      },
        {"linux.seccomp",
         "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}",                                                 NULL,
         NULL,                                                                                                  {"linux.seccomp"},
         0                                                                                                                                                      },
        {"linux.seccomp",
         "{" ALLOW ",\"listenerPath\":\"/no/such.sock\",\"syscalls\":[{\"names\":[\"mkdir\"],"
         "\"action\":\"SCMP_ACT_NOTIFY\"}]}",                                                       NULL,
         NULL,                                                                                                  {"/no/such.sock"},
         ROOT                                                                                                                                                   },
        {"linux.seccomp",
         "{" ALLOW ",\"listenerPath\":\"/etc/passwd\",\"syscalls\":[{\"names\":[\"mkdir\"],"
         "\"action\":\"SCMP_ACT_NOTIFY\"}]}",                                                       NULL,
         NULL,                                                                                                  {"/etc/passwd"},
         ROOT                                                                                                                                                   },
        {"linux.seccomp",
         "{" ALLOW ",\"listenerPath\":\"/tmp/s\",\"syscalls\":[{\"names\":[\"write\"],"
         "\"action\":\"SCMP_ACT_NOTIFY\"}]}",                                                       NULL,
         NULL,                                                                                                  {"linux.seccomp", "write"},
         0                                                                                                                                                      },
        {"linux.seccomp",
         "{" ALLOW ",\"syscalls\":[{\"names\":[\"no_such_call\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
         NULL,                                                                                            NULL,
         {0},
         FINE                                                                                                                                                   },
    };

    CHECK(rows);
}

Scenario(bad_input, group_43_many_seccomp_rules)
{
    enum { RULES = 6000, RULE_SIZE = 160 };
    struct bundle *bundle = bundle_new();
    char *rules = arena_zero(scenario_arena(), RULES, RULE_SIZE);
    size_t used = 0;
    struct outcome outcome;

    need_root();
    for (int i = 0; i < RULES; i++)
        used += (size_t)sprintf(rules + used,
                                "%s{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{"
                                "\"index\":0,\"value\":%d,\"op\":\"SCMP_CMP_EQ\"}]}",
                                i == 0 ? "" : ",", i + 100000);
    bundle_set(bundle, "linux.seccomp", "{" ALLOW ",\"syscalls\":[%s]}", rules);
    outcome = bundle_run(bundle);
    cr_assert(outcome.code == 0 || (outcome.code == 1 && is_one_line(outcome.err)),
              "exit code %d: %s", outcome.code, outcome.err);
    if (outcome.code == 1)
        assert_has(outcome.err, "seccomp");
}

/* --- mounts (groups 44 to 50) ----------------------------------------------------------------- */

#define MOUNT(destination, type, source, options)                                                  \
    "mounts[+]", "{\"destination\":\"" destination "\",\"type\":\"" type "\",\"source\":\"" source \
                 "\",\"options\":[" options "]}"

Scenario(bad_input, group_44_destinations)
{
    static const struct row rows[] = {
        {"mounts[+]", "{\"type\":\"tmpfs\"}", NULL, NULL, {"mounts[6]", "destination"},     0   },
        { MOUNT("",                "tmpfs",                       "tmpfs", ""), NULL,        NULL,    {"mounts[6].destination"}, 0},
        { MOUNT("work",            "tmpfs",                       "tmpfs", ""), NULL,                              NULL, {0}, FINE},
        { MOUNT("/",               "tmpfs",                       "tmpfs", ""), NULL,   NULL,    {"mounts[6].destination", "/"}, 0},
        { MOUNT("/..",             "tmpfs",                       "tmpfs", ""), NULL, NULL,    {"mounts[6].destination", "/.."}, 0},
        { MOUNT("/work/a\\u000ab", "tmpfs",                       "tmpfs", ""), NULL,        NULL,    {"mounts[6].destination"}, 0},
        { MOUNT("/work/./x",       "tmpfs",                       "tmpfs", ""), NULL,                              NULL, {0}, FINE},
    };

    CHECK(rows);
}

Scenario(bad_input, group_44_too_long_a_destination)
{
    struct bundle *bundle = bundle_for_caller();
    char *longest = arena_zero(scenario_arena(), 5001, 1);

    memset(longest, 'x', 5000);
    longest[0] = '/';
    bundle_mount(bundle, longest, "tmpfs", "tmpfs", "");
    assert_refused(bundle_run(bundle), 1, "mounts[6].destination");
    longest[300] = '\0';
    bundle_set(bundle, "mounts[6].destination", "\"%s\"", longest);
    assert_refused(bundle_run(bundle), 1, "mounts[6]");
}

Scenario(bad_input, group_45_destinations_through_links)
{
    struct bundle *bundle = bundle_new();

    need_root();
    cr_assert(symlink("/mnt", text("%s/work/absolute", bundle->rootfs)) == 0);
    cr_assert(symlink("../mnt", text("%s/work/relative", bundle->rootfs)) == 0);
    cr_assert(symlink("loop", text("%s/work/loop", bundle->rootfs)) == 0);
    bundle_mount(bundle, "/work/absolute/a", "tmpfs", "tmpfs", "");
    bundle_mount(bundle, "/work/relative/b", "tmpfs", "tmpfs", "");
    assert_text(inside(bundle, "grep -c ' /mnt/[ab] ' /proc/self/mountinfo"), "2");
    bundle_set(bundle, "mounts[6].destination", "\"/work/loop/x\"");
    assert_refused(bundle_run(bundle), 1, "/work/loop/x");
    assert_has(bundle_run(bundle).err, "mounts[6]");
    bundle_set(bundle, "mounts[6].destination", "\"/bin/busybox/x\"");
    assert_refused(bundle_run(bundle), 1, "/bin/busybox/x");
    bundle_set(bundle, "mounts[6].destination", "\"/proc/self/root/x\"");
    assert_refused(bundle_run(bundle), 1, "/proc/self/root/x");
}

Scenario(bad_input, group_46_destinations_in_proc)
{
    static const struct row rows[] = {
        {MOUNT("/proc/self/attr", "tmpfs", "tmpfs", ""),
         NULL,                                                         NULL,
         {"mounts[6]", "/proc/self/attr"},
         ROOT                                                                                                },
        {MOUNT("/proc/sys",       "tmpfs", "tmpfs", ""),         NULL, NULL, {"mounts[6]", "/proc/sys"}, ROOT},
        {MOUNT("/proc/1",         "none",  "/",     "\"bind\""), NULL, NULL, {"mounts[6]", "/proc/1"},   ROOT},
    };

    CHECK(rows);
}

Scenario(bad_input, group_47_bind_sources)
{
    struct bundle *bundle = bundle_new();
    const char *fifo = work_path("fifo");

    need_root();
    bundle_mount(bundle, "/work/x", "none", work_path("missing"), "\"bind\"");
    assert_refused(bundle_run(bundle), 1, work_path("missing"));
    assert_has(bundle_run(bundle).err, "mounts[6]");
    cr_assert(symlink("nowhere", work_path("dangling")) == 0);
    bundle_set(bundle, "mounts[6].source", "\"%s\"", work_path("dangling"));
    assert_refused(bundle_run(bundle), 1, "mounts[6]");
    cr_assert(mkfifo(fifo, 0644) == 0);
    bundle_set(bundle, "mounts[6].source", "\"%s\"", fifo);
    assert_text(inside(bundle, "stat -c %F /work/x"), "fifo");
    bundle_set(bundle, "mounts[6].source", "\"/dev/zero\"");
    assert_text(inside(bundle, "stat -c %F /work/x"), "character special file");
    bundle_set(bundle, "mounts[6].source", "\"\"");
    assert_refused(bundle_run(bundle), 1, "mounts[6]");
}

Scenario(bad_input, group_48_files_and_directories)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "etc/file", "", 0644);
    bundle_mount(bundle, "/work", "none", work_file("file", ""), "\"bind\"");
    assert_refused(bundle_run(bundle), 1, "mounts[6]");
    assert_has(bundle_run(bundle).err, "directory");
    assert_has(bundle_run(bundle).err, "file");
    bundle_set(bundle, "mounts[6].destination", "\"/etc/file\"");
    bundle_set(bundle, "mounts[6].source", "\"%s\"", scenario_work());
    assert_refused(bundle_run(bundle), 1, "mounts[6]");
    assert_has(bundle_run(bundle).err, "directory");
}

Scenario(bad_input, group_49_options)
{
    static const struct row rows[] = {
        {MOUNT("/work", "tmpfs",    "tmpfs", "\"nosuchoption\""),
         NULL,                                                                NULL,
         {"mounts[6]", "nosuchoption"},
         ROOT                                                                                                      },
        {MOUNT("/work", "tmpfs",    "tmpfs", "\"size=-1\""),            NULL, NULL, {"mounts[6]", "size"},     ROOT},
        {MOUNT("/work", "tmpfs",    "tmpfs", "\"mode=999\""),           NULL, NULL, {"mounts[6]", "mode"},     ROOT},
        {MOUNT("/work", "nosuchfs", "none",  ""),                       NULL, NULL, {"mounts[6]", "nosuchfs"}, ROOT},
        {MOUNT("/work", "",         "none",  ""),                       NULL, NULL, {"mounts[6]"},             ROOT},
        {MOUNT("/work", "tmpfs",    "/tmp",  "\"bind\",\"size=1m\""),
         NULL,                                                                NULL,
         {"mounts[6]", "\"size\""},
         ROOT                                                                                                      },
        {MOUNT("/work", "tmpfs",    "/tmp",  "\"bind\""),               NULL, NULL, {0},                       FINE},
        {MOUNT("/work", "tmpfs",    "tmpfs", "\"ro\",\"rw\""),          NULL, NULL, {0},                       FINE},
        {MOUNT("/work", "tmpfs",    "tmpfs", "\"tmpcopyup\",\"bind\""),
         NULL,                                                                NULL,
         {0},
         REFUSED | ROOT                                                                                            },
        {MOUNT("/work", "proc",     "proc",  "\"idmap\""),              NULL, NULL, {"mounts[6]"},             ROOT},
    };

    CHECK(rows);
}

Scenario(bad_input, group_50_the_same_destination_twice)
{
    static const struct row rows[] = {
        {MOUNT("/work", "tmpfs", "one", ""), MOUNT("/work", "tmpfs", "two", ""), {0}, FINE},
    };

    CHECK(rows);
}

/* --- beyond 50: devices, cgroups, hooks ------------------------------------------------------- */

Scenario(bad_input, devices)
{
    static const struct row rows[] = {
        {"linux.devices",
         "[{\"path\":\"/dev/x\",\"type\":\"x\"}]",                                  NULL,
         NULL, {"linux.devices[0].type", "x"},
         0},
        {"linux.devices",
         "[{\"path\":\"dev/x\",\"type\":\"p\"}]",                                   NULL,
         NULL, {"linux.devices[0].path", "dev/x"},
         0},
        {"linux.devices",
         "[{\"path\":\"/dev/x\",\"type\":\"c\"}]",                                  NULL,
         NULL, {"linux.devices[0]", "major"},
         0},
        {"linux.devices",
         "[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":-1,\"minor\":1}]",         NULL,
         NULL, {"linux.devices[0].major", "-1"},
         0},
        {"linux.devices",
         "[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1,\"minor\":4294967296}]", NULL,
         NULL, {"linux.devices[0].minor", "4294967296"},
         0},
        {"linux.resources.devices",
         "[{\"allow\":true,\"access\":\"z\"}]",                                     NULL,
         NULL, {"linux.resources.devices[0].access", "z"},
         0},
        {"linux.resources.devices",
         "[{\"allow\":true,\"type\":\"q\"}]",                                       NULL,
         NULL, {"linux.resources.devices[0].type", "q"},
         0},
        {"linux.resources.devices",
         "[{\"access\":\"rwm\"}]",                                                  NULL,
         NULL, {"linux.resources.devices[0]", "allow"},
         0},
    };

    CHECK(rows);
}

Scenario(bad_input, cgroups)
{
    static const struct row rows[] = {
        {"linux.cgroupsPath",              "\"/a/../../b\"", NULL, NULL, {"linux.cgroupsPath", ".."},                  0},
        {"linux.cgroupsPath",              "\"..\"",         NULL, NULL, {"linux.cgroupsPath", ".."},                  0},
        {"linux.resources.memory",
         "{\"limit\":-2}",                                   NULL,
         NULL,                                                           {"linux.resources.memory.limit", "-2"},
         0                                                                                                              },
        {"linux.resources.memory",
         "{\"limit\":67108864,\"swap\":33554432}",           NULL,
         NULL,                                                           {"linux.resources.memory.swap", "33554432"},
         0                                                                                                              },
        {"linux.resources.cpu",
         "{\"quota\":1,\"period\":100000}",                  NULL,
         NULL,                                                           {"linux.resources.cpu.quota"},
         ROOT                                                                                                           },
        {"linux.resources.cpu",
         "{\"cpus\":\"0-\"}",                                NULL,
         NULL,                                                           {"linux.resources.cpu.cpus", "0-"},
         0                                                                                                              },
        {"linux.resources.cpu",
         "{\"cpus\":\"a\"}",                                 NULL,
         NULL,                                                           {"linux.resources.cpu.cpus", "a"},
         0                                                                                                              },
        {"linux.resources.cpu",
         "{\"cpus\":\"999\"}",                               NULL,
         NULL,                                                           {"linux.resources.cpu.cpus", "999"},
         ROOT                                                                                                           },
        {"linux.resources.hugepageLimits",
         "[{\"pageSize\":\"3KB\",\"limit\":0}]",             NULL,
         NULL,                                                           {"linux.resources.hugepageLimits[0]", "3KB"},
         0                                                                                                              },
        {"linux.resources.unified",
         "{\"a/b\":\"1\"}",                                  NULL,
         NULL,                                                           {"linux.resources.unified", "a/b"},
         0                                                                                                              },
        {"linux.resources.unified",
         "{\"..\":\"1\"}",                                   NULL,
         NULL,                                                           {"linux.resources.unified", ".."},
         0                                                                                                              },
    };

    CHECK(rows);
}

Scenario(bad_input, hooks)
{
    static const struct row rows[] = {
        {"hooks.createRuntime",
         "[{\"path\":\"bin/x\"}]",                    NULL,
         NULL,                                                    {"hooks.createRuntime[0].path", "bin/x"},
         0                                                                                                   },
        {"hooks.createRuntime", "[{}]",               NULL, NULL, {"hooks.createRuntime[0]", "path"},       0},
        {"hooks.createRuntime",
         "[{\"path\":\"/bin/true\",\"timeout\":0}]",  NULL,
         NULL,                                                    {"hooks.createRuntime[0].timeout", "0"},
         0                                                                                                   },
        {"hooks.createRuntime",
         "[{\"path\":\"/bin/true\",\"timeout\":-1}]", NULL,
         NULL,                                                    {"hooks.createRuntime[0].timeout", "-1"},
         0                                                                                                   },
    };

    CHECK(rows);
}

Scenario(bad_input, masked_paths)
{
    static const struct row rows[] = {
        {"linux.maskedPaths",
         "[\"relative\"]",                 NULL,
         NULL,                                                          {"linux.maskedPaths[0]", "relative"},
         0                                                                                                          },
        {"linux.readonlyPaths",
         "[\"relative\"]",                 NULL,
         NULL,                                                          {"linux.readonlyPaths[0]", "relative"},
         0                                                                                                          },
        {"linux.maskedPaths",   "[\"/\"]", NULL,                  NULL, {"linux.maskedPaths[0]"},               ROOT},
        {"linux.maskedPaths",   "[]",      "linux.readonlyPaths", "[]", {0},                                    FINE},
    };

    CHECK(rows);
}

/* --- the command line (groups 64 to 67) ------------------------------------------------------- */

Scenario(bad_input, ids)
{
    static const char *const wrong[] = {"", ".", "..", "a/b", "a b", "a\nb", "\xc3\xa4", "a:b"};
    struct bundle *bundle = bundle_for_caller();

    for (size_t i = 0; i < count_of(wrong); i++) {
        struct outcome outcome = crun("run", "-b", bundle->path, "--", wrong[i]);

        cr_assert(outcome.code == 1 && is_one_line(outcome.err), "\"%s\": exit code %d, %s",
                  wrong[i], outcome.code, outcome.err);
        outcome = crun("run", "-b", bundle->path, wrong[i]);
        cr_assert(outcome.code == 1 && is_one_line(outcome.err), "\"%s\": exit code %d, %s",
                  wrong[i], outcome.code, outcome.err);
        outcome = crun("state", wrong[i]);
        cr_assert(outcome.code == 1, "state \"%s\": exit code %d", wrong[i], outcome.code);
        outcome = crun("delete", "--force", wrong[i]);
        cr_assert(outcome.code == 1, "delete --force \"%s\": exit code %d", wrong[i], outcome.code);
    }
    assert_has(crun("run", "-b", bundle->path, "a/b").err, "invalid container ID format");
    assert_has(crun("state", "").err, "empty");
}

/* Values in messages are escaped: no terminal is painted by a config. */
Scenario(bad_input, messages_are_quotable)
{
    struct bundle *bundle = bundle_for_caller();
    struct outcome outcome;
    char *big = arena_zero(scenario_arena(), 100001, 1);
    const char *config = bundle->config;

    bundle_set(bundle, "process.cwd", "\"\\u001b[31mred\\nline\"");
    outcome = bundle_run(bundle);
    assert_refused(outcome, 1, "process.cwd");
    assert_lacks(outcome.err, "\033");
    memset(big, 'x', 100000);
    bundle_raw(bundle, config);
    bundle_set(bundle, "process.cwd", "\"%s\"", big);
    outcome = bundle_run(bundle);
    assert_refused(outcome, 1, "process.cwd");
    cr_assert(strlen(outcome.err) < 2000, "%zu bytes of message", strlen(outcome.err));
}
