/* Users, capabilities and what exec adds: plans, and children that apply them. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "runtime/credentials.h"

#define BIT(capability) (UINT64_C(1) << (capability))

struct warnings {
    int count;
    char last[512];
};

static void keep_warning(void *context, enum log_level level, const char *text)
{
    struct warnings *warnings = context;

    if (level != LOG_LEVEL_WARNING)
        return;
    warnings->count++;
    snprintf(warnings->last, sizeof warnings->last, "%s", text);
}

/* A list of up to seven names, of the arena. */
static struct string_list names_in(struct arena *arena, const char *first, const char *second)
{
    const char **items = arena_zero(arena, 3, sizeof *items);
    struct string_list list = {.items = items};

    if (first != NULL)
        items[list.count++] = first;
    if (second != NULL)
        items[list.count++] = second;
    return list;
}

static struct credentials_plan plan_of(const struct spec_process *process, struct arena *arena)
{
    struct credentials_plan plan = {0};
    struct error err;

    cr_assert_eq(credentials_plan_from_spec(&plan, process, arena, NULL, &err), 0, "%s", err.text);
    return plan;
}

/* --- the plan ------------------------------------------------------------------------------- */

Test(credentials, without_capabilities_there_are_none)
{
    autoarena struct arena arena = {0};
    struct spec_process process = {
        .user = {.uid = 5, .gid = 6}
    };
    struct credentials_plan plan = plan_of(&process, &arena);

    cr_expect_eq(plan.bounding | plan.permitted | plan.effective | plan.inheritable | plan.ambient,
                 0);
    cr_expect_eq(plan.uid, 5);
    cr_expect_eq(plan.gid, 6);
    cr_expect_eq(plan.group_count, 0);
    cr_expect(plan.set_groups, "an empty list replaces the caller's groups too");
    cr_expect_eq(plan.umask, 0022);
    cr_expect_not(plan.no_new_privileges);
}

Test(credentials, each_set_is_its_own)
{
    autoarena struct arena arena = {0};
    struct spec_capabilities capabilities = {
        .bounding = names_in(&arena, "CAP_KILL", "CAP_CHECKPOINT_RESTORE"),
        .permitted = names_in(&arena, "CAP_KILL", "CAP_CHOWN"),
        .effective = names_in(&arena, "CAP_CHOWN", NULL),
        .inheritable = names_in(&arena, "CAP_KILL", NULL),
        .ambient = names_in(&arena, "CAP_KILL", NULL),
    };
    struct spec_process process = {.capabilities = &capabilities, .no_new_privileges = true};
    struct credentials_plan plan = plan_of(&process, &arena);

    cr_expect_eq(plan.bounding, BIT(CAP_KILL) | BIT(40));
    cr_expect_eq(plan.permitted, BIT(CAP_KILL) | BIT(CAP_CHOWN));
    cr_expect_eq(plan.effective, BIT(CAP_CHOWN));
    cr_expect_eq(plan.inheritable, BIT(CAP_KILL));
    cr_expect_eq(plan.ambient, BIT(CAP_KILL));
    cr_expect(plan.no_new_privileges);
}

static const char *const bad_names[] = {"cap_chown", "",           "0",         "_CHOWN",
                                        "Cap_Chown", "CAP_CHOWN ", " CAP_CHOWN"};

Test(credentials, a_word_that_is_no_capability_is_refused_by_its_place)
{
    for (size_t i = 0; i < count_of(bad_names); i++) {
        autoarena struct arena arena = {0};
        struct spec_capabilities capabilities = {
            .bounding = names_in(&arena, "CAP_CHOWN", bad_names[i])};
        struct spec_process process = {.capabilities = &capabilities};
        struct credentials_plan plan;
        struct error err;
        char expected[128];

        cr_expect_eq(credentials_plan_from_spec(&plan, &process, &arena, NULL, &err), -EINVAL,
                     "\"%s\" was accepted", bad_names[i]);
        snprintf(expected, sizeof expected,
                 "process.capabilities.bounding[1]: unknown capability \"%s\"", bad_names[i]);
        cr_expect_str_eq(err.text, expected);
    }
}

struct rule_case {
    const char *warning;
    struct spec_capabilities capabilities;
};

Test(credentials, what_the_kernel_could_not_grant_is_left_out_with_a_warning)
{
    autoarena struct arena arena = {0};
    struct string_list kill = names_in(&arena, "CAP_KILL", NULL);
    const struct rule_case cases[] = {
        {"process.capabilities.effective: cap_kill cannot be granted: not permitted",
         {.bounding = kill, .effective = kill}                   },
        {"process.capabilities.inheritable: cap_kill cannot be granted: not in the bounding set",
         {.permitted = kill, .inheritable = kill}                },
        {"process.capabilities.ambient: cap_kill cannot be granted: not permitted",
         {.bounding = kill, .inheritable = kill, .ambient = kill}},
        {"process.capabilities.ambient: cap_kill cannot be granted: not inheritable",
         {.bounding = kill, .permitted = kill, .ambient = kill}  },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct warnings warnings = {0};
        const struct log log = {.write = keep_warning, .context = &warnings};
        struct spec_capabilities capabilities = cases[i].capabilities;
        struct spec_process process = {.capabilities = &capabilities};
        struct credentials_plan plan;
        struct error err;

        cr_assert_eq(credentials_plan_from_spec(&plan, &process, &arena, &log, &err), 0);
        cr_expect_eq(warnings.count, 1);
        cr_expect_str_eq(warnings.last, cases[i].warning);
        cr_expect_eq(plan.effective | plan.ambient, 0);
        cr_expect_eq(plan.inheritable & ~plan.bounding, 0);
    }
}

Test(credentials, ids_that_mean_unchanged_are_refused)
{
    autoarena struct arena arena = {0};
    uint32_t groups[] = {1, UINT32_MAX};
    struct spec_process process = {.user = {.uid = UINT32_MAX}};
    struct credentials_plan plan;
    struct error err;

    cr_expect_eq(credentials_plan_from_spec(&plan, &process, &arena, NULL, &err), -EINVAL);
    cr_expect_str_eq(err.text, "process.user.uid: 4294967295 is out of range (0 to 4294967294)");
    process.user = (struct spec_user){.gid = UINT32_MAX};
    cr_expect_eq(credentials_plan_from_spec(&plan, &process, &arena, NULL, &err), -EINVAL);
    cr_expect_str_eq(err.text, "process.user.gid: 4294967295 is out of range (0 to 4294967294)");
    process.user = (struct spec_user){0};
    process.user.additional_gids.items = groups;
    process.user.additional_gids.count = 2;
    cr_expect_eq(credentials_plan_from_spec(&plan, &process, &arena, NULL, &err), -EINVAL);
    cr_expect_str_eq(
        err.text, "process.user.additionalGids[1]: 4294967295 is out of range (0 to 4294967294)");
}

Test(credentials, a_umask_is_as_given_and_has_nine_bits)
{
    autoarena struct arena arena = {0};
    struct spec_process process = {.user = {.umask = {.value = 0, .set = true}}};
    struct credentials_plan plan = plan_of(&process, &arena);
    struct error err;

    cr_expect_eq(plan.umask, 0);
    process.user.umask.value = 01000;
    cr_expect_eq(credentials_plan_from_spec(&plan, &process, &arena, NULL, &err), -EINVAL);
    cr_expect_str_eq(err.text, "process.user.umask: 512 is out of range (0 to 511)");
}

Test(credentials, groups_asked_for_where_setgroups_is_denied_are_an_error)
{
    autoarena struct arena arena = {0};
    uint32_t group = 7;
    struct spec_process process = {0};
    struct credentials_plan plan = plan_of(&process, &arena);
    struct error err;

    cr_expect_eq(credentials_plan_deny_groups(&plan, &err), 0);
    cr_expect_not(plan.set_groups);
    process.user.additional_gids.items = &group;
    process.user.additional_gids.count = 1;
    plan = plan_of(&process, &arena);
    cr_expect_eq(credentials_plan_deny_groups(&plan, &err), -EPERM);
    cr_expect_eq(strncmp(err.text, "process.user.additionalGids: ", 29), 0);
}

Test(credentials, the_known_capabilities_are_listed_by_number)
{
    autoarena struct arena arena = {0};
    struct string_list names;
    struct error err;
    char last[16];

    cr_assert_eq(credentials_known_capabilities(&names, &arena, &err), 0);
    cr_expect_str_eq(names.items[0], "CAP_CHOWN");
    cr_expect_str_eq(names.items[CAP_SYS_ADMIN], "CAP_SYS_ADMIN");
    cr_expect_null(names.items[names.count]);
    if (read_pseudo_file(AT_FDCWD, "/proc/sys/kernel/cap_last_cap", last, sizeof last) > 0)
        cr_expect_eq(names.count, (size_t)atoi(last) + 1);
}

/* --- exec ----------------------------------------------------------------------------------- */

Test(credentials, exec_cap_never_adds_to_inheritable_and_to_ambient_only_when_inheritable)
{
    struct credentials_plan plan = {
        .last_capability = 40,
        .bounding = BIT(CAP_CHOWN),
        .inheritable = BIT(CAP_SETUID),
    };
    struct error err;

    cr_assert_eq(credentials_plan_add_capability(&plan, "CAP_KILL", NULL, &err), 0);
    cr_expect_eq(plan.bounding, BIT(CAP_CHOWN) | BIT(CAP_KILL));
    cr_expect_eq(plan.permitted, BIT(CAP_KILL));
    cr_expect_eq(plan.effective, BIT(CAP_KILL));
    cr_expect_eq(plan.inheritable, BIT(CAP_SETUID));
    cr_expect_eq(plan.ambient, 0);
    cr_assert_eq(credentials_plan_add_capability(&plan, "CAP_SETUID", NULL, &err), 0);
    cr_expect_eq(plan.inheritable, BIT(CAP_SETUID));
    cr_expect_eq(plan.ambient, BIT(CAP_SETUID));
    cr_expect_eq(credentials_plan_add_capability(&plan, "cap_foo", NULL, &err), -EINVAL);
    cr_expect_str_eq(err.text, "unknown capability \"cap_foo\"");
}

/* "CHOWN" is one to libcap. */
Test(credentials, a_capability_nobody_knows_is_ignored_with_a_warning)
{
    static const char *const names[] = {"CAP_FOO", "CAP_", "CHOWN", "UNKNOWN_CAP"};

    for (size_t i = 0; i < count_of(names); i++) {
        autoarena struct arena arena = {0};
        struct warnings warnings = {0};
        const struct log log = {.write = keep_warning, .context = &warnings};
        struct spec_capabilities capabilities = {
            .bounding = names_in(&arena, "CAP_CHOWN", names[i])};
        struct spec_process process = {.capabilities = &capabilities};
        struct credentials_plan plan;
        struct error err;
        char expected[128];

        snprintf(expected, sizeof expected,
                 "process.capabilities.bounding[1]: capability %s is unknown, ignored", names[i]);
        cr_assert_eq(credentials_plan_from_spec(&plan, &process, &arena, &log, &err), 0);
        cr_expect_eq(warnings.count, 1);
        cr_expect_str_eq(warnings.last, expected);
        cr_expect_eq(plan.bounding, BIT(CAP_CHOWN));
    }
}

Test(credentials, a_capability_newer_than_the_kernel_is_ignored_with_a_warning)
{
    struct warnings warnings = {0};
    const struct log log = {.write = keep_warning, .context = &warnings};
    struct credentials_plan plan = {.last_capability = 37};
    struct error err;

    cr_assert_eq(credentials_plan_add_capability(&plan, "CAP_CHECKPOINT_RESTORE", &log, &err), 0);
    cr_expect_eq(plan.permitted, 0);
    cr_expect_eq(warnings.count, 1);
    cr_expect_str_eq(warnings.last,
                     "capability CAP_CHECKPOINT_RESTORE is not known to this kernel, ignored");
}

struct user_case {
    const char *text;
    uint32_t uid;
    uint32_t gid;
};

/* The plan's own gid is 77. */
static const struct user_case good_users[] = {
    {"1",            1,          77        },
    {"0",            0,          77        },
    {"65534",        65534,      77        },
    {"4294967294",   4294967294, 77        },
    {"1:2",          1,          2         },
    {"0:0",          0,          0         },
    {"01",           1,          77        },
    {"5:4294967294", 5,          4294967294},
};

static const char *const bad_users[] = {
    "4294967295",
    "-1",
    "1:",
    ":2",
    " 1",
    "+1",
    "0x1",
    "1a",
    "",
    "18446744073709551616",
    "1:1:1",
    "1:-1",
    "1: 1",
    "1 ",
    ":",
    "1:a",
    "root",
    "1,2",
    "1:4294967295",
    "00000000000000000000000000000000000000000000000001x",
};

Test(credentials, exec_user_takes_decimal_numbers)
{
    for (size_t i = 0; i < count_of(good_users); i++) {
        struct credentials_plan plan = {.uid = 66, .gid = 77};
        struct error err;

        cr_expect_eq(credentials_plan_set_user(&plan, good_users[i].text, &err), 0, "%s", err.text);
        cr_expect_eq(plan.uid, good_users[i].uid, "%s", good_users[i].text);
        cr_expect_eq(plan.gid, good_users[i].gid, "%s", good_users[i].text);
    }
}

Test(credentials, exec_user_refuses_everything_else_and_changes_nothing)
{
    for (size_t i = 0; i < count_of(bad_users); i++) {
        struct credentials_plan plan = {.uid = 66, .gid = 77};
        struct error err;
        char start[128];

        cr_expect_eq(credentials_plan_set_user(&plan, bad_users[i], &err), -err.code, "\"%s\"",
                     bad_users[i]);
        cr_expect_eq(plan.uid, 66, "\"%s\"", bad_users[i]);
        cr_expect_eq(plan.gid, 77, "\"%s\"", bad_users[i]);
        snprintf(start, sizeof start, "user \"%s\": ", bad_users[i]);
        cr_expect_eq(strncmp(err.text, start, strlen(start)), 0, "%s", err.text);
    }
}

/* --- children that apply -------------------------------------------------------------------- */

static int status_of(int (*body)(void))
{
    pid_t pid = fork();
    int status;

    cr_assert_geq(pid, 0);
    if (pid == 0)
        _exit(body());
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

enum { CANNOT = 77 };

/* Become root, with all capabilities, of a user namespace with one user. */
static int enter_user_namespace(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char uid_map[64];
    char gid_map[64];

    snprintf(uid_map, sizeof uid_map, "0 %u 1", uid);
    snprintf(gid_map, sizeof gid_map, "0 %u 1", gid);
    if (unshare(CLONE_NEWUSER) < 0)
        return -1;
    if (write_pseudo_file(AT_FDCWD, "/proc/self/setgroups", "deny") < 0 ||
        write_pseudo_file(AT_FDCWD, "/proc/self/uid_map", uid_map) < 0 ||
        write_pseudo_file(AT_FDCWD, "/proc/self/gid_map", gid_map) < 0)
        return -1;
    return 0;
}

static uint64_t bounding_now(void)
{
    uint64_t set = 0;

    for (unsigned i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
        set |= (uint64_t)prctl(PR_CAPBSET_READ, i, 0, 0, 0) << i;
    return set;
}

/* 0 when the calling thread has exactly the sets of the plan; else which differs. */
static int compare_sets(const struct credentials_plan *plan)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    if (syscall(SYS_capget, &header, data) < 0)
        return 10;
    if (data[0].effective != (uint32_t)plan->effective ||
        data[1].effective != plan->effective >> 32)
        return 11;
    if (data[0].permitted != (uint32_t)plan->permitted ||
        data[1].permitted != plan->permitted >> 32)
        return 12;
    if (data[0].inheritable != (uint32_t)plan->inheritable ||
        data[1].inheritable != plan->inheritable >> 32)
        return 13;
    if (bounding_now() != plan->bounding)
        return 14;
    for (unsigned i = 0; i <= plan->last_capability; i++) {
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) != (int)(plan->ambient >> i & 1))
            return 15;
    }
    return 0;
}

static const struct credentials_plan sample = {
    .umask = 0037,
    .bounding = BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_CHECKPOINT_RESTORE),
    .permitted = BIT(CAP_KILL) | BIT(CAP_CHOWN) | BIT(CAP_CHECKPOINT_RESTORE),
    .effective = BIT(CAP_CHOWN) | BIT(CAP_CHECKPOINT_RESTORE),
    .inheritable = BIT(CAP_KILL),
    .ambient = BIT(CAP_KILL),
    .last_capability = CAP_CHECKPOINT_RESTORE,
    .no_new_privileges = true,
};

static int apply_in_user_namespace(void)
{
    struct error err;

    if (enter_user_namespace() < 0)
        return CANNOT;
    if (credentials_apply(&sample, &err) < 0)
        return 1;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 2;
    if (prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) != 0)
        return 3;
    return umask(0) == 0037 ? compare_sets(&sample) : 4;
}

Test(credentials, the_kernel_has_exactly_the_sets_of_the_plan)
{
    int status = status_of(apply_in_user_namespace);

    if (status == CANNOT)
        cr_skip_test("user namespaces are not allowed here");
    cr_expect_eq(status, 0, "step %d", status);
}

/* The runtime holds less than the plan asks for. */
static int apply_with_less(void)
{
    struct credentials_plan less = {.last_capability = CAP_CHECKPOINT_RESTORE};
    struct credentials_plan more = sample;
    struct error err;

    if (enter_user_namespace() < 0)
        return CANNOT;
    less.bounding = sample.bounding;
    less.permitted = less.effective = BIT(CAP_CHOWN) | BIT(CAP_SETPCAP) | BIT(CAP_SETUID) |
                                      BIT(CAP_SETGID);
    if (credentials_apply(&less, &err) < 0)
        return 1;
    if (credentials_apply(&more, &err) < 0)
        return 2;
    more.permitted = more.effective = BIT(CAP_CHOWN);
    more.inheritable = more.ambient = 0;
    return compare_sets(&more);
}

Test(credentials, what_the_runtime_does_not_have_is_not_granted_and_no_error)
{
    int status = status_of(apply_with_less);

    if (status == CANNOT)
        cr_skip_test("user namespaces are not allowed here");
    cr_expect_eq(status, 0, "step %d", status);
}

static int change_user(void)
{
    static const gid_t groups[] = {7, 8};
    struct credentials_plan plan = sample;
    struct error err;
    gid_t now[3];
    uid_t uids[3];
    gid_t gids[3];

    plan.uid = 1234;
    plan.gid = 2345;
    plan.groups = groups;
    plan.group_count = 2;
    plan.set_groups = true;
    if (credentials_apply(&plan, &err) < 0)
        return 1;
    if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 || uids[0] != 1234 || uids[1] != 1234 ||
        uids[2] != 1234)
        return 2;
    if (getresgid(&gids[0], &gids[1], &gids[2]) < 0 || gids[0] != 2345 || gids[1] != 2345 ||
        gids[2] != 2345)
        return 3;
    if (getgroups(3, now) != 2 || now[0] != 7 || now[1] != 8)
        return 4;
    if (setresuid(0, 0, 0) == 0)
        return 5;
    return compare_sets(&plan);
}

Test(credentials, another_user_keeps_the_planned_sets_and_no_way_back)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_expect_eq(status_of(change_user), 0);
}

static int limit_to_nothing(void)
{
    struct credentials_plan plan = sample;
    struct warnings warnings = {0};
    const struct log log = {.write = keep_warning, .context = &warnings};
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    struct error err;

    if (syscall(SYS_capset, &header, data) < 0)
        return 1;
    if (credentials_plan_limit_to_own(&plan, &log, &err) < 0)
        return 2;
    if (plan.permitted != 0 || plan.effective != 0 || plan.inheritable != 0 || plan.ambient != 0)
        return 3;
    if (plan.bounding != sample.bounding)
        return 4;
    return warnings.count == 4 ? 0 : 5;
}

Test(credentials, a_runtime_without_capabilities_warns_of_each_set_it_cannot_grant)
{
    cr_expect_eq(status_of(limit_to_nothing), 0);
}
