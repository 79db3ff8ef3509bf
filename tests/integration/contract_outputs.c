/*
 * What callers read: the log, and what list, ps, features and --version print; and the spellings of
 * flags that they use.
 */

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "spec/json.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

enum { NAMELESS = 54321 };

/* Without --root. */
#define bare(...) \
    program_run(PROGRAM(.arguments = (const char *const[]){scenario_program(), __VA_ARGS__, NULL}))

/* --- the log ---------------------------------------------------------------------------------- */

/* Go's time.RFC3339, and not another day's. */
static void assert_is_now(const char *text)
{
    struct tm broken = {0};
    const char *end = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &broken) : NULL;
    time_t then;

    cr_assert(end != NULL && strcmp(end, "Z") == 0, "\"%s\" is no time", text);
    then = timegm(&broken);
    cr_assert(then <= time(NULL) && then >= time(NULL) - SCENARIO_SECONDS, "%s", text);
}

/* One object with these three members, all of them strings, that a strict reader takes; what stands
 * in it as msg. */
static const char *message_of(const char *line, const char *const *levels)
{
    struct arena *arena = scenario_arena();
    const struct json *json = NULL, *level, *message, *moment;
    struct error err;
    bool known = false;

    cr_assert(json_read(line, strlen(line), arena, arena, &json, &err) == 0, "%s: %s", err.text,
              line);
    cr_assert(json->kind == JSON_OBJECT && json->count == 3, "%s", line);
    level = json_member(json, "level");
    message = json_member(json, "msg");
    moment = json_member(json, "time");
    cr_assert(level != NULL && message != NULL && moment != NULL, "%s", line);
    cr_assert(level->kind == JSON_STRING && message->kind == JSON_STRING &&
                  moment->kind == JSON_STRING && message->length > 0,
              "%s", line);
    for (; *levels != NULL; levels++)
        known |= strcmp(*levels, level->text) == 0;
    cr_assert(known, "%s", line);
    assert_is_now(moment->text);
    return message->text;
}

static const char *const errors[] = {"error", NULL};
static const char *const debugging[] = {"debug", "warning", NULL};

/* podman reads the whole file as one object, containerd's shim decodes its time: no warning may
 * stand beside the error. */
Scenario(log, of_a_failure_is_one_object_whatever_there_was_to_warn_of)
{
    struct bundle *bundle = bundle_new();
    const char *file = work_path("log.json");
    struct outcome outcome;
    const char *message;

    need_root();
    bundle_set(bundle, "process.capabilities.bounding[+]", "\"CAP_NO_SUCH\"");
    bundle_set(bundle, "process.args", "[\"/nosuch\"]");
    outcome = crun("--log", file, "--log-format", "json", "create", "-b", bundle->path, bundle->id);
    assert_code(outcome, 1);
    assert_has(outcome.err, "CAP_NO_SUCH is unknown");
    cr_assert(is_one_line(file_text(file)), "%s", file_text(file));
    message = message_of(file_text(file), errors);
    assert_has(message, "exec: \"/nosuch\": stat /nosuch: no such file or directory");
    assert_has(outcome.err, text("crun-lite: %s\n", message));
}

/* The warning alone is no failure: a log that is not empty would be taken for one. */
Scenario(log, of_a_success_is_empty_whatever_there_was_to_warn_of)
{
    struct bundle *bundle = bundle_new();
    const char *file = work_path("log.json");
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "process.capabilities.bounding[+]", "\"CAP_NO_SUCH\"");
    outcome = crun("--log", file, "--log-format", "json", "run", "-b", bundle->path, bundle->id);
    assert_ok(outcome);
    assert_has(outcome.err, "CAP_NO_SUCH is unknown");
    assert_text(file_text(file), "");
}

/* Every line of it; how many there are. */
static int assert_debug_lines(const char *whole)
{
    char *rest = arena_string(scenario_arena(), whole);
    int count = 0;

    cr_assert(*whole != '\0' && whole[strlen(whole) - 1] == '\n', "%s", whole);
    rest[strlen(rest) - 1] = '\0';
    for (const char *line; (line = strsep(&rest, "\n")) != NULL; count++)
        message_of(line, debugging);
    return count;
}

/* Steps of ours, of the container's first process and of exec's. */
Scenario(log, of_debug_is_a_line_of_json_each)
{
    struct bundle *bundle = bundle_new();
    const char *file = work_path("log.json");
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "process.capabilities.bounding[+]", "\"CAP_NO_SUCH\"");
    bundle_set(bundle, "hostname", "\"in\\\"side\\\\\"");
    bundle_script(bundle, "while :; do sleep 3600 & wait $!; done");
    assert_ok(crun("--debug", "--log", file, "--log-format", "json", "run", "-d", "-b",
                   bundle->path, bundle->id));
    cr_assert(assert_debug_lines(file_text(file)) > 20, "%s", file_text(file));
    assert_has(file_text(file), "CAP_NO_SUCH");
    assert_has(file_text(file), "child mount-all");
    assert_has(file_text(file), "start say-go");
    outcome = crun("--debug", "--log-format", "json", "exec", bundle->id, "true");
    assert_ok(outcome);
    cr_assert(assert_debug_lines(outcome.err) > 5, "%s", outcome.err);
    bundle_delete(bundle);
}

/* The descriptor of the file that the process has open, as /proc/PID/fdinfo describes it. */
static const char *open_file_of(pid_t pid, const char *file)
{
    const char *directory = text("/proc/%d/fd", (int)pid), *info = NULL;
    DIR *fds = opendir(directory);
    char target[4096];

    if (fds == NULL)
        return NULL;
    for (struct dirent *entry; info == NULL && (entry = readdir(fds)) != NULL;) {
        ssize_t length = readlink(text("%s/%s", directory, entry->d_name), target,
                                  sizeof target - 1);

        if (length > 0 && (size_t)length == strlen(file) &&
            strncmp(target, file, (size_t)length) == 0)
            info = file_text(text("/proc/%d/fdinfo/%s", (int)pid, entry->d_name));
    }
    closedir(fds);
    return info;
}

/* Several runtimes write to one log: appended lines do not lie over one another. */
Scenario(log, is_readable_and_appended_to)
{
    struct bundle *bundle = bundle_new();
    const char *file = work_path("log.json"), *info = NULL, *flags;
    struct running running;
    struct stat status;

    need_root();
    bundle_script(bundle, "sleep 3600");
    umask(022);
    running = crun_begin(PROGRAM(0), "--log", file, "--log-format", "json", "run", "-b",
                         bundle->path, bundle->id);
    cr_assert(eventually((info = open_file_of(running.pid, file)) != NULL));
    cr_assert(stat(file, &status) == 0 && status.st_mode == (S_IFREG | 0644), "mode %o",
              status.st_mode);
    flags = strstr(info, "flags:");
    cr_assert(flags != NULL, "%s", info);
    cr_assert((strtol(flags + strlen("flags:"), NULL, 8) & (O_APPEND | O_CLOEXEC)) ==
                  (O_APPEND | O_CLOEXEC),
              "%s", info);
    /* And not "created". */
    cr_assert(eventually(strstr(crun("state", bundle->id).out, "\"running\"") != NULL));
    assert_ok(crun("kill", bundle->id, "KILL"));
    assert_code(program_wait(&running, DEADLINE_SECONDS), 128 + SIGKILL);
}

/* --- list and ps ------------------------------------------------------------------------------ */

Scenario(list, of_a_default_root_that_is_not_there_is_empty)
{
    need_root(); /* whose default is /run/crun-lite, and whose /run is empty here */
    cr_assert(!file_exists("/run/crun-lite"));
    for (int json = 0; json < 2; json++) {
        struct outcome outcome = json ? bare("list", "-f", "json") : bare("list");

        assert_ok(outcome);
        assert_text(outcome.err, "");
        assert_text(outcome.out,
                    json ? "null\n"
                         : "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
    }
    assert_text(bare("list", "-q").out, "");
    cr_assert(!file_exists("/run/crun-lite"));
}

#define as_user(user, ...) run_as_user((user), (const char *const[]){__VA_ARGS__, NULL})

static struct outcome run_as_user(unsigned user, const char *const *arguments)
{
    const char *all[16] = {scenario_program(), "--root", work_path(text("state-%u", user))};

    for (size_t i = 3; *arguments != NULL; i++)
        all[i] = *arguments++;
    return program_run(PROGRAM(.arguments = all, .user = user));
}

/* The owner of a container of that user, as his own list has it. */
static void assert_owner_is(unsigned user, const char *owner)
{
    const char *root = work_path(text("state-%u", user));
    struct bundle *bundle = bundle_new_for_user(user);
    struct outcome list;

    bundle_script(bundle, "sleep 3600");
    cr_assert(mkdir(root, 0700) == 0 && chown(root, user, user) == 0);
    assert_ok(as_user(user, "create", "-b", bundle->path, bundle->id));
    list = as_user(user, "list", "--format", "json");
    assert_text(json_text(scenario_arena(), list.out, "[0].id"), bundle->id);
    assert_text(json_text(scenario_arena(), list.out, "[0].owner"), owner);
    list = as_user(user, "list");
    cr_assert(strlen(list.out) > strlen(owner) + 2);
    assert_has(list.out, text(" %s\n", owner));
    assert_text(json_text(scenario_arena(), as_user(user, "state", bundle->id).out, "owner"), "");
    assert_ok(as_user(user, "delete", "--force", bundle->id));
}

Scenario(list, names_the_owner_or_gives_the_number)
{
    const struct passwd *named = getpwuid(65534);
    const char *name = named != NULL ? text("%s", named->pw_name) : "#65534";
    const unsigned users[] = {NAMELESS, 65534};

    need_root();
    cr_assert(getpwuid(NAMELESS) == NULL);
    for (size_t i = 0; i < count_of(users); i++) {
        struct outcome can = program_run(
            PROGRAM(.arguments = (const char *[]){"unshare", "-Ur", scenario_program(), "--version",
                                                  NULL},
                    .user = users[i]));

        if (can.code != 0)
            skip("this user cannot run containers here: %s", can.err);
        assert_owner_is(users[i], i == 0 ? text("#%d", NAMELESS) : name);
    }
}

Scenario(ps, of_a_stopped_container_is_empty)
{
    struct bundle *bundle = bundle_new();
    struct outcome table;

    need_root();
    bundle_start(bundle);
    assert_ok(crun("kill", bundle->id, "KILL"));
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_text(crun("ps", "--format", "json", bundle->id).out, "null\n");
    need_command("ps");
    table = crun("ps", bundle->id);
    assert_ok(table);
    assert_has(table.out, "PID");
    cr_assert(is_one_line(table.out), "%s", table.out);
    bundle_delete(bundle);
}

/* --- features --------------------------------------------------------------------------------- */

/* features.md and features-linux.md: what each member is, and something that is in it. */
static const struct {
    const char *path;
    enum json_kind kind;
    const char *has; /* of an array: an item; NULL: it may be empty */
} members[] = {
    {"ociVersionMin",                       JSON_STRING,  NULL                     },
    {"ociVersionMax",                       JSON_STRING,  NULL                     },
    {"mountOptions",                        JSON_ARRAY,   "rro"                    },
    {"mountOptions",                        JSON_ARRAY,   "idmap"                  },
    {"linux.namespaces",                    JSON_ARRAY,   "cgroup"                 },
    {"linux.namespaces",                    JSON_ARRAY,   "ipc"                    },
    {"linux.namespaces",                    JSON_ARRAY,   "mount"                  },
    {"linux.namespaces",                    JSON_ARRAY,   "network"                },
    {"linux.namespaces",                    JSON_ARRAY,   "pid"                    },
    {"linux.namespaces",                    JSON_ARRAY,   "time"                   },
    {"linux.namespaces",                    JSON_ARRAY,   "user"                   },
    {"linux.namespaces",                    JSON_ARRAY,   "uts"                    },
    {"linux.capabilities",                  JSON_ARRAY,   "CAP_CHOWN"              },
    {"linux.capabilities",                  JSON_ARRAY,   "CAP_SYS_ADMIN"          },
    {"linux.cgroup.v1",                     JSON_BOOLEAN, NULL                     },
    {"linux.cgroup.v2",                     JSON_BOOLEAN, NULL                     },
    {"linux.cgroup.systemd",                JSON_BOOLEAN, NULL                     },
    {"linux.cgroup.systemdUser",            JSON_BOOLEAN, NULL                     },
    {"linux.cgroup.rdma",                   JSON_BOOLEAN, NULL                     },
    {"linux.seccomp.enabled",               JSON_BOOLEAN, NULL                     },
    {"linux.seccomp.actions",               JSON_ARRAY,   "SCMP_ACT_ALLOW"         },
    {"linux.seccomp.actions",               JSON_ARRAY,   "SCMP_ACT_KILL"          },
    {"linux.seccomp.actions",               JSON_ARRAY,   "SCMP_ACT_KILL_THREAD"   },
    {"linux.seccomp.operators",             JSON_ARRAY,   "SCMP_CMP_MASKED_EQ"     },
    {"linux.seccomp.operators",             JSON_ARRAY,   "SCMP_CMP_NE"            },
    {"linux.seccomp.archs",                 JSON_ARRAY,   "SCMP_ARCH_X86"          },
    {"linux.seccomp.knownFlags",            JSON_ARRAY,   "SECCOMP_FILTER_FLAG_LOG"},
    {"linux.seccomp.supportedFlags",        JSON_ARRAY,   NULL                     },
    {"linux.apparmor.enabled",              JSON_BOOLEAN, NULL                     },
    {"linux.selinux.enabled",               JSON_BOOLEAN, NULL                     },
    {"linux.intelRdt.enabled",              JSON_BOOLEAN, NULL                     },
    {"linux.intelRdt.schemata",             JSON_BOOLEAN, NULL                     },
    {"linux.intelRdt.monitoring",           JSON_BOOLEAN, NULL                     },
    {"linux.memoryPolicy.modes",            JSON_ARRAY,   "MPOL_BIND"              },
    {"linux.memoryPolicy.flags",            JSON_ARRAY,   "MPOL_F_STATIC_NODES"    },
    {"linux.mountExtensions.idmap.enabled", JSON_BOOLEAN, NULL                     },
    {"linux.netDevices.enabled",            JSON_BOOLEAN, NULL                     },
    {"potentiallyUnsafeConfigAnnotations",  JSON_ARRAY,   "org.systemd.property."  },
};

static const struct json *features(void)
{
    struct outcome outcome = bare("features");
    struct arena *arena = scenario_arena();
    const struct json *json = NULL;
    struct error err;

    assert_ok(outcome);
    cr_assert(json_read(outcome.out, strlen(outcome.out), arena, arena, &json, &err) == 0, "%s",
              err.text);
    return json;
}

static const struct json *member_at(const struct json *json, const char *path)
{
    char *rest = arena_string(scenario_arena(), path);

    for (const char *key; json != NULL && (key = strsep(&rest, ".")) != NULL;)
        json = json_member(json, key);
    return json;
}

static bool has_item(const struct json *array, const char *wanted)
{
    for (const struct json *item = array->first; item != NULL; item = item->next)
        if (item->kind == JSON_STRING && strcmp(item->text, wanted) == 0)
            return true;
    return false;
}

Scenario(features, have_every_member_of_the_specification)
{
    const struct json *all = features();

    for (size_t i = 0; i < count_of(members); i++) {
        const struct json *member = member_at(all, members[i].path);

        cr_assert(member != NULL && member->kind == members[i].kind, "%s", members[i].path);
        cr_assert(members[i].has == NULL || has_item(member, members[i].has), "%s lacks %s",
                  members[i].path, members[i].has);
        for (const struct json *item = member->first; item != NULL; item = item->next)
            cr_assert(item->kind == JSON_STRING, "%s", members[i].path);
    }
}

Scenario(features, name_all_hooks_and_every_mount_option_once)
{
    static const char *const hooks[] = {"prestart",       "createRuntime", "createContainer",
                                        "startContainer", "poststart",     "poststop"};
    const struct json *all = features(), *options = member_at(all, "mountOptions");

    cr_assert(member_at(all, "hooks") != NULL && member_at(all, "hooks")->count == count_of(hooks));
    for (size_t i = 0; i < count_of(hooks); i++)
        cr_assert(has_item(member_at(all, "hooks"), hooks[i]), "%s", hooks[i]);
    cr_assert(options != NULL && options->first != NULL);
    for (const struct json *item = options->first; item->next != NULL; item = item->next)
        cr_assert(strcmp(item->text, item->next->text) < 0, "%s, %s", item->text, item->next->text);
}

/* What a filter may ask for can be asked for, and nothing is supported that is not known. */
Scenario(features, support_no_flag_that_they_do_not_know)
{
    const struct json *all = features();
    const struct json *known = member_at(all, "linux.seccomp.knownFlags");
    const struct json *supported = member_at(all, "linux.seccomp.supportedFlags");
    struct utsname host;

    cr_assert(known != NULL && supported != NULL);
    for (const struct json *item = supported->first; item != NULL; item = item->next)
        cr_assert(has_item(known, item->text), "%s", item->text);
    cr_assert(uname(&host) == 0);
    if (strcmp(host.machine, "x86_64") == 0)
        cr_assert(has_item(member_at(all, "linux.seccomp.archs"), "SCMP_ARCH_X86_64"));
}

Scenario(features, reach_to_the_version_that_is_shown)
{
    const struct json *most = member_at(features(), "ociVersionMax");

    assert_text(member_at(features(), "ociVersionMin")->text, "1.0.0");
    assert_has(bare("--version").out, text("\nspec: %s\n", most->text));
}

/* A static program has the library that it was built with, as these tests were; wherever it runs.
 */
static bool has_shared_libseccomp(void)
{
    return strstr(
               program_run(&(struct program){
                               .arguments = (const char *[]){scenario_program(),          NULL},
                               .environment = (const char *[]){"LD_TRACE_LOADED_OBJECTS=1", NULL},
    })
                   .out,
               "libseccomp.so") != NULL;
}

/* What libseccomp says of itself, through the same file as the program. */
static const char *version_of_libseccomp(void)
{
    const struct {
        unsigned major, minor, micro;
    } * version;
    const void *(*ask)(void);

    if (!has_shared_libseccomp())
        return text("%d.%d.%d", SCMP_VER_MAJOR, SCMP_VER_MINOR, SCMP_VER_MICRO);

    void *library = dlopen("libseccomp.so.2", RTLD_NOW);
    void *symbol = library != NULL ? dlsym(library, "seccomp_version") : NULL;

    if (symbol == NULL)
        skip("no libseccomp to ask");
    memcpy(&ask, &symbol, sizeof ask);
    version = ask();
    return text("%u.%u.%u", version->major, version->minor, version->micro);
}

/* annotations.md of runc: whoever is not runc leaves its version and commit out. */
Scenario(features, annotations_tell_of_the_build_and_of_criu)
{
    const char *directory = work_path("path");
    const char *version = version_of_libseccomp();

    cr_assert(mkdir(directory, 0755) == 0);
    for (int with_criu = 0; with_criu < 2; with_criu++) {
        const char *path = text("PATH=%s", directory);
        struct outcome outcome;

        if (with_criu)
            work_script("path/criu", "#!/bin/sh\n");
        outcome = program_run(PROGRAM(.arguments = (const char *[]){"env", path, scenario_program(),
                                                                    "features", NULL}));
        assert_ok(outcome);
        assert_has(outcome.out,
                   text("    \"annotations\": {\n"
                        "        \"io.github.seccomp.libseccomp.version\": \"%s\",\n"
                        "        \"org.opencontainers.runc.checkpoint.enabled\": \"%s\"\n"
                        "    },\n",
                        version, with_criu ? "true" : "false"));
    }
}

/* --- version ---------------------------------------------------------------------------------- */

/* Where it was built from a repository that is still there; a tree that was changed since is the
 * same commit. */
Scenario(version, names_the_commit_that_was_built)
{
    const char *source = dirname(arena_string(scenario_arena(), scenario_program()));
    const char *out = bare("--version").out, *line = strstr(out, "\ncommit: "), *commit, *built;
    struct outcome git;

    cr_assert(line == NULL || line[strlen("\ncommit: ")] != '\n', "%s", out);
    need_command("git");
    git = program_run(PROGRAM(.arguments = (const char *[]){"git", "-C", source, "describe",
                                                            "--always", "--abbrev=12", NULL}));
    if (git.code != 0)
        skip("not built from a repository that git can read: %s", git.err);
    cr_assert(line != NULL, "no commit in\n%s", out);
    built = line + strlen("\ncommit: ");
    commit = text("%.*s", (int)strcspn(git.out, "\n"), git.out);
    cr_assert(strncmp(built, commit, strlen(commit)) == 0, "built from %s, not %s", built, commit);
    built += strlen(commit);
    cr_assert(*built == '\n' || strncmp(built, "-dirty\n", 7) == 0, "%s", out);
}

/* --- flags ------------------------------------------------------------------------------------ */

static const struct {
    const char *spelling;
    bool value;
} spellings[] = {
    {"1",     true },
    {"t",     true },
    {"T",     true },
    {"true",  true },
    {"TRUE",  true },
    {"True",  true },
    {"0",     false},
    {"f",     false},
    {"F",     false},
    {"false", false},
    {"FALSE", false},
    {"False", false},
};

static const char *const no_spellings[] = {"maybe", "tRUE", "yes", "2", "-1", "true ", "on"};

Scenario(flags, are_spelled_as_go_spells_them)
{
    for (size_t i = 0; i < count_of(spellings); i++) {
        struct outcome outcome = crun("list", text("--quiet=%s", spellings[i].spelling));

        assert_ok(outcome);
        if (spellings[i].value)
            assert_text(outcome.out, "");
        else
            assert_has(outcome.out, "STATUS");
        assert_ok(crun(text("--rootless=%s", spellings[i].spelling), "list"));
        assert_ok(crun("--rootless", spellings[i].spelling, "list"));
    }
    assert_ok(crun("--rootless=auto", "list"));
    assert_ok(crun("--rootless=", "list"));
}

/* exec asks for a terminal or not: without a terminal of ours there is none to be had. */
Scenario(flags, of_exec_are_spelled_as_go_spells_them)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(spellings); i++) {
        struct outcome outcome = crun("exec", text("--tty=%s", spellings[i].spelling), bundle->id,
                                      "sh", "-c", "[ -t 1 ] && echo yes || echo no");

        assert_ok(outcome);
        assert_has(outcome.out, spellings[i].value ? "yes" : "no");
    }
    bundle_delete(bundle);
}

Scenario(flags, that_are_spelled_otherwise_are_named_with_their_value)
{
    for (size_t i = 0; i < count_of(no_spellings); i++) {
        const char *word = no_spellings[i];
        struct outcome outcome;

        assert_refused(crun(text("--rootless=%s", word), "list"), 1,
                       text("--rootless: \"%s\" is not one of true, false, auto", word));
        outcome = crun("list", text("--quiet=%s", word));
        assert_code(outcome, 1);
        assert_has(outcome.err, text("--quiet: \"%s\" is neither true nor false", word));
        outcome = crun("exec", text("--tty=%s", word), "nosuch", "true");
        cr_assert(outcome.code != 0);
        assert_has(outcome.err, text("--tty: \"%s\" is neither true nor false", word));
    }
    assert_has(crun("list", "--quiet=").err, "--quiet: \"\" is neither true nor false");
}

/* Whatever the host has installed: no library is needed to speak to systemd. */
Scenario(features, promise_systemd_of_the_machine_and_of_users)
{
    static const char *const paths[] = {"linux.cgroup.systemd", "linux.cgroup.systemdUser"};

    for (size_t i = 0; i < count_of(paths); i++)
        cr_assert(member_at(features(), paths[i])->boolean, "%s", paths[i]);
}
