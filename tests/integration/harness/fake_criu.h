#pragma once

/*
 * A CRIU that does what a test tells it, and no more: the test's own program under the name `criu`,
 * in front of PATH.  It speaks CRIU's protocol (runtime/criu_message.h, from the other side), is
 * version 4.1, and plays one part when it is asked for a dump or a restore:
 *
 *   "refuses"         answers that it failed, with "the fake refuses"; writes no log
 *   "logs, refuses"   the same after a log with an error, as CRIU does
 *   "logs, dies"      writes a log with an error and is killed by SIGSEGV
 *   "dies", "exits"   is killed by SIGSEGV, exits with status 3; writes no log
 *   "mute"            does not even tell its version
 *   "thaws, refuses"  thaws the cgroup first, as CRIU does when it has failed
 *   "waits politely"  freezes the cgroup and notifies until it is told to give up; then thaws it
 *   "waits"           freezes the cgroup and says nothing more
 *   "restores, dies"  makes a process, names it in a notification, and ends without it
 *   "restores, waits" the same, but notifies until it is told to give up; leaves it to others to
 *                     end the process
 *   "restores"        makes a process and answers that all went well
 *   "succeeds"        answers that all went well, and has done nothing
 *   "interrupts, succeeds"  the same, after a SIGTERM for who asked
 *   "restores, interrupts"  as "restores", after a SIGTERM for who asked
 *   "locks, dies"     notifies that it will lock the network, and is killed by SIGSEGV
 *   "locks, writes"   the same, but takes its time and then notifies, before it refuses
 */

#include "tests/integration/harness/program.h"

/* crun-lite, with that criu; for program_begin().  What was heard from an earlier one is forgotten.
 */
#define with_fake_criu(part, ...) \
    fake_criu_arguments((part), (const char *const[]){__VA_ARGS__, (const char *)0})

const char *const *fake_criu_arguments(const char *part, const char *const *arguments);

/* A directory in which `criu` is the fake, for PATH. */
const char *fake_criu_directory(void);

/* What CRIU writes and crun-lite should repeat. */
#define FAKE_CRIU_ERROR "Error (criu/files.c:12): Can't dump the thing"

/* The options of the last request, a line each: "64=2", "63=context".  Numbers of rpc.proto. */
const char *fake_criu_options(void);

/* True once the fake has got so far: "mute", "waiting", "told to give up". */
bool fake_criu_is(const char *stage);

/* The same program where clone3(2) is not to be had, as behind many a seccomp filter. */
const char *const *without_clone3(const char *const *arguments);
