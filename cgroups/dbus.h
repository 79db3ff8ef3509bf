#pragma once

/*
 * Inside cgroups/: as much of a D-Bus client as it takes to call systemd.
 *
 * There is no library, because none is worth its price here: loading libsystemd alone takes longer
 * than the rest of a start, and a static program cannot load any.  See the D-Bus Specification,
 * "Type System", "Message Protocol" and "Authentication Protocol".
 *
 * Nothing here allocates.  The other side may be busy, dead, or no D-Bus at all: messages have a
 * greatest size, and everything a deadline.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The greatest message, sent or received.  The protocol has 128 MiB; systemd's have some KiB. */
enum { DBUS_MESSAGE_MOST = 1 << 20 };

/* --- dbus_message.c: values to bytes and back
 * -------------------------------------------------------------------------------------------------
 */

/* A method call in the making, in this machine's order of bytes. */
struct dbus_writer {
    uint8_t bytes[DBUS_MESSAGE_MOST];
    size_t length;
    size_t body; /* where it begins */
    int code;    /* 0; or -EMSGSIZE, -EILSEQ (a text is not UTF-8): no more is put since then */
};

struct dbus_call {
    const char *destination;
    const char *path;
    const char *interface;
    const char *member;
    const char *signature; /* of what is put into the body */
};

/* Begin another call in the place of the last.  Then put what the signature says, in that order;
 * alignment is seen to. */
void dbus_begin_call(struct dbus_writer *out, const struct dbus_call *call);

void dbus_put_byte(struct dbus_writer *out, uint8_t byte);         /* y */
void dbus_put_uint32(struct dbus_writer *out, uint32_t number);    /* b (0 or 1), i, u */
void dbus_put_uint64(struct dbus_writer *out, uint64_t number);    /* t */
void dbus_put_string(struct dbus_writer *out, const char *string); /* s, o */
void dbus_put_signature(struct dbus_writer *out,
                        const char *string);     /* g, at most 255 long; v: its value follows */
void dbus_begin_struct(struct dbus_writer *out); /* (; it needs no end */

/* An array of items whose type begins with the letter `item`. */
struct dbus_array {
    size_t length; /* where its length in bytes stands */
    size_t start;
};
struct dbus_array dbus_begin_array(struct dbus_writer *out, char item);
void dbus_end_array(struct dbus_writer *out, struct dbus_array array);

/* The body is complete.  `serial`, which the answer refers to, is not 0. */
void dbus_end_call(struct dbus_writer *out, uint32_t serial);

/* A place in a message that was received. */
struct dbus_reader {
    const uint8_t *bytes; /* the whole message: alignment counts from there */
    size_t at;
    size_t end;
    bool is_foreign; /* in the other order of bytes than this machine's */
    bool has_failed; /* something was not there or no such value: nothing is read since then */
};

/* The next value; 0 or "" on failure.  Texts are the message's, and without a NUL inside. */
uint32_t dbus_get_uint32(struct dbus_reader *in);    /* u */
const char *dbus_get_string(struct dbus_reader *in); /* s, o */
/* A variant's value follows; it is a failure when that has another type. */
void dbus_enter_variant(struct dbus_reader *in, const char *type);

enum dbus_type { DBUS_METHOD_CALL = 1, DBUS_METHOD_RETURN, DBUS_ERROR, DBUS_SIGNAL };

/* Texts that were not said are "". */
struct dbus_message {
    enum dbus_type type;
    uint32_t reply_serial; /* 0: it answers nothing */
    const char *interface;
    const char *member;
    const char *error_name;
    const char *signature; /* of the body */
    struct dbus_reader body;
};

enum { DBUS_HEAD = 16 }; /* the bytes that tell how long a message is */

/* The length of the message that begins with that head.  -EBADMSG when it is none, -EMSGSIZE when
 * it is too long for us. */
must_check int dbus_message_length(const uint8_t head[static DBUS_HEAD], size_t *ret);

/* Understand a whole message, of the length that it says; -EBADMSG when that cannot be.  What *ret
 * points to lies in `bytes`. */
must_check int dbus_message_parse(const uint8_t *bytes, size_t length, struct dbus_message *ret);

/* --- dbus.c: a connection
 * -------------------------------------------------------------------------------------------------
 */

struct dbus {
    int fd;
    int64_t deadline; /* as cgroup_clock(), for everything */
    uint32_t serial;  /* of the last call */
    struct dbus_writer call;
    uint8_t received[DBUS_MESSAGE_MOST];
    size_t begin; /* of what was received and is not used yet */
    size_t end;
};

/* Connect to a socket of the file system and prove who we are, by what the kernel says of us.  The
 * memory is the caller's, zeroed: few of its pages are ever touched. */
must_check int dbus_open(struct dbus *bus, const char *path, int64_t deadline, struct error *err);
void dbus_close(struct dbus *bus);

/* Send bus->call, which was begun and filled; its answer will have the number *ret_serial.
 * Errors: -ETIMEDOUT, -EMSGSIZE, -EILSEQ, what sendmsg(2) says. */
must_check int dbus_send(struct dbus *bus, uint32_t *ret_serial, struct error *err);

/* The next message, whatever it is; it lasts until the next call of this function.
 * Errors: -ETIMEDOUT, -ECONNRESET (the other side has gone), -EBADMSG, -EMSGSIZE. */
must_check int dbus_receive(struct dbus *bus, struct dbus_message *ret, struct error *err);
