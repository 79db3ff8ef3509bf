#pragma once

/* clang-format off */
/*
 * What parent and child say to each other between clone and execve, over one SOCK_SEQPACKET pair:
 *
 *     child                              parent
 *       | SPAWNED pid [pidfd]  ----------> |  only through the doorman (spawn.h): who init is
 *       | WANT_OOM_SCORE value  ---------> |  lowering it takes rights on the host
 *       | <------------------------- DONE  |
 *       | WANT_CGROUP  ------------------> |  moved there by systemd, when we may not ourselves
 *       | <------------------------- DONE  |
 *       | WANT_CLASS  -------------------> |  put into resctrl's class of service
 *       | <------------------------- DONE  |
 *       | WANT_ID_MAPS  -----------------> |  newuidmap, /proc/PID/uid_map
 *       | <------------------------- DONE  |
 *       | WANT_NET_DEVICES  -------------> |  interfaces moved in
 *       | <------------------------- DONE  |
 *       | WANT_MOUNT_SOURCE i  ----------> |  open_tree, id map, attributes, by the side with
 *       | <-------------------- DONE [fd]  |  rights; as often as needed
 *       | WANT_HOOKS  -------------------> |  prestart, createRuntime
 *       | <------------------------- DONE  |
 *       | TAKE_TERMINAL [fd]  -----------> |  the master, for the caller or the console socket
 *       | <------------------------- DONE  |
 *       | WANT_LIMITS  ------------------> |  raising a hard limit takes rights on the host
 *       | <------------------------- DONE  |
 *       | TAKE_SECCOMP [fd]  ------------> |  the listener, for the agent at listenerPath
 *       | <------------------------- DONE  |
 *       | READY  ------------------------> |  create: state is "created", the pid file is there
 *       | <------------------------- DONE  |  from here the child lives without its parent:
 *       |                                  |  accept on start.sock
 *       | <--------------------------- GO  |  run, in place of DONE: to be started at once; what
 *       |                                  |  start.c says of a start is said here
 *       | EXECUTING  --------------------> |  exec: the socket closes next, by execve
 *
 * Anything can be answered FAILED, anything can be sent instead as FAILED; the text of struct error
 * goes along.  What may be asked when is data: the parent's table of requests in serve.c.
 */
/* clang-format on */

#include <stdint.h>

#include "base/error.h"

enum handshake_kind {
    /* On start.sock both ends may be of different age: these keep their numbers. */
    HANDSHAKE_FAILED,
    HANDSHAKE_DONE,
    HANDSHAKE_GO,      /* start says go ... */
    HANDSHAKE_STARTED, /* ... and init has taken it */
    HANDSHAKE_TAKE_SECCOMP,

    HANDSHAKE_SPAWNED,
    HANDSHAKE_WANT_OOM_SCORE,
    HANDSHAKE_WANT_CGROUP,
    HANDSHAKE_WANT_CLASS,
    HANDSHAKE_WANT_LIMITS,
    HANDSHAKE_WANT_ID_MAPS,
    HANDSHAKE_WANT_NET_DEVICES,
    HANDSHAKE_WANT_MOUNT_SOURCE,
    HANDSHAKE_WANT_HOOKS,
    HANDSHAKE_TAKE_TERMINAL,
    HANDSHAKE_EXECUTING,
    HANDSHAKE_READY,
    HANDSHAKE_KINDS
};

struct handshake_message {
    uint32_t kind;
    int32_t index;
    struct error error; /* FAILED only */
};

/* Two ends, SOCK_SEQPACKET, close-on-exec. */
must_check int handshake_pair(int ret[static 2], struct error *err);

/* Send one message, with `fd` (-1: none) along.  0 or -errno; never SIGPIPE. */
must_check int handshake_send(int socket, enum handshake_kind kind, int32_t index, int fd);
int handshake_send_failure(int socket, const struct error *failure);

/* Receive one message and at most one fd (*ret_fd is -1 without; close-on-exec).
 * 1: a message; 0: the other side has closed; -errno. */
must_check int handshake_receive(int socket, struct handshake_message *ret, int *ret_fd);

/* The child's side of a question: send, wait for DONE.  FAILED becomes the error.  *ret_fd is the
 * fd that came, or -1; it may be NULL when none is expected. */
must_check int handshake_ask(int socket, enum handshake_kind kind, int32_t index, int fd,
                             int *ret_fd, struct error *err);

/* The same with an fd along and nothing back, by sendmmsg(2): for when a seccomp filter lets
 * sendmsg(2) wait for an agent that does not have its listener yet. */
must_check int handshake_ask_by_sendmmsg(int socket, enum handshake_kind kind, int fd,
                                         struct error *err);
