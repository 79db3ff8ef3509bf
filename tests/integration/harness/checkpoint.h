#pragma once

/*
 * Containers for tests of checkpoint and restore.  The first process writes a word that it has made
 * up at its start and a number that grows, to /work/count: the same word with a greater number is
 * the same process going on, not a new one.
 */

#include "tests/integration/harness/bundle.h"

/* Skip, naming what is missing. */
void need_criu(void);
/* The same for what `criu check --feature` knows: kernels differ. */
void need_criu_feature(const char *name);

/* And for TCP sockets: CRIU 4.1 asks every socket for SO_PASSCRED, which Linux 6.16 answers for
 * Unix sockets alone. */
void need_tcp_sockets(void);

struct counter {
    const char *cookie;
    long count;
};

/* What is written once a second. */
#define COUNTING                                                                                \
    "cookie=$(cat /proc/sys/kernel/random/uuid); n=0; "                                         \
    "while :; do n=$((n+1)); echo $cookie $n >/work/.new; mv /work/.new /work/count; sleep 1; " \
    "done"

struct bundle *counting_bundle(void);

/* Detached, standard streams on /dev/null; returns once it counts. */
void start_counting(struct bundle *bundle);
struct counter counter_of(struct bundle *bundle);
/* Wait until the number is greater; the test fails when it does not get so. */
struct counter counter_beyond(struct bundle *bundle, long count);

/* True when the file is there and holds `what`. */
bool says(const char *path, const char *what);

/* A network namespace with a path, which goes with the process that made it. */
struct running hold_network(const char **ret_path);
void let_network_go(struct running *holder);

/* Where the images of checkpoint() and restore() are. */
const char *images(void);

/* crun-lite checkpoint OPTIONS... ID; crun-lite restore -d OPTIONS... ID. */
#define checkpoint(bundle, ...) \
    checkpoint_with((bundle), (const char *const[]){__VA_ARGS__ __VA_OPT__(, )(const char *) 0})
#define restore(bundle, id, ...) \
    restore_with((bundle), (id), (const char *const[]){__VA_ARGS__ __VA_OPT__(, )(const char *) 0})

struct outcome checkpoint_with(struct bundle *bundle, const char *const *options);
struct outcome restore_with(struct bundle *bundle, const char *id, const char *const *options);
