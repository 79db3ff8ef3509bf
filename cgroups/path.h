#pragma once

/* Inside cgroups/: names of cgroups, and the only place that opens them by name. */

#include "cgroups/cgroup.h"

/* Is `path` fit to be joined to the root of a hierarchy?  Refuses empty components, "." and "..",
 * components over 255 bytes, control characters, and the root itself.  A leading "/" is optional
 * here.  The text of the refusal has no field name in front. */
must_check int cgroup_path_check(const char *path, struct error *err);

/* Where the cgroup goes in each hierarchy: fills plan->path and plan->directories. */
must_check int cgroup_plan_paths(struct cgroup_plan *plan, const struct cgroup_request *request,
                                 struct arena *arena, struct error *err);

/* The directory in `hierarchy` of the cgroup that the kernel calls `path`; NULL when `path` is not
 * below the mount. *ret_directory belongs to the arena. */
must_check int cgroup_directory_of_path(const struct cgroup_hierarchy *hierarchy, const char *path,
                                        struct arena *arena, const char **ret_directory,
                                        struct error *err);

/* Open a cgroup directory by its absolute name: no links on the way, on a cgroup file system, and
 * not its root.  Returns the fd; -ENOENT when it is missing. */
must_check int cgroup_open_directory(const char *directory, struct error *err);

/* Open the root of a mounted hierarchy. */
must_check int cgroup_open_root(const char *mount_point, struct error *err);

/* Open one name, or several, below a cgroup: never leaves it, never follows a link.  The fd, or
 * -errno.  Does not allocate. */
int cgroup_open_below(int dir, const char *name);
