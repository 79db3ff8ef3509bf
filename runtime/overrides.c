#include "runtime/overrides.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { CPU_PERIOD = 100000 /* microseconds: the kernel's own default */ };

/* The member `*object` of type `type`, made empty when it is absent. */
#define WANT(arena, object) \
    ((object) != NULL ? (object) : ((object) = arena_zero((arena), 1, sizeof *(object))))

static struct spec_resources *want_resources(struct spec *spec, struct arena *arena)
{
    if (WANT(arena, spec->linux_) == NULL)
        return NULL;
    return WANT(arena, spec->linux_->resources);
}

static int set_cpus(const char *text, struct spec *spec, struct arena *arena, struct error *err)
{
    char quoted[1040];
    char *end;
    double cpus = strtod(text, &end);

    if (*text == '\0' || *end != '\0' || !(cpus >= 0.01) || cpus > 65536)
        return refuse(err, EINVAL, "--cpus \"%s\": is not a number of CPUs (0.01 or more)",
                      quotable(quoted, text));

    struct spec_resources *resources = want_resources(spec, arena);

    if (resources == NULL || WANT(arena, resources->cpu) == NULL)
        return no_memory(err);
    resources->cpu->quota = (struct optional_int64){(int64_t)(cpus * CPU_PERIOD + 0.5), true};
    resources->cpu->period = (struct optional_uint64){CPU_PERIOD, true};
    resources->cpu->burst.set = false; /* of the bundle's quota, which is gone */
    return 0;
}

static int set_memory(const char *text, struct spec *spec, struct arena *arena, struct error *err)
{
    int64_t bytes;

    if (parse_bytes(text, &bytes, err) < 0)
        return within(err, "--memory");

    struct spec_resources *resources = want_resources(spec, arena);

    if (resources == NULL || WANT(arena, resources->memory) == NULL)
        return no_memory(err);
    resources->memory->limit = (struct optional_int64){bytes, true};
    /* Memory and swap together, so never less than memory; -1 is no limit. */
    if (resources->memory->swap.set && resources->memory->swap.value >= 0 &&
        (bytes < 0 || resources->memory->swap.value < bytes))
        resources->memory->swap.value = bytes;
    if (resources->memory->reservation.set && bytes >= 0 &&
        resources->memory->reservation.value > bytes)
        resources->memory->reservation.value = bytes;
    return 0;
}

static int set_pids(const char *text, struct spec *spec, struct arena *arena, struct error *err)
{
    int64_t limit;

    if (parse_int64(text, -1, INT64_MAX, &limit, err) < 0)
        return within(err, "--pids");

    struct spec_resources *resources = want_resources(spec, arena);

    if (resources == NULL || WANT(arena, resources->pids) == NULL)
        return no_memory(err);
    resources->pids->limit = (struct optional_int64){limit, true};
    return 0;
}

static int set_hostname(const char *text, struct spec *spec, struct arena *arena, struct error *err)
{
    (void)arena, (void)err;
    spec->hostname = text;
    return 0;
}

static size_t name_length(const char *entry)
{
    return strcspn(entry, "=");
}

/* Where in a list each name is, by open addressing: Kubernetes gives thousands of variables to
 * containers of large clusters, and to every exec in them. */
struct name_table {
    const char *const *items;
    size_t *slots; /* an index of items and 1; 0: free */
    size_t mask;
};

static int make_table(struct name_table *ret, const char *const *items, size_t most,
                      struct arena *arena, struct error *err)
{
    size_t size = 16;

    while (size < 2 * most)
        size *= 2;
    *ret = (struct name_table){items, arena_zero(arena, size, sizeof *ret->slots), size - 1};
    return ret->slots == NULL ? no_memory(err) : 0;
}

/* FNV-1a. */
static size_t hash_of(const char *name, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3;
    return (size_t)(hash ^ hash >> 32);
}

/* The slot of the entry's name, or the free one where it belongs. */
static size_t *slot_of(const struct name_table *table, const char *entry)
{
    size_t length = name_length(entry);

    for (size_t at = hash_of(entry, length);; at++) {
        size_t *slot = &table->slots[at & table->mask];
        const char *known = *slot == 0 ? NULL : table->items[*slot - 1];

        if (known == NULL ||
            (strncmp(known, entry, length) == 0 && (known[length] == '=' || known[length] == '\0')))
            return slot;
    }
}

int environment_merge(const struct string_list *base, const struct string_list *added,
                      struct arena *arena, struct string_list *ret, struct error *err)
{
    size_t most = base->count + added->count;
    struct string_list merged = {arena_zero(arena, most + 1, sizeof(char *)), 0};
    struct name_table names;

    if (merged.items == NULL)
        return no_memory(err);
    if (make_table(&names, merged.items, most, arena, err) < 0)
        return -err->code;
    for (size_t i = 0; i < base->count; i++) {
        size_t *slot = slot_of(&names, base->items[i]);

        merged.items[merged.count++] = base->items[i];
        if (*slot == 0)
            *slot = merged.count;
    }
    for (size_t i = 0; i < added->count; i++) {
        size_t *slot = slot_of(&names, added->items[i]);

        if (*slot == 0)
            *slot = ++merged.count;
        merged.items[*slot - 1] = added->items[i];
    }
    *ret = merged;
    return 0;
}

static int set_env(const struct string_list *env, struct spec *spec, struct arena *arena,
                   struct error *err)
{
    char quoted[1040];

    for (size_t i = 0; i < env->count; i++) {
        if (name_length(env->items[i]) == 0 || strchr(env->items[i], '=') == NULL)
            return refuse(err, EINVAL, "--env \"%s\": is not NAME=value",
                          quotable(quoted, env->items[i]));
    }
    return environment_merge(&spec->process->env, env, arena, &spec->process->env, err);
}

static const struct {
    size_t offset;
    int (*set)(const char *text, struct spec *spec, struct arena *arena, struct error *err);
} values[] = {
    {offsetof(struct create_overrides, cpus),     set_cpus    },
    {offsetof(struct create_overrides, memory),   set_memory  },
    {offsetof(struct create_overrides, pids),     set_pids    },
    {offsetof(struct create_overrides, hostname), set_hostname},
};

int overrides_apply(const struct create_overrides *overrides, struct spec *spec,
                    struct arena *arena, struct error *err)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *text = *(const char *const *)((const char *)overrides + values[i].offset);

        if (text != NULL && values[i].set(text, spec, arena, err) < 0)
            return -err->code;
    }
    if ((overrides->env.count > 0 || overrides->args.count > 0) && spec->process == NULL)
        return refuse(err, EINVAL, "process: missing, nothing to change by --env or --");
    if (overrides->env.count > 0 && set_env(&overrides->env, spec, arena, err) < 0)
        return -err->code;
    if (overrides->args.count > 0)
        spec->process->args = overrides->args;
    if (overrides->read_only && spec->root != NULL)
        spec->root->readonly = true;
    return 0;
}
