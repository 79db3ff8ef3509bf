/* Which process it is: by the number of its pidfd, or by its start where there is none. */

#include "runtime_help.h"

#include <signal.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/kernel.h"
#include "runtime/identity.h"

static struct process_identity identify(pid_t pid, struct arena *arena)
{
    autoclose int pidfd = kernel_pidfd_open(pid, 0);
    struct boot boot = {""};
    struct process_identity identity;
    struct error err;

    must(process_identify(pidfd, pid, &boot, arena, &identity, &err));
    return identity;
}

/* As on a kernel whose pidfds have no numbers: -1 is none of theirs. */
static struct process_identity identify_by_start(pid_t pid, struct arena *arena)
{
    struct boot boot = {""};
    struct process_identity identity;
    struct error err;

    must(process_identify(-1, pid, &boot, arena, &identity, &err));
    cr_assert_eq(identity.serial, 0);
    return identity;
}

static int reopen(const struct process_identity *identity)
{
    struct boot boot = {""};

    return process_open(identity, &boot);
}

Test(process_identity, our_own_opens)
{
    autoarena struct arena arena = {NULL};
    struct process_identity identities[] = {identify(getpid(), &arena),
                                            identify_by_start(getpid(), &arena)};

    for (size_t i = 0; i < count_of(identities); i++) {
        autoclose int pidfd = reopen(&identities[i]);

        cr_assert(pidfd >= 0, "%zu", i);
        cr_expect(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
    }
}

Test(process_identity, is_a_number_where_the_kernel_counts_pidfds)
{
    autoarena struct arena arena = {NULL};
    struct process_identity identity = identify(getpid(), &arena);
    autoclose int pidfd = kernel_pidfd_open(getpid(), 0);
    struct statfs filesystem;
    struct stat status;

    cr_assert_eq(fstat(pidfd, &status), 0);
    cr_assert_eq(fstatfs(pidfd, &filesystem), 0);
    if (filesystem.f_type == PIDFS_MAGIC) {
        cr_expect_eq(identity.serial, status.st_ino);
        cr_expect_eq(identity.start_time, 0);
    } else {
        cr_expect_eq(identity.serial, 0);
        cr_expect_neq(identity.start_time, 0);
    }
}

static void assert_nobody_else(struct process_identity (*look)(pid_t pid, struct arena *arena))
{
    static const int64_t pids[] = {0, -1, INT64_MIN, INT64_MAX, INT64_C(1) << 32};
    autoarena struct arena arena = {NULL};
    size_t before = open_descriptors();
    struct process_identity identity = look(getpid(), &arena);

    if (identity.serial != 0)
        identity.serial++;
    else
        identity.start_time++;
    cr_expect_eq(reopen(&identity), -1, "another process");
    identity = look(getpid(), &arena);
    identity.boot_id = "00000000-0000-0000-0000-000000000000";
    cr_expect_eq(reopen(&identity), -1, "another boot");
    identity.boot_id = NULL;
    cr_expect_eq(reopen(&identity), -1, "no boot");
    for (size_t i = 0; i < count_of(pids); i++) {
        identity = look(getpid(), &arena);
        identity.pid = pids[i];
        cr_expect_eq(reopen(&identity), -1, "pid %lld", (long long)pids[i]);
    }
    identity = look(getpid(), &arena);
    identity.pid += INT64_C(1) << 32; /* ours in the low 32 bits */
    cr_expect_eq(reopen(&identity), -1);
    cr_expect_eq(open_descriptors(), before);
}

Test(process_identity, any_other_number_start_or_boot_is_nobody)
{
    assert_nobody_else(identify);
    assert_nobody_else(identify_by_start);
}

static void assert_zombie_is_gone(struct process_identity (*look)(pid_t pid, struct arena *arena))
{
    autoarena struct arena arena = {NULL};
    struct boot boot = {""};
    int gate[2];
    siginfo_t info;

    cr_assert_eq(pipe2(gate, O_CLOEXEC), 0);

    pid_t child = fork();

    if (child == 0) {
        char byte;

        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
    }

    struct process_identity identity = look(child, &arena);
    autoclose int alive = reopen(&identity);

    cr_expect(alive >= 0);
    close(gate[1]);
    close(gate[0]);
    cr_assert_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    cr_expect_eq(reopen(&identity), -1, "a zombie");

    autoclose int remains = process_open_remains(&identity, &boot);

    cr_expect(remains >= 0, "of a zombie");
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_expect_eq(reopen(&identity), -1, "reaped");
    cr_expect_eq(process_open_remains(&identity, &boot), -1, "nothing remains");
}

Test(process_identity, a_zombie_is_gone)
{
    assert_zombie_is_gone(identify);
    assert_zombie_is_gone(identify_by_start);
}

Test(process_identity, of_nobody_is_an_error)
{
    autoarena struct arena arena = {NULL};
    struct boot boot = {""};
    struct process_identity identity;
    struct error err;

    expect_refused(process_identify(-1, INT_MAX, &boot, &arena, &identity, &err), ENOENT, "/stat");
}

Test(process_identity, a_name_full_of_parentheses_does_not_shift_the_fields)
{
    autoarena struct arena arena = {NULL};
    struct process_identity before = identify_by_start(getpid(), &arena);
    int fd = open("/proc/self/comm", O_WRONLY | O_CLOEXEC);

    cr_assert_eq(write(fd, ") Z 1 (2 3) 4", 13), 13);
    close(fd);

    struct process_identity after = identify_by_start(getpid(), &arena);
    autoclose int pidfd = reopen(&before);

    cr_expect_eq(before.start_time, after.start_time);
    cr_expect(pidfd >= 0);
}

/* Who asks of many asks once. */
Test(process_identity, the_boot_is_read_once)
{
    autoarena struct arena arena = {NULL};
    struct process_identity identity = identify(getpid(), &arena);
    struct boot boot = {"another"};

    cr_expect_eq(process_open(&identity, &boot), -1);
    cr_expect_str_eq(boot.id, "another");
    *boot.id = '\0';

    autoclose int pidfd = process_open(&identity, &boot);

    cr_expect(pidfd >= 0);
    cr_expect_str_eq(boot.id, identity.boot_id);
}
