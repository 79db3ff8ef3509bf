/* A systemd that is not there, says nothing, or stops answering: an error in bounded time. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "cgroups/systemd.h"
#include "tests/unit/cgroups_help.h"

enum { PATIENCE_MS = 200 };

/* A user's runtime directory with systemd's private socket in it. */
static char manager[64];
static int listener;

static void set_up(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char directory[80];

    strcpy(manager, "/tmp/crun-lite-unit-XXXXXX");
    cr_assert_not_null(mkdtemp(manager));
    snprintf(directory, sizeof directory, "%s/systemd", manager);
    cr_assert_eq(mkdir(directory, 0700), 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/systemd/private", manager);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(listener, 5), 0);
}

static void tear_down(void)
{
    char path[96];

    close(listener);
    snprintf(path, sizeof path, "%s/systemd/private", manager);
    unlink(path);
    snprintf(path, sizeof path, "%s/systemd", manager);
    rmdir(path);
    rmdir(manager);
}

TestSuite(cgroups_sd_bus, .init = set_up, .fini = tear_down, .timeout = 20);

enum { MESSAGE_MOST = 4096 };

/* Take one connection as a D-Bus server does: the bytes of the first message that have come with
 * the greeting, or behind it, are in `heard`.  Runs in a child, and asserts nothing. */
static int greet(char heard[static MESSAGE_MOST], size_t *ret_length)
{
    static const char welcome[] =
        "DATA\r\nOK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n";
    static const char begin[] = "BEGIN\r\n";
    const size_t begin_length = sizeof begin - 1;
    int connection = accept(listener, NULL, NULL);
    size_t length = 0;
    char *end;

    while ((end = memmem(heard, length, begin, begin_length)) == NULL) {
        ssize_t got = read(connection, heard + length, MESSAGE_MOST - length);

        if (got <= 0)
            _exit(1);
        length += (size_t)got;
    }
    if (write(connection, welcome, sizeof welcome - 1) < 0)
        _exit(1);
    *ret_length = length - (size_t)(end + begin_length - heard);
    memmove(heard, end + begin_length, *ret_length);
    return connection;
}

/* Never answer what is asked. */
static _Noreturn void fall_silent(const void *unused)
{
    char heard[MESSAGE_MOST];
    size_t length;

    (void)unused;
    greet(heard, &length);
    for (;;)
        pause();
}

static uint32_t number_at(const char *bytes)
{
    uint32_t number;

    memcpy(&number, bytes, sizeof number);
    return number;
}

static size_t aligned(size_t length)
{
    return (length + 7) & ~(size_t)7;
}

/* How long a message is, once its first 16 bytes are there: header, fields, body. */
static size_t message_length(const char *message)
{
    return aligned(16 + number_at(message + 12)) + number_at(message + 4);
}

struct answer {
    const char *signature; /* of the body, 1 character; NULL: none, but an error of that name */
    const char *variant;   /* of what is in it, 1 character */
    const char *string;
};

static size_t put_string(char *to, const char *string)
{
    uint32_t length = (uint32_t)strlen(string);

    memcpy(to, &length, sizeof length);
    memcpy(to + sizeof length, string, length + 1);
    return sizeof length + length + 1;
}

/* METHOD_RETURN, or ERROR, for the message that has that serial number; the length. */
static size_t write_answer(char reply[static MESSAGE_MOST], const struct answer *answer,
                           const char *serial)
{
    bool is_error = answer->signature == NULL;
    uint32_t one = 1, fields = 15, body;
    size_t at = 32;

    memset(reply, 0, MESSAGE_MOST);
    memcpy(reply, "l\2\1\1", 4); /* little endian */
    memcpy(reply + 8, &one, 4);
    memcpy(reply + 16, "\5\1u", 4); /* REPLY_SERIAL is a u */
    memcpy(reply + 20, serial, 4);
    if (is_error) {
        reply[1] = 3;
        memcpy(reply + 24, "\4\1s", 4); /* ERROR_NAME is an s */
        fields = 12 + (uint32_t)put_string(reply + 28, answer->string);
        at = aligned(16 + fields);
    } else {
        memcpy(reply + 24, "\10\1g\0\1", 5); /* SIGNATURE is a g */
        reply[29] = *answer->signature;
        if (*answer->signature == 'v') {
            reply[at] = 1;
            reply[at + 1] = *answer->variant;
            at += 4;
        }
        at += put_string(reply + at, answer->string);
    }
    body = (uint32_t)(at - aligned(16 + fields));
    memcpy(reply + 4, &body, 4);
    memcpy(reply + 12, &fields, 4);
    return at;
}

/* Answer the first message, which has to ask for what we know. */
static _Noreturn void answer_once(const void *with)
{
    char heard[MESSAGE_MOST], reply[MESSAGE_MOST];
    size_t length;
    int connection = greet(heard, &length);

    while (length < 16 || length < message_length(heard)) {
        ssize_t got = read(connection, heard + length, sizeof heard - length);

        if (got <= 0)
            _exit(1);
        length += (size_t)got;
    }
    if (memmem(heard, length, "ControlGroup", 12) == NULL)
        _exit(1);
    length = write_answer(reply, with, heard + 8);
    if (write(connection, reply, length) != (ssize_t)length)
        _exit(1);
    for (;;)
        pause();
}

static pid_t serve(void (*what)(const void *with), const void *with)
{
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    what(with);
    _exit(1);
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

Test(cgroups_sd_bus, a_manager_that_is_not_there)
{
    struct bus *bus;
    struct error err;

    cr_assert_eq(bus_open("/nonexistent", PATIENCE_MS, &bus, &err), -ENOENT);
    cr_expect_not_null(strstr(err.text, "connect to systemd at /nonexistent/systemd/private"), "%s",
                       err.text);
    cr_expect_not_null(strstr(err.text, "enable-linger"), "%s", err.text);
}

Test(cgroups_sd_bus, a_manager_that_says_nothing)
{
    struct bus *bus;
    struct error err;

    cr_assert_eq(bus_open(manager, PATIENCE_MS, &bus, &err), -ETIMEDOUT, "%s", err.text);
    cr_expect_not_null(strstr(err.text, "systemd"), "%s", err.text);
}

Test(cgroups_sd_bus, a_manager_that_stops_answering)
{
    struct unit_properties none = {0};
    enum bus_refusal refusal;
    struct bus *bus;
    struct error err;
    pid_t pid = serve(fall_silent, NULL);

    cr_assert_eq(bus_open(manager, PATIENCE_MS * 5, &bus, &err), 0, "%s", err.text);
    cr_expect_eq(bus_start_unit(bus, "web.scope", &none, &refusal, &err), -ETIMEDOUT, "%s",
                 err.text);
    cr_expect_not_null(strstr(err.text, "start a unit by systemd"), "%s", err.text);
    bus_close(bus);
    end(pid);
}

static int ask(const struct answer *answer, const char **ret, struct arena *arena,
               struct error *err)
{
    pid_t pid = serve(answer_once, answer);
    int code = cgroup_ask_user_manager(manager, arena, ret, err);

    end(pid);
    return code;
}

Test(cgroups_sd_bus, a_manager_says_where_its_cgroups_are)
{
    static const struct {
        struct answer answer;
        const char *said;
    } rows[] = {
        {{"v", "s", "/user.slice/user-7.slice/user@7.service"},
         "/user.slice/user-7.slice/user@7.service"                  },
        {{"v", "s", ""},                                        ""  },
        {{"v", "s", "elsewhere"},                               NULL},
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

Test(cgroups_sd_bus, an_answer_that_is_no_string_is_refused)
{
    static const struct answer answers[] = {
        {"v", "o", "/x"},
        {"s", "",  "/x"}
    };

    for (size_t i = 0; i < count_of(answers); i++) {
        autoarena struct arena arena = {0};
        struct error err = {0};
        const char *said;

        cr_expect_eq(ask(&answers[i], &said, &arena, &err), -EBADMSG, "%s", err.text);
        cr_expect_not_null(strstr(err.text, "the answer is no string"), "%s", err.text);
    }
}

Test(cgroups_sd_bus, a_manager_that_does_not_say_where_is_no_failure_but_none_is)
{
    static const struct answer refusal = {NULL, NULL, "org.freedesktop.DBus.Error.UnknownProperty"};
    autoarena struct arena arena = {0};
    struct error err = {0};
    const char *said = "nothing";

    cr_assert_eq(ask(&refusal, &said, &arena, &err), 0, "%s", err.text);
    cr_expect_null(said);
    cr_expect_eq(cgroup_ask_user_manager("/nonexistent", &arena, &said, &err), -ENOENT, "%s",
                 err.text);
}
