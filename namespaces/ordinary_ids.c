#include "namespaces/ordinary_ids.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "namespaces/id_helper.h"

/* A line of a map is 33 bytes at most, and the kernel takes 4095 of them. */
enum { LINES_SURE_TO_FIT = 4095 / (sizeof "4294967295 4294967295 4294967295\n" - 1) };

/* Host ids behind those that are there; what goes beyond the kernel's limits is left out. */
static void append(struct spec_id_mappings *mappings, uint32_t first, uint64_t count)
{
    const struct spec_id_mapping *last = &mappings->items[mappings->count - 1];
    uint32_t inside = last->container_id + last->size;
    uint64_t room = UINT32_MAX - inside;

    if (room == 0 || mappings->count == LINES_SURE_TO_FIT)
        return;
    mappings->items[mappings->count++] = (struct spec_id_mapping){
        .container_id = inside,
        .host_id = first,
        .size = (uint32_t)(count < room ? count : room),
    };
}

/* Behind the mapping that has the host id already; `id` itself when none has. */
static uint64_t behind_taken(const struct spec_id_mappings *mappings, uint64_t id)
{
    for (size_t i = 0; i < mappings->count; i++) {
        const struct spec_id_mapping *one = &mappings->items[i];

        if (id >= one->host_id && id < (uint64_t)one->host_id + one->size)
            return (uint64_t)one->host_id + one->size;
    }
    return id;
}

/* The first host id after `id` that a mapping has; `end` when none before that. */
static uint64_t next_taken(const struct spec_id_mappings *mappings, uint64_t id, uint64_t end)
{
    for (size_t i = 0; i < mappings->count; i++) {
        if (mappings->items[i].host_id > id && mappings->items[i].host_id < end)
            end = mappings->items[i].host_id;
    }
    return end;
}

/* A line may hold the user's own id, or what another line holds (one for the name, one for the
 * number): the kernel takes no host id twice. */
static void append_free(struct spec_id_mappings *mappings, const struct subid_range *range)
{
    uint64_t end = (uint64_t)range->first + range->count;

    for (uint64_t at = range->first; at < end;) {
        uint64_t behind = behind_taken(mappings, at);

        if (behind > at) {
            at = behind;
            continue;
        }

        uint64_t next = next_taken(mappings, at, end);

        append(mappings, (uint32_t)at, next - at);
        at = next;
    }
}

static int own_id_and_ranges(struct spec_id_mappings *ret, uint32_t own, const char *text,
                             const struct subid_owner *owner, struct arena *arena,
                             struct error *err)
{
    struct subid_range range;

    ret->items = arena_zero(arena, LINES_SURE_TO_FIT, sizeof *ret->items);
    if (ret->items == NULL)
        return no_memory(err);
    ret->items[0] = (struct spec_id_mapping){.container_id = 0, .host_id = own, .size = 1};
    ret->count = 1;
    while (subids_next(&text, owner, &range)) {
        /* Ids end at 2^32 - 2: the last one means "none". */
        if ((uint64_t)range.first + range.count <= UINT32_MAX)
            append_free(ret, &range);
    }
    return 0;
}

static const char *missing_lines(bool has_uids, bool has_gids, const struct subid_owner *owner,
                                 struct arena *arena)
{
    const char *files = has_uids   ? "/etc/subgid has"
                        : has_gids ? "/etc/subuid has"
                                   : "/etc/subuid and /etc/subgid have";

    return owner->name != NULL
               ? arena_print(arena, "%s no usable line for %s", files, owner->name)
               : arena_print(arena, "%s no usable line for user %u", files, (unsigned)owner->uid);
}

int ordinary_user_ids_from(struct ordinary_user_ids *ret, const char *subuid, const char *subgid,
                           const struct subid_owner *owner, gid_t gid, struct arena *arena,
                           struct error *err)
{
    struct ordinary_user_ids ids = {0};

    if (own_id_and_ranges(&ids.uids, owner->uid, subuid, owner, arena, err) < 0 ||
        own_id_and_ranges(&ids.gids, gid, subgid, owner, arena, err) < 0)
        return -err->code;

    bool has_uids = ids.uids.count > 1, has_gids = ids.gids.count > 1;

    if (!has_uids || !has_gids) {
        ids.missing = missing_lines(has_uids, has_gids, owner, arena);
        if (ids.missing == NULL)
            return no_memory(err);
        ids.has_half = has_uids || has_gids;
        ids.uids.count = ids.gids.count = 1;
    }
    *ret = ids;
    return 0;
}

int ordinary_user_check_ranges(const struct spec_id_mappings *mappings,
                               const struct id_map_kind *kind, const char *text,
                               const struct subid_owner *owner, uint32_t own_id, struct error *err)
{
    for (size_t i = 0; i < mappings->count; i++) {
        const struct subid_range range = {mappings->items[i].host_id, mappings->items[i].size};
        char number[16];

        if ((range.count == 1 && range.first == own_id) || subids_cover(text, owner, &range))
            continue;
        snprintf(number, sizeof number, "%u", (unsigned)owner->uid);
        return refuse(err, EPERM, "linux.%s[%zu]: %u..%u is not yours: %s has no line \"%s:%u:%u\"",
                      kind->member, i, range.first, range.first + (range.count - 1), kind->ranges,
                      owner->name != NULL ? owner->name : number, range.first, range.count);
    }
    return 0;
}

/* --- from the files ------------------------------------------------------------------------- */

enum { RANGES_MOST = 4 * 1024 * 1024 };

/* A file of subuid(5), "" when it is not there or cannot be read. */
static const char *read_ranges(const struct id_map_kind *kind, struct arena *arena)
{
    struct error ignored;
    char *text;

    if (read_file(AT_FDCWD, kind->ranges, RANGES_MOST, arena, &text, NULL, &ignored) < 0)
        return "";
    return text;
}

/* The name that the lines begin with. */
static struct subid_owner find_owner(uid_t uid, struct arena *arena)
{
    struct subid_owner owner = {NULL, uid};
    char strings[4096];
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwuid_r(uid, &entry, strings, sizeof strings, &found) == 0 && found != NULL)
        owner.name = arena_string(arena, found->pw_name);
    return owner;
}

int ordinary_user_ids(struct ordinary_user_ids *ret, uid_t uid, gid_t gid, struct arena *arena,
                      struct error *err)
{
    autoarena struct arena own = {0};
    const struct subid_owner owner = find_owner(uid, &own);
    bool helpers = id_helpers_are_there();
    const char *subuid = helpers ? read_ranges(&id_map_uids, &own) : "";
    const char *subgid = helpers ? read_ranges(&id_map_gids, &own) : "";

    if (ordinary_user_ids_from(ret, subuid, subgid, &owner, gid, arena, err) < 0)
        return -err->code;
    if (!helpers)
        ret->missing = "newuidmap and newgidmap are not there (Debian's package uidmap has them)";
    return 0;
}

static int check_own_ranges(const struct id_map_kind *kind, const struct spec_id_mappings *mappings,
                            struct error *err)
{
    autoarena struct arena arena = {0};
    const struct subid_owner owner = find_owner(getuid(), &arena);

    return ordinary_user_check_ranges(mappings, kind, read_ranges(kind, &arena), &owner,
                                      kind == &id_map_uids ? getuid() : getgid(), err);
}

int ordinary_user_check_maps(const struct id_map_kind *kind,
                             const struct spec_id_mappings *mappings, struct error *err)
{
    if (!id_helpers_are_there())
        return refuse(err, ENOENT,
                      "linux.%s: newuidmap and newgidmap are not there (Debian's "
                      "package uidmap has them)",
                      kind->member);
    return check_own_ranges(kind, mappings, err);
}

int ordinary_user_explain_refusal(const struct id_map_kind *kind,
                                  const struct spec_id_mappings *mappings, struct error *err)
{
    struct error missing;

    if (check_own_ranges(kind, mappings, &missing) == 0)
        return within(err, "linux.%s", kind->member);
    *err = missing;
    return -err->code;
}
