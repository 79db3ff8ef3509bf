/* checkpoint and restore where CRIU fails, dies, hangs or is interrupted: what is said, and that
 * the container goes on.  CRIU is a fake (harness/fake_criu.h), so these run where there is none.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/container.h"
#include "tests/integration/harness/checkpoint.h"
#include "tests/integration/harness/fake_criu.h"
#include "tests/integration/harness/scenario.h"

static const char *const *checkpoint_arguments(struct bundle *bundle, const char *part)
{
    return with_fake_criu(part, "checkpoint", "--image-path", images(), bundle->id);
}

static struct outcome checkpoint_by_fake(struct bundle *bundle, const char *part)
{
    return program_run(PROGRAM(.arguments = checkpoint_arguments(bundle, part)));
}

static struct bundle *counting_container(void)
{
    need_root();

    struct bundle *bundle = counting_bundle();

    start_counting(bundle);
    return bundle;
}

static void goes_on(struct bundle *bundle)
{
    assert_text(bundle_status(bundle), "running");
    counter_beyond(bundle, counter_of(bundle).count);
    bundle_delete(bundle);
}

/* --- what is said ------------------------------------------------------------------------------
 */

Scenario(criu_faults, the_logs_first_error_is_said_when_criu_dies)
{
    struct bundle *bundle = counting_container();
    struct outcome outcome = checkpoint_by_fake(bundle, "logs, dies");

    assert_refused(outcome, 1, FAKE_CRIU_ERROR);
    assert_has(outcome.err, text("(log file: %s/dump.log)", images()));
    goes_on(bundle);
}

Scenario(criu_faults, the_logs_first_error_is_said_when_criu_refuses)
{
    struct bundle *bundle = counting_container();

    assert_refused(checkpoint_by_fake(bundle, "logs, refuses"), 1, FAKE_CRIU_ERROR);
    goes_on(bundle);
}

Scenario(criu_faults, without_a_log_the_signal_that_killed_criu_is_said)
{
    struct bundle *bundle = counting_container();

    assert_refused(checkpoint_by_fake(bundle, "dies"), 1, "ended without an answer, signal 11");
    assert_refused(checkpoint_by_fake(bundle, "exits"), 1,
                   "ended without an answer, exit status 3");
    goes_on(bundle);
}

Scenario(criu_faults, an_old_log_is_not_this_runs)
{
    struct bundle *bundle = counting_container();
    struct outcome outcome;

    cr_assert(mkdir(images(), 0700) == 0);
    work_file("images/dump.log", "(00.1) Error (criu/old.c:1): of yesterday\n");
    outcome = checkpoint_by_fake(bundle, "refuses");
    assert_refused(outcome, 1, "criu: the fake refuses");
    assert_lacks(outcome.err, "yesterday");
    assert_lacks(outcome.err, "dump.log");
    goes_on(bundle);
}

/* docs/differences.md says why. */
Scenario(criu_faults, an_ordinary_user_is_refused_at_once)
{
    enum { SOMEBODY = 12345 };

    need_root();
    assert_refused(crun_with(PROGRAM(.user = SOMEBODY), "checkpoint", "any"), 1,
                   "checkpoint needs root");
    assert_refused(crun_with(PROGRAM(.user = SOMEBODY), "restore", "-d", "any"), 1,
                   "restore needs root");
}

/* --- what is left ------------------------------------------------------------------------------
 */

Scenario(criu_faults, a_paused_container_is_paused_again)
{
    struct bundle *bundle = counting_container();

    assert_ok(crun("pause", bundle->id));
    assert_refused(checkpoint_by_fake(bundle, "thaws, refuses"), 1, "the fake refuses");
    assert_text(bundle_status(bundle), "paused");
    assert_ok(crun("resume", bundle->id));
    goes_on(bundle);
}

Scenario(criu_faults, a_directory_for_images_goes_when_there_are_none)
{
    struct bundle *bundle = counting_container();

    checkpoint_by_fake(bundle, "refuses");
    cr_assert(!file_exists(images()));
    checkpoint_by_fake(bundle, "logs, refuses");
    assert_has(file_text(text("%s/dump.log", images())), FAKE_CRIU_ERROR);
    goes_on(bundle);
}

Scenario(criu_faults, a_directory_for_the_log_in_that_for_images_goes_first)
{
    struct bundle *bundle = counting_container();
    const char *const *arguments = with_fake_criu("refuses", "checkpoint", "--image-path", images(),
                                                  "--work-path", text("%s/work", images()),
                                                  bundle->id);

    assert_refused(program_run(PROGRAM(.arguments = arguments)), 1, "the fake refuses");
    cr_assert(!file_exists(images()));
    goes_on(bundle);
}

Scenario(criu_faults, a_directory_for_images_that_was_there_stays)
{
    struct bundle *bundle = counting_container();

    cr_assert(mkdir(images(), 0700) == 0);
    checkpoint_by_fake(bundle, "refuses");
    cr_assert(file_exists(images()));
    goes_on(bundle);
}

Scenario(criu_faults, a_bad_page_server_is_refused_before_anything_is_made)
{
    struct bundle *bundle = counting_container();
    const char *const *arguments = with_fake_criu("mute", "checkpoint", "--image-path", images(),
                                                  "--page-server", "nowhere", bundle->id);

    assert_refused(program_run(PROGRAM(.arguments = arguments)), 1, "--page-server: \"nowhere\"");
    cr_assert(!file_exists(images()));
    goes_on(bundle);
}

/* --- waits that end ----------------------------------------------------------------------------
 */

Scenario(criu_faults, a_criu_that_says_nothing_is_given_up)
{
    struct bundle *bundle = counting_container();

    assert_refused(checkpoint_by_fake(bundle, "mute"), 1, "no answer within 10 s");
    goes_on(bundle);
}

static struct running begin_waiting(struct bundle *bundle, const char *part, int terminal)
{
    struct running running = program_begin(
        PROGRAM(.arguments = checkpoint_arguments(bundle, part), .terminal = terminal));

    cr_assert(eventually(fake_criu_is("waiting")), "%s", program_wait(&running, 1).err);
    return running;
}

Scenario(criu_faults, an_interrupted_dump_is_given_up_in_order)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

    for (size_t i = 0; i < count_of(signals); i++) {
        struct bundle *bundle = counting_container();
        struct running running = begin_waiting(bundle, "waits politely", 0);
        struct outcome outcome;

        cr_assert(kill(running.pid, signals[i]) == 0);
        outcome = program_wait(&running, DEADLINE_SECONDS);
        assert_refused(outcome, 1, text("criu: interrupted (signal %d)", signals[i]));
        cr_assert(fake_criu_is("told to give up"));
        goes_on(bundle);
    }
}

/* No answer that says so: then nobody but us thaws the container. */
Scenario(criu_faults, an_interrupted_criu_that_does_not_listen_is_killed)
{
    struct bundle *bundle = counting_container();
    struct running running = begin_waiting(bundle, "waits", 0);

    cr_assert(kill(running.pid, SIGTERM) == 0);
    assert_refused(program_wait(&running, DEADLINE_SECONDS), 1, "criu: interrupted (signal 15)");
    goes_on(bundle);
}

/* Nobody but CRIU unlocks it. */
Scenario(criu_faults, an_interrupted_criu_that_has_locked_the_network_gets_time)
{
    struct bundle *bundle = counting_container();
    struct running running = begin_waiting(bundle, "locks, writes", 0);
    struct outcome outcome;

    cr_assert(kill(running.pid, SIGTERM) == 0);
    outcome = program_wait(&running, DEADLINE_SECONDS);
    assert_refused(outcome, 1, "criu: interrupted (signal 15)");
    cr_assert(fake_criu_is("told to give up"));
    goes_on(bundle);
}

Scenario(criu_faults, a_network_that_may_have_stayed_locked_is_told)
{
    static const char locked[] = "the container's network may still be locked";
    struct bundle *bundle = counting_container();
    const char *const *skipping = with_fake_criu("locks, dies", "checkpoint", "--image-path",
                                                 images(), "--network-lock", "skip", bundle->id);

    assert_lacks(program_run(PROGRAM(.arguments = skipping)).err, locked);
    assert_refused(checkpoint_by_fake(bundle, "locks, dies"), 1, locked);
    assert_lacks(checkpoint_by_fake(bundle, "dies").err, locked);
    goes_on(bundle);
}

/* It cannot be given up any more, and to be ended by the signal would say that it was. */
Scenario(criu_faults, a_signal_too_late_for_a_dump_does_not_deny_it)
{
    struct bundle *bundle = counting_container();

    assert_ok(checkpoint_by_fake(bundle, "interrupts, succeeds"));
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

/* A hook of that kind that says so and never ends. */
static void set_endless_hook(struct bundle *bundle, const char *kind)
{
    bundle_set(bundle, text("hooks.%s", kind),
               "[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"echo >%s; exec sleep 3600\"]}]",
               work_path("hook"));
}

Scenario(criu_faults, a_poststop_hook_after_a_dump_ends_by_a_signal)
{
    need_root();

    struct bundle *bundle = counting_bundle();
    struct running running;

    set_endless_hook(bundle, "poststop");
    start_counting(bundle);
    running = program_begin(PROGRAM(.arguments = checkpoint_arguments(bundle, "succeeds")));
    cr_assert(eventually(file_exists(work_path("hook"))));
    cr_assert(kill(running.pid, SIGTERM) == 0);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 128 + SIGTERM);
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

Scenario(criu_faults, a_version_that_does_not_come_is_not_waited_for_after_a_signal)
{
    struct bundle *bundle = counting_container();
    struct running running = program_begin(
        PROGRAM(.arguments = checkpoint_arguments(bundle, "mute")));

    cr_assert(eventually(fake_criu_is("mute")));
    cr_assert(kill(running.pid, SIGTERM) == 0);
    assert_refused(program_wait(&running, DEADLINE_SECONDS), 1, "criu: interrupted (signal 15)");
    goes_on(bundle);
}

/* What a terminal shows comes in pieces: add one that is there; is `what` among them now? */
static bool shows(int master, char *screen, size_t size, const char *what)
{
    size_t length = strlen(screen);
    ssize_t got = read(master, screen + length, size - 1 - length);

    screen[length + (got > 0 ? (size_t)got : 0)] = '\0';
    return strstr(screen, what) != NULL;
}

/* The terminal sends it to everybody in the foreground. */
Scenario(criu_faults, the_terminals_interrupt_does_not_reach_criu)
{
    struct bundle *bundle = counting_container();
    autoclose int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    char screen[4096] = "";

    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);

    autoclose int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct running running = begin_waiting(bundle, "waits politely", slave);

    cr_assert(write(master, "\x03", 1) == 1);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 1);
    cr_assert(eventually(shows(master, screen, sizeof screen, "criu: interrupted (signal 2)")),
              "%s", screen);
    cr_assert(fake_criu_is("told to give up"));
    goes_on(bundle);
}

/* --- starting it -------------------------------------------------------------------------------
 */

Scenario(criu_faults, criu_starts_where_clone3_is_hidden)
{
    struct bundle *bundle = counting_container();
    const char *const *arguments = without_clone3(checkpoint_arguments(bundle, "refuses"));

    assert_refused(program_run(PROGRAM(.arguments = arguments)), 1, "the fake refuses");
    goes_on(bundle);
}

/* Numbers of criu_opts in rpc.proto. */
Scenario(criu_faults, options_reach_criu)
{
    struct bundle *bundle = counting_container();

    program_run(PROGRAM(.arguments = with_fake_criu("refuses", "checkpoint", "--image-path",
                                                    images(), "--tcp-close", "--network-lock",
                                                    "nftables", bundle->id)));
    assert_has(fake_criu_options(), "\n52=1\n");
    assert_has(fake_criu_options(), "\n64=2\n");
    checkpoint_by_fake(bundle, "refuses");
    assert_lacks(fake_criu_options(), "\n52=");
    assert_lacks(fake_criu_options(), "\n64=");
    goes_on(bundle);
}

/* --- restore -----------------------------------------------------------------------------------
 */

static struct outcome restore_by_fake(struct bundle *bundle, const char *part)
{
    mkdir(images(), 0700);
    return program_run(
        PROGRAM(.arguments = with_fake_criu(
                    part, "--cgroup-manager", "disabled", "restore", "-d", "-b", bundle->path,
                    "--image-path", images(), "--tcp-close", "--network-lock", "skip",
                    "--lsm-mount-context", "system_u:object_r:container_file_t:s0", bundle->id)));
}

/* Without a cgroup there is a warning on top. */
static void restore_fails(struct bundle *bundle, const char *part, const char *saying)
{
    struct outcome outcome = restore_by_fake(bundle, part);

    assert_code(outcome, 1);
    assert_has(outcome.err, saying);
}

Scenario(criu_faults, options_reach_criu_at_the_restore)
{
    need_root();

    struct bundle *bundle = counting_bundle();

    restore_fails(bundle, "refuses", "criu: the fake refuses");
    assert_has(fake_criu_options(), "\n52=1\n");
    assert_has(fake_criu_options(), "\n64=3\n");
    assert_has(fake_criu_options(), "\n63=system_u:object_r:container_file_t:s0\n");
}

Scenario(criu_faults, an_old_restore_log_is_not_this_runs)
{
    need_root();

    struct bundle *bundle = counting_bundle();

    cr_assert(mkdir(images(), 0700) == 0);
    work_file("images/restore.log", "(00.1) Error (criu/old.c:1): of yesterday\n");
    restore_fails(bundle, "refuses", "criu: the fake refuses");
    cr_assert(!file_exists(text("%s/restore.log", images())));
}

/* No cgroup by which it could be found: the leave-nothing check sees it, if it lives on. */
Scenario(criu_faults, a_process_restored_half_way_is_ended)
{
    need_root();

    struct bundle *bundle = counting_bundle();

    bundle_set(bundle, "hooks.createRuntime",
               "[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"echo no; exit 3\"]}]");
    restore_fails(bundle, "restores, dies", "createRuntime");
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

/* It has criu's socket open, as such processes have: that is not criu. */
Scenario(criu_faults, a_criu_that_dies_over_a_restore_is_noticed)
{
    need_root();

    struct bundle *bundle = counting_bundle();

    restore_fails(bundle, "restores, dies", "ended without an answer, exit status 1");
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

Scenario(criu_faults, an_interrupted_hook_of_a_restore_leaves_nothing)
{
    static const struct {
        const char *kind, *part;
    } rows[] = {
        {"prestart",        "restores, waits"},
        {"createRuntime",   "restores, waits"},
        {"createContainer", "restores, waits"},
        {"poststart",       "restores"       },
    };

    need_root();
    mkdir(images(), 0700);
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = counting_bundle();
        struct running running;

        set_endless_hook(bundle, rows[i].kind);
        running = program_begin(
            PROGRAM(.arguments = with_fake_criu(rows[i].part, "restore", "-d", "-b", bundle->path,
                                                "--image-path", images(), bundle->id)));
        cr_assert(eventually(file_exists(work_path("hook"))), "%s", rows[i].kind);
        cr_assert(kill(running.pid, SIGTERM) == 0);
        assert_refused(program_wait(&running, DEADLINE_SECONDS), 1,
                       text("%s hook #0: /bin/sh: interrupted (signal 15)", rows[i].kind));
        assert_refused(crun("state", bundle->id), 1, "does not exist");
        unlink(work_path("hook"));
    }
}

Scenario(criu_faults, an_interrupted_restore_leaves_nothing)
{
    need_root();

    struct bundle *bundle = counting_bundle();
    struct running running;

    cr_assert(mkdir(images(), 0700) == 0);
    running = program_begin(
        PROGRAM(.arguments = with_fake_criu("restores, waits", "restore", "-d", "-b", bundle->path,
                                            "--image-path", images(), bundle->id)));
    cr_assert(eventually(fake_criu_is("waiting")));
    cr_assert(kill(running.pid, SIGTERM) == 0);
    assert_refused(program_wait(&running, DEADLINE_SECONDS), 1, "criu: interrupted (signal 15)");
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

/* It is for the process, where we stand in for that. */
Scenario(criu_faults, a_signal_too_late_for_a_restore_does_not_deny_it)
{
    need_root();

    struct bundle *bundle = counting_bundle();

    mkdir(images(), 0700);
    assert_ok(program_run(
        PROGRAM(.arguments = with_fake_criu("restores, interrupts", "restore", "-d", "-b",
                                            bundle->path, "--image-path", images(), bundle->id))));
    assert_text(bundle_status(bundle), "running");
    bundle_delete(bundle);
    assert_code(program_run(PROGRAM(.arguments = with_fake_criu("restores, interrupts", "restore",
                                                                "-b", bundle->path, "--image-path",
                                                                images(), bundle->id))),
                128 + SIGTERM);
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

static size_t count_descriptors(void)
{
    size_t count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* As a daemon does that has the library in it. */
static void restore_in_this_process(struct bundle *bundle, const char *expected)
{
    char *const environment[] = {text("PATH=%s", fake_criu_directory()), text("FAKE_CRIU=refuses"),
                                 text("FAKE_CRIU_DIRECTORY=%s", fake_criu_directory()), NULL};
    struct runtime runtime = {.root = scenario_root(), .environment = environment};
    struct restore_request request = {
        .create = {.id = bundle->id, .bundle = bundle->path, .detach = true},
        .choices = {.image_path = images() },
        .give_up = -1,
    };
    struct container *container = NULL;
    size_t before = count_descriptors();
    struct error err;

    cr_assert(container_restore(&runtime, &request, &container, &err) < 0);
    assert_has(err.text, expected);
    cr_assert_eq(count_descriptors(), before, "%s", err.text);
}

Scenario(criu_faults, a_restore_that_fails_keeps_no_stream)
{
    need_root();

    struct bundle *bundle = counting_bundle();

    cr_assert(mkdir(images(), 0700) == 0);
    work_file("images/descriptors.json", "[\"pipe:[1]\",\"pipe:[2]\",\"pipe:[3]\"]");
    bundle_file(bundle, "/in-the-way", "", 0644);
    restore_in_this_process(bundle, "the fake refuses");
    bundle_mount(bundle, "/in-the-way/further", "tmpfs", "tmpfs", "\"rw\"");
    restore_in_this_process(bundle, "make-mount-points");
}
