#include "runtime/ordinary_user.h"

#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "namespaces/user.h"

static int add_namespace(struct spec_linux *linux_, struct arena *arena, struct error *err)
{
    size_t count = linux_->namespaces.count;
    struct spec_namespace *items = arena_zero(arena, count + 1, sizeof *items);

    if (items == NULL)
        return no_memory(err);
    if (count > 0)
        memcpy(items, linux_->namespaces.items, count * sizeof *items);
    items[count].type = SPEC_NAMESPACE_USER;
    linux_->namespaces.items = items;
    linux_->namespaces.count = count + 1;
    return 0;
}

static int check_id(const struct spec_id_mappings *mappings, uint32_t id, const char *place,
                    const char *ranges, struct error *err)
{
    if (id_map_to_host(mappings, id) >= 0)
        return 0;
    refuse(err, EINVAL, "%s: %u: an ordinary user has no such id to give", place, id);
    if (mappings->count > 1)
        return hint(err, "the user namespace added for you has the ids up to %u, from %s",
                    mappings->items[1].container_id + mappings->items[1].size - 1, ranges);
    return hint(err,
                "the user namespace added for you has 0 only: more takes a line in %s, see "
                "subuid(5), and newuidmap and newgidmap, of Debian's package uidmap",
                ranges);
}

static int check_process(const struct spec_user *user, const struct spec_linux *linux_,
                         struct error *err)
{
    if (check_id(&linux_->uid_mappings, user->uid, "process.user.uid", "/etc/subuid", err) < 0 ||
        check_id(&linux_->gid_mappings, user->gid, "process.user.gid", "/etc/subgid", err) < 0)
        return -err->code;
    for (size_t i = 0; i < user->additional_gids.count; i++) {
        if (check_id(&linux_->gid_mappings, user->additional_gids.items[i],
                     "process.user.additionalGids", "/etc/subgid", err) < 0)
            return -err->code;
    }
    return 0;
}

int ordinary_user_add_namespace(struct spec *spec, uid_t uid, gid_t gid, struct arena *arena,
                                const struct log *log, struct error *err)
{
    struct spec_linux *linux_ = spec->linux_;

    if (spec_namespace_find(spec, SPEC_NAMESPACE_USER) != NULL)
        return 0;
    if (linux_ == NULL)
        linux_ = spec->linux_ = arena_zero(arena, 1, sizeof *linux_);
    if (linux_ == NULL)
        return no_memory(err);
    /* Mappings without a namespace are a mistake, which the plan names. */
    if (linux_->uid_mappings.count > 0 || linux_->gid_mappings.count > 0)
        return 0;
    if (add_namespace(linux_, arena, err) < 0 ||
        ordinary_user_mappings(uid, gid, &linux_->uid_mappings, &linux_->gid_mappings, arena, err) <
            0)
        return -err->code;
    log_debug(log, "not root: a user namespace is added, with %s",
              linux_->uid_mappings.count > 1 ? "the ids of /etc/subuid and /etc/subgid"
                                             : "the caller's own ids only");
    return spec->process != NULL ? check_process(&spec->process->user, linux_, err) : 0;
}
