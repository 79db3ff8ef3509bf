/* update of device rules: what a live container may open, told by opening it.  Each test runs on
 * the cgroups of the host and, where that has v1, once more with its v2 tree in the place of all.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/checkpoint.h"
#include "tests/integration/harness/host_mounts.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

/* /dev/kmsg and /dev/port under other names, which no container has by itself. */
#define NODES                                                            \
    "[{\"path\":\"/dev/kmsg2\",\"type\":\"c\",\"major\":1,\"minor\":11," \
    "\"fileMode\":438},"                                                 \
    "{\"path\":\"/dev/port2\",\"type\":\"c\",\"major\":1,\"minor\":4,"   \
    "\"fileMode\":438}]"

#define RULE(allow, members) "{\"allow\":" allow ",\"type\":\"c\"," members "}"
#define KMSG(allow)          RULE(allow, "\"major\":1,\"minor\":11,\"access\":\"rw\"")
#define PORT(allow)          RULE(allow, "\"major\":1,\"minor\":4,\"access\":\"rw\"")
#define EVERYTHING(allow)    "{\"allow\":" allow ",\"access\":\"rwm\"}"
#define DEVICES(rules)       "{\"devices\":[" rules "]}"

static void on_each_version(void (*test)(void))
{
    test();
    if (host_has_pure_cgroup2() || !host_see_v2_alone())
        return;
    test();
    host_see_all_again();
}

/* With what the devices themselves want of whoever opens them. */
static void add_devices(struct bundle *bundle)
{
    static const char *const sets[] = {"bounding", "effective", "permitted"};

    bundle_set(bundle, "linux.devices", NODES);
    for (size_t i = 0; i < count_of(sets); i++) {
        const char *set = text("process.capabilities.%s[+]", sets[i]);

        bundle_set(bundle, set, "\"CAP_SYSLOG\"");
        bundle_set(bundle, set, "\"CAP_SYS_RAWIO\"");
    }
}

static struct bundle *device_bundle(const char *rules)
{
    struct bundle *bundle = bundle_new();

    add_devices(bundle);
    bundle_set(bundle, "linux.resources.devices", "[%s]", rules);
    return bundle;
}

static struct outcome update_by(struct bundle *bundle, const char *resources)
{
    return crun_with(PROGRAM(.input = resources), "update", "--resources=-", bundle->id);
}

/* The names of those that are not refused, null as a rule.  /dev/port is not in every kernel: to be
 * told so (ENXIO) takes having come past the filter, too. */
static const char *opened(struct bundle *bundle)
{
    return inside_running(bundle, "for d in kmsg2 port2 null; do "
                                  "case $( (exec 3</dev/$d) 2>&1) in *permitted*) ;; "
                                  "*) echo -n \"$d \";; esac; done");
}

static const char *stored_rules(struct bundle *bundle)
{
    return json_text(scenario_arena(),
                     file_text(text("%s/%s/config.json", scenario_root(), bundle->id)),
                     "linux.resources.devices");
}

/* --- granted, revoked, left alone --------------------------------------------------------------
 */

static void grant_and_revoke(void)
{
    struct bundle *bundle = device_bundle(EVERYTHING("false"));
    const char *first;

    bundle_start(bundle);
    assert_text(opened(bundle), "null ");
    assert_ok(update_by(bundle, DEVICES(KMSG("true"))));
    assert_text(opened(bundle), "kmsg2 null ");
    assert_ok(update_by(bundle, DEVICES(PORT("true"))));
    assert_text(opened(bundle), "kmsg2 port2 null ");
    assert_ok(update_by(bundle, DEVICES(KMSG("false"))));
    assert_text(opened(bundle), "port2 null ");
    /* With limits, and without rules. */
    assert_ok(update_by(bundle, "{\"cpu\":{},\"devices\":[]}"));
    assert_ok(crun("update", bundle->id));
    assert_text(opened(bundle), "port2 null ");
    /* The whole list, as CRI sends it; again and again. */
    assert_ok(update_by(bundle, DEVICES(EVERYTHING("false") "," KMSG("true"))));
    assert_text(opened(bundle), "kmsg2 null ");
    first = stored_rules(bundle);
    for (int i = 0; i < 3; i++)
        assert_ok(update_by(bundle, DEVICES(EVERYTHING("false") "," KMSG("true"))));
    assert_text(stored_rules(bundle), first);
    /* That of an engine which does not know of one that somebody else has allowed. */
    assert_ok(update_by(bundle, DEVICES(EVERYTHING("false"))));
    assert_text(opened(bundle), "kmsg2 null ");
    assert_text(stored_rules(bundle), first);
    /* Default devices cannot be taken. */
    assert_ok(update_by(bundle, DEVICES(RULE("false", "\"access\":\"rwm\""))));
    assert_text(opened(bundle), "null ");
    bundle_delete(bundle);
}

Scenario(update_devices, are_granted_and_revoked)
{
    need_root();
    on_each_version(grant_and_revoke);
}

static void access_by_access(void)
{
    struct bundle *bundle = device_bundle(EVERYTHING("false"));
    static const char look[] = "(exec 3</dev/kmsg2) 2>/dev/null && echo -n r; "
                               "(exec 3>/dev/kmsg2) 2>/dev/null && echo -n w; true";

    bundle_start(bundle);
    assert_ok(update_by(bundle, DEVICES(RULE("true", "\"major\":1,\"minor\":11"))));
    assert_text(inside_running(bundle, look), "rw");
    assert_ok(
        update_by(bundle, DEVICES(RULE("false", "\"major\":1,\"minor\":11,\"access\":\"r\""))));
    assert_text(inside_running(bundle, look), "w");
    bundle_delete(bundle);
}

Scenario(update_devices, accesses_are_revoked_one_by_one)
{
    need_root();
    on_each_version(access_by_access);
}

/* Ids of the device programs of the container's v2 cgroup. */
static const char *programs(struct bundle *bundle)
{
    autoclose int cgroup = open(text("/sys/fs/cgroup%s", bundle->cgroup), O_RDONLY | O_CLOEXEC);
    uint32_t ids[64] = {0};
    union bpf_attr query = {0};
    const char *list = "";

    query.query.target_fd = (uint32_t)cgroup;
    query.query.attach_type = BPF_CGROUP_DEVICE;
    query.query.prog_ids = (uint64_t)(uintptr_t)ids;
    query.query.prog_cnt = count_of(ids);
    cr_assert(kernel_bpf(BPF_PROG_QUERY, &query, sizeof query) == 0, "%s", strerror(errno));
    for (uint32_t i = 0; i < query.query.prog_cnt; i++)
        list = text("%s%u ", list, ids[i]);
    return list;
}

/* What the kernel has, to be compared. */
static const char *filter_of(struct bundle *bundle)
{
    return host_has_pure_cgroup2()
               ? programs(bundle)
               : file_text(bundle_cgroup_file(bundle, "devices", "devices.list"));
}

static void leave_alone(void)
{
    static const char *const same[] = {
        "{}",
        "{\"devices\":[]}",
        "{\"devices\":null}",
        DEVICES(EVERYTHING("false") "," KMSG("true")),
        DEVICES(KMSG("true")),
    };
    struct bundle *bundle = device_bundle(EVERYTHING("false") "," KMSG("true"));
    const char *before;

    bundle_start(bundle);
    /* A hook's doing, as NVIDIA's is on v1. */
    if (!host_has_pure_cgroup2()) {
        int fd = open(bundle_cgroup_file(bundle, "devices", "devices.allow"), O_WRONLY | O_CLOEXEC);

        cr_assert(write(fd, "c 1:4 rw", 8) == 8);
        close(fd);
    }
    before = filter_of(bundle);
    for (size_t i = 0; i < count_of(same); i++) {
        assert_ok(update_by(bundle, same[i]));
        assert_text(filter_of(bundle), before);
    }
    assert_has(opened(bundle), "kmsg2 ");
    bundle_delete(bundle);
}

Scenario(update_devices, without_a_change_the_filter_is_not_touched)
{
    need_root();
    on_each_version(leave_alone);
}

/* --- without a moment in between ---------------------------------------------------------------
 */

/* As many, and on a slow machine as long. */
enum { UPDATES = 200, FLIPS = 40, LEAST = 10, SECONDS = 60 };

static bool goes_on(int done, int most, time_t begun)
{
    return done < most && (done < LEAST || time(NULL) - begun < SECONDS);
}

/* Opens what it may not and what it must be able to, until it is told to stop; each slip is a line.
 * `true` is no special builtin: a failed redirection does not end the shell. */
static const char watching[] = "n=0; while [ ! -e /stop ]; do "
                               "%s"
                               "true </dev/null || echo refused >>/slips; "
                               "n=$((n+1)); done 2>/dev/null; "
                               "echo $n >/.attempts; mv /.attempts /attempts; exec sleep 3600";

static void watch_begin(struct bundle *bundle, const char *first)
{
    bundle_script(bundle, text(watching, first));
    bundle_file(bundle, "/slips", "", 0666);
    bundle_start_as_is(bundle);
}

/* More attempts than updates, and no slips. */
static void watch_end(struct bundle *bundle, long least)
{
    const char *attempts = text("%s/attempts", bundle->rootfs);
    const char *slips = text("%s/slips", bundle->rootfs);

    bundle_file(bundle, "/stop", "", 0644);
    cr_assert(eventually(file_exists(attempts)));
    cr_assert(strtol(file_line(attempts), NULL, 10) > least, "only %s attempts",
              file_line(attempts));
    assert_text(file_text(slips), "");
    bundle_delete(bundle);
}

static void no_gap(void)
{
    struct bundle *bundle = device_bundle(EVERYTHING("false"));
    time_t begun = time(NULL);
    int i = 0;

    watch_begin(bundle, "true </dev/kmsg2 && echo opened >>/slips; ");
    for (; goes_on(i, UPDATES, begun); i++)
        assert_ok(update_by(bundle, i % 2 == 0 ? DEVICES(PORT("true")) : DEVICES(PORT("false"))));
    watch_end(bundle, i);
}

Scenario(update_devices, a_denied_device_is_never_open_and_a_default_one_never_closed)
{
    need_root();
    on_each_version(no_gap);
}

/* All allowed, and back: on v1 another default. */
static void no_gap_between_defaults(void)
{
    struct bundle *bundle = device_bundle(EVERYTHING("false"));
    time_t begun = time(NULL);
    int i = 0;

    watch_begin(bundle, "");
    for (; goes_on(i, FLIPS, begun); i++) {
        assert_ok(update_by(bundle, i % 2 == 0 ? DEVICES(EVERYTHING("true"))
                                               : DEVICES(EVERYTHING("false"))));
        assert_text(opened(bundle), i % 2 == 0 ? "kmsg2 port2 null " : "null ");
    }
    watch_end(bundle, i);
}

Scenario(update_devices, default_devices_stay_open_when_the_default_changes)
{
    need_root();
    on_each_version(no_gap_between_defaults);
}

/* What is paused stays so, and what is not does not become so. */
static void paused(void)
{
    struct bundle *bundle = device_bundle(EVERYTHING("false"));

    bundle_start(bundle);
    assert_ok(update_by(bundle, DEVICES(EVERYTHING("true"))));
    assert_text(bundle_status(bundle), "running");
    assert_ok(crun("pause", bundle->id));
    assert_ok(update_by(bundle, DEVICES(EVERYTHING("false"))));
    assert_text(bundle_status(bundle), "paused");
    assert_ok(crun("resume", bundle->id));
    assert_text(opened(bundle), "null ");
    bundle_delete(bundle);
}

Scenario(update_devices, a_pause_is_neither_ended_nor_begun)
{
    need_root();
    on_each_version(paused);
}

/* --- all or nothing ----------------------------------------------------------------------------
 */

Scenario(update_devices, when_a_limit_fails_they_are_what_they_were)
{
    struct bundle *bundle = device_bundle(EVERYTHING("false") "," KMSG("true"));
    const char *rules, *filter;

    need_root();
    bundle_start(bundle);
    rules = stored_rules(bundle);
    filter = filter_of(bundle);
    assert_refused(update_by(bundle, "{\"pids\":{\"limit\":99999999},\"devices\":[" PORT(
                                         "true") "," KMSG("false") "]}"),
                   1, "linux.resources.pids.limit: write \"99999999\" to ");
    assert_text(opened(bundle), "kmsg2 null ");
    assert_text(stored_rules(bundle), rules);
    assert_text(filter_of(bundle), filter);
    bundle_delete(bundle);
}

static void write_line(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    cr_assert(write(fd, line, strlen(line)) == (ssize_t)strlen(line), "%s to %s: %s", line, path,
              strerror(errno));
    close(fd);
}

/* The cgroup above has not what the second rule would give: the first is taken back. */
Scenario(update_devices, when_v1_refuses_one_rule_the_others_are_taken_back)
{
    struct bundle *bundle = device_bundle(EVERYTHING("false") "," KMSG("true"));
    const char *above = text("/sys/fs/cgroup/devices/%s-above", scenario_tag());

    need_root();
    if (host_has_pure_cgroup2() || !file_exists("/sys/fs/cgroup/devices/devices.list"))
        skip("no v1 devices controller here");
    cr_assert(mkdir(above, 0755) == 0);
    bundle->cgroup = text("/%s-above/%s", scenario_tag(), bundle->id);
    bundle_set(bundle, "linux.cgroupsPath", "\"%s\"", bundle->cgroup);
    bundle_start(bundle);
    write_line(text("%s/devices.deny", above), "b 7:* rwm");
    write_line(text("%s/devices.deny", above), "c 1:4 rw");
    assert_refused(
        update_by(bundle, DEVICES(KMSG("false") "," RULE("true", "\"major\":10,"
                                                                 "\"minor\":1") "," PORT("true"))),
        1, "linux.resources.devices: write \"c 1:4 rw\" to ");
    assert_has(update_by(bundle, DEVICES(PORT("true"))).err,
               "(the cgroup above does not allow that itself)");
    assert_text(opened(bundle), "kmsg2 null ");
    assert_lacks(file_text(bundle_cgroup_file(bundle, "devices", "devices.list")), "c 10:1 ");
    bundle_delete(bundle);
    rmdir(above);
}

/* v1 cannot: one error, nothing changed; v2 can. */
static void part_of_a_rule(void)
{
    struct bundle *bundle = device_bundle(
        EVERYTHING("false") "," RULE("true", "\"major\":1,\"access\":\"rw\""));
    struct outcome outcome;

    bundle_start(bundle);
    assert_text(opened(bundle), "kmsg2 port2 null ");
    outcome = update_by(bundle, DEVICES(KMSG("false")));
    if (host_has_pure_cgroup2()) {
        assert_ok(outcome);
        assert_text(opened(bundle), "port2 null ");
    } else {
        assert_refused(outcome, 1,
                       "linux.resources.devices[0]: cgroup v1 cannot deny a part of what the "
                       "container's rule c 1:* rw allows");
        assert_text(opened(bundle), "kmsg2 port2 null ");
        assert_lacks(stored_rules(bundle), "11");
    }
    bundle_delete(bundle);
}

Scenario(update_devices, a_part_of_a_rule_can_be_denied_or_is_refused)
{
    need_root();
    on_each_version(part_of_a_rule);
}

/* The kernel has it so: with cgroups below, v1's default cannot change. */
Scenario(update_devices, another_default_with_cgroups_below_is_refused_on_v1)
{
    struct bundle *bundle = device_bundle(EVERYTHING("false"));
    const char *below;

    need_root();
    if (host_has_pure_cgroup2() || !file_exists("/sys/fs/cgroup/devices/devices.list"))
        skip("no v1 devices controller here");
    bundle_start(bundle);
    below = bundle_cgroup_file(bundle, "devices", "below");
    cr_assert(mkdir(below, 0755) == 0);
    assert_refused(update_by(bundle, DEVICES(EVERYTHING("true"))), 1,
                   "devices.allow: Invalid argument (not with cgroups below it)");
    assert_text(bundle_status(bundle), "running");
    assert_text(opened(bundle), "null ");
    bundle_delete(bundle);
}

Scenario(update_devices, bad_rules_are_refused_by_place)
{
    static const struct {
        const char *rules, *message;
    } rows[] = {
        {"{\"allow\":true,\"access\":\"x\"}",                   "devices[0].access: \"x\" is not made of"},
        {"{\"allow\":true,\"access\":\"\"}",                    "devices[0].access: \"\" is not made of" },
        {KMSG("true") ",{\"allow\":true,\"major\":3000000000}",
         "devices[1].major: 3000000000 is out of"                                                        },
        {"{\"allow\":true,\"type\":\"p\"}",                     "devices[0].type: \"p\""                 },
    };
    struct bundle *bundle = device_bundle(EVERYTHING("false"));

    need_root();
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(rows); i++)
        assert_refused(update_by(bundle, text("{\"devices\":[%s]}", rows[i].rules)), 1,
                       rows[i].message);
    assert_text(opened(bundle), "null ");
    bundle_delete(bundle);
}

/* --- v2: programs ------------------------------------------------------------------------------
 */

static void one_program(void)
{
    struct bundle *bundle = device_bundle(EVERYTHING("false"));
    const char *before;

    bundle_start(bundle);
    before = programs(bundle);
    assert_ok(update_by(bundle, DEVICES(KMSG("true"))));
    cr_assert(strchr(programs(bundle), ' ')[1] == '\0', "not one: %s", programs(bundle));
    cr_assert(strcmp(programs(bundle), before) != 0);
    bundle_delete(bundle);
}

static void on_v2(void (*test)(void))
{
    need_root();
    if (!host_has_pure_cgroup2() && !host_see_v2_alone())
        skip("needs cgroup v2");
    test();
}

Scenario(update_devices, there_is_always_one_program)
{
    on_v2(one_program);
}

static int open_cgroup(struct bundle *bundle)
{
    int cgroup = open(text("/sys/fs/cgroup%s", bundle->cgroup), O_RDONLY | O_CLOEXEC);

    cr_assert(cgroup >= 0);
    return cgroup;
}

static void detach_program(struct bundle *bundle, int cgroup)
{
    union bpf_attr attributes = {0};

    attributes.prog_id = (uint32_t)strtoul(programs(bundle), NULL, 10);

    autoclose int program = (int)kernel_bpf(BPF_PROG_GET_FD_BY_ID, &attributes, sizeof attributes);

    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    cr_assert(kernel_bpf(BPF_PROG_DETACH, &attributes, sizeof attributes) == 0);
}

/* Somebody has taken our program away: another of ours would not widen what is there now. */
static void without_program(void)
{
    struct bundle *bundle = device_bundle(EVERYTHING("false"));

    bundle_start(bundle);

    autoclose int cgroup = open_cgroup(bundle);

    detach_program(bundle, cgroup);
    assert_refused(update_by(bundle, DEVICES(KMSG("true"))), 1,
                   "linux.resources.devices: the container's cgroup has no device filter of ours");
    bundle_delete(bundle);
}

Scenario(update_devices, without_a_filter_of_ours_nothing_is_pretended)
{
    on_v2(without_program);
}

/* One that allows everything, as systemd attaches its own. */
static void attach_program_of_others(int cgroup)
{
    const struct bpf_insn allow[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
        {.code = BPF_JMP | BPF_EXIT                          },
    };
    union bpf_attr attributes = {0};

    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.insns = (uint64_t)(uintptr_t)allow;
    attributes.insn_cnt = count_of(allow);
    attributes.license = (uint64_t)(uintptr_t) "GPL";
    strcpy(attributes.prog_name, "others");

    autoclose int program = (int)kernel_bpf(BPF_PROG_LOAD, &attributes, sizeof attributes);

    cr_assert(program >= 0, "%s", strerror(errno));
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.attach_flags = BPF_F_ALLOW_MULTI;
    cr_assert(kernel_bpf(BPF_PROG_ATTACH, &attributes, sizeof attributes) == 0, "%s",
              strerror(errno));
}

/* Theirs may deny what ours allows: it is not ours to replace. */
static void with_program_of_others(void)
{
    struct bundle *bundle = device_bundle(EVERYTHING("false"));
    const char *theirs;

    bundle_start(bundle);

    autoclose int cgroup = open_cgroup(bundle);

    detach_program(bundle, cgroup);
    attach_program_of_others(cgroup);
    theirs = programs(bundle);
    assert_refused(update_by(bundle, DEVICES(KMSG("true"))), 1,
                   "linux.resources.devices: the container's cgroup has no device filter of ours");
    assert_text(programs(bundle), theirs);
    bundle_delete(bundle);
}

Scenario(update_devices, a_filter_of_others_is_not_replaced)
{
    on_v2(with_program_of_others);
}

/* --- a kernel before 5.6 -----------------------------------------------------------------------
 */

/* Answers what the listener hears, for ever: bpf(BPF_PROG_ATTACH) knows no BPF_F_REPLACE.  Counts
 * in `told`. */
static _Noreturn void play_old_kernel(int listener, int *told)
{
    for (;;) {
        struct seccomp_notif call;
        struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        union bpf_attr attributes = {0};
        char path[64];

        memset(&call, 0, sizeof call);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
            continue;
        snprintf(path, sizeof path, "/proc/%u/mem", call.pid);

        int memory = open(path, O_RDONLY | O_CLOEXEC);

        if (pread(memory, &attributes, 20, (off_t)call.data.args[1]) == 20 &&
            attributes.attach_flags & BPF_F_REPLACE) {
            answer.flags = 0;
            answer.error = -EINVAL;
            ++*told;
        }
        close(memory);
        answer.id = call.id;
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

/* For this test and everything it runs.  Returns the process that plays. */
static pid_t begin_old_kernel(int *told)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BPF_PROG_ATTACH, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = count_of(filter), .filter = filter};
    int listener = kernel_seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                                  &program);
    pid_t player;

    cr_assert(listener >= 0, "%s", strerror(errno));
    player = fork();
    if (player == 0)
        play_old_kernel(listener, told);
    close(listener);
    return player;
}

static void two_steps(void)
{
    int *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t player;

    cr_assert(told != MAP_FAILED);
    player = begin_old_kernel(told);
    no_gap();
    one_program();
    kill(player, SIGKILL);
    waitpid(player, NULL, 0);
    cr_assert(*told > LEAST, "asked to replace %d times", *told);
}

Scenario(update_devices, a_kernel_that_cannot_replace_has_both_for_a_moment)
{
    on_v2(two_steps);
}

/* --- later -------------------------------------------------------------------------------------
 */

/* It is made anew as the bundle says, as with runc; and can be updated as before. */
Scenario(update_devices, restore_begins_with_the_bundles)
{
    need_criu();

    struct bundle *bundle = counting_bundle();

    add_devices(bundle);
    start_counting(bundle);
    assert_ok(update_by(bundle, DEVICES(KMSG("true"))));
    assert_ok(checkpoint(bundle));
    assert_ok(restore(bundle, bundle->id));
    assert_text(opened(bundle), "null ");
    assert_ok(update_by(bundle, DEVICES(KMSG("true"))));
    assert_text(opened(bundle), "kmsg2 null ");
    bundle_delete(bundle);
}
