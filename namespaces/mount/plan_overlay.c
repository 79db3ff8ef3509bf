#include <string.h>

#include "base/own.h"
#include "namespaces/mount/plan.h"

/* Options that name directories.  The kernel takes a list in one word ("lowerdir=/a:/b") of at most
 * a page, or, from 6.7, one by one. */
static const struct {
    const char *option;
    const char *key;
    bool list;
} directories[] = {
    {"lowerdir",  "lowerdir+", true },
    {"lowerdir+", "lowerdir+", false},
    {"datadir+",  "datadir+",  false},
    {"upperdir",  "upperdir",  false},
    {"workdir",   "workdir",   false},
};

/* Length up to the next ":" that is not escaped. */
static size_t layer_length(const char *text)
{
    size_t i;

    for (i = 0; text[i] != '\0' && text[i] != ':'; i++)
        if (text[i] == '\\' && text[i + 1] != '\0')
            i++;
    return i;
}

/* "\:" is ":", "\," is ",", "\\" is "\". */
static char *unescaped(const char *text, size_t length, struct arena *arena)
{
    char *plain = arena_zero(arena, length + 1, 1);
    size_t used = 0;

    for (size_t i = 0; plain != NULL && i < length; i++) {
        if (text[i] == '\\' && i + 1 < length)
            i++;
        plain[used++] = text[i];
    }
    return plain;
}

static int add_layer(struct mount_overlay *overlay, const char *key, const char *text,
                     size_t length, size_t option, struct arena *arena, struct error *err)
{
    const char *path = unescaped(text, length, arena);
    char quoted[1040];

    if (path == NULL)
        return no_memory(err);
    if (*path != '/')
        return refuse(err, EINVAL, "options[%zu]: \"%s\" is not an absolute path", option,
                      quotable(quoted, path));
    overlay->layers[overlay->layer_count++] = (struct mount_layer){
        .key = key, .path = path, .option = option};
    return 0;
}

/* What follows a "::" holds data only, for the layers in front of it. */
static int add_layers(struct mount_overlay *overlay, const struct mount_datum *datum,
                      struct arena *arena, struct error *err)
{
    const char *key = "lowerdir+";
    const char *at = datum->value;

    for (;;) {
        size_t length = layer_length(at);
        int error = add_layer(overlay, key, at, length, datum->option, arena, err);

        if (error < 0 || at[length] == '\0')
            return error;
        at += length + 1;
        if (*at == ':') {
            key = "datadir+";
            at++;
        }
    }
}

static int take_directory(struct mount_overlay *overlay, const struct mount_datum *datum,
                          size_t row, struct arena *arena, struct error *err)
{
    if (datum->value == NULL)
        return refuse(err, EINVAL, "options[%zu]: \"%s\" has no directory", datum->option,
                      datum->key);
    if (!directories[row].list)
        return add_layer(overlay, directories[row].key, datum->value, strlen(datum->value),
                         datum->option, arena, err);
    overlay->lower_dir = datum->value;
    return add_layers(overlay, datum, arena, err);
}

static size_t layers_most(const struct planned_mount *mount)
{
    size_t most = 0;

    for (size_t i = 0; i < mount->data_count; i++) {
        most++;
        for (const char *at = mount->data[i].value; at != NULL && *at != '\0'; at++)
            most += *at == ':';
    }
    return most;
}

static int take_directories(struct planned_mount *mount, struct arena *arena, struct error *err)
{
    size_t kept = 0;

    for (size_t i = 0; i < mount->data_count; i++) {
        const struct mount_datum datum = mount->data[i];
        size_t row = 0;
        int error = 0;

        while (row < count_of(directories) && strcmp(directories[row].option, datum.key) != 0)
            row++;
        if (row < count_of(directories))
            error = take_directory(mount->overlay, &datum, row, arena, err);
        else
            mount->data[kept++] = datum;
        if (error < 0)
            return error;
    }
    mount->data_count = kept;
    return 0;
}

static bool has_layer(const struct mount_overlay *overlay, const char *key)
{
    for (size_t i = 0; i < overlay->layer_count; i++)
        if (strcmp(overlay->layers[i].key, key) == 0)
            return true;
    return false;
}

static bool has_datum(const struct planned_mount *mount, const char *key)
{
    for (size_t i = 0; i < mount->data_count; i++)
        if (strcmp(mount->data[i].key, key) == 0)
            return true;
    return false;
}

int mount_plan_overlay(struct planned_mount *mount, bool user_namespace, struct arena *arena,
                       struct error *err)
{
    struct mount_overlay *overlay = arena_zero(arena, 1, sizeof *overlay);
    int error;

    if (overlay == NULL)
        return no_memory(err);
    overlay->layers = arena_zero(arena, layers_most(mount), sizeof *overlay->layers);
    if (overlay->layers == NULL)
        return no_memory(err);
    mount->overlay = overlay;
    error = take_directories(mount, arena, err);
    if (error < 0)
        return error;
    if (!has_layer(overlay, "lowerdir+"))
        return refuse(err, EINVAL, "options: an overlay needs \"lowerdir=\"");
    if (has_layer(overlay, "upperdir") != has_layer(overlay, "workdir"))
        return refuse(err, EINVAL,
                      "options: \"upperdir=\" and \"workdir=\" go together in an overlay");
    /* trusted.* attributes belong to the host's root alone. */
    if (!user_namespace || has_datum(mount, "userxattr"))
        return 0;
    mount->data[mount->data_count++] = (struct mount_datum){.key = "userxattr"};
    mount->data_text = arena_print(arena, "%s,userxattr", mount->data_text);
    return mount->data_text == NULL ? no_memory(err) : 0;
}
