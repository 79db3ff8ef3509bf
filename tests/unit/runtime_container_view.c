/* The files of a container that is not there yet. */

#include "runtime_help.h"

#include <sched.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/options.h"
#include "namespaces/mount/plan.h"
#include "runtime/container_view.h"

/* Two trees: `root`, with links of all kinds, and `data`, to be mounted over it. */
struct trees {
    struct arena arena;
    const char *root;
    const char *data;
    int fd;
};

static void trees_init(struct trees *trees, const char *directory)
{
    *trees = (struct trees){.fd = -1};
    trees->root = path_in(&trees->arena, directory, "root");
    trees->data = path_in(&trees->arena, directory, "data");
    cr_assert_eq(mkdir(trees->root, 0755), 0);
    cr_assert_eq(mkdir(trees->data, 0755), 0);
    cr_assert_eq(mkdir(path_in(&trees->arena, trees->root, "usr"), 0755), 0);
    cr_assert_eq(mkdir(path_in(&trees->arena, trees->root, "usr/bin"), 0755), 0);
    put_file(path_in(&trees->arena, trees->root, "usr/bin/program"), "of the root", 0755);
    put_file(path_in(&trees->arena, trees->data, "file"), "of the data", 0644);
    cr_assert_eq(symlink("usr/bin", path_in(&trees->arena, trees->root, "bin")), 0);
    cr_assert_eq(symlink("/data/file", path_in(&trees->arena, trees->root, "absolute")), 0);
    cr_assert_eq(symlink("../../../../bin/program", path_in(&trees->arena, trees->root, "up")), 0);
    cr_assert_eq(symlink("loop", path_in(&trees->arena, trees->root, "loop")), 0);
    trees->fd = open(trees->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cr_assert(trees->fd >= 0);
}

static void trees_done(struct trees *trees)
{
    close(trees->fd);
    arena_free(&trees->arena);
}

#define own_trees(name)                                     \
    own_directory(name##_directory);                        \
    __attribute__((cleanup(trees_done))) struct trees name; \
    trees_init(&name, name##_directory)

/* What is in the file at that path, with the path it has without links; or the error's name. */
static const char *content(struct trees *trees, const struct mount_plan *mounts, const char *path)
{
    struct container_view view = {.root = trees->fd};
    struct error err;
    char real[PATH_MAX];
    char text[64];
    int fd = -1;
    int code;

    if (mounts != NULL)
        must(container_view_add_mounts(&view, mounts, &trees->arena, &err));
    code = container_view_open_file(&view, path, &fd, real);
    if (code != 0)
        return code == CONTAINER_VIEW_HIDDEN ? "hidden" : strerrorname_np(-code);

    ssize_t length = read(fd, text, sizeof text);

    close(fd);
    return arena_print(&trees->arena, "%s: %.*s", real, (int)length, text);
}

Test(container_view, links_stay_in_the_root)
{
    own_trees(trees);

    cr_expect_str_eq(content(&trees, NULL, "/usr/bin/program"), "/usr/bin/program: of the root");
    cr_expect_str_eq(content(&trees, NULL, "//bin/./program"), "/usr/bin/program: of the root");
    cr_expect_str_eq(content(&trees, NULL, "/up"), "/usr/bin/program: of the root");
    cr_expect_str_eq(content(&trees, NULL, "/bin/../bin/program"), "/usr/bin/program: of the root",
                     "above /bin is /usr");
    cr_expect_str_eq(content(&trees, NULL, "/bin/../usr/bin/program"), "ENOENT");
    cr_expect_str_eq(content(&trees, NULL, "/loop"), "ELOOP");
    cr_expect_str_eq(content(&trees, NULL, "/absolute"), "ENOENT");
    cr_expect_str_eq(content(&trees, NULL, "/bin"), "EISDIR");
    cr_expect_str_eq(content(&trees, NULL, "/bin/program/"), "ENOTDIR");
    cr_expect_str_eq(content(&trees, NULL, "/bin/program/more"), "ENOTDIR");
}

Test(container_view, the_last_mount_on_a_path_has_it)
{
    own_trees(trees);
    const char *file = path_in(&trees.arena, trees.data, "file");
    struct planned_mount mounts[] = {
        {.kind = MOUNT_KIND_TMPFS,     .destination = "/data"        },
        {.kind = MOUNT_KIND_BIND,      .destination = "/data",         .source = trees.data},
        {.kind = MOUNT_KIND_REMOUNT,                            .destination = "/data"                                },
        {.kind = MOUNT_KIND_TMPFS,                            .destination = "/usr",   .extensions = MOUNT_COPY_UP},
        {.kind = MOUNT_KIND_BIND, .destination = "/single",                             .source = file},
        {.kind = MOUNT_KIND_PROC,    .destination = "/proc"},
        {.kind = MOUNT_KIND_TMPFS,      .destination = "/tmp"          },
        {.kind = MOUNT_KIND_BIND,     .destination = "/tmp/deep/down",         .source = trees.data},
        {.kind = MOUNT_KIND_TMPFS,      .destination = "/data"},
    };
    struct mount_plan plan = {.mounts = mounts, .mount_count = count_of(mounts) - 1};

    cr_expect_str_eq(content(&trees, &plan, "/absolute"), "/data/file: of the data");
    cr_expect_str_eq(content(&trees, &plan, "/bin/program"), "/usr/bin/program: of the root");
    cr_expect_str_eq(content(&trees, &plan, "/single"), "/single: of the data");
    cr_expect_str_eq(content(&trees, &plan, "/proc/version"), "hidden");
    cr_expect_str_eq(content(&trees, &plan, "/tmp/deep/down/file"),
                     "/tmp/deep/down/file: of the data");
    cr_expect_str_eq(content(&trees, &plan, "/tmp/other"), "ENOENT");
    plan.mount_count++;
    cr_expect_str_eq(content(&trees, &plan, "/absolute"), "ENOENT", "a tmpfs is empty");
}

/* docker run --init on an image with merged /usr: /sbin is a link, and so may the place itself be.
 */
Test(container_view, mounts_are_where_the_links_in_their_destinations_lead)
{
    own_trees(trees);
    const char *file = path_in(&trees.arena, trees.data, "file");
    struct planned_mount mounts[] = {
        {.kind = MOUNT_KIND_BIND, .destination = "/bin/init",       .source = file             },
        {.kind = MOUNT_KIND_BIND, .destination = "/volume",         .source = trees.data       },
        {.kind = MOUNT_KIND_BIND, .destination = "/volume/in/deep", .source = file             },
        {.kind = MOUNT_KIND_BIND, .destination = "/new/deep",       .source = trees.data       },
        {.kind = MOUNT_KIND_BIND, .destination = "/link",           .source = file             },
        {.kind = MOUNT_KIND_BIND, .destination = "/left/out",       .source = "/no/such/source"},
    };
    const struct mount_plan plan = {.mounts = mounts, .mount_count = count_of(mounts)};

    mounts[4].extensions = MOUNT_DESTINATION_NOFOLLOW;
    mounts[5].extensions = MOUNT_OPTIONAL;
    cr_assert_eq(symlink("bin/program", path_in(&trees.arena, trees.root, "link")), 0);
    cr_assert_eq(symlink("/usr", path_in(&trees.arena, trees.data, "in")), 0);
    cr_expect_str_eq(content(&trees, &plan, "/usr/bin/init"), "/usr/bin/init: of the data");
    cr_expect_str_eq(content(&trees, &plan, "/bin/init"), "/usr/bin/init: of the data");
    cr_expect_str_eq(content(&trees, &plan, "/bin/other"), "ENOENT");
    cr_expect_str_eq(content(&trees, &plan, "/usr/deep"), "/usr/deep: of the data",
                     "by a link in the mount before");
    cr_expect_str_eq(content(&trees, &plan, "/new/deep/file"), "/new/deep/file: of the data");
    cr_expect_str_eq(content(&trees, &plan, "/new/other"), "ENOENT");
    cr_expect_str_eq(content(&trees, &plan, "/link"), "/link: of the data");
    cr_expect_str_eq(content(&trees, &plan, "/bin/program"), "/usr/bin/program: of the root");
    cr_expect_str_eq(content(&trees, &plan, "/left/out"), "ENOENT");
}

/* A bind of another tree has no more of what was there, nor of what was mounted there before. */
Test(container_view, what_a_later_mount_covers_is_gone)
{
    own_trees(trees);
    struct planned_mount mounts[] = {
        {.kind = MOUNT_KIND_BIND,           .destination = "/usr/bin/deep/down", .source = trees.data},
        {.kind = MOUNT_KIND_TMPFS,          .destination = "/usr"              },
        {.kind = MOUNT_KIND_BIND, .destination = "/usr/local/deep",                .source = trees.data                    },
    };
    struct mount_plan plan = {.mounts = mounts, .mount_count = count_of(mounts)};

    cr_expect_str_eq(content(&trees, &plan, "/usr/bin/deep/down/file"), "ENOENT");
    cr_expect_str_eq(content(&trees, &plan, "/usr/bin/deep/down"), "ENOENT");
    cr_expect_str_eq(content(&trees, &plan, "/usr/local"), "EISDIR");
    cr_expect_str_eq(content(&trees, &plan, "/usr/local/deep/file"),
                     "/usr/local/deep/file: of the data");
}

Test(container_view, a_mount_that_is_who_knows_where_hides_what_it_may_be_on)
{
    own_trees(trees);
    struct planned_mount mounts[] = {
        {.kind = MOUNT_KIND_PROC,              .destination = "/image"},
        { .kind = MOUNT_KIND_BIND,    .destination = "/image/sub/file",    .source = trees.data},
        { .kind = MOUNT_KIND_BIND, .destination = "/usr/bin/program/x",    .source = trees.data},
    };
    const struct mount_plan plan = {.mounts = mounts, .mount_count = count_of(mounts)};

    cr_expect_str_eq(content(&trees, &plan, "/image/sub/file/file"), "hidden");
    cr_expect_str_eq(content(&trees, &plan, "/image/sub/other"), "hidden");
    cr_expect_str_eq(content(&trees, &plan, "/image"), "EISDIR");
    cr_expect_str_eq(content(&trees, &plan, "/usr/bin/program"), "hidden", "no directory");
    cr_expect_str_eq(content(&trees, &plan, "/usr/bin"), "EISDIR");
}

Test(container_view, paths_of_any_length_do_no_harm)
{
    own_trees(trees);
    char path[3 * PATH_MAX];

    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    cr_expect_str_eq(content(&trees, NULL, path), "ENAMETOOLONG");
    path[300] = '\0';
    cr_expect_str_eq(content(&trees, NULL, path), "ENAMETOOLONG");
    memset(path, '/', sizeof path - 1);
    path[100] = '\0';
    cr_expect_str_eq(content(&trees, NULL, path), "EISDIR");
}

/* --- noexec ------------------------------------------------------------------------------------
 */

/* Whether the file on such a mount of the host can be executed there. */
static bool is_noexec(const struct container_view *view, const char *file)
{
    autoclose int fd = open(file, O_RDONLY | O_CLOEXEC);

    cr_assert(fd >= 0);
    return container_view_is_noexec(view, "/a/file", fd);
}

Test(container_view, noexec_is_of_the_mount_that_a_file_comes_with)
{
    const struct mount_attributes noexec = {.set = MOUNT_ATTR_NOEXEC};
    const struct mount_attributes exec = {.clear = MOUNT_ATTR_NOEXEC};
    own_directory(directory);
    autoarena struct arena arena = {NULL};
    const char *file = path_in(&arena, directory, "file");
    struct planned_mount bind = {.kind = MOUNT_KIND_BIND, .destination = "/a", .source = directory};
    struct planned_mount copy = {
        .kind = MOUNT_KIND_TMPFS, .destination = "/a", .extensions = MOUNT_COPY_UP};
    struct planned_mount remount = {.kind = MOUNT_KIND_REMOUNT, .destination = "/a"};
    struct container_mount mounts[] = {
        {.mount = &bind,    .place = "/a"},
        {.mount = &remount, .place = "/a"},
    };
    struct container_view view = {.root = -1};

    /* In a mount namespace that goes with the test. */
    if (unshare(CLONE_NEWNS) < 0)
        cr_skip_test("needs root, to mount something noexec");
    cr_assert_eq(kernel_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    cr_assert_eq(kernel_mount("tmpfs", directory, "tmpfs", MS_NOEXEC, ""), 0);
    put_file(file, "", 0755);
    cr_expect(is_noexec(&view, file), "as on the host");
    view.is_overlaid = true;
    cr_expect_not(is_noexec(&view, file), "an overlay is a mount of its own");
    view.mounts = mounts;
    view.mount_count = 1;
    cr_expect(is_noexec(&view, file), "a bind of the host's");
    bind.own = exec;
    cr_expect_not(is_noexec(&view, file), "that allows it");
    view.mount_count = 2;
    remount.own = noexec;
    cr_expect(is_noexec(&view, file), "until it is mounted anew");
    remount.own = exec;
    remount.tree = noexec;
    cr_expect(is_noexec(&view, file), "with all below");
    mounts[1].place = "";
    cr_expect(is_noexec(&view, file), "above it");
    mounts[1].place = "/b";
    cr_expect_not(is_noexec(&view, file), "elsewhere");
    mounts[0].mount = &copy;
    cr_expect_not(is_noexec(&view, file), "a copy");
    copy.own = noexec;
    cr_expect(is_noexec(&view, file), "a copy on such a mount");
    cr_assert_eq(kernel_umount(directory, 0), 0);
}
