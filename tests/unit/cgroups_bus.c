/* A systemd that is not there, says nothing, or stops answering: an error in bounded time. */

#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/systemd.h"
#include "tests/unit/cgroups_fake_manager.h"
#include "tests/unit/cgroups_help.h"

enum { PATIENCE_MS = 200 };

TestSuite(cgroups_bus, .init = manager_set_up, .fini = manager_tear_down, .timeout = 20);

Test(cgroups_bus, a_manager_that_is_not_there)
{
    struct bus *bus;
    struct error err;

    cr_assert_eq(bus_open("/nonexistent", PATIENCE_MS, &bus, &err), -ENOENT);
    cr_expect_not_null(strstr(err.text, "connect to systemd at /nonexistent/systemd/private"), "%s",
                       err.text);
    cr_expect_not_null(strstr(err.text, "enable-linger"), "%s", err.text);
}

Test(cgroups_bus, a_manager_that_says_nothing)
{
    struct bus *bus;
    struct error err;

    cr_assert_eq(bus_open(manager, PATIENCE_MS, &bus, &err), -ETIMEDOUT, "%s", err.text);
    cr_expect_not_null(strstr(err.text, "systemd"), "%s", err.text);
}

/* Start a unit by a manager of that script, patient for a second. */
static int start_unit(const struct exchange *script, size_t count, struct error *err)
{
    struct unit_properties none = {0};
    enum bus_refusal refusal;
    struct bus *bus;
    int code;

    manager_serve(script, count);
    cr_assert_eq(bus_open(manager, PATIENCE_MS * 5, &bus, err), 0, "%s", err->text);
    code = bus_start_unit(bus, "web.scope", &none, &refusal, err);
    bus_close(bus);
    return code;
}

Test(cgroups_bus, a_manager_that_stops_answering)
{
    struct error err;

    cr_expect_eq(start_unit(NULL, 0, &err), -ETIMEDOUT, "%s", err.text);
    cr_expect_not_null(strstr(err.text, "start a unit by systemd"), "%s", err.text);
}

Test(cgroups_bus, a_job_that_is_done_is_success)
{
    static const struct exchange script[] = {
        {"StartTransientUnit", A_JOB, "done"}
    };
    struct error err;

    cr_expect_eq(start_unit(script, 1, &err), 0, "%s", err.text);
}

Test(cgroups_bus, a_job_of_which_nothing_is_heard_again_is_given_up)
{
    static const struct exchange script[] = {
        {"StartTransientUnit", A_JOB, NULL}
    };
    struct error err;

    cr_expect_eq(start_unit(script, 1, &err), -ETIMEDOUT, "%s", err.text);
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

        cr_expect_eq(start_unit(script, 1, &err), -EIO, "%s", err.text);
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
        {.signature = "s",                .string = "/x"              },
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
