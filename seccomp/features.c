/* What `features` reports of seccomp. */

#include <stdlib.h>
#include <string.h>

#include "seccomp/flags.h"
#include "seccomp/names.h"
#include "seccomp/seccomp.h"

static bool always(int value)
{
    (void)value;
    return true;
}

static bool library_knows(int architecture)
{
    return seccomp_architecture_token(architecture) != 0;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The names of a table whose value is `offered`, sorted. */
static int list_names(struct string_list *ret, const struct names *names, bool (*offered)(int),
                      struct arena *arena, struct error *err)
{
    const char **items = arena_zero(arena, names->count + 1, sizeof *items);
    size_t count = 0;

    if (items == NULL)
        return no_memory(err);
    for (size_t i = 0; i < names->count; i++) {
        if (offered((int)names->rows[i].value))
            items[count++] = names->rows[i].name;
    }
    qsort(items, count, sizeof *items, by_name);
    *ret = (struct string_list){items, count};
    return 0;
}

int seccomp_features(struct spec_features_seccomp *ret, struct arena *arena, struct error *err)
{
    struct spec_features_seccomp features = {
        .enabled = {.value = true, .set = true}
    };

    if (list_names(&features.actions, &spec_seccomp_action_names, always, arena, err) < 0 ||
        list_names(&features.operators, &spec_seccomp_operator_names, always, arena, err) < 0 ||
        list_names(&features.archs, &spec_seccomp_architecture_names, library_knows, arena, err) <
            0 ||
        list_names(&features.known_flags, &spec_seccomp_flag_names, always, arena, err) < 0 ||
        list_names(&features.supported_flags, &spec_seccomp_flag_names, seccomp_flag_supported,
                   arena, err) < 0)
        return -err->code;
    *ret = features;
    return 0;
}
