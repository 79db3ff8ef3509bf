/*
 * Many containers, one after another and at once: nothing stays, and nobody grows.
 *
 * The numbers are samples that fit into `make test`; SCALE=N multiplies them (SCALE=20: a thousand
 * in a row, SCALE=5 and more: a hundred at once).
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

enum { IN_A_ROW = 50, AT_ONCE = 20 };

static int scaled(int number)
{
    const char *scale = getenv("SCALE");
    int factor = scale != NULL ? atoi(scale) : 1;

    return number * (factor > 0 ? factor : 1);
}

/* Resident memory of the biggest process we have waited for so far, in KiB. */
static long biggest_child(void)
{
    struct rusage usage;

    getrusage(RUSAGE_CHILDREN, &usage);
    return usage.ru_maxrss;
}

static long largest_file(const char *path)
{
    const char *content = file_text(path);

    return content == NULL ? 0 : (long)strlen(content);
}

static bool nothing_is_left(void)
{
    return *leftovers(scenario_before(), scenario_scope(), 8000, scenario_arena()) == '\0';
}

Scenario(scale, many_in_a_row_leave_nothing_and_do_not_grow)
{
    struct bundle *bundle = bundle_new();
    long first, mounts = largest_file("/proc/self/mountinfo");

    need_root();
    bundle_script(bundle, "exit 0");
    assert_ok(bundle_run(bundle));
    first = biggest_child();
    for (int i = 0; i < scaled(IN_A_ROW); i++) {
        struct outcome outcome = bundle_run(bundle);

        cr_assert(outcome.code == 0, "run %d: exit code %d: %s", i, outcome.code, outcome.err);
        close(outcome.running.out);
        close(outcome.running.err);
    }
    cr_assert(biggest_child() < first + 2048, "from %ld KiB to %ld KiB", first, biggest_child());
    cr_assert(largest_file("/proc/self/mountinfo") == mounts);
    cr_assert(nothing_is_left());
}

Scenario(scale, many_at_once_from_one_bundle)
{
    struct bundle *bundle = bundle_new();
    int many = scaled(AT_ONCE) < 100 ? scaled(AT_ONCE) : 100;
    struct running *running = arena_zero(scenario_arena(), (size_t)many, sizeof *running);

    need_root();
    bundle_remove(bundle, "linux.cgroupsPath");
    bundle_script(bundle, "echo alive; exit 7");
    for (int i = 0; i < many; i++)
        running[i] = crun_begin(PROGRAM(0), "run", "--overlay", "-b", bundle->path,
                                text("%s-%d", bundle->id, i));
    for (int i = 0; i < many; i++) {
        struct outcome outcome = program_wait(&running[i], DEADLINE_SECONDS);

        assert_code(outcome, 7);
        assert_text(outcome.out, "alive\n");
    }
    cr_assert(nothing_is_left());
}

/* All by `run BUNDLE`, which has to find so many free ids at the same moment. */
Scenario(scale, many_at_once_by_the_name_of_the_bundle)
{
    struct bundle *bundle = bundle_new();
    int many = scaled(AT_ONCE) / 2 < 100 ? scaled(AT_ONCE) / 2 : 100;
    struct running *running = arena_zero(scenario_arena(), (size_t)many, sizeof *running);

    need_root();
    bundle_remove(bundle, "linux.cgroupsPath");
    bundle_script(bundle, "exit 0");
    for (int i = 0; i < many; i++)
        running[i] = crun_begin(PROGRAM(0), "run", bundle->path);
    for (int i = 0; i < many; i++)
        assert_ok(program_wait(&running[i], DEADLINE_SECONDS));
}

Scenario(scale, many_detached_are_listed_and_deleted)
{
    int many = scaled(AT_ONCE) < 100 ? scaled(AT_ONCE) : 100;
    struct bundle *bundle = bundle_new();
    struct running *running = arena_zero(scenario_arena(), (size_t)many, sizeof *running);
    const char *ids;
    int listed = 0;

    need_root();
    bundle_remove(bundle, "linux.cgroupsPath");
    bundle_script(bundle, "sleep 3600");
    for (int i = 0; i < many; i++)
        assert_ok(crun("run", "-d", "-b", bundle->path, text("%s-%d", bundle->id, i)));
    ids = crun("list", "-q").out;
    for (const char *at = ids; *at != '\0'; at++)
        listed += *at == '\n';
    cr_assert(listed == many, "%d are listed", listed);
    for (int i = 0; i < many; i++)
        running[i] = crun_begin(PROGRAM(0), "delete", "--force", text("%s-%d", bundle->id, i));
    for (int i = 0; i < many; i++)
        assert_ok(program_wait(&running[i], DEADLINE_SECONDS));
}

/* Two who do everything to the same few containers: every answer is a proper one, and in the end
 * everything can be deleted. */
Scenario(scale, many_hands_on_few_containers)
{
    static const char *const deeds[] = {"create", "start", "kill",   "pause", "resume",
                                        "state",  "ps",    "delete", "exec"};
    enum { HANDS = 4, CONTAINERS = 3, ROUNDS = 15 };
    struct bundle *bundle = bundle_new();
    unsigned random = 12345;

    need_root();
    bundle_remove(bundle, "linux.cgroupsPath");
    bundle_script(bundle, "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done");
    for (int round = 0; round < scaled(ROUNDS); round++) {
        struct running hands[HANDS];
        const char *did[HANDS];

        for (int i = 0; i < HANDS; i++) {
            const char *id = text("%s-%u", bundle->id, (random >> 8) % CONTAINERS);
            const char *deed = deeds[(random >> 16) % count_of(deeds)];

            random = random * 1103515245 + 12345;
            did[i] = text("%s %s", deed, id);
            if (strcmp(deed, "create") == 0)
                hands[i] = crun_begin(PROGRAM(0), "create", "-b", bundle->path, id);
            else if (strcmp(deed, "exec") == 0)
                hands[i] = crun_begin(PROGRAM(0), "exec", id, "true");
            else
                hands[i] = crun_begin(PROGRAM(0), deed, id);
        }
        for (int i = 0; i < HANDS; i++) {
            bool exec = strncmp(did[i], "exec", 4) == 0;
            struct outcome outcome = program_wait(&hands[i], exec ? 30 : DEADLINE_SECONDS);
            bool proper = outcome.code == 0 || (outcome.code == 1 && is_one_line(outcome.err)) ||
                          (exec && (outcome.code == 255 || outcome.code == 137));

            /* An exec into a container that somebody pauses at the same moment waits with it. */
            if (outcome.code == -1 && exec)
                continue;
            cr_assert(proper, "%s: exit code %d: %s", did[i], outcome.code, outcome.err);
        }
    }
    for (unsigned i = 0; i < CONTAINERS; i++)
        assert_ok(crun("delete", "--force", text("%s-%u", bundle->id, i)));
}
