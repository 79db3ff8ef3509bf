#include <stdio.h>
#include <string.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"
#include "namespaces/mount/options.h"
#include "namespaces/mount/plan.h"

/* Types that want more than to be made by their name. */
static const struct mount_type {
    const char *name;
    enum mount_kind kind;
    bool no_links; /* procfs and sysfs: their place is a real directory (CVE-2019-19921) */
} mount_types[] = {
    {"bind",    MOUNT_KIND_BIND,    false},
    {"rbind",   MOUNT_KIND_BIND,    false},
    {"proc",    MOUNT_KIND_PROC,    true },
    {"sysfs",   MOUNT_KIND_SYSFS,   true },
    {"tmpfs",   MOUNT_KIND_TMPFS,   false},
    {"cgroup",  MOUNT_KIND_CGROUP,  false},
    {"cgroup2", MOUNT_KIND_CGROUP,  false},
    {"overlay", MOUNT_KIND_OVERLAY, false},
};

static const struct mount_type *type_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < count_of(mount_types); i++)
        if (strcmp(mount_types[i].name, name) == 0)
            return &mount_types[i];
    return NULL;
}

/* The later word wins: what it sets is not cleared any more, and the other way round. */
static void add_attributes(struct mount_attributes *attributes, uint64_t set, uint64_t clear)
{
    attributes->set = (attributes->set & ~clear) | set;
    attributes->clear = (attributes->clear & ~set) | clear;
}

struct mount_attributes mount_attributes_of_top(const struct planned_mount *mount)
{
    struct mount_attributes both = mount->own;

    add_attributes(&both, mount->tree.set, mount->tree.clear);
    return both;
}

static int add_propagation(struct planned_mount *mount, uint64_t propagation, struct error *err)
{
    for (size_t i = 0; i < MOUNT_PROPAGATIONS_MOST; i++)
        if (mount->propagation[i] == 0) {
            mount->propagation[i] = propagation;
            return 0;
        }
    return refuse(err, EINVAL, "is one propagation option too many");
}

/* A part of an option: up to the next comma that is not escaped or quoted.  Engines put several
 * into one string ("mode=755,size=64m"), as mount(8) would. */
static size_t part_length(const char *text)
{
    bool quoted = false;
    size_t i;

    for (i = 0; text[i] != '\0' && (quoted || text[i] != ','); i++) {
        if (text[i] == '\\' && text[i + 1] != '\0')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
    }
    return i;
}

static int add_datum(struct planned_mount *mount, const char *part, size_t length, size_t option,
                     struct arena *arena, struct error *err)
{
    struct mount_datum *datum = &mount->data[mount->data_count];
    char *key = arena_copy(arena, part, length);
    char *equals;

    if (key == NULL)
        return no_memory(err);
    equals = strchr(key, '=');
    if (equals != NULL)
        *equals = '\0';
    *datum = (struct mount_datum){
        .key = key, .value = equals == NULL ? NULL : equals + 1, .option = option};
    if (strcmp(key, "mode") == 0)
        mount->has_mode = true;
    mount->data_count++;
    return 0;
}

static int add_data(struct planned_mount *mount, const char *text, size_t option,
                    struct arena *arena, struct error *err)
{
    for (;;) {
        size_t length = part_length(text);
        int error = length == 0 ? 0 : add_datum(mount, text, length, option, arena, err);

        if (error < 0 || text[length] == '\0')
            return error;
        text += length + 1;
    }
}

static int add_option(struct planned_mount *mount, const char *text, size_t index,
                      struct arena *arena, struct error *err)
{
    const struct mount_option *option = mount_option_find(text);

    if (option == NULL)
        return add_data(mount, text, index, arena, err);
    switch (option->kind) {
    case MOUNT_OPTION_NOTHING:
        break;
    case MOUNT_OPTION_ATTRIBUTE:
        add_attributes(&mount->own, option->set, option->clear);
        break;
    case MOUNT_OPTION_RECURSIVE:
        add_attributes(&mount->tree, option->set, option->clear);
        break;
    case MOUNT_OPTION_SUPERBLOCK:
        mount->legacy_flags = (mount->legacy_flags & ~option->clear) | option->set;
        return add_data(mount, text, index, arena, err);
    case MOUNT_OPTION_CLASSIC:
        mount->legacy_flags = (mount->legacy_flags & ~option->clear) | option->set;
        break;
    case MOUNT_OPTION_PROPAGATION:
        return add_propagation(mount, option->set, err);
    case MOUNT_OPTION_EXTENSION:
        mount->extensions |= (unsigned)option->set;
        break;
    }
    return 0;
}

static size_t parts_most(const struct string_list *options)
{
    size_t most = 2; /* for mountLabel and userxattr */

    for (size_t i = 0; i < options->count; i++) {
        most++;
        for (const char *at = options->items[i]; *at != '\0'; at++)
            most += *at == ',';
    }
    return most;
}

static int add_options(struct planned_mount *mount, const struct string_list *options,
                       struct arena *arena, struct error *err)
{
    mount->data = arena_zero(arena, parts_most(options), sizeof *mount->data);
    if (mount->data == NULL)
        return no_memory(err);
    for (size_t i = 0; i < options->count; i++) {
        char quoted[1040];

        if (add_option(mount, options->items[i], i, arena, err) < 0)
            return within(err, "options[%zu]: \"%s\"", i, quotable(quoted, options->items[i]));
    }
    return 0;
}

/* Superblock options are data like any other on a new file system; a bind mount has neither. */
static void drop_superblock_options(struct planned_mount *mount, const struct log *log)
{
    size_t kept = 0;

    for (size_t i = 0; i < mount->data_count; i++) {
        const struct mount_option *option = mount_option_find(mount->data[i].key);

        if (option == NULL || mount->data[i].value != NULL)
            mount->data[kept++] = mount->data[i];
        else
            log_ignored(
                log, LOG_LEVEL_DEBUG,
                "mounts[%zu].options[%zu]: \"%s\" ignored: the file system is there already",
                mount->index, mount->data[i].option, mount->data[i].key);
    }
    mount->data_count = kept;
    mount->legacy_flags = 0;
}

static int choose_kind(struct planned_mount *mount, const struct spec_mount *from,
                       struct error *err)
{
    const struct mount_type *type = type_find(from->type);

    mount->type = from->type;
    if (mount->extensions & MOUNT_REMOUNT) {
        mount->kind = MOUNT_KIND_REMOUNT;
        return 0;
    }
    if (mount->extensions & (MOUNT_BIND | MOUNT_BIND_RECURSIVE)) {
        mount->kind = MOUNT_KIND_BIND;
        return 0;
    }
    if (from->type == NULL || *from->type == '\0' || strcmp(from->type, "none") == 0)
        return refuse(err, EINVAL, "type: is missing, and no option says \"bind\" or \"rbind\"");
    mount->kind = type == NULL ? MOUNT_KIND_FILESYSTEM : type->kind;
    mount->no_links = type != NULL && type->no_links;
    if (strcmp(from->type, "rbind") == 0)
        mount->extensions |= MOUNT_BIND_RECURSIVE;
    return 0;
}

static int refuse_option(const struct planned_mount *mount, size_t datum, const char *why,
                         struct error *err)
{
    const struct mount_datum *it = &mount->data[datum];
    char quoted[1040];

    return refuse(err, EINVAL, "options[%zu]: \"%s\" %s", it->option, quotable(quoted, it->key),
                  why);
}

/* They are about a source that is a path of the host. */
static const struct {
    unsigned extension;
    const char *name;
} of_binds[] = {
    {MOUNT_COPY_SYMLINK,    "copy-symlink"},
    {MOUNT_SOURCE_NOFOLLOW, "src-nofollow"},
};

static int check_extensions(struct planned_mount *mount, const struct spec_mount *from,
                            const struct log *log, struct error *err)
{
    bool bind = mount->kind == MOUNT_KIND_BIND;
    bool bind_options = bind || (mount->extensions & (MOUNT_BIND | MOUNT_BIND_RECURSIVE)) != 0;
    bool id_map = (mount->extensions & (MOUNT_ID_MAP | MOUNT_ID_MAP_RECURSIVE)) != 0 ||
                  from->uid_mappings.count > 0 || from->gid_mappings.count > 0;

    if (bind_options)
        drop_superblock_options(mount, log);
    if (bind_options && mount->data_count > 0)
        return refuse_option(mount, 0, "is no option of a bind mount", err);
    if (mount->kind == MOUNT_KIND_REMOUNT && mount->legacy_flags & (MS_I_VERSION | MS_DIRSYNC))
        return refuse(err, EINVAL, "options: \"%s\" cannot be given by a remount",
                      mount->legacy_flags & MS_DIRSYNC ? "dirsync" : "iversion");
    for (size_t i = 0; i < count_of(of_binds); i++)
        if (mount->extensions & of_binds[i].extension && !bind)
            return refuse(err, EINVAL, "options: \"%s\" needs a bind mount", of_binds[i].name);
    if ((mount->extensions & MOUNT_COPY_UP) && mount->kind != MOUNT_KIND_TMPFS)
        return refuse(err, EINVAL, "options: \"tmpcopyup\" needs the type tmpfs");
    if (id_map && !bind)
        return refuse(err, EINVAL, "%s: only a bind mount can map ids",
                      from->uid_mappings.count > 0 ? "uidMappings" : "options");
    return 0;
}

static int check_proc(const struct planned_mount *mount, struct error *err)
{
    const char *at = mount->destination;

    if (strcmp(at, "/proc") == 0 && mount->kind != MOUNT_KIND_PROC &&
        mount->kind != MOUNT_KIND_BIND && mount->kind != MOUNT_KIND_REMOUNT)
        return refuse(err, EINVAL, "destination: /proc can only be a procfs, not \"%s\"",
                      mount->type);
    if (mount_destination_is_in_proc(at) && !mount_destination_may_cover_proc(at))
        return refuse(err, EINVAL, "destination: %s may not be covered by a mount", at);
    return 0;
}

static int plan_source(struct planned_mount *mount, const struct mount_request *request,
                       const struct spec_mount *from, struct arena *arena, struct error *err)
{
    mount->source = from->source;
    if (mount->kind != MOUNT_KIND_BIND) {
        if (from->source == NULL || *from->source == '\0')
            mount->source = mount->type;
        return 0;
    }
    if (from->source == NULL || *from->source == '\0')
        return refuse(err, EINVAL, "source: is missing");
    if (*from->source != '/')
        mount->source = arena_print(arena, "%s/%s", request->bundle, from->source);
    return mount->source == NULL ? no_memory(err) : 0;
}

/* linux.mountLabel: the SELinux context of what has no labels of its own.  The kernel mounts mqueue
 * itself with every IPC namespace, so that there is a context already. */
static void add_label(struct planned_mount *mount, const struct spec *spec)
{
    const char *label = spec->linux_ != NULL ? spec->linux_->mount_label : NULL;
    bool labelled = mount->kind == MOUNT_KIND_FILESYSTEM || mount->kind == MOUNT_KIND_TMPFS ||
                    mount->kind == MOUNT_KIND_OVERLAY;

    if (label == NULL || *label == '\0' || !labelled)
        return;
    if (strcmp(mount->type, "mqueue") == 0)
        mount->root_label = label;
    else
        mount->data[mount->data_count++] = (struct mount_datum){.key = "context", .value = label};
}

/* A tmpfs gets its other mounts first, and /dev its devices, whatever it is.  The mounts that are
 * below /dev already need not wait: mount_remount() does as the tree's attributes say. */
static void delay_read_only(struct planned_mount *mount)
{
    bool is_dev = mount->kind == MOUNT_KIND_REMOUNT && strcmp(mount->destination, "/dev") == 0;

    if (mount->kind != MOUNT_KIND_TMPFS && !is_dev)
        return;
    mount->read_only_late = mount_attributes_of_top(mount).set & MOUNT_ATTR_RDONLY;
    mount->own.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
    if (!is_dev)
        mount->tree.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
}

static int join_data(struct planned_mount *mount, struct arena *arena, struct error *err)
{
    const char *text = "";

    for (size_t i = 0; i < mount->data_count; i++) {
        const struct mount_datum *datum = &mount->data[i];
        const struct mount_option *option = mount_option_find(datum->key);

        if (option != NULL && datum->value == NULL)
            continue; /* a superblock option: in legacy_flags */
        text = arena_print(arena, "%s%s%s%s%s", text, *text == '\0' ? "" : ",", datum->key,
                           datum->value == NULL ? "" : "=",
                           datum->value == NULL ? "" : datum->value);
        if (text == NULL)
            return no_memory(err);
    }
    mount->data_text = text;
    return 0;
}

/* Of a v2 hierarchy there is one, and only the host's cgroup namespace may change its options;
 * those of v1 say which hierarchy it is. */
static void drop_cgroup_options(struct planned_mount *mount, const struct log *log)
{
    char quoted[1040];

    if (mount->kind != MOUNT_KIND_CGROUP)
        return;
    for (size_t i = 0; i < mount->data_count; i++)
        log_ignored(log, LOG_LEVEL_WARNING,
                    "mounts[%zu].options[%zu]: \"%s\" changes nothing: the host has mounted its "
                    "cgroups with options of its own",
                    mount->index, mount->data[i].option, quotable(quoted, mount->data[i].key));
    mount->data_count = 0;
    mount->legacy_flags = 0;
}

static int plan_destination(struct planned_mount *mount, const struct spec_mount *from,
                            struct arena *arena, const struct log *log, struct error *err)
{
    bool relative = false;
    int error = mount_destination_clean(from->destination, arena, &mount->destination, &relative,
                                        err);

    if (error < 0)
        return within(err, "destination");
    if (relative)
        log_warning(log, "mounts[%zu].destination: %s is relative: taken as %s", mount->index,
                    from->destination, mount->destination);
    return 0;
}

int mount_plan_one(struct planned_mount *ret, const struct mount_request *request, size_t index,
                   struct arena *arena, const struct log *log, struct error *err)
{
    const struct spec_mount *from = &request->spec->mounts.items[index];
    struct planned_mount mount = {.index = index};
    int error;

    if ((error = plan_destination(&mount, from, arena, log, err)) < 0 ||
        (error = add_options(&mount, &from->options, arena, err)) < 0 ||
        (error = choose_kind(&mount, from, err)) < 0 ||
        (error = check_extensions(&mount, from, log, err)) < 0 ||
        (error = check_proc(&mount, err)) < 0 ||
        (error = plan_source(&mount, request, from, arena, err)) < 0 ||
        (error = mount_plan_id_map(&mount, request->spec, from, arena, err)) < 0)
        return error;
    if (mount.kind == MOUNT_KIND_CGROUP && request->cgroup_count == 0)
        log_ignored(log, LOG_LEVEL_DEBUG, "mounts[%zu]: left out: the container has no cgroup",
                    index);
    if (mount_destination_is_in_proc(mount.destination) ||
        strcmp(mount.destination, "/proc") == 0 || strcmp(mount.destination, "/sys") == 0)
        mount.no_links = true;
    drop_cgroup_options(&mount, log);
    delay_read_only(&mount);
    add_label(&mount, request->spec);
    if ((error = join_data(&mount, arena, err)) < 0)
        return error;
    if (mount.kind == MOUNT_KIND_OVERLAY)
        error = mount_plan_overlay(&mount, request->new_user_namespace, arena, err);
    if (error < 0)
        return error;
    *ret = mount;
    return 0;
}
