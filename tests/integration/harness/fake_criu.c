#include "tests/integration/harness/fake_criu.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/criu_message.h"
#include "runtime/protobuf.h"
#include "tests/integration/harness/scenario.h"

enum { MESSAGE_MOST = 65536, ARGUMENTS_MOST = 64 };

/* Field numbers of criu_opts. */
enum { FIELD_LOG_FILE = 10, FIELD_WORK_DIR = 17, FIELD_FREEZE_CGROUP = 44 };

/* --- the fake itself
 * --------------------------------------------------------------------------------- */

struct fake {
    int socket;
    const char *directory; /* where it leaves word for the test */
    uint64_t request;      /* its type */
    uint64_t work_dir;     /* a descriptor of the asking process */
    char log_file[64];
    char freezer[512];
};

static void leave_word(const struct fake *fake, const char *name, const char *words)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", fake->directory, name);

    FILE *file = fopen(path, "ae");

    if (file == NULL)
        _exit(90);
    fputs(words, file);
    fclose(file);
}

static void send_message(const struct fake *fake, const uint8_t *bytes, size_t length)
{
    if (send(fake->socket, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        _exit(91);
}

/* criu_resp: type, success, and field 9 when there is a text. */
static void answer(const struct fake *fake, uint64_t type, bool success, const char *text)
{
    uint8_t bytes[128] = {0x08, (uint8_t)type, 0x10, success};
    size_t length = 4, text_length = strlen(text);

    if (text_length > 0) {
        bytes[length++] = 9 << 3 | PROTOBUF_LENGTH;
        bytes[length++] = (uint8_t)text_length;
        memcpy(bytes + length, text, text_length);
        length += text_length;
    }
    send_message(fake, bytes, length);
}

/* criu_version { 4, 1 }. */
static void answer_version(const struct fake *fake)
{
    static const uint8_t bytes[] = {0x08, CRIU_VERSION, 0x10, 1, 0x52, 4, 0x08, 4, 0x10, 1};

    send_message(fake, bytes, sizeof bytes);
}

static bool hear(const struct fake *fake, uint8_t *bytes, struct protobuf_input *ret)
{
    ssize_t length = recv(fake->socket, bytes, MESSAGE_MOST, 0);

    if (length <= 0)
        return false;
    *ret = (struct protobuf_input){bytes, bytes + length};
    return true;
}

/* Was the notification answered with success? */
static bool notify(const struct fake *fake, const char *script, pid_t pid)
{
    uint8_t bytes[MESSAGE_MOST] = {0x08, CRIU_NOTIFY, 0x10, 1, 0x2a};
    size_t length = strlen(script), at = 5;
    struct protobuf_input reply;
    struct protobuf_value value;
    bool success = false;

    bytes[at++] = (uint8_t)(2 + length + 6);
    bytes[at++] = 0x0a;
    bytes[at++] = (uint8_t)length;
    memcpy(bytes + at, script, length);
    at += length;
    bytes[at++] = 0x10;
    for (int shift = 0; shift < 28; shift += 7)
        bytes[at++] = (uint8_t)(((unsigned)pid >> shift & 0x7f) | 0x80);
    bytes[at++] = (uint8_t)((unsigned)pid >> 28);
    send_message(fake, bytes, at);
    if (!hear(fake, bytes, &reply))
        return false;
    while (reply.at < reply.end && protobuf_take(&reply, &value))
        success |= value.number == 3 && value.varint != 0;
    return success;
}

static void take_text(char *to, size_t size, struct protobuf_input from)
{
    snprintf(to, size, "%.*s", (int)(from.end - from.at), (const char *)from.at);
}

static void take_options(struct fake *fake, struct protobuf_input options)
{
    struct protobuf_value value;

    while (options.at < options.end && protobuf_take(&options, &value)) {
        char line[600], text[512] = "";

        if (value.bytes.at != NULL)
            take_text(text, sizeof text, value.bytes);
        else
            snprintf(text, sizeof text, "%llu", (unsigned long long)value.varint);
        snprintf(line, sizeof line, "%u=%s\n", value.number, text);
        leave_word(fake, "options", line);
        if (value.number == FIELD_WORK_DIR)
            fake->work_dir = value.varint;
        if (value.number == FIELD_LOG_FILE)
            take_text(fake->log_file, sizeof fake->log_file, value.bytes);
        if (value.number == FIELD_FREEZE_CGROUP)
            take_text(fake->freezer, sizeof fake->freezer, value.bytes);
    }
}

static void take_request(struct fake *fake, struct protobuf_input request)
{
    struct protobuf_value value;

    while (request.at < request.end && protobuf_take(&request, &value)) {
        if (value.number == 1)
            fake->request = value.varint;
        if (value.number == 2)
            take_options(fake, value.bytes);
    }
}

/* --- its parts
 * --------------------------------------------------------------------------------------- */

static void refuse_it(const struct fake *fake)
{
    answer(fake, fake->request, false, "the fake refuses");
}

/* Where CRIU would: below the directory that the asking process has open. */
static void write_log(const struct fake *fake)
{
    static const char log[] = "(00.000001) Version: 4.1 (gitid 0)\n"
                              "(00.000002) Error (criu/tun.c:85): tun: Unable to create tun: none\n"
                              "(00.012345) " FAKE_CRIU_ERROR "\n"
                              "(00.012346) Error (criu/cr-dump.c:1): Dumping FAILED.\n";
    char path[128];

    snprintf(path, sizeof path, "/proc/%d/fd/%d/%s", (int)getppid(), (int)fake->work_dir,
             fake->log_file);

    FILE *file = fopen(path, "we");

    if (file == NULL)
        _exit(92);
    fputs(log, file);
    fclose(file);
}

static void log_and_refuse(const struct fake *fake)
{
    write_log(fake);
    refuse_it(fake);
}

static void log_and_die(const struct fake *fake)
{
    write_log(fake);
    raise(SIGSEGV);
}

static void set_frozen(const struct fake *fake, bool frozen)
{
    char path[600];
    const char *word = frozen ? "FROZEN" : "THAWED";

    snprintf(path, sizeof path, "%s/freezer.state", fake->freezer);
    if (access(path, F_OK) < 0) {
        snprintf(path, sizeof path, "%s/cgroup.freeze", fake->freezer);
        word = frozen ? "1" : "0";
    }

    FILE *file = fopen(path, "we");

    if (file == NULL || fputs(word, file) < 0 || fclose(file) < 0)
        _exit(93);
}

static void thaw_and_refuse(const struct fake *fake)
{
    set_frozen(fake, false);
    refuse_it(fake);
}

static void die(const struct fake *fake)
{
    (void)fake;
    raise(SIGSEGV);
}

static void leave(const struct fake *fake)
{
    (void)fake;
    _exit(3);
}

static void wait_for_ever(const struct fake *fake)
{
    (void)fake;
    for (;;)
        pause();
}

static void freeze_and_wait(const struct fake *fake)
{
    set_frozen(fake, true);
    leave_word(fake, "waiting", "");
    wait_for_ever(fake);
}

static void freeze_and_notify(const struct fake *fake)
{
    set_frozen(fake, true);
    leave_word(fake, "waiting", "");
    while (notify(fake, "pre-dump", 0))
        usleep(20000);
    leave_word(fake, "told to give up", "");
    thaw_and_refuse(fake);
}

/* A child of whoever asks, as CRIU makes it. */
static pid_t restore_process(const struct fake *fake)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);

    if (pid == 0)
        wait_for_ever(fake);
    return pid;
}

static void restore_and_die(const struct fake *fake)
{
    notify(fake, "setup-namespaces", restore_process(fake));
    _exit(1);
}

static void restore_and_notify(const struct fake *fake)
{
    pid_t pid = restore_process(fake);

    leave_word(fake, "waiting", "");
    while (notify(fake, "setup-namespaces", pid))
        usleep(20000);
    refuse_it(fake);
}

static void restore_it(const struct fake *fake)
{
    notify(fake, "setup-namespaces", restore_process(fake));
    answer(fake, fake->request, true, "");
}

static void interrupt_and_succeed(const struct fake *fake)
{
    kill(getppid(), SIGTERM);
    answer(fake, fake->request, true, "");
}

static void restore_and_interrupt(const struct fake *fake)
{
    notify(fake, "setup-namespaces", restore_process(fake));
    interrupt_and_succeed(fake);
}

static void succeed(const struct fake *fake)
{
    answer(fake, fake->request, true, "");
}

static void lock_and_die(const struct fake *fake)
{
    notify(fake, "network-lock", 0);
    raise(SIGSEGV);
}

/* Longer than one that has locked nothing gets. */
static void lock_and_write(const struct fake *fake)
{
    notify(fake, "network-lock", 0);
    leave_word(fake, "waiting", "");
    sleep(13);
    if (!notify(fake, "post-dump", 0))
        leave_word(fake, "told to give up", "");
    refuse_it(fake);
}

static const struct part {
    const char *name;
    void (*play)(const struct fake *fake);
} parts[] = {
    {"refuses",              refuse_it            },
    {"logs, refuses",        log_and_refuse       },
    {"logs, dies",           log_and_die          },
    {"dies",                 die                  },
    {"exits",                leave                },
    {"thaws, refuses",       thaw_and_refuse      },
    {"waits",                freeze_and_wait      },
    {"waits politely",       freeze_and_notify    },
    {"restores, dies",       restore_and_die      },
    {"restores, waits",      restore_and_notify   },
    {"restores",             restore_it           },
    {"restores, interrupts", restore_and_interrupt},
    {"succeeds",             succeed              },
    {"interrupts, succeeds", interrupt_and_succeed},
    {"locks, dies",          lock_and_die         },
    {"locks, writes",        lock_and_write       },
};

static void play(const struct fake *fake, const char *name)
{
    for (size_t i = 0; i < count_of(parts); i++) {
        if (strcmp(parts[i].name, name) == 0)
            parts[i].play(fake);
    }
}

static _Noreturn void be_criu(int socket)
{
    const char *part = getenv("FAKE_CRIU");
    struct fake fake = {.socket = socket, .directory = getenv("FAKE_CRIU_DIRECTORY")};
    static uint8_t bytes[MESSAGE_MOST];
    struct protobuf_input request;

    if (part == NULL || fake.directory == NULL)
        _exit(94);
    if (strcmp(part, "mute") == 0) {
        leave_word(&fake, "mute", "");
        wait_for_ever(&fake);
    }
    while (hear(&fake, bytes, &request)) {
        take_request(&fake, request);
        if (fake.request == CRIU_VERSION)
            answer_version(&fake);
        else
            play(&fake, part);
    }
    _exit(0);
}

/* --- without clone3
 * ---------------------------------------------------------------------------------- */

static _Noreturn void execute_without_clone3(char *const arguments[])
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {count_of(rules), rules};

    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0)
        execvp(arguments[0], arguments);
    _exit(95);
}

/* Before Criterion's main(), which would run the tests. */
__attribute__((constructor)) static void be_somebody_else(int count, char *arguments[])
{
    if (strcmp(program_invocation_short_name, "criu") == 0 && count == 3)
        be_criu(atoi(arguments[2]));
    if (strcmp(program_invocation_short_name, "no-clone3") == 0 && count > 1)
        execute_without_clone3(arguments + 1);
}

/* --- the test's side
 * --------------------------------------------------------------------------------- */

static const char *link_to_us(const char *name)
{
    const char *path = text("%s/%s", fake_criu_directory(), name);
    char target[512] = "";

    cr_assert(readlink("/proc/self/exe", target, sizeof target - 1) > 0);
    cr_assert(symlink(target, path) == 0 || errno == EEXIST, "%s: %s", path, strerror(errno));
    return path;
}

const char *fake_criu_directory(void)
{
    const char *directory = work_path("fake");

    if (mkdir(directory, 0755) == 0)
        link_to_us("criu");
    return directory;
}

static const char *const *join(const char *const *first, const char *const *rest)
{
    const char **all = arena_zero(scenario_arena(), ARGUMENTS_MOST, sizeof *all);
    size_t count = 0;

    while (*first != NULL)
        all[count++] = *first++;
    while (*rest != NULL && count < ARGUMENTS_MOST - 1)
        all[count++] = *rest++;
    return all;
}

static void forget(void)
{
    static const char *const words[] = {"options", "mute", "waiting", "told to give up"};

    for (size_t i = 0; i < count_of(words); i++)
        unlink(text("%s/%s", fake_criu_directory(), words[i]));
}

const char *const *fake_criu_arguments(const char *part, const char *const *arguments)
{
    const char *directory = fake_criu_directory();
    const char *const first[] = {"/usr/bin/env",
                                 text("PATH=%s:/usr/sbin:/usr/bin:/sbin:/bin", directory),
                                 text("FAKE_CRIU=%s", part),
                                 text("FAKE_CRIU_DIRECTORY=%s", directory),
                                 scenario_program(),
                                 "--root",
                                 scenario_root(),
                                 NULL};

    forget();
    return join(first, arguments);
}

const char *const *without_clone3(const char *const *arguments)
{
    return join((const char *const[]){link_to_us("no-clone3"), NULL}, arguments);
}

const char *fake_criu_options(void)
{
    const char *options = file_text(text("%s/options", fake_criu_directory()));

    cr_assert(options != NULL, "the fake was not asked");
    return options;
}

bool fake_criu_is(const char *stage)
{
    return file_exists(text("%s/%s", fake_criu_directory(), stage));
}
