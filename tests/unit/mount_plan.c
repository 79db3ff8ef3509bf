/* What is refused before anything is touched, and what a plan says otherwise. */

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/plan.h"

static struct arena arena;
static struct error err;
static char warning[256];

static void remember(void *context, enum log_level level, const char *text)
{
    (void)context;
    (void)level;
    snprintf(warning, sizeof warning, "%s", text);
}

static struct spec_root root;
static struct spec_linux linux_;
static struct spec spec;
static struct mount_request request;

/* A bundle that is good and empty; each test makes it what it needs. */
static void begin(void)
{
    root = (struct spec_root){.path = "rootfs"};
    spec = (struct spec){.root = &root, .linux_ = &linux_};
    request = (struct mount_request){
        .spec = &spec, .bundle = "/bundle", .new_mount_namespace = true};
}

static void done(void)
{
    arena_free(&arena);
}

static int plan(struct mount_plan **ret)
{
    const struct log log = {.write = remember};

    return mount_plan_from_spec(ret, &request, &arena, &log, &err);
}

static int plan_mount(struct mount_plan **ret, struct spec_mount *mount)
{
    spec.mounts.items = mount;
    spec.mounts.count = 1;
    return plan(ret);
}

TestSuite(mount_plan, .init = begin, .fini = done);

static const struct {
    const char *destination;
    const char *type;
    const char *message;
} refused_destinations[] = {
    {NULL,              "tmpfs", "mounts[0].destination: is missing or empty"                        },
    {"",                "tmpfs", "mounts[0].destination: is missing or empty"                        },
    {"/",               "tmpfs", "mounts[0].destination: \"/\" is the root itself"                   },
    {"//.//",           "tmpfs", "mounts[0].destination: \"//.//\" is the root itself"               },
    {".",               "tmpfs", "mounts[0].destination: \".\" is the root itself"                   },
    {"/..",             "tmpfs", "mounts[0].destination: \"/..\" has \"..\" in it"                   },
    {"/a/../b",         "tmpfs", "mounts[0].destination: \"/a/../b\" has \"..\" in it"               },
    {"/a/.",            "tmpfs", "mounts[0].destination: \"/a/.\" ends in \"/.\""                    },
    {"/a\nb",           "tmpfs", "mounts[0].destination: \"/a\\x0ab\" has a control character in it" },
    {"/proc",           "tmpfs", "mounts[0].destination: /proc can only be a procfs, not \"tmpfs\""  },
    {"/proc/self/attr", "tmpfs",
     "mounts[0].destination: /proc/self/attr may not be covered by a mount"                          },
    {"/proc/sys",       "bind",  "mounts[0].destination: /proc/sys may not be covered by a mount"    },
    {"//proc/./sys/",   "bind",  "mounts[0].destination: /proc/sys may not be covered by a mount"    },
    {"proc/net/dev",    "bind",  "mounts[0].destination: /proc/net/dev may not be covered by a mount"},
};

Test(mount_plan, destinations_that_are_no_place_of_their_own_are_refused)
{
    for (size_t i = 0; i < count_of(refused_destinations); i++) {
        struct mount_plan *ret = NULL;
        struct spec_mount mount = {.destination = refused_destinations[i].destination,
                                   .type = refused_destinations[i].type,
                                   .source = "/x"};

        cr_expect_lt(plan_mount(&ret, &mount), 0, "%s", refused_destinations[i].message);
        cr_expect_str_eq(err.text, refused_destinations[i].message);
        cr_expect_null(ret);
    }
}

Test(mount_plan, destinations_longer_than_the_kernel_takes_are_refused)
{
    struct mount_plan *ret;
    char path[PATH_MAX + 1];
    struct spec_mount mount = {.destination = path, .type = "tmpfs"};

    memset(path, '/', sizeof path);
    path[PATH_MAX] = '\0';
    cr_expect_eq(plan_mount(&ret, &mount), -ENAMETOOLONG);
    cr_expect_str_eq(err.text, "mounts[0].destination: is longer than 4095 bytes");
    memset(path + 1, 'x', NAME_MAX + 1);
    path[NAME_MAX + 2] = '\0';
    cr_expect_eq(plan_mount(&ret, &mount), -ENAMETOOLONG);
    path[NAME_MAX + 1] = '\0';
    cr_expect_eq(plan_mount(&ret, &mount), 0);
}

Test(mount_plan, relative_destinations_are_taken_from_the_root_with_a_warning)
{
    struct mount_plan *ret;
    struct spec_mount mount = {.destination = "x//y/", .type = "tmpfs"};

    cr_assert_eq(plan_mount(&ret, &mount), 0);
    cr_expect_str_eq(ret->mounts[0].destination, "/x/y");
    cr_expect_str_eq(warning, "mounts[0].destination: x//y/ is relative: taken as /x/y");
}

Test(mount_plan, files_of_proc_that_only_inform_may_be_covered)
{
    struct mount_plan *ret;
    struct spec_mount mount = {.destination = "/proc/meminfo", .type = "bind", .source = "/x"};

    cr_assert_eq(plan_mount(&ret, &mount), 0);
    cr_expect(ret->mounts[0].no_links);
    mount.destination = "/proc/meminfo/x";
    cr_expect_eq(plan_mount(&ret, &mount), -EINVAL);
}

/* CVE-2019-19921. */
Test(mount_plan, procfs_and_sysfs_want_a_real_directory)
{
    static const char *const types[] = {"proc", "sysfs"};

    for (size_t i = 0; i < count_of(types); i++) {
        struct mount_plan *ret;
        struct spec_mount mount = {.destination = "/anywhere", .type = types[i]};

        cr_assert_eq(plan_mount(&ret, &mount), 0);
        cr_expect(ret->mounts[0].no_links, "%s", types[i]);
    }
}

Test(mount_plan, bind_sources_are_relative_to_the_bundle)
{
    struct mount_plan *ret;
    struct spec_mount mount = {.destination = "/x", .type = "bind", .source = "data"};

    cr_assert_eq(plan_mount(&ret, &mount), 0);
    cr_expect_str_eq(ret->mounts[0].source, "/bundle/data");
    mount.source = "/data";
    cr_assert_eq(plan_mount(&ret, &mount), 0);
    cr_expect_str_eq(ret->mounts[0].source, "/data");
    mount.source = NULL;
    cr_expect_eq(plan_mount(&ret, &mount), -EINVAL);
    cr_expect_str_eq(err.text, "mounts[0].source: is missing");
}

Test(mount_plan, same_destination_twice_keeps_the_order)
{
    struct mount_plan *ret;
    struct spec_mount mounts[] = {
        {.destination = "/x", .type = "tmpfs", .source = "one"},
        {.destination = "/x", .type = "tmpfs", .source = "two"},
    };

    spec.mounts.items = mounts;
    spec.mounts.count = 2;
    cr_assert_eq(plan(&ret), 0);
    cr_assert_eq(ret->mount_count, 2);
    cr_expect_str_eq(ret->mounts[0].source, "one");
    cr_expect_str_eq(ret->mounts[1].source, "two");
}

Test(mount_plan, a_read_only_tmpfs_is_writable_until_all_is_made)
{
    struct mount_plan *ret;
    const char *options[] = {"ro", "nosuid", NULL};
    struct spec_mount mount = {
        .destination = "/dev", .type = "tmpfs", .options = {options, 2}
    };

    cr_assert_eq(plan_mount(&ret, &mount), 0);
    cr_expect(ret->mounts[0].read_only_late);
    cr_expect_eq(ret->mounts[0].own.set, MOUNT_ATTR_NOSUID);
    mount.type = "ramfs";
    cr_assert_eq(plan_mount(&ret, &mount), 0);
    cr_expect_not(ret->mounts[0].read_only_late);
    cr_expect_eq(ret->mounts[0].own.set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY);
}

Test(mount_plan, id_maps_need_both_sides)
{
    struct mount_plan *ret;
    struct spec_id_mapping ids[] = {
        {0,  100000, 10},
        {10, 200000, 1 }
    };
    struct spec_mount mount = {
        .destination = "/x", .type = "bind", .source = "/x", .uid_mappings = {ids, count_of(ids)}
    };

    cr_expect_eq(plan_mount(&ret, &mount), -EINVAL);
    cr_expect_str_eq(err.text, "mounts[0].uidMappings: needs gidMappings beside it");
    mount.gid_mappings = (struct spec_id_mappings){ids, 1};
    cr_assert_eq(plan_mount(&ret, &mount), 0);
    cr_expect_str_eq(ret->mounts[0].id_map->uid_map, "0 100000 10\n10 200000 1\n");
    cr_expect_str_eq(ret->mounts[0].id_map->gid_map, "0 100000 10\n");
    cr_expect_not(ret->mounts[0].id_map->recursive);
}

Test(mount_plan, id_map_of_a_joined_user_namespace_is_taken_from_it)
{
    struct mount_plan *ret;
    const char *options[] = {"rbind", "ridmap", NULL};
    struct spec_namespace user = {.type = SPEC_NAMESPACE_USER, .path = "/run/user-namespace"};
    struct spec_mount mount = {
        .destination = "/x", .type = "bind", .source = "/x", .options = {options, 2}
    };

    linux_.namespaces.items = &user;
    linux_.namespaces.count = 1;
    cr_assert_eq(plan_mount(&ret, &mount), 0);
    cr_expect_str_eq(ret->mounts[0].id_map->namespace_path, "/run/user-namespace");
    cr_expect(ret->mounts[0].id_map->recursive);
}

Test(mount_plan, mount_label_goes_to_what_has_no_labels_of_its_own)
{
    struct mount_plan *ret;
    struct spec_mount mounts[] = {
        {.destination = "/t", .type = "tmpfs",  .source = "t" },
        {.destination = "/b", .type = "bind",   .source = "/b"},
        {.destination = "/q", .type = "mqueue", .source = "q" },
    };

    linux_.mount_label = "a:b:c:s0:c1,c2";
    spec.mounts.items = mounts;
    spec.mounts.count = count_of(mounts);
    cr_assert_eq(plan(&ret), 0);
    cr_assert_eq(ret->mounts[0].data_count, 1);
    cr_expect_str_eq(ret->mounts[0].data[0].key, "context");
    cr_expect_str_eq(ret->mounts[0].data[0].value, "a:b:c:s0:c1,c2");
    cr_expect_eq(ret->mounts[1].data_count, 0);
    cr_expect_eq(ret->mounts[2].data_count, 0);
    cr_expect_str_eq(ret->mounts[2].root_label, "a:b:c:s0:c1,c2");
    cr_expect_null(ret->mounts[0].root_label);
}

/* --- the root --------------------------------------------------------------------------------- */

Test(mount_plan, root_is_relative_to_the_bundle)
{
    struct mount_plan *ret;

    root.path = "rootfs//";
    cr_assert_eq(plan(&ret), 0);
    cr_expect_str_eq(mount_plan_rootfs(ret), "/bundle/rootfs");
    root.path = "/elsewhere/";
    cr_assert_eq(plan(&ret), 0);
    cr_expect_str_eq(mount_plan_rootfs(ret), "/elsewhere");
}

Test(mount_plan, roots_that_are_none_are_refused)
{
    static const char *const paths[][2] = {
        {NULL,        "root.path: is missing or empty"         },
        {"",          "root.path: is missing or empty"         },
        {"/",         "root.path: \"/\" is the host's own root"},
        {"///",       "root.path: \"/\" is the host's own root"},
        {"rootfs/..", "root.path: \"rootfs/..\" ends in dots"  },
        {"..",        "root.path: \"..\" ends in dots"         },
        {".",         "root.path: \".\" ends in dots"          },
    };
    struct mount_plan *ret;

    for (size_t i = 0; i < count_of(paths); i++) {
        root.path = paths[i][0];
        cr_expect_eq(plan(&ret), -EINVAL, "%s", paths[i][1]);
        cr_expect_str_eq(err.text, paths[i][1]);
    }
    spec.root = NULL;
    cr_expect_eq(plan(&ret), -EINVAL);
    cr_expect_str_eq(err.text, "root: is missing");
}

Test(mount_plan, nothing_is_mounted_without_a_mount_namespace)
{
    struct mount_plan *ret;
    struct spec_mount mount = {.destination = "/x", .type = "tmpfs"};

    request.new_mount_namespace = false;
    cr_expect_eq(plan(&ret), 0);
    cr_expect_not(ret->make_devices);
    root.readonly = true;
    cr_expect_eq(plan(&ret), -EINVAL);
    cr_expect_str_eq(err.text, "root.readonly: needs a mount namespace in linux.namespaces");
    cr_expect_eq(plan_mount(&ret, &mount), -EINVAL);
    cr_expect_str_eq(err.text, "mounts: needs a mount namespace in linux.namespaces");
}

Test(mount_plan, propagation_of_the_host_is_slave_unless_asked)
{
    static const struct {
        int asked;
        uint64_t host;
        uint64_t root;
    } rows[] = {
        {SPEC_PROPAGATION_ABSENT,      MS_SLAVE | MS_REC,   0                     },
        {SPEC_PROPAGATION_PRIVATE,     MS_PRIVATE,          MS_PRIVATE            },
        {SPEC_PROPAGATION_RPRIVATE,    MS_PRIVATE | MS_REC, MS_PRIVATE | MS_REC   },
        {SPEC_PROPAGATION_SHARED,      MS_SHARED,           MS_SHARED             },
        {SPEC_PROPAGATION_RSHARED,     MS_SHARED | MS_REC,  MS_SHARED | MS_REC    },
        {SPEC_PROPAGATION_SLAVE,       MS_SLAVE,            MS_SLAVE              },
        {SPEC_PROPAGATION_RSLAVE,      MS_SLAVE | MS_REC,   MS_SLAVE | MS_REC     },
        {SPEC_PROPAGATION_UNBINDABLE,  MS_PRIVATE,          MS_UNBINDABLE         },
        {SPEC_PROPAGATION_RUNBINDABLE, MS_PRIVATE | MS_REC, MS_UNBINDABLE | MS_REC},
    };
    struct mount_plan *ret;

    for (size_t i = 0; i < count_of(rows); i++) {
        linux_.rootfs_propagation = rows[i].asked;
        cr_assert_eq(plan(&ret), 0);
        cr_expect_eq(ret->propagation, rows[i].host, "row %zu", i);
        cr_expect_eq(ret->root_propagation, rows[i].root, "row %zu", i);
    }
}

Test(mount_plan, hidden_paths_are_absolute_and_not_the_root)
{
    static const char *const paths[][2] = {
        {"proc/kcore", "linux.maskedPaths[0]: \"proc/kcore\" is not absolute"},
        {"/",          "linux.maskedPaths[0]: \"/\" is the root itself"      },
        {"/a/..",      "linux.maskedPaths[0]: \"/a/..\" has \"..\" in it"    },
        {"",           "linux.maskedPaths[0]: is missing or empty"           },
    };
    struct mount_plan *ret;

    for (size_t i = 0; i < count_of(paths); i++) {
        const char *items[] = {paths[i][0], NULL};

        linux_.masked_paths = (struct string_list){items, 1};
        cr_expect_eq(plan(&ret), -EINVAL, "%s", paths[i][1]);
        cr_expect_str_eq(err.text, paths[i][1]);
    }
}

/* --- devices ---------------------------------------------------------------------------------- */

static const struct planned_device *find(const struct mount_plan *it, const char *path)
{
    for (size_t i = 0; i < it->device_count; i++)
        if (strcmp(it->devices[i].path, path) == 0)
            return &it->devices[i];
    return NULL;
}

/* config-linux.md "Default Devices". */
Test(mount_plan, default_devices_are_always_there)
{
    static const struct {
        const char *path;
        unsigned major, minor;
    } rows[] = {
        {"/dev/null",    1, 3},
        {"/dev/zero",    1, 5},
        {"/dev/full",    1, 7},
        {"/dev/random",  1, 8},
        {"/dev/urandom", 1, 9},
        {"/dev/tty",     5, 0},
    };
    struct mount_plan *ret;

    cr_assert_eq(plan(&ret), 0);
    cr_expect_eq(ret->device_count, count_of(rows));
    for (size_t i = 0; i < count_of(rows); i++) {
        const struct planned_device *device = find(ret, rows[i].path);

        cr_assert_not_null(device, "%s", rows[i].path);
        cr_expect_eq(device->device, makedev(rows[i].major, rows[i].minor));
        cr_expect_eq(device->mode, S_IFCHR | 0666);
    }
}

Test(mount_plan, a_listed_device_replaces_the_default_of_its_path)
{
    struct mount_plan *ret;
    struct spec_device device = {
        .path = "/dev//null",
        .type = SPEC_DEVICE_CHARACTER,
        .major = {1,    true},
        .minor = {3,    true},
        .file_mode = {0600, true},
        .uid = {7,    true}
    };

    linux_.devices.items = &device;
    linux_.devices.count = 1;
    cr_assert_eq(plan(&ret), 0);
    cr_expect_eq(ret->device_count, 6);
    cr_expect_eq(find(ret, "/dev/null")->mode, S_IFCHR | 0600);
    cr_expect_eq(find(ret, "/dev/null")->uid, 7);
}

#define NODE(PATH, MAJOR, MINOR)                                                                 \
    {                                                                                            \
        .path = (PATH), .type = SPEC_DEVICE_CHARACTER, .major = {.value = (MAJOR), .set = true}, \
        .minor = {.value = (MINOR), .set = true},                                                \
    }

/* Of two devices one would not be there; one that is listed twice is there. */
Test(mount_plan, two_devices_of_one_path_are_refused_unless_they_are_the_same)
{
    struct mount_plan *ret;
    struct spec_mount dev = {.destination = "/dev", .type = "bind", .source = "/dev"};
    struct spec_device devices[] = {
        NODE("/dev/xvda", 202, 0),
        NODE("/dev/one", 1, 3),
        NODE("/dev/./xvda", 202, 16),
    };

    linux_.devices.items = devices;
    linux_.devices.count = count_of(devices);
    cr_expect_eq(plan(&ret), -EINVAL);
    cr_expect_str_eq(err.text, "linux.devices[2].path: /dev/xvda is that of another device "
                               "already, linux.devices[0]");
    devices[2].minor.value = 0;
    cr_expect_eq(plan(&ret), 0);
    devices[2].type = SPEC_DEVICE_BLOCK;
    cr_expect_eq(plan(&ret), -EINVAL);
    cr_expect_eq(plan_mount(&ret, &dev), 0, "none is made in the host's own: %s", err.text);
}

/* Whose is what is there already?  The image's, or that of a mount. */
Test(mount_plan, a_device_knows_the_mount_that_its_place_is_in)
{
    enum { IMAGE = -1 };
    static const struct {
        const char *path;
        int mount;
    } rows[] = {
        {"/dev/kmsg",          2    },
        {"/dev/fuse",          IMAGE},
        {"/dev/serial/by-id",  3    },
        {"/dev/serial/by-id/", 3    },
        {"/dev/serial/by-ida", IMAGE},
        {"/opt/x",             IMAGE},
        {"/opt/under/x",       IMAGE},
        {"/opt/empty",         5    },
        {"/srv/file",          6    },
    };
    struct mount_plan *ret;
    struct spec_mount mounts[] = {
        {.destination = "/opt/under",        .type = "bind",  .source = "/x"       },
        {.destination = "/dev",              .type = "tmpfs", .source = "tmpfs"    },
        {.destination = "/dev/kmsg",         .type = "bind",  .source = "/dev/null"},
        {.destination = "/dev/serial/by-id", .type = "bind",  .source = "/x"       },
        {.destination = "/opt",              .type = "tmpfs", .source = "tmpfs"    },
        {.destination = "/opt/empty",        .type = "tmpfs", .source = "tmpfs"    },
        {.destination = "/srv",              .type = "ext4",  .source = "/dev/x"   },
        {.destination = "/srv",              .type = "none",  .source = "x"        },
    };
    static const char *remount[] = {"remount"};

    mounts[7].options = (struct string_list){.items = remount, .count = 1};
    spec.mounts.items = mounts;
    spec.mounts.count = count_of(mounts);
    for (size_t i = 0; i < count_of(rows); i++) {
        struct spec_device device = NODE(rows[i].path, 1, 11);

        linux_.devices.items = &device;
        linux_.devices.count = 1;
        cr_assert_eq(plan(&ret), 0, "%s", err.text);
        cr_expect_eq(ret->devices[0].mount,
                     rows[i].mount == IMAGE ? NULL : &ret->mounts[rows[i].mount], "%s",
                     rows[i].path);
    }
}

Test(mount_plan, a_file_mode_may_carry_the_devices_own_type)
{
    struct mount_plan *ret;
    struct spec_device device = {
        .path = "/dev/disk",
        .type = SPEC_DEVICE_BLOCK,
        .major = {8,              true},
        .minor = {0,              true},
        .file_mode = {S_IFBLK | 0640, true},
    };

    linux_.devices.items = &device;
    linux_.devices.count = 1;
    cr_assert_eq(plan(&ret), 0, "%s", err.text);
    cr_expect_eq(find(ret, "/dev/disk")->mode, S_IFBLK | 0640);
}

Test(mount_plan, nonsense_devices_are_refused_by_place)
{
#define NUMBERS .major = {1, true}, .minor = { 3, true }
    static const struct {
        struct spec_device device;
        const char *message;
    } rows[] = {
        {{.path = "/dev/x", .type = SPEC_DEVICE_CHARACTER, .minor = {1, true}},
         "linux.devices[0].major: is missing"                                                                                            },
        {{.path = "/dev/x", .type = SPEC_DEVICE_BLOCK, .major = {8, true}, .minor = {-1, true}},
         "linux.devices[0].minor: -1 is out of range (0 to 1048575)"                                                                     },
        {{.path = "/dev/x", .major = {4294967296, true}, .minor = {0, true}},
         "linux.devices[0].major: 4294967296 is out of range (0 to 4095)"                                                                },
        {{.path = "/dev/../etc/x", NUMBERS},
         "linux.devices[0].path: \"/dev/../etc/x\" has \"..\" in it"                                                                     },
        {{.path = "dev/x", NUMBERS},                                                             "linux.devices[0].path: is not absolute"},
        {{.path = "/dev/x", NUMBERS, .file_mode = {0170000, true}},
         "linux.devices[0].fileMode: 0170000 has more than permission bits"                                                              },
        {{.path = "/dev/x", NUMBERS, .uid = {UINT32_MAX, true}},
         "linux.devices[0].uid: 4294967295 is out of range (0 to 4294967294)"                                                            },
        {{.path = "/dev/x", .type = SPEC_DEVICE_ALL, NUMBERS},
         "linux.devices[0].type: \"a\" is for cgroup rules only"                                                                         },
    };
    struct mount_plan *ret;

    for (size_t i = 0; i < count_of(rows); i++) {
        struct spec_device device = rows[i].device;

        linux_.devices.items = &device;
        linux_.devices.count = 1;
        cr_expect_lt(plan(&ret), 0, "%s", rows[i].message);
        cr_expect_str_eq(err.text, rows[i].message);
    }
}

Test(mount_plan, a_fifo_needs_no_numbers)
{
    struct mount_plan *ret;
    struct spec_device device = {.path = "/run/pipe", .type = SPEC_DEVICE_FIFO};

    linux_.devices.items = &device;
    linux_.devices.count = 1;
    cr_assert_eq(plan(&ret), 0);
    cr_expect_eq(find(ret, "/run/pipe")->mode, S_IFIFO | 0666);
}

Test(mount_plan, the_hosts_own_dev_is_left_alone)
{
    struct mount_plan *ret;
    struct spec_mount mount = {.destination = "/dev/", .type = "bind", .source = "/dev"};

    cr_assert_eq(plan(&ret), 0);
    cr_expect(ret->make_devices);
    cr_assert_eq(plan_mount(&ret, &mount), 0);
    cr_expect_not(ret->make_devices);
}

/* --- overlays --------------------------------------------------------------------------------- */

static int plan_overlay(struct mount_plan **ret, const char *option, const char *other)
{
    const char *options[] = {option, other, NULL};
    struct spec_mount mount = {.destination = "/x", .type = "overlay"};

    mount.options = (struct string_list){options, other == NULL ? 1 : 2};
    return plan_mount(ret, &mount);
}

Test(mount_plan, overlay_layers_are_separated_and_unescaped)
{
    struct mount_plan *ret;
    const struct mount_overlay *overlay;

    cr_assert_eq(
        plan_overlay(&ret, "lowerdir=/a:/b\\:c\\,d\\\\e,upperdir=/u\\,v,workdir=/w", "metacopy=on"),
        0);
    overlay = ret->mounts[0].overlay;
    cr_assert_eq(overlay->layer_count, 4);
    cr_expect_str_eq(overlay->layers[0].key, "lowerdir+");
    cr_expect_str_eq(overlay->layers[0].path, "/a");
    cr_expect_str_eq(overlay->layers[1].path, "/b:c,d\\e");
    cr_expect_str_eq(overlay->layers[2].key, "upperdir");
    cr_expect_str_eq(overlay->layers[2].path, "/u,v");
    cr_expect_str_eq(overlay->layers[3].path, "/w");
    cr_assert_eq(ret->mounts[0].data_count, 1);
    cr_expect_str_eq(ret->mounts[0].data[0].key, "metacopy");
}

Test(mount_plan, overlay_layers_behind_two_colons_hold_data)
{
    struct mount_plan *ret;

    cr_assert_eq(plan_overlay(&ret, "lowerdir=/a::/b", NULL), 0);
    cr_assert_eq(ret->mounts[0].overlay->layer_count, 2);
    cr_expect_str_eq(ret->mounts[0].overlay->layers[1].key, "datadir+");
    cr_expect_str_eq(ret->mounts[0].overlay->layers[1].path, "/b");
}

Test(mount_plan, overlay_in_a_user_namespace_keeps_its_attributes_there)
{
    struct mount_plan *ret;

    request.new_user_namespace = true;
    cr_assert_eq(plan_overlay(&ret, "lowerdir=/a:/b", NULL), 0);
    cr_assert_eq(ret->mounts[0].data_count, 1);
    cr_expect_str_eq(ret->mounts[0].data[0].key, "userxattr");
    cr_assert_eq(plan_overlay(&ret, "lowerdir=/a:/b", "userxattr"), 0);
    cr_expect_eq(ret->mounts[0].data_count, 1);
}

Test(mount_plan, nonsense_overlays_are_refused_by_place)
{
    static const char *const rows[][3] = {
        {"lowerdir=a:/b", NULL,          "mounts[0].options[0]: \"a\" is not an absolute path"},
        {"lowerdir=/a",   "upperdir=u",  "mounts[0].options[1]: \"u\" is not an absolute path"},
        {"upperdir=/u",   "workdir=/w",  "mounts[0].options: an overlay needs \"lowerdir=\""  },
        {"lowerdir=/a",   "upperdir=/u",
         "mounts[0].options: \"upperdir=\" and \"workdir=\" go together in an overlay"        },
        {"lowerdir",      NULL,          "mounts[0].options[0]: \"lowerdir\" has no directory"},
    };
    struct mount_plan *ret;

    for (size_t i = 0; i < count_of(rows); i++) {
        cr_expect_eq(plan_overlay(&ret, rows[i][0], rows[i][1]), -EINVAL, "%s", rows[i][2]);
        cr_expect_str_eq(err.text, rows[i][2]);
    }
}
