#include "runtime/handshake.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"

int handshake_pair(int ret[static 2], struct error *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
        return fail(err, errno, "make a socket pair");
    return 0;
}

static ssize_t send_by_sendmsg(int socket, struct msghdr *header)
{
    return sendmsg(socket, header, MSG_NOSIGNAL);
}

static ssize_t send_by_sendmmsg(int socket, struct msghdr *header)
{
    struct mmsghdr one = {.msg_hdr = *header};

    /* Not sendmmsg(3): musl's makes sendmsg(2) of it. */
    return syscall(SYS_sendmmsg, socket, &one, 1, MSG_NOSIGNAL);
}

static int send_by(ssize_t (*call)(int socket, struct msghdr *header), int socket,
                   struct handshake_message *message, int fd)
{
    /* Only a failure has a text worth copying. */
    size_t length = message->kind == HANDSHAKE_FAILED ? sizeof *message
                                                      : offsetof(struct handshake_message, error);
    struct iovec bytes = {message, length};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};

    if (fd >= 0) {
        header.msg_control = &control;
        header.msg_controllen = sizeof control.bytes;

        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);

        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    for (;;) {
        if (call(socket, &header) >= 0)
            return 0;
        if (errno != EINTR)
            return -errno;
    }
}

static int send_message(int socket, struct handshake_message *message, int fd)
{
    return send_by(send_by_sendmsg, socket, message, fd);
}

int handshake_send(int socket, enum handshake_kind kind, int32_t index, int fd)
{
    struct handshake_message message;

    message.kind = kind;
    message.index = index;
    return send_message(socket, &message, fd);
}

int handshake_send_failure(int socket, const struct error *failure)
{
    struct handshake_message message = {.kind = HANDSHAKE_FAILED, .error = *failure};

    return send_message(socket, &message, -1);
}

static int received_fd(struct msghdr *header)
{
    int fd = -1;

    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL;
         part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
            part->cmsg_len == CMSG_LEN(sizeof fd))
            memcpy(&fd, CMSG_DATA(part), sizeof fd);
    }
    return fd;
}

int handshake_receive(int socket, struct handshake_message *ret, int *ret_fd)
{
    struct iovec bytes = {ret, sizeof *ret};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr header = {
        .msg_iov = &bytes,
        .msg_iovlen = 1,
        .msg_control = &control,
        /* Room for exactly one: CMSG_SPACE would be padded to two, and the second one lost. */
        .msg_controllen = CMSG_LEN(sizeof(int)),
    };
    ssize_t length;

    *ret_fd = -1;
    do
        length = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    if (length <= 0)
        return length == 0 || errno == ECONNRESET ? 0 : -errno;

    autoclose int fd = received_fd(&header);
    size_t least = offsetof(struct handshake_message, error);

    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || (size_t)length < least ||
        ret->kind >= HANDSHAKE_KINDS || (ret->kind == HANDSHAKE_FAILED && length != sizeof *ret))
        return -EPROTO;
    if (ret->kind == HANDSHAKE_FAILED) {
        ret->error.text[sizeof ret->error.text - 1] = '\0';
        if (ret->error.code <= 0)
            ret->error.code = EPROTO;
    }
    *ret_fd = take_fd(&fd);
    return 1;
}

/* `sent`: what became of the question. */
static int await_answer(int socket, int sent, int *ret_fd, struct error *err)
{
    struct handshake_message answer;
    autoclose int answer_fd = -1;
    int code = sent;

    if (code == 0)
        code = handshake_receive(socket, &answer, &answer_fd);
    if (code < 0)
        return fail(err, -code, "ask the runtime");
    if (code == 0)
        return refuse(err, ECONNRESET, "the runtime has gone");
    if (answer.kind == HANDSHAKE_FAILED) {
        *err = answer.error;
        return -err->code;
    }
    if (answer.kind != HANDSHAKE_DONE)
        return refuse(err, EPROTO, "the runtime answered with message %u", answer.kind);
    if (ret_fd != NULL)
        *ret_fd = take_fd(&answer_fd);
    return 0;
}

int handshake_ask(int socket, enum handshake_kind kind, int32_t index, int fd, int *ret_fd,
                  struct error *err)
{
    return await_answer(socket, handshake_send(socket, kind, index, fd), ret_fd, err);
}

int handshake_ask_by_sendmmsg(int socket, enum handshake_kind kind, int fd, struct error *err)
{
    struct handshake_message message;

    message.kind = kind;
    message.index = 0;

    int code = send_by(send_by_sendmmsg, socket, &message, fd);

    return await_answer(socket, code, NULL, err);
}
