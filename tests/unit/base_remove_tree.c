#include "base/remove_tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"

struct place {
    char path[64];
    int dir;
};

static struct place make_place(void)
{
    struct place place = {.path = "/tmp/base_remove.XXXXXX"};

    cr_assert_not_null(mkdtemp(place.path));
    place.dir = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(place.dir, 0);
    return place;
}

static void must_remove(const struct place *place, const char *name)
{
    struct error err = {0};

    cr_assert_eq(remove_tree(place->dir, name, &err), 0, "%s", err.text);
    cr_expect_eq(faccessat(place->dir, name, F_OK, AT_SYMLINK_NOFOLLOW), -1);
    cr_expect_eq(errno, ENOENT);
}

/* Nothing else may be left. */
static void close_place(struct place *place)
{
    cr_expect_eq(rmdir(place->path), 0, "something is left in %s", place->path);
    close_fd(&place->dir);
}

static void put(int dir, const char *name)
{
    autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0, "%s", name);
}

Test(remove_tree, a_file_a_link_an_empty_directory_and_nothing)
{
    struct place place = make_place();

    put(place.dir, "file");
    cr_assert_eq(symlinkat(".", place.dir, "link"), 0);
    cr_assert_eq(mkdirat(place.dir, "directory", 0700), 0);
    must_remove(&place, "file");
    must_remove(&place, "link");
    must_remove(&place, "directory");
    must_remove(&place, "nothing");
    close_place(&place);
}

/* The names are those under which directories are moved. */
Test(remove_tree, names_that_are_taken_are_no_obstacle)
{
    struct place place = make_place();
    char name[64];

    cr_assert_eq(mkdirat(place.dir, "x", 0700), 0);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "x/%d", i);
        if (i % 3 == 0) {
            put(place.dir, name);
            continue;
        }
        cr_assert_eq(mkdirat(place.dir, name, 0700), 0);
        snprintf(name, sizeof name, "x/%d/0", i);
        cr_assert_eq(mkdirat(place.dir, name, 0700), 0);
        snprintf(name, sizeof name, "x/%d/0/%d", i, i + 1);
        put(place.dir, name);
    }
    must_remove(&place, "x");
    close_place(&place);
}

Test(remove_tree, what_a_link_leads_to_stays)
{
    struct place place = make_place();

    put(place.dir, "kept");
    cr_assert_eq(mkdirat(place.dir, "x", 0700), 0);
    cr_assert_eq(symlinkat("..", place.dir, "x/up"), 0);
    must_remove(&place, "x");
    cr_expect_eq(unlinkat(place.dir, "kept", 0), 0);
    close_place(&place);
}

/* Far more than there are descriptors, or there is room for in a path. */
Test(remove_tree, depth_needs_no_descriptors)
{
    enum { DEPTH = 5000, DESCRIPTORS = 64 };
    const struct rlimit few = {DESCRIPTORS, DESCRIPTORS};
    struct place place = make_place();
    int at = dup(place.dir);

    for (int i = 0; i < DEPTH; i++) {
        cr_assert_eq(mkdirat(at, "x", 0700), 0);

        int next = openat(at, "x", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        cr_assert_geq(next, 0);
        close(at);
        at = next;
        put(at, "file");
    }
    close(at);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    must_remove(&place, "x");
    close_place(&place);
}

/* An ordinary user's own, with modes that forbid it to him. */
Test(remove_tree, modes_are_no_obstacle)
{
    enum { STRANGER = 54321 };
    struct place place = make_place();
    uid_t user = geteuid();

    cr_assert(user != 0 || (chown(place.path, STRANGER, STRANGER) == 0 && seteuid(STRANGER) == 0));
    cr_assert_eq(mkdirat(place.dir, "x", 0700), 0);
    cr_assert_eq(mkdirat(place.dir, "x/y", 0700), 0);
    cr_assert_eq(mkdirat(place.dir, "x/y/z", 0700), 0);
    put(place.dir, "x/y/z/file");
    cr_assert_eq(fchmodat(place.dir, "x/y/z", 0, 0), 0);
    cr_assert_eq(fchmodat(place.dir, "x/y", 0500, 0), 0);
    cr_assert_eq(fchmodat(place.dir, "x", 0500, 0), 0);
    must_remove(&place, "x");
    cr_assert_eq(seteuid(user), 0);
    close_place(&place);
}
