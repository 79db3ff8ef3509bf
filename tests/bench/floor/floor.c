/*
 * The floor's commands.
 *
 *   floor run    ROOTFS ID [OPTION...]     make a container, run its program, remove everything
 *   floor create ROOTFS ID [OPTION...]     the same up to the program, which waits for `start`
 *   floor start  ID
 *   floor exec   ID [filter=FILE]          run /bin/true in a running container
 *   floor delete ID                        remove what is left of a container that has ended
 *
 *   program=PATH     what is executed (default /bin/true)
 *   filter=FILE      a seccomp filter, compiled: an array of struct sock_filter
 *   pod=PID          join the network, ipc and uts namespaces of a process
 *   volumes=FOLDER   bind hosts, hostname, resolv.conf, log and secret from there
 */

#include <fcntl.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "tests/bench/floor/floor.h"

int program_main(long argc, char **argv);

enum { SIGNAL_OF_CHILD = 17 };

static bool equal(const char *a, const char *b)
{
    const char *rest = option_value(a, b);

    return rest != NULL && *rest == '\0';
}

#ifdef TIMING
void add_mark(struct marks *marks, const char *step)
{
    struct {
        int64_t seconds;
        int64_t nanoseconds;
    } now;

    call(clock_gettime, 1 /* CLOCK_MONOTONIC */, &now);
    marks->items[marks->count++] = (struct mark){step, (uint64_t)now.seconds * 1000000000 +
                                                           (uint64_t)now.nanoseconds};
}

/* "WHO|STEP|NANOSECONDS" lines: each step since the one before it, and when the child began and
 * ended. */
void print_marks(const struct container *container)
{
    static char text[8192];
    char *end = text;
    uint64_t begin = container->parent.items[0].time;
    const struct mark *last = &container->child.items[container->child.count - 1];

    for (int i = 1; i < container->parent.count; i++) {
        const struct mark *each = &container->parent.items[i];

        end = put(put(put(end, "P|"), each->step), "|");
        end = put(put_number(end, each->time - each[-1].time), "\n");
        if (equal(each->step, "wait")) {
            end = put(end, "X|execve, payload, end of the namespaces, wake the parent|");
            end = put(put_number(end, each->time - last->time), "\n");
        }
        if (equal(each->step, "clone3")) {
            end = put(end, "X|clone3 until the child runs|");
            end = put(put_number(end, container->child.items[0].time - each[-1].time), "\n");
        }
    }
    for (int i = 1; i < container->child.count; i++) {
        const struct mark *each = &container->child.items[i];

        end = put(put(put(end, "C|"), each->step), "|");
        end = put(put_number(end, each->time - each[-1].time), "\n");
    }
    end = put(end, "X|child, start to execve|");
    end = put(put_number(end, last->time - container->child.items[0].time), "\n");
    end = put(end, "X|total|");
    end = put(put_number(end, container->parent.items[container->parent.count - 1].time - begin),
              "\n");
    call(write, 2, text, end - text);
}
#endif

/* --- clone ------------------------------------------------------------------------------------ */

long clone_container(struct container *container, uint64_t flags,
                     int (*run)(struct container *container))
{
    static char stack[STACK_SIZE] __attribute__((aligned(16)));
    struct clone_args arguments = {
        .flags = flags | CLONE_VM | CLONE_PIDFD | CLONE_INTO_CGROUP,
        .pidfd = (uintptr_t)&container->pidfd,
        .exit_signal = SIGNAL_OF_CHILD,
        .stack = (uintptr_t)stack,
        .stack_size = sizeof stack,
        .cgroup = (uint64_t)container->cgroup_fd,
    };
    long result;

    /* The child has registers like ours and an empty stack: it can but call a function. */
    __asm__ volatile("syscall\n"
                     "    test %%rax, %%rax\n"
                     "    jnz 1f\n"
                     "    xor %%ebp, %%ebp\n"
                     "    mov %[container], %%rdi\n"
                     "    call *%[run]\n"
                     "    mov %%eax, %%edi\n"
                     "    mov $60, %%eax\n" /* exit */
                     "    syscall\n"
                     "1:"
                     : "=a"(result)
                     : "a"(SYS_clone3), "D"(&arguments),
                       "S"(sizeof arguments), [run] "r"(run), [container] "r"(container)
                     : "rcx", "r11", "memory");
    return must_not_fail(result, "clone3");
}

/* --- what is kept of a container -------------------------------------------------------------- */

static void name_places(struct container *container)
{
    put(put(container->state_folder, "/run/floor/"), container->id);
    put(put(container->state_file, container->state_folder), "/state.json");
    put(put(container->fifo, container->state_folder), "/fifo");
    put(put(container->cgroup, "/sys/fs/cgroup/"), container->id);
}

static void claim_state(struct container *container)
{
    call(mkdir, "/run/floor", 0700);
    must(call(mkdir, container->state_folder, 0700));
    if (container->waits) {
        must(call(mknod, container->fifo, 0010600, 0));
        container->fifo_fd = (int)must(call(open, container->fifo, O_RDWR | O_CLOEXEC, 0));
    }
    mark(container->parent, "state: mkdir");
}

/* About what a runtime has to keep, whole or not at all: written aside, then renamed. */
static void write_state(struct container *container, long pid)
{
    char text[1024];
    char aside[160];
    char *end = put(put(put(text, "{\"id\":\""), container->id), "\",\"pid\":");
    long fd;

    end = put(put(put_number(end, (unsigned long)pid), ",\"bundle\":\""), container->rootfs);
    end = put(put(put(end, "\",\"cgroup\":\""), container->cgroup),
              "\",\"owner\":\"root\",\"created\":\"2026-01-01T00:00:00.000000000Z\"}");
    put(put(aside, container->state_folder), "/.state");
    fd = must(call(open, aside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    must(call(write, fd, text, end - text));
    call(close, fd);
    must(call(rename, aside, container->state_file));
    mark(container->parent, "state: write, rename");
}

/* Reads the state; returns the PID in it. */
static long read_state(const struct container *container)
{
    char text[1024];
    long fd = must(call(open, container->state_file, O_RDONLY | O_CLOEXEC, 0));
    long length = must(call(read, fd, text, sizeof text - 1));

    call(close, fd);
    text[length] = '\0';
    for (char *at = text; *at != '\0'; at++) {
        const char *value = option_value(at, "\"pid\":");

        if (value != NULL)
            return (long)number_in(value);
    }
    die("a state without a pid", 0);
}

static void remove_state(struct container *container)
{
    call(unlink, container->state_file);
    if (container->waits)
        call(unlink, container->fifo);
    must(call(rmdir, container->state_folder));
    mark(container->parent, "state: unlink, rmdir");
}

/* --- commands --------------------------------------------------------------------------------- */

static void make_cgroup(struct container *container)
{
    must(call(mkdir, container->cgroup, 0755));
    container->cgroup_fd = (int)must(
        call(open, container->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
    mark(container->parent, "cgroup: mkdir, open");
}

static void open_filter(struct container *container)
{
    if (container->filter != NULL)
        container->filter_fd = (int)must(call(open, container->filter, O_RDONLY | O_CLOEXEC, 0));
}

/* A runtime is given paths, so paths are opened. */
static void open_pod(struct container *container)
{
    static const char *const kinds[] = {"/ns/net", "/ns/ipc", "/ns/uts"};
    char path[64];

    for (int i = 0; i < 3; i++) {
        put(put(put(path, "/proc/"), container->pod), kinds[i]);
        container->pod_fds[i] = (int)must(call(open, path, O_RDONLY | O_CLOEXEC, 0));
    }
}

static void create(struct container *container)
{
    uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP;
    long pid;

    claim_state(container);
    make_cgroup(container);
    open_filter(container);
    if (container->pod != NULL)
        open_pod(container);
    else
        flags |= CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    pid = clone_container(container, flags, run_child);
    mark(container->parent, "clone3");

    /* All this while the child mounts. */
    limit_devices(container);
    write_state(container, pid);
    set_flag(&container->may_go);
    if (container->waits)
        wait_for_flag(&container->is_ready);
}

static int wait_for_end(struct container *container)
{
    int information[32]; /* siginfo_t; si_status is its seventh word */

    must(call(waitid, P_PIDFD, container->pidfd, information, WEXITED, 0));
    mark(container->parent, "wait");
    return information[6];
}

static int run(struct container *container)
{
    int status;

    mark(container->parent, "start");
    create(container);
    status = wait_for_end(container);
    must(call(rmdir, container->cgroup));
    mark(container->parent, "cgroup: rmdir");
    remove_state(container);
#ifdef TIMING
    print_marks(container);
#endif
    return status;
}

static int start(struct container *container)
{
    long fd;

    read_state(container);
    fd = must(call(open, container->fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0));
    must(call(write, fd, "", 1));
    return 0;
}

static int delete (struct container *container)
{
    if (call(kill, read_state(container), 0) == 0)
        die("it is still running", 0);
    must(call(rmdir, container->cgroup));
    container->waits = true;
    remove_state(container);
    return 0;
}

static int run_exec_child(struct container *container)
{
    call(setsid);
    must(call(setns, container->pod_fds[0],
              CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP));
    must(call(keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, container->id));
    must(call(chdir, "/"));
    return drop_privileges_and_execute(container);
}

/* The process's own namespaces by a pidfd, all at once; that of PIDs is for children only. */
static int exec(struct container *container)
{
    container->pod_fds[0] = (int)must(call(pidfd_open, read_state(container), 0));
    container->cgroup_fd = (int)must(
        call(open, container->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
    open_filter(container);
    must(call(setns, container->pod_fds[0], CLONE_NEWPID));
    container->may_go = 1;
    clone_container(container, 0, run_exec_child);
    return wait_for_end(container);
}

static void take_options(struct container *container, char **words)
{
    for (; *words != NULL; words++) {
        const struct {
            const char *name;
            const char **value;
        } options[] = {
            {"program=", &container->program},
            {"filter=",  &container->filter },
            {"pod=",     &container->pod    },
            {"volumes=", &container->volumes},
        };
        const char *value = NULL;

        for (int i = 0; i < 4 && value == NULL; i++) {
            value = option_value(*words, options[i].name);
            if (value != NULL)
                *options[i].value = value;
        }
        if (value == NULL)
            die(*words, 0);
    }
}

int program_main(long argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct container *container);
        bool has_rootfs;
        bool waits;
    } commands[] = {
        {"run",    run,    true,  false},
        {"create", NULL,   true,  true },
        {"start",  start,  false, false},
        {"exec",   exec,   false, false},
        {"delete", delete, false, false},
    };
    static struct container container;

    for (int i = 0; argc > 2 && i < 5; i++) {
        int words = commands[i].has_rootfs ? 4 : 3;

        if (!equal(argv[1], commands[i].name) || argc < words)
            continue;
        container.id = argv[words - 1];
        container.rootfs = argv[2];
        container.program = "/bin/true";
        container.filter_fd = -1;
        container.waits = commands[i].waits;
        take_options(&container, argv + words);
        name_places(&container);
        if (commands[i].run != NULL)
            return commands[i].run(&container);
        create(&container);
        return 0;
    }
    die("usage: floor run|create ROOTFS ID [OPTION...], floor start|exec|delete ID", 0);
}
