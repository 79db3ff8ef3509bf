/* Connecting to sockets that callers name. */

#include "runtime_help.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "runtime/unix_socket.h"

/* Listen at `name` in `directory`, however long that is together. */
static int listen_at(const char *directory, const char *name, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    cr_assert_eq(chdir(directory), 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", name);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0, "%s", strerror(errno));
    cr_assert_eq(listen(fd, 4), 0);
    cr_assert_eq(chdir("/"), 0);
    return fd;
}

Test(unix_socket, connects_to_a_short_path)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    autoclose int listener = listen_at(directory, "s", SOCK_STREAM);
    struct error err;
    autoclose int fd = unix_connect(path_in(&arena, directory, "s"), &err);

    cr_assert(fd >= 0, "%s", err.text);
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_expect(accept(listener, NULL, NULL) >= 0);
}

/* sun_path holds 107 bytes and a NUL. */
Test(unix_socket, connects_to_a_path_of_any_length)
{
    autoarena struct arena arena = {NULL};
    own_directory(base);
    char component[101];
    char *directory = base;
    struct error err;

    memset(component, 'd', 100);
    component[100] = '\0';
    for (int depth = 0; depth < 5; depth++) {
        directory = path_in(&arena, directory, component);
        cr_assert_eq(mkdir(directory, 0755), 0);
    }

    autoclose int listener = listen_at(directory, "socket", SOCK_STREAM);
    size_t before = open_descriptors();
    int fd = unix_connect(path_in(&arena, directory, "socket"), &err);

    cr_assert(fd >= 0, "%s", err.text);
    cr_expect(accept4(listener, NULL, NULL, SOCK_CLOEXEC) >= 0);
    cr_expect_eq(open_descriptors(), before + 2, "the directory has been closed");
}

Test(unix_socket, every_length_around_the_limit_of_the_kernel)
{
    autoarena struct arena arena = {NULL};
    own_directory(base);

    for (size_t length = 105; length <= 110; length++) {
        size_t name_length = length - strlen(base) - 1;
        char *name = arena_zero(&arena, name_length + 1, 1);
        struct error err;

        memset(name, 'n', name_length);

        autoclose int listener = listen_at(base, name, SOCK_STREAM);
        autoclose int fd = unix_connect(path_in(&arena, base, name), &err);

        cr_expect(fd >= 0, "%zu bytes: %s", length, err.text);
        cr_expect(listener >= 0);
    }
}

Test(unix_socket, failures_name_the_path)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct error err;
    char *path = path_in(&arena, directory, "missing");
    char *endless = arena_zero(&arena, 300, 1);
    size_t before = open_descriptors();

    expect_refused(unix_connect(path, &err), ENOENT, path);
    put_file(path_in(&arena, directory, "file"), "", 0644);
    expect_refused(unix_connect(path_in(&arena, directory, "file"), &err), ECONNREFUSED,
                   "connect to ");
    memset(endless, 'x', 299);
    expect_refused(unix_connect(endless, &err), ENAMETOOLONG, "connect to xxx");
    expect_refused(unix_connect(path_in(&arena, directory, endless), &err), ENAMETOOLONG,
                   "connect to ");
    expect_refused(unix_connect(path_in(&arena, path, endless), &err), ENOENT, "connect to ");
    cr_expect_eq(open_descriptors(), before);
}

/* `length` is of the name; systemd gives "@" in the place of the NUL. */
static int bind_abstract(const char *name, size_t length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path + 1, name, length);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)),
                 0, "%s", strerror(errno));
    return fd;
}

Test(unix_socket, a_datagram_reaches_paths_and_abstract_names_of_any_length)
{
    autoarena struct arena arena = {NULL};
    own_directory(base);

    for (size_t length = 105; length <= 110; length++) {
        bool abstract = length <= 107; /* what the kernel has room for */
        char *name = arena_print(&arena, "%d-%zu-%0*d", getpid(), length, (int)length, 0);
        char received[8];
        struct error err;

        name[length] = '\0';

        autoclose int host = abstract ? bind_abstract(name, length) : -1;
        autoclose int fd = unix_connect_datagram(arena_print(&arena, "@%s", name), &err);

        cr_expect_eq(fd >= 0, abstract, "%zu bytes: %s", length, err.text);
        if (abstract) {
            cr_expect_eq(send(fd, "hello", 5, 0), 5);
            cr_expect_eq(recv(host, received, sizeof received, MSG_DONTWAIT), 5);
            cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
            cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
        } else {
            cr_expect_eq(err.code, ENAMETOOLONG);
        }

        char *in_base = name + strlen(base) + 1;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        autoclose int server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        cr_assert_eq(chdir(base), 0);
        snprintf(address.sun_path, sizeof address.sun_path, "%s", in_base);
        cr_assert_eq(bind(server, (struct sockaddr *)&address, sizeof address), 0);

        autoclose int other = unix_connect_datagram(path_in(&arena, base, in_base), &err);

        cr_expect(other >= 0, "%zu bytes: %s", length, err.text);
        cr_expect_eq(send(other, "hello", 5, 0), 5);
        cr_expect_eq(recv(server, received, sizeof received, MSG_DONTWAIT), 5);
    }
}

Test(unix_socket, a_datagram_socket_that_is_none_or_has_gone_is_named)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    autoclose int stream = listen_at(directory, "stream", SOCK_STREAM);
    struct error err;
    size_t before = open_descriptors();

    expect_refused(unix_connect_datagram(path_in(&arena, directory, "none"), &err), ENOENT, "none");
    expect_refused(unix_connect_datagram(path_in(&arena, directory, "stream"), &err), EPROTOTYPE,
                   "stream");
    expect_refused(
        unix_connect_datagram(arena_print(&arena, "@crun-lite-nobody-%d", getpid()), &err),
        ECONNREFUSED, "connect to @crun-lite-nobody-");
    cr_expect_eq(open_descriptors(), before);
    cr_expect(stream >= 0);
}

Test(unix_socket, sends_bytes_and_one_descriptor_together)
{
    struct error err;
    char received[16];
    struct iovec bytes = {received, sizeof received};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr header = {.msg_iov = &bytes,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control.bytes};
    int ends[2], fd;
    struct stat sent, got;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    must(unix_send_fd(ends[0], "hello", 5, ends[0], &err));
    cr_assert_eq(recvmsg(ends[1], &header, MSG_CMSG_CLOEXEC), 5);
    cr_expect_eq(memcmp(received, "hello", 5), 0);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof fd);
    cr_assert_eq(fstat(ends[0], &sent), 0);
    cr_assert_eq(fstat(fd, &got), 0);
    cr_expect_eq(sent.st_ino, got.st_ino);
}

Test(unix_socket, a_reader_that_has_gone_is_an_error_not_a_signal)
{
    struct error err;
    int ends[2];

    signal(SIGPIPE, SIG_DFL);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    close(ends[1]);
    expect_refused(unix_send_fd(ends[0], "x", 1, ends[0], &err), EPIPE, "send");
}
