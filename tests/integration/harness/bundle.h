#pragma once

/*
 * Bundles for tests: a busybox root file system and a config.json that a test changes by path.
 *
 * What bundle_new() makes is what engines make: every kind of namespace but user, the usual mounts,
 * masked and read-only paths, a modest set of capabilities, a cgroup of its own.  A bundle is made
 * under scenario_work() and goes with the scenario.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "tests/integration/harness/program.h"

struct bundle {
    const char *id;     /* of the container; holds the scenario's tag */
    const char *path;   /* absolute */
    const char *rootfs; /* absolute */
    const char *cgroup; /* linux.cgroupsPath */
    char *config;       /* what is in config.json now */
};

struct bundle *bundle_new(void);

/* As bundle_new(), for the caller who may be an ordinary user: a user namespace in which the caller
 * is root, no cgroup, no network namespace to configure. */
struct bundle *bundle_new_rootless(void);

/* The same for another user, whom the bundle then belongs to: for tests that run as root and let
 * the program be that user (struct program). */
struct bundle *bundle_new_for_user(unsigned user);

/* Set a value (JSON text, printf) at a path, see json.h; remove one. */
void bundle_set(struct bundle *bundle, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void bundle_remove(struct bundle *bundle, const char *path);

/* config.json as it is given here, however broken. */
void bundle_raw(struct bundle *bundle, const char *config);

/* process.args: /bin/sh -c SCRIPT. */
void bundle_script(struct bundle *bundle, const char *script);

/* A mount more: options as a JSON list without its brackets. */
void bundle_mount(struct bundle *bundle, const char *destination, const char *type,
                  const char *source, const char *options);

/* The host's libraries at their places, so that its programs run inside, too; and one of them at
 * `destination`. */
void bundle_mount_libraries(struct bundle *bundle);
void bundle_mount_program(struct bundle *bundle, const char *destination, const char *program);

/* A capability more for the first process: bounding, effective and permitted. */
void bundle_allow(struct bundle *bundle, const char *capability);

/* A file below the rootfs. */
void bundle_file(struct bundle *bundle, const char *path, const char *content, mode_t mode);

/* A user namespace; container ids from 0 are host ids from `host_id`.  The rootfs is given to
 * them. */
void bundle_map_users(struct bundle *bundle, unsigned host_id, unsigned size);

/* Drop a namespace from the list; share one by path instead of making it. */
void bundle_without_namespace(struct bundle *bundle, const char *type);
void bundle_join_namespace(struct bundle *bundle, const char *type, const char *path);

/* `crun-lite run` in the foreground. */
struct outcome bundle_run(struct bundle *bundle);

/* What SCRIPT prints as the container's first process; the test fails unless it exits 0.  Trailing
 * newlines are cut. */
const char *inside(struct bundle *bundle, const char *script);

/* Start it in the background with a first process that waits until it is killed (and dies of
 * SIGTERM), or with process.args as they are; exec in it; end and delete it. */
void bundle_start(struct bundle *bundle);
void bundle_start_as_is(struct bundle *bundle);

/* The first process has a handler for that signal, which as process 1 it would ignore else: a shell
 * takes a moment to get to its `trap`. */
bool bundle_catches(struct bundle *bundle, int signal);

const char *inside_running(struct bundle *bundle, const char *script);
void bundle_delete(struct bundle *bundle);

/* From `state`. */
const char *bundle_status(struct bundle *bundle);
pid_t bundle_pid(struct bundle *bundle);

/* Where file `file` of the container's cgroup is on the host.  `v1` names the v1 controller; where
 * that is not mounted, the place is in v2 (a hybrid host has the other controllers there). */
const char *bundle_cgroup_file(struct bundle *bundle, const char *v1, const char *file);

bool host_has_pure_cgroup2(void);
