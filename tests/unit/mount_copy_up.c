/* tmpcopyup: a tree is copied as it is, or not at all. */

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "namespaces/mount/steps.h"
#include "tests/unit/runtime_help.h"

/* Copy `from` to `to`, both below `directory`. */
static int copy_up(const char *directory, struct error *err)
{
    autoarena struct arena arena = {0};
    autoclose int from = open(path_in(&arena, directory, "from"),
                              O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    autoclose int to = open(path_in(&arena, directory, "to"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    cr_assert(from >= 0 && to >= 0);
    return mount_copy_up(from, to, NULL, err);
}

static void make_sides(struct arena *arena, const char *directory)
{
    cr_assert_eq(mkdir(path_in(arena, directory, "from"), 0755), 0);
    cr_assert_eq(mkdir(path_in(arena, directory, "to"), 0755), 0);
}

Test(copy_up, keeps_content_modes_times_and_links)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    const struct timespec times[2] = {
        {.tv_sec = 1000},
        { .tv_sec = 2000,  .tv_nsec = 5}
    };
    char content[32], target[32] = "";
    struct stat status;
    struct error err;

    make_sides(&arena, directory);
    cr_assert_eq(mkdir(path_in(&arena, directory, "from/sub"), 0700), 0);
    put_file(path_in(&arena, directory, "from/sub/file"), "words", 04751);
    cr_assert_eq(symlink("../../nowhere", path_in(&arena, directory, "from/link")), 0);
    cr_assert_eq(mkfifo(path_in(&arena, directory, "from/fifo"), 0640), 0);
    cr_assert_eq(utimensat(-1, path_in(&arena, directory, "from/sub/file"), times, 0), 0);
    cr_assert_eq(chmod(path_in(&arena, directory, "from/sub"), 0510), 0);

    cr_assert_eq(copy_up(directory, &err), 0, "%s", err.text);

    cr_expect_str_eq(get_file(path_in(&arena, directory, "to/sub/file"), content, sizeof content),
                     "words");
    cr_assert_eq(stat(path_in(&arena, directory, "to/sub/file"), &status), 0);
    cr_expect_eq(status.st_mode & 07777, 04751, "%o", status.st_mode);
    cr_expect_eq(status.st_mtim.tv_sec, 2000);
    cr_expect_eq(status.st_mtim.tv_nsec, 5);
    cr_assert_eq(stat(path_in(&arena, directory, "to/sub"), &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0510);
    cr_assert_gt(readlink(path_in(&arena, directory, "to/link"), target, sizeof target - 1), 0);
    cr_expect_str_eq(target, "../../nowhere");
    cr_assert_eq(lstat(path_in(&arena, directory, "to/fifo"), &status), 0);
    cr_expect(S_ISFIFO(status.st_mode));
    cr_expect_eq(count_entries(path_in(&arena, directory, "to")), 3);
    chmod(path_in(&arena, directory, "from/sub"), 0700);
    chmod(path_in(&arena, directory, "to/sub"), 0700);
}

Test(copy_up, names_of_one_file_stay_that)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct stat one, two;
    struct error err;

    make_sides(&arena, directory);
    put_file(path_in(&arena, directory, "from/one"), "words", 0644);
    cr_assert_eq(mkdir(path_in(&arena, directory, "from/sub"), 0755), 0);
    cr_assert_eq(
        link(path_in(&arena, directory, "from/one"), path_in(&arena, directory, "from/sub/two")),
        0);

    cr_assert_eq(copy_up(directory, &err), 0, "%s", err.text);

    cr_assert_eq(stat(path_in(&arena, directory, "to/one"), &one), 0);
    cr_assert_eq(stat(path_in(&arena, directory, "to/sub/two"), &two), 0);
    cr_expect_eq(one.st_ino, two.st_ino);
    cr_expect_eq(one.st_nlink, 2);
    cr_expect_eq(count_entries(path_in(&arena, directory, "to")), 2);
}

Test(copy_up, keeps_extended_attributes)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    char value[8] = "";
    struct error err;

    make_sides(&arena, directory);
    put_file(path_in(&arena, directory, "from/file"), "words", 0644);
    if (setxattr(path_in(&arena, directory, "from/file"), "user.note", "kept", 4, 0) < 0)
        cr_skip_test("the file system of TMPDIR has no user attributes");

    cr_assert_eq(copy_up(directory, &err), 0, "%s", err.text);

    cr_expect_eq(getxattr(path_in(&arena, directory, "to/file"), "user.note", value, 8), 4);
    cr_expect_str_eq(value, "kept");
}

Test(copy_up, an_empty_directory_gives_an_empty_one)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct error err;

    make_sides(&arena, directory);
    cr_assert_eq(copy_up(directory, &err), 0, "%s", err.text);
    cr_expect_eq(count_entries(path_in(&arena, directory, "to")), 0);
}

Test(copy_up, sockets_are_left_out)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct error err;

    make_sides(&arena, directory);
    cr_assert_lt(strlen(directory), 90);
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s/from/sock", directory);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    put_file(path_in(&arena, directory, "from/file"), "", 0644);
    cr_assert_eq(copy_up(directory, &err), 0, "%s", err.text);
    cr_expect_eq(count_entries(path_in(&arena, directory, "to")), 1);
}

Test(copy_up, what_is_in_the_way_is_named)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct error err;

    make_sides(&arena, directory);
    put_file(path_in(&arena, directory, "from/taken"), "new", 0644);
    put_file(path_in(&arena, directory, "to/taken"), "old", 0644);
    expect_refused(copy_up(directory, &err), EEXIST, "taken");
}

/* A tree that a hostile image nested: an error, never a stack that overflows. */
Test(copy_up, a_tree_too_deep_is_an_error)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct error err;
    autoclose int at = -1;
    size_t before;

    make_sides(&arena, directory);
    at = open(path_in(&arena, directory, "from"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 80; i++) {
        cr_assert_eq(mkdirat(at, "d", 0755), 0);

        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        close_fd(&at);
        at = next;
    }
    close_fd(&at);
    before = open_descriptors();
    expect_refused(copy_up(directory, &err), ELOOP, "");
    cr_expect_eq(open_descriptors(), before);
}
