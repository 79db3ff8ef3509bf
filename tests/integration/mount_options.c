/* config.md "Linux mount options": what each word of mounts[].options does to a mount. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/loop.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/options.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/host_mounts.h"
#include "tests/integration/harness/scenario.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

#define MOUNTINFO "cat /proc/self/mountinfo"

/* --- of the mount ------------------------------------------------------------------------------
 */

/* What a mount has that is told nothing. */
#define PLAIN "rw,relatime"

static const struct attribute_row {
    const char *option;
    unsigned long source; /* MS_* that the mounts of the host have beforehand */
    const char *fresh;    /* field 6 of mountinfo: a new tmpfs, */
    const char *top;      /* a bind, and the top of a recursive one, */
    const char *below;    /* a mount below that */
} attribute_rows[] = {
  /* option          source          fresh                      top  below */
    {"defaults",                     0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"ro",                           0,              "ro,relatime",                     "ro,relatime",             PLAIN                    },
    {"rw",                           MS_RDONLY,      PLAIN,                             PLAIN,                     "ro,relatime"            },
    {"nosuid",                       0,              "rw,nosuid,relatime",              "rw,nosuid,relatime",      PLAIN                    },
    {"suid",                         MS_NOSUID,      PLAIN,                             PLAIN,                     "rw,nosuid,relatime"     },
    {"nodev",                        0,              "rw,nodev,relatime",               "rw,nodev,relatime",       PLAIN                    },
    {"dev",                          MS_NODEV,       PLAIN,                             PLAIN,                     "rw,nodev,relatime"      },
    {"noexec",                       0,              "rw,noexec,relatime",              "rw,noexec,relatime",      PLAIN                    },
    {"exec",                         MS_NOEXEC,      PLAIN,                             PLAIN,                     "rw,noexec,relatime"     },
    {"nosymfollow",                  0,              "rw,relatime,nosymfollow",         "rw,relatime,nosymfollow", PLAIN                    },
    {"symfollow",                    MS_NOSYMFOLLOW, PLAIN,                             PLAIN,                     "rw,relatime,nosymfollow"},
    {"nodiratime",                   0,              "rw,nodiratime,relatime",          "rw,nodiratime,relatime",  PLAIN                    },
    {"diratime",                     MS_NODIRATIME,  PLAIN,                             PLAIN,                     "rw,nodiratime,relatime" },
    {"noatime",                      0,              "rw,noatime",                      "rw,noatime",              PLAIN                    },
    {"atime",                        MS_NOATIME,     PLAIN,                             PLAIN,                     "rw,noatime"             },
    {"relatime",                     MS_NOATIME,     PLAIN,                             PLAIN,                     "rw,noatime"             },
    {"norelatime",                   MS_NOATIME,     PLAIN,                             PLAIN,                     "rw,noatime"             },
    {"strictatime",                  0,              "rw",                              "rw",                      PLAIN                    },
    {"nostrictatime",                MS_STRICTATIME, PLAIN,                             PLAIN,                     "rw"                     },

    {"rro",                          0,              "ro,relatime",                     "ro,relatime",             "ro,relatime"            },
    {"rrw",                          MS_RDONLY,      PLAIN,                             PLAIN,                     PLAIN                    },
    {"rnosuid",                      0,              "rw,nosuid,relatime",              "rw,nosuid,relatime",      "rw,nosuid,relatime"     },
    {"rsuid",                        MS_NOSUID,      PLAIN,                             PLAIN,                     PLAIN                    },
    {"rnodev",                       0,              "rw,nodev,relatime",               "rw,nodev,relatime",       "rw,nodev,relatime"      },
    {"rdev",                         MS_NODEV,       PLAIN,                             PLAIN,                     PLAIN                    },
    {"rnoexec",                      0,              "rw,noexec,relatime",              "rw,noexec,relatime",      "rw,noexec,relatime"     },
    {"rexec",                        MS_NOEXEC,      PLAIN,                             PLAIN,                     PLAIN                    },
    {"rnosymfollow",                 0,              "rw,relatime,nosymfollow",         "rw,relatime,nosymfollow",
     "rw,relatime,nosymfollow"                                                                                                              },
    {"rsymfollow",                   MS_NOSYMFOLLOW, PLAIN,                             PLAIN,                     PLAIN                    },
    {"rnodiratime",                  0,              "rw,nodiratime,relatime",          "rw,nodiratime,relatime",
     "rw,nodiratime,relatime"                                                                                                               },
    {"rdiratime",                    MS_NODIRATIME,  PLAIN,                             PLAIN,                     PLAIN                    },
    {"rnoatime",                     0,              "rw,noatime",                      "rw,noatime",              "rw,noatime"             },
    {"ratime",                       MS_NOATIME,     PLAIN,                             PLAIN,                     PLAIN                    },
    {"rrelatime",                    MS_NOATIME,     PLAIN,                             PLAIN,                     PLAIN                    },
    {"rnorelatime",                  MS_NOATIME,     PLAIN,                             PLAIN,                     PLAIN                    },
    {"rstrictatime",                 0,              "rw",                              "rw",                      "rw"                     },
    {"rnostrictatime",               MS_STRICTATIME, PLAIN,                             PLAIN,                     PLAIN                    },

 /* Of the file system, or of none: the mount stays as it is. */
    {"sync",                         0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"async",                        0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"dirsync",                      0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"mand",                         0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"nomand",                       0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"lazytime",                     0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"nolazytime",                   0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"iversion",                     0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"noiversion",                   0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"silent",                       0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"loud",                         0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"acl",                          0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"noacl",                        0,              PLAIN,                             PLAIN,                     PLAIN                    },

 /* Several: of those of one kind the later one wins, and those of the tree win over the
  others. */
    {"ro\",\"rw",                    0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"rw\",\"ro",                    0,              "ro,relatime",                     "ro,relatime",             PLAIN                    },
    {"rro\",\"rrw",                  0,              PLAIN,                             PLAIN,                     PLAIN                    },
    {"rrw\",\"rro",                  0,              "ro,relatime",                     "ro,relatime",             "ro,relatime"            },
    {"rw\",\"rro",                   0,              "ro,relatime",                     "ro,relatime",             "ro,relatime"            },
    {"rro\",\"rw",                   0,              "ro,relatime",                     "ro,relatime",             "ro,relatime"            },
    {"ro\",\"rrw",                   MS_RDONLY,      PLAIN,                             PLAIN,                     PLAIN                    },
    {"noatime\",\"rstrictatime",     0,              "rw",                              "rw",                      "rw"                     },
    {"rnoatime\",\"strictatime",     0,              "rw,noatime",                      "rw,noatime",              "rw,noatime"             },
    {"nosuid\",\"nodev\",\"rnoexec", 0,              "rw,nosuid,nodev,noexec,relatime",
     "rw,nosuid,nodev,noexec,relatime",                                                                            "rw,noexec,relatime"     },
};

static const struct attribute_row *row_of(const char *option)
{
    for (size_t i = 0; i < count_of(attribute_rows); i++)
        if (strcmp(attribute_rows[i].option, option) == 0)
            return &attribute_rows[i];
    return NULL;
}

/* A word that is added to the table of words needs a row here. */
Scenario(mount_options, the_table_of_attributes_is_complete)
{
    for (size_t i = 0; i < mount_option_count; i++) {
        enum mount_option_kind kind = mount_options[i].kind;

        if (kind != MOUNT_OPTION_PROPAGATION && kind != MOUNT_OPTION_EXTENSION)
            cr_assert(row_of(mount_options[i].name) != NULL, "%s", mount_options[i].name);
    }
}

/* A mount of the host with another one below it, both with those flags. */
static const char *make_source(size_t row)
{
    const char *top = host_tmpfs(text("source%zu", row));
    const char *below = host_tmpfs(text("source%zu/below", row));

    if (attribute_rows[row].source != 0) {
        host_set_mount_flags(below, attribute_rows[row].source);
        host_set_mount_flags(top, attribute_rows[row].source);
    }
    return top;
}

Scenario(mount_options, all_are_in_force_on_new_file_systems_binds_and_trees)
{
    struct bundle *bundle = bundle_new();
    const char *mounts;

    need_root();
    for (size_t i = 0; i < count_of(attribute_rows); i++) {
        const char *option = text("\"%s\"", attribute_rows[i].option);
        const char *source = make_source(i);

        bundle_mount(bundle, text("/fresh/%zu", i), "tmpfs", "tmpfs", option);
        bundle_mount(bundle, text("/bind/%zu", i), "none", source, text("\"bind\",%s", option));
        bundle_mount(bundle, text("/tree/%zu", i), "none", source, text("\"rbind\",%s", option));
    }
    mounts = inside(bundle, MOUNTINFO);
    for (size_t i = 0; i < count_of(attribute_rows); i++) {
        const struct {
            const char *point;
            const char *expected;
        } places[] = {
            {text("/fresh/%zu",      i), attribute_rows[i].fresh},
            {text("/bind/%zu",       i), attribute_rows[i].top  },
            {text("/bind/%zu/below", i), ""                     },
            {text("/tree/%zu",       i), attribute_rows[i].top  },
            {text("/tree/%zu/below", i), attribute_rows[i].below},
        };

        for (size_t place = 0; place < count_of(places); place++)
            cr_expect_str_eq(mounted_at(mounts, places[place].point).options,
                             places[place].expected, "\"%s\" on %s: \"%s\" instead of \"%s\"",
                             attribute_rows[i].option, places[place].point,
                             mounted_at(mounts, places[place].point).options,
                             places[place].expected);
    }
}

/* Whoever is root in a user namespace does not get rid of what the host locked. */
Scenario(mount_options, a_bind_in_a_user_namespace_keeps_locked_flags)
{
    static const char *const rows[] = {"\"ro\"", "\"rro\"", "\"ro\",\"exec\",\"suid\"",
                                       "\"rro\",\"rexec\",\"rsuid\""};
    const char *source;

    need_root();
    source = host_tmpfs("locked");
    host_set_mount_flags(source, MS_NOSUID | MS_NODEV | MS_NOEXEC);
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();

        bundle_map_users(bundle, 100000, 65536);
        bundle_mount(bundle, "/work", "none", source, text("\"rbind\",%s", rows[i]));
        assert_text(mounted_at(inside(bundle, MOUNTINFO), "/work").options,
                    "ro,nosuid,nodev,noexec,relatime");
    }
}

/* --- of the file system ------------------------------------------------------------------------
 */

static const struct {
    const char *options;
    const char *expected; /* among the super block options of a new tmpfs */
    const char *absent;
} super_rows[] = {
    {"\"sync\"",                    ",sync,",     ",dirsync," },
    {"\"sync\",\"async\"",          ",rw,",       ",sync,"    },
    {"\"dirsync\"",                 ",dirsync,",  ",sync,"    },
    {"\"mand\"",                    ",mand,",     ",sync,"    },
    {"\"mand\",\"nomand\"",         ",rw,",       ",mand,"    },
    {"\"lazytime\"",                ",lazytime,", ",sync,"    },
    {"\"lazytime\",\"nolazytime\"", ",rw,",       ",lazytime,"},
    {"\"sync\",\"silent\"",         ",sync,",     ",dirsync," },
    {"\"lazytime\",\"iversion\"",   ",lazytime,", ",sync,"    },
};

Scenario(mount_options, those_of_the_file_system_are_its_own_and_no_binds)
{
    struct bundle *bundle = bundle_new();
    const char *source, *mounts;

    need_root();
    source = host_tmpfs("source");
    for (size_t i = 0; i < count_of(super_rows); i++) {
        bundle_mount(bundle, text("/fresh/%zu", i), "tmpfs", "tmpfs", super_rows[i].options);
        bundle_mount(bundle, text("/bind/%zu", i), "none", source,
                     text("\"bind\",%s", super_rows[i].options));
    }
    mounts = inside(bundle, MOUNTINFO);
    for (size_t i = 0; i < count_of(super_rows); i++) {
        const char *fresh = text(",%s,", mounted_at(mounts, text("/fresh/%zu", i)).super_options);
        const char *bind = mounted_at(mounts, text("/bind/%zu", i)).super_options;

        assert_has(fresh, super_rows[i].expected);
        assert_lacks(fresh, super_rows[i].absent);
        assert_text(bind, mounted_at(file_text("/proc/self/mountinfo"), source).super_options);
    }
}

Scenario(mount_options, data_reach_the_file_system)
{
    static const char *const more[] = {"", ",\"silent\"", ",\"iversion\",\"nosuid\""};

    need_root();
    for (size_t i = 0; i < count_of(more); i++) {
        struct bundle *bundle = bundle_new();
        struct mounted mounted;
        const char *seen;

        bundle_mount(bundle, "/work", "tmpfs", "my-source",
                     text("\"size=1m\",\"mode=1700\",\"nr_inodes=77\"%s", more[i]));
        seen = inside(bundle, MOUNTINFO "; stat -c %a /work");
        mounted = mounted_at(seen, "/work");
        assert_text(mounted.type, "tmpfs");
        assert_text(mounted.source, "my-source");
        assert_has(mounted.super_options, "size=1024k");
        assert_has(mounted.super_options, "nr_inodes=77");
        assert_has(seen, "\n1700");
    }
}

Scenario(mount_options, data_reach_a_procfs)
{
    struct bundle *bundle = bundle_new();
    const char *super;

    need_root();
    bundle_set(bundle, "mounts[0].options[+]", "\"hidepid=2\"");
    super = mounted_at(inside(bundle, MOUNTINFO), "/proc").super_options;
    assert_has(super, "hidepid=");
}

/* Without a namespace of its own the container gets the host's procfs, and its cgroups are in the
 * host's hierarchies: what those shall be like is not the container's to say.  It is told. */
Scenario(mount_options, data_that_cannot_be_had_are_named)
{
    static const struct {
        const char *without; /* that namespace */
        const char *mount;
        const char *warning;
    } rows[] = {
        {"pid",
         "{\"destination\":\"/other\",\"type\":\"proc\",\"source\":\"proc\","
         "\"options\":[\"nosuid\",\"hidepid=2\"]}",        "mounts[6] /other: options[1]: \"hidepid\" is left out"         },
        {NULL,
         "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
         "\"options\":[\"ro\",\"memory_recursiveprot\"]}", "mounts[6].options[1]: \"memory_recursiveprot\" changes nothing"},
    };

    need_root();
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();
        struct outcome outcome;

        bundle_map_users(bundle, 100000, 65536);
        if (rows[i].without != NULL)
            bundle_without_namespace(bundle, rows[i].without);
        bundle_set(bundle, "mounts[+]", "%s", rows[i].mount);
        bundle_script(bundle, "true");
        outcome = bundle_run(bundle);
        assert_ok(outcome);
        assert_has(outcome.err, rows[i].warning);
    }
}

/* These two are mounted by mount(2): everything else must be as with the others. */
Scenario(mount_options, silent_and_iversion_go_together_with_the_rest)
{
    struct bundle *bundle = bundle_new();
    const char *seen;

    need_root();
    bundle_file(bundle, "work/kept", "content", 0640);
    cr_assert(chmod(text("%s/work", bundle->rootfs), 0711) == 0);
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs",
                 "\"silent\",\"iversion\",\"ro\",\"noatime\",\"nosymfollow\",\"shared\","
                 "\"tmpcopyup\",\"size=1m\"");
    bundle_mount(bundle, "/work/later", "tmpfs", "tmpfs", "\"silent\",\"loud\"");
    bundle_mount(bundle, "/pts", "devpts", "devpts", "\"silent\",\"newinstance\"");
    bundle_mount(bundle, "/queues", "mqueue", "mqueue", "\"iversion\"");
    seen = inside(bundle, MOUNTINFO "; stat -c %a /work; cat /work/kept");
    assert_text(mounted_at(seen, "/work").options, "ro,noatime,nosymfollow");
    assert_has(mounted_at(seen, "/work").super_options, "size=1024k");
    assert_has(mounted_at(seen, "/work").fields, "shared:");
    assert_text(mounted_at(seen, "/work/later").options, PLAIN);
    assert_text(mounted_at(seen, "/pts").type, "devpts");
    assert_text(mounted_at(seen, "/queues").type, "mqueue");
    assert_has(seen, "\n711\ncontent");
}

/* What falls back on the host's mount, or on other data, does so with these words as well. */
Scenario(mount_options, silent_and_iversion_leave_the_ways_out_open)
{
    struct bundle *bundle = bundle_new();
    const char *mounts = file_text("/proc/self/mountinfo");
    bool host_has_queues = strcmp(mounted_at(mounts, "/dev/mqueue").type, "mqueue") == 0;

    need_root();
    bundle_map_users(bundle, 100000, 3);
    bundle_without_namespace(bundle, "ipc");
    bundle_remove(bundle, "mounts[4]"); /* /dev/mqueue */
    if (file_exists("/dev/mqueue"))     /* the host's, which is what there is then */
        bundle_mount(bundle, "/queues", "mqueue", "mqueue", "\"silent\",\"nosuid\"");
    bundle_mount(bundle, "/pts", "devpts", "devpts", "\"iversion\",\"newinstance\",\"gid=5\"");
    mounts = inside(bundle, MOUNTINFO);
    if (host_has_queues)
        assert_text(mounted_at(mounts, "/queues").type, "mqueue");
    assert_text(mounted_at(mounts, "/pts").type, "devpts");
}

/* --- silent: no word of the kernel in its log ---------------------------------------------------
 */

/* A block device full of zeros: no file system is on it.  Its name is in every message. */
static int make_empty_device(const char **ret_path)
{
    autoclose int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    autoclose int image = open(work_path("image"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int device = -1;

    cr_assert(image >= 0 && ftruncate(image, 1 << 20) == 0);
    for (int tries = 0; control >= 0 && tries < 20; tries++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        struct loop_config config = {.fd = (unsigned)image,
                                     .info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_READ_ONLY};

        *ret_path = text("/dev/loop%d", number);
        device = number < 0 ? -1 : open(*ret_path, O_RDONLY | O_CLOEXEC);
        if (device < 0 || ioctl(device, LOOP_CONFIGURE, &config) == 0)
            break;
        close_fd(&device); /* somebody else was faster */
    }
    if (device < 0)
        skip("no loop device to be had here");
    return device;
}

/* What has been logged since `log` was read last, as far as it names that device. */
static bool kernel_spoke_of(int log, const char *device)
{
    const char *name = text("(%s)", strrchr(device, '/') + 1);
    char record[8192];
    bool spoke = false;

    for (;;) {
        ssize_t length = read(log, record, sizeof record - 1);

        if (length < 0 && errno == EPIPE)
            continue;
        if (length <= 0)
            return spoke;
        record[length] = '\0';
        spoke = spoke || strstr(record, name) != NULL;
    }
}

Scenario(mount_options, silent_keeps_a_failure_out_of_the_kernels_log)
{
    static const struct {
        const char *options;
        bool spoken_of;
    } rows[] = {
        {"\"ro\"",                     true },
        {"\"ro\",\"silent\"",          false},
        {"\"ro\",\"silent\",\"loud\"", true },
        {"\"ro\",\"iversion\"",        true },
        {"\"ro\",\"loud\",\"silent\"", false},
    };
    const char *path;
    autoclose int device = -1;
    autoclose int log = -1;

    need_root();
    if (strstr(file_text("/proc/filesystems"), "\text4\n") == NULL)
        skip("this kernel has no ext4 in it");
    log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (log < 0 || lseek(log, 0, SEEK_END) < 0)
        skip("the kernel's log may not be read here");
    device = make_empty_device(&path);
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();

        kernel_spoke_of(log, path);
        bundle_set(bundle, "linux.resources.devices", "[{\"allow\":true,\"access\":\"rwm\"}]");
        bundle_mount(bundle, "/work", "ext4", path, rows[i].options);
        bundle_script(bundle, "true");
        assert_refused(bundle_run(bundle), 1, "mounts[6] /work: ");
        cr_assert(kernel_spoke_of(log, path) == rows[i].spoken_of, "%s", rows[i].options);
    }
}

/* --- remount -----------------------------------------------------------------------------------
 */

static const struct {
    const char *type;     /* of what is there: "tmpfs", with nosuid and size=2m, or "bind" */
    const char *options;  /* beside "remount" */
    const char *expected; /* of the mount */
    const char *super;    /* among those of the file system; NULL: it is as it was */
} remount_rows[] = {
    {"tmpfs", "\"ro\"",                   "ro,nosuid,relatime", NULL          },
    {"tmpfs", "\"noexec\",\"suid\"",      "rw,noexec,relatime", NULL          },
    {"tmpfs", "\"rw\",\"rro\"",           "ro,nosuid,relatime", NULL          },
    {"tmpfs", "\"size=1m\"",              "rw,nosuid,relatime", ",size=1024k,"},
    {"tmpfs", "\"size=1m\",\"ro\"",       "ro,nosuid,relatime", ",size=1024k,"},
    {"tmpfs", "\"sync\"",                 "rw,nosuid,relatime", ",sync,"      },
    {"tmpfs", "\"lazytime\",\"async\"",   "rw,nosuid,relatime", ",lazytime,"  },
    {"tmpfs", "\"bind\",\"sync\",\"ro\"", "ro,nosuid,relatime", NULL          },
    {"tmpfs", "\"silent\",\"noatime\"",   "rw,nosuid,noatime",  NULL          },
    {"bind",  "\"nodev\",\"bind\"",       "rw,nodev,relatime",  NULL          },
    {"bind",  "\"nodev\"",                "rw,nodev,relatime",  NULL          },
};

Scenario(mount_options, a_remount_changes_what_it_names)
{
    const char *source;

    need_root();
    source = host_tmpfs("source");
    for (size_t i = 0; i < count_of(remount_rows); i++) {
        struct bundle *bundle = bundle_new();
        bool bind = strcmp(remount_rows[i].type, "bind") == 0;
        struct mounted before, after;

        bundle_mount(bundle, "/work", remount_rows[i].type, source,
                     bind ? "\"bind\"" : "\"nosuid\",\"size=2m\"");
        before = mounted_at(inside(bundle, MOUNTINFO), "/work");
        bundle_mount(bundle, "/work", remount_rows[i].type, source,
                     text("\"remount\",%s", remount_rows[i].options));
        after = mounted_at(inside(bundle, MOUNTINFO), "/work");
        cr_assert_str_eq(after.options, remount_rows[i].expected, "%s: %s", remount_rows[i].options,
                         after.options);
        if (remount_rows[i].super == NULL)
            assert_text(after.super_options, before.super_options);
        else
            assert_has(text(",%s,", after.super_options), remount_rows[i].super);
    }
}

/* The host's file system is not changed by what was meant for one mount of it. */
Scenario(mount_options, a_read_only_remount_leaves_the_host_alone)
{
    struct bundle *bundle = bundle_new();
    const char *source;

    need_root();
    source = host_tmpfs("source");
    bundle_mount(bundle, "/work", "none", source, "\"bind\"");
    bundle_mount(bundle, "/work", "none", source, "\"remount\",\"ro\"");
    assert_text(inside(bundle, "touch /work/x 2>/dev/null || echo read-only"), "read-only");
    work_file("source/file", "writable");
}

/* Devices are made after all mounts. */
Scenario(mount_options, a_read_only_remount_of_dev_waits_for_its_devices)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_mount(bundle, "/dev", "tmpfs", "tmpfs", "\"remount\",\"ro\"");
    assert_text(inside(bundle, "ls /dev/null; touch /dev/x 2>/dev/null || echo read-only"),
                "/dev/null\nread-only");
}

/* What is mounted below is read-only at once; what comes later is as it says itself. */
Scenario(mount_options, a_read_only_remount_of_the_tree_of_dev_is_one_of_what_is_below)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_mount(bundle, "/dev", "tmpfs", "tmpfs", "\"remount\",\"rro\"");
    bundle_mount(bundle, "/dev/late", "tmpfs", "tmpfs", "");
    assert_text(inside(bundle, "ls /dev/null; for d in '' /shm /pts /mqueue /late; do "
                               "grep -o \" /dev$d r[ow],\" /proc/self/mountinfo; done; "
                               "for d in '' /shm /late; do touch /dev$d/x 2>/dev/null && "
                               "echo writable || echo read-only; done"),
                "/dev/null\n /dev ro,\n /dev/shm ro,\n /dev/pts ro,\n /dev/mqueue ro,\n"
                " /dev/late rw,\nread-only\nread-only\nwritable");
}

Scenario(mount_options, a_remount_that_cannot_be_is_refused)
{
    static const struct {
        const char *options, *message;
    } rows[] = {
        {"\"remount\",\"no-such=1\"",
         "mounts[7] /work: option \"no-such=1\": Invalid argument (tmpfs: Unknown parameter"              },
        {"\"remount\",\"size=abc\"",         "mounts[7] /work: option \"size=abc\": Invalid argument"     },
        {"\"remount\",\"bind\",\"size=1m\"",
         "mounts[7].options[2]: \"size\" is no option of a bind mount"                                    },
        {"\"remount\",\"iversion\"",
         "mounts[7].options: \"iversion\" cannot be given by a remount"                                   },
        {"\"remount\",\"dirsync\"",          "mounts[7].options: \"dirsync\" cannot be given by a remount"},
    };

    need_root();
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();

        bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "");
        bundle_mount(bundle, "/work", "tmpfs", "tmpfs", rows[i].options);
        bundle_script(bundle, "true");
        assert_refused(bundle_run(bundle), 1, rows[i].message);
    }
}

/* --- symbolic links -----------------------------------------------------------------------------
 */

/* A file and a link to it, on the host; a link in the container to a file there. */
static struct bundle *make_links(void)
{
    struct bundle *bundle = bundle_new();

    host_directory("links");
    work_file("links/file", "the host's");
    cr_assert(symlink("file", work_path("links/link")) == 0);
    bundle_file(bundle, "work/real", "the image's", 0644);
    bundle_file(bundle, "work/file", "its neighbour", 0644);
    cr_assert(symlink("real", text("%s/work/name", bundle->rootfs)) == 0);
    return bundle;
}

static const struct {
    const char *options;
    const char *destination;
    const char *link;  /* what the destination is, as a link; "" when it is none */
    const char *seen;  /* through it */
    const char *point; /* where something is mounted; "": nowhere */
} link_rows[] = {
    {"",                                    "/work/new",  "",     "the host's",    "/work/new" },
    {"",                                    "/work/name", "real", "the host's",    "/work/real"},
    {",\"dest-nofollow\"",                  "/work/new",  "",     "the host's",    "/work/new" },
    {",\"dest-nofollow\"",                  "/work/name", "",     "the host's",    "/work/name"},
    {",\"src-nofollow\"",                   "/work/new",  "file", "its neighbour", "/work/new" },
    {",\"src-nofollow\",\"dest-nofollow\"", "/work/name", "file", "its neighbour", "/work/name"},
    {",\"copy-symlink\"",                   "/work/new",  "file", "its neighbour", ""          },
    {",\"copy-symlink\",\"optional\"",      "/up/down",   "file", "",              ""          },
};

Scenario(mount_options, links_are_followed_or_not)
{
    need_root();
    for (size_t i = 0; i < count_of(link_rows); i++) {
        struct bundle *bundle = i == 0 ? make_links() : bundle_new();
        const char *seen;

        if (i > 0) {
            bundle_file(bundle, "work/real", "the image's", 0644);
            bundle_file(bundle, "work/file", "its neighbour", 0644);
            cr_assert(symlink("real", text("%s/work/name", bundle->rootfs)) == 0);
        }
        bundle_mount(bundle, link_rows[i].destination, "none", work_path("links/link"),
                     text("\"bind\"%s", link_rows[i].options));
        seen = inside(bundle, text("echo \"[$(readlink %s)]\"; cat %s 2>/dev/null; echo; %s",
                                   link_rows[i].destination, link_rows[i].destination, MOUNTINFO));
        assert_has(seen, text("[%s]\n%s\n", link_rows[i].link, link_rows[i].seen));
        for (size_t other = 0; other < count_of(link_rows); other++) {
            const char *point = link_rows[other].point;
            bool expected = strcmp(point, link_rows[i].point) == 0;

            if (*point != '\0')
                cr_assert((*mounted_at(seen, point).options != '\0') == expected, "%s %s: %s",
                          link_rows[i].options, link_rows[i].destination, point);
        }
    }
}

Scenario(mount_options, a_copied_link_may_be_there_already_but_nothing_else)
{
    struct bundle *bundle = make_links();

    need_root();
    bundle_mount(bundle, "/work/new", "none", work_path("links/link"), "\"bind\",\"copy-symlink\"");
    assert_text(inside(bundle, "readlink /work/new"), "file");
    assert_text(inside(bundle, "readlink /work/new"), "file");
    bundle_set(bundle, "mounts[6].destination", "\"/work/name\"");
    bundle_script(bundle, "true");
    assert_refused(bundle_run(bundle), 1,
                   "mounts[6] /work/name: something else is there than a link to file");
    bundle_set(bundle, "mounts[6].destination", "\"/work/real\"");
    assert_refused(bundle_run(bundle), 1, "mounts[6] /work/real: something else is there");
}

/* What is no link is bound as ever. */
Scenario(mount_options, link_options_of_what_is_no_link)
{
    struct bundle *bundle = make_links();

    need_root();
    bundle_mount(bundle, "/a", "none", work_path("links/file"), "\"bind\",\"copy-symlink\"");
    bundle_mount(bundle, "/b", "none", work_path("links"), "\"rbind\",\"src-nofollow\",\"ro\"");
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"dest-nofollow\"");
    assert_text(inside(bundle, "cat /a /b/file; readlink /b/link; ls /work"),
                "the host'sthe host'sfile");
}

/* A link that is copied stays inside, whatever the image has on the way. */
Scenario(mount_options, a_copied_link_is_made_inside)
{
    struct bundle *bundle = make_links();
    const char *outside = host_directory("outside");

    need_root();
    cr_assert(symlink(outside, text("%s/out", bundle->rootfs)) == 0);
    bundle_mount(bundle, "/out/link", "none", work_path("links/link"), "\"bind\",\"copy-symlink\"");
    assert_text(inside(bundle, text("readlink %s/link", outside)), "file");
    cr_assert(rmdir(outside) == 0, "something was made in %s", outside);
}

Scenario(mount_options, link_options_in_a_user_namespace)
{
    struct bundle *bundle = make_links();
    const char *closed;

    need_root();
    closed = host_directory("closed");
    cr_assert(symlink("real", work_path("closed/link")) == 0);
    cr_assert(chmod(closed, 0700) == 0);
    bundle_map_users(bundle, 100000, 65536);
    bundle_mount(bundle, "/work/copy", "none", work_path("closed/link"),
                 "\"bind\",\"copy-symlink\"");
    bundle_mount(bundle, "/work/itself", "none", work_path("closed/link"),
                 "\"bind\",\"src-nofollow\"");
    assert_text(inside(bundle, "cd /work; cat copy itself; readlink copy; readlink itself"),
                "the image'sthe image'sreal\nreal");
}

Scenario(mount_options, link_options_of_no_bind_are_refused)
{
    static const char *const options[] = {"copy-symlink", "src-nofollow"};

    need_root();
    for (size_t i = 0; i < count_of(options); i++) {
        struct bundle *bundle = bundle_new();

        bundle_mount(bundle, "/work", "tmpfs", "tmpfs", text("\"%s\"", options[i]));
        bundle_script(bundle, "true");
        assert_refused(bundle_run(bundle), 1,
                       text("mounts[6].options: \"%s\" needs a bind mount", options[i]));
    }
}
