/* "tmpcopyup": what an image has in a directory, on the tmpfs over it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/host_mounts.h"
#include "tests/integration/harness/scenario.h"

/* VFS_CAP_REVISION_2 with the effective bit, and CAP_NET_RAW permitted: capabilities(7). */
static const unsigned char net_raw[20] = {1, 0, 0, 2, 0, 0x20};

static char *in_rootfs(struct bundle *bundle, const char *path)
{
    return text("%s/%s", bundle->rootfs, path);
}

Scenario(tmpcopyup, brings_what_was_there)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "work/kept", "content", 0640);
    cr_assert(mkdir(text("%s/work/sub", bundle->rootfs), 0711) == 0);
    bundle_file(bundle, "work/sub/deep", "deeper", 0600);
    cr_assert(symlink("kept", text("%s/work/link", bundle->rootfs)) == 0);
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"tmpcopyup\"");
    assert_text(inside(bundle, "cat /work/kept /work/sub/deep; echo; stat -c %a /work/kept "
                               "/work/sub; readlink /work/link; echo new >/work/kept"),
                "contentdeeper\n640\n711\nkept");
    assert_text(file_text(text("%s/work/kept", bundle->rootfs)), "content");
}

/* Read from outside: the container's own tools do not know them. */
static void assert_attribute(struct bundle *bundle, const char *path, const char *name,
                             const void *expected, size_t size)
{
    const char *place = text("/proc/%d/root/%s", (int)bundle_pid(bundle), path);
    char value[256];
    ssize_t length = lgetxattr(place, name, value, sizeof value);

    cr_assert(length == (ssize_t)size && memcmp(value, expected, size) == 0,
              "%s of %s: %zd bytes (%s)", name, path, length, strerror(errno));
}

Scenario(tmpcopyup, extended_attributes_come_along)
{
    struct bundle *bundle = bundle_new();
    const char *file, *directory, *link;
    bool user_attributes;

    need_root();
    bundle_file(bundle, "work/program", "content", 04755);
    file = in_rootfs(bundle, "work/program");
    directory = in_rootfs(bundle, "work/sub");
    link = in_rootfs(bundle, "work/link");
    cr_assert(mkdir(directory, 0750) == 0 && symlink("program", link) == 0);
    cr_assert(setxattr(file, "security.capability", net_raw, sizeof net_raw, 0) == 0);
    cr_assert(setxattr(directory, "trusted.note", "kept", 4, 0) == 0);
    cr_assert(lsetxattr(link, "trusted.note", "link", 4, 0) == 0);
    cr_assert(setxattr(in_rootfs(bundle, "work"), "trusted.note", "top", 3, 0) == 0);
    user_attributes = setxattr(file, "user.note", "mine", 4, 0) == 0;
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"tmpcopyup\"");
    bundle_start(bundle);
    assert_attribute(bundle, "work/program", "security.capability", net_raw, sizeof net_raw);
    assert_attribute(bundle, "work/sub", "trusted.note", "kept", 4);
    assert_attribute(bundle, "work/link", "trusted.note", "link", 4);
    assert_attribute(bundle, "work", "trusted.note", "top", 3);
    if (user_attributes &&
        setxattr(text("/proc/%d/root/work", (int)bundle_pid(bundle)), "user.x", "", 0, 0) == 0)
        assert_attribute(bundle, "work/program", "user.note", "mine", 4);
    assert_text(inside_running(bundle, "stat -c %a /work/program"), "4755");
    bundle_delete(bundle);
}

Scenario(tmpcopyup, names_of_one_file_stay_names_of_one_file)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "work/one", "content", 0644);
    bundle_file(bundle, "work/alone", "content", 0644);
    cr_assert(mkdir(in_rootfs(bundle, "work/sub"), 0755) == 0);
    cr_assert(link(in_rootfs(bundle, "work/one"), in_rootfs(bundle, "work/sub/two")) == 0);
    cr_assert(link(in_rootfs(bundle, "work/one"), in_rootfs(bundle, "work/three")) == 0);
    cr_assert(mkfifo(in_rootfs(bundle, "work/fifo"), 0644) == 0);
    cr_assert(link(in_rootfs(bundle, "work/fifo"), in_rootfs(bundle, "work/sub/pipe")) == 0);
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"tmpcopyup\"");
    assert_text(inside(bundle, "cd /work; stat -c %h one sub/two three alone fifo; "
                               "[ one -ef sub/two ] && [ one -ef three ] && [ fifo -ef sub/pipe ] "
                               "&& echo the same; echo more >>three; cat sub/two; ls -A"),
                "3\n3\n3\n1\n2\nthe same\ncontentmore\nalone\nfifo\none\nsub\nthree");
    assert_text(file_text(in_rootfs(bundle, "work/one")), "content");
}

/* More of them than the kernel lists at once. */
Scenario(tmpcopyup, many_files_of_several_names)
{
    enum { MANY = 400 };
    struct bundle *bundle = bundle_new();

    need_root();
    for (int i = 0; i < MANY; i++) {
        bundle_file(bundle, text("work/file-%d", i), "", 0644);
        cr_assert(link(in_rootfs(bundle, text("work/file-%d", i)),
                       in_rootfs(bundle, text("work/name-%d", i))) == 0);
    }
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"tmpcopyup\"");
    assert_text(inside(bundle,
                       "cd /work; ls -A | wc -l; ls -i | awk '{ n[$1]++ } END { for (i in n) "
                       "if (n[i] == 2) two++; print two }'"),
                text("%d\n%d", 2 * MANY, MANY));
}

Scenario(tmpcopyup, device_nodes_come_along)
{
    struct bundle *bundle = bundle_new();

    need_root();
    cr_assert(mknod(in_rootfs(bundle, "work/null"), S_IFCHR, makedev(1, 3)) == 0);
    cr_assert(chmod(in_rootfs(bundle, "work/null"), 0640) == 0);
    cr_assert(chown(in_rootfs(bundle, "work/null"), 7, 8) == 0);
    cr_assert(mknod(in_rootfs(bundle, "work/disk"), S_IFBLK | 0600, makedev(7, 5)) == 0);
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"tmpcopyup\"");
    assert_text(inside(bundle, "cd /work; stat -c '%n %t:%T %a %u:%g %F' null disk"),
                "null 1:3 640 7:8 character special file\ndisk 7:5 600 0:0 block special file");
}

/* There nobody may make them. */
Scenario(tmpcopyup, device_nodes_are_left_out_in_a_user_namespace_and_it_says_so)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_file(bundle, "work/file", "content", 0644);
    cr_assert(mknod(in_rootfs(bundle, "work/null"), S_IFCHR | 0666, makedev(1, 3)) == 0);
    bundle_map_users(bundle, 100000, 65536);
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"tmpcopyup\"");
    bundle_script(bundle, "ls -A /work");
    outcome = bundle_run(bundle);
    assert_ok(outcome);
    assert_text(outcome.out, "file\n");
    assert_has(outcome.err, "tmpcopyup: the device null may not be made here: left out");
}

/* VFS_CAP_REVISION_3: the same, for the root of a user namespace that is user 4242 outside. */
static const unsigned char net_raw_of_4242[24] = {
    [0] = 1, [3] = 3, [5] = 0x20, [20] = 4242 & 0xff, [21] = 4242 >> 8,
};

/* acl(5) as the kernel has it: rw for the owner, user 4242, the group, and the mask. */
static const unsigned char list_with_4242[] = {
    2,    0, 0, 0,                                     /* the version */
    0x01, 0, 6, 0, 0xff,        0xff,      0xff, 0xff, /* ACL_USER_OBJ */
    0x02, 0, 6, 0, 4242 & 0xff, 4242 >> 8, 0,    0,    /* ACL_USER */
    0x04, 0, 6, 0, 0xff,        0xff,      0xff, 0xff, /* ACL_GROUP_OBJ */
    0x10, 0, 6, 0, 0xff,        0xff,      0xff, 0xff, /* ACL_MASK */
    0x20, 0, 4, 0, 0xff,        0xff,      0xff, 0xff, /* ACL_OTHER */
};

/* They say something about users who are nobody in there. */
Scenario(tmpcopyup, attributes_of_users_outside_are_left_out_and_it_says_so)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;
    bool lists;

    need_root();
    bundle_file(bundle, "work/program", "content", 0755);
    bundle_file(bundle, "work/shared", "content", 0664);
    bundle_map_users(bundle, 100000, 65536);
    cr_assert(setxattr(in_rootfs(bundle, "work/program"), "security.capability", net_raw_of_4242,
                       sizeof net_raw_of_4242, 0) == 0);
    lists = setxattr(in_rootfs(bundle, "work/shared"), "system.posix_acl_access", list_with_4242,
                     sizeof list_with_4242, 0) == 0;
    cr_assert(lists || errno == EOPNOTSUPP, "%s", strerror(errno));
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"tmpcopyup\"");
    bundle_script(bundle, "cat /work/program /work/shared");
    outcome = bundle_run(bundle);
    assert_ok(outcome);
    assert_text(outcome.out, "contentcontent");
    assert_has(outcome.err, "tmpcopyup: program: the attribute security.capability is left out: it "
                            "names users that the container does not have");
    if (lists)
        assert_has(outcome.err, "tmpcopyup: shared: the attribute system.posix_acl_access is left "
                                "out: it names users that the container does not have");
    outcome = crun("run", "--strict", "-b", bundle->path, bundle->id);
    assert_refused(outcome, 1, "names users that the container does not have");
}
