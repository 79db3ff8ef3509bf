/* Which ids inside are which outside: checked, written, and explained when they cannot be. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "namespaces/user.h"

struct plan_case {
    struct spec_namespace namespace;
    struct spec_id_mapping uids[4];
    size_t uid_count;
    struct spec_id_mapping gids[4];
    size_t gid_count;
    bool privileged;
};

static const struct spec_namespace new_user = {SPEC_NAMESPACE_USER, NULL};

static int plan_of(struct id_map_plan *ret, struct plan_case *one, struct arena *arena,
                   struct error *err)
{
    struct spec_linux linux_part = {
        .namespaces = {&one->namespace, 1             },
        .uid_mappings = {one->uids,       one->uid_count},
        .gid_mappings = {one->gids,       one->gid_count},
    };
    const struct spec spec = {.linux_ = &linux_part};

    return id_map_plan_from_spec(ret, &spec, one->privileged, 1000, 1001, arena, err);
}

/* The message for one mapping of uids that is wrong. */
static void expect_refusal(struct plan_case one, const char *text)
{
    autoarena struct arena arena = {0};
    struct id_map_plan plan;
    struct error err = {0};

    one.namespace = new_user;
    one.gids[0] = (struct spec_id_mapping){0, 1000, 1};
    one.gid_count = 1;
    one.privileged = true;
    cr_expect_lt(plan_of(&plan, &one, &arena, &err), 0, "%s", text);
    cr_expect_str_eq(err.text, text);
}

Test(id_maps, become_the_kernels_lines)
{
    autoarena struct arena arena = {0};
    struct plan_case one = {
        .namespace = new_user,
        .uids = {{0, 100000, 65536}, {65536, 0, 1}},
        .uid_count = 2,
        .gids = {{0, 4294967294U, 1}                 },
        .gid_count = 1,
        .privileged = true,
    };
    struct id_map_plan plan;
    struct error err = {0};

    cr_assert_eq(plan_of(&plan, &one, &arena, &err), 0, "%s", err.text);
    cr_expect_str_eq(plan.uid_map, "0 100000 65536\n65536 0 1\n");
    cr_expect_str_eq(plan.gid_map, "0 4294967294 1\n");
    cr_expect(plan.direct);
    cr_expect_not(plan.deny_setgroups);
}

Test(id_maps, ones_own_single_ids_need_no_helper_but_give_up_setgroups)
{
    autoarena struct arena arena = {0};
    struct plan_case one = {
        .namespace = new_user,
        .uids = {{0, 1000, 1}},
        .uid_count = 1,
        .gids = {{0, 1001, 1}},
        .gid_count = 1,
    };
    struct id_map_plan plan;
    struct error err = {0};

    cr_assert_eq(plan_of(&plan, &one, &arena, &err), 0, "%s", err.text);
    cr_expect(plan.direct);
    cr_expect(plan.deny_setgroups);
    one.gids[0].host_id = 1000;
    cr_assert_eq(plan_of(&plan, &one, &arena, &err), 0, "%s", err.text);
    cr_expect_not(plan.direct, "somebody else's group");
    cr_expect_not(plan.deny_setgroups);
}

Test(id_maps, of_a_joined_namespace_are_known_but_not_written)
{
    autoarena struct arena arena = {0};
    struct plan_case one = {
        .namespace = {SPEC_NAMESPACE_USER, "/proc/1/ns/user"},
        .uids = {{0, 1000, 10}                  },
        .uid_count = 1,
    };
    struct id_map_plan plan;
    struct error err = {0};

    cr_assert_eq(plan_of(&plan, &one, &arena, &err), 0, "%s", err.text);
    cr_expect_null(plan.uid_map);
    cr_expect_eq(id_map_to_host(&plan.uids, 9), 1009);
    cr_expect_eq(id_map_plan_apply(&plan, -1, &err), 0);
}

Test(id_maps, without_a_user_namespace_are_refused)
{
    autoarena struct arena arena = {0};
    struct plan_case one = {
        .namespace = {SPEC_NAMESPACE_PID, NULL},
        .gids = {{0, 1000, 10}                 },
        .gid_count = 1,
    };
    struct id_map_plan plan;
    struct error err = {0};

    cr_expect_eq(plan_of(&plan, &one, &arena, &err), -EINVAL);
    cr_expect_str_eq(err.text, "linux.gidMappings: the container has no user namespace of its own "
                               "(add {\"type\": \"user\"} to linux.namespaces)");
    one.gid_count = 0;
    cr_expect_eq(plan_of(&plan, &one, &arena, &err), 0);
    cr_expect_null(plan.uid_map);
}

Test(id_maps, say_what_is_wrong_with_which)
{
    expect_refusal(
        (struct plan_case){0},
        "linux.uidMappings: a new user namespace needs at least one mapping (for example "
        "{\"containerID\": 0, \"hostID\": 100000, \"size\": 65536})");
    expect_refusal(
        (struct plan_case){
            .uids = {{0, 0, 1}, {1, 1, 0}},
              .uid_count = 2
    },
        "linux.uidMappings[1].size: is 0");
    expect_refusal((struct plan_case){.uids = {{4294967295U, 0, 1}}, .uid_count = 1},
                   "linux.uidMappings[0]: containerID 4294967295 and size 1 go beyond the last id");
    expect_refusal((struct plan_case){.uids = {{0, 10, 4294967290U}}, .uid_count = 1},
                   "linux.uidMappings[0]: hostID 10 and size 4294967290 go beyond the last id");
    expect_refusal(
        (struct plan_case){
            .uids = {{0, 0, 10}, {9, 100, 1}},
              .uid_count = 2
    },
        "linux.uidMappings[1].containerID: overlaps linux.uidMappings[0]");
    expect_refusal(
        (struct plan_case){
            .uids = {{0, 0, 10}, {20, 9, 5}},
              .uid_count = 2
    },
        "linux.uidMappings[1].hostID: overlaps linux.uidMappings[0]");
}

static int plan_many(size_t count, uint32_t first, struct error *err)
{
    autoarena struct arena arena = {0};
    struct spec_id_mapping many[341];
    struct spec_namespace namespace = new_user;
    struct spec_linux linux_part = {
        .namespaces = {&namespace, 1    },
        .uid_mappings = {many,       count},
        .gid_mappings = {many,       1    },
    };
    const struct spec spec = {.linux_ = &linux_part};
    struct id_map_plan plan;

    for (uint32_t i = 0; i < count; i++)
        many[i] = (struct spec_id_mapping){2 * i + first, 2 * i + first, 1};
    return id_map_plan_from_spec(&plan, &spec, true, 0, 0, &arena, err);
}

Test(id_maps, are_not_longer_than_the_kernel_takes)
{
    struct error err = {0};

    cr_expect_eq(plan_many(340, 0, &err), 0, "%s", err.text);
    cr_expect_eq(plan_many(341, 0, &err), -E2BIG);
    cr_expect_str_eq(err.text, "linux.uidMappings: 341 mappings, the kernel takes at most 340");
    cr_expect_eq(plan_many(340, 1000000, &err), -E2BIG);
    cr_expect_str_eq(err.text,
                     "linux.uidMappings: longer than the 4095 bytes that the kernel takes "
                     "(join neighbouring ranges)");
}

Test(id_maps, tell_the_host_id_of_an_id_inside)
{
    struct spec_id_mapping items[] = {
        {0,     100000,      1000},
        {65534, 4294967294U, 1   }
    };
    const struct spec_id_mappings mappings = {items, count_of(items)};

    cr_expect_eq(id_map_to_host(&mappings, 0), 100000);
    cr_expect_eq(id_map_to_host(&mappings, 999), 100999);
    cr_expect_eq(id_map_to_host(&mappings, 1000), -1);
    cr_expect_eq(id_map_to_host(&mappings, 65534), 4294967294);
    cr_expect_eq(id_map_to_host(&mappings, 4294967295U), -1);
}

/* --- in the kernel -------------------------------------------------------------------------- */

struct inside {
    pid_t pid;
    int go;     /* write a byte: become root inside */
    int answer; /* an errno as int */
};

static void child_inside(int go, int answer)
{
    struct error err = {0};
    int code = unshare(CLONE_NEWUSER) < 0 ? errno : 0;
    char byte;

    if (write(answer, &code, sizeof code) != sizeof code || read(go, &byte, 1) != 1)
        return;
    code = -user_become_root(&err);
    if (code == 0 && (getuid() != 0 || getgid() != 0 || prctl(PR_GET_DUMPABLE) != 0))
        code = EBADE;
    (void)!write(answer, &code, sizeof code);
    (void)!read(go, &byte, 1);
}

static int answer_of(const struct inside *inside)
{
    int code = -1;

    cr_assert_eq(read(inside->answer, &code, sizeof code), (ssize_t)sizeof code);
    return code;
}

static struct inside enter_new(void)
{
    struct inside inside;
    int go[2];
    int answer[2];

    cr_assert_eq(pipe2(go, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(answer, O_CLOEXEC), 0);
    inside.pid = fork();
    cr_assert_geq(inside.pid, 0);
    if (inside.pid == 0) {
        close(go[1]);
        child_inside(go[0], answer[1]);
        _exit(0);
    }
    close(go[0]);
    close(answer[1]);
    inside.go = go[1];
    inside.answer = answer[0];

    int code = answer_of(&inside);

    if (code != 0)
        cr_skip_test("no user namespaces here: %s", strerror(code));
    return inside;
}

static void leave(struct inside *inside)
{
    kill(inside->pid, SIGKILL);
    waitpid(inside->pid, NULL, 0);
    close(inside->go);
    close(inside->answer);
}

static void read_of(const struct inside *inside, const char *name, char *text, size_t size)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)inside->pid, name);
    cr_assert_geq(read_pseudo_file(AT_FDCWD, path, text, size), 0, "%s", path);
}

Test(id_maps, are_written_and_root_inside_is_reached)
{
    struct inside inside = enter_new();
    struct error err = {0};
    char uid_map[64];
    char text[64];
    unsigned first;
    unsigned host;
    unsigned size;
    struct id_map_plan plan = {.direct = true, .deny_setgroups = true, .gid_map = text};

    snprintf(uid_map, sizeof uid_map, "0 %u 1\n", (unsigned)geteuid());
    snprintf(text, sizeof text, "0 %u 1\n", (unsigned)getegid());
    plan.uid_map = uid_map;
    cr_expect_eq(id_map_plan_apply(&plan, inside.pid, &err), 0, "%s", err.text);
    read_of(&inside, "setgroups", text, sizeof text);
    cr_expect_str_eq(text, "deny");
    read_of(&inside, "gid_map", text, sizeof text);
    cr_assert_eq(sscanf(text, "%u %u %u", &first, &host, &size), 3);
    cr_expect(first == 0 && host == getegid() && size == 1);
    cr_assert_eq(write(inside.go, "g", 1), 1);
    cr_expect_eq(answer_of(&inside), 0);
    leave(&inside);
}

Test(id_maps, without_id_0_there_is_no_root_inside)
{
    struct inside inside = enter_new();
    struct error err = {0};
    char uid_map[64];
    char gid_map[64];
    struct id_map_plan plan = {.direct = true, .deny_setgroups = true};

    snprintf(uid_map, sizeof uid_map, "7 %u 1\n", (unsigned)geteuid());
    snprintf(gid_map, sizeof gid_map, "7 %u 1\n", (unsigned)getegid());
    plan.uid_map = uid_map;
    plan.gid_map = gid_map;
    cr_expect_eq(id_map_plan_apply(&plan, inside.pid, &err), 0, "%s", err.text);
    cr_assert_eq(write(inside.go, "g", 1), 1);
    cr_expect_eq(answer_of(&inside), EINVAL);
    leave(&inside);
}

Test(id_maps, a_second_time_is_refused_with_the_member_named)
{
    struct inside inside = enter_new();
    struct error err = {0};
    char map[64];
    struct id_map_plan plan = {.uid_map = map, .gid_map = map, .direct = true};

    snprintf(map, sizeof map, "0 %u 1\n", 3000000000U);
    if (geteuid() == 0) {
        cr_expect_eq(id_map_plan_apply(&plan, inside.pid, &err), 0, "%s", err.text);
        cr_expect_eq(id_map_plan_apply(&plan, inside.pid, &err), -EPERM);
    } else {
        cr_expect_eq(id_map_plan_apply(&plan, inside.pid, &err), -EPERM, "not one's own id");
    }
    cr_expect_not_null(
        strstr(err.text, "linux.gidMappings: write gid_map: Operation not permitted"));
    leave(&inside);
}

Test(id_maps, a_helper_that_is_missing_or_refuses_is_explained, .timeout = 30)
{
    struct inside inside = enter_new();
    struct error err = {0};
    struct spec_id_mapping one = {0, 3000000000U, 5};
    struct id_map_plan plan = {
        .uid_map = "", .uids = {&one, 1},
             .gids = {&one, 1}
    };
    bool installed = access("/usr/bin/newgidmap", X_OK) == 0 || access("/bin/newgidmap", X_OK) == 0;
    int code = id_map_plan_apply(&plan, inside.pid, &err);

    if (installed) {
        cr_expect_eq(code, -EPERM);
        cr_expect_not_null(strstr(err.text, "linux.gidMappings[0]: 3000000000..3000000004 is not "
                                            "yours: /etc/subgid has no line"),
                           "%s", err.text);
    } else {
        cr_expect_eq(code, -ENOENT);
        cr_expect_not_null(strstr(err.text, "newgidmap: not found in /usr/bin or /bin (it maps ids "
                                            "for those who are not root; install the package"));
    }
    leave(&inside);
}

Test(id_maps, why_there_is_no_user_namespace_is_told)
{
    struct error err = {0};

    fail(&err, ENOSPC, "make a user namespace");
    cr_expect_eq(user_namespace_hint(&err), -ENOSPC);
    cr_expect_not_null(strstr(err.text, "No space left on device ("));
}

/* What stands in a /proc/sys of our own making. */
static void expect_hint(const char *file, const char *value, int code, const char *hinted)
{
    char directory[] = "/tmp/crun-lite-sys-XXXXXX";
    struct error err = {0};
    int sys;

    cr_assert_not_null(mkdtemp(directory));
    sys = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cr_assert(mkdirat(sys, "user", 0755) == 0 && mkdirat(sys, "kernel", 0755) == 0);
    cr_assert_eq(replace_file(sys, file, value, strlen(value), 0644, &err), 0, "%s", err.text);
    fail(&err, code, "clone");
    cr_expect_eq(user_namespace_hint_in(sys, &err), -code);
    if (hinted != NULL)
        cr_expect_not_null(strstr(err.text, hinted), "%s", err.text);
    else
        cr_expect_null(strchr(err.text, '('), "%s", err.text);
    unlinkat(sys, file, 0);
    unlinkat(sys, "user", AT_REMOVEDIR);
    unlinkat(sys, "kernel", AT_REMOVEDIR);
    close(sys);
    rmdir(directory);
}

Test(id_maps, the_switch_that_forbids_is_named_with_its_value)
{
    expect_hint("user/max_user_namespaces", "0\n", ENOSPC, "sysctl user.max_user_namespaces is 0");
    expect_hint("user/max_user_namespaces", "7\n", ENOSPC, "sysctl user.max_user_namespaces is 7");
    expect_hint("kernel/unprivileged_userns_clone", "0\n", EPERM,
                "sysctl kernel.unprivileged_userns_clone is 0");
    expect_hint("kernel/apparmor_restrict_unprivileged_userns", "1\n", EACCES,
                "sysctl kernel.apparmor_restrict_unprivileged_userns is 1");
    expect_hint("kernel/unprivileged_userns_clone", "1\n", EPERM, NULL);
    expect_hint("user/max_user_namespaces", "7\n", EPERM, NULL);
}
