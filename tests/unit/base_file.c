#include "base/file.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"

struct place {
    char path[64];
    int dir;
};

static struct place make_place(void)
{
    struct place place = {.path = "/tmp/base_file.XXXXXX"};

    cr_assert_not_null(mkdtemp(place.path));
    place.dir = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(place.dir, 0);
    return place;
}

/* Remove the files named, and see that there were no others. */
static void remove_place(struct place *place, const char *const *names)
{
    for (; *names != NULL; names++)
        cr_expect_eq(unlinkat(place->dir, *names, 0), 0, "%s", *names);
    cr_expect_eq(rmdir(place->path), 0, "something is left in %s", place->path);
    close_fd(&place->dir);
}

static void put(const struct place *place, const char *name, const char *bytes, size_t length)
{
    autoclose int fd = openat(place->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    cr_assert_eq(write_all(fd, bytes, length), 0);
}

Test(base_file, a_whole_file_is_read_with_a_nul_behind_it)
{
    struct place place = make_place();
    struct arena arena = {0};
    struct error err = {0};
    char *text = NULL;
    size_t length = 0;

    put(&place, "f", "ab\0cd", 5);
    cr_assert_eq(read_file(place.dir, "f", 5, &arena, &text, &length, &err), 0, "%s", err.text);
    cr_expect_eq(length, 5);
    cr_expect_arr_eq(text, "ab\0cd", 6);
    cr_expect_eq(read_file(place.dir, "f", 5, &arena, &text, NULL, &err), 0);
    put(&place, "f", "", 0);
    cr_assert_eq(read_file(place.dir, "f", 5, &arena, &text, &length, &err), 0);
    cr_expect(length == 0 && text[0] == '\0');
    arena_free(&arena);
    remove_place(&place, (const char *const[]){"f", NULL});
}

Test(base_file, reading_refuses_what_is_too_large_missing_or_no_file, .timeout = 20)
{
    struct place place = make_place();
    struct arena arena = {0};
    struct error err = {0};
    char *text = NULL;

    put(&place, "f", "123456", 6);
    cr_expect_eq(read_file(place.dir, "f", 5, &arena, &text, NULL, &err), -EFBIG);
    cr_expect_str_eq(err.text, "f: larger than 5 bytes");
    cr_expect_eq(read_file(place.dir, "none", 5, &arena, &text, NULL, &err), -ENOENT);
    cr_expect_str_eq(err.text, "open none: No such file or directory");
    cr_expect_eq(read_file(place.dir, ".", 5, &arena, &text, NULL, &err), -EINVAL);
    cr_expect_str_eq(err.text, ".: not a regular file");
    cr_assert_eq(mkfifoat(place.dir, "fifo", 0600), 0);
    cr_expect_eq(read_file(place.dir, "fifo", 5, &arena, &text, NULL, &err), -EINVAL);
    cr_expect_eq(read_file(place.dir, "/dev/zero", 5, &arena, &text, NULL, &err), -EINVAL);
    cr_expect_null(text);
    arena_free(&arena);
    remove_place(&place, (const char *const[]){"f", "fifo", NULL});
}

Test(base_file, pseudo_files_lose_their_last_newline)
{
    struct place place = make_place();
    char buffer[6];

    put(&place, "f", "1\n2\n", 4);
    cr_expect_eq(read_pseudo_file(place.dir, "f", buffer, sizeof buffer), 3);
    cr_expect_str_eq(buffer, "1\n2");
    put(&place, "f", "12345", 5);
    cr_expect_eq(read_pseudo_file(place.dir, "f", buffer, sizeof buffer), 5);
    cr_expect_str_eq(buffer, "12345");
    put(&place, "f", "", 0);
    cr_expect_eq(read_pseudo_file(place.dir, "f", buffer, sizeof buffer), 0);
    cr_expect_str_eq(buffer, "");
    put(&place, "f", "123456", 6);
    cr_expect_eq(read_pseudo_file(place.dir, "f", buffer, sizeof buffer), -EFBIG);
    cr_expect_eq(read_pseudo_file(place.dir, "none", buffer, sizeof buffer), -ENOENT);
    remove_place(&place, (const char *const[]){"f", NULL});
}

Test(base_file, pseudo_files_are_written_but_never_made)
{
    struct place place = make_place();
    char buffer[16];

    put(&place, "f", "", 0);
    cr_expect_eq(write_pseudo_file(place.dir, "f", "max"), 0);
    cr_expect_eq(read_pseudo_file(place.dir, "f", buffer, sizeof buffer), 3);
    cr_expect_str_eq(buffer, "max");
    cr_expect_eq(write_pseudo_file(place.dir, "none", "max"), -ENOENT);
    cr_expect_eq(write_pseudo_file(AT_FDCWD, "/dev/full", "max"), -ENOSPC);
    remove_place(&place, (const char *const[]){"f", NULL});
}

Test(base_file, a_full_device_is_an_error_of_writing)
{
    autoclose int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    cr_expect_eq(write_all(fd, "x", 1), -ENOSPC);
    cr_expect_eq(write_all(fd, "", 0), 0);
    cr_expect_eq(write_all(-1, "x", 1), -EBADF);
}

Test(base_file, replacing_leaves_the_new_file_alone_in_the_place)
{
    struct place place = make_place();
    struct error err = {0};
    struct stat status;
    char buffer[16];

    cr_assert_eq(replace_file(place.dir, "f", "old", 3, 0600, &err), 0, "%s", err.text);
    cr_assert_eq(replace_file(place.dir, "f", "new", 3, 0600, &err), 0, "%s", err.text);
    cr_expect_eq(read_pseudo_file(place.dir, "f", buffer, sizeof buffer), 3);
    cr_expect_str_eq(buffer, "new");
    cr_assert_eq(fstatat(place.dir, "f", &status, 0), 0);
    cr_expect_eq(status.st_mode & 07777, 0600);

    /* By absolute path too: the temporary file must stand beside it, not in `dir`. */
    char path[128];

    snprintf(path, sizeof path, "%s/g", place.path);
    cr_assert_eq(replace_file(AT_FDCWD, path, "abs", 3, 0600, &err), 0, "%s", err.text);
    cr_expect_eq(read_pseudo_file(place.dir, "g", buffer, sizeof buffer), 3);
    remove_place(&place, (const char *const[]){"f", "g", NULL});
}

Test(base_file, a_reader_of_the_old_file_keeps_it)
{
    struct place place = make_place();
    struct error err = {0};
    char bytes[4] = "";

    cr_assert_eq(replace_file(place.dir, "f", "old", 3, 0600, &err), 0);

    autoclose int fd = openat(place.dir, "f", O_RDONLY | O_CLOEXEC);

    cr_assert_eq(replace_file(place.dir, "f", "new", 3, 0600, &err), 0);
    cr_expect_eq(read(fd, bytes, 3), 3);
    cr_expect_str_eq(bytes, "old");
    remove_place(&place, (const char *const[]){"f", NULL});
}

Test(base_file, a_failed_replacement_leaves_nothing_behind)
{
    struct place place = make_place();
    struct error err = {0};

    /* A directory cannot be renamed over. */
    cr_assert_eq(mkdirat(place.dir, "d", 0700), 0);
    cr_expect_eq(replace_file(place.dir, "d", "x", 1, 0600, &err), -EISDIR);
    cr_expect_str_eq(err.text, "write d: Is a directory");
    cr_assert_eq(unlinkat(place.dir, "d", AT_REMOVEDIR), 0);
    cr_expect_eq(replace_file(place.dir, "none/f", "x", 1, 0600, &err), -ENOENT);
    cr_expect_str_eq(err.text, "write none/f: No such file or directory");
    remove_place(&place, (const char *const[]){NULL});
}

Test(base_file, a_leftover_of_a_killed_process_is_not_in_the_way)
{
    struct place place = make_place();
    struct error err = {0};
    char leftover[32];

    snprintf(leftover, sizeof leftover, ".f.%d", getpid());
    cr_assert_eq(symlinkat("/dev/null", place.dir, leftover), 0);
    cr_expect_eq(replace_file(place.dir, "f", "x", 1, 0600, &err), 0, "%s", err.text);
    remove_place(&place, (const char *const[]){"f", NULL});
}

Test(base_file, a_replacement_can_be_dropped_or_put_in_its_place)
{
    struct place place = make_place();
    struct replacement replacement;
    struct error err = {0};
    char buffer[16];

    cr_assert_eq(replace_file(place.dir, "f", "old", 3, 0600, &err), 0);
    cr_assert_eq(replacement_write(&replacement, place.dir, "f", "new", 3, 0600, &err), 0);
    cr_expect_eq(read_pseudo_file(place.dir, "f", buffer, sizeof buffer), 3);
    cr_expect_str_eq(buffer, "old");
    replacement_drop(&replacement);
    cr_expect_eq(replacement_commit(&replacement, &err), -ENOENT);
    cr_expect_str_eq(err.text, "write f: No such file or directory");

    cr_assert_eq(replacement_write(&replacement, place.dir, "f", "new", 3, 0600, &err), 0);
    cr_expect_eq(replacement_commit(&replacement, &err), 0);
    cr_expect_eq(read_pseudo_file(place.dir, "f", buffer, sizeof buffer), 3);
    cr_expect_str_eq(buffer, "new");
    remove_place(&place, (const char *const[]){"f", NULL});
}
