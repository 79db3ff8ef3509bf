/* The command line: options, log, and the commands that need no container. */

#include <ctype.h>
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

/* The program with these arguments and no --root before them. */
#define bare(...) \
    program_run(PROGRAM(.arguments = (const char *const[]){scenario_program(), __VA_ARGS__, NULL}))

static const char *const commands[] = {"create", "run",        "start",  "exec",     "state",
                                       "kill",   "delete",     "list",   "ps",       "pause",
                                       "resume", "update",     "spec",   "features", "events",
                                       "wait",   "completion", "mounts", "check"};

/* --- help and version ------------------------------------------------------------------------- */

Scenario(command_line, version_is_what_engines_parse)
{
    struct outcome outcome = bare("--version");

    assert_ok(outcome);
    assert_has(outcome.out, " version ");
    assert_has(outcome.out, "\nspec: 1.");
    assert_text(bare("-v").out, outcome.out);
}

Scenario(command_line, every_command_explains_itself)
{
    struct outcome all = bare("--help");

    assert_ok(all);
    for (size_t i = 0; i < count_of(commands); i++) {
        struct outcome outcome = bare(commands[i], "--help");

        assert_ok(outcome);
        assert_has(outcome.out, commands[i]);
        assert_has(all.out, commands[i]);
    }
}

Scenario(command_line, help_is_a_command_too)
{
    assert_text(bare("help").out, bare("--help").out);
    assert_text(bare("h").out, bare("--help").out);
    assert_text(bare("help", "update").out, bare("update", "--help").out);
}

/* The words and the status of runc. */
Scenario(command_line, an_unknown_command_has_no_help_topic)
{
    assert_refused(bare("dance"), 3, "No help topic for 'dance'");
    assert_refused(bare("help", "dance"), 3, "No help topic for 'dance'");
    assert_refused(bare("--log", "/no/such/place", "dance"), 1, "/no/such/place");
}

/* podman and CRI-O ask by this whether a runtime can checkpoint, and for pods by the second. */
Scenario(command_line, checkpoint_and_restore_are_promised)
{
    assert_ok(bare("checkpoint", "--help"));
    assert_has(bare("restore", "--help").out, "--lsm-mount-context");
}

Scenario(command_line, mistakes_in_usage)
{
    static const struct {
        const char *arguments[4];
        const char *message;
    } rows[] = {
        {{"--no-such-option", "list"},         "no-such-option"},
        {{"list", "--no-such-option"},         "no-such-option"},
        {{"state"},                            "argument"      },
        {{"state", "a", "b"},                  "argument"      },
        {{"run", "--bundle"},                  "bundle"        },
        {{"list", "--format", "xml"},          "format"        },
        {{"ps", "--format", "xml", "a"},       "format"        },
        {{"--log-format", "xml", "list"},      "xml"           },
        {{"kill"},                             "argument"      },
        {{"update", "--pids-limit", "x", "a"}, "pids-limit"    },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        const char *all[6] = {scenario_program()};
        struct outcome outcome;

        for (size_t j = 0; j < 4 && rows[i].arguments[j] != NULL; j++)
            all[j + 1] = rows[i].arguments[j];
        outcome = program_run(PROGRAM(.arguments = all));
        cr_assert(outcome.code == 1, "%s: exit code %d", rows[i].arguments[0], outcome.code);
        assert_has(text("%s%s", outcome.err, outcome.out), rows[i].message);
        assert_has(outcome.err, "crun-lite: ");
    }
}

/* --- spelling --------------------------------------------------------------------------------- */

Scenario(command_line, options_have_one_dash_or_two_and_an_equals_sign_or_none)
{
    static const char *const spellings[][3] = {
        {"list", "--format",      "json"},
        {"list", "-format",       "json"},
        {"list", "--format=json", NULL  },
        {"list", "-format=json",  NULL  },
        {"list", "-f",            "json"},
        {"list", "-f=json",       NULL  },
    };

    for (size_t i = 0; i < count_of(spellings); i++) {
        struct outcome outcome = crun_run(
            PROGRAM(0), (const char *[]){spellings[i][0], spellings[i][1], spellings[i][2], NULL});

        assert_ok(outcome);
        assert_text(outcome.out, "null\n");
    }
}

Scenario(command_line, switches_can_be_told_true_and_false)
{
    assert_text(crun("list", "--quiet=true").out, "");
    assert_has(crun("list", "--quiet=false").out, "STATUS");
}

Scenario(command_line, options_of_engines_are_accepted)
{
    assert_ok(bare("--root", scenario_root(), "--rootless=auto", "--criu", "/usr/bin/criu", "--log",
                   work_path("log"), "--log-format", "json", "--debug=false", "list"));
    assert_text(file_text(work_path("log")) != NULL ? file_text(work_path("log")) : "", "");
}

/* --- state root ------------------------------------------------------------------------------- */

Scenario(command_line, a_missing_root_is_an_error_of_list)
{
    assert_refused(bare("--root", work_path("missing"), "list"), 1, "missing");
    assert_refused(bare("--root", work_path("missing"), "state", "x"), 1, "does not exist");
    cr_assert(!file_exists(work_path("missing")));
}

Scenario(command_line, a_root_that_is_none)
{
    const char *file = work_file("file", "");

    assert_refused(bare("--root", file, "list"), 1, "file");
    assert_code(bare("--root", "/", "list"), 1);
    assert_code(bare("--root", "", "list"), 1);
}

Scenario(command_line, the_root_is_made_and_private)
{
    struct bundle *bundle = bundle_new();
    const char *root = work_path("deep/new/root");
    struct stat status;

    need_root();
    umask(0);
    assert_ok(bare("--root", root, "run", "-b", bundle->path, bundle->id));
    cr_assert(stat(root, &status) == 0 && (status.st_mode & 077) == 0, "mode %o", status.st_mode);
}

/* --- log -------------------------------------------------------------------------------------- */

/* RFC 3339, as Go's time.Time wants it. */
static bool is_time(const char *text)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";

    for (size_t i = 0; shape[i] != '\0'; i++)
        if (shape[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != shape[i])
            return false;
    return strchr(text, 'Z') != NULL || text[strlen(text) - 6] == '+';
}

Scenario(command_line, a_failure_is_one_line_of_json_in_the_log)
{
    const char *file = work_path("log.json");
    struct arena *arena = scenario_arena();
    struct outcome outcome = bare("--root", scenario_root(), "--log", file, "--log-format", "json",
                                  "state", "a\"b");
    const char *line = file_text(file);

    assert_code(outcome, 1);
    cr_assert(line != NULL && is_one_line(line), "%s", line);
    assert_text(json_text(arena, line, "level"), "error");
    cr_assert(is_time(json_text(arena, line, "time")), "%s", line);
    cr_assert(json_text(arena, line, "msg") != NULL);
    outcome = bare("--root", scenario_root(), "--log", file, "--log-format=json", "state", "x");
    assert_has(outcome.err, "does not exist"); /* for people, all the same */
    assert_has(file_text(file), "\n{");        /* appended */
    assert_has(file_text(file), "does not exist");
}

Scenario(command_line, a_failure_is_one_line_of_text_in_the_log)
{
    const char *file = work_path("log");

    assert_code(bare("--root", scenario_root(), "--log", file, "state", "x"), 1);
    assert_has(file_text(file), "level=error msg=\"");
    assert_has(file_text(file), "time=\"");
    cr_assert(is_one_line(file_text(file)));
}

Scenario(command_line, success_writes_nothing_into_the_log)
{
    struct bundle *bundle = bundle_new();
    const char *file = work_path("log");

    need_root();
    assert_ok(bare("--root", scenario_root(), "--log", file, "--log-format", "json", "run", "-b",
                   bundle->path, bundle->id));
    assert_text(file_text(file) != NULL ? file_text(file) : "", "");
}

Scenario(command_line, a_log_that_cannot_be_written_is_an_error)
{
    assert_code(bare("--log", work_path("no/such/log"), "list"), 1);
}

Scenario(command_line, debug_shows_every_step)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    outcome = bare("--root", scenario_root(), "--debug", "run", "-b", bundle->path, bundle->id);
    assert_ok(outcome);
    assert_has(outcome.err, "mount-all");
    assert_has(outcome.err, "ns");
}

/* --- features --------------------------------------------------------------------------------- */

Scenario(command_line, features_tell_what_engines_look_for)
{
    struct arena *arena = scenario_arena();
    struct outcome outcome = bare("features");

    assert_ok(outcome);
    assert_text(json_text(arena, outcome.out, "ociVersionMin"), "1.0.0");
    cr_assert(json_text(arena, outcome.out, "ociVersionMax") != NULL);
    assert_has(json_get(arena, outcome.out, "hooks"), "\"startContainer\"");
    assert_has(json_get(arena, outcome.out, "mountOptions"), "\"rro\"");
    assert_has(json_get(arena, outcome.out, "mountOptions"), "\"tmpcopyup\"");
    assert_has(json_get(arena, outcome.out, "mountOptions"), "\"noacl\"");
    assert_has(json_get(arena, outcome.out, "linux.namespaces"), "\"time\"");
    assert_has(json_get(arena, outcome.out, "linux.capabilities"), "\"CAP_SYS_ADMIN\"");
    assert_text(json_get(arena, outcome.out, "linux.cgroup.v2"), "true");
    assert_text(json_get(arena, outcome.out, "linux.seccomp.enabled"), "true");
    assert_has(json_get(arena, outcome.out, "linux.seccomp.actions"), "\"SCMP_ACT_NOTIFY\"");
    assert_text(json_get(arena, outcome.out, "linux.mountExtensions.idmap.enabled"), "true");
    assert_code(bare("features", "x"), 1);
}

/* --- spec ------------------------------------------------------------------------------------- */

Scenario(command_line, spec_makes_a_config_that_runs)
{
    struct bundle *bundle = bundle_new();
    const char *config = text("%s/config.json", bundle->path);
    struct outcome outcome;

    need_root();
    cr_assert(unlink(config) == 0);
    assert_ok(crun_with(PROGRAM(.directory = bundle->path), "spec"));
    bundle->config = (char *)file_text(config);
    cr_assert(bundle->config != NULL);
    assert_has(json_text(scenario_arena(), bundle->config, "process.args[0]"), "sh");
    bundle_set(bundle, "process.terminal", "false");
    bundle_script(bundle, "id -u");
    outcome = bundle_run(bundle);
    assert_ok(outcome);
    assert_text(outcome.out, "0\n");
}

Scenario(command_line, spec_does_not_overwrite)
{
    const char *config = work_file("config.json", "mine");

    assert_refused(crun("spec", "-b", scenario_work()), 1, "config.json");
    assert_text(file_text(config), "mine");
}

Scenario(command_line, spec_for_ordinary_users_has_a_user_namespace)
{
    const char *config = work_path("config.json");

    assert_ok(crun("spec", "--rootless", "--bundle", scenario_work()));
    assert_has(json_get(scenario_arena(), file_text(config), "linux.namespaces"), "\"user\"");
    assert_text(json_text(scenario_arena(), file_text(config), "linux.uidMappings[0].hostID"),
                text("%u", (unsigned)geteuid()));
}

/* --- odd callers ------------------------------------------------------------------------------ */

Scenario(command_line, odd_surroundings_do_no_harm)
{
    struct bundle *bundle = bundle_new();
    const char *script = text(
        "trap '' CHLD PIPE TERM; umask 0777; ulimit -n 64; cd %s; mkdir gone; cd gone; "
        "rmdir ../gone; exec %s --root %s run -b %s %s",
        scenario_work(), scenario_program(), scenario_root(), bundle->path, bundle->id);
    struct outcome outcome;

    need_root();
    bundle_script(bundle, "umask; grep -E '^Sig(Ign|Blk)' /proc/self/status | tr -d '\\t'; exit 3");
    outcome = program_run(PROGRAM(.arguments = (const char *[]){"sh", "-c", script, NULL}));
    assert_code(outcome, 3);
    assert_text(outcome.out, "0022\nSigBlk:0000000000000000\nSigIgn:0000000000000000\n");
}

Scenario(command_line, a_full_standard_output_is_an_error)
{
    struct outcome outcome = program_run(
        PROGRAM(.arguments = (const char *[]){
                    "sh", "-c", text("%s features >/dev/full", scenario_program()), NULL}));

    assert_code(outcome, 1);
}
