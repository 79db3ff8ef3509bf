#pragma once

/*
 * Inside cgroups/: how a controller turns its part of linux.resources into writes.
 *
 * A controller is one constant in its own file and one row in controllers.c.  Most of what it does
 * is a table of struct cgroup_file: a member of the specification, the file of cgroup v2, the file
 * of v1, and how the value is written.  Nothing here touches the kernel.
 */

#include "base/text.h"
#include "cgroups/cgroup.h"
#include "cgroups/stats_reader.h"

/* A plan in the making. */
struct cgroup_planner {
    struct cgroup_plan *plan;
    struct arena *arena;
    const struct log *log;
    bool is_update; /* as in struct cgroup_request */
    size_t room;    /* how many writes fit before the list has to grow */
};

/* Where a controller's files are on this host. */
struct cgroup_place {
    bool found;
    bool is_v2; /* which column of the tables; also meaningful when not found */
    uint8_t hierarchy;
};

struct cgroup_controller {
    const char *v2_name; /* as in cgroup.controllers; NULL: exists in v1 alone */
    const char *v1_name; /* as in /proc/self/cgroup; NULL: exists in v2 alone */
    int (*plan)(struct cgroup_planner *planner, const struct cgroup_controller *self,
                const struct spec_resources *resources, struct error *err);
    /* Fill its part of stats->values; NULL: there is nothing to tell. */
    int (*stats)(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                 struct error *err);
};

/* All of them, in the order their files are written. */
extern const struct cgroup_controller *const cgroup_controllers[];
extern const size_t cgroup_controller_count;

extern const struct cgroup_controller cgroup_cpu, cgroup_cpuset, cgroup_memory, cgroup_io,
    cgroup_pids, cgroup_hugetlb, cgroup_rdma, cgroup_network_class, cgroup_network_priority;

/* What a format function sees. */
struct cgroup_value {
    const void *object; /* the controller's part of the specification: struct spec_memory */
    const void *member; /* the member of this row in it */
    bool is_v2;
};

enum cgroup_file_flags {
    CGROUP_FILE_PLAIN = 0,
    CGROUP_FILE_ORDER_UNKNOWN = 1 << 0,    /* see cgroup_write.order_unknown */
    CGROUP_FILE_KEEPS_FIRST_WORD = 1 << 1, /* see cgroup_write.keeps_first_word */
    CGROUP_FILE_MISSING_IS_FREE = 1 << 2,  /* "max", "-1" and "0" need no file to be true */
    CGROUP_FILE_WARNS = 1 << 3             /* being ignored is worth a warning */
};

/* One row: a number of the specification, a file on either side. */
struct cgroup_file {
    const char *field;   /* below linux.resources: "cpu.quota" */
    size_t offset;       /* of the member */
    const char *v2_file; /* NULL: nothing like it there, and ignored, as runc does */
    const char *v1_file;
    /* Write the value as the file wants it.  1: write it; 0: nothing is set; or a refusal. */
    int (*format)(const struct cgroup_value *value, struct text *text, struct error *err);
    unsigned flags; /* enum cgroup_file_flags */
};

/* How the tables write a row; OWNER is the struct that `member` is in. */
#define CGROUP_FILE(field_, member, v2, v1, format_, flags_)                                    \
    {                                                                                           \
        .field = (field_), .offset = offsetof(OWNER, member), .v2_file = (v2), .v1_file = (v1), \
        .format = (format_), .flags = (flags_)                                                  \
    }

/* Format functions that several controllers use.  The member is a struct optional_uint64 or
 * optional_int64 as the name says. */
int cgroup_format_uint64(const struct cgroup_value *value, struct text *text, struct error *err);
int cgroup_format_int64(const struct cgroup_value *value, struct text *text, struct error *err);
/* The same, with 0 for "not set", as engines written in Go send it. */
int cgroup_format_nonzero(const struct cgroup_value *value, struct text *text, struct error *err);
/* Bytes: 0 is not set, -1 is unlimited ("max" or "-1"), other negative numbers are refused. */
int cgroup_format_bytes(const struct cgroup_value *value, struct text *text, struct error *err);

/* Run the rows of one controller over its part of the specification. */
must_check int cgroup_plan_files(struct cgroup_planner *planner,
                                 const struct cgroup_controller *controller, const void *object,
                                 const struct cgroup_file *files, size_t count, struct error *err);

/* Append one write; strings are copied into the arena.  `field` is below linux.resources.  With
 * `place` not found: refused naming the controller, unless the value means "no limit". */
must_check int cgroup_plan_write(struct cgroup_planner *planner,
                                 const struct cgroup_controller *controller,
                                 const struct cgroup_place *place, const struct cgroup_write *write,
                                 struct error *err);

/* Find the hierarchy that carries a controller: v1 first, for a v2 tree beside v1 hierarchies
 * offers only what those left over. */
struct cgroup_place cgroup_place_of(const struct cgroup_host *host,
                                    const struct cgroup_controller *controller);

/* Is `word` one of the words of `list`, which `separator` separates? */
bool cgroup_list_has(const char *list, const char *word, char separator);

/* The parts of a plan that are no controller. */
must_check int cgroup_plan_unified(struct cgroup_planner *planner,
                                   const struct spec_resources *resources, struct error *err);
must_check int cgroup_plan_devices(struct cgroup_planner *planner,
                                   const struct spec_resources *resources, struct error *err);
must_check int cgroup_plan_device_change(struct cgroup_planner *planner,
                                         const struct cgroup_request *request, struct error *err);
