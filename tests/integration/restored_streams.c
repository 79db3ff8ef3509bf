/* restore: where the standard streams of a container lead to afterwards. */

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/checkpoint.h"
#include "tests/integration/harness/receive.h"
#include "tests/integration/harness/scenario.h"

/* --- standard streams --------------------------------------------------------------------------
 */

/* Counts on standard output too, and ends with status 7 when it is told to. */
#define TALKING                                                                            \
    "n=0; while [ ! -e /work/stop ]; do n=$((n+1)); echo said $n; echo x $n >/work/.new; " \
    "mv /work/.new /work/count; sleep 1; done; rm /work/stop; exit 7"

/* What it says for the first time in its new life at the latest, `count` being what it had written:
 * it may have been taken away between saying a number and writing it. */
static const char *said_after(long count)
{
    return text("said %ld", count + 2);
}

static struct bundle *talking_bundle(void)
{
    struct bundle *bundle = bundle_new();

    bundle_script(bundle, TALKING);
    return bundle;
}

/* `crun-lite ARGUMENTS...`, with standard output where the shell's REDIRECTION says. */
static struct outcome redirected(const char *redirection, const char *const *arguments)
{
    const char *all[32] = {"sh",
                           "-c",
                           text("exec \"$@\" </dev/null 2>/dev/null %s", redirection),
                           "sh",
                           scenario_program(),
                           "--root",
                           scenario_root()};
    size_t count = 7;

    while (*arguments != NULL)
        all[count++] = *arguments++;
    return program_run(PROGRAM(.arguments = all));
}

static void stop_talking(struct bundle *bundle)
{
    bundle_file(bundle, "work/stop", "", 0644);
}

/* Opened for appending, as logs are: of another file CRIU wants the length that it had. */
Scenario(restored_streams, a_file_as_output_is_the_new_callers)
{
    need_criu();

    struct bundle *bundle = talking_bundle();
    const char *old = work_path("old"), *new = work_path("new");

    assert_ok(redirected(text(">>%s", old),
                         (const char *[]){"run", "-d", "-b", bundle->path, bundle->id, NULL}));
    cr_assert(eventually(says(old, "said 1\n")));
    assert_ok(checkpoint(bundle));

    const char *said = text("%s\n", said_after(counter_of(bundle).count));

    assert_ok(redirected(text(">>%s", new),
                         (const char *[]){"restore", "-d", "-b", bundle->path, "--image-path",
                                          images(), bundle->id, NULL}));
    cr_assert(eventually(says(new, said)), "%s", file_text(new));
    cr_assert(!says(old, said));
    bundle_delete(bundle);
}

Scenario(restored_streams, in_the_foreground_relays_output_and_status)
{
    need_criu();

    struct bundle *bundle = talking_bundle();
    struct running running;

    assert_ok(redirected("| cat >/dev/null &",
                         (const char *[]){"run", "-d", "-b", bundle->path, bundle->id, NULL}));
    counter_beyond(bundle, 0);
    assert_ok(checkpoint(bundle));

    long before = counter_of(bundle).count;

    running = crun_begin(PROGRAM(0), "restore", "-b", bundle->path, "--image-path", images(),
                         bundle->id);
    cr_assert(program_said(&running, text("%s\n", said_after(before))), "%s",
              program_wait(&running, 1).err);
    assert_text(bundle_status(bundle), "running");
    stop_talking(bundle);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 7);
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

Scenario(restored_streams, in_the_foreground_a_signal_gets_through)
{
    need_criu();

    struct bundle *bundle = bundle_new();
    struct running running;

    bundle_script(bundle, "trap 'exit 9' TERM; " TALKING);
    start_counting(bundle);
    assert_ok(checkpoint(bundle));

    long before = counter_of(bundle).count;

    running = crun_begin(PROGRAM(0), "restore", "-b", bundle->path, "--image-path", images(),
                         bundle->id);
    counter_beyond(bundle, before);
    cr_assert(kill(running.pid, SIGTERM) == 0);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 9);
}

/* --- terminals ---------------------------------------------------------------------------------
 */

/* True once `what` can be read. */
static bool read_terminal(int master, const char *what)
{
    enum { SIZE = 65536 };
    char *seen = arena_zero(scenario_arena(), SIZE, 1);
    size_t used = 0;

    fcntl(master, F_SETFL, O_NONBLOCK);
    return eventually(__extension__({
        ssize_t got = read(master, seen + used, SIZE - 1 - used);

        used += got > 0 ? (size_t)got : 0;
        strstr(seen, what) != NULL;
    }));
}

/* Says what it counts and what it hears. */
#define ON_A_TERMINAL "(while read line; do echo heard $line; done) & " TALKING

static int start_on_terminal(struct bundle *bundle)
{
    const char *path = work_path("console.sock");
    int server = listen_at(path), master;
    struct running starting;
    char *message;

    bundle_set(bundle, "process.terminal", "true");
    bundle_set(bundle, "process.consoleSize", "{\"height\":31,\"width\":91}");
    starting = crun_begin(PROGRAM(0), "run", "-d", "--console-socket", path, "-b", bundle->path,
                          bundle->id);
    master = receive_fd(server, &message);
    cr_assert(master >= 0, "no descriptor: %s", program_wait(&starting, 2).err);
    assert_ok(program_wait(&starting, DEADLINE_SECONDS));
    close(server);
    unlink(path);
    return master;
}

Scenario(restored_streams, a_terminal_goes_over_the_console_socket)
{
    need_criu();

    struct bundle *bundle = talking_bundle();
    const char *path = work_path("again.sock");
    int master = start_on_terminal(bundle), server;
    struct running restoring;
    struct winsize size = {0};
    char *message = NULL;

    cr_assert(read_terminal(master, "said 1"));
    assert_ok(checkpoint(bundle));
    close(master);

    long before = counter_of(bundle).count;

    server = listen_at(path);
    restoring = crun_begin(PROGRAM(0), "restore", "-d", "--console-socket", path, "-b",
                           bundle->path, "--image-path", images(), bundle->id);
    master = receive_fd(server, &message);
    cr_assert(master >= 0, "no descriptor: %s", program_wait(&restoring, 2).err);
    assert_ok(program_wait(&restoring, DEADLINE_SECONDS));
    cr_assert(isatty(master));
    cr_assert(read_terminal(master, said_after(before)));
    cr_assert(ioctl(master, TIOCGWINSZ, &size) == 0 && size.ws_row == 31 && size.ws_col == 91,
              "%d x %d", size.ws_row, size.ws_col);
    /* It is the controlling terminal still: ^C ends the process. */
    cr_assert(write(master, "\003", 1) == 1);
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    close(master);
    close(server);
    bundle_delete(bundle);
}

Scenario(restored_streams, a_terminal_that_nobody_takes_is_refused)
{
    need_criu();

    struct bundle *bundle = talking_bundle();
    int master = start_on_terminal(bundle);

    cr_assert(read_terminal(master, "said 1"));
    assert_ok(checkpoint(bundle));
    close(master);
    assert_refused(restore(bundle, bundle->id), 1, "console socket");
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

Scenario(restored_streams, in_the_foreground_a_terminal_is_ours)
{
    need_criu();

    struct bundle *bundle = talking_bundle();
    int old = start_on_terminal(bundle);
    struct running running;
    int master, slave;

    cr_assert(read_terminal(old, "said 1"));
    assert_ok(checkpoint(bundle));
    close(old);

    long before = counter_of(bundle).count;

    cr_assert(openpty(&master, &slave, NULL, NULL, NULL) == 0);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    running = crun_begin(PROGRAM(.terminal = slave), "restore", "-b", bundle->path, "--image-path",
                         images(), bundle->id);
    close(slave);
    cr_assert(read_terminal(master, said_after(before)));
    stop_talking(bundle);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 7);
    close(master);
}

/* Not one of the container's own: what was the caller's is the new caller's. */
Scenario(restored_streams, a_terminal_from_outside_is_the_new_callers)
{
    need_criu();

    struct bundle *bundle = talking_bundle();
    struct running running;
    int masters[2], slaves[2];

    for (size_t i = 0; i < 2; i++) {
        cr_assert(openpty(&masters[i], &slaves[i], NULL, NULL, NULL) == 0);
        fcntl(masters[i], F_SETFD, FD_CLOEXEC);
        fcntl(slaves[i], F_SETFD, FD_CLOEXEC);
    }
    running = crun_begin(PROGRAM(.terminal = slaves[0]), "run", "-b", bundle->path, bundle->id);
    cr_assert(read_terminal(masters[0], "said 1"));
    assert_ok(checkpoint(bundle, "--shell-job"));
    program_wait(&running, DEADLINE_SECONDS);

    long before = counter_of(bundle).count;

    running = crun_begin(PROGRAM(.terminal = slaves[1]), "restore", "--shell-job", "-b",
                         bundle->path, "--image-path", images(), bundle->id);
    cr_assert(read_terminal(masters[1], said_after(before)));
    stop_talking(bundle);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 7);
    for (size_t i = 0; i < 2; i++) {
        close(masters[i]);
        close(slaves[i]);
    }
}
