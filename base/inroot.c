#include "base/inroot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/inroot_walk.h"
#include "base/kernel.h"
#include "base/own.h"

enum {
    MOST_RETRIES = 128, /* openat2 says EAGAIN while somebody renames beside it */
    MOST_LINKS = 40,    /* as many as the kernel follows */
    DEEPEST = 1024,     /* directories below the root; one fd each */
    PROC_ROOT_INODE = 1
};

/* The state of a walk.  `stack` holds the directories walked through, so that ".." is a pop: it
 * cannot leave the root whatever is renamed meanwhile, and there is nothing to verify. */
struct walk {
    const struct inroot_walk *how;
    int root;
    int stack[DEEPEST];
    size_t depth;
    unsigned links_followed;
    bool made;
    const char *rest;        /* what is still to be walked, at the end of `text` */
    char text[4 * PATH_MAX]; /* bodies of links are put in front of the rest */
};

struct component {
    char name[NAME_MAX + 1];
    bool last;
    bool must_be_directory; /* a slash follows */
};

static int top(const struct walk *walk)
{
    return walk->depth == 0 ? walk->root : walk->stack[walk->depth - 1];
}

static void pop(struct walk *walk)
{
    if (walk->depth > 0)
        close_fd(&walk->stack[--walk->depth]);
}

static void pop_all(struct walk *walk)
{
    while (walk->depth > 0)
        pop(walk);
}

static int push(struct walk *walk, int *fd)
{
    if (walk->depth == DEEPEST)
        return -ENAMETOOLONG;
    walk->stack[walk->depth++] = take_fd(fd);
    return 0;
}

/* 1 and the next component; 0 at the end; -errno. */
static int next_component(struct walk *walk, struct component *ret)
{
    const char *at = walk->rest + strspn(walk->rest, "/");
    size_t length = strcspn(at, "/");

    if (length == 0)
        return 0;
    if (length > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(ret->name, at, length);
    ret->name[length] = '\0';
    walk->rest = at + length;
    ret->must_be_directory = *walk->rest == '/';
    ret->last = walk->rest[strspn(walk->rest, "/")] == '\0';
    return 1;
}

/* Links of procfs that lead to objects, not to names: all but those in its root directory (self,
 * thread-self, mounts, net), which are ordinary. */
static bool is_magic(int directory, int link)
{
    struct statfs filesystem;
    struct stat status;

    if (fstatfs(link, &filesystem) < 0 || filesystem.f_type != PROC_SUPER_MAGIC)
        return false;
    return fstat(directory, &status) < 0 || status.st_ino != PROC_ROOT_INODE;
}

/* Put the body of `link` in front of the rest; an absolute one starts again at the root. */
static int follow(struct walk *walk, int link)
{
    size_t room = (size_t)(walk->rest - walk->text);

    if (walk->how->links == INROOT_NO_LINKS || ++walk->links_followed > MOST_LINKS ||
        is_magic(top(walk), link))
        return -ELOOP;

    ssize_t length = readlinkat(link, "", walk->text, room);

    if (length < 0)
        return -errno;
    if (length == 0)
        return -ENOENT;
    if ((size_t)length == room)
        return -ENAMETOOLONG;
    if (walk->text[0] == '/')
        pop_all(walk);

    char *body = walk->text + room - length;

    memmove(body, walk->text, (size_t)length);
    walk->rest = body;
    return 0;
}

/* Make a component that is not there.  Somebody else may be faster: that is as good. */
static int make(struct walk *walk, const struct component *component)
{
    bool as_file = walk->how->make_file && component->last;

    if (as_file && component->must_be_directory)
        return -EISDIR;
    /* Not open(2): closing a file of a FUSE flushes it, and no signal ends the wait for that. */
    if (as_file)
        walk->made = mknodat(top(walk), component->name, S_IFREG | 0644, 0) == 0;
    else
        walk->made = mkdirat(top(walk), component->name, walk->how->directory_mode) == 0;
    return walk->made || errno == EEXIST ? 0 : -errno;
}

/* Open a component with O_PATH, without following it, making it if that is asked for. */
static int open_component(struct walk *walk, const struct component *component)
{
    walk->made = false;
    for (int attempt = 0; attempt < MOST_RETRIES; attempt++) {
        int fd = openat(top(walk), component->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        if (fd >= 0)
            return fd;
        if (errno != ENOENT || !walk->how->make_directories)
            return -errno;

        int code = make(walk, component);

        if (code < 0)
            return code;
    }
    return -EAGAIN;
}

/* Write down what was made; what cannot be written down must not stay. */
static int remember(const struct walk *walk, const struct component *component, int fd)
{
    struct inroot_made *made = walk->how->record;
    int kept;

    if (made == NULL || !walk->made)
        return 0;
    kept = made->count < INROOT_MADE_MOST ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (kept >= 0) {
        made->fds[made->count++] = kept;
        return 0;
    }

    bool file = walk->how->make_file && component->last;
    int code = made->count < INROOT_MADE_MOST ? -errno : -ENAMETOOLONG;

    (void)!unlinkat(top(walk), component->name, file ? 0 : AT_REMOVEDIR);
    return code;
}

/* "." and "..": the kernel wants search permission for these too. */
static int stay_or_rise(struct walk *walk, const struct component *component)
{
    autoclose int probe = openat(top(walk), ".", O_PATH | O_CLOEXEC);

    if (probe < 0)
        return -errno;
    if (strcmp(component->name, "..") == 0)
        pop(walk);
    walk->made = false;
    return 0;
}

/* The fd that the caller asked for, of the last component. */
static int finish(const struct walk *walk, const struct component *component, int *fd)
{
    if (walk->how->flags & O_PATH)
        return take_fd(fd);

    int opened = openat(top(walk), component->name, walk->how->flags | O_NOFOLLOW | O_CLOEXEC);

    return opened < 0 ? -errno : opened;
}

/* One component further: 0 to go on, 1 and *ret at the end, -errno. */
static int step(struct walk *walk, const struct component *component, int *ret)
{
    struct stat status;

    if (strcmp(component->name, ".") == 0 || strcmp(component->name, "..") == 0)
        return stay_or_rise(walk, component);

    autoclose int fd = open_component(walk, component);

    if (fd < 0)
        return fd;
    int code = remember(walk, component, fd);

    if (code < 0)
        return code;
    if (fstat(fd, &status) < 0)
        return -errno;

    bool end = component->last && !component->must_be_directory;

    if (S_ISLNK(status.st_mode) && !(end && walk->how->links == INROOT_NOFOLLOW))
        return follow(walk, fd);
    if (end && !S_ISDIR(status.st_mode)) {
        *ret = finish(walk, component, &fd);
        return *ret < 0 ? *ret : 1;
    }
    if (!S_ISDIR(status.st_mode))
        return -ENOTDIR;
    return push(walk, &fd);
}

/* The path ended in a directory: the one on top. */
static int open_top(const struct walk *walk)
{
    int fd = openat(top(walk), ".", walk->how->flags | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == EACCES && (walk->how->flags & O_PATH))
        fd = fcntl(top(walk), F_DUPFD_CLOEXEC, 0); /* a directory that may not be searched */
    return fd < 0 ? -errno : fd;
}

int inroot_walk(int root, const char *path, const struct inroot_walk *how, bool *made)
{
    struct walk walk = {.how = how, .root = root};
    struct component component;
    size_t length = strlen(path);
    int result = -1;
    int code;

    if (length == 0)
        return -ENOENT;
    if (length >= PATH_MAX)
        return -ENAMETOOLONG;

    char *start = walk.text + sizeof walk.text - length - 1;

    memcpy(start, path, length + 1);
    walk.rest = start;
    do {
        code = next_component(&walk, &component);
        if (code > 0)
            code = step(&walk, &component, &result);
        else if (code == 0) {
            result = open_top(&walk);
            code = result < 0 ? result : 1;
        }
    } while (code == 0);
    pop_all(&walk);
    if (code > 0 && made != NULL)
        *made = walk.made;
    return code < 0 ? code : result;
}

int inroot_openat2(int root, const char *path, int flags, enum inroot_links links)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC | (links == INROOT_NOFOLLOW ? O_NOFOLLOW : 0)),
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS |
                   (links == INROOT_NO_LINKS ? RESOLVE_NO_SYMLINKS : 0),
    };

    for (int attempt = 0; attempt < MOST_RETRIES; attempt++) {
        int fd = kernel_openat2(root, path, &how);

        if (fd >= 0)
            return fd;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -EAGAIN;
}

int inroot_open_exact(int root, const char *path, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    int fd = kernel_openat2(root, path, &how);

    return fd < 0 ? -errno : fd;
}

/* openat2, or the walk where there is none: old kernels say ENOSYS, old seccomp profiles EPERM. */
static int resolve(int root, const char *path, int flags, enum inroot_links links)
{
    const struct inroot_walk how = {.flags = flags, .links = links};
    int fd = inroot_openat2(root, path, flags, links);

    if (fd == -ENOSYS || fd == -EPERM)
        fd = inroot_walk(root, path, &how, NULL);
    return fd;
}

/* The story of a path that could not be resolved. */
static int tell(struct error *err, int code, const char *path, enum inroot_links links)
{
    char shown[1040];

    quotable(shown, path);
    if (code == ELOOP && links == INROOT_NO_LINKS)
        return refuse(err, code, "%s: passes through a symbolic link, which is not allowed here",
                      shown);
    if (code == ELOOP)
        return refuse(err, code, "%s: too many symbolic links, or a link of /proc to an object",
                      shown);
    if (code == EAGAIN)
        return refuse(err, code, "%s: changes all the time while it is being opened", shown);
    return fail(err, code, "%s", shown[0] == '\0' ? "\"\"" : shown);
}

int inroot_open(int root, const char *path, enum inroot_links links, struct error *err)
{
    int fd = resolve(root, path, O_PATH, links);

    return fd < 0 ? tell(err, -fd, path, links) : fd;
}

int inroot_open_file(int root, const char *path, struct error *err)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
    char shown[1040];
    struct stat status;

    /* Look first: opening a device can do things. */
    autoclose int seen = inroot_open(root, path, INROOT_FOLLOW, err);

    if (seen < 0)
        return seen;
    if (fstat(seen, &status) < 0)
        return fail(err, errno, "stat %s", quotable(shown, path));
    if (!S_ISREG(status.st_mode))
        return refuse(err, EINVAL, "%s: not a regular file", quotable(shown, path));

    autoclose int fd = resolve(root, path, flags, INROOT_FOLLOW);

    if (fd < 0)
        return tell(err, -fd, path, INROOT_FOLLOW);
    if (fstat(fd, &status) < 0)
        return fail(err, errno, "stat %s", quotable(shown, path));
    if (!S_ISREG(status.st_mode))
        return refuse(err, EINVAL, "%s: not a regular file", quotable(shown, path));
    return take_fd(&fd);
}

int inroot_open_parent(int root, const char *path, char name[static 256], struct error *err)
{
    char directory[PATH_MAX];
    char shown[1040];
    size_t end = strlen(path);

    if (end >= sizeof directory)
        return tell(err, ENAMETOOLONG, path, INROOT_FOLLOW);
    while (end > 0 && path[end - 1] == '/')
        end--;

    size_t start = end;

    while (start > 0 && path[start - 1] != '/')
        start--;

    size_t length = end - start;

    if (length > NAME_MAX)
        return tell(err, ENAMETOOLONG, path, INROOT_FOLLOW);
    memcpy(name, path + start, length);
    name[length] = '\0';
    if (length == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return refuse(err, EINVAL, "\"%s\": does not end in a name", quotable(shown, path));
    memcpy(directory, path, start);
    directory[start] = '\0';
    return inroot_make_directory(root, start == 0 ? "/" : directory, 0755, NULL, err);
}

static int make_directory(int root, const char *path, const struct inroot_walk *how, bool *ret_made,
                          struct error *err)
{
    bool made = false;
    struct stat status;
    autoclose int fd = resolve(root, path, O_PATH, INROOT_FOLLOW);

    /* A link that leads nowhere is not the end: images have /var/run -> /run and no /run.  The walk
     * makes what the link names, inside the root. */
    if (fd == -ENOENT)
        fd = inroot_walk(root, path, how, &made);
    if (fd < 0)
        return tell(err, -fd, path, INROOT_FOLLOW);
    if (fstat(fd, &status) < 0 || !S_ISDIR(status.st_mode))
        return tell(err, ENOTDIR, path, INROOT_FOLLOW);
    if (ret_made != NULL)
        *ret_made = made;
    return take_fd(&fd);
}

static int make_file(int root, const char *path, const struct inroot_walk *how, struct error *err)
{
    struct stat status;
    autoclose int fd = resolve(root, path, O_PATH, INROOT_FOLLOW);

    if (fd == -ENOENT)
        fd = inroot_walk(root, path, how, NULL);
    if (fd < 0)
        return tell(err, -fd, path, INROOT_FOLLOW);
    if (fstat(fd, &status) < 0 || S_ISDIR(status.st_mode))
        return tell(err, EISDIR, path, INROOT_FOLLOW);
    return take_fd(&fd);
}

int inroot_make_directory(int root, const char *path, mode_t mode, bool *ret_made,
                          struct error *err)
{
    const struct inroot_walk how = {
        .flags = O_PATH,
        .links = INROOT_FOLLOW,
        .make_directories = true,
        .directory_mode = mode,
    };

    return make_directory(root, path, &how, ret_made, err);
}

int inroot_make_file(int root, const char *path, struct error *err)
{
    return inroot_make_place(root, path, false, NULL, err);
}

int inroot_make_place(int root, const char *path, bool directory, struct inroot_made *record,
                      struct error *err)
{
    const struct inroot_walk how = {
        .flags = O_PATH,
        .links = INROOT_FOLLOW,
        .make_directories = true,
        .make_file = !directory,
        .directory_mode = 0755,
        .record = record,
    };

    return directory ? make_directory(root, path, &how, NULL, err)
                     : make_file(root, path, &how, err);
}
