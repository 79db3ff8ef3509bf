#include "runtime/notify_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "runtime/deadline.h"

/* To take a message off: far more than it needs. */
enum { HELPER_DEADLINE_MS = 1000 };

int notify_queue_look(int socket, struct notify_message *ret, bool *ret_has_fds)
{
    struct iovec content = {ret->bytes, NOTIFY_MESSAGE_MOST};
    struct msghdr message = {.msg_iov = &content, .msg_iovlen = 1};
    ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_PEEK);

    if (length < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    ret->length = (size_t)length;
    if ((message.msg_flags & MSG_TRUNC) != 0 || !notify_message_tidy(ret)) {
        ret->length = 0;
        ret->bytes[0] = '\0';
    }
    /* There was no room for them. */
    *ret_has_fds = (message.msg_flags & MSG_CTRUNC) != 0;
    return 1;
}

/* Whatever hangs with it must not be anything that others wait for. */
static void keep_only(int low, int high)
{
    if (low > 0)
        kernel_close_range(0, (unsigned)low - 1, 0);
    if (low + 1 < high)
        kernel_close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    kernel_close_range((unsigned)high + 1, ~0U, 0);
}

/* A process without exit signal: the caller's SIGCHLD is none of our business. */
static int await(int pidfd)
{
    struct deadline deadline = deadline_in_ms(HELPER_DEADLINE_MS);
    siginfo_t info = {0};
    int code = deadline_wait(&deadline, pidfd, POLLIN);

    if (code == 0)
        kernel_pidfd_send_signal(pidfd, SIGKILL);
    waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | __WALL);
    return code < 0 ? code : code == 0 ? -ETIMEDOUT : 0;
}

int notify_queue_drop(int socket, bool has_fds)
{
    autoclose int pidfd = -1;
    char ignored;
    pid_t pid;

    if (!has_fds)
        return recv(socket, &ignored, sizeof ignored, MSG_DONTWAIT) < 0 ? -errno : 0;
    pid = kernel_clone_pidfd(0, &pidfd);
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        keep_only(socket, socket);
        _exit(recv(socket, &ignored, sizeof ignored, MSG_DONTWAIT) < 0);
    }
    return await(pidfd);
}

/* It is the last to close the socket when `gate` closes; and by ending, for then the kernel lingers
 * no more. */
static _Noreturn void close_at_the_end(int socket, int gate)
{
    char ignored;

    keep_only(socket < gate ? socket : gate, socket < gate ? gate : socket);
    while (read(gate, &ignored, sizeof ignored) < 0 && errno == EINTR)
        continue;
    _exit(0);
}

static void close_elsewhere(int *socket)
{
    autoclose int pidfd = -1;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return;

    pid_t pid = kernel_clone_pidfd(0, &pidfd);

    if (pid == 0)
        close_at_the_end(*socket, ends[0]);
    if (pid > 0)
        close_fd(socket);
    close_fd(&ends[0]);
    close_fd(&ends[1]);
    if (pid > 0)
        (void)!await(pidfd);
}

void notify_queue_close(int *socket)
{
    char ignored;

    if (*socket < 0)
        return;
    /* Nothing comes any more. */
    shutdown(*socket, SHUT_RD);
    if (recv(*socket, &ignored, sizeof ignored, MSG_DONTWAIT | MSG_PEEK) >= 0)
        close_elsewhere(socket);
    close_fd(socket);
}
