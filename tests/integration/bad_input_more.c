/*
 * Groups of bad input that want more than a table (see bad_input.c): a file cut at every byte, a
 * byte order mark, a config that changes behind our back, groups that cannot be set, labels, nodes.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

static struct bundle *bundle_for_caller(void)
{
    return geteuid() == 0 ? bundle_new() : bundle_new_rootless();
}

/* Line and column, from 1, of the byte at `offset`. */
static const char *place_of(const char *document, size_t offset)
{
    int line = 1, column = 1;

    for (size_t i = 0; i < offset; i++) {
        column = document[i] == '\n' ? 1 : column + 1;
        line += document[i] == '\n';
    }
    return text("line %d, column %d", line, column);
}

/* Short, because each of its bytes is a run; with every kind of token in it. */
Scenario(bad_input, group_03_truncated_at_every_byte)
{
    static const char document[] = "{\"ociVersion\": \"1.2.0\",\n"
                                   " \"process\": {\"user\": {\"uid\": 12},\n"
                                   "  \"env\": [\"A=\\u00e4\", \"B\"], \"terminal\": false,\n"
                                   "  \"cwd\": null} }";
    struct bundle *bundle = bundle_for_caller();

    for (size_t cut = 1; cut < sizeof document - 1; cut++) {
        struct outcome outcome;

        bundle_raw(bundle, text("%.*s", (int)cut, document));
        outcome = bundle_run(bundle);
        cr_assert(outcome.code == 1 && is_one_line(outcome.err), "cut at %zu: exit code %d, %s",
                  cut, outcome.code, outcome.err);
        assert_has(outcome.err, "config.json: ");
        cr_assert(strstr(outcome.err, text("%s: ", place_of(document, cut))) != NULL,
                  "cut at %zu, %s, but: %s", cut, place_of(document, cut), outcome.err);
    }
}

/* RFC 8259 section 8.1: a parser may ignore it or call it an error.  As runc (and Go) do: an error,
 * and one that names it, because no editor shows it. */
Scenario(bad_input, group_04_byte_order_mark)
{
    struct bundle *bundle = bundle_for_caller();

    bundle_raw(bundle, text("\xef\xbb\xbf%s", bundle->config));
    assert_refused(bundle_run(bundle), 1, "config.json: line 1, column 1");
    assert_has(bundle_run(bundle).err, "byte order mark");
}

/* Replaced, made invalid and removed between create and start: what was created is what runs. */
Scenario(bad_input, group_14_config_replaced_between_create_and_start)
{
    enum { REPLACED, INVALID, REMOVED, WAYS };
    struct bundle *bundle = bundle_new();
    const char *path = text("%s/config.json", bundle->path);

    need_root();
    for (int way = 0; way < WAYS; way++) {
        struct outcome created;

        bundle_script(bundle, "echo before");
        created = crun("create", "-b", bundle->path, bundle->id);
        assert_ok(created);
        if (way == REPLACED)
            bundle_script(bundle, "echo after");
        else if (way == INVALID)
            cr_assert(truncate(path, 10) == 0);
        else
            cr_assert(unlink(path) == 0);
        assert_ok(crun("start", bundle->id));
        cr_assert(program_said(&created.running, "before"));
        cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
        assert_text(program_output(&created.running), "before\n");
        assert_ok(crun("delete", bundle->id));
    }
}

/* A process in a user namespace of its own, in which setgroups(2) has been denied for good. */
static pid_t begin_denied_namespace(void)
{
    static const struct {
        const char *file, *content;
    } settings[] = {
        {"setgroups", "deny"     },
        {"uid_map",   "0 0 65536"},
        {"gid_map",   "0 0 65536"},
    };
    int ready[2];
    char byte = 0;
    pid_t pid;

    cr_assert(pipe2(ready, O_CLOEXEC) == 0);
    pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWUSER) < 0 || write(ready[1], &byte, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    cr_assert(read(ready[0], &byte, 1) == 1, "no user namespace");
    close(ready[0]);
    for (size_t i = 0; i < count_of(settings); i++) {
        autoclose int fd = open(text("/proc/%d/%s", (int)pid, settings[i].file),
                                O_WRONLY | O_CLOEXEC);
        size_t length = strlen(settings[i].content);

        cr_assert(write(fd, settings[i].content, length) == (ssize_t)length, "%s: %s",
                  settings[i].file, strerror(errno));
    }
    return pid;
}

static void check_groups_are_explained(struct bundle *bundle)
{
    bundle_set(bundle, "process.user.additionalGids", "[0]");
    bundle_script(bundle, "echo without them");
    assert_refused(bundle_run(bundle), 1, "process.user.additionalGids");
    assert_has(bundle_run(bundle).err, "setgroups");
    assert_text(bundle_run(bundle).out, "");
}

/* An ordinary user's namespace has it denied; root may meet it in a namespace that is joined.
 * Groups are never left out in silence. */
Scenario(bad_input, group_22_additional_groups_where_setgroups_is_denied)
{
    struct bundle *bundle = geteuid() == 0 ? bundle_new() : bundle_new_rootless();
    const gid_t own = 0;
    pid_t holder;

    if (geteuid() != 0) {
        check_groups_are_explained(bundle);
        return;
    }
    cr_assert(setgroups(1, &own) == 0); /* what a caller has more, could not be taken away */
    holder = begin_denied_namespace();
    bundle_join_namespace(bundle, "user", text("/proc/%d/ns/user", (int)holder));
    assert_text(inside(bundle, "cat /proc/self/setgroups"), "deny");
    check_groups_are_explained(bundle);
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
}

/* Malformed, or for a module that this host has not: never unconfined in silence. */
Scenario(bad_input, group_28_selinux_labels)
{
    static const char *const labels[] = {"not a label", "system_u:system_r:container_t:s0", "a:b",
                                         "a:b:c:d\\ne"};
    struct bundle *bundle = bundle_new();

    need_root();
    for (size_t i = 0; i < count_of(labels); i++) {
        struct outcome outcome;

        bundle_set(bundle, "process.selinuxLabel", "\"%s\"", labels[i]);
        bundle_script(bundle, "echo unconfined");
        outcome = bundle_run(bundle);
        assert_refused(outcome, 1, "process.selinuxLabel");
        assert_text(outcome.out, "");
    }
}

Scenario(bad_input, group_42_memory_policy)
{
    static const struct {
        const char *policy, *says;
    } rows[] = {
        {"{\"mode\":\"MPOL_BIND\",\"nodes\":\"\"}",        "linux.memoryPolicy.nodes"},
        {"{\"mode\":\"MPOL_BIND\",\"nodes\":\"9999999\"}", "9999999"                 },
        {"{\"mode\":\"MPOL_BIND\",\"nodes\":\"0-\"}",      "linux.memoryPolicy.nodes"},
        {"{\"mode\":\"MPOL_BIND\",\"nodes\":\"1-0\"}",     "linux.memoryPolicy.nodes"},
        {"{\"mode\":\"MPOL_BIND\"}",                       "linux.memoryPolicy"      },
        {"{\"nodes\":\"0\"}",                              "mode"                    },
        {"{\"mode\":\"mpol_bind\",\"nodes\":\"0\"}",       "mpol_bind"               },
    };
    struct bundle *bundle = bundle_for_caller();

    for (size_t i = 0; i < count_of(rows); i++) {
        struct outcome outcome;

        bundle_set(bundle, "linux.memoryPolicy", "%s", rows[i].policy);
        outcome = bundle_run(bundle);
        cr_assert(outcome.code == 1 && is_one_line(outcome.err), "%s: exit code %d, %s",
                  rows[i].policy, outcome.code, outcome.err);
        assert_has(outcome.err, "linux.memoryPolicy");
        assert_has(outcome.err, rows[i].says);
    }
}

/* Go programs write null for what is absent, and so does `jq '.hooks = null'`. */
Scenario(bad_input_more, a_member_that_is_null_is_absent)
{
    static const char *const paths[] = {
        "hooks",         "annotations",         "process.rlimits",          "process.oomScoreAdj",
        "root.readonly", "process.consoleSize", "linux.resources.cpu",      "mounts[0].options",
        "linux.seccomp", "linux.maskedPaths",   "linux.namespaces[0].path", "hostname"};
    struct bundle *bundle = bundle_for_caller();

    bundle_script(bundle, "echo runs");
    for (size_t i = 0; i < count_of(paths); i++)
        bundle_set(bundle, paths[i], "null");
    assert_text(bundle_run(bundle).out, "runs\n");
    bundle_set(bundle, "process.cwd", "null");
    assert_refused(bundle_run(bundle), 1, "config.json: process: missing \"cwd\"");
    bundle_set(bundle, "process.cwd", "\"/\"");
    bundle_set(bundle, "process.env", "[null]");
    assert_refused(bundle_run(bundle), 1, "process.env[0]: expected string, found null");
}
