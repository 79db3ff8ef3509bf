/* mounts of a live container: what is refused before anything is touched. */

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/own.h"
#include "namespaces/mount/live.h"

static struct arena arena;
static struct error err;
static struct spec_root root;
static struct spec_linux linux_;
static struct spec spec;
static struct mount_request request;
static struct mount_live *live;

static const char *masked[] = {"/proc/kcore", "/sys/firmware"};
static const char *readonly[] = {"/proc/sys", "/etc/fixed"};
static const char *bind_options[] = {"bind"};

static void begin(void)
{
    root = (struct spec_root){.path = "rootfs"};
    linux_ = (struct spec_linux){
        .masked_paths = {masked,   count_of(masked)  },
        .readonly_paths = {readonly, count_of(readonly)},
    };
    spec = (struct spec){.root = &root, .linux_ = &linux_};
    request = (struct mount_request){
        .spec = &spec, .bundle = "/bundle", .new_mount_namespace = true};
    live = NULL;
}

static void done(void)
{
    arena_free(&arena);
}

static const struct log no_log = {.write = NULL};

static int plan_add(struct spec_mount *mounts, size_t count)
{
    spec.mounts = (struct spec_mounts){mounts, count};
    return mount_live_plan_add(&live, &request, &arena, &no_log, &err);
}

static int plan_remove(struct spec_mount *mounts, size_t count)
{
    spec.mounts = (struct spec_mounts){mounts, count};
    return mount_live_plan_remove(&live, &request, &arena, &no_log, &err);
}

TestSuite(mount_live, .init = begin, .fini = done);

Test(mount_live, a_list_is_planned_in_its_order)
{
    struct spec_mount mounts[] = {
        {.destination = "/a//b/", .type = "tmpfs"             },
        { .destination = "/data",     .source = "volume", .options = {bind_options, 1}},
    };

    cr_assert_eq(plan_add(mounts, count_of(mounts)), 0, "%s", err.text);
    cr_assert_eq(live->count, 2u);
    cr_expect_str_eq(live->places[0].destination, "/a/b");
    cr_expect_str_eq(live->places[1].mount->source, "/bundle/volume");
    cr_expect_eq(live->places[1].index, 1u);
    cr_expect_eq(live->places[0].tree, -1);
    cr_expect_not(live->places[0].is_tried);
}

Test(mount_live, kinds_of_a_containers_creation_are_refused)
{
    static const char *const types[] = {"proc", "cgroup", "cgroup2"};

    for (size_t i = 0; i < count_of(types); i++) {
        struct spec_mount mount = {.destination = "/mnt", .type = types[i]};

        cr_expect_eq(plan_add(&mount, 1), -EINVAL);
        cr_expect(strstr(err.text, "mounts[0].type: ") == err.text &&
                      strstr(err.text, types[i]) != NULL,
                  "%s", err.text);
        cr_expect_null(live);
    }
}

Test(mount_live, options_that_add_nothing_or_copy_are_refused)
{
    static const struct {
        const char *option;
        const char *message;
    } rows[] = {
        {"remount",   "mounts[1].options: \"remount\" changes a mount instead of adding one"},
        {"tmpcopyup", "mounts[1].options: \"tmpcopyup\" is for the creation of a container: a live "
                      "one could change what is being copied"          },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        const char *options[] = {rows[i].option};
        struct spec_mount mounts[] = {
            {.destination = "/a", .type = "tmpfs"        },
            { .destination = "/b",    .type = "tmpfs", .options = {options, 1}},
        };

        cr_expect_eq(plan_add(mounts, count_of(mounts)), -EINVAL);
        cr_expect_str_eq(err.text, rows[i].message);
    }
}

static const struct {
    const char *destination;
    const char *message; /* of both; NULL: allowed */
} protected_rows[] = {
    {"/sys/firmware",
     "mounts[0].destination: /sys/firmware: linux.maskedPaths[1] (/sys/firmware) is "
     "protected there, which would be undone"          },
    {"/sys",               "mounts[0].destination: /sys: linux.maskedPaths[1] (/sys/firmware) is protected "
             "there, which would be undone"},
    {"/etc",               "mounts[0].destination: /etc: linux.readonlyPaths[1] (/etc/fixed) is protected "
             "there, which would be undone"},
    {"/sys/firmware/acpi", NULL                        },
    {"/sys/firm",          NULL                        },
    {"/etc/fixed/below",   NULL                        },
    {"/proc/cpuinfo",      NULL                        },
};

Test(mount_live, what_is_protected_is_neither_covered_nor_laid_open)
{
    for (size_t i = 0; i < count_of(protected_rows); i++) {
        struct spec_mount mount = {
            .destination = protected_rows[i].destination,
            .source = "/x",
            .options = {bind_options, 1}
        };
        int expected = protected_rows[i].message == NULL ? 0 : -EPERM;

        cr_expect_eq(plan_add(&mount, 1), expected, "%s: %s", mount.destination, err.text);
        if (expected < 0)
            cr_expect_str_eq(err.text, protected_rows[i].message);
        cr_expect_eq(plan_remove(&mount, 1), expected, "%s: %s", mount.destination, err.text);
        if (expected < 0)
            cr_expect_str_eq(err.text, protected_rows[i].message);
    }
}

Test(mount_live, proc_stays_as_it_is)
{
    static const char *const places[] = {"/proc", "/proc/kcore", "/proc/sys", "/proc/self/attr",
                                         "//proc/./acpi"};

    for (size_t i = 0; i < count_of(places); i++) {
        struct spec_mount mount = {
            .destination = places[i], .source = "/proc", .options = {bind_options, 1}
        };

        cr_expect_lt(plan_add(&mount, 1), 0, "%s", places[i]);
        cr_expect_eq(plan_remove(&mount, 1), -EPERM, "%s", places[i]);
        cr_expect(strstr(err.text, "mounts[0].destination: /proc") == err.text &&
                      strstr(err.text, "/proc of a live container stays as it is") != NULL,
                  "%s", err.text);
    }
}

Test(mount_live, removing_reads_destinations_alone)
{
    static const char *nonsense[] = {"remount", "size=x"};
    struct spec_mount mounts[] = {
        {.destination = "/a"      },
        { .destination = "b/", .type = "proc", .options = {nonsense, 2}},
    };

    cr_assert_eq(plan_remove(mounts, count_of(mounts)), 0, "%s", err.text);
    cr_assert_eq(live->count, 2u);
    cr_expect_str_eq(live->places[1].destination, "/b");
    cr_expect_null(live->places[0].mount);
}

Test(mount_live, destinations_are_named_by_their_place)
{
    struct spec_mount mounts[] = {
        {.destination = "/a",      .type = "tmpfs"},
        {.destination = "/a/../b", .type = "tmpfs"},
    };

    cr_expect_eq(plan_add(mounts, count_of(mounts)), -EINVAL);
    cr_expect_str_eq(err.text, "mounts[1].destination: \"/a/../b\" has \"..\" in it");
    cr_expect_eq(plan_remove(mounts, count_of(mounts)), -EINVAL);
    cr_expect_str_eq(err.text, "mounts[1].destination: \"/a/../b\" has \"..\" in it");
}

Test(mount_live, a_shared_mount_namespace_is_left_alone)
{
    struct spec_mount mount = {.destination = "/a", .type = "tmpfs"};

    request.new_mount_namespace = false;
    cr_expect_eq(plan_add(&mount, 1), -EINVAL);
    cr_expect_str_eq(err.text, "the container has no mount namespace of its own");
    cr_expect_eq(plan_remove(&mount, 1), -EINVAL);
    cr_expect_str_eq(err.text, "the container has no mount namespace of its own");
}

Test(mount_live, below_goes_by_whole_names)
{
    static const struct {
        const char *inner;
        const char *outer;
        bool expected;
    } rows[] = {
        {"/a",   "/a",   true },
        {"/a/b", "/a",   true },
        {"/ab",  "/a",   false},
        {"/a",   "/a/b", false},
        {"/a",   "/",    true },
        {"/",    "/",    true },
    };

    for (size_t i = 0; i < count_of(rows); i++)
        cr_expect_eq(mount_destination_is_at_or_below(rows[i].inner, rows[i].outer),
                     rows[i].expected, "%s, %s", rows[i].inner, rows[i].outer);
}

/* A relative one gets a "/" in front, and still has room in every buffer of the child. */
Test(mount_live, the_longest_destination_fits)
{
    char path[PATH_MAX];
    struct spec_mount mount = {.destination = path, .type = "tmpfs"};

    for (size_t i = 0; i < sizeof path - 1; i++)
        path[i] = i % 200 == 199 ? '/' : 'a';
    path[sizeof path - 1] = '\0';
    cr_assert_eq(plan_add(&mount, 1), 0, "%s", err.text);
    cr_expect_lt(strlen(live->places[0].destination), (size_t)LIVE_PATH_SIZE);
    cr_expect_eq(strlen(live->places[0].destination), (size_t)PATH_MAX);
}
