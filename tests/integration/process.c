/* config.md "Process", "POSIX-platform Hooks"; config-linux.md "Seccomp", "Sysctl", "Personality":
 * what the program in a container is and may do. */

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/receive.h"
#include "tests/integration/harness/scenario.h"

#define STATUS_OF(name) "grep '^" name ":' /proc/self/status | cut -f2"

/* --- who -------------------------------------------------------------------------------------- */

Scenario(process, user_group_and_additional_groups)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.user",
               "{\"uid\":1000,\"gid\":1001,\"additionalGids\":[5,70000],\"umask\":23}");
    assert_text(inside(bundle, "grep '^[UG]id:' /proc/self/status | tr '\\t' ' '; id -G; umask"),
                "Uid: 1000 1000 1000 1000\nGid: 1001 1001 1001 1001\n1001 5 70000\n0027");
}

/* containerd CVE-2023-25173: the groups of the caller are not the container's. */
Scenario(process, no_group_of_the_callers_is_left)
{
    struct bundle *bundle = bundle_new();

    need_root();
    cr_assert(setgroups(1, (const gid_t[]){4242}) == 0);
    assert_text(inside(bundle, "grep '^Groups:' /proc/self/status | tr -d '\\t '"), "Groups:");
}

Scenario(process, the_umask_is_0022_by_default)
{
    struct bundle *bundle = bundle_new();

    need_root();
    umask(0);
    assert_text(inside(bundle, "umask"), "0022");
}

Scenario(process, the_umask_is_as_given)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.user.umask", "%d", 0137);
    assert_text(inside(bundle, "umask"), "0137");
}

Scenario(process, home_comes_from_the_images_passwd)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "etc/passwd", "root:x:0:0::/root:/bin/sh\nme:x:12:12::/home/me:/bin/sh\n",
                0644);
    bundle_set(bundle, "process.user", "{\"uid\":12,\"gid\":12}");
    assert_text(inside(bundle, "echo $HOME"), "/home/me");
    bundle_set(bundle, "process.env[+]", "\"HOME=/set\"");
    assert_text(inside(bundle, "echo $HOME"), "/set");
}

/* --- rights ----------------------------------------------------------------------------------- */

Scenario(process, the_five_sets_of_capabilities)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.capabilities",
               "{\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\",\"CAP_SETUID\"],"
               "\"permitted\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"effective\":[\"CAP_CHOWN\"],"
               "\"inheritable\":[\"CAP_KILL\"],\"ambient\":[\"CAP_KILL\"]}");
    /* Of root after execve: all of the permitted ones are effective, see capabilities(7). */
    assert_text(inside(bundle, "grep '^Cap' /proc/self/status | tr -d '\\t'"),
                "CapInh:0000000000000020\nCapPrm:0000000000000021\nCapEff:0000000000000021\n"
                "CapBnd:00000000000000a1\nCapAmb:0000000000000020");
}

Scenario(process, a_user_other_than_root_has_ambient_capabilities_alone)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.user", "{\"uid\":1000,\"gid\":1000}");
    bundle_set(bundle, "process.capabilities",
               "{\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"permitted\":[\"CAP_CHOWN\","
               "\"CAP_KILL\"],\"effective\":[\"CAP_CHOWN\",\"CAP_KILL\"],"
               "\"inheritable\":[\"CAP_KILL\"],\"ambient\":[\"CAP_KILL\"]}");
    assert_text(inside(bundle, "grep '^Cap' /proc/self/status | tr -d '\\t'"),
                "CapInh:0000000000000020\nCapPrm:0000000000000020\nCapEff:0000000000000020\n"
                "CapBnd:0000000000000021\nCapAmb:0000000000000020");
}

Scenario(process, no_capabilities_means_none)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.capabilities", "{}");
    assert_text(inside(bundle, "grep '^Cap' /proc/self/status | tr -d '\\t'"),
                "CapInh:0000000000000000\nCapPrm:0000000000000000\nCapEff:0000000000000000\n"
                "CapBnd:0000000000000000\nCapAmb:0000000000000000");
}

Scenario(process, no_new_privileges)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle, STATUS_OF("NoNewPrivs")), "1");
    bundle_set(bundle, "process.noNewPrivileges", "false");
    assert_text(inside(bundle, STATUS_OF("NoNewPrivs")), "0");
}

/* --- limits and scheduling -------------------------------------------------------------------- */

Scenario(process, resource_limits)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.rlimits",
               "[{\"type\":\"RLIMIT_NOFILE\",\"soft\":100,\"hard\":200},"
               "{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":0},"
               "{\"type\":\"RLIMIT_FSIZE\",\"soft\":4096,\"hard\":8192},"
               "{\"type\":\"RLIMIT_NICE\",\"soft\":0,\"hard\":0}]");
    assert_text(inside(bundle, "grep -E '^Max (open|core|file size|nice)' /proc/self/limits | "
                               "tr -s ' ' | sed 's/ $//'"),
                "Max file size 4096 8192 bytes\nMax core file size 0 0 bytes\n"
                "Max open files 100 200 files\nMax nice priority 0 0");
}

/* Root of a user namespace may not; the runtime, which is the host's root, does it for him. */
Scenario(process, a_hard_limit_rises_in_a_user_namespace)
{
    struct bundle *bundle = bundle_new();
    const struct rlimit low = {1 << 16, 1 << 16}, high = {1 << 16, 1 << 17};

    need_root();
    cr_assert_eq(setrlimit(RLIMIT_MEMLOCK, &low), 0);
    if (setrlimit(RLIMIT_MEMLOCK, &high) < 0)
        skip("raising a hard limit needs CAP_SYS_RESOURCE");
    cr_assert_eq(setrlimit(RLIMIT_MEMLOCK, &low), 0);
    bundle_map_users(bundle, 100000, 65536);
    bundle_set(bundle, "process.rlimits",
               "[{\"type\":\"RLIMIT_MEMLOCK\",\"soft\":65536,\"hard\":131072}]");
    bundle_start(bundle);
    assert_text(inside_running(bundle, "grep -h '^Max locked' /proc/1/limits /proc/self/limits | "
                                       "tr -s ' ' | sed 's/ $//'"),
                "Max locked memory 65536 131072 bytes\nMax locked memory 65536 131072 bytes");
    bundle_delete(bundle);
}

Scenario(process, the_oom_score_can_be_raised)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.oomScoreAdj", "321");
    assert_text(inside(bundle, "cat /proc/self/oom_score_adj"), "321");
}

Scenario(process, the_oom_score_stays_when_it_is_not_set)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle, "cat /proc/self/oom_score_adj"),
                file_line("/proc/self/oom_score_adj"));
}

Scenario(process, scheduling_policy_and_niceness)
{
    struct bundle *bundle = bundle_new();
    const char *stat = "sed 's/.*) //' /proc/self/stat | cut -d' ' -f17,39";

    need_root();
    bundle_set(bundle, "process.scheduler", "{\"policy\":\"SCHED_BATCH\",\"nice\":5}");
    assert_text(inside(bundle, stat), "5 3");
    bundle_set(bundle, "process.scheduler", "{\"policy\":\"SCHED_OTHER\",\"nice\":7}");
    assert_text(inside(bundle, stat), "7 0");
    bundle_set(bundle, "process.scheduler", "{\"policy\":\"SCHED_IDLE\"}");
    assert_text(inside(bundle, stat), text("%d 5", getpriority(PRIO_PROCESS, 0))); /* as ours */
}

Scenario(process, io_priority)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.ioPriority", "{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":6}");
    assert_text(inside(bundle, "ionice -p $$"), "best-effort: prio 6");
    bundle_set(bundle, "process.ioPriority", "{\"class\":\"IOPRIO_CLASS_IDLE\"}");
    assert_has(inside(bundle, "ionice -p $$"), "idle");
}

Scenario(process, personality)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.personality", "{\"domain\":\"LINUX32\"}");
    assert_has("i686 armv8l armv7l", inside(bundle, "uname -m"));
    bundle_set(bundle, "linux.personality", "{\"domain\":\"LINUX\"}");
    assert_lacks("i686 armv8l armv7l", inside(bundle, "uname -m"));
}

Scenario(process, memory_policy)
{
    struct bundle *bundle = bundle_new();

    need_root();
    if (!file_exists("/proc/self/numa_maps"))
        skip("this kernel knows no NUMA");
    bundle_set(bundle, "linux.memoryPolicy", "{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\"}");
    assert_has(inside(bundle, "cat /proc/self/numa_maps"), " bind:0 ");
}

Scenario(process, affinity_of_exec)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.execCPUAffinity", "{\"initial\":\"0\",\"final\":\"0\"}");
    bundle_start(bundle);
    assert_text(inside_running(bundle, STATUS_OF("Cpus_allowed_list")), "0");
    bundle_delete(bundle);
}

Scenario(process, sysctls_of_the_containers_namespaces)
{
    struct bundle *bundle = bundle_new();
    const char *before = file_line("/proc/sys/kernel/shmmax");

    need_root();
    bundle_set(bundle, "linux.sysctl",
               "{\"kernel.shmmax\":\"123456\",\"net.ipv4.ip_forward\":\"1\","
               "\"net.ipv4.ping_group_range\":\"0 5\",\"fs.mqueue.msg_max\":\"7\"}");
    assert_text(inside(bundle, "cd /proc/sys; cat kernel/shmmax net/ipv4/ip_forward "
                               "net/ipv4/ping_group_range fs/mqueue/msg_max"),
                "123456\n1\n0\t5\n7");
    assert_text(file_line("/proc/sys/kernel/shmmax"), before);
}

/* --- environment ------------------------------------------------------------------------------ */

Scenario(process, the_environment_is_the_configs_alone)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.env", "[\"PATH=/bin\",\"A=b c\",\"EMPTY=\",\"HOME=/h\"]");
    bundle_set(bundle, "process.args", "[\"env\"]");
    assert_text(bundle_run(bundle).out, "PATH=/bin\nA=b c\nEMPTY=\nHOME=/h\n");
}

Scenario(process, of_a_variable_that_is_given_twice_the_last_counts)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.env",
               "[\"PATH=/nowhere\",\"A=1\",\"HOME=/h\",\"A=2\",\"PATH=/bin\"]");
    bundle_set(bundle, "process.args", "[\"env\"]");
    assert_text(bundle_run(bundle).out, "PATH=/bin\nA=2\nHOME=/h\n");
}

Scenario(process, without_env_nothing_of_the_hosts_comes_in)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_remove(bundle, "process.env");
    assert_lacks(inside(bundle, "tr '\\0' '\\n' </proc/self/environ; set"), "of-the-host");
}

Scenario(process, args_are_passed_as_they_are)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "process.args",
               "[\"/bin/sh\",\"-c\",\"for a; do echo \\\"<$a>\\\"; done\",\"sh\",\"\",\"a b\","
               "\"\\u00e4\\u20ac\",\"line\\nbreak\",\"$HOME\",\"\\\\\"]");
    outcome = bundle_run(bundle);
    assert_ok(outcome);
    assert_text(outcome.out, "<>\n<a b>\n<ä€>\n<line\nbreak>\n<$HOME>\n<\\>\n");
}

Scenario(process, the_program_is_looked_up_in_the_containers_path)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    cr_assert(mkdir(text("%s/opt", bundle->rootfs), 0755) == 0);
    bundle_file(bundle, "opt/mine", "#!/bin/sh\necho found $0\n", 0755);
    bundle_set(bundle, "process.env", "[\"PATH=/nowhere:/opt\"]");
    bundle_set(bundle, "process.args", "[\"mine\"]");
    outcome = bundle_run(bundle);
    assert_ok(outcome);
    assert_text(outcome.out, "found /opt/mine\n");
}

/* --- descriptors ------------------------------------------------------------------------------ */

/* Of the first process, a shell: by nothing that makes it open one itself. */
/* Nobody could end it by them, and most programs never look. */
Scenario(process, signals_that_the_caller_ignores_are_not_ignored)
{
    struct bundle *bundle = bundle_new();
    struct program ignoring = {
        .wrapper = work_script("ignoring", "trap '' INT TERM USR1; exec \"$@\"")};
    static const char said[] = "SigIgn:\t0000000000000000\n";

    need_root();
    bundle_set(bundle, "process.args", "[\"grep\",\"SigIgn\",\"/proc/self/status\"]");
    assert_text(crun_with(&ignoring, "run", "-b", bundle->path, bundle->id).out, said);
    bundle_start(bundle);
    assert_text(crun_with(&ignoring, "exec", bundle->id, "grep", "SigIgn", "/proc/self/status").out,
                said);
    bundle_delete(bundle);
}

#define LIST_DESCRIPTORS \
    "for i in $(seq 0 255); do [ -e /proc/1/fd/$i ] && printf \"$i \"; done; echo; true"

/* The host's is on a mount that the container does not have. */
Scenario(process, null_as_a_stream_is_the_containers_own)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle, "[ $(stat -Lc %d /proc/self/fd/0) = $(stat -c %d /dev/null) ] && "
                               "echo own"),
                "own");
}

/* Nor while it waits to be started: who has to close it waits too. */
Scenario(process, a_created_one_holds_no_descriptor_of_the_callers)
{
    struct bundle *bundle = bundle_new();
    const char *leak = work_file("leak", "");
    int host = open(leak, O_RDONLY); /* inherited, deliberately */
    const char *listed;

    need_root();
    assert_ok(crun_with(PROGRAM(.inherit = (const int[]){host, host, -1}), "create", "-b",
                        bundle->path, bundle->id));
    listed = program_run(
                 PROGRAM(.arguments = (const char *[]){"ls", "-l",
                                                       text("/proc/%d/fd", (int)bundle_pid(bundle)),
                                                       NULL}))
                 .out;
    assert_has(listed, " 0 -> ");
    assert_lacks(listed, leak);
    bundle_delete(bundle);
    close(host);
}

Scenario(process, three_descriptors_and_no_more)
{
    struct bundle *bundle = bundle_new();
    int host = open("/", O_PATH | O_DIRECTORY); /* inherited, deliberately */
    struct outcome outcome;

    need_root();
    bundle_script(bundle, LIST_DESCRIPTORS);
    outcome = crun_with(PROGRAM(.inherit = (const int[]){host, host, host, -1}), "run", "-b",
                        bundle->path, bundle->id);
    assert_ok(outcome);
    assert_text(outcome.out, "0 1 2 \n");
    close(host);
}

Scenario(process, preserved_descriptors_arrive)
{
    struct bundle *bundle = bundle_new();
    const char *first = work_file("first", "one"), *second = work_file("second", "two");
    int fds[] = {open(first, O_RDONLY | O_CLOEXEC), open(second, O_RDONLY | O_CLOEXEC), -1};
    struct outcome outcome;

    need_root();
    bundle_script(bundle, LIST_DESCRIPTORS "; cat <&3; cat <&4");
    outcome = crun_with(PROGRAM(.inherit = fds), "run", "--preserve-fds", "2", "-b", bundle->path,
                        bundle->id);
    assert_ok(outcome);
    assert_text(outcome.out, "0 1 2 3 4 \nonetwo");
    lseek(fds[0], 0, SEEK_SET);
    outcome = crun_with(PROGRAM(.inherit = fds), "run", "--preserve-fds", "1", "-b", bundle->path,
                        bundle->id);
    assert_has(outcome.out, "0 1 2 3 \none");
}

Scenario(process, preserved_descriptors_of_create_arrive_with_start)
{
    struct bundle *bundle = bundle_new();
    const char *first = work_file("first", "one"), *second = work_file("second", "two");
    int fds[] = {open(first, O_RDONLY | O_CLOEXEC), open(second, O_RDONLY | O_CLOEXEC), -1};
    struct outcome outcome;

    need_root();
    bundle_script(bundle, LIST_DESCRIPTORS "; cat <&3; echo");
    outcome = crun_with(PROGRAM(.inherit = fds), "create", "--preserve-fds", "1", "-b",
                        bundle->path, bundle->id);
    assert_ok(outcome);
    assert_ok(crun("start", bundle->id));
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_text(program_output(&outcome.running), "0 1 2 3 \none\n");
    bundle_delete(bundle);
}

/* The first process has none of them; of those that exec is given the third is not asked for. */
Scenario(process, preserved_descriptors_of_exec_arrive)
{
    static const char script[] =
        "for i in $(seq 0 255); do [ -e /proc/$$/fd/$i ] && printf \"$i \"; done; echo;"
        "cat <&3; cat <&4; echo; for i in $(seq 3 255); do [ ! -e /proc/1/fd/$i ] || echo $i; done";
    struct bundle *bundle = bundle_new();
    const char *first = work_file("first", "one"), *second = work_file("second", "two");
    int fds[] = {open(first, O_RDONLY | O_CLOEXEC), open(second, O_RDONLY | O_CLOEXEC),
                 open(first, O_RDONLY | O_CLOEXEC), -1};
    struct outcome outcome;

    need_root();
    bundle_start(bundle);
    outcome = crun_with(PROGRAM(.inherit = fds), "exec", "--preserve-fds", "2", bundle->id, "sh",
                        "-c", script);
    assert_ok(outcome);
    assert_text(outcome.out, "0 1 2 3 4 \nonetwo\n");
    assert_refused(crun("exec", "--preserve-fds", "5", bundle->id, "true"), 255, "is not open");
    bundle_delete(bundle);
}

Scenario(process, a_preserved_descriptor_that_is_not_open_is_an_error)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_refused(crun("run", "--preserve-fds", "5", "-b", bundle->path, bundle->id), 1,
                   "is not open");
}

Scenario(process, listen_fds_are_passed_on)
{
    struct bundle *bundle = bundle_new();
    const char *file = work_file("first", "one");
    int fds[] = {open(file, O_RDONLY | O_CLOEXEC), -1};
    const char *script = text("LISTEN_FDS=1 LISTEN_PID=$$ exec %s --root %s run -b %s %s",
                              scenario_program(), scenario_root(), bundle->path, bundle->id);
    struct outcome outcome;

    need_root();
    bundle_script(bundle, "echo $LISTEN_FDS $LISTEN_PID; cat <&3; " LIST_DESCRIPTORS);
    outcome = program_run(
        PROGRAM(.inherit = fds, .arguments = (const char *[]){"sh", "-c", script, NULL}));
    assert_ok(outcome);
    assert_text(outcome.out, "1 1\none0 1 2 3 \n");
}

/* As a service manager starts a service: `verb` is one of run, create, exec. */
static struct outcome with_two_named_sockets(const char *verb, const char *rest)
{
    int fds[] = {open(work_file("first", "one"), O_RDONLY | O_CLOEXEC),
                 open(work_file("second", "two"), O_RDONLY | O_CLOEXEC), -1};
    const char *script = text("LISTEN_FDS=2 LISTEN_FDNAMES=http:admin LISTEN_PID=$$ "
                              "exec %s --root %s %s %s",
                              scenario_program(), scenario_root(), verb, rest);
    struct outcome outcome = program_run(
        PROGRAM(.inherit = fds, .arguments = (const char *[]){"sh", "-c", script, NULL}));

    close(fds[0]);
    close(fds[1]);
    return outcome;
}

#define PRINT_SOCKETS "echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; cat <&3; cat <&4; "

Scenario(process, names_of_listen_fds_are_passed_on)
{
    struct bundle *bundle = bundle_new();
    const char *at = text("-b %s %s", bundle->path, bundle->id);
    struct outcome outcome;

    need_root();
    bundle_script(bundle, PRINT_SOCKETS LIST_DESCRIPTORS);
    outcome = with_two_named_sockets("run", at);
    assert_ok(outcome);
    assert_text(outcome.out, "2 1 http:admin\nonetwo0 1 2 3 4 \n");

    bundle_script(bundle, PRINT_SOCKETS "sleep 3600");
    outcome = with_two_named_sockets("create", at);
    assert_ok(outcome);
    assert_ok(crun("start", bundle->id));
    cr_assert(program_said(&outcome.running, "2 1 http:admin\nonetwo"));

    outcome = with_two_named_sockets("exec", text("%s sh -c '%s'", bundle->id, PRINT_SOCKETS));
    assert_ok(outcome);
    assert_text(outcome.out, "2 1 http:admin\nonetwo");
    bundle_delete(bundle);
}

/* Whoever has no descriptors handed over does not announce any. */
Scenario(process, names_of_descriptors_that_are_not_ours_stay_outside)
{
    struct bundle *bundle = bundle_new();
    const char *script = text("LISTEN_FDS=1 LISTEN_FDNAMES=http LISTEN_PID=1 exec %s --root %s run "
                              "-b %s %s",
                              scenario_program(), scenario_root(), bundle->path, bundle->id);
    struct outcome outcome;

    need_root();
    bundle_script(bundle, "env | grep LISTEN; echo end");
    outcome = program_run(PROGRAM(.arguments = (const char *[]){"sh", "-c", script, NULL}));
    assert_ok(outcome);
    assert_text(outcome.out, "end\n");
}

Scenario(process, closed_standard_descriptors_do_no_harm)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "exec >/work/fds; " LIST_DESCRIPTORS "; echo x; echo y >&2; exit 3");
    assert_code(crun_with(PROGRAM(.close_standard = true), "run", "-b", bundle->path, bundle->id),
                3);
    assert_has(file_text(text("%s/work/fds", bundle->rootfs)), "0 1 2 \n");
}

/* CVE-2019-5736 and its relatives: our program cannot be written from inside, whoever holds it. */
Scenario(process, our_program_is_out_of_reach)
{
    struct bundle *bundle = bundle_new();
    struct stat before, after;
    struct outcome outcome;

    need_root();
    cr_assert(stat(scenario_program(), &before) == 0);
    bundle_set(bundle, "process.args", "[\"/proc/self/exe\",\"--version\"]");
    outcome = bundle_run(bundle);
    cr_assert(outcome.code != 127);
    bundle_file(bundle, "bin/evil", "#!/proc/self/exe\n", 0755);
    bundle_set(bundle, "process.args", "[\"/bin/evil\"]");
    bundle_run(bundle);
    bundle_start(bundle);
    crun("exec", bundle->id, "sh", "-c",
         "exec 9</proc/1/exe; (echo x >/proc/self/fd/9) 2>/dev/null");
    crun("exec", bundle->id, "sh", "-c",
         "for i in 1 2 3 4 5 6 7 8 9; do for p in /proc/[0-9]*; do (echo x >$p/exe) 2>/dev/null && "
         "echo written; done; done");
    bundle_delete(bundle);
    cr_assert(stat(scenario_program(), &after) == 0);
    cr_assert(before.st_mtim.tv_sec == after.st_mtim.tv_sec && before.st_size == after.st_size &&
              before.st_ino == after.st_ino);
}

/* --- pidfd ------------------------------------------------------------------------------------ */

Scenario(process, a_pidfd_is_handed_over)
{
    struct bundle *bundle = bundle_new();
    const char *path = work_path("pidfd.sock");
    int server = listen_at(path), pidfd;
    struct running creating;
    char *message = NULL;

    need_root();
    bundle_script(bundle, "sleep 3600");
    creating = crun_begin(PROGRAM(0), "run", "-d", "--pidfd-socket", path, "-b", bundle->path,
                          bundle->id);
    pidfd = receive_fd(server, &message);
    cr_assert(pidfd >= 0, "no descriptor: %s", program_wait(&creating, 2).err);
    assert_text(message, "standard");
    assert_ok(program_wait(&creating, DEADLINE_SECONDS));
    cr_assert(kernel_pidfd_send_signal(pidfd, SIGKILL) == 0);
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    close(pidfd);
    bundle_delete(bundle);
    bundle_start(bundle);
    creating = crun_begin(PROGRAM(0), "exec", "-d", "--pidfd-socket", path, bundle->id, "sleep",
                          "3600");
    pidfd = receive_fd(server, &message);
    cr_assert(pidfd >= 0, "no descriptor: %s", program_wait(&creating, 2).err);
    assert_text(message, "setns");
    assert_ok(program_wait(&creating, DEADLINE_SECONDS));
    close(pidfd);
    close(server);
    bundle_delete(bundle);
}

/* --- seccomp ---------------------------------------------------------------------------------- */

static void set_filter(struct bundle *bundle, const char *action, const char *name,
                       const char *more)
{
    bundle_set(bundle, "linux.seccomp",
               "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"%s\"],"
               "\"action\":\"%s\"%s}]}",
               name, action, more);
}

Scenario(seccomp, errno_is_what_the_profile_says)
{
    struct bundle *bundle = bundle_new();

    need_root();
    set_filter(bundle, "SCMP_ACT_ERRNO", "mkdir", "");
    assert_text(inside(bundle, "mkdir /work/x 2>&1; true"),
                "mkdir: can't create directory '/work/x': Operation not permitted");
    set_filter(bundle, "SCMP_ACT_ERRNO", "mkdir", ",\"errnoRet\":28");
    assert_has(inside(bundle, "mkdir /work/x 2>&1; true"), "No space left on device");
    assert_text(inside(bundle, STATUS_OF("Seccomp")), "2");
}

Scenario(seccomp, killing_actions_kill)
{
    struct bundle *bundle = bundle_new();

    need_root();
    set_filter(bundle, "SCMP_ACT_KILL_PROCESS", "mkdir", "");
    assert_text(inside(bundle, "mkdir /work/x; echo $?"), text("%d", 128 + SIGSYS));
    set_filter(bundle, "SCMP_ACT_KILL", "mkdir", "");
    assert_text(inside(bundle, "mkdir /work/x; echo $?"), text("%d", 128 + SIGSYS));
    set_filter(bundle, "SCMP_ACT_TRAP", "mkdir", "");
    assert_text(inside(bundle, "mkdir /work/x; echo $?"), text("%d", 128 + SIGSYS));
    assert_text(inside(bundle, "test -d /work/x; echo $?"), "1");
}

Scenario(seccomp, log_lets_pass)
{
    struct bundle *bundle = bundle_new();

    need_root();
    set_filter(bundle, "SCMP_ACT_LOG", "mkdir", "");
    assert_text(inside(bundle, "mkdir /work/x && echo made"), "made");
}

Scenario(seccomp, a_default_action_denies_the_rest)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.seccomp",
               "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"syscalls\":[{"
               "\"names\":[\"no_such_call_in_any_kernel\",\"read\",\"write\",\"open\",\"openat\","
               "\"close\",\"fstat\",\"newfstatat\",\"stat\",\"lstat\",\"mmap\",\"munmap\","
               "\"mprotect\",\"brk\",\"rt_sigaction\",\"rt_sigreturn\",\"rt_sigprocmask\","
               "\"ioctl\",\"access\","
               "\"execve\",\"exit_group\",\"arch_prctl\",\"uname\",\"readlink\",\"getuid\","
               "\"getpid\",\"getppid\",\"geteuid\",\"getgid\",\"getegid\",\"set_tid_address\","
               "\"set_robust_list\",\"rseq\",\"prlimit64\",\"getrandom\",\"fcntl\",\"prctl\","
               "\"poll\",\"ppoll\",\"getcwd\",\"close_range\",\"capset\",\"capget\",\"chdir\","
               "\"setgroups\",\"setresuid\",\"setresgid\",\"setuid\",\"setgid\",\"recvmsg\","
               "\"sendmsg\",\"execveat\",\"fork\",\"clone\",\"vfork\",\"wait4\",\"lseek\","
               "\"dup2\",\"futex\"],\"action\":\"SCMP_ACT_ALLOW\"}]}");
    assert_has(inside(bundle, "mkdir /work/x 2>&1; true"), "Function not implemented");
}

Scenario(seccomp, arguments_are_compared)
{
    struct bundle *bundle = bundle_new();

    need_root();
    /* kill(2) with signal 10 is forbidden, with 12 not. */
    set_filter(bundle, "SCMP_ACT_ERRNO", "kill",
               ",\"args\":[{\"index\":1,\"value\":10,\"op\":\"SCMP_CMP_EQ\"}]");
    assert_text(inside(bundle, "trap : USR1 USR2; kill -10 $$ 2>/dev/null || echo no; "
                               "kill -12 $$ && echo yes"),
                "no\nyes");
}

Scenario(seccomp, holds_for_exec)
{
    struct bundle *bundle = bundle_new();

    need_root();
    set_filter(bundle, "SCMP_ACT_ERRNO", "mkdir", "");
    bundle_start(bundle);
    assert_has(inside_running(bundle, "mkdir /work/x 2>&1; true"), "not permitted");
    bundle_delete(bundle);
}

Scenario(seccomp, holds_without_no_new_privileges)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.noNewPrivileges", "false");
    set_filter(bundle, "SCMP_ACT_ERRNO", "mkdir", "");
    assert_has(inside(bundle, "mkdir /work/x 2>&1; true"), "not permitted");
}

/* --- hooks ------------------------------------------------------------------------------------ */

static const char *const hook_kinds[] = {"prestart",       "createRuntime", "createContainer",
                                         "startContainer", "poststart",     "poststop"};

static void add_hook(struct bundle *bundle, const char *kind, const char *path, const char *more)
{
    bundle_set(bundle, text("hooks.%s[+]", kind), "{\"path\":\"%s\"%s}", path, more);
}

/* Each kind appends its name and the status from its standard input to one file. */
static const char *hooks_that_write(struct bundle *bundle)
{
    const char *log = work_path("log");
    const char *script = work_script("hook",
                                     text("state=$(cat); status=${state#*\\\"status\\\":}\n"
                                          "status=${status#*\\\"}; status=${status%%%%\\\"*}\n"
                                          "echo $1 $status >>%s",
                                          log));

    bundle_mount(bundle, scenario_work(), "none", scenario_work(), "\"bind\"");
    for (size_t i = 0; i < count_of(hook_kinds); i++)
        add_hook(
            bundle, hook_kinds[i], script,
            text(",\"args\":[\"hook\",\"%s\"],\"env\":[\"PATH=/bin:/usr/bin\"]", hook_kinds[i]));
    return log;
}

Scenario(hooks, all_kinds_in_the_specifications_order)
{
    struct bundle *bundle = bundle_new();
    const char *log = hooks_that_write(bundle);

    need_root();
    bundle_script(bundle, text("echo program >>%s", log));
    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    assert_text(file_text(log), "prestart creating\ncreateRuntime creating\n"
                                "createContainer creating\n");
    assert_ok(crun("start", bundle->id));
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_ok(crun("delete", bundle->id));
    assert_has(file_text(log), "startContainer created\n");
    assert_has(file_text(log), "poststart running\n");
    assert_has(file_text(log), "program\n");
    cr_assert(strstr(file_text(log), "startContainer") < strstr(file_text(log), "program"));
    cr_assert(strstr(file_text(log), "startContainer") < strstr(file_text(log), "poststart"));
    assert_has(file_text(log) + strlen(file_text(log)) - strlen("poststop stopped\n"),
               "poststop stopped\n");
}

Scenario(hooks, get_the_state_on_standard_input)
{
    struct bundle *bundle = bundle_new();
    const char *state = work_path("state");
    struct arena *arena = scenario_arena();

    need_root();
    bundle_set(bundle, "annotations.'a/b'", "\"c\"");
    add_hook(bundle, "createRuntime", work_script("hook", text("cat >%s", state)), "");
    bundle_script(bundle, "true");
    assert_ok(bundle_run(bundle));
    assert_text(json_text(arena, file_text(state), "id"), bundle->id);
    assert_text(json_text(arena, file_text(state), "status"), "creating");
    assert_text(json_text(arena, file_text(state), "bundle"), bundle->path);
    assert_text(json_text(arena, file_text(state), "annotations.'a/b'"), "c");
    cr_assert(json_text(arena, file_text(state), "ociVersion") != NULL);
    cr_assert(json_text(arena, file_text(state), "pid") != NULL);
    assert_lacks(file_text(state), "\\/");
}

Scenario(hooks, run_where_the_specification_says)
{
    struct bundle *bundle = bundle_new();
    const char *script = work_script(
        "hook", text("readlink /proc/self/ns/mnt >>%s/ns; readlink /proc/self/ns/net >>%s/net",
                     scenario_work(), scenario_work()));
    const char *own_mnt, *own_net, *mnt, *net;
    char link[64] = "";

    need_root();
    add_hook(bundle, "createRuntime", script, "");
    add_hook(bundle, "createContainer", script, "");
    bundle_script(bundle, "true");
    assert_ok(bundle_run(bundle));
    cr_assert(readlink("/proc/self/ns/mnt", link, sizeof link - 1) > 0);
    own_mnt = text("%s\n", link);
    cr_assert(readlink("/proc/self/ns/net", link, sizeof link - 1) > 0);
    own_net = text("%s\n", link);
    mnt = file_text(work_path("ns"));
    net = file_text(work_path("net"));
    cr_assert(strncmp(mnt, own_mnt, strlen(own_mnt)) == 0, "createRuntime: %s", mnt);
    cr_assert(strncmp(net, own_net, strlen(own_net)) == 0, "createRuntime: %s", net);
    cr_assert(strcmp(mnt + strlen(own_mnt), own_mnt) != 0, "createContainer: %s", mnt);
    cr_assert(strcmp(net + strlen(own_net), own_net) != 0, "createContainer: %s", net);
}

Scenario(hooks, see_the_environment_that_was_given_and_no_other)
{
    struct bundle *bundle = bundle_new();
    const char *script = work_script("hook", text("/usr/bin/env >>%s/env", scenario_work()));

    need_root();
    add_hook(bundle, "createRuntime", script, ",\"env\":[\"GIVEN=yes\"]");
    bundle_script(bundle, "true");
    assert_ok(bundle_run(bundle));
    assert_has(file_text(work_path("env")), "GIVEN=yes\n");
    assert_lacks(file_text(work_path("env")), "SECRET");
}

Scenario(hooks, arguments_are_those_of_the_config)
{
    struct bundle *bundle = bundle_new();
    const char *script = work_script("hook", text("echo \"$# $1\" >%s/args", scenario_work()));

    need_root();
    add_hook(bundle, "createRuntime", script, ",\"args\":[\"zero\",\"a b\",\"c\"]");
    bundle_script(bundle, "true");
    assert_ok(bundle_run(bundle));
    assert_text(file_text(work_path("args")), "2 a b\n");
}

Scenario(hooks, a_failure_before_start_undoes_everything)
{
    static const char *const kinds[] = {"prestart", "createRuntime", "createContainer"};
    const char *script;

    need_root();
    script = work_script("hook", "echo some words; echo more >&2; exit 7");
    for (size_t i = 0; i < count_of(kinds); i++) {
        struct bundle *bundle = bundle_new();
        struct outcome outcome;

        bundle_script(bundle, "true");
        add_hook(bundle, kinds[i], script, "");
        outcome = crun("create", "-b", bundle->path, bundle->id);
        assert_refused(outcome, 1, script);
        assert_has(outcome.err, kinds[i]);
        assert_has(outcome.err, "7");
        assert_refused(crun("state", bundle->id), 1, "does not exist");
    }
}

Scenario(hooks, a_failing_start_container_hook_keeps_the_program_from_running)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_file(bundle, "bin/hook", "#!/bin/sh\nexit 9\n", 0755);
    bundle_script(bundle, "echo ran");
    add_hook(bundle, "startContainer", "/bin/hook", "");
    outcome = bundle_run(bundle);
    assert_code(outcome, 1);
    assert_text(outcome.out, "");
    assert_has(outcome.err, "startContainer");
}

Scenario(hooks, a_failing_poststop_hook_does_not_stop_delete)
{
    struct bundle *bundle = bundle_new();

    need_root();
    add_hook(bundle, "poststop", work_script("bad", "exit 1"), "");
    add_hook(bundle, "poststop", work_script("good", text("touch %s", work_path("ran"))), "");
    bundle_start_as_is(bundle);
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    crun("delete", bundle->id);
    cr_assert(file_exists(work_path("ran")));
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

Scenario(hooks, a_hook_has_its_time_and_no_more)
{
    static const char *const stubborn[] = {
        "sleep 1000", "trap '' TERM INT; while :; do sleep 1; done",
        "sleep 1000 & exec sleep 1000", /* the first holds standard output */
    };

    need_root();
    for (size_t i = 0; i < count_of(stubborn); i++) {
        struct bundle *bundle = bundle_new();

        add_hook(bundle, "createRuntime", work_script("hook", stubborn[i]), ",\"timeout\":1");
        bundle_script(bundle, "true");
        assert_refused(bundle_run(bundle), 1, "createRuntime");
    }
}

Scenario(hooks, a_failing_poststart_hook_ends_the_container)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "sleep 3600");
    add_hook(bundle, "poststart", work_script("hook", "exit 4"), "");
    assert_refused(bundle_run(bundle), 1, "poststart");
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

Scenario(hooks, a_failing_poststart_hook_of_start_stops_what_was_started)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "sleep 3600");
    add_hook(bundle, "poststart", work_script("hook", "exit 4"), "");
    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    assert_refused(crun("start", bundle->id), 1, "poststart");
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_ok(crun("delete", bundle->id));
}

Scenario(hooks, poststop_runs_however_the_container_goes)
{
    static const char *const ways[] = {"run", "delete", "delete of a created one"};
    const char *log = work_path("log");

    need_root();
    for (size_t i = 0; i < count_of(ways); i++) {
        struct bundle *bundle = bundle_new();

        add_hook(bundle, "poststop", work_script("hook", text("cat >%s", log)), "");
        bundle_script(bundle, i == 0 ? "true" : "sleep 3600");
        if (i == 0)
            assert_ok(bundle_run(bundle));
        else
            assert_ok(crun(i == 1 ? "run" : "create", i == 1 ? "-d" : "--no-pivot=false", "-b",
                           bundle->path, bundle->id));
        if (i > 0)
            bundle_delete(bundle);
        cr_assert(file_exists(log), "%s", ways[i]);
        assert_text(json_text(scenario_arena(), file_text(log), "status"), "stopped");
        cr_assert(unlink(log) == 0);
    }
}

/* Mounts are made, the root is not yet ours: the hook finds both sides. */
Scenario(hooks, create_container_sees_the_root_before_pivot)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_mount(bundle, "/work", "tmpfs", "a-mark", "");
    add_hook(bundle, "createContainer",
             work_script("hook", text("grep a-mark /proc/self/mountinfo >%s/seen; ls / >%s/host",
                                      scenario_work(), scenario_work())),
             "");
    bundle_script(bundle, "true");
    assert_ok(bundle_run(bundle));
    assert_has(file_text(work_path("seen")), "/work ");
    assert_has(file_text(work_path("host")), "usr\n");
}

Scenario(hooks, start_container_runs_inside)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "bin/hook",
                "#!/bin/sh\ncat >/work/state; hostname >/work/name; env >/work/env\n", 0755);
    add_hook(bundle, "startContainer", "/bin/hook", ",\"env\":[\"PATH=/bin\",\"OWN=1\"]");
    assert_text(inside(bundle, "cat /work/name; cat /work/env | sort | head -n 1"),
                "inside\nOWN=1");
    assert_text(json_text(scenario_arena(), file_text(text("%s/work/state", bundle->rootfs)), "id"),
                bundle->id);
}

/* A hook that never reads its standard input, and state that does not fit into a pipe. */
Scenario(hooks, a_hook_need_not_read_its_input)
{
    struct bundle *bundle = bundle_new();
    char *big = arena_zero(scenario_arena(), 200001, 1);

    need_root();
    memset(big, 'x', 200000);
    bundle_set(bundle, "annotations.big", "\"%s\"", big);
    add_hook(bundle, "createRuntime", work_script("hook", "exit 0"), ",\"timeout\":60");
    bundle_script(bundle, "echo ran");
    assert_text(bundle_run(bundle).out, "ran\n");
}

Scenario(hooks, much_output_of_a_failing_hook_is_cut)
{
    struct bundle *bundle = bundle_new();

    need_root();
    add_hook(bundle, "createRuntime",
             work_script("hook", "dd if=/dev/zero bs=1M count=16 2>/dev/null | tr '\\0' x; exit 1"),
             "");
    assert_refused(bundle_run(bundle), 1, "createRuntime");
}

Scenario(hooks, a_missing_hook_is_named)
{
    struct bundle *bundle = bundle_new();

    need_root();
    add_hook(bundle, "createRuntime", "/no/such/hook", "");
    assert_refused(bundle_run(bundle), 1, "/no/such/hook");
}

/* startContainer hooks run behind the container's own filter, and many answer ENOSYS to clone3. */
Scenario(hooks, start_where_the_filter_hides_clone3)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.noNewPrivileges", "false");
    bundle_set(bundle, "linux.seccomp",
               "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"clone3\"],"
               "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38}]}");
    add_hook(bundle, "startContainer", "/bin/true", "");
    bundle_script(bundle, "echo ran");
    assert_text(bundle_run(bundle).out, "ran\n");
}
