/* Attaching a tree and looking again, in a mount namespace of a child's own. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/tree.h"

enum { SKIPPED = 77 };

/* 0 when the tree on `target` was found at `path`, or the error's code. */
static int attach(const char *directory, const char *target, const char *path)
{
    char source[128], place[128];
    struct error err;

    snprintf(source, sizeof source, "%s/source", directory);
    snprintf(place, sizeof place, "%s/%s", directory, target);

    autoclose int root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose int at = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose int tree = tree_clone(AT_FDCWD, source, false, &err);

    if (tree < 0)
        return SKIPPED;
    return -tree_attach_at(tree, at, root, path, INROOT_FOLLOW, &err);
}

static int in_own_mounts(const char *directory, const char *target, const char *path)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        if (unshare(CLONE_NEWNS) < 0 ||
            kernel_mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
            _exit(SKIPPED);
        _exit(attach(directory, target, path));
    }
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
        cr_skip_test("no mount namespaces for this process");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* CVE-2025-31133: a mask that has landed elsewhere hides nothing. */
Test(mount_tree, what_was_attached_must_be_found_at_its_path)
{
    static const char *const names[] = {"source", "here", "there"};
    char directory[] = "/tmp/mount-tree-XXXXXX";
    char path[64];
    int right, wrong;

    cr_assert_not_null(mkdtemp(directory));
    for (size_t i = 0; i < count_of(names); i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        cr_assert_eq(mkdir(path, 0755), 0);
    }
    right = in_own_mounts(directory, "here", "/here");
    wrong = in_own_mounts(directory, "here", "/there");
    for (size_t i = 0; i < count_of(names); i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        rmdir(path);
    }
    rmdir(directory);
    cr_expect_eq(right, 0, "%d", right);
    cr_expect_eq(wrong, EAGAIN, "%d", wrong);
}
