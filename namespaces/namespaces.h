#pragma once

/*
 * Namespaces: what a container sees.  This file is the table of the eight kinds; one file beside it
 * for what fills each (user.h, uts.h, time.h, network.h, sysctl.h, mount/).  namespaces(7).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

enum { NAMESPACE_KINDS = 8 };

/* One row a kind, in the order in which they are joined: see namespaces.c for why. */
struct namespace_kind {
    enum spec_namespace_type type;
    uint64_t flag;         /* CLONE_NEW* */
    const char *name;      /* in config.json: "network" */
    const char *proc_name; /* below /proc/PID/ns: "net" */
};

extern const struct namespace_kind namespace_kinds[NAMESPACE_KINDS];

struct namespace_join {
    const struct namespace_kind *kind;
    const char *path;
    size_t index; /* in linux.namespaces, for messages */
    int fd;       /* -1 until namespace_open_joins() */
};

struct namespace_plan {
    uint64_t create;                              /* CLONE_NEW* of the kinds to be made */
    uint64_t join;                                /* CLONE_NEW* of the kinds to be joined by path */
    struct namespace_join joins[NAMESPACE_KINDS]; /* in join order */
    size_t join_count;
};

/* Pure.  Kinds that are not listed are the caller's own (the specification says so). */
must_check int namespace_plan_from_spec(struct namespace_plan *ret, const struct spec *spec,
                                        struct error *err);

/* In the parent, before clone: open every path, check that it is a namespace of the right kind
 * (ioctl_ns(2) NS_GET_NSTYPE).  "linux.namespaces[2].path: /x: is a net namespace, not ipc". */
must_check int namespace_open_joins(struct namespace_plan *plan, struct error *err);
void namespace_close_joins(struct namespace_plan *plan);

/* After that: which of the container's namespaces, made or joined, are not the caller's own, as
 * CLONE_NEW* flags.  A path may lead to the one that the caller is in. */
must_check int namespace_foreign(const struct namespace_plan *plan, uint64_t *ret,
                                 struct error *err);

/* In the child: setns(2) into those of plan->joins whose flag is in `kinds`, in table order. */
must_check int namespace_join(const struct namespace_plan *plan, uint64_t kinds, struct error *err);

/* For exec: which namespaces of process `pid` differ from the caller's own, as CLONE_NEW* flags for
 * setns(pidfd, flags) (5.8).  Compares /proc/PID/ns with /proc/self/ns, but for the kinds in
 * `known`, which differ. */
must_check int namespace_differences(pid_t pid, uint64_t known, uint64_t *ret, struct error *err);

/* Those that were made for a container and not joined: nobody else's, as long as it is there.  Not
 * the user namespace: whoever is in that cannot join it once more. */
uint64_t namespace_made_for(const struct spec *spec);

/* setns(pidfd, flags), user namespace first, with a per-kind message on failure. */
must_check int namespace_join_process(int pidfd, uint64_t flags, struct error *err);
