#pragma once

/* A systemd of the test's own: a process at the private socket of a user's runtime directory, which
 * writes down the calls that it gets and answers them by a script. */

#include <byteswap.h>
#include <criterion/criterion.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"

enum { MESSAGE_MOST = 8192, HEARD_MOST = 16 * MESSAGE_MOST };

/* The runtime directory, and who serves there; 0: nobody. */
static char manager[64];
static int manager_listener = -1;
static pid_t manager_pid;

/* How it speaks: in the other order of bytes than this machine's, and each byte for itself. */
static bool manager_is_foreign;
static bool manager_dribbles;

static inline char *manager_file(char path[static 96], const char *name)
{
    snprintf(path, 96, "%s/%s", manager, name);
    return path;
}

static inline void manager_set_up(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[96];

    strcpy(manager, "/tmp/crun-lite-unit-XXXXXX");
    cr_assert_not_null(mkdtemp(manager));
    cr_assert_eq(mkdir(manager_file(path, "systemd"), 0700), 0);
    strcpy(address.sun_path, manager_file(path, "systemd/private"));
    manager_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(manager_listener, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(manager_listener, 5), 0);
}

static inline void manager_end(void)
{
    if (manager_pid > 0) {
        kill(manager_pid, SIGKILL);
        waitpid(manager_pid, NULL, 0);
    }
    manager_pid = 0;
}

static inline void manager_tear_down(void)
{
    char path[96];

    manager_end();
    close(manager_listener);
    unlink(manager_file(path, "heard"));
    unlink(manager_file(path, "systemd/private"));
    unlink(manager_file(path, "bus"));
    rmdir(manager_file(path, "systemd"));
    rmdir(manager);
}

/* --- messages to be sent: D-Bus Specification, "Message Format" */

enum { METHOD_RETURN = 2, ERROR = 3, SIGNAL = 4 };
enum { FIELD_PATH = 1, FIELD_INTERFACE, FIELD_MEMBER, FIELD_ERROR_NAME, FIELD_REPLY_SERIAL };
enum { FIELD_SIGNATURE = 8 };

struct message {
    char bytes[MESSAGE_MOST];
    size_t length;
    size_t body; /* where it begins */
};

static inline size_t aligned(size_t length, size_t to)
{
    return (length + to - 1) / to * to;
}

static inline void put_bytes(struct message *message, const void *bytes, size_t length)
{
    memcpy(message->bytes + message->length, bytes, length);
    message->length += length;
}

static inline uint32_t in_its_order(uint32_t number)
{
    return manager_is_foreign ? bswap_32(number) : number;
}

static inline void put_uint32(struct message *message, uint32_t number)
{
    number = in_its_order(number);
    message->length = aligned(message->length, 4);
    put_bytes(message, &number, sizeof number);
}

static inline void put_string(struct message *message, const char *string)
{
    put_uint32(message, (uint32_t)strlen(string));
    put_bytes(message, string, strlen(string) + 1);
}

/* A signature's length is one byte. */
static inline void put_signature(struct message *message, const char *signature)
{
    message->bytes[message->length++] = (char)strlen(signature);
    put_bytes(message, signature, strlen(signature) + 1);
}

static inline void put_field(struct message *message, char code, const char *type,
                             const char *value)
{
    message->length = aligned(message->length, 8);
    message->bytes[message->length++] = code;
    put_signature(message, type);
    if (*type == 'g')
        put_signature(message, value);
    else
        put_string(message, value);
}

static inline void message_begin(struct message *message, char type)
{
    const bool is_little = (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) != manager_is_foreign;
    const char head[16] = {is_little ? 'l' : 'B', type, 1, 1, [8] = 1}; /* no answer is wanted */

    memset(message, 0, sizeof *message);
    put_bytes(message, head, sizeof head);
}

static inline void message_begin_answer(struct message *message, char type, uint32_t serial)
{
    const char field[4] = {FIELD_REPLY_SERIAL, 1, 'u'};

    message_begin(message, type);
    put_bytes(message, field, sizeof field);
    put_uint32(message, serial);
}

/* The fields are complete. */
static inline void message_begin_body(struct message *message)
{
    uint32_t fields = in_its_order((uint32_t)message->length - 16);

    memcpy(message->bytes + 12, &fields, sizeof fields);
    message->body = message->length = aligned(message->length, 8);
}

/* As one piece, or each byte when the one before it has been read. */
static inline void say(int connection, const void *bytes, size_t length)
{
    size_t piece = manager_dribbles ? 1 : length;

    for (size_t said = 0; said < length; said += piece) {
        int unread;

        if (write(connection, (const char *)bytes + said, piece) != (ssize_t)piece)
            _exit(1);
        while (manager_dribbles && ioctl(connection, SIOCOUTQ, &unread) == 0 && unread > 0)
            sched_yield();
    }
}

/* The body is complete. */
static inline void message_end(struct message *message)
{
    uint32_t body = in_its_order((uint32_t)(message->length - message->body));

    memcpy(message->bytes + 4, &body, sizeof body);
}

static inline void message_send(int connection, struct message *message)
{
    message_end(message);
    say(connection, message->bytes, message->length);
}

/* --- the script */

struct answer {
    const char *signature; /* of the body, 0 or 1 character; NULL: an error of the name `string` */
    const char *variant;   /* of what is in it, 1 character */
    const char *string;
    const char *text;  /* of an error */
    bool hangs_up;     /* instead of it */
    bool is_silent;    /* instead of it */
    void (*act)(void); /* what it does before */
    /* What it says before, to a call of that serial. */
    void (*says)(int connection, uint32_t serial);
};

#define NO_BODY         \
    (struct answer)     \
    {                   \
        .signature = "" \
    }
#define DOES(act_)                     \
    (struct answer)                    \
    {                                  \
        .signature = "", .act = (act_) \
    }
#define A_STRING(string_)                                     \
    (struct answer)                                           \
    {                                                         \
        .signature = "v", .variant = "s", .string = (string_) \
    }
#define REFUSAL(name, text_)              \
    (struct answer)                       \
    {                                     \
        .string = (name), .text = (text_) \
    }
#define HANGS_UP         \
    (struct answer)      \
    {                    \
        .hangs_up = true \
    }
/* A job, which StartTransientUnit and StopUnit answer with. */
#define A_JOB                                                         \
    (struct answer)                                                   \
    {                                                                 \
        .signature = "o", .string = "/org/freedesktop/systemd1/job/7" \
    }

struct exchange {
    const char *call; /* what the message has to hold */
    struct answer answer;
    const char *result; /* of the job, told by JobRemoved; NULL: never */
};

static inline void send_answer(int connection, const struct answer *answer, uint32_t serial)
{
    struct message message;
    bool is_error = answer->signature == NULL;
    const char *body = is_error ? answer->text : answer->string;

    message_begin_answer(&message, is_error ? ERROR : METHOD_RETURN, serial);
    if (is_error)
        put_field(&message, FIELD_ERROR_NAME, "s", answer->string);
    if (body != NULL)
        put_field(&message, FIELD_SIGNATURE, "g", is_error ? "s" : answer->signature);
    message_begin_body(&message);
    if (!is_error && *answer->signature == 'v')
        put_signature(&message, answer->variant);
    if (body != NULL)
        put_string(&message, body);
    message_send(connection, &message);
}

static inline void send_job_removed(int connection, const char *job, const char *result)
{
    struct message message;

    message_begin(&message, SIGNAL);
    put_field(&message, FIELD_PATH, "o", "/org/freedesktop/systemd1");
    put_field(&message, FIELD_INTERFACE, "s", "org.freedesktop.systemd1.Manager");
    put_field(&message, FIELD_MEMBER, "s", "JobRemoved");
    put_field(&message, FIELD_SIGNATURE, "g", "uoss");
    message_begin_body(&message);
    put_uint32(&message, 7);
    put_string(&message, job);
    put_string(&message, "web.scope");
    put_string(&message, result);
    message_send(connection, &message);
}

/* --- the process; it asserts nothing, but ends, and then nobody answers */

struct heard {
    char bytes[MESSAGE_MOST];
    size_t length;
};

static inline uint32_t uint32_at(const char *bytes)
{
    uint32_t number;

    memcpy(&number, bytes, sizeof number);
    return number;
}

/* How long a message is, once its first 16 bytes are there: header, fields, body. */
static inline size_t message_length(const char *message)
{
    return aligned(16 + (size_t)uint32_at(message + 12), 8) + uint32_at(message + 4);
}

static inline bool hear_more(int connection, struct heard *heard)
{
    ssize_t got = read(connection, heard->bytes + heard->length,
                       sizeof heard->bytes - heard->length);

    if (got > 0)
        heard->length += (size_t)got;
    return got > 0;
}

static inline void forget(struct heard *heard, size_t length)
{
    heard->length -= length;
    memmove(heard->bytes, heard->bytes + length, heard->length);
}

/* As a D-Bus server does; messages may have come behind the greeting. */
static inline bool greet(int connection, struct heard *heard)
{
    static const char welcome[] = "DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n";
    static const char begin[] = "BEGIN\r\n";
    const char *end;

    heard->length = 0;
    while ((end = memmem(heard->bytes, heard->length, begin, strlen(begin))) == NULL) {
        if (!hear_more(connection, heard))
            return false;
    }
    if (*heard->bytes != '\0') /* the specification wants one byte first */
        return false;
    forget(heard, (size_t)(end - heard->bytes) + strlen(begin));
    say(connection, welcome, strlen(welcome));
    return true;
}

/* Behind the end of the script calls are heard, and not answered. */
static inline const struct exchange *converse(int connection, const struct exchange *next,
                                              const struct exchange *end, FILE *protocol)
{
    struct heard heard;
    bool goes_on = greet(connection, &heard);

    while (goes_on) {
        size_t length = heard.length < 16 ? SIZE_MAX : message_length(heard.bytes);

        if (heard.length < length) {
            goes_on = hear_more(connection, &heard);
            continue;
        }
        fwrite(heard.bytes, 1, length, protocol);
        fflush(protocol);
        if (next < end) {
            if (memmem(heard.bytes, length, next->call, strlen(next->call)) == NULL)
                _exit(1);
            if (next->answer.act != NULL)
                next->answer.act();
            if (next->answer.says != NULL)
                next->answer.says(connection, uint32_at(heard.bytes + 8));
            if (next->answer.hangs_up)
                return next + 1;
            if (!next->answer.is_silent)
                send_answer(connection, &next->answer, uint32_at(heard.bytes + 8));
            if (next->result != NULL)
                send_job_removed(connection, next->answer.string, next->result);
            next++;
        }
        forget(&heard, length);
    }
    return next;
}

static inline _Noreturn void serve_for_ever(const struct exchange *script, size_t count,
                                            FILE *protocol)
{
    const struct exchange *next = script;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        autoclose int connection = accept(manager_listener, NULL, NULL);

        next = converse(connection, next, script + count, protocol);
    }
}

static inline void manager_serve(const struct exchange *script, size_t count)
{
    char path[96];
    FILE *protocol = fopen(manager_file(path, "heard"), "we");

    cr_assert_not_null(protocol);
    manager_pid = fork();
    cr_assert_geq(manager_pid, 0);
    if (manager_pid == 0)
        serve_for_ever(script, count, protocol);
    fclose(protocol);
}

/* --- what it has heard */

/* Everything, one message behind the other, in the test's own memory. */
static inline const char *manager_heard(size_t *ret_length)
{
    static char heard[HEARD_MOST];
    char path[96];
    ssize_t length = read_pseudo_file(-1, manager_file(path, "heard"), heard, sizeof heard);

    cr_assert_geq(length, 0);
    *ret_length = (size_t)length;
    return heard;
}

/* The message of that number, from 0; NULL when there have not been so many. */
static inline const char *message_heard(size_t index)
{
    size_t length;
    const char *heard = manager_heard(&length);
    const char *end = heard + length;

    for (; heard + 16 <= end; heard += message_length(heard)) {
        if (index-- == 0)
            return heard;
    }
    return NULL;
}

static inline const char *find_in_message(size_t index, const char *text)
{
    const char *message = message_heard(index);

    return message == NULL ? NULL
                           : memmem(message, message_length(message), text, strlen(text) + 1);
}

/* Is that string in the message, or the end of one? */
static inline bool message_says(size_t index, const char *text)
{
    return find_in_message(index, text) != NULL;
}

enum { NOT_SAID = -2 };

/* The number that a property is set to by the message: "(sv)" with a "t"; -1 is infinity. */
static inline int64_t property_said(size_t index, const char *name)
{
    const char *at = find_in_message(index, name);
    const char *message = message_heard(index);
    int64_t number;

    if (at == NULL)
        return NOT_SAID;
    at += strlen(name) + 1;
    cr_assert_eq(memcmp(at, "\1t", 3), 0, "%s is no number", name);
    memcpy(&number, message + aligned((size_t)(at + 3 - message), 8), sizeof number);
    return number;
}
