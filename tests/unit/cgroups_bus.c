/* What is said to systemd's manager, and what is made of what it says and does not say. */

#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/systemd.h"
#include "tests/unit/cgroups_fake_manager.h"
#include "tests/unit/cgroups_help.h"

/* For who answers, however slow the machine is, and for who does not. */
enum { LONG_MS = 60000, SHORT_MS = 2000 };

TestSuite(cgroups_bus, .init = manager_set_up, .fini = manager_tear_down, .timeout = 120);

Test(cgroups_bus, a_manager_that_is_not_there)
{
    struct bus *bus;
    struct error err;

    cr_assert_eq(bus_open("/nonexistent", SHORT_MS, &bus, &err), -ENOENT);
    cr_expect_not_null(strstr(err.text, "connect to systemd at /nonexistent/systemd/private"), "%s",
                       err.text);
    cr_expect_not_null(strstr(err.text, "enable-linger"), "%s", err.text);
}

Test(cgroups_bus, a_manager_that_says_nothing)
{
    struct bus *bus;
    struct error err;

    cr_assert_eq(bus_open(manager, SHORT_MS, &bus, &err), -ETIMEDOUT, "%s", err.text);
    cr_expect_not_null(strstr(err.text, "systemd"), "%s", err.text);
}

static struct bus *open_bus(int deadline_ms)
{
    struct error err;
    struct bus *bus;

    cr_assert_eq(bus_open(manager, deadline_ms, &bus, &err), 0, "%s", err.text);
    return bus;
}

/* Start a unit by a manager of that script. */
static int start_unit(const struct exchange *script, size_t count, int deadline_ms,
                      struct error *err)
{
    struct unit_properties none = {0};
    enum bus_refusal refusal;
    struct bus *bus;
    int code;

    manager_serve(script, count);
    bus = open_bus(deadline_ms);
    code = bus_start_unit(bus, "web.scope", &none, &refusal, err);
    bus_close(bus);
    return code;
}

Test(cgroups_bus, a_manager_that_stops_answering)
{
    struct error err;

    cr_expect_eq(start_unit(NULL, 0, SHORT_MS, &err), -ETIMEDOUT, "%s", err.text);
    cr_expect_not_null(strstr(err.text, "start a unit by systemd"), "%s", err.text);
}

Test(cgroups_bus, a_job_that_is_done_is_success)
{
    static const struct exchange script[] = {
        {"StartTransientUnit", A_JOB, "done"}
    };
    struct error err;

    cr_expect_eq(start_unit(script, 1, LONG_MS, &err), 0, "%s", err.text);
}

Test(cgroups_bus, a_job_of_which_nothing_is_heard_again_is_given_up)
{
    static const struct exchange script[] = {
        {"StartTransientUnit", A_JOB, NULL}
    };
    struct error err;

    cr_expect_eq(start_unit(script, 1, SHORT_MS, &err), -ETIMEDOUT, "%s", err.text);
    cr_expect_not_null(strstr(err.text, "no answer in time"), "%s", err.text);
}

Test(cgroups_bus, a_job_that_ends_otherwise_is_a_failure)
{
    static const char *const results[] = {"failed", "canceled", "timeout", "dependency"};

    for (size_t i = 0; i < count_of(results); i++) {
        const struct exchange script[] = {
            {"StartTransientUnit", A_JOB, results[i]}
        };
        struct error err;

        cr_expect_eq(start_unit(script, 1, LONG_MS, &err), -EIO, "%s", err.text);
        cr_expect_not_null(strstr(err.text, results[i]), "%s", err.text);
        manager_end();
    }
}

static int ask(const struct answer *answer, const char **ret, struct arena *arena,
               struct error *err)
{
    const struct exchange script[] = {
        {"ControlGroup", *answer, NULL}
    };
    int code;

    manager_serve(script, 1);
    code = cgroup_ask_user_manager(manager, arena, ret, err);
    manager_end();
    return code;
}

Test(cgroups_bus, a_manager_says_where_its_cgroups_are)
{
    static const struct {
        struct answer answer;
        const char *said;
    } rows[] = {
        {A_STRING("/user.slice/user-7.slice/user@7.service"),
         "/user.slice/user-7.slice/user@7.service"                },
        {A_STRING(""),                                        ""  },
        {A_STRING("elsewhere"),                               NULL},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};
        struct error err = {0};
        const char *said = "nothing";

        cr_assert_eq(ask(&rows[i].answer, &said, &arena, &err), 0, "%s", err.text);
        if (rows[i].said == NULL)
            cr_expect_null(said, "%s", said);
        else
            cr_expect_str_eq(said, rows[i].said);
    }
}

Test(cgroups_bus, an_answer_that_is_no_string_is_refused)
{
    static const struct answer answers[] = {
        {.signature = "v", .variant = "o", .string = "/x"},
        {.signature = "s", .string = "/x"},
        {.signature = "vs",  .variant = "s", .string = "/x"              },
    };

    for (size_t i = 0; i < count_of(answers); i++) {
        autoarena struct arena arena = {0};
        struct error err = {0};
        const char *said;

        cr_expect_eq(ask(&answers[i], &said, &arena, &err), -EBADMSG, "%s", err.text);
        cr_expect_not_null(strstr(err.text, "the answer is no string"), "%s", err.text);
    }
}

Test(cgroups_bus, a_manager_that_does_not_say_where_is_no_failure_but_none_is)
{
    static const struct answer refusal = {.string = "org.freedesktop.DBus.Error.UnknownProperty"};
    autoarena struct arena arena = {0};
    struct error err = {0};
    const char *said = "nothing";

    cr_assert_eq(ask(&refusal, &said, &arena, &err), 0, "%s", err.text);
    cr_expect_null(said);
    cr_expect_eq(cgroup_ask_user_manager("/nonexistent", &arena, &said, &err), -ENOENT, "%s",
                 err.text);
}

/* --- whatever it speaks like */

Test(cgroups_bus, a_manager_may_be_slow_or_of_the_other_order_of_bytes)
{
    static const struct exchange script[] = {
        {"StartTransientUnit", A_JOB, "done"}
    };

    for (int i = 0; i < 4; i++) {
        static const struct answer where = A_STRING("/user.slice");
        autoarena struct arena arena = {0};
        struct error err = {0};
        const char *said = NULL;

        manager_is_foreign = i & 1;
        manager_dribbles = i & 2;
        cr_expect_eq(start_unit(script, 1, LONG_MS, &err), 0, "%d: %s", i, err.text);
        manager_end();
        cr_assert_eq(ask(&where, &said, &arena, &err), 0, "%d: %s", i, err.text);
        cr_expect_str_eq(said, "/user.slice");
    }
}

static void tell_of_the_job(int connection, uint32_t serial)
{
    (void)serial;
    send_job_removed(connection, "/org/freedesktop/systemd1/job/7", "done");
}

Test(cgroups_bus, a_job_may_be_over_before_the_call_is_answered)
{
    struct exchange script[] = {
        {"StartTransientUnit", A_JOB, NULL}
    };
    struct error err;

    script[0].answer.says = tell_of_the_job;
    cr_expect_eq(start_unit(script, 1, LONG_MS, &err), 0, "%s", err.text);
}

/* What is not for us, or not about our job; some of it differs in one word alone. */
static void talk(int connection, uint32_t serial)
{
    static const struct answer an_error = REFUSAL("org.freedesktop.systemd1.UnitExists", "no");
    static const struct answer nothing = NO_BODY;
    static const struct {
        const char *interface;
        const char *member;
        const char *signature;
    } signals[] = {
        {"org.freedesktop.systemd1.Manager", "UnitRemoved", "uoss"},
        {"org.freedesktop.systemd1.Other",   "JobRemoved",  "uoss"},
        {"org.freedesktop.systemd1.Manager", "JobRemoved",  "usss"},
    };

    /* First, for there is room for a few jobs alone: what follows would be forgotten. */
    for (int i = 0; i < 100; i++)
        send_job_removed(connection, i % 2 ? "/org/freedesktop/systemd1/job/77" : "/", "failed");
    for (size_t i = 0; i < count_of(signals); i++) {
        struct message message;

        message_begin(&message, SIGNAL);
        put_field(&message, FIELD_INTERFACE, "s", signals[i].interface);
        put_field(&message, FIELD_MEMBER, "s", signals[i].member);
        put_field(&message, FIELD_SIGNATURE, "g", signals[i].signature);
        message_begin_body(&message);
        put_uint32(&message, 7);
        put_string(&message, "/org/freedesktop/systemd1/job/7");
        put_string(&message, "web.scope");
        put_string(&message, "failed");
        message_send(connection, &message);
    }
    send_answer(connection, &an_error, serial + 1);
    send_answer(connection, &nothing, serial - 1);
}

Test(cgroups_bus, what_others_are_told_is_passed_over)
{
    struct exchange script[] = {
        {"StartTransientUnit", A_JOB, "done"}
    };
    struct error err;

    script[0].answer.says = talk;
    cr_expect_eq(start_unit(script, 1, LONG_MS, &err), 0, "%s", err.text);
}

static void talk_for_ever(int connection, uint32_t serial)
{
    for (;;)
        talk(connection, serial);
}

Test(cgroups_bus, whoever_talks_for_ever_is_given_up)
{
    struct exchange script[] = {
        {"StartTransientUnit", A_JOB, NULL}
    };
    struct error err;

    script[0].answer.says = talk_for_ever;
    cr_expect_eq(start_unit(script, 1, SHORT_MS, &err), -ETIMEDOUT, "%s", err.text);
}

/* --- refusals */

Test(cgroups_bus, a_refusal_is_told_by_its_text_or_else_by_its_name)
{
    static const struct {
        const char *name;
        const char *said;
        enum bus_refusal refusal;
        const char *text;
    } rows[] = {
        {"org.freedesktop.systemd1.NoSuchUnit",    "none", BUS_NO_SUCH_UNIT,     "none"   },
        {"org.freedesktop.systemd1.UnitExists",    "one",  BUS_UNIT_EXISTS,      "one"    },
        {"org.freedesktop.DBus.Error.InvalidArgs", "X",    BUS_PROPERTY_REFUSED, "X"      },
        {"x.Tired",                                NULL,   BUS_REFUSED,          "x.Tired"},
        {"x.Tired",                                "a\nb", BUS_REFUSED,          "a\\x0ab"},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        const struct exchange script[] = {
            {"ResetFailedUnit", REFUSAL(rows[i].name, rows[i].said), NULL}
        };
        char text[128];
        struct error err = {0};
        struct bus *bus;
        enum bus_refusal refusal;

        manager_is_foreign = i % 2;
        manager_serve(script, 1);
        bus = open_bus(LONG_MS);
        cr_expect_lt(bus_reset_failed_unit(bus, "web.scope", &refusal, &err), 0);
        cr_expect_eq(refusal, rows[i].refusal);
        snprintf(text, sizeof text, "reset a failed unit by systemd: %s", rows[i].text);
        cr_expect_str_eq(err.text, text);
        bus_close(bus);
        manager_end();
    }
}

Test(cgroups_bus, an_answer_that_is_no_job_is_refused)
{
    const struct answer a_string = {.signature = "s", .string = "/org/freedesktop/systemd1/job/7"};
    const struct answer answers[] = {NO_BODY, A_STRING("/x"), a_string};

    for (size_t i = 0; i < count_of(answers); i++) {
        const struct exchange script[] = {
            {"StartTransientUnit", answers[i], NULL}
        };
        struct error err;

        cr_expect_eq(start_unit(script, 1, LONG_MS, &err), -EBADMSG, "%s", err.text);
        cr_expect_not_null(strstr(err.text, "the answer is no job"), "%s", err.text);
        manager_end();
    }
}

Test(cgroups_bus, whoever_hangs_up_is_no_refusal)
{
    static const struct exchange script[] = {
        {"ResetFailedUnit", HANGS_UP, NULL}
    };
    struct error err;
    struct bus *bus;
    enum bus_refusal refusal = BUS_REFUSED;

    manager_serve(script, 1);
    bus = open_bus(LONG_MS);
    cr_expect_eq(bus_reset_failed_unit(bus, "web.scope", &refusal, &err), -ECONNRESET);
    cr_expect_eq(refusal, BUS_NOT_REFUSED);
    cr_expect_str_eq(err.text, "reset a failed unit by systemd: it has ended the connection");
    bus_close(bus);
}

/* --- by a bus */

static void move_to_bus(void)
{
    char from[96];
    char to[96];

    cr_assert_eq(rename(manager_file(from, "systemd/private"), manager_file(to, "bus")), 0);
}

Test(cgroups_bus, a_bus_is_greeted_first)
{
    static const struct exchange script[] = {
        {"Hello",              {.signature = "s", .string = ":1.7"}, NULL  },
        {"StartTransientUnit", A_JOB,                                "done"}
    };
    struct error err;

    move_to_bus();
    cr_expect_eq(start_unit(script, 2, LONG_MS, &err), 0, "%s", err.text);
    cr_expect(message_says(0, "org.freedesktop.DBus"));
    cr_expect(message_says(1, "org.freedesktop.systemd1"));
}

Test(cgroups_bus, a_bus_that_wants_nobody_is_an_error)
{
    static const struct exchange script[] = {
        {"Hello", REFUSAL("org.freedesktop.DBus.Error.LimitsExceeded", "too many"), NULL}
    };
    struct error err;
    struct bus *bus;

    move_to_bus();
    manager_serve(script, 1);
    cr_expect_eq(bus_open(manager, LONG_MS, &bus, &err), -EACCES);
    cr_expect_not_null(strstr(err.text, "/bus: too many"), "%s", err.text);
}

/* --- what is said */

/* An array in the making: where its length stands, and its first item. */
struct array {
    size_t length;
    size_t start;
};

static struct array begin_array(struct message *message, size_t alignment)
{
    struct array array;

    put_uint32(message, 0);
    array.length = message->length - 4;
    array.start = message->length = aligned(message->length, alignment);
    return array;
}

static void end_array(struct message *message, struct array array)
{
    uint32_t length = (uint32_t)(message->length - array.start);

    memcpy(message->bytes + array.length, &length, sizeof length);
}

static void begin_property(struct message *message, const char *name, const char *type)
{
    message->length = aligned(message->length, 8);
    put_string(message, name);
    put_signature(message, type);
}

static void put_device(struct message *message, const char *node, const char *access)
{
    message->length = aligned(message->length, 8);
    put_string(message, node);
    put_string(message, access);
}

/* The body of SetUnitProperties, "sba(sv)", with one property of each type; the names are such that
 * arrays of structs need padding. */
static void expect_properties(struct message *message)
{
    const uint64_t number = 1ULL << 40;
    struct array properties;
    struct array items;

    message->length = message->body = 0;
    memset(message->bytes, 0, sizeof message->bytes);
    put_string(message, "x.scope");
    put_uint32(message, 1);
    properties = begin_array(message, 8);
    begin_property(message, "Flag", "b");
    put_uint32(message, 1);
    begin_property(message, "Less", "i");
    put_uint32(message, (uint32_t)-5);
    begin_property(message, "Some", "u");
    put_uint32(message, 5);
    begin_property(message, "Much", "t");
    message->length = aligned(message->length, 8);
    put_bytes(message, &number, sizeof number);
    begin_property(message, "Text", "s");
    put_string(message, "\xc3\xa4");
    begin_property(message, "Texts", "as");
    items = begin_array(message, 4);
    put_string(message, "one");
    put_string(message, "");
    end_array(message, items);
    begin_property(message, "Bytes", "ay");
    items = begin_array(message, 1);
    put_bytes(message, "\1\2\3", 3);
    end_array(message, items);
    begin_property(message, "PIDs", "au");
    items = begin_array(message, 4);
    put_uint32(message, 77);
    end_array(message, items);
    begin_property(message, "Node", "a(ss)"); /* emptied first */
    end_array(message, begin_array(message, 8));
    begin_property(message, "Node", "a(ss)");
    items = begin_array(message, 8);
    put_device(message, "/dev/null", "rw");
    put_device(message, "char-pts", "r");
    end_array(message, items);
    end_array(message, properties);
}

Test(cgroups_bus, properties_of_each_type_are_what_the_protocol_wants)
{
    static const struct exchange script[] = {
        {"ResetFailedUnit",   NO_BODY, NULL},
        {"SetUnitProperties", NO_BODY, NULL}
    };
    static const struct unit_device devices[] = {
        {"/dev/null", "rw"},
        {"char-pts",  "r" }
    };
    static const char *texts[] = {"one", ""};
    const struct unit_property flag = {.name = "Flag", .type = "b", .number = 2};
    const struct unit_property less = {.name = "Less", .type = "i", .number = (uint64_t)-5};
    const struct unit_property some = {.name = "Some", .type = "u", .number = 5};
    const struct unit_property much = {.name = "Much", .type = "t", .number = 1ULL << 40};
    const struct unit_property text = {.name = "Text", .type = "s", .string = "\xc3\xa4"};
    const struct unit_property list = {
        .name = "Texts", .type = "as", .strings = {texts, 2}
    };
    const struct unit_property bytes = {
        .name = "Bytes", .type = "ay", .bytes = (const uint8_t *)"\1\2\3", .byte_count = 3};
    const struct unit_property pids = {.name = "PIDs", .type = "au", .number = 77};
    const struct unit_property nodes = {.name = "Node",
                                        .type = "a(ss)",
                                        .devices = devices,
                                        .device_count = count_of(devices),
                                        .is_emptied = true};
    struct unit_property items[] = {flag, less, some, much, text, list, bytes, pids, nodes};
    const struct unit_properties properties = {items, count_of(items), count_of(items)};
    struct message expected;
    enum bus_refusal refusal;
    struct error err;
    struct bus *bus;
    const char *heard;
    size_t length;
    char long_name[1000] = "";

    memset(long_name, 'x', sizeof long_name - 1);
    manager_serve(script, 2);
    bus = open_bus(LONG_MS);
    /* What an earlier call leaves behind is not seen in the padding. */
    cr_assert_eq(bus_reset_failed_unit(bus, long_name, &refusal, &err), 0, "%s", err.text);
    cr_assert_eq(bus_set_unit_properties(bus, "x.scope", &properties, &refusal, &err), 0, "%s",
                 err.text);
    bus_close(bus);
    expect_properties(&expected);
    heard = message_heard(1);
    length = uint32_at(heard + 4);
    cr_expect_not_null(find_in_message(1, "sba(sv)"));
    cr_assert_eq(length, expected.length);
    cr_expect_arr_eq(heard + message_length(heard) - length, expected.bytes, length);
}

Test(cgroups_bus, what_cannot_be_said_is_not_sent)
{
    autofree char *long_text = calloc(1, 2 << 20);
    const struct {
        const char *text;
        int code;
        const char *why;
    } rows[] = {
        {"caf\xe9", EILSEQ,   "not UTF-8" },
        {long_text, EMSGSIZE, "over 1 MiB"},
    };

    memset(long_text, 'x', (2 << 20) - 1);
    manager_serve(NULL, 0);
    for (size_t i = 0; i < count_of(rows); i++) {
        struct unit_property property = {.name = "Text", .type = "s", .string = rows[i].text};
        const struct unit_properties properties = {&property, 1, 1};
        struct bus *bus = open_bus(LONG_MS);
        enum bus_refusal refusal;
        struct error err;

        cr_expect_eq(bus_set_unit_properties(bus, "web.scope", &properties, &refusal, &err),
                     -rows[i].code, "%s", err.text);
        cr_expect_eq(refusal, BUS_NOT_REFUSED);
        cr_expect_not_null(strstr(err.text, rows[i].why), "%s", err.text);
        bus_close(bus);
    }
    cr_expect_null(message_heard(0));
}
