#pragma once

/* linux.sysctl: kernel parameters that belong to a namespace of the container.  sysctl(8). */

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

struct sysctl {
    const char *key;  /* as in config.json, for messages */
    const char *path; /* below /proc/sys, with slashes */
    const char *value;
};

struct sysctl_plan {
    struct sysctl *items;
    size_t count;
};

/* Pure.  Only keys that are namespaced, and whose namespace is the container's own
 * (`own_namespaces`: CLONE_NEW* created or joined), are accepted; both spellings
 * ("net.ipv4.ip_forward", with slashes for dots in interface names) as runc. */
must_check int sysctl_plan_from_spec(struct sysctl_plan *ret, const struct spec *spec,
                                     uint64_t own_namespaces, struct arena *arena,
                                     struct error *err);

/* The same question once more when it is known which namespaces joined by path are the caller's
 * own: namespace_foreign().  Writing there would change the host. */
must_check int sysctl_plan_check(const struct sysctl_plan *plan, uint64_t own_namespaces,
                                 struct error *err);

/* In the child: write them through `proc_sys`, an fd of the sys directory of a procfs that we
 * trust. */
must_check int sysctl_plan_apply(const struct sysctl_plan *plan, int proc_sys, struct error *err);
