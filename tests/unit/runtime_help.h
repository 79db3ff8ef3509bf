#pragma once

/* What the tests of runtime/ share: a directory of their own, files in it, and words out of errors.
 */

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/own.h"

/* `char directory[PATH_MAX]`, made now, removed at the end of the test. */
#define own_directory(name)                                               \
    __attribute__((cleanup(remove_directory_))) char name[PATH_MAX] = ""; \
    make_directory_(name)

static inline int remove_entry_(const char *path, const struct stat *status, int type,
                                struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static inline void remove_directory_(char (*path)[PATH_MAX])
{
    if (**path != '\0')
        nftw(*path, remove_entry_, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void make_directory_(char path[static PATH_MAX])
{
    const char *parent = getenv("TMPDIR");

    snprintf(path, PATH_MAX, "%s/crun-lite-unit-XXXXXX", parent != NULL ? parent : "/tmp");
    cr_assert_not_null(mkdtemp(path), "%s: %s", path, strerror(errno));
}

/* The path of `name` in `directory`; the arena's. */
static inline char *path_in(struct arena *arena, const char *directory, const char *name)
{
    char *path = arena_print(arena, "%s/%s", directory, name);

    cr_assert_not_null(path);
    return path;
}

static inline void put_file(const char *path, const char *content, mode_t mode)
{
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t length = strlen(content);

    cr_assert(fd >= 0, "%s: %s", path, strerror(errno));
    cr_assert_eq(write(fd, content, length), (ssize_t)length);
    cr_assert_eq(fchmod(fd, mode), 0);
}

/* The beginning of a file, as text. */
static inline const char *get_file(const char *path, char *buffer, size_t size)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, buffer, size - 1);

    buffer[length < 0 ? 0 : length] = '\0';
    return buffer;
}

static inline size_t count_entries(const char *path)
{
    DIR *directory = opendir(path);
    size_t count = 0;

    cr_assert_not_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

/* How many descriptors this process has open. */
static inline size_t open_descriptors(void)
{
    return count_entries("/proc/self/fd") - 1; /* the one of the directory itself */
}

#define expect_refused(call, wanted_code, wanted_text)                                           \
    do {                                                                                         \
        struct error *err_ = &err;                                                               \
        err_->text[0] = '\0';                                                                    \
        err_->code = 0;                                                                          \
        int code_ = (call);                                                                      \
        cr_expect_eq(code_, -(wanted_code), "%s: %d, not %d (%s)", #call, code_, -(wanted_code), \
                     err_->text);                                                                \
        cr_expect_eq(err_->code, (wanted_code));                                                 \
        cr_expect(strstr(err_->text, (wanted_text)) != NULL, "%s: \"%s\" lacks \"%s\"", #call,   \
                  err_->text, (wanted_text));                                                    \
        cr_expect(strchr(err_->text, '\n') == NULL, "one line: %s", err_->text);                 \
    } while (0)

#define must(call) cr_assert((call) >= 0, "%s: %s", #call, err.text)
