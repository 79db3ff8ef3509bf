#pragma once

/*
 * Running programs from tests: with their output caught, and never for longer than a deadline.
 *
 * Output goes to files in memory, not to pipes: a container inherits them from `create` and goes on
 * writing when `create` has long returned, and nobody has to read along.  Everything returned lives
 * in the scenario's arena.
 */

#include <stdbool.h>
#include <sys/types.h>

/* Far beyond what anything takes natively: the guest without hardware help is fifty times slower.
 */
enum { DEADLINE_SECONDS = 120 };

struct program {
    const char *const *arguments;   /* NULL-terminated; the first is the file, looked up in PATH */
    const char *input;              /* on standard input; NULL: /dev/null */
    const char *directory;          /* working directory; NULL: the caller's */
    const char *const *environment; /* "NAME=value", added to the scenario's; NULL-terminated */
    const int *inherit;             /* fds that the program gets as 3, 4, ...; -1 ends */
    int terminal;                   /* > 0: slave of a pty, for all three and as controlling tty */
    unsigned user;                  /* > 0: run as that user and group, without any other */
    bool close_standard;            /* start with 0, 1 and 2 closed */
    const char *wrapper;            /* of crun_run() and the like: it executes its arguments */
};

struct running {
    pid_t pid;
    int pidfd;
    int out; /* the memory files */
    int err;
};

struct outcome {
    int code;        /* exit status, 128 + N when killed by signal N, -1 when the deadline passed */
    const char *out; /* what is there when the program ends; see program_output() for more later */
    const char *err;
    struct running running;
};

struct running program_begin(const struct program *program);

/* Wait for the end; past the deadline the program is killed and the code is -1. */
struct outcome program_wait(struct running *running, int deadline_seconds);

/* True when it has ended, without waiting. */
bool program_has_ended(const struct running *running);

/* Both. */
struct outcome program_run(const struct program *program);

/* What has been written to standard output by now, also by containers that inherited it. */
const char *program_output(const struct running *running);

/* Wait until `what` stands in the output; false when the deadline passed. */
bool program_said(const struct running *running, const char *what);

/* The program under test, with its private --root: crun("state", id). */
#define crun(...) \
    crun_run(&(const struct program){0}, (const char *const[]){__VA_ARGS__, (const char *)0})

/* The same with more set up: crun_with(PROGRAM(.input = "{}"), "update", "-r", "-", id). */
#define PROGRAM(...) (&(const struct program){__VA_ARGS__})
#define crun_with(program, ...) \
    crun_run((program), (const char *const[]){__VA_ARGS__, (const char *)0})

/* In the background. */
#define crun_begin(program, ...) \
    crun_launch((program), (const char *const[]){__VA_ARGS__, (const char *)0})

struct outcome crun_run(const struct program *program, const char *const *arguments);
struct running crun_launch(const struct program *program, const char *const *arguments);

/* Pause the test; for polling loops, never to "be sure". */
void wait_ms(int milliseconds);

/* Evaluate `condition` until it holds, at most DEADLINE_SECONDS; the value says whether it did. */
#define eventually(condition)                                                                     \
    __extension__({                                                                               \
        bool holds_ = false;                                                                      \
        for (int tries_ = 0; tries_ < DEADLINE_SECONDS * 50 && !(holds_ = (condition)); tries_++) \
            wait_ms(20);                                                                          \
        holds_;                                                                                   \
    })
