/* Which files a process keeps. */

#include "runtime_help.h"

#include <sys/wait.h>

#include "runtime/descriptors.h"

/* Usable where everything else is closed, so without a word to the test runner. */
static void open_at(int number, int flags)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (fd != number && dup3(fd, number, flags) == number)
        close(fd);
    if (fd == number)
        fcntl(fd, F_SETFD, (flags & O_CLOEXEC) != 0 ? FD_CLOEXEC : 0);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static bool passes_exec(int fd)
{
    return (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
}

/* In a child, whose status counts the wrong answers: the test runner has descriptors of its own. */
#define in_child(...)                                       \
    do {                                                    \
        pid_t child_ = fork();                              \
        int status_;                                        \
        if (child_ == 0) {                                  \
            int wrong = 0;                                  \
            __VA_ARGS__;                                    \
            _exit(wrong);                                   \
        }                                                   \
        cr_assert_eq(waitpid(child_, &status_, 0), child_); \
        cr_expect_eq(status_, 0, "%d wrong", status_ >> 8); \
    } while (0)

Test(descriptors, all_but_the_kept_are_closed)
{
    open_at(100, 0);
    open_at(101, O_CLOEXEC);
    open_at(102, 0);
    open_at(500, 0);
    in_child({
        const int kept[] = {500, -1, 101};

        wrong += descriptors_close_all_but(3, kept, count_of(kept)) != 0;
        for (int fd = 0; fd < 1024; fd++)
            wrong += is_open(fd) != (fd <= 2 || fd == 101 || fd == 500);
    });
}

Test(descriptors, kept_ones_below_the_first_or_next_to_each_other)
{
    for (int fd = 100; fd < 104; fd++)
        open_at(fd, 0);
    in_child({
        const int kept[] = {2, 101, 100, 101};

        wrong += descriptors_close_all_but(100, kept, count_of(kept)) != 0;
        wrong += !is_open(2) + !is_open(100) + !is_open(101) + is_open(102) + is_open(103);
    });
    in_child({
        wrong += descriptors_close_all_but(100, NULL, 0) != 0;
        wrong += is_open(100) + is_open(103);
    });
}

Test(descriptors, the_passed_survive_execve_and_those_above_do_not)
{
    in_child({
        descriptors_close_all_but(3, NULL, 0);
        open_at(3, O_CLOEXEC);
        open_at(4, 0);
        open_at(5, 0);
        open_at(300, 0);
        wrong += descriptors_pass(3, 2) != 0;
        wrong += !passes_exec(3) + !passes_exec(4);
        wrong += !is_open(5) + passes_exec(5) + !is_open(300) + passes_exec(300);
        wrong += !passes_exec(0) + !passes_exec(1) + !passes_exec(2);
    });
}

Test(descriptors, passing_one_that_is_not_open_is_an_error)
{
    in_child({
        descriptors_close_all_but(3, NULL, 0);
        open_at(3, 0);
        wrong += descriptors_pass(3, 2) != -EBADF;
        wrong += descriptors_pass(3, 0) != 0;
    });
}

Test(descriptors, those_to_preserve_must_be_open)
{
    in_child({
        struct error err;

        descriptors_close_all_but(3, NULL, 0);
        open_at(3, 0);
        open_at(4, 0);
        wrong += descriptors_check_preserved(0, &err) != 0;
        wrong += descriptors_check_preserved(2, &err) != 0;
        wrong += descriptors_check_preserved(3, &err) != -EBADF;
        wrong += strstr(err.text, "fd 5 is not open") == NULL;
        /* What closes on exec was opened by us, not handed over by a caller. */
        wrong += fcntl(4, F_SETFD, FD_CLOEXEC) != 0;
        wrong += descriptors_check_preserved(2, &err) != -EBADF;
        wrong += strstr(err.text, "fd 4 is not open") == NULL;
        wrong += descriptors_check_preserved(1, &err) != 0;
        /* 3 + count would wrap around to a small number. */
        wrong += descriptors_check_preserved(~0u, &err) != -EBADF;
        wrong += descriptors_check_preserved(~0u - 2, &err) != -EBADF;
    });
}
