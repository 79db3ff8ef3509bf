/* Paths inside a root: compared with what a process chrooted there sees, for both ways of
 * resolving, and for trees made to lead them out. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/inroot.h"
#include "base/inroot_walk.h"
#include "base/own.h"

/* TEMPORARY/root is the root; TEMPORARY/outside/canary is what nobody may reach. */
static char temporary[] = "/tmp/inroot-XXXXXX";
static int outside = -1;
static int root = -1;

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(temporary));
    outside = open(temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(outside, 0);
    cr_assert_eq(mkdirat(outside, "outside", 0755), 0);
    cr_assert_eq(mkdirat(outside, "root", 0755), 0);

    autoclose int canary = openat(outside, "outside/canary", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

    cr_assert_geq(canary, 0);
    root = openat(outside, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(root, 0);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void empty_root(void)
{
    char path[sizeof temporary + sizeof "/root"];

    snprintf(path, sizeof path, "%s/root", temporary);
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    close(root);
    cr_assert_eq(mkdirat(outside, "root", 0755), 0);
    root = openat(outside, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(root, 0);
}

static void tear_down(void)
{
    nftw(temporary, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(inroot, .init = set_up, .fini = tear_down);

/* --- both ways ------------------------------------------------------------------------------ */

enum way { BY_OPENAT2, BY_WALK, WAYS };

static int resolve(enum way way, const char *path, enum inroot_links links)
{
    const struct inroot_walk how = {.flags = O_PATH, .links = links};

    return way == BY_OPENAT2 ? inroot_openat2(root, path, O_PATH, links)
                             : inroot_walk(root, path, &how, NULL);
}

static bool has_openat2(void)
{
    autoclose int fd = inroot_openat2(root, "/", O_PATH, INROOT_FOLLOW);

    return fd >= 0;
}

#define for_each_way(way) \
    for (enum way way = has_openat2() ? BY_OPENAT2 : BY_WALK; way < WAYS; way++)

/* What a path led to: an object, or an errno. */
struct found {
    int code;
    dev_t device;
    ino_t inode;
};

static struct found found_of(int fd)
{
    struct found found = {.code = fd < 0 ? -fd : 0};
    struct stat status;

    if (fd >= 0 && fstat(fd, &status) == 0) {
        found.device = status.st_dev;
        found.inode = status.st_ino;
    }
    if (fd >= 0)
        close(fd);
    return found;
}

static bool same(struct found left, struct found right)
{
    return left.code == right.code && left.device == right.device && left.inode == right.inode;
}

static struct found found_by_name(const char *path)
{
    int fd = openat(outside, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    return found_of(fd < 0 ? -errno : fd);
}

static void expect(const char *path, enum inroot_links links, const char *same_as)
{
    for_each_way(way)
    {
        struct found found = found_of(resolve(way, path, links));

        cr_expect_eq(found.code, 0, "way %d: %s: %s", way, path, strerror(found.code));
        cr_expect(same(found, found_by_name(same_as)), "way %d: %s is not %s", way, path, same_as);
    }
}

static void expect_error(const char *path, enum inroot_links links, int code)
{
    for_each_way(way)
    {
        struct found found = found_of(resolve(way, path, links));

        cr_expect_eq(found.code, code, "way %d: %.60s: %s", way, path, strerror(found.code));
    }
}

static void make_file(const char *path)
{
    autoclose int fd = openat(root, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

    cr_assert_geq(fd, 0, "%s", path);
}

static void make_directory(const char *path)
{
    cr_assert_eq(mkdirat(root, path, 0755), 0, "%s", path);
}

static void make_link(const char *target, const char *path)
{
    cr_assert_eq(symlinkat(target, root, path), 0, "%s", path);
}

Test(inroot, absolute_links_and_dots_stay_inside)
{
    make_directory("etc");
    make_file("etc/passwd");
    make_link("/etc/passwd", "absolute");
    make_link("../../../../etc/passwd", "relative");
    make_link("/", "top");

    expect("/", INROOT_FOLLOW, "root");
    expect("..", INROOT_FOLLOW, "root");
    expect("absolute", INROOT_FOLLOW, "root/etc/passwd");
    expect("relative", INROOT_FOLLOW, "root/etc/passwd");
    expect("top/top/../etc/../../etc/./passwd", INROOT_FOLLOW, "root/etc/passwd");
}

Test(inroot, a_file_with_a_slash_behind_it_is_not_a_directory)
{
    make_file("file");
    make_link("file", "link");
    expect_error("file/", INROOT_FOLLOW, ENOTDIR);
    expect_error("file/.", INROOT_FOLLOW, ENOTDIR);
    expect_error("link/", INROOT_NOFOLLOW, ENOTDIR);
}

Test(inroot, the_last_link_is_followed_or_not_or_refused)
{
    make_directory("directory");
    make_file("directory/file");
    make_link("directory", "link");
    make_link("/outside/canary", "out");
    expect("link", INROOT_FOLLOW, "root/directory");
    expect("link", INROOT_NOFOLLOW, "root/link");
    expect("link/", INROOT_NOFOLLOW, "root/directory");
    expect("link/file", INROOT_NOFOLLOW, "root/directory/file");
    expect_error("link", INROOT_NO_LINKS, ELOOP);
    expect_error("link/file", INROOT_NO_LINKS, ELOOP);
    expect("directory/file", INROOT_NO_LINKS, "root/directory/file");
    expect_error("out", INROOT_FOLLOW, ENOENT);
}

Test(inroot, forty_links_are_followed_and_no_more)
{
    make_file("link0");
    for (int i = 1; i <= 41; i++) {
        char name[16];
        char target[16];

        snprintf(name, sizeof name, "link%d", i);
        snprintf(target, sizeof target, "link%d", i - 1);
        make_link(target, name);
    }
    make_link("loop", "loop");
    expect("link40", INROOT_FOLLOW, "root/link0");
    expect_error("link41", INROOT_FOLLOW, ELOOP);
    expect_error("loop", INROOT_FOLLOW, ELOOP);
}

Test(inroot, paths_and_names_are_as_long_as_the_kernel_allows)
{
    char path[PATH_MAX + 2];
    char name[NAME_MAX + 2];

    memset(name, 'n', sizeof name - 1);
    name[NAME_MAX] = '\0';
    make_file(name);
    for_each_way(way) cr_expect_eq(found_of(resolve(way, name, INROOT_FOLLOW)).code, 0);
    name[NAME_MAX] = 'n';
    name[NAME_MAX + 1] = '\0';
    expect_error(name, INROOT_FOLLOW, ENAMETOOLONG);

    memset(path, '/', sizeof path);
    path[PATH_MAX - 1] = '\0';
    expect(path, INROOT_FOLLOW, "root");
    path[PATH_MAX - 1] = '/';
    path[PATH_MAX] = '\0';
    expect_error(path, INROOT_FOLLOW, ENAMETOOLONG);
    path[PATH_MAX] = '/';
    path[PATH_MAX + 1] = '\0';
    expect_error(path, INROOT_FOLLOW, ENAMETOOLONG);
    expect_error("", INROOT_FOLLOW, ENOENT);
}

Test(inroot, long_bodies_of_links_in_a_row_do_not_overflow)
{
    char body[PATH_MAX];

    /* Each body is nearly as long as the longest path, and almost all of it is still to be walked
     * when the next one comes. */
    for (int i = 0; i < 8; i++) {
        char name[16];
        size_t used = (size_t)snprintf(body, sizeof body, "link%d", i + 1);

        while (used + 2 < sizeof body)
            used += (size_t)snprintf(body + used, sizeof body - used, "/.");
        snprintf(name, sizeof name, "link%d", i);
        make_link(body, name);
    }
    make_directory("link8");
    expect("link6", INROOT_FOLLOW, "root/link8");
    cr_expect_eq(found_of(resolve(BY_WALK, "link0", INROOT_FOLLOW)).code, ENAMETOOLONG);
}

Test(inroot, magic_links_are_refused_and_the_ordinary_ones_of_proc_are_not)
{
    close(root);
    root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(root, 0);
    expect_error("self/exe", INROOT_FOLLOW, ELOOP);
    expect_error("self/root/etc", INROOT_FOLLOW, ELOOP);
    expect_error("self/cwd", INROOT_FOLLOW, ELOOP);
    expect_error("self/fd/0", INROOT_FOLLOW, ELOOP);
    expect_error("self/ns/net", INROOT_FOLLOW, ELOOP);
    for_each_way(way)
    {
        cr_expect_eq(found_of(resolve(way, "self/status", INROOT_FOLLOW)).code, 0);
        cr_expect_eq(found_of(resolve(way, "mounts", INROOT_FOLLOW)).code, 0);
        cr_expect_eq(found_of(resolve(way, "self/exe", INROOT_NOFOLLOW)).code, 0);
    }
}

Test(inroot, the_walk_closes_what_it_opened)
{
    make_directory("a");
    make_directory("a/b");
    make_link("/a/b/missing", "dangling");

    int before = dup(root);

    close(before);
    for (int i = 0; i < 10; i++) {
        found_of(resolve(BY_WALK, "a/b/../../a/b", INROOT_FOLLOW));
        found_of(resolve(BY_WALK, "dangling", INROOT_FOLLOW));
        found_of(resolve(BY_WALK, "a/b/missing/x", INROOT_FOLLOW));
    }

    int after = dup(root);

    close(after);
    cr_expect_eq(before, after);
}

/* --- openat2 taken away --------------------------------------------------------------------- */

/* From here on this process has no openat2(2): it fails with `code`. */
static void forbid_openat2(int code)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)code),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {count_of(rules), rules};

    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0, "%s", strerror(errno));
    cr_assert_eq(inroot_openat2(root, "/", O_PATH, INROOT_FOLLOW), -code);
}

static void works_without_openat2(int code)
{
    struct error err = {0};

    make_directory("etc");
    make_file("etc/passwd");
    make_link("/etc/passwd", "link");
    forbid_openat2(code);

    autoclose int fd = inroot_open(root, "../link", INROOT_FOLLOW, &err);

    cr_assert_geq(fd, 0, "%s", err.text);
    cr_expect(same(found_of(dup(fd)), found_by_name("root/etc/passwd")));
    cr_expect_eq(inroot_open(root, "link", INROOT_NO_LINKS, &err), -ELOOP);

    autoclose int file = inroot_open_file(root, "link", &err);

    cr_assert_geq(file, 0, "%s", err.text);
    cr_expect_eq(fcntl(file, F_GETFL) & O_ACCMODE, O_RDONLY);

    autoclose int made = inroot_make_directory(root, "a/b/c", 0755, NULL, &err);

    cr_assert_geq(made, 0, "%s", err.text);
    cr_expect(same(found_of(dup(made)), found_by_name("root/a/b/c")));
}

Test(inroot, a_kernel_without_openat2_gets_the_walk)
{
    works_without_openat2(ENOSYS);
}

Test(inroot, a_filter_that_forbids_openat2_gets_the_walk)
{
    works_without_openat2(EPERM);
}

/* --- the oracle: a process chrooted there --------------------------------------------------- */

struct oracle {
    pid_t pid;
    int socket;
};

struct question {
    bool follow;
    char path[PATH_MAX + 1];
};

static _Noreturn void answer_questions(int socket)
{
    static struct question question;
    int code = 0;

    if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
        code = errno;
    if (code == 0 && (fchdir(root) < 0 || chroot(".") < 0))
        code = errno;
    if (write(socket, &code, sizeof code) != sizeof code || code != 0)
        _exit(1);
    while (read(socket, &question, sizeof question) == sizeof question) {
        int fd = open(question.path, O_PATH | O_CLOEXEC | (question.follow ? 0 : O_NOFOLLOW));
        struct found found = found_of(fd < 0 ? -errno : fd);

        if (write(socket, &found, sizeof found) != sizeof found)
            _exit(1);
    }
    _exit(0);
}

/* The present root is the oracle's. */
static struct oracle oracle_start(void)
{
    struct oracle oracle;
    int code;
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    oracle.pid = fork();
    cr_assert_geq(oracle.pid, 0);
    if (oracle.pid == 0) {
        close(ends[0]);
        answer_questions(ends[1]);
    }
    close(ends[1]);
    oracle.socket = ends[0];
    cr_assert_eq(read(oracle.socket, &code, sizeof code), (ssize_t)sizeof code);
    if (code != 0) {
        waitpid(oracle.pid, NULL, 0);
        cr_skip_test("neither root nor a user namespace, so no chroot: %s", strerror(code));
    }
    return oracle;
}

static void oracle_stop(struct oracle *oracle)
{
    close(oracle->socket);
    waitpid(oracle->pid, NULL, 0);
}

static struct found oracle_ask(const struct oracle *oracle, const char *path, bool follow)
{
    static struct question question;
    struct found found;

    question.follow = follow;
    snprintf(question.path, sizeof question.path, "%s", path);
    cr_assert_eq(write(oracle->socket, &question, sizeof question), (ssize_t)sizeof question);
    cr_assert_eq(read(oracle->socket, &found, sizeof found), (ssize_t)sizeof found);
    return found;
}

/* --- trees made to lead astray -------------------------------------------------------------- */

/* xorshift: the same trees on every run. */
static unsigned random_state = 2463534242U;

static unsigned any_below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % limit;
}

static void random_path(char *path, size_t size, unsigned most)
{
    static const char *const names[] = {"a", "b", "c", "d", "a", "b", ".", "..", "..", "outside"};
    size_t used = 0;
    unsigned count = 1 + any_below(most);

    path[0] = '\0';
    if (any_below(3) == 0)
        used += (size_t)snprintf(path + used, size - used, any_below(4) == 0 ? "//" : "/");
    for (unsigned i = 0; i < count && used + 16 < size; i++)
        used += (size_t)snprintf(path + used, size - used, "%s%s", i == 0 ? "" : "/",
                                 names[any_below(count_of(names))]);
    if (any_below(6) == 0)
        snprintf(path + used, size - used, "/");
}

/* Directories, files and links under four names; what cannot be made is left out. */
static void random_tree(int directory, unsigned depth)
{
    static const char *const names[] = {"a", "b", "c", "d"};

    for (size_t i = 0; i < count_of(names); i++) {
        unsigned kind = any_below(8);
        char target[256];

        if (kind < 3 && depth > 0 && mkdirat(directory, names[i], 0755) == 0) {
            autoclose int below = openat(directory, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

            cr_assert_geq(below, 0);
            random_tree(below, depth - 1);
        } else if (kind == 3) {
            autoclose int fd = openat(directory, names[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

            cr_assert_geq(fd, 0);
        } else if (kind < 7) {
            random_path(target, sizeof target, 6);
            cr_assert_eq(symlinkat(target, directory, names[i]), 0);
        }
    }
}

enum { TREES = 100, PATHS = 60 };

Test(inroot, resolves_as_a_chrooted_process_does)
{
    unsigned reached = 0;

    for (int tree = 0; tree < TREES; tree++) {
        random_tree(root, 3);

        struct oracle oracle = oracle_start();

        for (int i = 0; i < PATHS; i++) {
            char path[256];

            random_path(path, sizeof path, 10);
            for_each_way(way)
            {
                struct found followed = found_of(resolve(way, path, INROOT_FOLLOW));
                struct found not_followed = found_of(resolve(way, path, INROOT_NOFOLLOW));

                cr_expect(same(followed, oracle_ask(&oracle, path, true)), "way %d: %s: %s", way,
                          path, strerror(followed.code));
                cr_expect(same(not_followed, oracle_ask(&oracle, path, false)), "way %d: %s: %s",
                          way, path, strerror(not_followed.code));
                reached += followed.code == 0;
            }
        }
        oracle_stop(&oracle);
        empty_root();
    }
    cr_expect_gt(reached, TREES * PATHS / 10, "the trees lead nowhere: %u", reached);
}

Test(inroot, both_ways_agree_about_paths_without_links)
{
    if (!has_openat2())
        cr_skip_test("no openat2 here");
    for (int tree = 0; tree < TREES; tree++) {
        random_tree(root, 3);
        for (int i = 0; i < PATHS; i++) {
            char path[256];

            random_path(path, sizeof path, 5);
            cr_expect(same(found_of(resolve(BY_OPENAT2, path, INROOT_NO_LINKS)),
                           found_of(resolve(BY_WALK, path, INROOT_NO_LINKS))),
                      "%s", path);
        }
        empty_root();
    }
}

static unsigned entries_of(const char *path)
{
    struct stat status;

    cr_assert_eq(fstatat(outside, path, &status, 0), 0);
    return (unsigned)status.st_nlink;
}

Test(inroot, what_is_made_is_where_a_chrooted_process_finds_it)
{
    unsigned links_outside = entries_of("outside");
    unsigned links_above = entries_of(".");
    unsigned made = 0;

    for (int tree = 0; tree < TREES; tree++) {
        random_tree(root, 3);

        struct oracle oracle = oracle_start();

        for (int i = 0; i < 10; i++) {
            struct error err = {0};
            char path[256];

            random_path(path, sizeof path, 6);

            struct found found = found_of(i % 2 == 0
                                              ? inroot_make_directory(root, path, 0755, NULL, &err)
                                              : inroot_make_file(root, path, &err));

            if (found.code != 0)
                continue;
            made++;
            cr_expect(same(found, oracle_ask(&oracle, path, true)), "%s", path);
        }
        oracle_stop(&oracle);
        empty_root();
    }
    cr_expect_gt(made, TREES * 3, "hardly anything could be made: %u", made);
    cr_expect_eq(entries_of("outside"), links_outside);
    cr_expect_eq(entries_of("."), links_above);
    cr_expect_eq(faccessat(outside, "a", F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

/* --- somebody renames meanwhile ------------------------------------------------------------- */

static _Noreturn void swap_for_ever(void)
{
    for (;;)
        syscall(SYS_renameat2, root, "directory", root, "link", 2 /* RENAME_EXCHANGE */);
}

Test(inroot, a_directory_swapped_for_a_link_never_leads_out)
{
    char target[sizeof temporary + sizeof "/outside"];
    struct found canary = found_by_name("outside/canary");
    struct error err = {0};

    make_directory("directory");
    make_file("directory/canary");
    snprintf(target, sizeof target, "%s/outside", temporary);
    make_link("../../../../../../../../../../../..", "up");
    make_link(target, "link");

    pid_t swapper = fork();

    cr_assert_geq(swapper, 0);
    if (swapper == 0)
        swap_for_ever();
    for (int i = 0; i < 3000; i++) {
        for_each_way(way)
        {
            cr_expect_not(same(found_of(resolve(way, "directory/canary", INROOT_FOLLOW)), canary));
            cr_expect_not(same(
                found_of(resolve(way, "directory/../up/outside/canary", INROOT_FOLLOW)), canary));
        }
        if (i % 10 == 0)
            found_of(inroot_make_file(root, "directory/made", &err));
    }
    kill(swapper, SIGKILL);
    waitpid(swapper, NULL, 0);
    cr_expect_eq(faccessat(outside, "outside/made", F_OK, 0), -1);
}

/* --- making --------------------------------------------------------------------------------- */

Test(inroot, missing_directories_are_made_and_told)
{
    struct error err = {0};
    struct stat status;
    bool made = false;

    umask(022);

    autoclose int fd = inroot_make_directory(root, "/a/b/../c", 0700, &made, &err);

    cr_assert_geq(fd, 0, "%s", err.text);
    cr_expect(made);
    cr_expect(same(found_of(dup(fd)), found_by_name("root/a/c")));
    cr_assert_eq(fstat(fd, &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0700);
    cr_expect_eq(fcntl(fd, F_GETFL) & O_PATH, O_PATH);

    autoclose int again = inroot_make_directory(root, "a/c", 0700, &made, &err);

    cr_assert_geq(again, 0, "%s", err.text);
    cr_expect_not(made);
}

Test(inroot, a_dangling_link_on_the_way_is_made_good_inside)
{
    struct error err = {0};

    make_directory("var");
    make_link("/run", "var/run");
    make_link("../../../outside/new", "out");

    autoclose int fd = inroot_make_directory(root, "var/run/secrets", 0755, NULL, &err);

    cr_assert_geq(fd, 0, "%s", err.text);
    cr_expect(same(found_of(dup(fd)), found_by_name("root/run/secrets")));

    autoclose int file = inroot_make_file(root, "out", &err);

    cr_assert_geq(file, 0, "%s", err.text);
    cr_expect(same(found_of(dup(file)), found_by_name("root/outside/new")));
    cr_expect_eq(faccessat(outside, "outside/new", F_OK, 0), -1);
}

Test(inroot, what_is_made_is_written_down_in_order)
{
    static struct inroot_made made;
    struct error err = {0};

    make_directory("there");
    make_link("t/..", "there/link");

    autoclose int fd = inroot_make_place(root, "there/link/x/file", false, &made, &err);

    cr_assert_geq(fd, 0, "%s", err.text);
    cr_assert_eq(made.count, 3);
    cr_expect(same(found_of(made.fds[0]), found_by_name("root/there/t")));
    cr_expect(same(found_of(made.fds[1]), found_by_name("root/there/x")));
    cr_expect(same(found_of(made.fds[2]), found_by_name("root/there/x/file")));

    /* What was made before it failed, too; and what there is no room for does not stay. */
    cr_expect_eq(inroot_make_place(root, "new/there/", false, &made, &err), -EISDIR);
    cr_assert_eq(made.count, 4);
    cr_expect(same(found_of(made.fds[3]), found_by_name("root/new")));
    made.count = INROOT_MADE_MOST;
    cr_expect_eq(inroot_make_place(root, "more/x", true, &made, &err), -ENAMETOOLONG);
    cr_expect_eq(faccessat(root, "more", F_OK, 0), -1);
}

Test(inroot, nothing_is_made_over_something_else)
{
    struct error err = {0};

    make_file("file");
    make_directory("directory");
    make_link("loop", "loop");
    cr_expect_eq(inroot_make_directory(root, "file", 0755, NULL, &err), -ENOTDIR);
    cr_expect_eq(inroot_make_directory(root, "file/below", 0755, NULL, &err), -ENOTDIR);
    cr_expect_eq(inroot_make_directory(root, "loop/x", 0755, NULL, &err), -ELOOP);
    cr_expect_eq(inroot_make_file(root, "directory", &err), -EISDIR);
    cr_expect_eq(inroot_make_file(root, "new/", &err), -EISDIR);
}

Test(inroot, a_missing_file_is_made_empty_and_a_present_one_kept)
{
    struct error err = {0};
    struct stat status;

    umask(022);

    autoclose int fd = inroot_make_file(root, "a/b/file", &err);

    cr_assert_geq(fd, 0, "%s", err.text);
    cr_assert_eq(fstat(fd, &status), 0);
    cr_expect(S_ISREG(status.st_mode));
    cr_expect_eq(status.st_mode & 07777, 0644);
    cr_expect_eq(status.st_size, 0);

    autoclose int writer = openat(root, "a/b/file", O_WRONLY | O_CLOEXEC);

    cr_assert_eq(write(writer, "kept", 4), 4);

    autoclose int again = inroot_make_file(root, "/a/b/file", &err);

    cr_assert_geq(again, 0, "%s", err.text);
    cr_assert_eq(fstat(again, &status), 0);
    cr_expect_eq(status.st_size, 4);
}

Test(inroot, the_parent_is_made_and_the_name_given)
{
    char name[256];
    struct error err = {0};

    autoclose int fd = inroot_open_parent(root, "/dev/net/tun//", name, &err);

    cr_assert_geq(fd, 0, "%s", err.text);
    cr_expect_str_eq(name, "tun");
    cr_expect(same(found_of(dup(fd)), found_by_name("root/dev/net")));
    cr_expect_eq(faccessat(root, "dev/net/tun", F_OK, 0), -1);

    autoclose int top = inroot_open_parent(root, "tun", name, &err);

    cr_assert_geq(top, 0, "%s", err.text);
    cr_expect(same(found_of(dup(top)), found_by_name("root")));
    cr_expect_eq(inroot_open_parent(root, "/", name, &err), -EINVAL);
    cr_expect_eq(inroot_open_parent(root, "", name, &err), -EINVAL);
    cr_expect_eq(inroot_open_parent(root, "a/..", name, &err), -EINVAL);
    cr_expect_eq(inroot_open_parent(root, "a/./", name, &err), -EINVAL);
}

/* --- files ---------------------------------------------------------------------------------- */

Test(inroot, only_regular_files_are_opened_for_reading, .timeout = 10)
{
    struct error err = {0};
    char byte;

    make_directory("etc");
    make_file("etc/passwd");
    make_link("/etc/passwd", "link");
    cr_assert_eq(mkfifoat(root, "fifo", 0644), 0);

    autoclose int fd = inroot_open_file(root, "link", &err);

    cr_assert_geq(fd, 0, "%s", err.text);
    cr_expect_eq(read(fd, &byte, 1), 0);
    cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_expect_eq(inroot_open_file(root, "fifo", &err), -EINVAL);
    cr_expect_str_eq(err.text, "fifo: not a regular file");
    cr_expect_eq(inroot_open_file(root, "etc", &err), -EINVAL);
    cr_expect_eq(inroot_open_file(root, "missing", &err), -ENOENT);
    cr_expect_str_eq(err.text, "missing: No such file or directory");
}

Test(inroot, errors_show_hostile_names_harmlessly)
{
    struct error err = {0};

    cr_expect_eq(inroot_open(root, "a\nb\x1b", INROOT_FOLLOW, &err), -ENOENT);
    cr_expect_str_eq(err.text, "a\\x0ab\\x1b: No such file or directory");
}
