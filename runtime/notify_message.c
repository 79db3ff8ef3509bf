#include "runtime/notify_message.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"

/* Lines that stay behind: see the header. */
static const char *const ours_to_say[] = {
    "MAINPID=", "MAINPIDFDID=",   "NOTIFYACCESS=", "BARRIER=",
    "FDSTORE=", "FDSTOREREMOVE=", "FDNAME=",       "FDPOLL=",
};

bool notify_message_tidy(struct notify_message *message)
{
    if (message->length > 0 && message->bytes[message->length - 1] == '\0')
        message->length--;
    message->bytes[message->length] = '\0';
    return message->length > 0 && memchr(message->bytes, '\0', message->length) == NULL;
}

static size_t line_length(const char *line)
{
    return strcspn(line, "\n");
}

static const char *next_line(const char *line)
{
    line += line_length(line);
    return *line == '\n' ? line + 1 : line;
}

const char *notify_message_find(const struct notify_message *message, const char *start,
                                size_t *ret_length)
{
    for (const char *line = message->bytes; *line != '\0'; line = next_line(line)) {
        if (starts_with(line, start)) {
            *ret_length = line_length(line);
            return line;
        }
    }
    return NULL;
}

bool notify_message_is_barrier(const struct notify_message *message)
{
    return strcmp(message->bytes, "BARRIER=1") == 0 || strcmp(message->bytes, "BARRIER=1\n") == 0;
}

static bool is_ours_to_say(const char *line)
{
    for (size_t i = 0; i < count_of(ours_to_say); i++) {
        if (starts_with(line, ours_to_say[i]))
            return true;
    }
    return false;
}

static void add_line(struct notify_message *message, const char *line, size_t length)
{
    size_t separator = message->length > 0 ? 1 : 0;

    if (length == 0 || message->length + separator + length > NOTIFY_MESSAGE_MOST)
        return;
    if (separator > 0)
        message->bytes[message->length++] = '\n';
    memcpy(message->bytes + message->length, line, length);
    message->length += length;
    message->bytes[message->length] = '\0';
}

void notify_message_translate(const struct notify_message *message, pid_t main_pid,
                              struct notify_message *ret)
{
    char own[32];
    size_t length;

    ret->length = 0;
    ret->bytes[0] = '\0';
    for (const char *line = message->bytes; *line != '\0'; line = next_line(line)) {
        if (!is_ours_to_say(line))
            add_line(ret, line, line_length(line));
    }
    snprintf(own, sizeof own, "MAINPID=%d", main_pid);
    if (main_pid > 0 && notify_message_find(ret, "READY=", &length) != NULL)
        add_line(ret, own, strlen(own));
}
