#pragma once

/*
 * Inside cgroups/: the systemd manager, by which the cgroup of a container is a unit of systemd.
 *
 * systemd.c turns paths, limits, device rules and annotations into a unit and its properties
 * (pure), unit.c starts, changes and stops units, bus.c speaks to systemd, by dbus.h.  See
 * systemd.scope(5), systemd.resource-control(5), org.freedesktop.systemd1(5).
 */

#include "cgroups/controllers.h"

/* A pair of DeviceAllow. */
struct unit_device {
    const char *node; /* "/dev/char/1:3", "char-136", "block-*" */
    const char *access;
};

/* One property; `type` is its D-Bus signature and says which of the members counts. */
struct unit_property {
    const char *name;
    const char *type;  /* "b" "i" "u" "t": number; "s": string; "as" "ay" "au" "a(ss)" */
    uint64_t number;   /* b, i, u, t; and the one item of "au" */
    const char *field; /* where it comes from, for messages; NULL: ours */
    const char *string;
    struct string_list strings;
    const uint8_t *bytes;
    size_t byte_count;
    const struct unit_device *devices;
    size_t device_count;
    bool is_emptied;  /* of a list: said empty first, as systemd adds to what it has */
    bool is_optional; /* done without when this systemd does not know it, or not that value */
};

struct unit_properties {
    struct unit_property *items;
    size_t count;
    size_t room;
};

struct cgroup_unit {
    const char *name;      /* "runc-web.scope" */
    const char *slice;     /* "system.slice" */
    const char *container; /* the last part of linux.cgroupsPath: "web" */
    const char *manager;   /* the runtime directory of a user's systemd; NULL: the system's */
    bool is_slice;         /* it has no processes of its own for systemd: nothing ends it but us */
    bool stays;            /* systemd keeps it when it is empty or has failed: delete has to ask */
    struct unit_properties properties;
};

/* linux.cgroupsPath "slice:prefix:name" to the unit and the path of its cgroup. */
must_check int cgroup_plan_unit(struct cgroup_planner *planner,
                                const struct cgroup_request *request, struct error *err);

/* What follows from the finished plan: its writes, its device rules, the annotations. */
must_check int cgroup_plan_unit_properties(struct cgroup_planner *planner,
                                           const struct cgroup_request *request, struct error *err);

/* What the plan writes to that file; NULL: nothing. */
const char *cgroup_planned_value(const struct cgroup_plan *plan, const char *file);

/* cgroup v1 has a file each for quota and period, and systemd wants to know both: what cpu.max
 * would say of them, NULL for what is not set.  NULL when out of memory. */
bool unit_is_quota_of_v1(const char *file);
const char *unit_quota_of_v1(const char *quota, const char *period, struct arena *arena);

/* The properties that say the same as a write to a file; none for files that have no property.  Of
 * quota and period on v1 the value is that of unit_quota_of_v1(). */
must_check int unit_properties_of_write(struct unit_properties *properties, const char *file,
                                        const char *value, const char *field, struct arena *arena,
                                        struct error *err);

/* DevicePolicy and DeviceAllow; `is_live`: in the place of what the unit has. */
must_check int unit_properties_of_devices(struct unit_properties *properties,
                                          const struct spec_device_rule_list *rules, bool is_live,
                                          struct arena *arena, struct error *err);

/* Is there one that says the same as that file? */
bool unit_has_property(const char *file);

/* One annotation org.systemd.property.NAME; others are left alone. */
must_check int unit_property_of_annotation(struct unit_properties *properties,
                                           const struct string_pair *annotation,
                                           struct arena *arena, struct error *err);

/* Add one, in the place of an earlier one of that name. */
must_check int unit_properties_add(struct unit_properties *properties,
                                   const struct unit_property *property, struct arena *arena,
                                   struct error *err);

/* "a-b.slice" is "a.slice/a-b.slice"; "-.slice" is "". */
must_check int unit_slice_path(const char *slice, struct arena *arena, const char **ret,
                               struct error *err);

/* --- unit.c: what changes the world
 * ---------------------------------------------------------------------------- */

/* Start the unit of `plan`.  systemd wants a process for a scope and ends it without one: *ret is
 * the pidfd of a process that only waits, dies with us, and is ended by unit_release(). */
must_check int unit_start(const struct cgroup_plan *plan, int *ret_placeholder, pid_t *ret_pid,
                          struct error *err);
void unit_release(int *placeholder);

/* Stop it and forget that it failed; one that is gone is success. */
must_check int unit_stop(const char *name, const char *manager, int deadline_ms, struct error *err);
/* Those that are optional and that this systemd refuses are taken out of `properties`.  When it
 * answers, its files are written.  *ret_unknown: it may have done it in spite of the failure, for
 * it was asked and the answer is lost. */
must_check int unit_set_properties(const char *name, const char *manager,
                                   struct unit_properties *properties, bool *ret_unknown,
                                   struct error *err);

/* --- bus.c
 * -------------------------------------------------------------------------------------------------
 */

enum { BUS_DEADLINE_MS = 30000 };

/* What systemd answered when it refused. */
enum bus_refusal {
    BUS_NOT_REFUSED, /* the failure is another: no connection, no answer */
    BUS_UNIT_EXISTS,
    BUS_NO_SUCH_UNIT,
    BUS_PROPERTY_REFUSED, /* unknown, read-only, or its value; the error's text has its name */
    BUS_REFUSED
};

struct bus; /* a connection to a manager; bus_close() accepts NULL */

/* `manager` as in struct cgroup_unit; the deadline is for everything that is done with it. */
must_check int bus_open(const char *manager, int deadline_ms, struct bus **ret, struct error *err);
void bus_close(struct bus *bus);

/* StartTransientUnit; waits for the job.  */
must_check int bus_start_unit(struct bus *bus, const char *unit,
                              const struct unit_properties *properties, enum bus_refusal *ret,
                              struct error *err);
/* StartUnit: one that systemd knows already. */
must_check int bus_start_loaded_unit(struct bus *bus, const char *unit, enum bus_refusal *ret,
                                     struct error *err);
must_check int bus_stop_unit(struct bus *bus, const char *unit, enum bus_refusal *ret,
                             struct error *err);
must_check int bus_reset_failed_unit(struct bus *bus, const char *unit, enum bus_refusal *ret,
                                     struct error *err);
must_check int bus_set_unit_properties(struct bus *bus, const char *unit,
                                       const struct unit_properties *properties,
                                       enum bus_refusal *ret, struct error *err);
/* Move a process into a running unit's cgroup, where we may not ourselves. */
must_check int bus_attach_process(struct bus *bus, const char *unit, const char *below, pid_t pid,
                                  enum bus_refusal *ret, struct error *err);

/* Where the manager's own tree of units begins, "" for the root of all cgroups. */
must_check int bus_control_group(struct bus *bus, struct arena *arena, const char **ret,
                                 enum bus_refusal *ret_refusal, struct error *err);
