#pragma once

/* Inside cgroups/: how a controller reads its part of the statistics.  Most of it is a table of
 * struct cgroup_number. */

#include "cgroups/cgroup.h"

struct cgroup_controller;

struct cgroup_stats_reader {
    const struct cgroup *cgroup;
    struct arena *arena;
    struct cgroup_stats *stats;
};

/* Where one version of cgroups has a number. */
struct cgroup_number_place {
    const char *file; /* NULL: nowhere */
    const char *key;  /* of the line "key number"; NULL: the number is the file */
    uint64_t unit;    /* what it counts, in the unit it is told in */
};

/* One row: a uint64_t of struct cgroup_stats, a file on either side. */
struct cgroup_number {
    size_t offset;
    struct cgroup_number_place v2, v1;
    uint64_t unlimited; /* what "max" stands for */
};

/* As CGROUP_FILE; OWNER is struct cgroup_stats. */
#define CGROUP_NUMBER(member, v2_file, v2_key, v2_unit, v1_file, v1_key, v1_unit, unlimited_) \
    {                                                                                         \
        .offset = offsetof(struct cgroup_stats, member), .v2 = {v2_file, v2_key, v2_unit},    \
        .v1 = {v1_file, v1_key, v1_unit}, .unlimited = (unlimited_)                           \
    }

/* The directory that has the files called after `controller` ("cpuacct"), and in which version;
 * -1 when there is none. */
int cgroup_stats_directory(const struct cgroup_stats_reader *reader, const char *controller,
                           bool *ret_is_v2);

/* Fill in the rows; what has no file stays as it is.  A file of v1 says by its name which
 * controller it belongs to. */
void cgroup_read_numbers(const struct cgroup_stats_reader *reader,
                         const struct cgroup_number *numbers, size_t count);

/* A whole file; NULL when there is none (or no memory).  At most 64 KiB, cut at a line. */
char *cgroup_stats_text(const struct cgroup_stats_reader *reader, const char *controller,
                        const char *v2_file, const char *v1_file);

/* "0-2,7" as numbers. */
struct uint32_list cgroup_stats_list(const struct cgroup_stats_reader *reader, const char *text);

/* "cpu.pressure" of the v2 directory (a hybrid host has it too); NULL when it is not there. */
struct cgroup_pressure *cgroup_stats_pressure(const struct cgroup_stats_reader *reader,
                                              const char *file);

int cgroup_stats_cpu(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                     struct error *err);
int cgroup_stats_cpuset(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                        struct error *err);
int cgroup_stats_memory(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                        struct error *err);
int cgroup_stats_io(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                    struct error *err);
int cgroup_stats_pids(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                      struct error *err);
int cgroup_stats_hugetlb(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                         struct error *err);
