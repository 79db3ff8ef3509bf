/* checkpoint and restore, by the program criu: what a process had in memory goes on. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/checkpoint.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/receive.h"
#include "tests/integration/harness/scenario.h"

static void forget_images(void)
{
    assert_ok(program_run(PROGRAM(.arguments = (const char *[]){"rm", "-rf", images(), NULL})));
}

/* A program of the host, with the libraries it needs. */
static void bring_program(struct bundle *bundle, const char *name)
{
    static const char script[] = "set -e; program=$(which \"$1\")\n"
                                 "for file in $program $(ldd $program | grep -o '/[^ )]*'); do\n"
                                 "  mkdir -p \"$2${file%/*}\"; cp -L $file \"$2$file\"\n"
                                 "done";

    need_command(name);
    assert_ok(program_run(PROGRAM(.arguments = (const char *[]){"sh", "-c", script, "sh", name,
                                                                bundle->rootfs, NULL})));
}

/* busybox may have no flock, and an inherited lock is not enough: CRIU asks who took it. */
static struct bundle *locking_bundle(void)
{
    struct bundle *bundle = counting_bundle();

    bring_program(bundle, "flock");
    bundle_script(bundle, "exec flock /work/lock sh -c '" COUNTING "'");
    return bundle;
}

static bool is_locked(struct bundle *bundle)
{
    autoclose int lock = open(text("%s/work/lock", bundle->rootfs), O_RDWR | O_CLOEXEC);

    cr_assert(lock >= 0, "%s", strerror(errno));
    return flock(lock, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* --- the container comes back ------------------------------------------------------------------
 */

Scenario(checkpoint, a_process_goes_on_where_it_was)
{
    struct counter before, after;

    need_criu();

    struct bundle *bundle = counting_bundle();

    bundle_set(bundle, "linux.resources.pids", "{\"limit\":77}");
    start_counting(bundle);
    assert_ok(checkpoint(bundle));
    assert_refused(crun("state", bundle->id), 1, "does not exist");
    before = counter_of(bundle);
    assert_ok(restore(bundle, bundle->id));
    assert_text(bundle_status(bundle), "running");
    after = counter_beyond(bundle, before.count);
    assert_text(after.cookie, before.cookie);
    assert_text(file_line(bundle_cgroup_file(bundle, "pids", "pids.max")), "77");
    assert_has(file_text(bundle_cgroup_file(bundle, "pids", "cgroup.procs")),
               text("%d\n", bundle_pid(bundle)));
    assert_text(inside_running(bundle, "hostname; cat /proc/1/comm"), "inside\nsh");
    bundle_delete(bundle);
}

Scenario(checkpoint, under_another_id_and_in_another_cgroup)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *id = text("%s-again", bundle->id);
    const char *cgroup = text("/%s.other/%s", bundle->id, id);

    start_counting(bundle);
    assert_ok(checkpoint(bundle));

    struct counter before = counter_of(bundle);

    bundle->cgroup = cgroup;
    bundle_set(bundle, "linux.cgroupsPath", "\"%s\"", cgroup);
    assert_ok(restore(bundle, id));
    bundle->id = id;
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    assert_has(file_text(bundle_cgroup_file(bundle, "pids", "cgroup.procs")),
               text("%d\n", bundle_pid(bundle)));
    /* Its own root, as seen from inside. */
    assert_lacks(inside_running(bundle, "cat /proc/1/cgroup"), "..");
    bundle_delete(bundle);
}

Scenario(checkpoint, leave_running_leaves_it_running)
{
    need_criu();

    struct bundle *bundle = counting_bundle();

    start_counting(bundle);

    struct counter before = counter_of(bundle);

    assert_ok(checkpoint(bundle, "--leave-running"));
    assert_text(bundle_status(bundle), "running");
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    bundle_delete(bundle);
    /* And the images are as good as others. */
    assert_ok(restore(bundle, bundle->id));
    assert_text(counter_beyond(bundle, counter_of(bundle).count).cookie, before.cookie);
    bundle_delete(bundle);
}

Scenario(checkpoint, one_that_fails_says_why_and_leaves_it_running)
{
    need_criu();

    /* CRIU wants to be told that locks are expected. */
    struct bundle *bundle = locking_bundle();

    start_counting(bundle);

    struct outcome outcome = checkpoint(bundle);

    assert_refused(outcome, 1, "lock");
    assert_has(outcome.err, text("%s/dump.log", images()));
    assert_text(bundle_status(bundle), "running");
    counter_beyond(bundle, counter_of(bundle).count);
    bundle_delete(bundle);
}

/* --- what a container may not be ---------------------------------------------------------------
 */

Scenario(checkpoint, refuses_an_upper_layer_that_goes_with_the_container)
{
    need_criu();

    struct bundle *bundle = counting_bundle();

    assert_ok(crun("run", "--overlay", "-d", "-b", bundle->path, bundle->id));
    assert_refused(checkpoint(bundle), 1, "--overlay");
    assert_text(bundle_status(bundle), "running");
    bundle_delete(bundle);
}

Scenario(checkpoint, refuses_what_is_created_or_stopped)
{
    need_criu();

    struct bundle *bundle = counting_bundle();

    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    assert_refused(checkpoint(bundle), 1, "created");
    bundle_delete(bundle);
    bundle_script(bundle, "true");
    bundle_start_as_is(bundle);
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_refused(checkpoint(bundle), 1, "not running");
    bundle_delete(bundle);
    cr_assert(!file_exists(images()));
}

Scenario(checkpoint, a_paused_container_can_be_written_out)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    struct counter before;

    start_counting(bundle);
    assert_ok(crun("pause", bundle->id));
    before = counter_of(bundle);
    assert_ok(checkpoint(bundle, "--leave-running"));
    assert_text(bundle_status(bundle), "paused");
    assert_ok(crun("resume", bundle->id));
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    bundle_delete(bundle);
    assert_ok(restore(bundle, bundle->id));
    assert_text(bundle_status(bundle), "running");
    assert_text(counter_beyond(bundle, counter_of(bundle).count).cookie, before.cookie);
    bundle_delete(bundle);
}

/* --- options -----------------------------------------------------------------------------------
 */

Scenario(checkpoint, file_locks_are_held_again)
{
    need_criu();

    struct bundle *bundle = locking_bundle();

    start_counting(bundle);
    cr_assert(is_locked(bundle));
    assert_ok(checkpoint(bundle, "--file-locks"));
    cr_assert(!is_locked(bundle));
    assert_ok(restore(bundle, bundle->id, "--file-locks"));
    cr_assert(is_locked(bundle));
    bundle_delete(bundle);
    cr_assert(!is_locked(bundle));
}

/* Written back: until then a file system may not have made up its mind about the blocks. */
static struct stat pages(const char *directory)
{
    autoclose int fd = open(text("%s/pages-1.img", directory), O_RDONLY | O_CLOEXEC);
    struct stat status;

    cr_assert(fd >= 0 && fsync(fd) == 0 && fstat(fd, &status) == 0, "%s/pages-1.img: %s", directory,
              strerror(errno));
    return status;
}

/* What the memory image weighs; what of it is not a hole. */
static long pages_size(const char *directory)
{
    return (long)pages(directory).st_size;
}

static long pages_on_disk(const char *directory)
{
    return (long)pages(directory).st_blocks * 512;
}

Scenario(checkpoint, a_pre_dump_leaves_less_to_write)
{
    need_criu();
    need_criu_feature("mem_dirty_track");

    struct bundle *bundle = counting_bundle();
    const char *first = work_path("first");

    bundle_script(bundle, "large=$(head -c 2000000 /dev/zero | tr '\\0' x); " COUNTING);
    start_counting(bundle);
    assert_ok(crun("checkpoint", "--pre-dump", "--image-path", first, bundle->id));
    assert_text(bundle_status(bundle), "running");
    counter_beyond(bundle, counter_of(bundle).count);
    assert_ok(checkpoint(bundle, "--parent-path", "../first"));

    struct counter before = counter_of(bundle);

    cr_assert(pages_size(first) > 2000000 && pages_size(images()) < 1000000, "%ld bytes after %ld",
              pages_size(images()), pages_size(first));
    assert_ok(restore(bundle, bundle->id));
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    bundle_delete(bundle);
}

/* What has changed is written out once more, and then the earlier images need not hold it. */
Scenario(checkpoint, auto_dedup_takes_out_of_earlier_images_what_is_written_again)
{
    static const char *const options[] = {NULL, "--auto-dedup"};

    need_criu();
    need_criu_feature("mem_dirty_track");

    for (size_t i = 0; i < count_of(options); i++) {
        struct bundle *bundle = counting_bundle();
        const char *first = work_path("first");
        struct counter before;
        long size, on_disk;

        bundle_script(bundle, "large=$(head -c 2000000 /dev/zero | tr '\\0' x); " COUNTING);
        start_counting(bundle);
        assert_ok(crun("checkpoint", "--pre-dump", "--image-path", first, bundle->id));
        size = pages_size(first);
        on_disk = pages_on_disk(first);
        counter_beyond(bundle, counter_of(bundle).count);
        assert_ok(options[i] == NULL ? checkpoint(bundle, "--parent-path", "../first")
                                     : checkpoint(bundle, "--parent-path", "../first", options[i]));
        before = counter_of(bundle);
        cr_assert(pages_size(images()) > 0 && pages_size(first) == size);
        if (options[i] == NULL)
            cr_assert(pages_on_disk(first) == on_disk);
        else
            cr_assert(pages_on_disk(first) < on_disk, "%ld bytes, as before", on_disk);
        assert_ok(restore(bundle, bundle->id));
        assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
        bundle_delete(bundle);
        forget_images();
        assert_ok(program_run(PROGRAM(.arguments = (const char *[]){"rm", "-rf", first, NULL})));
    }
}

/* Memory is then not there twice, but the images are used up. */
Scenario(checkpoint, auto_dedup_of_restore_uses_the_images_up)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    struct counter before;
    long on_disk;

    bundle_script(bundle, "large=$(head -c 2000000 /dev/zero | tr '\\0' x); " COUNTING);
    start_counting(bundle);
    assert_ok(checkpoint(bundle));
    before = counter_of(bundle);
    on_disk = pages_on_disk(images());
    cr_assert(on_disk > 2000000, "%ld", on_disk);
    assert_ok(restore(bundle, bundle->id));
    bundle_delete(bundle);
    cr_assert(pages_on_disk(images()) == on_disk);
    assert_ok(restore(bundle, bundle->id, "--auto-dedup"));
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    cr_assert(pages_on_disk(images()) < on_disk / 2, "%ld bytes of %ld are left",
              pages_on_disk(images()), on_disk);
    bundle_delete(bundle);
}

Scenario(checkpoint, an_absolute_parent_path_is_refused)
{
    need_criu();

    struct bundle *bundle = counting_bundle();

    start_counting(bundle);
    assert_refused(checkpoint(bundle, "--parent-path", work_path("first")), 1, "--parent-path");
    bundle_delete(bundle);
}

Scenario(checkpoint, logs_are_in_the_work_path)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *work = work_path("logs");

    start_counting(bundle);
    assert_ok(checkpoint(bundle, "--work-path", work));
    assert_has(file_text(text("%s/dump.log", work)), "Dumping finished successfully");
    cr_assert(!file_exists(text("%s/dump.log", images())));
    assert_ok(restore(bundle, bundle->id, "--work-path", work));
    assert_has(file_text(text("%s/restore.log", work)), "Restore finished successfully");
    bundle_delete(bundle);
}

static const char *const cgroup_modes[] = {"soft", "full", "strict", "ignore"};

Scenario(checkpoint, cgroup_modes_all_end_in_the_cgroup_of_the_bundle)
{
    need_criu();

    for (size_t i = 0; i < count_of(cgroup_modes); i++) {
        struct bundle *bundle = counting_bundle();
        const char *mode = cgroup_modes[i];

        start_counting(bundle);
        assert_ok(checkpoint(bundle, "--manage-cgroups-mode", mode));
        assert_ok(restore(bundle, bundle->id, "--manage-cgroups-mode", mode));
        assert_has(file_text(bundle_cgroup_file(bundle, "pids", "cgroup.procs")),
                   text("%d\n", bundle_pid(bundle)));
        bundle_delete(bundle);
        forget_images();
    }
}

/* The name it was opened by is gone, another one is there. */
Scenario(checkpoint, link_remap_finds_a_file_again)
{
    need_criu();

    struct bundle *bundle = counting_bundle();

    bundle_script(bundle, "exec 5>/work/a; ln /work/a /work/b; rm /work/a; "
                          "(while :; do echo x >&5; sleep 1; done) & " COUNTING);
    start_counting(bundle);
    assert_refused(checkpoint(bundle), 1, "link-remap");
    assert_text(bundle_status(bundle), "running");
    assert_ok(checkpoint(bundle, "--link-remap"));

    const char *other = text("%s/work/b", bundle->rootfs);
    size_t before = strlen(file_text(other));

    assert_ok(restore(bundle, bundle->id));
    cr_assert(eventually(strlen(file_text(other)) > before));
    bundle_delete(bundle);
    cr_assert(!file_exists(text("%s/work/a", bundle->rootfs)));
}

/* As Docker does: its hook makes the network anew. */
Scenario(checkpoint, an_empty_network_is_left_out)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    struct counter before;

    start_counting(bundle);
    assert_ok(program_run(PROGRAM(.arguments = (const char *[]){
                                      "nsenter", "-n", "-t", text("%d", bundle_pid(bundle)), "ip",
                                      "addr", "add", "10.9.9.9/32", "dev", "lo", NULL})));
    assert_ok(checkpoint(bundle, "--empty-ns", "network"));
    before = counter_of(bundle);
    assert_ok(restore(bundle, bundle->id, "--empty-ns", "network"));
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    assert_lacks(inside_running(bundle, "ip addr"), "10.9.9.9");
    bundle_delete(bundle);
}

/* --- what makes it possible --------------------------------------------------------------------
 */

/* Standard input of the harness's programs is the host's /dev/null. */
#define WHOSE_NULL                                                          \
    "stat -L -c %t:%T /proc/self/fd/0; id=$(sed -n 's/^mnt_id:[^0-9]*//p' " \
    "/proc/self/fdinfo/0); grep -q \"^$id \" /proc/self/mountinfo && echo own || echo host"

Scenario(checkpoint, null_streams_are_the_containers_own)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle, WHOSE_NULL), "1:3\nown");
    bundle_start(bundle);
    assert_text(inside_running(bundle, WHOSE_NULL), "1:3\nown");
    /* What only has that name is not opened. */
    inside_running(bundle, "rm /dev/null; mkfifo /dev/null");
    assert_text(inside_running(bundle, WHOSE_NULL), "1:3\nhost");
    inside_running(bundle, "rm /dev/null; echo a file >/dev/null");
    assert_text(inside_running(bundle, WHOSE_NULL), "1:3\nhost");
    bundle_delete(bundle);
}

/* --- what others are told ----------------------------------------------------------------------
 */

/* The program with nothing but `path` to look for others. */
#define crun_in_path(path, ...)                                                              \
    program_run(PROGRAM(.arguments = (const char *[]){"/usr/bin/env", text("PATH=%s", path), \
                                                      scenario_program(), "--root",          \
                                                      scenario_root(), __VA_ARGS__, NULL}))

static const char *checkpoint_annotation(const char *path)
{
    struct outcome outcome = crun_in_path(path, "features");

    assert_ok(outcome);
    return json_text(scenario_arena(), outcome.out,
                     "annotations.'org.opencontainers.runc.checkpoint.enabled'");
}

Scenario(checkpoint, features_say_whether_criu_is_there)
{
    work_script("criu", "exit 1");
    assert_text(checkpoint_annotation(scenario_work()), "true");
    assert_text(checkpoint_annotation("/var/empty"), "false");
}

Scenario(checkpoint, without_criu_the_missing_program_is_named)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_refused(crun_in_path("/var/empty", "checkpoint", "--image-path", images(), bundle->id),
                   1, "criu is not in PATH");
    assert_text(bundle_status(bundle), "running");
    cr_assert(!file_exists(images()));
    bundle_delete(bundle);
}

Scenario(checkpoint, the_hosts_cgroup_mounts_stay_as_they_are)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *script = "grep cgroup /proc/1/mountinfo";
    const char *const arguments[] = {"sh", "-c", script, NULL};
    struct outcome before = program_run(PROGRAM(.arguments = arguments));

    assert_ok(before);
    start_counting(bundle);
    assert_ok(checkpoint(bundle));
    assert_text(program_run(PROGRAM(.arguments = arguments)).out, before.out);
    assert_ok(restore(bundle, bundle->id));
    assert_text(program_run(PROGRAM(.arguments = arguments)).out, before.out);
    bundle_delete(bundle);
}

Scenario(checkpoint, mode_strict_takes_no_cgroup_that_is_there)
{
    need_criu();

    struct bundle *bundle = counting_bundle();

    start_counting(bundle);

    const char *procs = bundle_cgroup_file(bundle, "pids", "cgroup.procs");

    assert_ok(checkpoint(bundle));
    procs = text("%.*s", (int)(strrchr(procs, '/') - procs), procs);
    assert_ok(program_run(PROGRAM(.arguments = (const char *[]){"mkdir", "-p", procs, NULL})));
    assert_refused(restore(bundle, bundle->id, "--manage-cgroups-mode", "strict"), 1, procs);
    cr_assert(rmdir(procs) == 0 &&
              rmdir(text("%.*s", (int)(strrchr(procs, '/') - procs), procs)) == 0);
    assert_ok(restore(bundle, bundle->id, "--manage-cgroups-mode", "strict"));
    bundle_delete(bundle);
}
