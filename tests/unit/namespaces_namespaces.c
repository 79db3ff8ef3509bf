/* The table of namespaces, what is made and what is joined, and joining itself where it is allowed.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/namespaces.h"

/* --- plans ---------------------------------------------------------------------------------- */

static int plan_of(struct namespace_plan *ret, struct spec_namespace *items, size_t count,
                   struct error *err)
{
    struct spec_linux linux_part = {
        .namespaces = {items, count}
    };
    const struct spec spec = {.linux_ = &linux_part};

    return namespace_plan_from_spec(ret, &spec, err);
}

Test(namespaces, every_kind_has_one_row_and_the_user_namespace_the_last)
{
    uint64_t seen = 0;

    for (size_t i = 0; i < NAMESPACE_KINDS; i++) {
        char path[64];

        cr_expect_eq(seen & namespace_kinds[i].flag, 0);
        seen |= namespace_kinds[i].flag;
        cr_expect_not_null(names_find(&spec_namespace_names, namespace_kinds[i].name));
        cr_expect_str_eq(names_of_value(&spec_namespace_names, namespace_kinds[i].type),
                         namespace_kinds[i].name);
        snprintf(path, sizeof path, "/proc/self/ns/%s", namespace_kinds[i].proc_name);
        cr_expect_eq(access(path, F_OK), 0, "%s", path);
    }
    cr_expect_eq(namespace_kinds[NAMESPACE_KINDS - 1].flag, CLONE_NEWUSER);
}

Test(namespaces, without_a_path_is_made_and_with_one_is_joined)
{
    struct spec_namespace items[] = {
        {SPEC_NAMESPACE_USER,    "/x/user"},
        {SPEC_NAMESPACE_PID,     NULL     },
        {SPEC_NAMESPACE_MOUNT,   ""       },
        {SPEC_NAMESPACE_NETWORK, "/x/net" },
    };
    struct namespace_plan plan;
    struct error err = {0};

    cr_assert_eq(plan_of(&plan, items, count_of(items), &err), 0, "%s", err.text);
    cr_expect_eq(plan.create, CLONE_NEWPID | CLONE_NEWNS);
    cr_expect_eq(plan.join, CLONE_NEWUSER | CLONE_NEWNET);
    cr_assert_eq(plan.join_count, 2);
    cr_expect_str_eq(plan.joins[0].path, "/x/net");
    cr_expect_eq(plan.joins[0].index, 3);
    cr_expect_str_eq(plan.joins[1].path, "/x/user", "the user namespace comes last");
    cr_expect_eq(plan.joins[1].index, 0);
    cr_expect_eq(plan.joins[0].fd, -1);
}

Test(namespaces, no_linux_part_means_the_callers_own)
{
    const struct spec spec = {0};
    struct namespace_plan plan;
    struct error err = {0};

    cr_assert_eq(namespace_plan_from_spec(&plan, &spec, &err), 0);
    cr_expect_eq(plan.create | plan.join, 0);
}

Test(namespaces, a_kind_listed_twice_is_refused)
{
    struct spec_namespace items[] = {
        {SPEC_NAMESPACE_IPC, NULL    },
        {SPEC_NAMESPACE_IPC, "/x/ipc"}
    };
    struct namespace_plan plan;
    struct error err = {0};

    cr_expect_eq(plan_of(&plan, items, count_of(items), &err), -EINVAL);
    cr_expect_str_eq(err.text, "linux.namespaces[1].type: \"ipc\" is listed twice");
}

Test(namespaces, a_relative_path_is_refused)
{
    struct spec_namespace items[] = {
        {SPEC_NAMESPACE_UTS, "proc/1/ns/uts"}
    };
    struct namespace_plan plan;
    struct error err = {0};

    cr_expect_eq(plan_of(&plan, items, 1, &err), -EINVAL);
    cr_expect_str_eq(err.text,
                     "linux.namespaces[0].path: \"proc/1/ns/uts\" is not an absolute path");
}

/* --- opening -------------------------------------------------------------------------------- */

static int open_one(enum spec_namespace_type type, const char *path, struct error *err)
{
    struct spec_namespace items[] = {
        {SPEC_NAMESPACE_MOUNT, NULL},
        {(int)type,            path}
    };
    struct namespace_plan plan;
    int code = plan_of(&plan, items, count_of(items), err);

    if (code == 0)
        code = namespace_open_joins(&plan, err);
    namespace_close_joins(&plan);
    return code;
}

Test(namespaces, our_own_open_as_what_they_are)
{
    for (size_t i = 0; i < NAMESPACE_KINDS; i++) {
        struct error err = {0};
        char path[64];

        if (namespace_kinds[i].flag == CLONE_NEWNS)
            continue;
        snprintf(path, sizeof path, "/proc/self/ns/%s", namespace_kinds[i].proc_name);
        cr_expect_eq(open_one(namespace_kinds[i].type, path, &err), 0, "%s", err.text);
    }
}

Test(namespaces, the_wrong_kind_is_named)
{
    struct error err = {0};

    cr_expect_eq(open_one(SPEC_NAMESPACE_IPC, "/proc/self/ns/net", &err), -EINVAL);
    cr_expect_str_eq(err.text,
                     "linux.namespaces[1].path: /proc/self/ns/net: is a net namespace, not ipc");
}

Test(namespaces, what_is_no_namespace_is_refused_without_hanging, .timeout = 10)
{
    char directory[] = "/tmp/namespaces-XXXXXX";
    char fifo[sizeof directory + sizeof "/fifo"];
    struct error err = {0};

    cr_assert_not_null(mkdtemp(directory));
    snprintf(fifo, sizeof fifo, "%s/fifo", directory);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    cr_expect_eq(open_one(SPEC_NAMESPACE_IPC, fifo, &err), -EINVAL);
    cr_expect_not_null(strstr(err.text, "fifo: is not a namespace (a namespace is "));
    unlink(fifo);
    cr_assert_eq(symlink("/nowhere", fifo), 0);
    cr_expect_eq(open_one(SPEC_NAMESPACE_IPC, fifo, &err), -ENOENT);
    unlink(fifo);
    cr_expect_eq(open_one(SPEC_NAMESPACE_IPC, directory, &err), -EINVAL);
    rmdir(directory);
    cr_expect_eq(open_one(SPEC_NAMESPACE_IPC, "/dev/null", &err), -EINVAL);
    cr_expect_eq(open_one(SPEC_NAMESPACE_IPC, "/proc/self/status", &err), -EINVAL);
}

/* --- joining: root's business, or that of a user namespace ------------------------------------ */

/* A process that holds namespaces until `end` is closed. */
struct holder {
    pid_t pid;
    int end;
};

static int become_nobody(void)
{
    return geteuid() == 0 &&
                   (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
               ? -1
               : 0;
}

static struct holder hold_as(int (*become)(void), int flags)
{
    struct holder holder;
    int ready[2];
    int wait[2];
    int code;

    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(wait, O_CLOEXEC), 0);
    holder.pid = fork();
    cr_assert_geq(holder.pid, 0);
    if (holder.pid == 0) {
        close(wait[1]);
        code = (become != NULL && become() < 0) || unshare(flags) < 0 ? errno : 0;
        if (write(ready[1], &code, sizeof code) == sizeof code)
            (void)!read(wait[0], &code, 1);
        _exit(0);
    }
    close(wait[0]);
    holder.end = wait[1];
    cr_assert_eq(read(ready[0], &code, sizeof code), (ssize_t)sizeof code);
    close(ready[0]);
    close(ready[1]);
    if (code != 0)
        cr_skip_test("this process may not make namespaces: %s", strerror(code));
    return holder;
}

static struct holder hold(int flags)
{
    return hold_as(NULL, flags);
}

static void release(struct holder *holder)
{
    kill(holder->pid, SIGKILL); /* not only close: a later holder has a copy of the end */
    close(holder->end);
    waitpid(holder->pid, NULL, 0);
}

/* As who can: root needs no user namespace. */
static int with_rights(int flags)
{
    return geteuid() == 0 ? flags : flags | CLONE_NEWUSER;
}

/* What a child that joined came to: Criterion's own processes have threads, with which the kernel
 * does not let one join a user namespace. */
struct joined {
    int code;
    struct error err;
    ino_t namespaces[NAMESPACE_KINDS];
};

static void look_at_own(ino_t namespaces[NAMESPACE_KINDS])
{
    for (size_t i = 0; i < NAMESPACE_KINDS; i++) {
        char path[64];
        struct stat status;

        snprintf(path, sizeof path, "/proc/self/ns/%s", namespace_kinds[i].proc_name);
        namespaces[i] = stat(path, &status) == 0 ? status.st_ino : 0;
    }
}

static struct joined in_child(int (*join)(void *context, struct error *err), void *context)
{
    struct joined joined = {0};
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);

    pid_t child = fork();

    cr_assert_geq(child, 0);
    if (child == 0) {
        joined.code = join(context, &joined.err);
        look_at_own(joined.namespaces);
        _exit(write(ends[1], &joined, sizeof joined) != sizeof joined);
    }
    close(ends[1]);
    cr_expect_eq(read(ends[0], &joined, sizeof joined), (ssize_t)sizeof joined);
    close(ends[0]);
    waitpid(child, NULL, 0);
    return joined;
}

static bool is_in(const struct joined *joined, const struct holder *holder, const char *name)
{
    for (size_t i = 0; i < NAMESPACE_KINDS; i++) {
        char path[64];
        struct stat status;

        if (strcmp(namespace_kinds[i].proc_name, name) != 0)
            continue;
        snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)holder->pid, name);
        cr_assert_eq(stat(path, &status), 0, "%s", path);
        return status.st_ino == joined->namespaces[i];
    }
    cr_assert_fail("no namespace %s", name);
    return false;
}

static const char *path_in(char path[static 64], const struct holder *holder, const char *name)
{
    snprintf(path, 64, "/proc/%d/ns/%s", (int)holder->pid, name);
    return path;
}

struct wanted {
    struct spec_namespace items[2];
    size_t count;
    uint64_t kinds; /* 0: all */
};

static int join_wanted(void *context, struct error *err)
{
    struct wanted *wanted = context;
    struct namespace_plan plan;
    int code = plan_of(&plan, wanted->items, wanted->count, err);

    if (code == 0)
        code = namespace_open_joins(&plan, err);
    if (code == 0)
        code = namespace_join(&plan, wanted->kinds == 0 ? plan.join : wanted->kinds, err);
    namespace_close_joins(&plan);
    return code;
}

Test(namespaces, joins_what_a_user_namespace_owns)
{
    struct holder holder = hold(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWUTS);
    char user[64];
    char network[64];
    struct wanted wanted = {
        .items = {{SPEC_NAMESPACE_USER, path_in(user, &holder, "user")},
                  {SPEC_NAMESPACE_NETWORK, path_in(network, &holder, "net")}},
        .count = 2,
    };
    struct joined joined = in_child(join_wanted, &wanted);

    cr_expect_eq(joined.code, 0, "%s", joined.err.text);
    cr_expect(is_in(&joined, &holder, "net"));
    cr_expect(is_in(&joined, &holder, "user"));
    cr_expect_not(is_in(&joined, &holder, "uts"), "was not asked for");
    release(&holder);
}

Test(namespaces, root_joins_a_user_namespace_and_a_network_that_it_does_not_own)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");

    struct holder network_holder = hold(CLONE_NEWNET);
    struct holder user_holder = hold(CLONE_NEWUSER);
    char user[64];
    char network[64];
    struct wanted wanted = {
        .items = {{SPEC_NAMESPACE_USER, path_in(user, &user_holder, "user")},
                  {SPEC_NAMESPACE_NETWORK, path_in(network, &network_holder, "net")}},
        .count = 2,
    };
    struct joined joined = in_child(join_wanted, &wanted);

    cr_expect_eq(joined.code, 0, "%s", joined.err.text);
    cr_expect(is_in(&joined, &network_holder, "net"));
    cr_expect(is_in(&joined, &user_holder, "user"));
    release(&network_holder);
    release(&user_holder);
}

Test(namespaces, only_the_kinds_asked_for_are_joined)
{
    struct holder holder = hold(CLONE_NEWUSER | CLONE_NEWNET);
    char user[64];
    char network[64];
    struct wanted wanted = {
        .items = {{SPEC_NAMESPACE_NETWORK, path_in(network, &holder, "net")},
                  {SPEC_NAMESPACE_USER, path_in(user, &holder, "user")}},
        .count = 2,
        .kinds = CLONE_NEWUSER,
    };
    struct joined joined = in_child(join_wanted, &wanted);

    cr_expect_eq(joined.code, 0, "%s", joined.err.text);
    cr_expect(is_in(&joined, &holder, "user"));
    cr_expect_not(is_in(&joined, &holder, "net"));
    release(&holder);
}

Test(namespaces, our_own_user_namespace_is_joined_already)
{
    struct wanted wanted = {
        .items = {{SPEC_NAMESPACE_USER, "/proc/self/ns/user"}},
        .count = 1,
    };
    struct joined joined = in_child(join_wanted, &wanted);

    cr_expect_eq(joined.code, 0, "%s", joined.err.text);
}

/* Whatever the path says. */
Test(namespaces, foreign_are_those_made_and_those_of_others)
{
    struct holder holder = hold(CLONE_NEWUSER | CLONE_NEWNET);
    char network[64];
    struct spec_namespace items[] = {
        {SPEC_NAMESPACE_UTS,     "/proc/self/ns/uts"},
        {SPEC_NAMESPACE_NETWORK, path_in(network,     &holder, "net")},
        {SPEC_NAMESPACE_IPC,                NULL                                  },
        {SPEC_NAMESPACE_USER,   "/proc/self/ns/user"},
    };
    struct namespace_plan plan;
    struct error err = {0};
    uint64_t foreign = 0;

    cr_assert_eq(plan_of(&plan, items, count_of(items), &err), 0);
    cr_assert_eq(namespace_open_joins(&plan, &err), 0, "%s", err.text);
    cr_expect_eq(namespace_foreign(&plan, &foreign, &err), 0, "%s", err.text);
    cr_expect_eq(foreign, CLONE_NEWNET | CLONE_NEWIPC, "%#jx", (uintmax_t)foreign);
    namespace_close_joins(&plan);
    release(&holder);
}

static int join_opened_as_nobody(void *context, struct error *err)
{
    const struct namespace_plan *plan = context;

    if (become_nobody() < 0)
        return fail(err, errno, "become nobody");
    return namespace_join(plan, plan->join, err);
}

Test(namespaces, who_has_no_rights_gets_them_from_the_user_namespace)
{
    struct holder holder = hold_as(become_nobody, CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWUTS);
    char user[64];
    char network[64];
    char uts[64];
    struct spec_namespace items[] = {
        {SPEC_NAMESPACE_NETWORK, path_in(network, &holder, "net") },
        {SPEC_NAMESPACE_UTS,     path_in(uts,     &holder, "uts") },
        {SPEC_NAMESPACE_USER,    path_in(user,    &holder, "user")},
    };
    struct namespace_plan plan;
    struct error err = {0};

    cr_assert_eq(plan_of(&plan, items, count_of(items), &err), 0);
    cr_assert_eq(namespace_open_joins(&plan, &err), 0, "%s", err.text);

    struct joined joined = in_child(join_opened_as_nobody, &plan);

    cr_expect_eq(joined.code, 0, "%s", joined.err.text);
    cr_expect(is_in(&joined, &holder, "net"));
    cr_expect(is_in(&joined, &holder, "uts"));
    cr_expect(is_in(&joined, &holder, "user"));
    namespace_close_joins(&plan);
    release(&holder);
}

static int join_as_nobody(void *context, struct error *err)
{
    if (become_nobody() < 0)
        return fail(err, errno, "become nobody");
    return join_wanted(context, err);
}

Test(namespaces, a_join_that_is_not_permitted_says_which_and_why)
{
    struct wanted wanted = {
        .items = {{SPEC_NAMESPACE_NETWORK, "/proc/self/ns/net"}},
        .count = 1,
    };
    struct joined joined = in_child(join_as_nobody, &wanted);

    cr_expect_eq(joined.code, -EPERM);
    cr_expect_str_eq(joined.err.text,
                     "linux.namespaces[0].path: /proc/self/ns/net: join the network namespace: "
                     "Operation not permitted (it takes CAP_SYS_ADMIN over the user namespace that "
                     "owns it)");
}

/* --- those of a process --------------------------------------------------------------------- */

Test(namespaces, a_process_differs_in_what_it_has_of_its_own)
{
    int flags = with_rights(CLONE_NEWUTS | CLONE_NEWIPC);
    struct holder holder = hold(flags);
    uint64_t differences = 1;
    struct error err = {0};

    cr_expect_eq(namespace_differences(getpid(), 0, &differences, &err), 0, "%s", err.text);
    cr_expect_eq(differences, 0);
    cr_expect_eq(namespace_differences(holder.pid, 0, &differences, &err), 0, "%s", err.text);
    cr_expect_eq(differences, (uint64_t)flags);
    release(&holder);
    cr_expect_eq(namespace_differences(holder.pid, 0, &differences, &err), -ESRCH);
}

struct process {
    int pidfd;
    int flags;
};

static int join_process(void *context, struct error *err)
{
    const struct process *process = context;

    return namespace_join_process(process->pidfd, (uint64_t)process->flags, err);
}

Test(namespaces, all_of_a_process_are_joined_at_once)
{
    int flags = CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
    struct holder holder = hold(flags);
    autoclose int pidfd = kernel_pidfd_open(holder.pid, 0);
    struct process process = {pidfd, flags};

    cr_assert_geq(pidfd, 0);

    struct joined joined = in_child(join_process, &process);

    cr_expect_eq(joined.code, 0, "%s", joined.err.text);
    cr_expect(is_in(&joined, &holder, "uts"));
    cr_expect(is_in(&joined, &holder, "ipc"));
    cr_expect(is_in(&joined, &holder, "net"));
    cr_expect(is_in(&joined, &holder, "user"));
    release(&holder);
}

/* From here on setns(2) with these flags together fails, as for a pidfd before 5.8. */
static int forbid_setns_of(unsigned flags)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setns, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, flags, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {count_of(rules), rules};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0;
}

static int join_process_before_5_8(void *context, struct error *err)
{
    const struct process *process = context;

    if (forbid_setns_of((unsigned)process->flags) != 0)
        return fail(err, errno, "install the filter");
    if (setns(process->pidfd, process->flags) == 0)
        return refuse(err, EBADE, "the filter does not work");
    return join_process(context, err);
}

Test(namespaces, before_5_8_they_are_joined_one_by_one)
{
    int flags = CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWNET;
    struct holder holder = hold(flags);
    autoclose int pidfd = kernel_pidfd_open(holder.pid, 0);
    struct process process = {pidfd, flags};

    cr_assert_geq(pidfd, 0);

    struct joined joined = in_child(join_process_before_5_8, &process);

    cr_expect_eq(joined.code, 0, "%s", joined.err.text);
    cr_expect(is_in(&joined, &holder, "uts"));
    cr_expect(is_in(&joined, &holder, "net"));
    cr_expect(is_in(&joined, &holder, "user"));
    release(&holder);
}

Test(namespaces, a_process_that_is_gone_is_told)
{
    struct holder holder = hold(with_rights(CLONE_NEWUTS));
    autoclose int pidfd = kernel_pidfd_open(holder.pid, 0);
    struct error err = {0};

    cr_assert_geq(pidfd, 0);
    release(&holder);
    cr_expect_eq(namespace_join_process(pidfd, CLONE_NEWUTS, &err), -ESRCH);
}
