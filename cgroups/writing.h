#pragma once

/* Inside cgroups/: one write of a plan, carried out. */

#include "cgroups/cgroup.h"

/* How many writes of one plan may have to be tried again (cgroup_write.order_unknown). */
enum { CGROUP_DEFERRED_MOST = 16 };

/* Write it; err names field, value, file and the kernel's word. */
must_check int cgroup_write_file(const struct cgroup *cgroup, const struct cgroup_plan *plan,
                                 const struct cgroup_write *write, struct error *err);

/* The directory it goes to, as an index into cgroup->directories; -1 when it is not open. */
int cgroup_write_directory(const struct cgroup *cgroup, const struct cgroup_plan *plan,
                           const struct cgroup_write *write);
