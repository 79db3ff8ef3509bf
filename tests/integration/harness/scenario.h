#pragma once

/*
 * One integration test: a place of its own, and the proof that it left nothing behind.
 *
 *     Scenario(pause, stops_progress)
 *     {
 *         struct bundle *bundle = bundle_new();
 *         ...
 *     }
 *
 * is a Criterion test.  Before the body: a directory of its own below TMPDIR, a state root of its
 * own, and for root a mount namespace of its own, whose mounts are shared (as systemd's are:
 * nothing may travel out of a container) and whose /tmp and /run are empty.  After a body that
 * passed: the leave-nothing check (leftovers.h).  After one that failed: everything it started is
 * ended. There is no way to write a test here without all that: `Test` is poisoned below.
 */

#include <criterion/criterion.h>
#include <stdbool.h>

#include "base/arena.h"
#include "tests/integration/harness/leftovers.h"
#include "tests/integration/harness/program.h"

/* How long one test may take, in seconds: a hang is a failure, but emulation is slow. */
enum { SCENARIO_SECONDS = 900 };

#define Scenario(suite, name)                                                         \
    static void suite##_##name##_body(void);                                          \
    CR_EXPAND(CR_TEST_BASE(suite, name, .init = scenario_begin, .fini = scenario_end, \
                           .timeout = SCENARIO_SECONDS, .sentinel_ = 0))              \
    {                                                                                 \
        suite##_##name##_body();                                                      \
        scenario_check();                                                             \
    }                                                                                 \
    static void suite##_##name##_body(void)

void scenario_begin(void);
void scenario_check(void);
void scenario_end(void);

#undef Test
#pragma GCC poison Test

/* Memory that lives as long as the test. */
struct arena *scenario_arena(void);
/* printf into it. */
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

const char *scenario_program(void); /* $CRUN_LITE */
const char *scenario_root(void);    /* the state root, for --root */
const char *scenario_work(void);    /* a directory for the test's own files */
const char *scenario_tag(void);     /* part of every id and cgroup name of this test */
const char *const *scenario_environment(void);
const struct leftover_scope *scenario_scope(void);
const struct snapshot *scenario_before(void);

/* A path below scenario_work(). */
char *work_path(const char *name);
/* Make a file there (mode 0644, or 0755) and return its path. */
char *work_file(const char *name, const char *content);
char *work_script(const char *name, const char *content);

/* The whole of a small file, also of /proc and /sys; NULL when it cannot be read. */
const char *file_text(const char *path);
/* The same without trailing newlines; the test fails when it cannot be read. */
const char *file_line(const char *path);

bool file_exists(const char *path);

/* Skip this test, saying why (cr_skip_test() would leave our files). */
void skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Skip unless ... */
void need_root(void);
void need_command(const char *name);

/* --- assertions that show both sides and what the program said -------------------------------- */

#define assert_code(result, expected)                                                              \
    do {                                                                                           \
        const struct outcome outcome_ = (result);                                                  \
        cr_assert(outcome_.code == (expected), "exit code %d instead of %d\n  out: %s\n  err: %s", \
                  outcome_.code, (expected), outcome_.out, outcome_.err);                          \
    } while (0)

#define assert_ok(result) assert_code(result, 0)

#define assert_has(whole, part)                                                                    \
    do {                                                                                           \
        const char *whole_ = (whole), *part_ = (part);                                             \
        cr_assert(whole_ != NULL && strstr(whole_, part_) != NULL, "\"%s\" is not in:\n%s", part_, \
                  whole_);                                                                         \
    } while (0)

#define assert_lacks(whole, part)                                                     \
    do {                                                                              \
        const char *whole_ = (whole), *part_ = (part);                                \
        cr_assert(strstr(whole_, part_) == NULL, "\"%s\" is in:\n%s", part_, whole_); \
    } while (0)

#define assert_text(actual, expected)                                                             \
    do {                                                                                          \
        const char *actual_ = (actual), *expected_ = (expected);                                  \
        cr_assert(actual_ != NULL && strcmp(actual_, expected_) == 0, "\"%s\" instead of \"%s\"", \
                  actual_ != NULL ? actual_ : "(nothing)", expected_);                            \
    } while (0)

/* A failure as users see it: the code, one line on stderr, holding `part`. */
#define assert_refused(result, expected, part)                                             \
    do {                                                                                   \
        const struct outcome refused_ = (result);                                          \
        assert_code(refused_, expected);                                                   \
        assert_has(refused_.err, part);                                                    \
        cr_assert(is_one_line(refused_.err), "not one line on stderr:\n%s", refused_.err); \
    } while (0)

bool is_one_line(const char *whole);
