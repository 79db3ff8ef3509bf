#pragma once

/* What the verbs of mount.h work from: numbers and strings, made by plan.c, read by the others. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "namespaces/mount/mount.h"

/* MOUNT_ATTR_* to set and to clear.  What is in neither stays as the source has it. */
struct mount_attributes {
    uint64_t set;
    uint64_t clear;
};

/* One option for the file system itself. */
struct mount_datum {
    const char *key;
    const char *value; /* NULL: a flag */
    size_t option;     /* where it stands in mounts[].options, for messages */
};

enum mount_kind {
    MOUNT_KIND_FILESYSTEM, /* made by its type's name, nothing special about it */
    MOUNT_KIND_BIND,
    MOUNT_KIND_REMOUNT,
    MOUNT_KIND_PROC,
    MOUNT_KIND_SYSFS,
    MOUNT_KIND_TMPFS,
    MOUNT_KIND_CGROUP,
    MOUNT_KIND_OVERLAY,
    MOUNT_KINDS /* how many */
};

enum { MOUNT_PROPAGATIONS_MOST = 4 };

/* Ids of files on the source (inside), and what they become (outside). */
struct mount_id_map {
    const char *uid_map; /* the text for /proc/PID/uid_map */
    const char *gid_map;
    const char *namespace_path; /* instead of the two: a user namespace that has them */
    bool recursive;
};

/* One directory of an overlay, without the escapes of the option it came in. */
struct mount_layer {
    const char *key; /* "lowerdir+", "datadir+", "upperdir", "workdir" */
    const char *path;
    size_t option;
};

struct mount_overlay {
    struct mount_layer *layers; /* lower ones topmost first, as written; then upper and work */
    size_t layer_count;
    const char *lower_dir; /* lowerdir as written, for kernels before 6.7; NULL: there was none */
};

struct planned_mount {
    size_t index;            /* in mounts[] */
    const char *destination; /* absolute, without "//", "/." and trailing "/" */
    enum mount_kind kind;
    const char *type;
    const char *source; /* of a bind: absolute path on the host; else what /proc/mounts shows */
    unsigned extensions;
    struct mount_attributes own;                   /* of the top alone */
    struct mount_attributes tree;                  /* of the r-options: all mounts; after `own` */
    uint64_t propagation[MOUNT_PROPAGATIONS_MOST]; /* MS_*, in order; a 0 ends them */
    struct mount_datum *data;
    size_t data_count;
    const char *data_text;      /* the same as mount(2) wants it */
    unsigned long legacy_flags; /* MS_* of the superblock options, for mount(2) */
    bool has_mode;              /* data has "mode" */
    const char *root_label;     /* SELinux context that the mount's root gets afterwards; or NULL */
    bool read_only_late;        /* first the other mounts and devices get their places in it */
    bool no_links;              /* no symbolic link anywhere on the way to the destination */
    struct mount_id_map *id_map;
    struct mount_overlay *overlay;
};

struct planned_device {
    const char *path;
    const char *field;                 /* "linux.devices[2]", or "default device" */
    bool is_listed;                    /* in linux.devices: what is there already must be it */
    const struct planned_mount *mount; /* that decides what is there already; NULL: the image */
    mode_t mode;                       /* with the type: S_IFCHR and the like */
    dev_t device;
    uid_t uid;
    gid_t gid;
};

struct mount_plan {
    const char *rootfs;
    bool readonly;
    uint64_t propagation;      /* MS_*[|MS_REC] of "/" while we mount */
    uint64_t root_propagation; /* what the container's root gets in the end; 0: nothing asked */
    bool new_mount_namespace;
    bool new_user_namespace;
    bool new_network_namespace;
    bool new_pid_namespace;
    bool new_ipc_namespace;
    bool new_cgroup_namespace;
    bool no_pivot;
    bool overlay;
    const char *overlay_directory;

    struct planned_mount *mounts;
    size_t mount_count;
    const struct mount_cgroup_source *cgroups;
    size_t cgroup_count;
    struct planned_device *devices; /* listed ones and the defaults that are not listed */
    size_t device_count;
    bool make_devices; /* false: /dev is the host's own, leave it alone */
    const char *const *masked_paths;
    size_t masked_count;
    const char *const *readonly_paths;
    size_t readonly_count;
};

/* In place: "//" and "/./" and trailing slashes go, a leading "/" comes.  Refuses what names no
 * place of its own: "", "/", "..", control characters, over PATH_MAX.  `ret_was_relative` may be
 * NULL. */
must_check int mount_destination_clean(const char *path, struct arena *arena, const char **ret,
                                       bool *ret_was_relative, struct error *err);

/* True when `inner` is `outer` or below it: both as mount_destination_clean() gives them, or "/".
 */
bool mount_destination_is_at_or_below(const char *inner, const char *outer);

/* Under /proc only a few files may be covered: everything else there is trusted by somebody. */
bool mount_destination_is_in_proc(const char *destination);
bool mount_destination_may_cover_proc(const char *destination);

/* What the top of the tree gets: the options of this mount, then those of the whole tree, which win
 * whatever their order in the list, as with runc and crun. */
struct mount_attributes mount_attributes_of_top(const struct planned_mount *mount);

must_check int mount_plan_one(struct planned_mount *ret, const struct mount_request *request,
                              size_t index, struct arena *arena, const struct log *log,
                              struct error *err);
must_check int mount_plan_devices(struct mount_plan *plan, const struct spec *spec,
                                  struct arena *arena, struct error *err);
/* Take lowerdir, upperdir, workdir out of the data and into mount->overlay. */
must_check int mount_plan_overlay(struct planned_mount *mount, bool user_namespace,
                                  struct arena *arena, struct error *err);
must_check int mount_plan_id_map(struct planned_mount *mount, const struct spec *spec,
                                 const struct spec_mount *from, struct arena *arena,
                                 struct error *err);

/* Indexes for mount_open_source(). */
unsigned mount_source_of_mount(const struct planned_mount *mount);
unsigned mount_source_of_device(const struct mount_plan *plan, size_t device);
