#include "namespaces/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"
#include "namespaces/id_helper.h"
#include "namespaces/ordinary_ids.h"

enum {
    MOST_LINES = 340,    /* user_namespaces(7), since 4.15 */
    MOST_TEXT = 4096 - 1 /* one write, less than a page */
};

const struct id_map_kind id_map_uids = {"uidMappings", "uid_map", "newuidmap", "/etc/subuid"};
const struct id_map_kind id_map_gids = {"gidMappings", "gid_map", "newgidmap", "/etc/subgid"};

/* --- the plan ------------------------------------------------------------------------------- */

/* Ids end at 2^32 - 2: the last one means "none". */
static bool fits(uint32_t first, uint32_t size)
{
    return (uint64_t)first + size <= UINT32_MAX;
}

static bool overlap(uint32_t first, uint32_t size, uint32_t other, uint32_t other_size)
{
    return (uint64_t)first < (uint64_t)other + other_size &&
           (uint64_t)other < (uint64_t)first + size;
}

static int check_range(const struct spec_id_mappings *mappings, size_t index,
                       const struct id_map_kind *kind, struct error *err)
{
    const struct spec_id_mapping *one = &mappings->items[index];

    if (one->size == 0)
        return refuse(err, EINVAL, "linux.%s[%zu].size: is 0", kind->member, index);
    if (!fits(one->container_id, one->size))
        return refuse(err, ERANGE,
                      "linux.%s[%zu]: containerID %u and size %u go beyond the last id",
                      kind->member, index, one->container_id, one->size);
    if (!fits(one->host_id, one->size))
        return refuse(err, ERANGE, "linux.%s[%zu]: hostID %u and size %u go beyond the last id",
                      kind->member, index, one->host_id, one->size);
    for (size_t i = 0; i < index; i++) {
        const struct spec_id_mapping *other = &mappings->items[i];

        if (overlap(one->container_id, one->size, other->container_id, other->size))
            return refuse(err, EINVAL, "linux.%s[%zu].containerID: overlaps linux.%s[%zu]",
                          kind->member, index, kind->member, i);
        if (overlap(one->host_id, one->size, other->host_id, other->size))
            return refuse(err, EINVAL, "linux.%s[%zu].hostID: overlaps linux.%s[%zu]", kind->member,
                          index, kind->member, i);
    }
    return 0;
}

static int check_mappings(const struct spec_id_mappings *mappings, const struct id_map_kind *kind,
                          struct error *err)
{
    if (mappings->count == 0) {
        refuse(err, EINVAL, "linux.%s: a new user namespace needs at least one mapping",
               kind->member);
        return hint(err, "for example {\"containerID\": 0, \"hostID\": 100000, \"size\": 65536}");
    }
    if (mappings->count > MOST_LINES)
        return refuse(err, E2BIG, "linux.%s: %zu mappings, the kernel takes at most %d",
                      kind->member, mappings->count, MOST_LINES);
    for (size_t i = 0; i < mappings->count; i++) {
        int code = check_range(mappings, i, kind, err);

        if (code < 0)
            return code;
    }
    return 0;
}

/* "INSIDE OUTSIDE SIZE\n" for each range. */
static int map_text(const char **ret, const struct spec_id_mappings *mappings,
                    const struct id_map_kind *kind, struct arena *arena, struct error *err)
{
    char bytes[MOST_TEXT + 1] = "";
    struct text text = TEXT_IN(bytes);

    for (size_t i = 0; i < mappings->count; i++)
        text_print(&text, "%u %u %u\n", mappings->items[i].container_id, mappings->items[i].host_id,
                   mappings->items[i].size);
    if (text.cut) {
        refuse(err, E2BIG, "linux.%s: longer than the %d bytes that the kernel takes", kind->member,
               MOST_TEXT);
        return hint(err, "join neighbouring ranges");
    }
    *ret = arena_copy(arena, text.bytes, text.used);
    return *ret == NULL ? no_memory(err) : 0;
}

/* What everybody may write: one id, one's own.  user_namespaces(7). */
static bool is_own_id(const struct spec_id_mappings *mappings, uint32_t id)
{
    return mappings->count == 1 && mappings->items[0].size == 1 && mappings->items[0].host_id == id;
}

static int refuse_without_namespace(const struct spec_linux *linux_part, struct error *err)
{
    if (linux_part == NULL ||
        (linux_part->uid_mappings.count == 0 && linux_part->gid_mappings.count == 0))
        return 0;
    refuse(err, EINVAL, "linux.%s: the container has no user namespace of its own",
           linux_part->uid_mappings.count > 0 ? id_map_uids.member : id_map_gids.member);
    return hint(err, "add {\"type\": \"user\"} to linux.namespaces");
}

int id_map_plan_from_spec(struct id_map_plan *ret, const struct spec *spec, bool privileged,
                          uid_t caller_uid, gid_t caller_gid, struct arena *arena,
                          struct error *err)
{
    const struct spec_namespace *user = spec_namespace_find(spec, SPEC_NAMESPACE_USER);
    struct id_map_plan plan = {0};

    if (user == NULL) {
        *ret = plan;
        return refuse_without_namespace(spec->linux_, err);
    }
    plan.uids = spec->linux_->uid_mappings;
    plan.gids = spec->linux_->gid_mappings;
    if (user->path != NULL && user->path[0] != '\0') {
        /* Its maps are written; callers repeat them here, for look-ups.  Nothing is to be done. */
        *ret = plan;
        return 0;
    }

    int code = check_mappings(&plan.uids, &id_map_uids, err);

    if (code == 0)
        code = check_mappings(&plan.gids, &id_map_gids, err);
    if (code == 0)
        code = map_text(&plan.uid_map, &plan.uids, &id_map_uids, arena, err);
    if (code == 0)
        code = map_text(&plan.gid_map, &plan.gids, &id_map_gids, arena, err);
    if (code < 0)
        return code;
    plan.direct = privileged ||
                  (is_own_id(&plan.uids, caller_uid) && is_own_id(&plan.gids, caller_gid));
    plan.deny_setgroups = plan.direct && !privileged;
    *ret = plan;
    return 0;
}

int64_t id_map_to_host(const struct spec_id_mappings *mappings, uint32_t inside)
{
    for (size_t i = 0; i < mappings->count; i++) {
        const struct spec_id_mapping *range = &mappings->items[i];

        if (inside >= range->container_id && inside - range->container_id < range->size)
            return (int64_t)range->host_id + (inside - range->container_id);
    }
    return -1;
}

/* --- writing directly ----------------------------------------------------------------------- */

static int write_map(int proc, const struct id_map_kind *kind, const char *map, struct error *err)
{
    int code = write_pseudo_file(proc, kind->file, map);

    if (code == 0)
        return 0;
    fail(err, -code, "linux.%s: write %s", kind->member, kind->file);
    if (code == -EPERM)
        hint(err, "each range of host ids must lie within one line of the caller's own "
                  "/proc/self/uid_map or gid_map, and the caller needs CAP_SETUID and CAP_SETGID "
                  "there");
    return code;
}

static int write_maps(const struct id_map_plan *plan, pid_t pid, struct error *err)
{
    char path[sizeof "/proc/-2147483648"];

    snprintf(path, sizeof path, "/proc/%d", (int)pid);

    autoclose int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (proc < 0)
        return fail(err, errno, "open %s", path);

    /* Groups may be what keeps somebody out of a file: who can drop them gains.  Hence the kernel's
     * rule that an unprivileged writer of gid_map gives up setgroups(2) first. */
    int code = plan->deny_setgroups ? write_pseudo_file(proc, "setgroups", "deny") : 0;

    if (code < 0)
        return fail(err, -code, "write \"deny\" to setgroups");
    code = write_map(proc, &id_map_gids, plan->gid_map, err);
    return code < 0 ? code : write_map(proc, &id_map_uids, plan->uid_map, err);
}

/* --- applying ------------------------------------------------------------------------------- */

static int run_helper(const struct id_map_kind *kind, pid_t pid,
                      const struct spec_id_mappings *mappings, struct error *err)
{
    int code = id_helper_run(kind, pid, mappings, err);

    /* The helper says that it may not, and not what is missing.  Only now: the ranges may be kept
     * somewhere else than in the file, and then it knows better than we do. */
    if (code == -EPERM)
        return ordinary_user_explain_refusal(kind, mappings, err);
    return code < 0 ? within(err, "linux.%s", kind->member) : 0;
}

int id_map_plan_apply(const struct id_map_plan *plan, pid_t pid, struct error *err)
{
    if (plan->uid_map == NULL)
        return 0;
    if (plan->direct)
        return write_maps(plan, pid, err);

    int code = run_helper(&id_map_gids, pid, &plan->gids, err);

    return code < 0 ? code : run_helper(&id_map_uids, pid, &plan->uids, err);
}

/* --- in the child --------------------------------------------------------------------------- */

static int tell_root(struct error *err, int code, const char *what, const struct id_map_kind *kind)
{
    fail(err, code, "become %s 0 of the user namespace", what);
    if (code == EINVAL)
        hint(err, "linux.%s must map containerID 0", kind->member);
    return -code;
}

int user_become_root(struct error *err)
{
    if (kernel_setresgid(0) < 0)
        return tell_root(err, errno, "group", &id_map_gids);
    if (kernel_setresuid(0) < 0)
        return tell_root(err, errno, "user", &id_map_uids);
    /* A change of credentials may reset it; processes of a joined namespace must not trace us. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return fail(err, errno, "become not dumpable");
    return 0;
}

/* --- why there is none ---------------------------------------------------------------------- */

int user_namespace_hint_in(int proc_sys, struct error *err)
{
    static const struct {
        const char *path;
        const char *forbids;
        const char *advice;
    } switches[] = {
  /* path below /proc/sys, the value that forbids, what to tell */
        {"user/max_user_namespaces",                     "0",
         "user namespaces are switched off: sysctl user.max_user_namespaces is 0"          },
        {"kernel/unprivileged_userns_clone",             "0",
         "only root may make user namespaces: sysctl kernel.unprivileged_userns_clone is 0"},
        {"kernel/apparmor_restrict_unprivileged_userns", "1",
         "AppArmor keeps user namespaces from programs without a profile: sysctl "
         "kernel.apparmor_restrict_unprivileged_userns is 1"                               },
    };
    char value[32];

    for (size_t i = 0; proc_sys >= 0 && i < count_of(switches); i++) {
        if (read_pseudo_file(proc_sys, switches[i].path, value, sizeof value) > 0 &&
            strcmp(value, switches[i].forbids) == 0)
            return hint(err, "%s", switches[i].advice);
    }
    if (err->code != ENOSPC)
        return -err->code;
    if (proc_sys < 0 || read_pseudo_file(proc_sys, switches[0].path, value, sizeof value) <= 0)
        snprintf(value, sizeof value, "unknown");
    return hint(err,
                "the limit of namespaces is reached: sysctl user.max_user_namespaces is %s "
                "here, perhaps less further out; or more than 32 levels",
                value);
}

int user_namespace_hint(struct error *err)
{
    autoclose int sys = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);

    return user_namespace_hint_in(sys, err);
}

/* It lets the namespace be made and takes every capability in it: mounting fails then, or naming
 * the host. */
int user_namespace_rights_hint(struct error *err)
{
    char label[64];

    if ((err->code != EPERM && err->code != EACCES) ||
        read_pseudo_file(AT_FDCWD, "/proc/self/attr/apparmor/current", label, sizeof label) <= 0 ||
        strcmp(label, "unconfined") != 0)
        return -err->code;
    return user_namespace_hint(err);
}
