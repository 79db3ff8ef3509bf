/* D-Bus by bytes: messages of either order, half ones, and what is none. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "cgroups/dbus.h"
#include "cgroups/directories.h"
#include "tests/unit/cgroups_fake_manager.h"
#include "tests/unit/cgroups_help.h"

/* For who answers, however slow the machine is, and for who does not. */
enum { LONG_MS = 60000, SHORT_MS = 1000 };

/* An emulated machine may be slow. */
TestSuite(cgroups_dbus, .init = manager_set_up, .fini = manager_tear_down, .timeout = 120);

/* --- messages */

/* "(yv)": what no version has yet. */
static void put_unknown_field(struct message *message)
{
    message->length = aligned(message->length, 8);
    put_bytes(message, "\x63", 1);
    put_signature(message, "(ya{sv}v(tg))");
    message->length = aligned(message->length, 8);
    put_bytes(message, "\7", 1);
    put_uint32(message, 0); /* no entries, and the padding in front of them */
    message->length = aligned(message->length, 8);
    put_signature(message, "v");
    put_signature(message, "as");
    put_uint32(message, 8);
    put_string(message, "abc");
    message->length = aligned(message->length, 8);
    put_bytes(message, "12345678", 8);
    put_signature(message, "a(ss)");
}

static void make_signal(struct message *message)
{
    message_begin(message, SIGNAL);
    put_field(message, FIELD_PATH, "o", "/org/freedesktop/systemd1");
    put_unknown_field(message);
    put_field(message, FIELD_INTERFACE, "s", "org.freedesktop.systemd1.Manager");
    put_field(message, FIELD_MEMBER, "s", "JobRemoved");
    put_field(message, FIELD_SIGNATURE, "g", "uoss");
    message_begin_body(message);
    put_uint32(message, 7);
    put_string(message, "/org/freedesktop/systemd1/job/7");
    put_string(message, "web.scope");
    put_string(message, "done");
    message_end(message);
}

static void make_error(struct message *message)
{
    message_begin_answer(message, ERROR, 0x01020304);
    put_field(message, FIELD_ERROR_NAME, "s", "org.example.Tired");
    put_field(message, FIELD_SIGNATURE, "g", "s");
    message_begin_body(message);
    put_string(message, "not now");
    message_end(message);
}

/* Parse a copy of just that length, so that AddressSanitizer sees a step beyond it. */
static int parse(const void *bytes, size_t length, struct dbus_message *ret, uint8_t **ret_copy)
{
    uint8_t *copy = malloc(length > 0 ? length : 1);

    memcpy(copy, bytes, length);
    *ret_copy = copy;
    return dbus_message_parse(copy, length, ret);
}

static int parse_only(const struct message *message)
{
    autofree uint8_t *copy = NULL;
    struct dbus_message ignored;

    return parse(message->bytes, message->length, &ignored, &copy);
}

Test(cgroups_dbus, messages_are_understood_in_either_order_of_bytes)
{
    for (int i = 0; i < 2; i++) {
        struct message made;
        struct dbus_message message;
        uint8_t *copy;

        manager_is_foreign = i;
        make_signal(&made);
        cr_assert_eq(parse(made.bytes, made.length, &message, &copy), 0);
        cr_expect_eq(message.type, DBUS_SIGNAL);
        cr_expect_eq(message.reply_serial, 0);
        cr_expect_str_eq(message.interface, "org.freedesktop.systemd1.Manager");
        cr_expect_str_eq(message.member, "JobRemoved");
        cr_expect_str_eq(message.error_name, "");
        cr_expect_str_eq(message.signature, "uoss");
        cr_expect_eq(dbus_get_uint32(&message.body), 7);
        cr_expect_str_eq(dbus_get_string(&message.body), "/org/freedesktop/systemd1/job/7");
        cr_expect_str_eq(dbus_get_string(&message.body), "web.scope");
        cr_expect_str_eq(dbus_get_string(&message.body), "done");
        cr_expect(!message.body.has_failed);
        cr_expect_str_eq(dbus_get_string(&message.body), "");
        cr_expect(message.body.has_failed);
        free(copy);

        make_error(&made);
        cr_assert_eq(parse(made.bytes, made.length, &message, &copy), 0);
        cr_expect_eq(message.type, DBUS_ERROR);
        cr_expect_eq(message.reply_serial, 0x01020304);
        cr_expect_str_eq(message.error_name, "org.example.Tired");
        cr_expect_str_eq(dbus_get_string(&message.body), "not now");
        free(copy);
    }
}

Test(cgroups_dbus, a_variant_of_another_type_is_a_failure)
{
    struct message made;
    struct dbus_message message;
    uint8_t *copy;

    message_begin_answer(&made, METHOD_RETURN, 1);
    put_field(&made, FIELD_SIGNATURE, "g", "v");
    message_begin_body(&made);
    put_signature(&made, "o");
    put_string(&made, "/x");
    message_end(&made);
    cr_assert_eq(parse(made.bytes, made.length, &message, &copy), 0);
    dbus_enter_variant(&message.body, "s");
    cr_expect_str_eq(dbus_get_string(&message.body), "");
    cr_expect(message.body.has_failed);
    free(copy);
}

Test(cgroups_dbus, half_a_message_is_none)
{
    struct message made;

    make_signal(&made);
    for (size_t length = 0; length < made.length; length++) {
        struct message half = made;

        half.length = length;
        cr_expect_eq(parse_only(&half), -EBADMSG, "%zu", length);
    }
}

/* A field of a type, and its value, little-endian. */
static int parse_field(char code, const char *type, const void *bytes, size_t length)
{
    struct message message;

    manager_is_foreign = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__;
    message_begin(&message, SIGNAL);
    put_bytes(&message, &code, 1);
    put_signature(&message, type);
    message.length = aligned(message.length, 4);
    put_bytes(&message, bytes, length);
    message_begin_body(&message);
    message_end(&message);
    return parse_only(&message);
}

Test(cgroups_dbus, fields_that_cannot_be_are_refused)
{
    char deep[255] = "";

    cr_expect_eq(parse_field(FIELD_MEMBER, "s", "\2\0\0\0ab", 7), 0);
    cr_expect_eq(parse_field(FIELD_MEMBER, "o", "\2\0\0\0ab", 7), -EBADMSG);
    cr_expect_eq(parse_field(FIELD_REPLY_SERIAL, "s", "\2\0\0\0ab", 7), -EBADMSG);
    cr_expect_eq(parse_field(FIELD_MEMBER, "s", "\2\0\0\0abc", 8), -EBADMSG, "no NUL behind it");
    cr_expect_eq(parse_field(FIELD_MEMBER, "s", "\2\0\0\0a\0", 7), -EBADMSG, "a NUL in it");
    cr_expect_eq(parse_field(FIELD_MEMBER, "s",
                             "\xff\xff\xff\xff"
                             "ab",
                             7),
                 -EBADMSG);
    cr_expect_eq(parse_field(99, "s", "\2\0\0\0ab", 7), 0);
    cr_expect_eq(parse_field(99, "as", "\4\0\0\0....", 8), 0, "whatever is in it");
    cr_expect_eq(parse_field(99, "at", "\10\0\0\0....12345678", 16), 0, "aligned to 8");
    cr_expect_eq(parse_field(99, "as", "\5\0\0\0....", 8), -EBADMSG);
    cr_expect_eq(parse_field(99, "as", "\4\0\0\0...", 7), -EBADMSG, "padding is none of it");
    cr_expect_eq(parse_field(99, "()", "", 0), 0);
    cr_expect_eq(parse_field(99, "", "", 0), -EBADMSG);
    cr_expect_eq(parse_field(99, "a", "\0\0\0\0", 4), -EBADMSG);
    cr_expect_eq(parse_field(99, "(s", "\2\0\0\0ab", 7), -EBADMSG);
    cr_expect_eq(parse_field(99, "ss", "\2\0\0\0ab", 7), -EBADMSG);
    cr_expect_eq(parse_field(99, "z", "\2\0\0\0ab", 7), -EBADMSG);
    memset(deep, '(', 127);
    memset(deep + 127, ')', 127);
    cr_expect_eq(parse_field(99, deep, "", 0), -EBADMSG, "too deep");
}

Test(cgroups_dbus, variants_in_variants_end_somewhere)
{
    struct message message;

    message_begin(&message, SIGNAL);
    put_bytes(&message, "\x63", 1);
    for (int i = 0; i < 2000; i++)
        put_signature(&message, "v");
    put_signature(&message, "y");
    put_bytes(&message, "x", 1);
    message_begin_body(&message);
    message_end(&message);
    cr_expect_eq(parse_only(&message), -EBADMSG);
}

Test(cgroups_dbus, a_head_tells_how_long_a_message_is_and_whether_it_is_one)
{
    static const struct {
        const char *head;
        int code;
        size_t length;
    } rows[] = {
        {"l\1\0\1\3\0\0\0\1\0\0\0\5\0\0\0",                 0,         27},
        {"B\1\0\1\0\0\0\3\0\0\0\1\0\0\0\5",                 0,         27},
        {"l\1\0\2\3\0\0\0\1\0\0\0\5\0\0\0",                 -EBADMSG,  0 },
        {"x\1\0\1\3\0\0\0\1\0\0\0\5\0\0\0",                 -EBADMSG,  0 },
        {"HTTP/1.1 400 Bad",                                -EBADMSG,  0 },
        {"l\1\0\1\0\0\x10\0\1\0\0\0\0\0\0\0",               -EMSGSIZE, 0 },
        {"l\1\0\1\0\0\0\0\1\0\0\0\0\0\x10\0",               -EMSGSIZE, 0 },
        {"l\1\0\1\xff\xff\xff\xff\1\0\0\0\xff\xff\xff\xff", -EMSGSIZE, 0 },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        size_t length = 0;

        cr_expect_eq(dbus_message_length((const uint8_t *)rows[i].head, &length), rows[i].code);
        cr_expect_eq(length, rows[i].length);
    }
}

/* --- random damage, the same each time */

static uint32_t random_state;

static uint32_t random_below(uint32_t most)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % most;
}

static void damage(struct message *message)
{
    static const uint8_t telling[] = {0,   1,   4,   8,   0x7f, 0x80, 0xff,
                                      'a', 'v', '(', ')', '{',  's',  'g'};

    for (uint32_t left = 1 + random_below(4); left > 0; left--) {
        size_t at = random_below((uint32_t)message->length);

        message->bytes[at] = random_below(2) ? (char)random_below(256)
                                             : (char)telling[random_below(sizeof telling)];
    }
    if (random_below(4) == 0)
        message->length = random_below((uint32_t)message->length + 1);
}

/* Make it as long as it says, where that is possible: else little would get any further. */
static void mend(struct message *message)
{
    size_t length;

    if (message->length >= DBUS_HEAD &&
        dbus_message_length((const uint8_t *)message->bytes, &length) == 0 &&
        length <= sizeof message->bytes)
        message->length = length;
}

/* All of it lies in the message; the sanitizer sees to that. */
static size_t read_all(struct dbus_message *message)
{
    size_t total = strlen(message->interface) + strlen(message->member) +
                   strlen(message->error_name) + strlen(message->signature);

    for (int i = 0; i < 4 && !message->body.has_failed; i++) {
        total += dbus_get_uint32(&message->body) & 1;
        total += strlen(dbus_get_string(&message->body));
        dbus_enter_variant(&message->body, "s");
    }
    return total;
}

Test(cgroups_dbus, damaged_messages_are_understood_or_refused)
{
    unsigned understood = 0;
    unsigned refused = 0;

    random_state = 20261130;
    for (int i = 0; i < 100000; i++) {
        autofree uint8_t *copy = NULL;
        struct message made;
        struct dbus_message message;

        manager_is_foreign = i & 1;
        if (i & 2)
            make_signal(&made);
        else
            make_error(&made);
        damage(&made);
        if (i & 4)
            mend(&made);
        if (parse(made.bytes, made.length, &message, &copy) == 0) {
            understood++;
            cr_assert_lt(read_all(&message), made.length);
        } else {
            refused++;
        }
    }
    cr_expect_gt(understood, 1000);
    cr_expect_gt(refused, 1000);
}

/* --- connections */

static struct dbus *new_bus(void)
{
    struct dbus *bus = calloc(1, sizeof *bus);

    cr_assert_not_null(bus);
    return bus;
}

/* The manager's socket, waiting long unless it is to say nothing. */
static int open_manager(struct dbus *bus, int expected, struct error *err)
{
    int deadline_ms = expected == -ETIMEDOUT ? SHORT_MS : LONG_MS;
    char path[96];

    return dbus_open(bus, manager_file(path, "systemd/private"), cgroup_clock() + deadline_ms, err);
}

/* What somebody says to whoever connects, whatever he says; then he hangs up, or waits. */
struct speech {
    const char *bytes;
    size_t length;
    bool hangs_up;
};
#define SAYS(text)                      \
    {                                   \
        (text), sizeof(text) - 1, false \
    }
#define SAYS_AND_HANGS_UP(text)        \
    {                                  \
        (text), sizeof(text) - 1, true \
    }

static void serve_speech(const struct speech *speech)
{
    manager_pid = fork();
    cr_assert_geq(manager_pid, 0);
    if (manager_pid == 0) {
        int connection = accept(manager_listener, NULL, NULL);
        char ignored[64];

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (read(connection, ignored, sizeof ignored) <= 0)
            _exit(1);
        say(connection, speech->bytes, speech->length);
        if (speech->hangs_up)
            shutdown(connection, SHUT_WR);
        pause();
    }
}

#define OK "DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n"

Test(cgroups_dbus, whoever_lets_us_in_says_so)
{
    static const struct {
        struct speech speech;
        int code;
        const char *why;
    } rows[] = {
        {SAYS(OK),                                        0,           ""                        },
        {SAYS("OK 0123\r\nERROR\r\n"),                    0,           ""                        }, /* systemd before 242 */
        {SAYS("REJECTED EXTERNAL\r\nERROR \"DATA\"\r\n"), -EACCES,     "it does not let us in"   },
        {SAYS("OKAY\r\n\r\n"),                            -EACCES,     "it does not let us in"   },
        {SAYS("SSH-2.0-OpenSSH_9.2\r\n"),                 -ETIMEDOUT,  "no answer in time"       },
        {SAYS_AND_HANGS_UP("REJECTED EXTERNAL\r\n"),      -ECONNRESET, "has ended the connection"},
        {SAYS_AND_HANGS_UP(""),                           -ECONNRESET, "has ended the connection"},
        {SAYS("DATA\r\nO"),                               -ETIMEDOUT,  "no answer in time"       },
        {SAYS(""),                                        -ETIMEDOUT,  "no answer in time"       },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autofree struct dbus *bus = new_bus();
        struct error err = {0};

        serve_speech(&rows[i].speech);
        cr_expect_eq(open_manager(bus, rows[i].code, &err), rows[i].code, "%zu: %s", i, err.text);
        cr_expect_not_null(strstr(err.text, rows[i].why), "%zu: %s", i, err.text);
        cr_expect_eq(bus->fd < 0, rows[i].code < 0);
        dbus_close(bus);
        manager_end();
    }
}

Test(cgroups_dbus, a_line_without_end_is_no_dbus)
{
    autofree struct dbus *bus = new_bus();
    autofree char *text = malloc(100000);
    const struct speech speech = {text, 100000, false};
    struct error err;

    memset(text, 'x', 100000);
    serve_speech(&speech);
    cr_expect_eq(open_manager(bus, -EBADMSG, &err), -EBADMSG, "%s", err.text);
}

#define HEAD(body) "l\2\1\1" body "\1\0\0\0\0\0\0\0"

Test(cgroups_dbus, what_is_no_message_is_an_error_in_time)
{
    static const struct {
        struct speech speech;
        int code;
        const char *why;
    } rows[] = {
        {SAYS(OK HEAD("\0\0\0\0")),                  0,           ""                        },
        {SAYS(OK HEAD("\1\0\0\0") "x"),              0,           ""                        },
        {SAYS(OK HEAD("\1\0\0\0")),                  -ETIMEDOUT,  "no answer in time"       },
        {SAYS(OK "l\2\1"),                           -ETIMEDOUT,  "no answer in time"       },
        {SAYS_AND_HANGS_UP(OK HEAD("\1\0\0\0")),     -ECONNRESET, "has ended the connection"},
        {SAYS_AND_HANGS_UP(OK),                      -ECONNRESET, "has ended the connection"},
        {SAYS(OK HEAD("\xff\xff\xff\xff")),          -EMSGSIZE,   "over 1 MiB"              },
        {SAYS(OK HEAD("\0\0\x10\0")),                -EMSGSIZE,   "over 1 MiB"              },
        {SAYS(OK "OK 0123\r\nOK 0123\r\n"),          -EBADMSG,    "no D-Bus"                },
        {SAYS(OK "l\0\1\1\0\0\0\0\1\0\0\0\0\0\0\0"), -EBADMSG,    "no D-Bus"                },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autofree struct dbus *bus = new_bus();
        struct dbus_message message;
        struct error err = {0};

        serve_speech(&rows[i].speech);
        cr_assert_eq(open_manager(bus, 0, &err), 0, "%s", err.text);
        if (rows[i].code == -ETIMEDOUT)
            bus->deadline = cgroup_clock() + SHORT_MS;
        cr_expect_eq(dbus_receive(bus, &message, &err), rows[i].code, "%zu: %s", i, err.text);
        cr_expect_not_null(strstr(err.text, rows[i].why), "%zu: %s", i, err.text);
        dbus_close(bus);
        manager_end();
    }
}

/* A message of that length, behind the greeting, and another. */
Test(cgroups_dbus, the_longest_message_is_received)
{
    const size_t most = DBUS_MESSAGE_MOST, greeting = sizeof OK - 1;
    autofree struct dbus *bus = new_bus();
    autofree char *text = calloc(1, greeting + most + DBUS_HEAD);
    const struct speech speech = {text, greeting + most + DBUS_HEAD, false};
    struct dbus_message message;
    struct error err;

    memcpy(text, OK, greeting);
    memcpy(text + greeting, HEAD("\xf0\xff\x0f\0"), DBUS_HEAD);
    memcpy(text + greeting + most, HEAD("\0\0\0\0"), DBUS_HEAD);
    serve_speech(&speech);
    cr_assert_eq(open_manager(bus, 0, &err), 0, "%s", err.text);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(dbus_receive(bus, &message, &err), 0, "%d: %s", i, err.text);
    dbus_close(bus);
}

Test(cgroups_dbus, a_path_that_no_socket_can_have_is_refused)
{
    autofree struct dbus *bus = new_bus();
    struct error err;
    char path[200] = "/";

    memset(path + 1, 'x', 150);
    cr_expect_eq(dbus_open(bus, path, cgroup_clock() + LONG_MS, &err), -ENAMETOOLONG, "%s",
                 err.text);
}

/* As many as its backlog holds wait already. */
Test(cgroups_dbus, a_listener_that_accepts_nobody_is_given_up)
{
    autofree struct dbus *bus = new_bus();
    int waiting[64];
    size_t count = 0;
    struct error err = {0};
    char path[96];
    int code;

    do {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        strcpy(address.sun_path, manager_file(path, "systemd/private"));
        code = connect(waiting[count++], (struct sockaddr *)&address, sizeof address);
    } while (code == 0 && count < count_of(waiting));
    cr_assert(code < 0 && errno == EAGAIN);
    cr_expect_eq(open_manager(bus, -ETIMEDOUT, &err), -ETIMEDOUT, "%s", err.text);
    while (count > 0)
        close(waiting[--count]);
}

Test(cgroups_dbus, a_peer_that_no_longer_reads_is_given_up)
{
    static const struct speech speech = SAYS(OK);
    static const struct dbus_call call = {"a.b", "/a", "a.b", "C", "as"};
    autofree struct dbus *bus = new_bus();
    struct error err;
    struct dbus_array array;
    uint32_t serial;

    serve_speech(&speech);
    cr_assert_eq(open_manager(bus, 0, &err), 0, "%s", err.text);
    dbus_begin_call(&bus->call, &call);
    array = dbus_begin_array(&bus->call, 's');
    bus->deadline = cgroup_clock() + SHORT_MS;
    for (int i = 0; i < 100000; i++)
        dbus_put_string(&bus->call, "abc");
    dbus_end_array(&bus->call, array);
    cr_expect_eq(dbus_send(bus, &serial, &err), -ETIMEDOUT, "%s", err.text);
    dbus_close(bus);
}

/* Nothing of ours is left to what is executed. */
Test(cgroups_dbus, a_connection_is_closed_on_exec)
{
    static const struct speech speech = SAYS(OK);
    autofree struct dbus *bus = new_bus();
    struct error err;

    serve_speech(&speech);
    cr_assert_eq(open_manager(bus, 0, &err), 0, "%s", err.text);
    cr_expect(fcntl(bus->fd, F_GETFD) & FD_CLOEXEC);
    cr_expect(fcntl(bus->fd, F_GETFL) & O_NONBLOCK);
    dbus_close(bus);
    cr_expect_eq(bus->fd, -1);
}
