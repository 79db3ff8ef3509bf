#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "runtime/handle.h"
#include "runtime/state.h"
#include "spec/spec.h"

/* The ids below the root: whatever cannot be an id is not ours. */
static int read_ids(int root, struct arena *arena, struct string_list *ret, struct error *err)
{
    size_t room = 0;
    int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);

    if (directory == NULL) {
        fail(err, errno, "read the state root");
        close_fd(&fd);
        return -err->code;
    }

    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
            continue;
        if (ret->count == room) {
            const char **more = arena_zero(arena, room = room * 2 + 64, sizeof *more);

            if (more != NULL && ret->count > 0)
                memcpy(more, ret->items, ret->count * sizeof *more);
            ret->items = more;
        }
        const char *id = ret->items != NULL ? arena_string(arena, entry->d_name) : NULL;

        if (id == NULL) {
            closedir(directory);
            return no_memory(err);
        }
        ret->items[ret->count++] = id;
    }
    closedir(directory);
    return 0;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int read_sorted_ids(int root, struct arena *arena, struct string_list *ret,
                           struct error *err)
{
    struct string_list ids = {NULL, 0};

    if (read_ids(root, arena, &ids, err) < 0)
        return -err->code;
    if (ids.count > 0)
        qsort(ids.items, ids.count, sizeof *ids.items, by_name);
    *ret = ids;
    return 0;
}

int container_ids(const struct runtime *runtime, struct arena *arena, struct string_list *ret,
                  struct error *err)
{
    autoclose int root = state_open_root(runtime->root, err);

    return root < 0 ? -err->code : read_sorted_ids(root, arena, ret, err);
}

static int copy_annotations(struct string_map *map, struct arena *arena)
{
    struct string_pair *items = arena_zero(arena, map->count, sizeof *items);

    if (items == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < map->count; i++) {
        items[i].key = arena_string(arena, map->items[i].key);
        items[i].value = arena_string(arena, map->items[i].value);
        if (items[i].key == NULL || items[i].value == NULL)
            return -ENOMEM;
    }
    if (map->items != NULL)
        map->items = items;
    return 0;
}

/* The strings of a state belong to its container, which is about to be freed. */
static int copy_state(const struct container_state *state, struct arena *arena,
                      struct container_state *ret, struct error *err)
{
    const char **strings[] = {&ret->oci_version, &ret->id,      &ret->status, &ret->bundle,
                              &ret->rootfs,      &ret->created, &ret->owner};

    *ret = *state;
    for (size_t i = 0; i < count_of(strings); i++) {
        if (*strings[i] != NULL && (*strings[i] = arena_string(arena, *strings[i])) == NULL)
            return no_memory(err);
    }
    return copy_annotations(&ret->annotations, arena) < 0 ? no_memory(err) : 0;
}

static int read_one(const struct runtime *runtime, int root, struct boot *boot, const char *id,
                    struct arena *arena, struct container_state *ret, struct error *err)
{
    struct container *container;
    struct container_state state;

    if (container_open_in(runtime, root, boot, id, &container, err) < 0)
        return -err->code;

    int code = container_state(container, &state, err);

    if (code == 0)
        code = copy_state(&state, arena, ret, err);
    container_free(container);
    return code;
}

int container_list(const struct runtime *runtime, struct arena *arena, struct container_list *ret,
                   struct error *err)
{
    autoclose int root = state_open_root(runtime->root, err);
    struct string_list ids = {NULL, 0};
    struct boot boot = {""};

    if (root < 0 || read_sorted_ids(root, arena, &ids, err) < 0)
        return -err->code;

    struct container_list list = {arena_zero(arena, ids.count, sizeof *list.items), 0};

    if (list.items == NULL)
        return no_memory(err);
    for (size_t i = 0; i < ids.count; i++) {
        struct error reason;

        if (read_one(runtime, root, &boot, ids.items[i], arena, &list.items[list.count], &reason) ==
            0)
            list.count++;
        else if (reason.code != ENOENT) /* ENOENT: deleted while we looked, or not yet described */
            log_warning(&runtime->log, "list: %s: %s", ids.items[i], reason.text);
    }
    *ret = list;
    return 0;
}
