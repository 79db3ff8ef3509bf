/*
 * sd_notify(3) out of a container.  The test is the service manager that started the program; and
 * it speaks for the container, from inside its mounts, when it wants to.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/checkpoint.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

#define INNER_SOCKET "/run/notify/notify.sock"

enum { STRANGER = 54321, A_WHILE_MS = 300 };

/* --- the service manager ---------------------------------------------------------------------- */

struct manager {
    int fd;
    const char *const *environment; /* for the program */
};

/* At a path, or at "@" and an abstract name. */
static struct manager manager_at(const char *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    struct manager manager = {socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), NULL};
    const char **environment = arena_zero(scenario_arena(), 2, sizeof *environment);

    cr_assert(strlen(place) < sizeof address.sun_path, "%s is too long", place);
    strcpy(address.sun_path, place);
    if (*place == '@') {
        address.sun_path[0] = '\0';
        length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(place));
    }
    cr_assert(bind(manager.fd, (struct sockaddr *)&address, length) == 0 &&
                  setsockopt(manager.fd, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)) == 0,
              "%s: %s", place, strerror(errno));
    environment[0] = text("NOTIFY_SOCKET=%s", place);
    manager.environment = environment;
    return manager;
}

static struct manager manager_new(void)
{
    return manager_at(work_path("manager"));
}

struct word {
    const char *text;
    pid_t from;
    int fd; /* that came with it, or -1 */
};

static struct word hear(const struct manager *manager)
{
    char bytes[8192];
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec content = {bytes, sizeof bytes};
    struct msghdr message = {.msg_iov = &content,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    struct pollfd wait = {.fd = manager->fd, .events = POLLIN};
    struct word word = {.fd = -1};
    struct ucred who;
    ssize_t length;

    cr_assert(poll(&wait, 1, DEADLINE_SECONDS * 1000) == 1, "nothing is said");
    length = recvmsg(manager->fd, &message, MSG_CMSG_CLOEXEC);
    cr_assert(length >= 0);
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at != NULL; at = CMSG_NXTHDR(&message, at)) {
        if (at->cmsg_type == SCM_RIGHTS)
            memcpy(&word.fd, CMSG_DATA(at), sizeof word.fd);
        if (at->cmsg_type == SCM_CREDENTIALS)
            memcpy(&who, CMSG_DATA(at), sizeof who), word.from = who.pid;
    }
    word.text = text("%.*s", (int)length, bytes);
    return word;
}

/* systemd hears nobody but the main process of a service, which is the program it has started. */
static void hears(const struct manager *manager, const struct running *from, const char *expected)
{
    struct word word = hear(manager);

    assert_text(word.text, expected);
    cr_assert(word.from == from->pid, "\"%s\" is said by process %d, not by %d", expected,
              (int)word.from, (int)from->pid);
    cr_assert(word.fd < 0);
}

static bool hears_nothing(const struct manager *manager)
{
    return poll(&(struct pollfd){.fd = manager->fd, .events = POLLIN}, 1, 0) == 0;
}

/* --- the container ---------------------------------------------------------------------------- */

static bool is_running(struct bundle *bundle)
{
    return strcmp(bundle_status(bundle), "running") == 0;
}

/* In a process of our own that enters the container's mounts.  Exits 0 when it has been said. */
static _Noreturn void enter_and_say(int pidfd, const char *what, int fd, unsigned user)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = INNER_SOCKET};
    struct iovec content = {(char *)what, strlen(what)};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {
        .header = {CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS}
    };
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &content, .msg_iovlen = 1};
    int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
    }
    if (setns(pidfd, CLONE_NEWNS) < 0 || (user > 0 && setresuid(user, user, user) < 0))
        _exit(99);
    _exit(sendmsg(client, &message, 0) == (ssize_t)content.iov_len ? 0 : errno);
}

/* 0, or why it could not be said. */
static int try_to_say_in(pid_t process, const char *what, int fd, unsigned user)
{
    autoclose int pidfd = kernel_pidfd_open(process, 0);
    pid_t pid = fork();
    int status = -1;

    cr_assert(pidfd >= 0 && pid >= 0);
    if (pid == 0)
        enter_and_say(pidfd, what, fd, user);
    cr_assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int try_to_say(struct bundle *bundle, const char *what, int fd, unsigned user)
{
    return try_to_say_in(bundle_pid(bundle), what, fd, user);
}

/* The socket is there as soon as somebody listens. */
static void say(struct bundle *bundle, const char *what)
{
    cr_assert(eventually(try_to_say(bundle, what, -1, 0) == 0), "\"%s\" cannot be said", what);
}

static struct bundle *bundle_of_a_service(void)
{
    struct bundle *bundle = bundle_new();

    bundle_script(bundle, "trap 'exit 3' TERM; echo ready; while :; do sleep 3600 & wait $!; done");
    return bundle;
}

static struct outcome create(const struct manager *manager, struct bundle *bundle)
{
    return crun_with(PROGRAM(.environment = manager->environment), "create", "-b", bundle->path,
                     bundle->id);
}

static struct running begin_start(const struct manager *manager, struct bundle *bundle)
{
    return crun_begin(PROGRAM(.environment = manager->environment), "start", bundle->id);
}

/* READY has been said: what must come, and that the program stays for the barrier and no longer. */
static void see_it_announced(const struct manager *manager, struct bundle *bundle,
                             struct running *program)
{
    struct word word;

    hears(manager, program, "READY=1");
    hears(manager, program, text("MAINPID=%d", (int)bundle_pid(bundle)));
    word = hear(manager);
    assert_text(word.text, "BARRIER=1");
    cr_assert(word.from == program->pid && word.fd >= 0);
    wait_ms(A_WHILE_MS);
    cr_assert(!program_has_ended(program), "it has not waited for its messages to be read");
    close(word.fd);
    assert_ok(program_wait(program, DEADLINE_SECONDS));
    cr_assert(hears_nothing(manager));
}

/* --- create, start, run --detach -------------------------------------------------------------- */

Scenario(notify, start_ends_when_the_container_is_ready)
{
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_new();
    struct running starting;

    need_root();
    assert_ok(create(&manager, bundle));
    cr_assert(hears_nothing(&manager));
    starting = begin_start(&manager, bundle);
    say(bundle, "STATUS=READY=1 is not said yet");
    cr_assert(eventually(is_running(bundle)));
    wait_ms(A_WHILE_MS);
    cr_assert(!program_has_ended(&starting));
    cr_assert(hears_nothing(&manager));
    say(bundle, "STATUS=up\nREADY=1\nMAINPID=1");
    see_it_announced(&manager, bundle, &starting);
    assert_text(bundle_status(bundle), "running");
    close(manager.fd);
    bundle_delete(bundle);
}

Scenario(notify, run_detached_ends_when_the_container_is_ready)
{
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_new();
    struct running running;

    need_root();
    running = crun_begin(PROGRAM(.environment = manager.environment), "run", "-d", "-b",
                         bundle->path, bundle->id);
    cr_assert(eventually(crun("state", bundle->id).code == 0 && is_running(bundle)));
    wait_ms(A_WHILE_MS);
    cr_assert(!program_has_ended(&running));
    say(bundle, "READY=1");
    see_it_announced(&manager, bundle, &running);
    close(manager.fd);
    bundle_delete(bundle);
}

/* The others need not wait for it: nothing is locked. */
Scenario(notify, a_container_that_is_not_ready_is_like_any_other)
{
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_new();
    struct outcome created;
    struct running starting;

    need_root();
    created = create(&manager, bundle);
    assert_ok(created);
    starting = begin_start(&manager, bundle);
    cr_assert(program_said(&created.running, "ready"));
    assert_text(bundle_status(bundle), "running");
    assert_text(inside_running(bundle, "echo here; echo ${NOTIFY_SOCKET-none}"), "here\nnone");
    assert_ok(crun("pause", bundle->id));
    assert_ok(crun("resume", bundle->id));
    assert_ok(crun("kill", bundle->id));
    assert_ok(program_wait(&starting, DEADLINE_SECONDS));
    cr_assert(hears_nothing(&manager));
    close(manager.fd);
    bundle_delete(bundle);
}

Scenario(notify, a_container_that_ends_unready_holds_nobody)
{
    struct bundle *bundle = bundle_new();
    struct manager manager = manager_new();
    const struct program program = {.environment = manager.environment};

    need_root();
    bundle_script(bundle, "exit 3");
    assert_ok(create(&manager, bundle));
    assert_ok(crun_with(&program, "start", bundle->id));
    assert_ok(crun("delete", bundle->id));
    assert_ok(crun_with(&program, "run", "-d", "-b", bundle->path, bundle->id));
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_ok(crun("delete", bundle->id));
    assert_code(crun_with(&program, "run", "-b", bundle->path, bundle->id), 3);
    cr_assert(hears_nothing(&manager));
    close(manager.fd);
}

Scenario(notify, delete_ends_a_start_that_waits_and_leaves_nothing)
{
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_new();
    struct running starting;

    need_root();
    assert_ok(create(&manager, bundle));
    starting = begin_start(&manager, bundle);
    cr_assert(
        eventually(file_exists(text("%s/%s/notify/notify.sock", scenario_root(), bundle->id))));
    cr_assert(eventually(is_running(bundle)));
    assert_ok(crun("delete", "--force", bundle->id));
    assert_ok(program_wait(&starting, DEADLINE_SECONDS));
    cr_assert(!file_exists(text("%s/%s", scenario_root(), bundle->id)));
    close(manager.fd);
}

/* --- run in the foreground -------------------------------------------------------------------- */

Scenario(notify, run_passes_every_message_on_and_is_the_main_process)
{
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_new();
    struct running running;
    struct word word;
    int ends[2];

    need_root();
    running = crun_begin(PROGRAM(.environment = manager.environment), "run", "-b", bundle->path,
                         bundle->id);
    cr_assert(eventually(crun("state", bundle->id).code == 0 && is_running(bundle)));
    say(bundle, "STATUS=loading");
    hears(&manager, &running, "STATUS=loading");
    say(bundle, "READY=1\nMAINPID=1\nSTATUS=up");
    hears(&manager, &running, text("READY=1\nSTATUS=up\nMAINPID=%d", (int)running.pid));
    for (int i = 0; i < 40; i++) {
        say(bundle, text("WATCHDOG=1\nX_NUMBER=%d", i));
        hears(&manager, &running, text("WATCHDOG=1\nX_NUMBER=%d", i));
    }

    /* sd_notify_barrier(3): the service manager's own answer. */
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    cr_assert(try_to_say(bundle, "BARRIER=1", ends[1], 0) == 0);
    close(ends[1]);
    word = hear(&manager);
    assert_text(word.text, "BARRIER=1");
    cr_assert(poll(&(struct pollfd){.fd = ends[0]}, 1, A_WHILE_MS) == 0);
    close(word.fd);
    cr_assert(poll(&(struct pollfd){.fd = ends[0]}, 1, DEADLINE_SECONDS * 1000) == 1);
    close(ends[0]);

    say(bundle, "STOPPING=1");
    hears(&manager, &running, "STOPPING=1");
    cr_assert(program_said(&running, "ready"));
    kill(running.pid, SIGTERM);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 3);
    cr_assert(hears_nothing(&manager));
    close(manager.fd);
}

/* --- a file on a file system that nobody serves ------------------------------------------------
 */

struct fuse {
    int fd; /* closing it ends the file system and whoever waits for it */
    const char *path;
};

/* Of one file.  Without libfuse: it is three messages. */
static struct fuse fuse_new(void)
{
    struct fuse fuse = {open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK), work_path("fuse")};

    if (fuse.fd < 0)
        skip("there is no /dev/fuse");
    cr_assert(mknod(fuse.path, S_IFREG | 0600, 0) == 0);
    if (kernel_mount("fuse", fuse.path, "fuse", 0,
                     text("fd=%d,rootmode=100000,user_id=0,group_id=0", fuse.fd)) < 0)
        skip("no FUSE can be mounted here");
    return fuse;
}

/* Answer what has been asked: init, open, flush. */
static void fuse_serve(const struct fuse *fuse)
{
    static char request[FUSE_MIN_READ_BUFFER * 2];
    const struct fuse_in_header *asked = (const void *)request;
    struct {
        struct fuse_out_header header;
        union {
            struct fuse_init_out init;
            struct fuse_open_out open;
        };
    } answer = {.header = {.len = sizeof answer.header}};

    if (read(fuse->fd, request, sizeof request) < (ssize_t)sizeof *asked)
        return;
    answer.header.unique = asked->unique;
    if (asked->opcode == FUSE_INIT) {
        answer.init = (struct fuse_init_out){.major = 7, .minor = 23, .max_write = 4096};
        answer.header.len += sizeof answer.init;
    } else if (asked->opcode == FUSE_OPEN) {
        answer.header.len += sizeof answer.open;
    }
    cr_assert(write(fuse->fd, &answer, answer.header.len) == (ssize_t)answer.header.len);
}

/* Say it with the file, and serve no more when the speaker has closed it. */
static void say_with_fuse(const struct fuse *fuse, struct bundle *bundle, const char *what)
{
    autoclose int pidfd = kernel_pidfd_open(bundle_pid(bundle), 0);
    pid_t pid = fork();
    int status = -1;

    cr_assert(pidfd >= 0 && pid >= 0);
    if (pid == 0)
        enter_and_say(pidfd, what, open(fuse->path, O_RDONLY | O_CLOEXEC), 0);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        poll(&(struct pollfd){.fd = fuse->fd, .events = POLLIN}, 1, 20);
        fuse_serve(fuse);
    }
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Whoever closes such a file waits for its server, and no signal ends that. */
Scenario(notify, descriptors_of_a_container_hold_nobody)
{
    static const char *const words[] = {"BARRIER=1", "STATUS=x", "FDSTORE=1"};
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_new();
    struct running running;
    struct fuse fuse;
    struct word word;

    need_root();
    fuse = fuse_new();
    running = crun_begin(PROGRAM(.environment = manager.environment), "run", "-b", bundle->path,
                         bundle->id);
    cr_assert(eventually(crun("state", bundle->id).code == 0 && is_running(bundle)));
    say(bundle, "STATUS=up");
    hears(&manager, &running, "STATUS=up");
    kill(running.pid, SIGSTOP);
    for (size_t i = 0; i < count_of(words); i++)
        say_with_fuse(&fuse, bundle, words[i]);
    kill(running.pid, SIGCONT);
    word = hear(&manager);
    assert_text(word.text, "BARRIER=1");
    close(word.fd);
    hears(&manager, &running, "STATUS=x");
    say(bundle, "STATUS=still here");
    hears(&manager, &running, "STATUS=still here");
    cr_assert(program_said(&running, "ready"));
    kill(running.pid, SIGTERM);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 3);
    close(fuse.fd);
    /* Whoever has waited for it until now is gone a moment later. */
    cr_assert(eventually(kernel_umount(fuse.path, 0) == 0), "%s", strerror(errno));
    close(manager.fd);
}

/* A container is more than what is told about it. */
Scenario(notify, run_goes_on_without_its_service_manager)
{
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_new();
    struct running running;
    struct outcome outcome;

    need_root();
    running = crun_begin(PROGRAM(.environment = manager.environment), "run", "-b", bundle->path,
                         bundle->id);
    cr_assert(eventually(crun("state", bundle->id).code == 0 && is_running(bundle)));
    close(manager.fd);
    say(bundle, "READY=1");
    cr_assert(eventually(try_to_say(bundle, "READY=1", -1, 0) == ECONNREFUSED),
              "run still listens");
    cr_assert(!program_has_ended(&running));
    cr_assert(program_said(&running, "ready"));
    kill(running.pid, SIGTERM);
    outcome = program_wait(&running, DEADLINE_SECONDS);
    assert_code(outcome, 3);
    assert_has(outcome.err, "NOTIFY_SOCKET");
    cr_assert(is_one_line(outcome.err), "%s", outcome.err);
}

/* --- what the container sees ------------------------------------------------------------------ */

/* The variable, the mount's first four options, what lies there. */
#define SHOW_NOTIFY                                                                     \
    "echo ${NOTIFY_SOCKET-unset}; grep -o ' /run/notify .* - ' /proc/self/mountinfo | " \
    "tr ' ' '\\n' | sed -n 3p | cut -d , -f 1-4; ls /run/notify 2>/dev/null || true"

Scenario(notify, without_a_service_manager_there_is_no_trace_of_it)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle, SHOW_NOTIFY), "unset");
    assert_ok(crun_with(PROGRAM(.environment = (const char *[]){"NOTIFY_SOCKET=", NULL}), "create",
                        "-b", bundle->path, bundle->id));
    cr_assert(!file_exists(text("%s/%s/notify", scenario_root(), bundle->id)));
    bundle_delete(bundle);
    bundle_set(bundle, "process.env", "[\"PATH=/bin\",\"NOTIFY_SOCKET=/of/the/bundle\"]");
    assert_text(inside(bundle, SHOW_NOTIFY), "/of/the/bundle");
}

Scenario(notify, the_socket_is_for_speaking_alone)
{
    struct bundle *bundle = bundle_new();
    struct manager manager = manager_new();
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "process.env", "[\"PATH=/bin\",\"NOTIFY_SOCKET=/of/the/bundle\"]");
    bundle_script(bundle, SHOW_NOTIFY "; stat -c '%A' $NOTIFY_SOCKET; cd /run/notify; "
                                      "touch x 2>&1; rm notify.sock 2>&1; mv notify.sock y 2>&1; "
                                      "chmod 0 notify.sock 2>&1; mkdir z 2>&1; ls");
    outcome = crun_with(PROGRAM(.environment = manager.environment), "run", "-b", bundle->path,
                        bundle->id);
    assert_has(outcome.out, INNER_SOCKET "\nro,nosuid,nodev,noexec\nnotify.sock\n"
                                         "srwxrwxrwx\n");
    assert_has(outcome.out, "touch: x: Read-only file system\n");
    assert_has(outcome.out, "rm: can't remove 'notify.sock': Read-only file system\n");
    assert_has(outcome.out, "mv: can't rename 'notify.sock': Read-only file system\n");
    assert_has(outcome.out, "chmod: notify.sock: Read-only file system\n");
    assert_has(outcome.out, "mkdir: can't create directory 'z': Read-only file system\n"
                            "notify.sock\n");
    close(manager.fd);
}

/* The place is made where there is none, also below a tmpfs and in a root that is read-only. */
Scenario(notify, the_bundles_own_run_is_no_obstacle)
{
    struct bundle *bundle = bundle_new();
    struct manager manager = manager_new();
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "root.readonly", "true");
    bundle_mount(bundle, "/run", "tmpfs", "tmpfs", "\"nosuid\",\"ro\"");
    bundle_script(bundle, SHOW_NOTIFY "; touch /run/x /x 2>&1");
    outcome = crun_with(PROGRAM(.environment = manager.environment), "run", "-b", bundle->path,
                        bundle->id);
    assert_text(outcome.out, INNER_SOCKET "\nro,nosuid,nodev,noexec\nnotify.sock\n"
                                          "touch: /run/x: Read-only file system\n"
                                          "touch: /x: Read-only file system\n");
    close(manager.fd);
}

Scenario(notify, any_user_in_a_user_namespace_may_speak)
{
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_new();
    struct running starting;

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    bundle_set(bundle, "process.user", "{\"uid\":1000,\"gid\":1000}");
    assert_ok(create(&manager, bundle));
    starting = begin_start(&manager, bundle);
    cr_assert(eventually(is_running(bundle)));
    cr_assert(try_to_say(bundle, "READY=1", -1, 101000) == 0);
    see_it_announced(&manager, bundle, &starting);
    close(manager.fd);
    bundle_delete(bundle);
}

/* systemd's own client, as a service in the container calls it. */
Scenario(notify, systemd_notify_is_heard)
{
    struct bundle *bundle = bundle_new();
    struct manager manager = manager_new();
    struct running running;
    struct word word;

    need_root();
    need_command("systemd-notify");
    bundle_mount(bundle, "/usr", "bind", "/usr", "\"bind\",\"ro\"");
    bundle_mount(bundle, "/lib", "bind", "/lib", "\"bind\",\"ro\"");
    if (file_exists("/lib64"))
        bundle_mount(bundle, "/lib64", "bind", "/lib64", "\"bind\",\"ro\"");
    bundle_script(bundle, "systemd-notify --status=up --ready && exit 5");
    running = crun_begin(PROGRAM(.environment = manager.environment), "run", "-b", bundle->path,
                         bundle->id);
    hears(&manager, &running, text("READY=1\nSTATUS=up\nMAINPID=%d", (int)running.pid));
    word = hear(&manager); /* since version 246 it waits to be read */
    assert_text(word.text, "BARRIER=1");
    close(word.fd);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 5);
    close(manager.fd);
}

/* --- sockets of all kinds, and of none -------------------------------------------------------- */

Scenario(notify, an_abstract_socket_does_as_well)
{
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_at(text("@crun-lite/%s", scenario_tag()));
    struct running starting;

    need_root();
    assert_ok(create(&manager, bundle));
    starting = begin_start(&manager, bundle);
    say(bundle, "READY=1");
    see_it_announced(&manager, bundle, &starting);
    close(manager.fd);
    bundle_delete(bundle);
}

Scenario(notify, a_service_manager_that_is_not_there_is_an_error_before_anything_runs)
{
    struct bundle *bundle = bundle_of_a_service();
    const char *variable = text("NOTIFY_SOCKET=%s", work_path("nobody"));
    const struct program program = {
        .environment = (const char *[]){variable, NULL}
    };

    need_root();
    assert_ok(crun_with(&program, "create", "-b", bundle->path, bundle->id));
    assert_refused(crun_with(&program, "start", bundle->id), 1, "NOTIFY_SOCKET: connect to ");
    assert_text(bundle_status(bundle), "created");
    assert_ok(crun("start", bundle->id));
    bundle_delete(bundle);
    assert_refused(crun_with(&program, "run", "-b", bundle->path, bundle->id), 1,
                   "NOTIFY_SOCKET: connect to ");
    assert_refused(crun_with(&program, "run", "-d", "-b", bundle->path, bundle->id), 1,
                   "NOTIFY_SOCKET: connect to ");
}

Scenario(notify, an_address_of_another_kind_is_refused_at_once)
{
    struct bundle *bundle = bundle_of_a_service();

    need_root();
    assert_refused(
        crun_with(PROGRAM(.environment = (const char *[]){"NOTIFY_SOCKET=vsock:2:1", NULL}),
                  "create", "-b", bundle->path, bundle->id),
        1, "NOTIFY_SOCKET: \"vsock:2:1\" is neither an absolute path nor ");
}

/* Engines keep the variable from create, and may leave it to start. */
Scenario(notify, a_container_made_without_it_is_started_all_the_same)
{
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_new();
    struct outcome outcome;

    need_root();
    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    outcome = crun_with(PROGRAM(.environment = manager.environment), "start", bundle->id);
    assert_ok(outcome);
    assert_has(outcome.err, "NOTIFY_SOCKET: it was not set when the container was created");
    cr_assert(is_one_line(outcome.err), "%s", outcome.err);
    assert_text(bundle_status(bundle), "running");
    cr_assert(hears_nothing(&manager));
    bundle_delete(bundle);
    close(manager.fd);
}

Scenario(notify, the_hosts_mounts_are_left_alone)
{
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_new();

    need_root();
    bundle_without_namespace(bundle, "mount");
    bundle_set(bundle, "mounts", "[]");
    bundle_set(bundle, "linux.maskedPaths", "[]");
    bundle_set(bundle, "linux.readonlyPaths", "[]");
    assert_refused(create(&manager, bundle), 1, "NOTIFY_SOCKET: there is no way to it");
    close(manager.fd);
}

/* --- nothing is left -------------------------------------------------------------------------- */

static void give_rights_over_mounts(struct bundle *bundle)
{
    static const char *const sets[] = {"bounding", "effective", "permitted"};

    for (size_t i = 0; i < count_of(sets); i++)
        bundle_set(bundle, text("process.capabilities.%s", sets[i]),
                   "[\"CAP_SYS_ADMIN\",\"CAP_DAC_OVERRIDE\"]");
}

/* A container with rights over its mounts can make its view writable, and fill it. */
Scenario(notify, whatever_a_container_puts_there_goes_with_it)
{
    struct bundle *bundle = bundle_new();
    struct manager manager = manager_new();
    struct outcome outcome;

    need_root();
    give_rights_over_mounts(bundle);
    bundle_script(bundle, "mount -o remount,bind,rw /run/notify && mkdir -p /run/notify/a/b && "
                          "touch /run/notify/a/b/c && ln -s / /run/notify/root && echo filled");
    outcome = crun_with(PROGRAM(.environment = manager.environment), "run", "-b", bundle->path,
                        bundle->id);
    assert_ok(outcome);
    assert_text(outcome.out, "filled\n");
    close(manager.fd);
}

/* A directory of the host's, with one file. */
static const char *new_volume(void)
{
    const char *volume = work_path("volume");

    cr_assert(mkdir(volume, 0755) == 0);
    cr_assert(mknod(text("%s/precious", volume), S_IFREG | 0644, 0) == 0);
    return volume;
}

/* While it runs it looks from inside whether the host sees it: nothing may, however it is shared.
 */
Scenario(notify, what_a_container_mounts_there_is_not_seen_by_the_host)
{
    struct bundle *bundle = bundle_new();
    struct manager manager = manager_new();
    const char *volume = new_volume();
    struct running running;

    need_root();
    cr_assert(kernel_mount("tmpfs", scenario_root(), "tmpfs", 0, "mode=0700") == 0);
    give_rights_over_mounts(bundle);
    bundle_set(bundle, "linux.rootfsPropagation", "\"shared\"");
    bundle_mount(bundle, "/volume", "bind", volume, "\"bind\"");
    bundle_script(bundle, "trap 'exit 3' TERM; mount -o remount,bind,rw /run/notify && "
                          "mkdir /run/notify/x && mount -o bind /volume /run/notify/x && "
                          "ls /run/notify/x; sleep 3600 & wait $!");
    running = crun_begin(PROGRAM(.environment = manager.environment), "run", "-b", bundle->path,
                         bundle->id);
    cr_assert(program_said(&running, "precious\n"));
    cr_assert(file_exists(text("%s/%s/notify/x", scenario_root(), bundle->id)));
    cr_assert(!file_exists(text("%s/%s/notify/x/precious", scenario_root(), bundle->id)));
    kill(running.pid, SIGTERM);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 3);
    cr_assert(file_exists(text("%s/precious", volume)));
    /* Containers that have ended are gone with their mounts a moment later. */
    cr_assert(eventually(kernel_umount(scenario_root(), 0) == 0), "%s", strerror(errno));
    close(manager.fd);
}

/* On directories, on files, on each other, at any depth. */
Scenario(notify, delete_enters_no_mount)
{
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_new();
    const char *volume = new_volume(), *place;

    need_root();
    assert_ok(create(&manager, bundle));
    place = text("%s/%s/notify", scenario_root(), bundle->id);
    cr_assert(mkdir(text("%s/x", place), 0755) == 0 && mkdir(text("%s/x/y", place), 0755) == 0);
    cr_assert(mknod(text("%s/x/file", place), S_IFREG | 0644, 0) == 0);
    cr_assert(kernel_mount(text("%s/precious", volume), text("%s/x/file", place), NULL, MS_BIND,
                           NULL) == 0);
    cr_assert(kernel_mount(volume, text("%s/x/y", place), NULL, MS_BIND, NULL) == 0);
    cr_assert(kernel_mount(volume, text("%s/x/y", place), NULL, MS_BIND, NULL) == 0);
    cr_assert(file_exists(text("%s/x/y/precious", place)));
    assert_ok(crun("delete", "--force", bundle->id));
    cr_assert(!file_exists(text("%s/%s", scenario_root(), bundle->id)));
    cr_assert(file_exists(text("%s/precious", volume)));
    close(manager.fd);
}

Scenario(notify, delete_goes_to_any_depth)
{
    enum { DEPTH = 1500, DESCRIPTORS = 256 };
    struct bundle *bundle = bundle_of_a_service();
    struct manager manager = manager_new();
    struct rlimit limit;
    int at;

    need_root();
    assert_ok(create(&manager, bundle));
    at = open(text("%s/%s/notify", scenario_root(), bundle->id), O_PATH | O_CLOEXEC);
    for (int i = 0; i < DEPTH; i++) {
        cr_assert(mkdirat(at, "x", 0755) == 0);

        int next = openat(at, "x", O_PATH | O_CLOEXEC);

        cr_assert(next >= 0);
        close(at);
        at = next;
    }
    close(at);
    cr_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = DESCRIPTORS;
    cr_assert(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    assert_ok(crun("delete", "--force", bundle->id));
    cr_assert(!file_exists(text("%s/%s", scenario_root(), bundle->id)));
    close(manager.fd);
}

Scenario(notify, a_failed_create_leaves_no_directory)
{
    struct bundle *bundle = bundle_new();
    struct manager manager = manager_new();

    need_root();
    bundle_set(bundle, "process.args", "[\"/no/such\"]");
    assert_refused(create(&manager, bundle), 1, "/no/such");
    cr_assert(!file_exists(text("%s/%s", scenario_root(), bundle->id)));
    close(manager.fd);
}

/* --- without rights --------------------------------------------------------------------------- */

Scenario(notify, an_ordinary_user_has_services_too)
{
    struct manager manager = manager_at(text("@crun-lite/%s", scenario_tag()));
    const char *root = work_path("state"), *pid_file;
    struct program program = {.user = STRANGER, .environment = manager.environment};
    struct bundle *bundle;
    struct running running;
    struct outcome outcome;

    need_root();
    program.arguments = (const char *[]){"unshare", "-Ur", "true", NULL};
    if (program_run(&program).code != 0)
        skip("this kernel gives ordinary users no user namespaces");
    program.arguments = (const char *[]){scenario_program(), "--version", NULL};
    if (program_run(&program).code != 0)
        skip("the program cannot be executed by an ordinary user where it lies");
    bundle = bundle_new_for_user(STRANGER);
    pid_file = text("%s/pid", root);
    cr_assert(mkdir(root, 0700) == 0 && chown(root, STRANGER, STRANGER) == 0);
    bundle_script(bundle, "trap 'exit 4' TERM; " SHOW_NOTIFY "; echo listed; sleep 3600 & wait $!");
    program.arguments = (const char *[]){scenario_program(), "--root", root, "run",
                                         "--pid-file",       pid_file, "-b", bundle->path,
                                         bundle->id,         NULL};
    running = program_begin(&program);
    cr_assert(program_said(&running, "listed\n"));
    cr_assert(try_to_say_in(atoi(file_text(pid_file)), "READY=1", -1, STRANGER) == 0);
    hears(&manager, &running, text("READY=1\nMAINPID=%d", (int)running.pid));
    kill(running.pid, SIGTERM);
    outcome = program_wait(&running, DEADLINE_SECONDS);
    assert_code(outcome, 4);
    assert_text(outcome.out, INNER_SOCKET "\nro,nosuid,nodev,noexec\nnotify.sock\nlisted\n");
    close(manager.fd);
}

/* It goes on where it was, and will not say READY=1 again. */
Scenario(notify, a_restored_container_is_ready)
{
    static const char quiet[] = "exec \"$@\" </dev/null >/dev/null 2>&1";

    need_root();
    need_criu();

    struct manager manager = manager_new();
    struct bundle *bundle = counting_bundle();
    struct running restore;
    struct counter before;
    struct word word;

    assert_ok(program_run(
        PROGRAM(.environment = manager.environment,
                .arguments = (const char *[]){"sh", "-c", quiet, "sh", scenario_program(), "--root",
                                              scenario_root(), "create", "-b", bundle->path,
                                              bundle->id, NULL})));
    assert_ok(crun("start", bundle->id)); /* without the variable it waits for nobody */
    before = counter_beyond(bundle, 0);
    assert_ok(checkpoint(bundle));
    restore = crun_begin(PROGRAM(.environment = manager.environment), "restore", "-d", "-b",
                         bundle->path, "--image-path", images(), bundle->id);
    hears(&manager, &restore, "READY=1");
    hears(&manager, &restore, text("MAINPID=%d", (int)bundle_pid(bundle)));
    word = hear(&manager);
    assert_text(word.text, "BARRIER=1");
    cr_assert(word.fd >= 0);
    close(word.fd);
    assert_ok(program_wait(&restore, DEADLINE_SECONDS));
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    assert_text(inside_running(bundle, "grep -c ' /run/notify ' /proc/self/mountinfo"), "1");
    bundle_delete(bundle);
}
