/* Kernel parameters: only those of a namespace of the container's own, and never through a link. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/sysctl.h"

static const uint64_t all_namespaces = CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWUSER;

static int plan_of(struct sysctl_plan *ret, struct string_pair *pairs, size_t count,
                   uint64_t own_namespaces, struct arena *arena, struct error *err)
{
    struct spec_linux linux_part = {
        .sysctl = {pairs, count}
    };
    const struct spec spec = {.linux_ = &linux_part};

    return sysctl_plan_from_spec(ret, &spec, own_namespaces, arena, err);
}

static void expect_path(const char *key, uint64_t own_namespaces, const char *path)
{
    autoarena struct arena arena = {0};
    struct string_pair pair = {key, "1"};
    struct sysctl_plan plan;
    struct error err = {0};

    cr_assert_eq(plan_of(&plan, &pair, 1, own_namespaces, &arena, &err), 0, "%s", err.text);
    cr_assert_eq(plan.count, 1);
    cr_expect_str_eq(plan.items[0].path, path);
    cr_expect_str_eq(plan.items[0].key, key);
    cr_expect_str_eq(plan.items[0].value, "1");
    cr_expect_lt(plan_of(&plan, &pair, 1, all_namespaces & ~own_namespaces, &arena, &err), 0,
                 "%s belongs to another namespace", key);
}

static void expect_refusal(const char *key, const char *value, uint64_t own_namespaces,
                           const char *text)
{
    autoarena struct arena arena = {0};
    struct string_pair pair = {key, value};
    struct sysctl_plan plan;
    struct error err = {0};

    cr_expect_eq(plan_of(&plan, &pair, 1, own_namespaces, &arena, &err), -EINVAL, "%s", key);
    cr_expect_str_eq(err.text, text);
}

Test(sysctl, what_turns_out_to_be_the_hosts_is_refused_later)
{
    autoarena struct arena arena = {0};
    struct string_pair pairs[] = {
        {"kernel.msgmax",       "1"},
        {"net.ipv4.ip_forward", "1"}
    };
    struct sysctl_plan plan;
    struct error err = {0};

    cr_assert_eq(plan_of(&plan, pairs, count_of(pairs), all_namespaces, &arena, &err), 0);
    cr_expect_eq(sysctl_plan_check(&plan, CLONE_NEWIPC | CLONE_NEWNET, &err), 0);
    cr_expect_eq(sysctl_plan_check(&plan, CLONE_NEWIPC, &err), -EINVAL);
    cr_expect_str_eq(
        err.text,
        "linux.sysctl[\"net.ipv4.ip_forward\"]: belongs to the network namespace, and the "
        "container has the host's (add {\"type\": \"network\"} to linux.namespaces)");
}

Test(sysctl, each_belongs_to_one_namespace)
{
    expect_path("kernel.msgmax", CLONE_NEWIPC, "kernel/msgmax");
    expect_path("kernel.msgmnb", CLONE_NEWIPC, "kernel/msgmnb");
    expect_path("kernel.msgmni", CLONE_NEWIPC, "kernel/msgmni");
    expect_path("kernel.sem", CLONE_NEWIPC, "kernel/sem");
    expect_path("kernel.shmall", CLONE_NEWIPC, "kernel/shmall");
    expect_path("kernel.shmmax", CLONE_NEWIPC, "kernel/shmmax");
    expect_path("kernel.shmmni", CLONE_NEWIPC, "kernel/shmmni");
    expect_path("kernel.shm_rmid_forced", CLONE_NEWIPC, "kernel/shm_rmid_forced");
    expect_path("fs.mqueue.msg_max", CLONE_NEWIPC, "fs/mqueue/msg_max");
    expect_path("net.ipv4.ip_forward", CLONE_NEWNET, "net/ipv4/ip_forward");
    expect_path("kernel.domainname", CLONE_NEWUTS, "kernel/domainname");
    expect_path("user.max_pid_namespaces", CLONE_NEWUSER, "user/max_pid_namespaces");
}

Test(sysctl, both_spellings_reach_interfaces_with_a_dot)
{
    expect_path("net/ipv4/ip_forward", CLONE_NEWNET, "net/ipv4/ip_forward");
    expect_path("net.ipv4.conf.eth0/100.forwarding", CLONE_NEWNET,
                "net/ipv4/conf/eth0.100/forwarding");
    expect_path("net/ipv4/conf/eth0.100/forwarding", CLONE_NEWNET,
                "net/ipv4/conf/eth0.100/forwarding");
}

Test(sysctl, what_is_the_hosts_is_refused)
{
    expect_refusal(
        "kernel.core_pattern", "|/x", all_namespaces,
        "linux.sysctl[\"kernel.core_pattern\"]: does not belong to a namespace: it would "
        "change the host");
    expect_refusal("kernel.msgmaxx", "1", all_namespaces,
                   "linux.sysctl[\"kernel.msgmaxx\"]: does not belong to a namespace: it would "
                   "change the host");
    expect_refusal("network.x", "1", all_namespaces,
                   "linux.sysctl[\"network.x\"]: does not belong to a namespace: it would change "
                   "the host");
    expect_refusal("net.ipv4.ip_forward", "1", all_namespaces & ~(uint64_t)CLONE_NEWNET,
                   "linux.sysctl[\"net.ipv4.ip_forward\"]: belongs to the network namespace, and "
                   "the container has the host's (add {\"type\": \"network\"} to "
                   "linux.namespaces)");
    expect_refusal("kernel.hostname", "x", all_namespaces,
                   "linux.sysctl[\"kernel.hostname\"]: is set by the member \"hostname\" (move the "
                   "value there)");
}

Test(sysctl, paths_that_wander_are_refused)
{
    static const char *const keys[] = {
        "net/../kernel/core_pattern",
        "net.//.kernel.core_pattern",
        "net/ipv4/../../kernel/panic",
        "/net/ipv4/ip_forward",
        "net//ipv4",
        "net/./ipv4",
        "net.ipv4.",
        "net..ipv4",
        "net/",
        ".net.ipv4.ip_forward",
    };

    for (size_t i = 0; i < count_of(keys); i++) {
        char text[256];

        snprintf(text, sizeof text, "linux.sysctl[\"%s\"]: is not the name of a kernel parameter",
                 keys[i]);
        expect_refusal(keys[i], "1", all_namespaces, text);
    }
    expect_refusal("", "1", all_namespaces,
                   "linux.sysctl[\"\"]: is not the name of a kernel parameter");
}

Test(sysctl, a_value_is_one_line)
{
    expect_refusal(
        "kernel.sem", "1\n2", all_namespaces,
        "linux.sysctl[\"kernel.sem\"]: the value has a control character or a line break "
        "at byte 1");
    expect_refusal(
        "kernel.sem", "1\n", all_namespaces,
        "linux.sysctl[\"kernel.sem\"]: the value has a control character or a line break "
        "at byte 1");
}

Test(sysctl, one_parameter_under_two_spellings_is_refused)
{
    autoarena struct arena arena = {0};
    struct string_pair pairs[] = {
        {"net.ipv4.ip_forward", "1"},
        {"net/ipv4/ip_forward", "0"}
    };
    struct sysctl_plan plan;
    struct error err = {0};

    cr_expect_eq(plan_of(&plan, pairs, 2, all_namespaces, &arena, &err), -EINVAL);
    cr_expect_str_eq(err.text, "linux.sysctl[\"net/ipv4/ip_forward\"]: is the same parameter as "
                               "\"net.ipv4.ip_forward\"");
}

Test(sysctl, none_are_a_plan_too)
{
    autoarena struct arena arena = {0};
    const struct spec empty = {0};
    struct sysctl_plan plan;
    struct error err = {0};

    cr_expect_eq(sysctl_plan_from_spec(&plan, &empty, 0, &arena, &err), 0);
    cr_expect_eq(plan.count, 0);
    cr_expect_eq(sysctl_plan_apply(&plan, -1, &err), 0);
}

/* --- writing, below a directory that stands for /proc/sys --------------------------------------
 */

static char temporary[] = "/tmp/sysctl-XXXXXX";
static int sys = -1;

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(temporary));
    sys = open(temporary, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(sys, 0);
    cr_assert_eq(mkdirat(sys, "net", 0755), 0);
    cr_assert_eq(mkdirat(sys, "host", 0755), 0);
    close(openat(sys, "net/parameter", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    close(openat(sys, "host/parameter", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    cr_assert_eq(symlinkat("../host/parameter", sys, "net/link"), 0);
    cr_assert_eq(symlinkat("../host", sys, "net/directory"), 0);
}

static void tear_down(void)
{
    static const char *const files[] = {"net/parameter", "host/parameter", "net/link",
                                        "net/directory"};

    for (size_t i = 0; i < count_of(files); i++)
        unlinkat(sys, files[i], 0);
    unlinkat(sys, "net", AT_REMOVEDIR);
    unlinkat(sys, "host", AT_REMOVEDIR);
    rmdir(temporary);
}

TestSuite(sysctl_apply, .init = set_up, .fini = tear_down);

static int apply(const char *path, const char *value, struct error *err)
{
    struct sysctl item = {path, path, value};
    const struct sysctl_plan plan = {&item, 1};

    return sysctl_plan_apply(&plan, sys, err);
}

static void expect_content(const char *name, const char *content)
{
    char text[64];

    cr_assert_geq(read_pseudo_file(sys, name, text, sizeof text), 0);
    cr_expect_str_eq(text, content);
}

static void write_and_refuse(void)
{
    struct error err = {0};

    cr_expect_eq(apply("net/parameter", "1 2\t3", &err), 0, "%s", err.text);
    expect_content("net/parameter", "1 2\t3");
    cr_expect_eq(apply("net/link", "evil", &err), -ELOOP);
    cr_expect_eq(apply("net/directory/parameter", "evil", &err), -ELOOP);
    cr_expect_eq(apply("net", "evil", &err), -EISDIR);
    cr_expect_eq(apply("net/parameter/below", "evil", &err), -ENOTDIR);
    expect_content("host/parameter", "");
    cr_expect_eq(apply("net/missing", "a\tb", &err), -ENOENT);
    cr_expect_str_eq(err.text, "linux.sysctl[\"net/missing\"]: write \"a\\x09b\": No such file or "
                               "directory (this kernel has no such parameter, or not in this "
                               "namespace)");
}

Test(sysctl_apply, writes_what_is_there_and_never_through_a_link)
{
    write_and_refuse();
}

static void forbid_openat2(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {count_of(rules), rules};
    struct open_how how = {.flags = O_PATH | O_CLOEXEC};

    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0, "%s", strerror(errno));
    cr_assert_eq(kernel_openat2(sys, ".", &how), -1);
}

Test(sysctl_apply, does_so_without_openat2)
{
    forbid_openat2();
    write_and_refuse();
}

/* --- in the kernel -------------------------------------------------------------------------- */

static int forward_packets(void)
{
    struct sysctl item = {"net.ipv4.ip_forward", "net/ipv4/ip_forward", "1"};
    const struct sysctl_plan plan = {&item, 1};
    struct error err;
    char text[16];

    if (unshare(CLONE_NEWNET | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) < 0)
        return 77;

    int proc_sys = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (read_pseudo_file(proc_sys, "net/ipv4/ip_forward", text, sizeof text) < 0)
        return 77;
    if (text[0] != '0' && write_pseudo_file(proc_sys, "net/ipv4/ip_forward", "0") < 0)
        return 1;
    if (sysctl_plan_apply(&plan, proc_sys, &err) < 0)
        return 2;
    if (read_pseudo_file(proc_sys, "net/ipv4/ip_forward", text, sizeof text) < 0 || text[0] != '1')
        return 3;
    item.value = "nonsense";
    return sysctl_plan_apply(&plan, proc_sys, &err) == -EINVAL &&
                   strcmp(err.text, "linux.sysctl[\"net.ipv4.ip_forward\"]: write \"nonsense\": "
                                    "Invalid argument") == 0
               ? 0
               : 4;
}

Test(sysctl, the_kernel_takes_it_for_the_namespace)
{
    int status = -1;
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0)
        _exit(forward_packets());
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        cr_skip_test("no network namespaces for this process");
    cr_expect_eq(WEXITSTATUS(status), 0);
}
