#pragma once

/*
 * The words of mounts[].options: one table, read in both directions.  A word that is not in it is
 * data for the file system.  config.md "Linux mount options"; mount_setattr(2); mount(8).
 */

#include <stddef.h>
#include <stdint.h>

enum mount_option_kind {
    MOUNT_OPTION_NOTHING,     /* accepted: what it asks for is how things are anyway              */
    MOUNT_OPTION_ATTRIBUTE,   /* of this mount: MOUNT_ATTR_* to set and to clear                  */
    MOUNT_OPTION_RECURSIVE,   /* the same for every mount of the tree                             */
    MOUNT_OPTION_SUPERBLOCK,  /* of the file system: an fsconfig flag by this name                */
    MOUNT_OPTION_CLASSIC,     /* of the file system: an MS_* flag that only mount(2) has          */
    MOUNT_OPTION_PROPAGATION, /* `set` is MS_SHARED and the like, with MS_REC for the whole tree  */
    MOUNT_OPTION_EXTENSION    /* `set` is one bit of enum mount_extension                         */
};

/* What is no property of a mount but says how it is to be made. */
enum mount_extension {
    MOUNT_BIND = 1,
    MOUNT_BIND_RECURSIVE = 2,
    MOUNT_REMOUNT = 4,
    MOUNT_COPY_UP = 8,
    MOUNT_ID_MAP = 16,
    MOUNT_ID_MAP_RECURSIVE = 32,
    MOUNT_OPTIONAL = 64,         /* of ours: a bind whose source is missing is left out */
    MOUNT_COPY_SYMLINK = 128,    /* of crun: a source that is a link is made anew, not mounted */
    MOUNT_SOURCE_NOFOLLOW = 256, /* of crun: a source that is a link is bound itself */
    MOUNT_DESTINATION_NOFOLLOW = 512, /* of crun: a destination that is a link is covered itself */
};

struct mount_option {
    const char *name;
    enum mount_option_kind kind;
    uint64_t set;
    uint64_t clear;
};

extern const struct mount_option mount_options[];
extern const size_t mount_option_count;

/* The row of that name, or NULL: then it is data. */
const struct mount_option *mount_option_find(const char *name);
