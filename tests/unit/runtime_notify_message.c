/* The text of sd_notify(3), read and rewritten. */

#include "runtime_help.h"

#include "runtime/notify_message.h"

static struct notify_message message_of(const char *bytes, size_t length)
{
    struct notify_message message = {.length = length};

    cr_assert_leq(length, NOTIFY_MESSAGE_MOST);
    memcpy(message.bytes, bytes, length);
    return message;
}

static struct notify_message text_of(const char *text)
{
    return message_of(text, strlen(text));
}

Test(notify_message, is_taken_as_systemd_takes_it)
{
    struct notify_message good = text_of("READY=1"), ended = message_of("READY=1\0", 8),
                          empty = text_of(""), nothing = message_of("\0", 1),
                          inner = message_of("A=1\0READY=1", 11), twice = message_of("A=1\0\0", 5);
    char longest[NOTIFY_MESSAGE_MOST];
    struct notify_message full;

    cr_expect(notify_message_tidy(&good));
    cr_expect(notify_message_tidy(&ended));
    cr_expect_eq(ended.length, 7);
    cr_expect_not(notify_message_tidy(&empty));
    cr_expect_not(notify_message_tidy(&nothing));
    cr_expect_not(notify_message_tidy(&inner));
    cr_expect_not(notify_message_tidy(&twice));
    memset(longest, 'x', sizeof longest);
    full = message_of(longest, sizeof longest);
    cr_expect(notify_message_tidy(&full));
    cr_expect_eq(strlen(full.bytes), NOTIFY_MESSAGE_MOST);
}

Test(notify_message, a_line_is_found_where_it_begins)
{
    static const struct {
        const char *text;
        const char *found; /* NULL: none */
    } rows[] = {
        {"READY=1",                    "READY=1"},
        {"STATUS=a\nREADY=1\nX=2",     "READY=1"},
        {"STATUS=a\n\nREADY=1\n",      "READY=1"},
        {"READY=0\nREADY=1",           "READY=0"},
        {"READY=",                     "READY=" },
        {"STATUS=is not yet READY=1",  NULL     },
        {"XREADY=1",                   NULL     },
        {"READY",                      NULL     },
        {"ready=1",                    NULL     },
        {"RELOADING=1\nSTATUS=READY=", NULL     },
        {"",                           NULL     },
        {"\n",                         NULL     },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        struct notify_message message = text_of(rows[i].text);
        size_t length = 99;
        const char *found = notify_message_find(&message, "READY=", &length);

        cr_expect_eq(found == NULL, rows[i].found == NULL, "row %zu", i);
        if (found == NULL || rows[i].found == NULL)
            continue;
        cr_expect_eq(length, strlen(rows[i].found), "row %zu: %zu", i, length);
        cr_expect_eq(strncmp(found, rows[i].found, length), 0, "row %zu", i);
    }
}

Test(notify_message, states_go_on_but_not_what_is_ours_to_say)
{
    static const struct {
        const char *text;
        pid_t main_pid;
        const char *expected;
    } rows[] = {
        {"STATUS=loading",                    7, "STATUS=loading"                   },
        {"READY=1",                           7, "READY=1\nMAINPID=7"               },
        {"READY=1",                           0, "READY=1"                          },
        {"READY=1\nMAINPID=1\nSTATUS=up",     7, "READY=1\nSTATUS=up\nMAINPID=7"    },
        {"MAINPID=1",                         7, ""                                 },
        {"MAINPID=1\nMAINPIDFDID=5\nX_A=b",   7, "X_A=b"                            },
        {"NOTIFYACCESS=all\nWATCHDOG=1\n",    7, "WATCHDOG=1"                       },
        {"FDSTORE=1\nFDNAME=a\nFDPOLL=0",     7, ""                                 },
        {"FDSTOREREMOVE=1\nFDNAME=a",         7, ""                                 },
        {"BARRIER=1",                         7, ""                                 },
        {"STOPPING=1\nERRNO=2\nEXIT_STATUS=", 7, "STOPPING=1\nERRNO=2\nEXIT_STATUS="},
        {"RELOADING=1\nMONOTONIC_USEC=1",     7, "RELOADING=1\nMONOTONIC_USEC=1"    },
        {"EXTEND_TIMEOUT_USEC=1\n\n\nA=1",    7, "EXTEND_TIMEOUT_USEC=1\nA=1"       },
        {"STATUS=MAINPID=1",                  7, "STATUS=MAINPID=1"                 },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        struct notify_message message = text_of(rows[i].text), translated;

        notify_message_translate(&message, rows[i].main_pid, &translated);
        cr_expect_str_eq(translated.bytes, rows[i].expected, "row %zu", i);
        cr_expect_eq(translated.length, strlen(rows[i].expected), "row %zu", i);
    }
}

/* A longer one systemd would not take at all. */
Test(notify_message, the_longest_gets_nothing_added)
{
    struct notify_message message = {.length = NOTIFY_MESSAGE_MOST}, translated;
    size_t length;

    memset(message.bytes, 'x', NOTIFY_MESSAGE_MOST);
    memcpy(message.bytes, "READY=1\nSTATUS=", strlen("READY=1\nSTATUS="));
    notify_message_translate(&message, 123456, &translated);
    cr_expect_eq(translated.length, NOTIFY_MESSAGE_MOST);
    cr_expect_str_eq(translated.bytes, message.bytes);
    message.length -= strlen("\nMAINPID=123456");
    message.bytes[message.length] = '\0';
    notify_message_translate(&message, 123456, &translated);
    cr_expect_eq(translated.length, NOTIFY_MESSAGE_MOST);
    cr_expect_not_null(notify_message_find(&translated, "MAINPID=123456", &length));
}
