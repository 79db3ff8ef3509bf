/* config-linux.md "Seccomp", as the kernel does it: what a process in the container gets for its
 * calls, by every action, operator and flag, and what an agent hears.
 *
 * The process is this very program, under the name "victim", with the host's libraries beside it.
 */

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/receive.h"
#include "tests/integration/harness/scenario.h"

enum { MARK = 77 /* an errno that none of these calls gives by itself */ };

#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number

/* --- the victim ------------------------------------------------------------------------------- */

/* sched_get_priority_max(2) with each of the numbers: which of them gave MARK. */
static int try_numbers(char **numbers)
{
    for (; *numbers != NULL; numbers++) {
        errno = 0;
        (void)syscall(SYS_sched_get_priority_max, strtoull(*numbers, NULL, 0));
        printf("%d", errno == MARK);
    }
    puts("");
    return 0;
}

/* getpriority(2) with pairs of them. */
static int try_pairs(char **numbers)
{
    for (; numbers[0] != NULL && numbers[1] != NULL; numbers += 2) {
        errno = 0;
        (void)syscall(SYS_getpriority, strtoull(numbers[0], NULL, 0),
                      strtoull(numbers[1], NULL, 0));
        printf("%d", errno == MARK);
    }
    puts("");
    return 0;
}

/* System calls by number, without arguments: the errno of each. */
static int try_calls(char **numbers)
{
    for (; *numbers != NULL; numbers++) {
        errno = 0;
        (void)syscall(strtol(*numbers, NULL, 0), 0, 0, 0);
        printf("%d ", errno);
    }
    puts("");
    return 0;
}

static void *make_directory(void *path)
{
    syscall(SYS_mkdir, path, 0755);
    return NULL;
}

/* A second thread makes the call; the first one tells if it is there afterwards. */
static int use_a_thread(char **arguments)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, make_directory, arguments[0]) != 0)
        return 1;
    pthread_join(thread, NULL);
    puts("the first thread lives");
    return 0;
}

/* mkdir(2) under a tracer, which reports what the filter sent, and skips the call. */
static int be_traced(char **arguments)
{
    int status, message = 0;
    pid_t pid = fork();

    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(syscall(SYS_mkdir, arguments[0], 0755) == 0 ? 0 : errno);
    }
    waitpid(pid, &status, 0);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL));
    ptrace(PTRACE_CONT, pid, NULL, NULL);
    waitpid(pid, &status, 0);
    if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_SECCOMP << 8))) {
        unsigned long sent = 0;

        ptrace(PTRACE_GETEVENTMSG, pid, NULL, &sent);
        message = (int)sent;
        ptrace(PTRACE_CONT, pid, NULL, NULL);
        waitpid(pid, &status, 0);
    }
    printf("told %d, then %d\n", message, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return 0;
}

static int send_a_message(char **arguments)
{
    int ends[2];
    char byte = 'x';
    struct iovec bytes = {&byte, 1};
    struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};

    (void)arguments;
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) < 0)
        return 1;
    errno = 0;
    printf("sent %zd, %d\n", sendmsg(ends[0], &header, 0), errno);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(char **arguments);
} verbs[] = {
    {"numbers", try_numbers   },
    {"pairs",   try_pairs     },
    {"calls",   try_calls     },
    {"thread",  use_a_thread  },
    {"traced",  be_traced     },
    {"send",    send_a_message},
};

/* Before main, which is Criterion's.  glibc hands over what main gets. */
__attribute__((constructor)) static void be_victim(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[0], "victim") != 0)
        return;
    for (size_t i = 0; i < count_of(verbs); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) {
            int code = verbs[i].run(argv + 2);

            fflush(stdout);
            _exit(code);
        }
    }
    _exit(99);
}

/* --- the container ---------------------------------------------------------------------------- */

static struct bundle *bundle_with_victim(void)
{
    struct bundle *bundle;
    char self[4096] = "";

    need_root();
    bundle = bundle_new();
    cr_assert(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    bundle_mount_program(bundle, "/victim", self);
    bundle_mount_libraries(bundle);
    return bundle;
}

/* What it is to do: the words behind its name. */
static void set_victim(struct bundle *bundle, const char *arguments)
{
    bundle_script(bundle, text("exec -a victim /victim %s", arguments));
}

static struct outcome run_victim(struct bundle *bundle, const char *arguments)
{
    set_victim(bundle, arguments);
    return bundle_run(bundle);
}

static void set_profile(struct bundle *bundle, const char *name, const char *action,
                        const char *more)
{
    bundle_set(bundle, "linux.seccomp",
               "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"%s\"],"
               "\"action\":\"%s\"%s}]}",
               name, action, more);
}

/* --- actions ---------------------------------------------------------------------------------- */

Scenario(seccomp_kernel, kill_thread_ends_one_thread_and_kill_process_all)
{
    struct bundle *bundle = bundle_with_victim();
    static const char *const of_thread[] = {"SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD"};

    for (size_t i = 0; i < count_of(of_thread); i++) {
        set_profile(bundle, "mkdir", of_thread[i], "");
        assert_text(run_victim(bundle, "thread /work/x").out, "the first thread lives\n");
        cr_assert_not(file_exists(text("%s/work/x", bundle->rootfs)));
    }
    set_profile(bundle, "mkdir", "SCMP_ACT_KILL_PROCESS", "");

    struct outcome outcome = run_victim(bundle, "thread /work/x");

    assert_code(outcome, 128 + SIGSYS);
    assert_text(outcome.out, "");
    cr_assert_not(file_exists(text("%s/work/x", bundle->rootfs)));
}

Scenario(seccomp_kernel, trace_asks_a_tracer_and_without_one_there_is_no_such_call)
{
    struct bundle *bundle = bundle_with_victim();

    set_profile(bundle, "mkdir", "SCMP_ACT_TRACE", ",\"errnoRet\":4242");
    assert_text(run_victim(bundle, "traced /work/x").out, "told 4242, then 0\n");
    cr_assert(file_exists(text("%s/work/x", bundle->rootfs)));
    assert_text(run_victim(bundle, text("calls %d", SYS_mkdir)).out, text("%d \n", ENOSYS));
}

/* --- conditions ------------------------------------------------------------------------------- */

#define BIG    "0x100000007" /* whose lower half is 7: all 64 bits count */
#define VALUES "5 6 7 8 0x107 " BIG " 0xffffffffffffffff"

Scenario(seccomp_kernel, operators_compare_all_64_bits)
{
    static const struct {
        const char *condition;
        const char *hits; /* of VALUES, in their order */
    } cases[] = {
        {"\"value\":7,\"op\":\"SCMP_CMP_EQ\"",                                "0010000"},
        {"\"value\":7,\"op\":\"SCMP_CMP_NE\"",                                "1101111"},
        {"\"value\":7,\"op\":\"SCMP_CMP_LT\"",                                "1100000"},
        {"\"value\":7,\"op\":\"SCMP_CMP_LE\"",                                "1110000"},
        {"\"value\":7,\"op\":\"SCMP_CMP_GT\"",                                "0001111"},
        {"\"value\":7,\"op\":\"SCMP_CMP_GE\"",                                "0011111"},
        {"\"value\":4294967303,\"op\":\"SCMP_CMP_GE\"",                       "0000011"},
        {"\"value\":4294967303,\"op\":\"SCMP_CMP_EQ\"",                       "0000010"},
        {"\"value\":18446744073709551615,\"op\":\"SCMP_CMP_EQ\"",             "0000001"},
        {"\"value\":255,\"valueTwo\":7,\"op\":\"SCMP_CMP_MASKED_EQ\"",        "0010110"},
        {"\"value\":4294967296,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"", "1111100"},
    };
    struct bundle *bundle = bundle_with_victim();

    for (size_t i = 0; i < count_of(cases); i++) {
        set_profile(
            bundle, "sched_get_priority_max", "SCMP_ACT_ERRNO",
            text(",\"errnoRet\":" TEXT_OF(77) ",\"args\":[{\"index\":0,%s}]", cases[i].condition));
        struct outcome outcome = run_victim(bundle, "numbers " VALUES);

        cr_assert(strncmp(outcome.out, cases[i].hits, 7) == 0, "%s: %s instead of %s\n%s",
                  cases[i].condition, outcome.out, cases[i].hits, outcome.err);
    }
}

/* config-linux.md: "args": all must hold; and, as in runc, several on one argument are
 * alternatives.
 */
Scenario(seccomp_kernel, conditions_on_two_arguments_hold_together_and_on_one_each_for_itself)
{
    struct bundle *bundle = bundle_with_victim();

    set_profile(bundle, "getpriority", "SCMP_ACT_ERRNO",
                ",\"errnoRet\":77,\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},"
                "{\"index\":1,\"value\":9,\"op\":\"SCMP_CMP_GE\"}]");
    assert_text(run_victim(bundle, "pairs 1 9  1 8  2 9  1 10").out, "1001\n");
    set_profile(bundle, "getpriority", "SCMP_ACT_ERRNO",
                ",\"errnoRet\":77,\"args\":[{\"index\":1,\"value\":3,\"op\":\"SCMP_CMP_EQ\"},"
                "{\"index\":1,\"value\":9,\"op\":\"SCMP_CMP_GE\"}]");
    assert_text(run_victim(bundle, "pairs 1 3  1 4  1 9  1 8").out, "1010\n");
}

/* --- what the profile does not know ----------------------------------------------------------- */

#define CALLS_OF_A_PROGRAM                                                                         \
    "\"read\",\"write\",\"open\",\"openat\",\"close\",\"fstat\",\"newfstatat\",\"stat\","          \
    "\"lstat\",\"mmap\",\"munmap\",\"mprotect\",\"brk\",\"rt_sigaction\",\"rt_sigreturn\","        \
    "\"rt_sigprocmask\",\"ioctl\",\"access\",\"execve\",\"exit\",\"exit_group\",\"arch_prctl\","   \
    "\"uname\",\"readlink\",\"getuid\",\"getpid\",\"getppid\",\"geteuid\",\"getgid\",\"getegid\"," \
    "\"gettid\",\"set_tid_address\",\"set_robust_list\",\"rseq\",\"prlimit64\",\"getrandom\","     \
    "\"fcntl\",\"prctl\",\"poll\",\"ppoll\",\"getcwd\",\"close_range\",\"chdir\",\"recvmsg\","     \
    "\"sendmsg\",\"fork\",\"clone\",\"vfork\",\"wait4\",\"lseek\",\"pread64\",\"dup2\",\"futex\"," \
    "\"sysinfo\",\"madvise\",\"statfs\",\"clock_gettime\",\"sched_getaffinity\",\"tgkill\""

/* A call that is newer than the profile is not forbidden, it is not there: libraries then take an
 * older one. */
Scenario(seccomp_kernel, a_call_newer_than_the_profile_is_not_there)
{
    struct bundle *bundle = bundle_with_victim();

    bundle_set(bundle, "linux.seccomp",
               "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[" CALLS_OF_A_PROGRAM
               "],\"action\":\"SCMP_ACT_ALLOW\"}]}");
    assert_text(
        run_victim(bundle, text("calls %d %d %d 5000", SYS_getpid, SYS_mkdir, SYS_close_range + 1))
            .out,
        text("0 %d %d %d \n", EPERM, ENOSYS, ENOSYS));
}

/* --- another architecture --------------------------------------------------------------------- */

#ifdef __x86_64__

/* A whole program for i386: getppid(2) by int 0x80, and its negative result as exit status. */
static void write_i386_program(struct bundle *bundle)
{
    static const unsigned char code[] = {
        0xb8, 64,   0, 0, 0, /* mov $64, %eax   getppid */
        0xcd, 0x80,          /* int $0x80 */
        0xf7, 0xd8,          /* neg %eax */
        0x89, 0xc3,          /* mov %eax, %ebx */
        0xb8, 1,    0, 0, 0, /* mov $1, %eax    exit */
        0xcd, 0x80,          /* int $0x80 */
    };
    struct {
        Elf32_Ehdr header;
        Elf32_Phdr segment;
        unsigned char code[sizeof code];
    } program = {
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB,
                               EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_386,
                   .e_version = EV_CURRENT,
                   .e_entry = 0x10000 + sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr),
                   .e_phoff = sizeof(Elf32_Ehdr),
                   .e_ehsize = sizeof(Elf32_Ehdr),
                   .e_phentsize = sizeof(Elf32_Phdr),
                   .e_phnum = 1},
        .segment = {.p_type = PT_LOAD,
                   .p_vaddr = 0x10000,
                   .p_filesz = sizeof program,
                   .p_memsz = sizeof program,
                   .p_flags = PF_R | PF_X,
                   .p_align = 4096   },
    };
    autoclose int fd = open(text("%s/bin/i386", bundle->rootfs),
                            O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

    memcpy(program.code, code, sizeof code);
    cr_assert(fd >= 0 && write(fd, &program, sizeof program) == (ssize_t)sizeof program);
}

Scenario(seccomp_kernel, a_filter_covers_the_architectures_of_the_profile_and_ends_others)
{
    struct bundle *bundle;

    need_root();
    bundle = bundle_new();
    write_i386_program(bundle);
    bundle_set(bundle, "process.args", "[\"/bin/i386\"]");
    if (bundle_run(bundle).code != 0) /* getppid of a first process is 0 */
        skip("needs a kernel that runs i386 programs (CONFIG_IA32_EMULATION)");
    bundle_set(bundle, "linux.seccomp",
               "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86_64\","
               "\"SCMP_ARCH_X86\"],\"syscalls\":[{\"names\":[\"getppid\"],"
               "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":77}]}");
    assert_code(bundle_run(bundle), MARK);
    bundle_set(bundle, "linux.seccomp.architectures", "[\"SCMP_ARCH_X86_64\"]");
    assert_code(bundle_run(bundle), 128 + SIGSYS);
}

#endif

/* --- flags ------------------------------------------------------------------------------------ */

/* The flags that the kernel remembers of the filter of process `pid`: SECCOMP_FILTER_FLAG_LOG. */
static uint64_t flags_in_force(pid_t pid)
{
    struct __ptrace_seccomp_metadata metadata = {0};
    int status;
    long length;

    cr_assert(ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0, "%s", strerror(errno));
    cr_assert(waitpid(pid, &status, __WALL) == pid);
    length = ptrace(PTRACE_SECCOMP_GET_METADATA, pid, (void *)sizeof metadata, &metadata);
    if (length < 0 && errno == EIO) {
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
        return UINT64_MAX;
    }
    cr_assert(length > 0, "%s", strerror(errno));
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return metadata.flags;
}

Scenario(seccomp_kernel, the_log_flag_is_in_force_when_asked_for)
{
    static const struct {
        const char *flags;
        uint64_t expected;
    } cases[] = {
        {"[\"SECCOMP_FILTER_FLAG_LOG\"]",           SECCOMP_FILTER_FLAG_LOG},
        {"[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\","
         "\"SECCOMP_FILTER_FLAG_TSYNC\"]", SECCOMP_FILTER_FLAG_LOG},
        {"[\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"]",    0                      },
        {"[]",                                      0                      },
    };

    need_root();
    for (size_t i = 0; i < count_of(cases); i++) {
        struct bundle *bundle = bundle_new();
        uint64_t actual;

        set_profile(bundle, "mkdir", "SCMP_ACT_ERRNO", "");
        bundle_set(bundle, "linux.seccomp.flags", "%s", cases[i].flags);
        bundle_start(bundle);
        actual = flags_in_force(bundle_pid(bundle));
        bundle_delete(bundle);
        if (actual == UINT64_MAX)
            skip("needs a kernel with CONFIG_CHECKPOINT_RESTORE");
        cr_assert_eq(actual, cases[i].expected, "%s: %#jx", cases[i].flags, (uintmax_t)actual);
    }
}

/* --- agents ----------------------------------------------------------------------------------- */

static void set_notify(struct bundle *bundle, const char *path, const char *names)
{
    bundle_set(bundle, "linux.seccomp",
               "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"%s\","
               "\"listenerMetadata\":\"some text\",\"syscalls\":[{"
               "\"names\":[%s],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
               path, names);
}

/* Answer the next call with `error`, or let it go on with 0; returns its number, -1 when there is
 * none to come. */
static int answer(int listener, int error)
{
    struct seccomp_notif_sizes sizes = {0};
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    union {
        struct seccomp_notif request;
        char room[1024];
    } in = {0};
    union {
        struct seccomp_notif_resp response;
        char room[1024];
    } out = {0};

    cr_assert(kernel_seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0);
    cr_assert(sizes.seccomp_notif <= sizeof in && sizes.seccomp_notif_resp <= sizeof out);
    if (poll(&ready, 1, DEADLINE_SECONDS * 1000) <= 0 || (ready.revents & POLLIN) == 0 ||
        ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in) < 0)
        return -1;
    out.response.id = in.request.id;
    out.response.error = -error;
    out.response.flags = error == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out) == 0 ? in.request.data.nr : -1;
}

/* With and without no_new_privs the filter comes at different steps: the last one, and before the
 * privileges go. */
static const char *const both_ways[] = {"true", "false"};

Scenario(seccomp_agent, hears_of_the_first_process_by_its_pid)
{
    need_root();
    for (size_t i = 0; i < count_of(both_ways); i++) {
        struct bundle *bundle = bundle_new();
        const char *path = work_path("agent.sock");
        int server = listen_at(path), listener;
        struct running running;
        char *message = NULL;

        bundle_set(bundle, "process.noNewPrivileges", "%s", both_ways[i]);
        set_notify(bundle, path, "\"mkdir\"");
        bundle_script(bundle, "mkdir /work/x 2>&1; sleep 3600");
        running = crun_begin(PROGRAM(0), "run", "-d", "-b", bundle->path, bundle->id);
        listener = receive_fd(server, &message);
        cr_assert(listener >= 0, "no descriptor: %s", program_wait(&running, 1).err);
        assert_ok(program_wait(&running, DEADLINE_SECONDS));
        cr_assert_eq(answer(listener, EEXIST), SYS_mkdir);
        cr_assert(program_said(&running, "File exists"));
        assert_text(json_text(scenario_arena(), message, "metadata"), "some text");
        assert_text(json_text(scenario_arena(), message, "fds[0]"), "seccompFd");
        assert_text(json_text(scenario_arena(), message, "state.id"), bundle->id);
        assert_text(json_text(scenario_arena(), message, "pid"),
                    text("%d", (int)bundle_pid(bundle)));
        assert_text(json_text(scenario_arena(), message, "state.pid"),
                    text("%d", (int)bundle_pid(bundle)));
        bundle_delete(bundle);
        close(listener);
        close(server);
        cr_assert_eq(unlink(path), 0);
    }
}

Scenario(seccomp_agent, hears_of_exec_by_the_pid_of_that_process)
{
    need_root();
    for (size_t i = 0; i < count_of(both_ways); i++) {
        struct bundle *bundle = bundle_new();
        const char *path = work_path("agent.sock"), *pid_file = work_path("pid");
        int server = listen_at(path), first, listener;
        struct running running;
        char *message = NULL;

        bundle_set(bundle, "process.noNewPrivileges", "%s", both_ways[i]);
        set_notify(bundle, path, "\"mkdir\"");
        bundle_set(bundle, "process.args", "[\"/bin/sleep\",\"3600\"]");
        running = crun_begin(PROGRAM(0), "run", "-d", "-b", bundle->path, bundle->id);
        first = receive_fd(server, &message);
        assert_ok(program_wait(&running, DEADLINE_SECONDS));
        running = crun_begin(PROGRAM(0), "exec", "-d", "--pid-file", pid_file, bundle->id, "sh",
                             "-c", "mkdir /work/x 2>&1; sleep 3600");
        listener = receive_fd(server, &message);
        cr_assert(first >= 0 && listener >= 0, "%s", program_wait(&running, 1).err);
        assert_ok(program_wait(&running, DEADLINE_SECONDS));
        cr_assert_eq(answer(listener, EEXIST), SYS_mkdir);
        cr_assert(program_said(&running, "File exists"));
        assert_text(json_text(scenario_arena(), message, "pid"), file_line(pid_file));
        assert_text(json_text(scenario_arena(), message, "state.status"), "running");
        bundle_delete(bundle);
        close(first);
        close(listener);
        close(server);
        cr_assert_eq(unlink(path), 0);
    }
}

/* seccomp_unotify(2): a call that nobody can answer is not there.  Nobody waits for ever. */
Scenario(seccomp_agent, that_closes_at_once_answers_no_call)
{
    struct bundle *bundle;
    const char *path = work_path("agent.sock");
    int server = listen_at(path), listener;
    struct running running;
    struct outcome outcome;
    char *message = NULL;

    need_root();
    bundle = bundle_new();
    set_notify(bundle, path, "\"mkdir\"");
    bundle_script(bundle, "mkdir /work/x 2>&1; true");
    running = crun_begin(PROGRAM(0), "run", "-b", bundle->path, bundle->id);
    listener = receive_fd(server, &message);
    cr_assert(listener >= 0);
    close(listener);
    outcome = program_wait(&running, DEADLINE_SECONDS);
    assert_ok(outcome);
    assert_has(outcome.out, "Function not implemented");
    /* And one that does not even read what it is sent. */
    running = crun_begin(PROGRAM(0), "run", "-b", bundle->path, bundle->id);
    cr_assert(poll(&(struct pollfd){.fd = server, .events = POLLIN}, 1, DEADLINE_SECONDS * 1000) >
              0);
    listener = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
    outcome = program_wait(&running, DEADLINE_SECONDS);
    close(server);
    cr_assert(outcome.code == 0 ? strstr(outcome.out, "Function not implemented") != NULL
                                : strstr(outcome.err, "linux.seccomp.listenerPath") != NULL,
              "%d: %s %s", outcome.code, outcome.out, outcome.err);
}

Scenario(seccomp_agent, that_is_not_there_is_an_error)
{
    struct bundle *bundle;

    need_root();
    for (size_t i = 0; i < count_of(both_ways); i++) {
        bundle = bundle_new();
        bundle_set(bundle, "process.noNewPrivileges", "%s", both_ways[i]);
        set_notify(bundle, work_path("nobody.sock"), "\"mkdir\"");
        bundle_script(bundle, "echo ran");
        assert_refused(bundle_run(bundle), 1, "linux.seccomp.listenerPath");
    }
}

/* As bypass4netns wants it: the call by which the listener itself is handed over. */
Scenario(seccomp_agent, may_be_asked_about_sendmsg)
{
    for (size_t i = 0; i < count_of(both_ways); i++) {
        struct bundle *bundle = bundle_with_victim();
        const char *path = work_path("agent.sock");
        int server = listen_at(path), listener, asked = 0;
        struct running running;
        struct outcome outcome;
        char *message = NULL;

        bundle_set(bundle, "process.noNewPrivileges", "%s", both_ways[i]);
        set_notify(bundle, path, "\"sendmsg\",\"recvmsg\"");
        set_victim(bundle, "send");
        running = crun_begin(PROGRAM(0), "run", "-b", bundle->path, bundle->id);
        listener = receive_fd(server, &message);
        cr_assert(listener >= 0, "no descriptor: %s", program_wait(&running, 1).err);
        while (answer(listener, 0) >= 0)
            asked++;
        outcome = program_wait(&running, DEADLINE_SECONDS);
        assert_ok(outcome);
        assert_text(outcome.out, "sent 1, 0\n");
        cr_assert_geq(asked, 2, "%d", asked); /* the answer to the child, and the program's own */
        close(listener);
        close(server);
        cr_assert_eq(unlink(path), 0);
    }
}
