/* checkpoint and restore: sockets with an end that is not the container's.
 *
 * The container joins a network namespace in which the test makes them: CRIU looks for sockets in
 * that of the container, Unix ones too. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/checkpoint.h"
#include "tests/integration/harness/scenario.h"

/* socket(2) in that network namespace. */
static int socket_in(const char *network, int domain, int type)
{
    autoclose int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    autoclose int other = open(network, O_RDONLY | O_CLOEXEC);
    int fd;

    cr_assert(own >= 0 && other >= 0 && setns(other, CLONE_NEWNET) == 0, "%s", strerror(errno));
    fd = socket(domain, type | SOCK_CLOEXEC, 0);
    cr_assert(setns(own, CLONE_NEWNET) == 0 && fd >= 0, "%s", strerror(errno));
    return fd;
}

/* Counts, with `fd` as its 3, in that network namespace. */
static void start_with(struct bundle *bundle, const char *network, int fd)
{
    static const char script[] = "exec \"$@\" </dev/null >/dev/null 2>&1";
    const int inherit[] = {fd, -1};

    bundle_join_namespace(bundle, "network", network);
    assert_ok(program_run(
        PROGRAM(.inherit = inherit,
                .arguments = (const char *[]){
                    "sh", "-c", script, "sh", scenario_program(), "--root", scenario_root(), "run",
                    "-d", "--preserve-fds", "1", "-b", bundle->path, bundle->id, NULL})));
    counter_beyond(bundle, 0);
}

/* --- TCP ---------------------------------------------------------------------------------------
 */

/* How many connections wait at the one listening socket to be accepted; -1 when there is none. */
static long waiting_at(struct bundle *bundle)
{
    const char *table = file_text(text("/proc/%d/net/tcp", bundle_pid(bundle)));
    unsigned long waiting;
    const char *at = strstr(table, " 0A 00000000:");

    return at != NULL && sscanf(at, " 0A 00000000:%lx", &waiting) == 1 ? (long)waiting : -1;
}

static int listen_in(const char *network, struct sockaddr_in *ret)
{
    socklen_t size = sizeof *ret;
    int fd = socket_in(network, AF_INET, SOCK_STREAM);

    *ret = (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    cr_assert(bind(fd, (struct sockaddr *)ret, size) == 0 && listen(fd, 8) == 0 &&
                  getsockname(fd, (struct sockaddr *)ret, &size) == 0,
              "%s", strerror(errno));
    return fd;
}

static int connect_in(const char *network, const struct sockaddr_in *to)
{
    int fd = socket_in(network, AF_INET, SOCK_STREAM);

    cr_assert(connect(fd, (const struct sockaddr *)to, sizeof *to) == 0, "%s", strerror(errno));
    return fd;
}

/* The other side knows nothing of it: what is sent there is answered with a reset. */
static bool is_cut(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char byte = 'x';

    return send(fd, &byte, 1, MSG_NOSIGNAL) == 1 &&
           poll(&poll_fd, 1, DEADLINE_SECONDS * 1000) == 1 && read(fd, &byte, 1) <= 0;
}

Scenario(checkpoint_sockets, a_connection_that_nobody_has_accepted_may_be_skipped)
{
    need_criu();
    need_tcp_sockets();

    struct bundle *bundle = counting_bundle();
    const char *network;
    struct running holder = hold_network(&network);
    struct sockaddr_in address;
    int listening = listen_in(network, &address), early, late;
    struct counter before;

    start_with(bundle, network, listening);
    close(listening);
    early = connect_in(network, &address);
    cr_assert(eventually(waiting_at(bundle) == 1), "%ld", waiting_at(bundle));
    assert_refused(checkpoint(bundle), 1, "In-flight connection");
    assert_text(bundle_status(bundle), "running");
    counter_beyond(bundle, counter_of(bundle).count);
    cr_assert(waiting_at(bundle) == 1);
    assert_ok(checkpoint(bundle, "--tcp-skip-in-flight"));
    before = counter_of(bundle);
    assert_ok(restore(bundle, bundle->id));
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    /* What listened listens, and begins with an empty queue. */
    cr_assert(waiting_at(bundle) == 0, "%ld", waiting_at(bundle));
    cr_assert(is_cut(early));
    late = connect_in(network, &address);
    cr_assert(eventually(waiting_at(bundle) == 1), "%ld", waiting_at(bundle));
    close(early);
    close(late);
    bundle_delete(bundle);
    let_network_go(&holder);
}

/* --- Unix --------------------------------------------------------------------------------------
 */

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    cr_assert(strlen(path) < sizeof address.sun_path, "%s", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

/* Datagrams to `path` go to the first. */
static void datagram_ends(const char *network, const char *path, int ends[2])
{
    struct sockaddr_un address = address_of(path);

    for (size_t i = 0; i < 2; i++)
        ends[i] = socket_in(network, AF_UNIX, SOCK_DGRAM);
    cr_assert(bind(ends[0], (struct sockaddr *)&address, sizeof address) == 0 &&
                  connect(ends[1], (struct sockaddr *)&address, sizeof address) == 0,
              "%s", strerror(errno));
}

/* One datagram, or "" when none comes before the deadline. */
static const char *receive_text(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char text_[128];
    ssize_t length = -1;

    if (poll(&poll_fd, 1, DEADLINE_SECONDS * 1000) == 1)
        length = recv(fd, text_, sizeof text_, 0);
    return length < 0 ? "" : text("%.*s", (int)length, text_);
}

/* Whoever writes to a socket with ten datagrams (net.unix.max_dgram_qlen) waits. */
static void forget_texts(int fd)
{
    char ignored;

    while (recv(fd, &ignored, sizeof ignored, MSG_DONTWAIT) >= 0)
        ;
}

/* What counts says it there too. */
#define TELLING                                                                                 \
    "cookie=$(cat /proc/sys/kernel/random/uuid); n=0; while :; do n=$((n+1)); echo $cookie $n " \
    ">&3; "                                                                                     \
    "echo $cookie $n >/work/.new; mv /work/.new /work/count; sleep 1; done"

Scenario(checkpoint_sockets, a_datagram_socket_outside_is_connected_to_again)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *network, *shared = work_path("shared"), *path = text("%s/log", shared);
    struct running holder = hold_network(&network);
    struct counter before;
    int ends[2];

    /* It is found by its name, which therefore is the same inside. */
    cr_assert(mkdir(shared, 0755) == 0);
    bundle_mount(bundle, shared, "bind", shared, "\"rbind\",\"rw\"");
    bundle_script(bundle, TELLING);
    datagram_ends(network, path, ends);
    start_with(bundle, network, ends[1]);
    close(ends[1]);
    assert_has(receive_text(ends[0]), counter_of(bundle).cookie);
    assert_refused(checkpoint(bundle), 1, "External socket is used");
    assert_text(bundle_status(bundle), "running");
    forget_texts(ends[0]);
    counter_beyond(bundle, counter_of(bundle).count);
    assert_ok(checkpoint(bundle, "--ext-unix-sk"));
    before = counter_of(bundle);
    assert_ok(restore(bundle, bundle->id, "--ext-unix-sk"));

    const char *said = text("%s %ld\n", before.cookie, before.count + 2);

    cr_assert(eventually(strcmp(receive_text(ends[0]), said) == 0));
    close(ends[0]);
    bundle_delete(bundle);
    let_network_go(&holder);
}

/* Of a pair no end has a name to be found by. */
Scenario(checkpoint_sockets, half_a_pair_is_refused)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *network;
    struct running holder = hold_network(&network);
    autoclose int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    autoclose int other = open(network, O_RDONLY | O_CLOEXEC);
    int ends[2];

    cr_assert(setns(other, CLONE_NEWNET) == 0 &&
              socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 &&
              setns(own, CLONE_NEWNET) == 0);
    start_with(bundle, network, ends[1]);
    close(ends[1]);
    assert_refused(checkpoint(bundle), 1, "External socket is used");
    assert_refused(checkpoint(bundle, "--ext-unix-sk"), 1, "half of stream unix connection");
    assert_text(bundle_status(bundle), "running");
    counter_beyond(bundle, counter_of(bundle).count);
    close(ends[0]);
    bundle_delete(bundle);
    let_network_go(&holder);
}
