#pragma once

/*
 * What this host cannot give a bundle, looked at from outside: the inside of container_check().
 *
 * A check is a row of the table in check.c: when it applies, and a probe that adds a finding for
 * everything that is missing.  Probes look; they make, mount and start nothing.  A finding is only
 * for what would make the container fail, or not be what was asked for.
 */

#include "runtime/container.h"
#include "runtime/container_view.h"
#include "runtime/plan.h"

struct check_list; /* the findings, in check.c */

struct check {
    const struct runtime *runtime;
    const struct create_request *request;
    struct spec *spec;
    struct container_plan plan; /* parts that cannot be planned are empty */
    struct container_view view; /* root is -1 when there is no root file system */
    struct arena *arena;
    struct check_list *list;
};

/* Add a finding.  -ENOMEM is the only error. */
must_check int check_missing(struct check *check, struct error *err, const char *place,
                             const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same from a failure of a module: "<place>: <words>", with or without the file's name. */
must_check int check_failed(struct check *check, const struct error *failure, struct error *err);

/* How many are missing until now. */
size_t check_count(const struct check *check);

/* Probes.  0, or -ENOMEM. */
must_check int check_kernel(struct check *check, struct error *err);
must_check int check_plan(struct check *check, struct error *err);
must_check int check_namespaces(struct check *check, struct error *err);
must_check int check_id_maps(struct check *check, struct error *err);
must_check int check_controllers(struct check *check, struct error *err);
must_check int check_cgroup_directories(struct check *check, struct error *err);
must_check int check_root(struct check *check, struct error *err);
must_check int check_sources(struct check *check, struct error *err);
must_check int check_filesystems(struct check *check, struct error *err);
must_check int check_devices(struct check *check, struct error *err);
must_check int check_sysctls(struct check *check, struct error *err);
must_check int check_interfaces(struct check *check, struct error *err);
must_check int check_rlimits(struct check *check, struct error *err);
must_check int check_labels(struct check *check, struct error *err);
must_check int check_seccomp(struct check *check, struct error *err);
must_check int check_hooks(struct check *check, struct error *err);
must_check int check_program(struct check *check, struct error *err);
