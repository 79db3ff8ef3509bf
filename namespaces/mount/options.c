#include "namespaces/mount/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/mount.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

#define NOTHING     MOUNT_OPTION_NOTHING
#define ATTRIBUTE   MOUNT_OPTION_ATTRIBUTE
#define RECURSIVE   MOUNT_OPTION_RECURSIVE
#define SUPERBLOCK  MOUNT_OPTION_SUPERBLOCK
#define CLASSIC     MOUNT_OPTION_CLASSIC
#define PROPAGATION MOUNT_OPTION_PROPAGATION
#define EXTENSION   MOUNT_OPTION_EXTENSION

#define RDONLY      MOUNT_ATTR_RDONLY
#define NOSUID      MOUNT_ATTR_NOSUID
#define NODEV       MOUNT_ATTR_NODEV
#define NOEXEC      MOUNT_ATTR_NOEXEC
#define NODIRATIME  MOUNT_ATTR_NODIRATIME
#define NOSYMFOLLOW MOUNT_ATTR_NOSYMFOLLOW
/* How access times are kept is one value, not three flags: setting it clears the whole of it, and
 * the negations go back to the kernel's default, relatime. */
#define ATIME MOUNT_ATTR__ATIME

const struct mount_option mount_options[] = {
  /* name           kind         set                     clear */
    {"defaults",       NOTHING,     0,                          0             },
    {"ro",             ATTRIBUTE,   RDONLY,                     0             },
    {"rw",             ATTRIBUTE,   0,                          RDONLY        },
    {"nosuid",         ATTRIBUTE,   NOSUID,                     0             },
    {"suid",           ATTRIBUTE,   0,                          NOSUID        },
    {"nodev",          ATTRIBUTE,   NODEV,                      0             },
    {"dev",            ATTRIBUTE,   0,                          NODEV         },
    {"noexec",         ATTRIBUTE,   NOEXEC,                     0             },
    {"exec",           ATTRIBUTE,   0,                          NOEXEC        },
    {"nosymfollow",    ATTRIBUTE,   NOSYMFOLLOW,                0             },
    {"symfollow",      ATTRIBUTE,   0,                          NOSYMFOLLOW   },
    {"nodiratime",     ATTRIBUTE,   NODIRATIME,                 0             },
    {"diratime",       ATTRIBUTE,   0,                          NODIRATIME    },
    {"noatime",        ATTRIBUTE,   MOUNT_ATTR_NOATIME,         ATIME         },
    {"atime",          ATTRIBUTE,   MOUNT_ATTR_RELATIME,        ATIME         },
    {"relatime",       ATTRIBUTE,   MOUNT_ATTR_RELATIME,        ATIME         },
    {"norelatime",     ATTRIBUTE,   MOUNT_ATTR_RELATIME,        ATIME         },
    {"strictatime",    ATTRIBUTE,   MOUNT_ATTR_STRICTATIME,     ATIME         },
    {"nostrictatime",  ATTRIBUTE,   MOUNT_ATTR_RELATIME,        ATIME         },

    {"rro",            RECURSIVE,   RDONLY,                     0             },
    {"rrw",            RECURSIVE,   0,                          RDONLY        },
    {"rnosuid",        RECURSIVE,   NOSUID,                     0             },
    {"rsuid",          RECURSIVE,   0,                          NOSUID        },
    {"rnodev",         RECURSIVE,   NODEV,                      0             },
    {"rdev",           RECURSIVE,   0,                          NODEV         },
    {"rnoexec",        RECURSIVE,   NOEXEC,                     0             },
    {"rexec",          RECURSIVE,   0,                          NOEXEC        },
    {"rnosymfollow",   RECURSIVE,   NOSYMFOLLOW,                0             },
    {"rsymfollow",     RECURSIVE,   0,                          NOSYMFOLLOW   },
    {"rnodiratime",    RECURSIVE,   NODIRATIME,                 0             },
    {"rdiratime",      RECURSIVE,   0,                          NODIRATIME    },
    {"rnoatime",       RECURSIVE,   MOUNT_ATTR_NOATIME,         ATIME         },
    {"ratime",         RECURSIVE,   MOUNT_ATTR_RELATIME,        ATIME         },
    {"rrelatime",      RECURSIVE,   MOUNT_ATTR_RELATIME,        ATIME         },
    {"rnorelatime",    RECURSIVE,   MOUNT_ATTR_RELATIME,        ATIME         },
    {"rstrictatime",   RECURSIVE,   MOUNT_ATTR_STRICTATIME,     ATIME         },
    {"rnostrictatime", RECURSIVE,   MOUNT_ATTR_RELATIME,        ATIME         },

 /* Of the file system: the source of a bind mount keeps its own.  MS_* is for mount(2). */
    {"sync",           SUPERBLOCK,  MS_SYNCHRONOUS,             0             },
    {"async",          SUPERBLOCK,  0,                          MS_SYNCHRONOUS},
    {"dirsync",        SUPERBLOCK,  MS_DIRSYNC,                 0             },
    {"mand",           SUPERBLOCK,  MS_MANDLOCK,                0             },
    {"nomand",         SUPERBLOCK,  0,                          MS_MANDLOCK   },
    {"lazytime",       SUPERBLOCK,  MS_LAZYTIME,                0             },
    {"nolazytime",     SUPERBLOCK,  0,                          MS_LAZYTIME   },
 /* fsconfig(2) has no word for these.  Many file systems count changes unasked (ext4 since 6.1,
  * xfs, btrfs, tmpfs since 6.6); silent is about the kernel's log. */
    {"iversion",       CLASSIC,     MS_I_VERSION,               0             },
    {"noiversion",     CLASSIC,     0,                          MS_I_VERSION  },
    {"silent",         CLASSIC,     MS_SILENT,                  0             },
    {"loud",           CLASSIC,     0,                          MS_SILENT     },
 /* SB_POSIXACL is not to be asked for: a file system that has ACLs sets it by itself, whatever
  was asked. */
    {"acl",            NOTHING,     0,                          0             },
    {"noacl",          NOTHING,     0,                          0             },

    {"private",        PROPAGATION, MS_PRIVATE,                 0             },
    {"shared",         PROPAGATION, MS_SHARED,                  0             },
    {"slave",          PROPAGATION, MS_SLAVE,                   0             },
    {"unbindable",     PROPAGATION, MS_UNBINDABLE,              0             },
    {"rprivate",       PROPAGATION, MS_PRIVATE | MS_REC,        0             },
    {"rshared",        PROPAGATION, MS_SHARED | MS_REC,         0             },
    {"rslave",         PROPAGATION, MS_SLAVE | MS_REC,          0             },
    {"runbindable",    PROPAGATION, MS_UNBINDABLE | MS_REC,     0             },

    {"bind",           EXTENSION,   MOUNT_BIND,                 0             },
    {"rbind",          EXTENSION,   MOUNT_BIND_RECURSIVE,       0             },
    {"remount",        EXTENSION,   MOUNT_REMOUNT,              0             },
    {"tmpcopyup",      EXTENSION,   MOUNT_COPY_UP,              0             },
    {"idmap",          EXTENSION,   MOUNT_ID_MAP,               0             },
    {"ridmap",         EXTENSION,   MOUNT_ID_MAP_RECURSIVE,     0             },
    {"optional",       EXTENSION,   MOUNT_OPTIONAL,             0             },
    {"copy-symlink",   EXTENSION,   MOUNT_COPY_SYMLINK,         0             },
    {"src-nofollow",   EXTENSION,   MOUNT_SOURCE_NOFOLLOW,      0             },
    {"dest-nofollow",  EXTENSION,   MOUNT_DESTINATION_NOFOLLOW, 0             },
};

const size_t mount_option_count = count_of(mount_options);

const struct mount_option *mount_option_find(const char *name)
{
    for (size_t i = 0; i < mount_option_count; i++)
        if (strcmp(mount_options[i].name, name) == 0)
            return &mount_options[i];
    return NULL;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

int mount_option_names(struct string_list *ret, struct arena *arena, struct error *err)
{
    const char **names = arena_zero(arena, mount_option_count + 1, sizeof *names);

    if (names == NULL)
        return no_memory(err);
    for (size_t i = 0; i < mount_option_count; i++)
        names[i] = mount_options[i].name;
    qsort(names, mount_option_count, sizeof *names, by_name);
    *ret = (struct string_list){.items = names, .count = mount_option_count};
    return 0;
}
