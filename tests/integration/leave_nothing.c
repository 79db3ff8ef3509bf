/* The leave-nothing check itself: a test that leaves something must fail, whatever it is. */

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

static const char *left(void)
{
    return leftovers(scenario_before(), scenario_scope(), 0, scenario_arena());
}

Scenario(leave_nothing, nothing_is_nothing)
{
    assert_text(left(), "");
}

Scenario(leave_nothing, a_process_shows)
{
    struct running sleeper = program_begin(
        PROGRAM(.arguments = (const char *[]){"sleep", "1000", NULL}));

    assert_has(left(), text("process: %d", (int)sleeper.pid));
    kernel_pidfd_send_signal(sleeper.pidfd, 9);
    assert_code(program_wait(&sleeper, DEADLINE_SECONDS), 128 + 9);
    assert_text(left(), "");
}

Scenario(leave_nothing, a_process_that_went_into_the_background_shows)
{
    const char *left_line;

    assert_ok(program_run(PROGRAM(.arguments = (const char *[]){
                                      "sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &", NULL})));
    left_line = left();
    assert_has(left_line, "process: ");
    leftovers_remove(scenario_scope());
    assert_text(left(), "");
}

Scenario(leave_nothing, a_state_directory_shows)
{
    const char *path = text("%s/web", scenario_root());

    cr_assert(mkdir(path, 0700) == 0);
    assert_text(left(), text("state: %s\nfile: %s\n", path, path));
    cr_assert(rmdir(path) == 0);
}

Scenario(leave_nothing, a_file_beside_the_bundle_shows)
{
    const char *path = text("%s/stray", scenario_scope()->base);

    cr_assert(mkdir(path, 0700) == 0);
    assert_text(left(), text("file: %s\n", path));
    cr_assert(rmdir(path) == 0);
}

Scenario(leave_nothing, a_file_in_run_shows)
{
    need_root();
    cr_assert(mkdir("/run/stray", 0700) == 0);
    assert_text(left(), "file: /run/stray\n");
    cr_assert(rmdir("/run/stray") == 0);
}

Scenario(leave_nothing, a_mount_shows)
{
    const char *path = work_path("point");

    need_root();
    cr_assert(mkdir(path, 0755) == 0);
    cr_assert(kernel_mount("none", path, "tmpfs", 0, NULL) == 0);
    assert_has(left(), text("%s rw", path));
    cr_assert(kernel_umount(path, MNT_DETACH) == 0);
    assert_text(left(), "");
}

Scenario(leave_nothing, a_mount_made_private_shows)
{
    const char *path = work_path("point");
    struct snapshot shared;
    const char *changes;

    need_root();
    cr_assert(mkdir(path, 0755) == 0);
    cr_assert(kernel_mount("none", path, "tmpfs", 0, NULL) == 0);
    snapshot_take(&shared, scenario_scope());
    cr_assert(kernel_mount(NULL, path, NULL, MS_PRIVATE, NULL) == 0);
    changes = leftovers(&shared, scenario_scope(), 0, scenario_arena());
    assert_has(changes, "mount: ");
    assert_has(changes, "mount gone: ");
    snapshot_done(&shared);
    cr_assert(kernel_umount(path, MNT_DETACH) == 0);
}

Scenario(leave_nothing, a_cgroup_shows)
{
    struct bundle *bundle = bundle_new();
    char *directory, *last;

    need_root();
    directory = text("%s", bundle_cgroup_file(bundle, "pids", ""));
    last = strstr(directory, ".group/");
    last[strlen(".group")] = '\0';
    cr_assert(mkdir(directory, 0755) == 0);
    assert_text(left(), text("cgroup: %s\n", directory));
    leftovers_remove(scenario_scope());
    assert_text(left(), "");
}

/* A filter that allows everything, held by the cgroup `directory` alone once we have closed it. */
static int attach_device_filter(const char *directory)
{
    const struct bpf_insn allow[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
        {.code = BPF_JMP | BPF_EXIT                          },
    };
    autoclose int cgroup = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    union bpf_attr load = {0}, attach = {0};
    autoclose int program = -1;

    load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    load.insns = (uintptr_t)allow;
    load.insn_cnt = count_of(allow);
    load.license = (uintptr_t) "Apache-2.0";
    memcpy(load.prog_name, OUR_DEVICE_FILTERS, sizeof OUR_DEVICE_FILTERS);
    program = (int)kernel_bpf(BPF_PROG_LOAD, &load, sizeof load);
    if (program < 0)
        return -errno;
    attach.target_fd = (unsigned)cgroup;
    attach.attach_bpf_fd = (unsigned)program;
    attach.attach_type = BPF_CGROUP_DEVICE;
    return kernel_bpf(BPF_PROG_ATTACH, &attach, sizeof attach) < 0 ? -errno : 0;
}

/* Where cgroup v2 is, alone or beside v1 as systemd mounts it; NULL when it is nowhere. */
static const char *v2_mount_point(void)
{
    static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

    for (size_t i = 0; i < count_of(places); i++)
        if (file_exists(text("%s/cgroup.controllers", places[i])))
            return places[i];
    return NULL;
}

Scenario(leave_nothing, a_device_filter_shows)
{
    const char *directory;
    int code;

    need_root();
    if (v2_mount_point() == NULL)
        skip("this host has no cgroup v2: v1 filters devices by files of the cgroup");
    directory = text("%s/%s", v2_mount_point(), scenario_tag());
    cr_assert(mkdir(directory, 0755) == 0, "%s: %s", directory, strerror(errno));
    code = attach_device_filter(directory);
    cr_assert(code == 0, "%s: %s", directory, strerror(-code));
    assert_has(left(), "device filter: program ");
    assert_has(left(), text("cgroup: %s\n", directory));
    leftovers_remove(scenario_scope());
    cr_assert(eventually(*left() == '\0'), "%s", left());
}

Scenario(leave_nothing, a_keyring_shows)
{
    enum { KEYCTL_JOIN = 1 };
    pid_t child = fork();

    if (child == 0) {
        if (kernel_keyctl(KEYCTL_JOIN, (unsigned long)text("_ses.%s", scenario_tag()), 0, 0, 0) < 0)
            _exit(1);
        pause();
    }
    cr_assert(eventually(strstr(left(), "keyring: ") != NULL), "it did not show:\n%s", left());
    leftovers_remove(scenario_scope());
}

Scenario(json, edits_are_where_they_should_be)
{
    struct arena *arena = scenario_arena();
    const char *document = "{\"a\": [1, {\"b\": \"x,]y\"}], \"c\": {}}";

    assert_text(json_set(arena, document, "a[1].b", "2"), "{\"a\": [1, {\"b\": 2}], \"c\": {}}");
    assert_text(json_set(arena, document, "a[+]", "2"),
                "{\"a\": [1, {\"b\": \"x,]y\"},2], \"c\": {}}");
    assert_text(json_set(arena, document, "c.'d.e'[+]", "3"),
                "{\"a\": [1, {\"b\": \"x,]y\"}], \"c\": {\"d.e\":[3]}}");
    assert_text(json_remove(arena, document, "a"), "{\"c\": {}}");
    assert_text(json_remove(arena, document, "c"), "{\"a\": [1, {\"b\": \"x,]y\"}]}");
    assert_text(json_remove(arena, document, "a[0]"), "{\"a\": [{\"b\": \"x,]y\"}], \"c\": {}}");
    assert_text(json_text(arena, document, "a[1].b"), "x,]y");
    assert_text(json_get(arena, document, "a[0]"), "1");
    cr_assert(json_get(arena, document, "a[7]") == NULL);
}
