/* --trace and `trace`: what was done, by whom, and how long it took. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

static struct bundle *true_bundle(void)
{
    struct bundle *bundle = bundle_new();

    bundle_script(bundle, "sleep 0.05");
    return bundle;
}

static const char *event_member(const char *document, size_t index, const char *member)
{
    return json_text(scenario_arena(), document, text("traceEvents[%zu].%s", index, member));
}

/* The index of the event of that group and name; the test fails when there is none. */
static size_t find_event(const char *document, const char *group, const char *name)
{
    for (size_t i = 0;; i++) {
        const char *found = event_member(document, i, "name");

        cr_assert_not_null(found, "no %s %s in %s", group, name, document);
        if (strcmp(found, name) == 0 && event_member(document, i, "cat") != NULL &&
            strcmp(event_member(document, i, "cat"), group) == 0)
            return i;
    }
}

struct span {
    double begun, ended;
};

static struct span span_of(const char *document, const char *group, const char *name)
{
    size_t index = find_event(document, group, name);
    double begun = strtod(event_member(document, index, "ts"), NULL);

    return (struct span){begun, begun + strtod(event_member(document, index, "dur"), NULL)};
}

static const char *traced(struct bundle *bundle)
{
    const char *path = work_path("trace.json");

    assert_ok(crun("--trace", path, "run", "-b", bundle->path, bundle->id));
    return file_text(path);
}

Scenario(trace, has_the_steps_of_parent_and_child)
{
    const char *document = traced(true_bundle());
    struct span spawn = span_of(document, "create", "spawn-child");
    struct span mounts = span_of(document, "child", "mount-all");
    struct span last = span_of(document, "child", "mounts[0] /proc");
    struct span go = span_of(document, "start", "say-go");
    struct span wait = span_of(document, "run", "wait-for-end");
    struct span removal = span_of(document, "delete", "remove-cgroup");

    cr_assert(span_of(document, "command", "start-program").begun == 0);
    cr_assert(mounts.begun >= spawn.begun, "before there was a child");
    cr_assert(last.begun >= mounts.begun && last.ended <= mounts.ended, "not a part of all mounts");
    cr_assert(mounts.ended <= go.ended && go.ended <= wait.ended && wait.ended <= removal.ended);
    /* What the process slept; a clock of another unit would give another number. */
    cr_assert(wait.ended - wait.begun > 20000 && wait.ended - wait.begun < 60000000, "%f us",
              wait.ended - wait.begun);
}

Scenario(trace, names_a_thread_for_each_group)
{
    const char *document = traced(true_bundle());
    const char *thread = event_member(document, find_event(document, "child", "pivot"), "tid");

    for (size_t i = 0;; i++) {
        const char *phase = event_member(document, i, "ph");

        cr_assert_not_null(phase, "nobody is called child");
        if (strcmp(phase, "M") == 0 && strcmp(event_member(document, i, "tid"), thread) == 0) {
            assert_text(event_member(document, i, "args.name"), "child");
            return;
        }
    }
}

/* A process that shares no memory with the runtime: of a user namespace, and of exec. */
Scenario(trace, has_children_with_memory_of_their_own)
{
    need_root();
    struct bundle *bundle = true_bundle();
    const char *path = work_path("exec.json");

    bundle_map_users(bundle, 100000, 1000);
    span_of(traced(bundle), "child", "find-program");
    bundle = bundle_new();
    bundle_start(bundle);
    assert_ok(crun("--trace", path, "exec", bundle->id, "true"));
    span_of(file_text(path), "child", "find-program");
    bundle_delete(bundle);
}

Scenario(trace, is_there_also_of_what_failed)
{
    struct bundle *bundle = true_bundle();
    const char *path = work_path("trace.json");

    bundle_set(bundle, "process.args", "[\"/no/such\"]");
    assert_refused(crun("--trace", path, "run", "-b", bundle->path, bundle->id), 1, "/no/such");
    span_of(file_text(path), "child", "enter-cwd");
}

Scenario(trace, cannot_be_written_and_nothing_is_lost_but_the_trace)
{
    struct bundle *bundle = true_bundle();
    struct outcome outcome = crun("--trace", "/no/such/folder/trace.json", "run", "-b",
                                  bundle->path, bundle->id);

    assert_code(outcome, 0);
    assert_has(outcome.err, "--trace: ");
}

/* What is no file stays what it is, and a link is followed. */
Scenario(trace, goes_through_devices_and_links)
{
    struct bundle *bundle = true_bundle();
    const char *file = work_file("file", "before"), *link = work_path("link");
    struct outcome outcome = crun("--trace", "/dev/stdout", "run", "-b", bundle->path, bundle->id);
    struct stat status;

    assert_ok(outcome);
    assert_has(outcome.out, "\"traceEvents\"");
    cr_assert_eq(symlink(file, link), 0);
    assert_ok(crun("--trace", link, "run", "-b", bundle->path, bundle->id));
    cr_assert(lstat(link, &status) == 0 && S_ISLNK(status.st_mode), "the link was replaced");
    span_of(file_text(file), "child", "pivot");
}

/* Names of mounts are of any length and in any language. */
Scenario(trace, cuts_no_character_in_the_middle)
{
    need_root();
    struct bundle *bundle = true_bundle();
    char name[200] = "/work/x";

    while (strlen(name) + 3 < sizeof name)
        strcat(name, "\u00e9");
    bundle_mount(bundle, name, "tmpfs", "tmpfs", "");
    assert_has(traced(bundle), "/work/x\u00e9\u00e9");
}

Scenario(trace, is_a_chart_for_people)
{
    struct bundle *bundle = true_bundle();
    struct outcome outcome = crun("trace", "-b", bundle->path, bundle->id);

    assert_code(outcome, 0);
    assert_has(outcome.out, "create make-plan");
    assert_has(outcome.out, "child mount-all");
    assert_has(outcome.out, "\n  child mounts[0] /proc");
    assert_has(outcome.out, " us ");
    assert_has(outcome.out, "#");
    bundle_set(bundle, "process.args", "[\"/bin/sh\", \"-c\", \"exit 7\"]");
    assert_code(crun("trace", "-b", bundle->path, bundle->id), 7);
}
