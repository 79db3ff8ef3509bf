/* config-linux.md "Devices", "Default Devices". */

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/host_mounts.h"
#include "tests/integration/harness/scenario.h"

Scenario(devices, the_defaults_are_there)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle,
                       "cd /dev; stat -c '%n %t:%T %a %F' null zero full random urandom tty; "
                       "for l in fd stdin stdout stderr ptmx; do echo $l $(readlink $l); done"),
                "null 1:3 666 character special file\n"
                "zero 1:5 666 character special file\n"
                "full 1:7 666 character special file\n"
                "random 1:8 666 character special file\n"
                "urandom 1:9 666 character special file\n"
                "tty 5:0 666 character special file\n"
                "fd /proc/self/fd\n"
                "stdin /proc/self/fd/0\n"
                "stdout /proc/self/fd/1\n"
                "stderr /proc/self/fd/2\n"
                "ptmx pts/ptmx");
}

Scenario(devices, the_defaults_work)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle, "echo gone >/dev/null; head -c 4 /dev/zero | od -An -tx1; "
                               "head -c 4 /dev/urandom | wc -c; echo x 2>/dev/null >/dev/full || "
                               "echo full; echo out >>/dev/stdout"),
                " 00 00 00 00\n4\nfull\nout");
}

Scenario(devices, those_listed_are_made_as_listed)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.devices",
               "[{\"path\":\"/dev/mine\",\"type\":\"c\",\"major\":1,\"minor\":5,\"fileMode\":8608,"
               "\"uid\":7,\"gid\":8},"
               "{\"path\":\"/dev/block/deep\",\"type\":\"b\",\"major\":7,\"minor\":0},"
               "{\"path\":\"/dev/fifo\",\"type\":\"p\",\"fileMode\":384}]");
    assert_text(inside(bundle, "cd /dev; stat -c '%n %t:%T %a %u:%g %F' mine block/deep; "
                               "stat -c '%n %a %F' fifo"),
                "mine 1:5 640 7:8 character special file\n"
                "block/deep 7:0 666 0:0 block special file\n"
                "fifo 600 fifo");
}

/* --- what the image has there already -----------------------------------------------------------
 */

/* Which the host has by that name, too: in a user namespace it is bound. */
#define LISTED "[{\"path\":\"/dev/zero\",\"type\":\"c\",\"major\":1,\"minor\":5}]"

enum { NOTHING, EMPTY_FILE, FILE_WITH_TEXT, DIRECTORY, LINK, OTHER_DEVICE, FIFO, IT };

static const struct {
    const char *what; /* in the message; NULL: it may be there */
    const char *in_user_namespace;
} existing[] = {
    [NOTHING] = {NULL,                 NULL                },
 /* What binding leaves in an image. */
    [EMPTY_FILE] = {"a file",             NULL                },
    [FILE_WITH_TEXT] = {"a file",             "a file"            },
    [DIRECTORY] = {"a directory",        "a directory"       },
    [LINK] = {"a symbolic link",    "a symbolic link"   },
    [OTHER_DEVICE] = {"a character device", "a character device"},
    [FIFO] = {"a FIFO",             "a FIFO"            },
    [IT] = {NULL,                 NULL                },
};

static int put(const char *place, size_t kind)
{
    switch (kind) {
    case EMPTY_FILE:
        return mknod(place, S_IFREG | 0644, 0);
    case FILE_WITH_TEXT:
        return mknod(place, S_IFREG | 0644, 0) < 0 ? -1 : truncate(place, 1);
    case DIRECTORY:
        return mkdir(place, 0755);
    case LINK:
        return symlink("nowhere", place);
    case OTHER_DEVICE:
        return mknod(place, S_IFCHR | 0666, makedev(1, 3));
    case FIFO:
        return mkfifo(place, 0644);
    case IT:
        return mknod(place, S_IFCHR | 0640, makedev(1, 5));
    default:
        return 0;
    }
}

/* So that the image's own /dev is seen. */
static void remove_dev_mounts(struct bundle *bundle)
{
    for (int i = 0; i < 4; i++)
        bundle_remove(bundle, "mounts[1]");
}

static void check_existing(bool user_namespace)
{
    for (size_t i = 0; i < count_of(existing); i++) {
        struct bundle *bundle = bundle_new();
        const char *what = user_namespace ? existing[i].in_user_namespace : existing[i].what;

        remove_dev_mounts(bundle);
        if (user_namespace)
            bundle_map_users(bundle, 100000, 65536);
        bundle_set(bundle, "linux.devices", "%s", LISTED);
        cr_assert(put(text("%s/dev/zero", bundle->rootfs), i) == 0);
        bundle_script(bundle, "stat -c %t:%T /dev/zero");
        if (what == NULL)
            assert_text(inside(bundle, "stat -c %t:%T /dev/zero"), "1:5");
        else
            assert_refused(
                bundle_run(bundle), 1,
                text("linux.devices[0] /dev/zero: the root file system has %s there that "
                     "is not this device",
                     what));
    }
}

/* "if a file already exists at path that does not match the requested device, the runtime MUST
 * generate an error" */
Scenario(devices, another_thing_in_the_place_of_a_listed_one_is_an_error)
{
    need_root();
    check_existing(false);
}

Scenario(devices, another_thing_in_its_place_is_an_error_in_a_user_namespace_too)
{
    need_root();
    check_existing(true);
}

/* Docker keeps the path of a link, with the numbers of the device it leads to. */
Scenario(devices, a_link_to_the_device_is_as_good)
{
    struct bundle *bundle = bundle_new();

    need_root();
    remove_dev_mounts(bundle);
    cr_assert(mkdir(text("%s/dev/by-id", bundle->rootfs), 0755) == 0 &&
              symlink("../zero", text("%s/dev/by-id/a", bundle->rootfs)) == 0);
    bundle_set(bundle, "linux.devices",
               "[{\"path\":\"/dev/zero\",\"type\":\"c\",\"major\":1,\"minor\":5},"
               "{\"path\":\"/dev/by-id/a\",\"type\":\"c\",\"major\":1,\"minor\":5}]");
    assert_text(inside(bundle, "stat -L -c %t:%T /dev/by-id/a; readlink /dev/by-id/a"),
                "1:5\n../zero");
    bundle_set(bundle, "linux.devices[1].minor", "7");
    assert_refused(bundle_run(bundle), 1,
                   "linux.devices[1] /dev/by-id/a: the root file system has a symbolic link there "
                   "that is not this device");
}

static void check_listed_twice(bool user_namespace)
{
    struct bundle *bundle = bundle_new();

    if (user_namespace)
        bundle_map_users(bundle, 100000, 65536);
    bundle_set(bundle, "linux.devices",
               "[{\"path\":\"/dev/zero\",\"type\":\"c\",\"major\":1,\"minor\":5},"
               "{\"path\":\"/dev/zero\",\"type\":\"c\",\"major\":1,\"minor\":5}]");
    assert_text(inside(bundle, "stat -c %t:%T /dev/zero"), "1:5");
}

Scenario(devices, one_may_be_listed_twice)
{
    need_root();
    check_listed_twice(false);
    check_listed_twice(true);
}

/* One of many devices is hidden by something mounted over it. */
static void check_hidden_by_a_mount(bool user_namespace)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    if (user_namespace)
        bundle_map_users(bundle, 100000, 65536);
    host_directory("by-id");
    cr_assert(symlink("../nowhere", work_path("by-id/a")) == 0);
    work_file("empty", "");
    bundle_mount(bundle, "/dev/zero", "bind", "/dev/null", "\"bind\"");
    bundle_mount(bundle, "/dev/by-id", "bind", work_path("by-id"), "\"bind\"");
    bundle_mount(bundle, "/dev/full", "bind", work_path("empty"), "\"bind\"");
    bundle_mount(bundle, "/dev/tty", "bind", work_path("empty"), "\"bind\"");
    bundle_set(bundle, "linux.devices",
               "[{\"path\":\"/dev/zero\",\"type\":\"c\",\"major\":1,\"minor\":5},"
               "{\"path\":\"/dev/by-id/a\",\"type\":\"c\",\"major\":1,\"minor\":5},"
               "{\"path\":\"/dev/full\",\"type\":\"c\",\"major\":1,\"minor\":7}]");
    bundle_script(bundle, "stat -c '%n %t:%T %F' /dev/zero /dev/full /dev/tty; "
                          "readlink /dev/by-id/a");
    outcome = bundle_run(bundle);
    assert_ok(outcome);
    assert_text(outcome.out, "/dev/zero 1:3 character special file\n"
                             "/dev/full 0:0 regular empty file\n"
                             "/dev/tty 0:0 regular empty file\n../nowhere\n");
    assert_has(outcome.err, "linux.devices[0] /dev/zero: mounts[6] has a character device there, "
                            "which stays");
    assert_has(outcome.err, "linux.devices[1] /dev/by-id/a: mounts[7] has a symbolic link there, "
                            "which stays");
    assert_has(outcome.err, "linux.devices[2] /dev/full: mounts[8] has a file there, which stays");
    assert_has(outcome.err, "default device /dev/tty: mounts[9] has a file there, which stays");
}

Scenario(devices, what_is_mounted_in_the_place_of_one_stays_with_a_warning)
{
    need_root();
    check_hidden_by_a_mount(false);
}

Scenario(devices, what_is_mounted_in_its_place_stays_in_a_user_namespace_too)
{
    need_root();
    check_hidden_by_a_mount(true);
}

/* Nobody has asked for those: an image that has something else there may keep it. */
Scenario(devices, another_thing_in_the_place_of_a_default_one_stays_with_a_warning)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    remove_dev_mounts(bundle);
    bundle_file(bundle, "dev/zero", "a file", 0644);
    bundle_script(bundle, "stat -c %F /dev/zero; stat -c %t:%T /dev/null");
    outcome = bundle_run(bundle);
    assert_ok(outcome);
    assert_text(outcome.out, "regular file\n1:3\n");
    assert_has(outcome.err, "default device /dev/zero: the root file system has a file there, "
                            "which stays");
}

/* --- in a user namespace ------------------------------------------------------------------------
 */

Scenario(devices, in_a_user_namespace_they_are_the_hosts)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    bundle_set(bundle, "linux.devices",
               "[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229}]");
    if (!file_exists("/dev/fuse"))
        bundle_remove(bundle, "linux.devices");
    assert_text(inside(bundle, "cd /dev; stat -c '%n %t:%T' null zero tty; echo x >null; "
                               "head -c 2 zero | od -An -tx1"),
                "null 1:3\nzero 1:5\ntty 5:0\n 00 00");
}

/* Nobody can make the host's device nodes give rights that they are not meant to give. */
Scenario(devices, in_a_user_namespace_another_one_of_the_host_is_refused)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    bundle_set(bundle, "linux.devices[+]",
               "{\"path\":\"/dev/kmsg\",\"type\":\"c\",\"major\":1,\"minor\":3}");
    assert_refused(bundle_run(bundle), 1,
                   "the host has a character device 1:11 there, not a character device 1:3");
}

Scenario(devices, in_a_user_namespace_they_are_bound_nosuid_and_noexec)
{
    static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
    struct bundle *bundle = bundle_new();
    const char *mounts;

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    mounts = inside(bundle, "cat /proc/self/mountinfo");
    for (size_t i = 0; i < count_of(names); i++)
        assert_has(mounted_at(mounts, text("/dev/%s", names[i])).options, "rw,nosuid,noexec");
}
