/*
 * What a program costs that does not change from run to run: its system calls, and its memory.
 *
 *   count FILE [NAME=VALUE...] PROGRAM [WORD...]     writes `SYSCALLS EXECS PROCESSES KIB` to FILE
 *
 * To a file, for a container may outlive its runtime, and keeps what was given to that.  Counted is
 * until the program has ended, in all its processes, by ptrace(2): the system calls that were made,
 * the programs that were executed (the first is not one of them), the processes, and the most
 * memory that one of them had resident.  That is VmHWM, read before it is lost by execve or exit:
 * ru_maxrss of a process begins with what its parent had.
 */

#include <errno.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PROCESSES = 1024 };

struct counted {
    long calls;
    long execs;
    long processes;
    long kib;
    pid_t seen[MAX_PROCESSES];
    int seen_count;
};

static void fail(const char *what)
{
    fprintf(stderr, "count: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* The C library has the same names as <linux/ptrace.h>, and no two of them agree. */
static long trace(int request, pid_t pid, long address, long data)
{
    return syscall(SYS_ptrace, (long)request, (long)pid, address, data);
}

/* A number of /proc/PID/status; -1 where it says nothing of that name. */
static long read_status(pid_t pid, const char *name)
{
    char path[64];
    char line[256];
    long value = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    file = fopen(path, "re");
    while (file != NULL && value < 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0)
            value = atol(line + strlen(name));
    }
    if (file != NULL)
        fclose(file);
    return value;
}

static void note_memory(struct counted *counted, pid_t pid)
{
    long kib = read_status(pid, "VmHWM:");

    if (kib > counted->kib)
        counted->kib = kib;
}

/* A thread is no process. */
static void note_process(struct counted *counted, pid_t pid)
{
    for (int i = 0; i < counted->seen_count; i++) {
        if (counted->seen[i] == pid)
            return;
    }
    if (counted->seen_count < MAX_PROCESSES)
        counted->seen[counted->seen_count++] = pid;
    counted->processes += read_status(pid, "Tgid:") == pid;
}

static void note_call(struct counted *counted, pid_t pid)
{
    struct ptrace_syscall_info info;

    if (trace(PTRACE_GET_SYSCALL_INFO, pid, (long)sizeof info, (long)&info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    counted->calls++;
    if (info.entry.nr == SYS_execve || info.entry.nr == SYS_execveat)
        note_memory(counted, pid);
}

/* Take note of why a process has stopped, and let it go on. */
static void handle_stop(struct counted *counted, pid_t pid, int status)
{
    int signal_number = WSTOPSIG(status);
    int event = status >> 16;
    long pass_on = 0;

    note_process(counted, pid);
    if (signal_number == (SIGTRAP | 0x80))
        note_call(counted, pid);
    else if (event == PTRACE_EVENT_EXEC)
        counted->execs++;
    else if (event == PTRACE_EVENT_EXIT)
        note_memory(counted, pid);
    else if (event == PTRACE_EVENT_STOP && signal_number != SIGTRAP) {
        trace(PTRACE_LISTEN, pid, 0, 0); /* stopped by a signal: it stays so */
        return;
    } else if (event == 0)
        pass_on = signal_number;
    trace(PTRACE_SYSCALL, pid, 0, pass_on);
}

/* Stopped before its first instruction of its own. */
static pid_t start(char **words)
{
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                         PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;
    pid_t pid = fork();

    if (pid == 0) {
        raise(SIGSTOP);
        for (; *words != NULL && strchr(*words, '=') != NULL && **words != '/'; words++)
            putenv(*words);
        execvp(words[0], words);
        _exit(127);
    }
    if (waitpid(pid, NULL, WUNTRACED) < 0 || trace(PTRACE_SEIZE, pid, 0, options) != 0)
        fail("ptrace");
    kill(pid, SIGCONT);
    return pid;
}

/* What comes before the program's own execve is ours. */
static void forget_start(struct counted *counted)
{
    counted->calls = 1; /* the execve */
    counted->execs = 0;
    counted->kib = 0;
}

static int follow(struct counted *counted, pid_t program)
{
    int started = 0;
    int status = 0;
    pid_t pid;

    while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (pid == program && (WIFEXITED(status) || WIFSIGNALED(status)))
            return status;
        if (pid <= 0 || !WIFSTOPPED(status))
            continue;
        handle_stop(counted, pid, status);
        if (!started && counted->execs > 0) {
            forget_start(counted);
            started = 1;
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    static struct counted counted;
    FILE *file;
    int status;

    if (argc < 3) {
        fprintf(stderr, "usage: count FILE [NAME=VALUE...] PROGRAM [WORD...]\n");
        return 2;
    }
    file = fopen(argv[1], "we");
    if (file == NULL)
        fail(argv[1]);
    status = follow(&counted, start(argv + 2));
    if (status != 0) {
        fprintf(stderr, "count: %s: status %x\n", argv[2], (unsigned)status);
        return 1;
    }
    fprintf(file, "%ld %ld %ld %ld\n", counted.calls, counted.execs, counted.processes,
            counted.kib);
    return fclose(file) == 0 ? 0 : 1;
}
