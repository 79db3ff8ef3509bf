/* The memory of a checkpoint over the network: to a page server, or fetched as it is touched. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/checkpoint.h"
#include "tests/integration/harness/scenario.h"

/* One that nobody listens at now. */
static const char *free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    autoclose int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert(bind(probe, (struct sockaddr *)&address, size) == 0 &&
                  getsockname(probe, (struct sockaddr *)&address, &size) == 0,
              "%s", strerror(errno));
    return text("%d", ntohs(address.sin_port));
}

/* A pipe whose writing end a program gets as 3; true once a byte has come. */
struct readiness {
    int ours;
    int inherit[2];
};

static struct readiness readiness(void)
{
    int ends[2];

    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    return (struct readiness){
        ends[0], {ends[1], -1}
    };
}

static bool becomes_ready(struct readiness *readiness)
{
    struct pollfd poll_fd = {.fd = readiness->ours, .events = POLLIN};
    char byte = 'x';

    close(readiness->inherit[0]);

    bool ready = poll(&poll_fd, 1, DEADLINE_SECONDS * 1000) == 1 &&
                 read(readiness->ours, &byte, 1) == 1 && byte == '\0';

    close(readiness->ours);
    return ready;
}

Scenario(page_server, gets_the_memory)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    struct readiness ready = readiness();
    const char *port = free_port();
    struct running server;
    struct counter before;

    cr_assert(mkdir(images(), 0700) == 0);
    start_counting(bundle);
    server = program_begin(PROGRAM(.inherit = ready.inherit,
                                   .arguments = (const char *[]){
                                       "criu", "page-server", "--images-dir", images(), "--address",
                                       "127.0.0.1", "--port", port, "--status-fd", "3", NULL}));
    cr_assert(becomes_ready(&ready), "%s", program_wait(&server, 1).err);
    assert_ok(checkpoint(bundle, "--page-server", text("127.0.0.1:%s", port)));
    assert_ok(program_wait(&server, DEADLINE_SECONDS));
    before = counter_of(bundle);
    assert_ok(restore(bundle, bundle->id));
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    bundle_delete(bundle);
}

Scenario(page_server, that_is_not_there_leaves_the_container_running)
{
    need_criu();

    struct bundle *bundle = counting_bundle();

    start_counting(bundle);
    assert_refused(checkpoint(bundle, "--page-server", text("127.0.0.1:%s", free_port())), 1,
                   "criu");
    assert_text(bundle_status(bundle), "running");
    counter_beyond(bundle, counter_of(bundle).count);
    bundle_delete(bundle);
}

/* The old container stands still and serves its pages; the new one runs meanwhile. */
Scenario(page_server, lazy_pages_come_as_they_are_touched)
{
    need_criu();
    need_criu_feature("uffd");

    struct bundle *bundle = counting_bundle();
    const char *old = bundle->id, *new = text("%s-again", bundle->id), *port = free_port();
    const char *work = work_path("lazy");
    struct readiness ready = readiness(), lazy_ready = readiness();
    struct running dumping, fetching;
    struct counter before;

    bundle_script(bundle, "large=$(head -c 2000000 /dev/zero | tr '\\0' x); " COUNTING);
    start_counting(bundle);
    cr_assert(mkdir(work, 0700) == 0);
    dumping = crun_begin(PROGRAM(.inherit = ready.inherit), "checkpoint", "--lazy-pages",
                         "--page-server", text("127.0.0.1:%s", port), "--status-fd", "3",
                         "--image-path", images(), old);
    cr_assert(becomes_ready(&ready), "%s", program_wait(&dumping, 1).err);
    before = counter_of(bundle);
    fetching = program_begin(
        PROGRAM(.inherit = lazy_ready.inherit,
                .arguments = (const char *[]){
                    "criu", "lazy-pages", "--page-server", "--images-dir", images(), "--work-dir",
                    work, "--address", "127.0.0.1", "--port", port, "--status-fd", "3", NULL}));
    cr_assert(becomes_ready(&lazy_ready), "%s", program_wait(&fetching, 1).err);
    bundle_set(bundle, "linux.cgroupsPath", "\"/%s.other/%s\"", old, new);
    assert_ok(restore(bundle, new, "--lazy-pages", "--work-path", work));
    bundle->id = new;
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    assert_ok(program_wait(&fetching, DEADLINE_SECONDS));
    assert_ok(program_wait(&dumping, DEADLINE_SECONDS));
    assert_refused(crun("state", old), 1, "does not exist");
    bundle_delete(bundle);
}
