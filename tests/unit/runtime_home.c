/* HOME from the container's own /etc/passwd, which may hold anything. */

#include "runtime_help.h"

#include "runtime/home.h"

static char *repeated(struct arena *arena, const char *before, char filling, size_t count,
                      const char *after)
{
    char *text = arena_zero(arena, strlen(before) + count + strlen(after) + 1, 1);

    strcpy(text, before);
    memset(text + strlen(before), filling, count);
    strcpy(text + strlen(before) + count, after);
    return text;
}

/* What home_find says with this /etc/passwd (NULL: none); the arena's. */
static const char *home_of(struct arena *arena, const char *passwd, uid_t uid, size_t size)
{
    own_directory(root);
    char *buffer = arena_zero(arena, size, 1);

    cr_assert_eq(mkdir(path_in(arena, root, "etc"), 0755), 0);
    if (passwd != NULL)
        put_file(path_in(arena, root, "etc/passwd"), passwd, 0644);

    autoclose int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    size_t before = open_descriptors();

    home_find(fd, uid, buffer, size);
    cr_expect_eq(open_descriptors(), before);
    return buffer;
}

Test(home, is_the_directory_of_the_first_line_with_that_number)
{
    static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                                 "# a comment\n"
                                 "\n"
                                 "ten:x:10:10::/home/ten:/bin/sh\n"
                                 "again:x:10:10::/home/again:/bin/sh\n"
                                 "hundred:x:100:100:a,b,c:/home/hundred:\n"
                                 "short:x:7:7:no directory\n"
                                 "six:x:6:6::/home/six\n"
                                 "relative:x:8:8::home/eight:/bin/sh\n"
                                 "empty:x:9:9:::/bin/sh\n"
                                 "signs:x:+11:11::/plus:\n"
                                 "spaces:x: 12:12::/space:\n"
                                 "large:x:4294967308:0::/wraps/to/12:\n"
                                 "last:x:4294967294:0::/last:/bin/sh";
    static const struct {
        uid_t uid;
        const char *home;
    } rows[] = {
        {0,          "HOME=/root"        },
        {10,         "HOME=/home/ten"    },
        {100,        "HOME=/home/hundred"},
        {7,          "HOME=/"            },
        {6,          "HOME=/home/six"    },
        {8,          "HOME=/"            },
        {9,          "HOME=/"            },
        {11,         "HOME=/"            },
        {12,         "HOME=/"            },
        {1,          "HOME=/"            },
        {4294967294, "HOME=/last"        }, /* without a newline behind it */
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {NULL};

        cr_expect_str_eq(home_of(&arena, passwd, rows[i].uid, 256), rows[i].home, "uid %u",
                         rows[i].uid);
    }
}

Test(home, without_a_file_is_the_root)
{
    autoarena struct arena arena = {NULL};

    cr_expect_str_eq(home_of(&arena, NULL, 0, 64), "HOME=/");
    cr_expect_str_eq(home_of(&arena, "", 0, 64), "HOME=/");
    cr_expect_str_eq(home_of(&arena, "\n\n\n", 0, 64), "HOME=/");
}

Test(home, is_found_behind_many_lines)
{
    autoarena struct arena arena = {NULL};
    char *passwd = arena_zero(&arena, 200000, 1);
    size_t used = 0;

    for (int i = 1000; i < 4000; i++)
        used += (size_t)sprintf(passwd + used, "user%d:x:%d:%d::/home/%d:/bin/sh\n", i, i, i, i);
    for (int uid = 1000; uid < 4000; uid += 97)
        cr_expect_str_eq(home_of(&arena, passwd, (uid_t)uid, 64),
                         arena_print(&arena, "HOME=/home/%d", uid));
}

/* Lines around the size of the buffer, where a reader by pieces gets lost. */
Test(home, behind_a_line_that_just_fits_is_found_and_behind_an_endless_one_is_not)
{
    autoarena struct arena arena = {NULL};

    for (size_t length = 4090; length <= 4095; length++)
        cr_expect_str_eq(
            home_of(&arena, repeated(&arena, "", 'x', length, "\na:x:5:5::/five:/bin/sh\n"), 5, 64),
            "HOME=/five", "%zu", length);
    cr_expect_str_eq(
        home_of(&arena, repeated(&arena, "", 'x', 5000, "\na:x:5:5::/five:/bin/sh\n"), 5, 64),
        "HOME=/");
}

Test(home, too_long_for_the_buffer_or_too_far_in_the_file_is_the_root)
{
    autoarena struct arena arena = {NULL};

    cr_expect_str_eq(home_of(&arena, "a:x:5:5::/much/too/long:\n", 5, 16), "HOME=/");
    cr_expect_str_eq(
        home_of(&arena, repeated(&arena, "", '\n', 2 * 1024 * 1024, "a:x:5:5::/five:\n"), 5, 64),
        "HOME=/");
}

Test(home, a_link_out_of_the_root_stays_inside_and_a_fifo_does_not_hang, .timeout = 20)
{
    autoarena struct arena arena = {NULL};
    own_directory(base);
    char buffer[64];

    cr_assert_eq(mkdir(path_in(&arena, base, "root"), 0755), 0);
    cr_assert_eq(mkdir(path_in(&arena, base, "root/etc"), 0755), 0);
    put_file(path_in(&arena, base, "passwd"), "out:x:5:5::/outside:\n", 0644);
    cr_assert_eq(symlink("../../passwd", path_in(&arena, base, "root/etc/passwd")), 0);

    autoclose int fd = open(path_in(&arena, base, "root"), O_PATH | O_DIRECTORY | O_CLOEXEC);

    home_find(fd, 5, buffer, sizeof buffer);
    cr_expect_str_eq(buffer, "HOME=/");
    put_file(path_in(&arena, base, "root/passwd"), "in:x:5:5::/inside:\n", 0644);
    home_find(fd, 5, buffer, sizeof buffer);
    cr_expect_str_eq(buffer, "HOME=/inside");
    cr_assert_eq(unlink(path_in(&arena, base, "root/passwd")), 0);
    cr_assert_eq(mkfifo(path_in(&arena, base, "root/passwd"), 0644), 0);
    home_find(fd, 5, buffer, sizeof buffer);
    cr_expect_str_eq(buffer, "HOME=/");
}
