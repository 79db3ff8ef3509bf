#include "runtime/ordinary_user.h"

#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "namespaces/ordinary_ids.h"
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

static int check_id(const struct spec_id_mappings *mappings, const char *missing, uint32_t id,
                    const char *place, const char *ranges, struct error *err)
{
    const struct spec_id_mapping *last = &mappings->items[mappings->count - 1];

    if (id_map_to_host(mappings, id) >= 0)
        return 0;
    refuse(err, EINVAL, "%s: %u: an ordinary user has no such id to give", place, id);
    if (missing == NULL)
        return hint(err, "the user namespace added for you has the ids up to %u, from %s",
                    last->container_id + (last->size - 1), ranges);
    return hint(err, "the user namespace added for you has 0 only: %s, see subuid(5)", missing);
}

static int check_process(const struct spec_user *user, const struct ordinary_user_ids *ids,
                         struct error *err)
{
    if (check_id(&ids->uids, ids->missing, user->uid, "process.user.uid", "/etc/subuid", err) < 0 ||
        check_id(&ids->gids, ids->missing, user->gid, "process.user.gid", "/etc/subgid", err) < 0)
        return -err->code;
    for (size_t i = 0; i < user->additional_gids.count; i++) {
        if (check_id(&ids->gids, ids->missing, user->additional_gids.items[i],
                     "process.user.additionalGids", "/etc/subgid", err) < 0)
            return -err->code;
    }
    return 0;
}

static void tell(const struct ordinary_user_ids *ids, const struct log *log)
{
    if (ids->missing == NULL)
        log_debug(log, "not root: a user namespace is added, with the ids of /etc/subuid and "
                       "/etc/subgid");
    else if (ids->has_half)
        log_warning(log,
                    "%s, and without that the other's cannot be used: the user namespace "
                    "added for you has the own ids only",
                    ids->missing);
    else
        log_debug(log, "not root: a user namespace is added, with the own ids only: %s",
                  ids->missing);
}

int ordinary_user_add_namespace(struct spec *spec, uid_t uid, gid_t gid, struct arena *arena,
                                const struct log *log, struct error *err)
{
    struct spec_linux *linux_ = spec->linux_;
    struct ordinary_user_ids ids;

    if (spec_namespace_find(spec, SPEC_NAMESPACE_USER) != NULL)
        return 0;
    if (linux_ == NULL)
        linux_ = spec->linux_ = arena_zero(arena, 1, sizeof *linux_);
    if (linux_ == NULL)
        return no_memory(err);
    /* Mappings without a namespace are a mistake, which the plan names. */
    if (linux_->uid_mappings.count > 0 || linux_->gid_mappings.count > 0)
        return 0;
    if (add_namespace(linux_, arena, err) < 0 || ordinary_user_ids(&ids, uid, gid, arena, err) < 0)
        return -err->code;
    linux_->uid_mappings = ids.uids;
    linux_->gid_mappings = ids.gids;
    if (spec->process != NULL && check_process(&spec->process->user, &ids, err) < 0)
        return -err->code;
    tell(&ids, log);
    return 0;
}
