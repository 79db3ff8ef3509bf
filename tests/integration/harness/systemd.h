#pragma once

/* A systemd that runs: that of the machine, and one of a user that a test starts. */

#include <stdbool.h>

#include "tests/integration/harness/program.h"

enum { SYSTEMD_USER = 65534 };

/* Skip unless systemd runs.  A scenario's /run is empty: systemd's part of it is reached through
 * process 1, until forget_systemd(), for nothing may be left there. */
void need_systemd(void);
void forget_systemd(void);

/* One property of a unit, as systemd tells it. */
char *unit_property(const char *unit, const char *name);
/* systemd knows nothing of it any more. */
bool unit_is_gone(const char *unit);
/* Stop it, and wait until it is gone. */
void unit_end(const char *unit);

/* Make a directory in scenario_work() that is that user's. */
const char *directory_of_user(const char *name);

/* A file of a unit's cgroup, by that of the unit ("system.slice/a.scope"): in v2, or with v1 in the
 * hierarchy of the file's controller; what v1 has not ("cgroup.events") where systemd looks. */
const char *unit_cgroup_file(const char *cgroup, const char *file);
/* The end of the line that /proc/PID/cgroup has for it there. */
const char *unit_cgroup_line(const char *cgroup);

/* A manager of that user's which is not where logind would start it: a service of the machine's,
 * found in a directory of ours alone.  Its unit, for unit_end(). */
char *serve_user_manager(const char *directory);

/* The program with --systemd-cgroup, as that user, with work_path("state") as its root. */
#define as_user(runtime_directory, bus, ...) \
    run_as_user((runtime_directory), (bus), (const char *const[]){__VA_ARGS__, NULL})
struct outcome run_as_user(const char *runtime_directory, const char *bus,
                           const char *const *arguments);
