/* Units of systemd: started, changed, stopped.  Plans come from systemd.c. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "cgroups/directories.h"
#include "cgroups/systemd.h"

/* How long a unit of that name may take to go that is empty already, in milliseconds. */
enum { LEFTOVER_PATIENCE = 10000 };

/* --- the placeholder
 * ------------------------------------------------------------------------------------------ */

/* Wait to be killed, at the latest with `parent`; hold nothing open meanwhile. */
static _Noreturn void wait_for_death(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    kernel_close_range(0, ~0U, 0);
    while (getppid() == parent)
        pause();
    _exit(0);
}

static int start_placeholder(int *ret_pidfd, pid_t *ret_pid, struct error *err)
{
    pid_t parent = getpid();
    pid_t pid = kernel_clone_pidfd(SIGCHLD, ret_pidfd);

    if (pid < 0)
        return fail(err, errno, "start a process to hold the unit");
    if (pid == 0)
        wait_for_death(parent);
    *ret_pid = pid;
    return 0;
}

void unit_release(int *placeholder)
{
    if (*placeholder < 0)
        return;
    kernel_pidfd_send_signal(*placeholder, SIGKILL);
    waitid((idtype_t)P_PIDFD, (id_t)*placeholder, NULL, WEXITED);
    close_fd(placeholder);
}

/* --- properties
 * ----------------------------------------------------------------------------------------------
 */

/* Take out the optional properties that `message` names; false when it names none. */
static bool drop_refused(struct unit_properties *properties, const char *message)
{
    size_t kept = 0;
    size_t count = properties->count;

    for (size_t i = 0; i < count; i++) {
        const struct unit_property *property = &properties->items[i];

        if (!property->is_optional || strstr(message, property->name) == NULL)
            properties->items[kept++] = *property;
    }
    properties->count = kept;
    return kept < count;
}

typedef int send_properties(struct bus *bus, const char *unit,
                            const struct unit_properties *properties, enum bus_refusal *ret,
                            struct error *err);

/* An older systemd names the first property that it does not take: each try is without one more. */
static int send_what_is_known(send_properties *send, struct bus *bus, const char *unit,
                              struct unit_properties *properties, enum bus_refusal *ret,
                              struct error *err)
{
    int code;

    do
        code = send(bus, unit, properties, ret, err);
    while (code < 0 && *ret == BUS_PROPERTY_REFUSED && drop_refused(properties, err->text));
    return code;
}

/* --- start
 * ---------------------------------------------------------------------------------------------------
 */

/* A unit of that name is in the way: what failed earlier is reset; what is empty is on its way out.
 */
static int start_in_spite(struct bus *bus, const struct cgroup_unit *unit,
                          struct unit_properties *properties, struct error *err)
{
    int64_t patience = cgroup_clock() + LEFTOVER_PATIENCE;
    bool was_reset = false;

    for (unsigned attempt = 0;;) {
        enum bus_refusal refusal;
        struct error ignored;
        int code = send_what_is_known(bus_start_unit, bus, unit->name, properties, &refusal, err);

        if (code == 0)
            return 0;
        /* A slice has many users, and need not be in use just now. */
        if (refusal == BUS_UNIT_EXISTS && unit->is_slice)
            return bus_start_loaded_unit(bus, unit->name, &refusal, err);
        if (refusal != BUS_UNIT_EXISTS)
            return code;
        if (!was_reset)
            (void)!bus_reset_failed_unit(bus, unit->name, &refusal, &ignored);
        was_reset = true;
        if (!cgroup_back_off(attempt++, patience))
            return code;
    }
}

int unit_start(const struct cgroup_plan *plan, int *ret_placeholder, pid_t *ret_pid,
               struct error *err)
{
    const struct cgroup_unit *unit = plan->unit;
    autoarena struct arena arena = {0};
    struct unit_properties properties = {0};
    struct bus *bus;
    int placeholder = -1;
    pid_t pid = 0;
    int code = bus_open(unit->manager, BUS_DEADLINE_MS, &bus, err);

    if (code < 0)
        return code;
    if (!unit->is_slice)
        code = start_placeholder(&placeholder, &pid, err);
    for (size_t i = 0; code == 0 && i < unit->properties.count; i++)
        code = unit_properties_add(&properties, &unit->properties.items[i], &arena, err);
    if (code == 0 && !unit->is_slice) {
        struct unit_property pids = {"PIDs", "au", .number = (uint64_t)pid};

        code = unit_properties_add(&properties, &pids, &arena, err);
    }
    if (code == 0)
        code = start_in_spite(bus, unit, &properties, err);
    bus_close(bus);
    if (code < 0) {
        unit_release(&placeholder);
        return within(err, "unit %s", unit->name);
    }
    *ret_placeholder = placeholder;
    *ret_pid = pid;
    return 0;
}

/* --- where
 * ---------------------------------------------------------------------------------------------------
 */

int cgroup_ask_user_manager(const char *user_directory, struct arena *arena, const char **ret,
                            struct error *err)
{
    struct bus *bus;
    enum bus_refusal refusal;
    const char *path = NULL;
    int code = bus_open(user_directory, BUS_DEADLINE_MS, &bus, err);

    if (code < 0)
        return code;
    code = bus_control_group(bus, arena, &path, &refusal, err);
    bus_close(bus);
    if (code < 0 && refusal == BUS_NOT_REFUSED)
        return code;
    *ret = code == 0 && (*path == '/' || *path == '\0') ? path : NULL;
    return 0;
}

/* --- later
 * ---------------------------------------------------------------------------------------------------
 */

int unit_stop(const char *name, const char *manager, int deadline_ms, struct error *err)
{
    struct bus *bus;
    enum bus_refusal refusal;
    struct error ignored;
    int code = bus_open(manager, deadline_ms, &bus, err);

    if (code < 0)
        return within(err, "unit %s", name);
    code = bus_stop_unit(bus, name, &refusal, err);
    if (code < 0 && refusal == BUS_NO_SUCH_UNIT)
        code = 0;
    else if (code == 0) /* it may have failed and stay for that; most have not, and are gone */
        (void)!bus_reset_failed_unit(bus, name, &refusal, &ignored);
    bus_close(bus);
    return code < 0 ? within(err, "unit %s", name) : 0;
}

int unit_set_properties(const char *name, const char *manager, struct unit_properties *properties,
                        bool *ret_unknown, struct error *err)
{
    struct bus *bus;
    enum bus_refusal refusal;
    int code;

    *ret_unknown = false;
    if (properties->count == 0)
        return 0;
    code = bus_open(manager, BUS_DEADLINE_MS, &bus, err);
    if (code == 0) {
        code = send_what_is_known(bus_set_unit_properties, bus, name, properties, &refusal, err);
        *ret_unknown = code < 0 && refusal == BUS_NOT_REFUSED;
        bus_close(bus);
    }
    return code < 0 ? within(err, "unit %s", name) : 0;
}

/* The path of a cgroup below a unit's own, as systemd wants it: "/init.scope".  Empty: the unit's,
 * and for whatever is not below. */
static const char *path_below(const struct cgroup *unit, const struct cgroup *below)
{
    const char *above = cgroup_v2_directory(unit);
    const char *directory = below != NULL ? cgroup_v2_directory(below) : NULL;
    size_t length = above != NULL ? strlen(above) : 0;

    return directory != NULL && length > 0 && strncmp(directory, above, length) == 0 &&
                   directory[length] == '/'
               ? directory + length
               : "";
}

int cgroup_attach(const struct cgroup *cgroup, const struct cgroup *below, pid_t pid,
                  struct error *err)
{
    struct bus *bus;
    enum bus_refusal refusal;
    int code;

    code = bus_open(cgroup->manager, BUS_DEADLINE_MS, &bus, err);
    if (code == 0) {
        code = bus_attach_process(bus, cgroup->unit, path_below(cgroup, below), pid, &refusal, err);
        bus_close(bus);
    }
    return code < 0 ? within(err, "unit %s", cgroup->unit) : 0;
}

void cgroup_settle(struct cgroup *cgroup)
{
    unit_release(&cgroup->placeholder);
}
