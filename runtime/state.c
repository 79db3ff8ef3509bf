#include "runtime/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "base/remove_tree.h"
#include "runtime/deadline.h"
#include "spec/rows.h"

enum { STATE_SIZE_MOST = 16 * 1024 * 1024 };

static const struct name phase_rows[] = {
    {"creating", STATE_CREATING},
    {"created",  STATE_CREATED },
    {"starting", STATE_STARTING},
    {"running",  STATE_RUNNING },
    {"deleting", STATE_DELETING},
};
static const struct names phase_names = NAMES_OF(phase_rows);

#define OWNER struct state_record
static const struct field record_rows[] = {
    ROW("version", FIELD_INT64, version, REQUIRED),
    ROW("id", FIELD_STRING, id, REQUIRED),
    ROW("phase", FIELD_ENUM, phase, REQUIRED, NAMED(phase_names)),
    ROW("ociVersion", FIELD_STRING, oci_version),
    ROW("bundle", FIELD_STRING, bundle),
    ROW("rootfs", FIELD_STRING, rootfs),
    ROW("created", FIELD_STRING, created),
    ROW("owner", FIELD_INT64, owner),
    ROW("init", FIELD_INLINE, init, OBJECT(process_identity_fields)),
    ROW("noNewKeyring", FIELD_BOOL, no_new_keyring),
    ROW("ownPidNamespace", FIELD_BOOL, own_pid_namespace),
    ROW("cgroup", FIELD_INLINE, cgroup, OBJECT(cgroup_record_fields)),
    ROW("resctrl", FIELD_INLINE, resctrl, OBJECT(resctrl_record_fields)),
    ROW("overLayer", FIELD_BOOL, over_layer),
    ROW("layer", FIELD_STRING, layer),
    ROW("timeLimit", FIELD_INT64, time_limit_ns),
    ROW("timeLimitGrace", FIELD_INT64, time_limit_grace_ns),
    ROW("poststart", FIELD_LIST, poststart, OBJECT(spec_hook_fields)),
    ROW("poststop", FIELD_LIST, poststop, OBJECT(spec_hook_fields)),
    ROW("annotations", FIELD_STRING_MAP, annotations),
};
#undef OWNER
static const struct fields record_fields = FIELDS_OF(struct state_record, record_rows);

int state_check_id(const char *id, struct error *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-";
    char quoted[1040];

    if (*id == '\0')
        return refuse(err, EINVAL, "container id cannot be empty");
    if (id[strspn(id, allowed)] != '\0')
        return refuse(err, EINVAL,
                      "invalid container ID format: \"%s\" (allowed are A-Z a-z 0-9 _ + . -)",
                      quotable(quoted, id));
    if (*id == '.')
        return refuse(err, EINVAL, "invalid container ID format: \"%s\" begins with a dot",
                      quotable(quoted, id));
    if (strlen(id) > NAME_MAX)
        return refuse(err, ENAMETOOLONG, "invalid container ID format: %zu bytes, at most %d",
                      strlen(id), NAME_MAX);
    return 0;
}

static int not_root(struct error *err)
{
    return hint(
        err, "you are not root: set XDG_RUNTIME_DIR, as a login under systemd does, or give --root "
             "a directory of yours; or use sudo");
}

static int make_parents(const char *path, struct error *err)
{
    char part[PATH_MAX];
    size_t length = strlen(path);

    if (length >= sizeof part)
        return fail(err, ENAMETOOLONG, "state root %.64s...", path);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, i == length ? 01700 : 0755) < 0 && errno != EEXIST) {
            fail(err, errno, "make state root %s", part);
            return err->code == EACCES && geteuid() != 0 ? not_root(err) : -err->code;
        }
    }
    return 0;
}

/* Whoever can write to the root can name processes and cgroups for us to kill. */
static int check_root(int fd, const char *root, struct error *err)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return fail(err, errno, "stat state root %s", root);
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return refuse(err, EPERM, "state root %s belongs to uid %u, not to us", root,
                      status.st_uid);
    if ((status.st_mode & 022) != 0 && (status.st_mode & S_ISVTX) == 0)
        return refuse(err, EPERM, "state root %s may be written to by others (mode %04o)", root,
                      status.st_mode & 07777);
    return 0;
}

int state_open_root(const char *root, struct error *err)
{
    autoclose int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        fail(err, errno, "open state root %s", root);
        return err->code == EACCES && geteuid() != 0 ? not_root(err) : -err->code;
    }
    if (check_root(fd, root, err) < 0)
        return -err->code;
    return take_fd(&fd);
}

int state_make_root(const char *root, struct error *err)
{
    return make_parents(root, err) < 0 ? -err->code : state_open_root(root, err);
}

int state_claim(const char *root, const char *id, struct state_directory *ret, struct error *err)
{
    autoclose int parent = state_make_root(root, err);

    if (parent < 0)
        return -err->code;
    if (mkdirat(parent, id, 0700) < 0) {
        if (errno == EEXIST)
            return refuse(err, EEXIST, "container with given ID already exists: %s", id);
        return fail(err, errno, "make state directory %s/%s", root, id);
    }

    autoclose int fd = openat(parent, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
        fail(err, errno, "lock state directory %s/%s", root, id);
        unlinkat(parent, id, AT_REMOVEDIR);
        return -err->code;
    }
    ret->fd = take_fd(&fd);
    return 0;
}

int state_open(const char *root, const char *id, struct state_directory *ret, struct error *err)
{
    if (state_check_id(id, err) < 0)
        return -err->code;

    autoclose int parent = state_open_root(root, err);

    if (parent < 0)
        return parent == -ENOENT ? refuse(err, ENOENT, "container does not exist") : parent;
    return state_open_in(parent, root, id, ret, err);
}

int state_open_in(int parent, const char *root, const char *id, struct state_directory *ret,
                  struct error *err)
{
    if (state_check_id(id, err) < 0)
        return -err->code;

    autoclose int directory = openat(parent, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;

    if (directory < 0 && errno == ENOENT)
        return refuse(err, ENOENT, "container does not exist");
    if (directory < 0)
        return fail(err, errno, "open state directory %s/%s", root, id);

    /* In a root with the sticky bit anybody may make an entry of his own. */
    if (fstat(directory, &status) < 0)
        return fail(err, errno, "stat state directory %s/%s", root, id);
    if ((status.st_uid != geteuid() && status.st_uid != 0) || (status.st_mode & 022) != 0)
        return refuse(err, EPERM,
                      "state directory %s/%s may be written to by others (uid %u, mode %04o)", root,
                      id, status.st_uid, status.st_mode & 07777);
    ret->fd = take_fd(&directory);
    return 0;
}

static bool is_still_there(const struct state_directory *directory, const char *root,
                           const char *id)
{
    char path[PATH_MAX];
    struct stat ours, theirs;

    snprintf(path, sizeof path, "%s/%s", root, id);
    return fstat(directory->fd, &ours) == 0 && stat(path, &theirs) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

int state_lock(const struct state_directory *directory, const char *root, const char *id,
               int deadline_ms, struct error *err)
{
    struct deadline deadline = deadline_in_ms(deadline_ms);

    while (flock(directory->fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail(err, errno, "lock the state of \"%s\"", id);
        if (deadline_passed(&deadline))
            return refuse(err, EBUSY, "another command is working on container \"%s\"", id);
        deadline_pause(&deadline, 2);
    }
    if (!is_still_there(directory, root, id))
        return refuse(err, ENOENT, "container does not exist");
    return 0;
}

void state_close(struct state_directory *directory)
{
    close_fd(&directory->fd);
}

int state_read(const struct state_directory *directory, const char *id, struct arena *arena,
               struct state_record *ret, struct error *err)
{
    char *json;
    size_t length;

    /* The record precedes every side effect: where there is none, there is no container (yet). */
    if (read_file(directory->fd, "state.json", STATE_SIZE_MOST, arena, &json, &length, err) < 0)
        return err->code == ENOENT ? refuse(err, ENOENT, "container does not exist")
                                   : within(err, "state of \"%s\"", id);
    if (fields_decode(&record_fields, json, length, arena, ret, err) < 0)
        return within(err, "state of \"%s\": state.json", id);
    if (ret->version != STATE_VERSION)
        return refuse(err, EPROTO, "state of \"%s\": state.json: version %lld, not %d", id,
                      (long long)ret->version, STATE_VERSION);
    if (strcmp(ret->id, id) != 0)
        return refuse(err, EPROTO, "state of \"%s\": state.json: belongs to another container", id);
    return 0;
}

int state_prepare(const struct state_directory *directory, const struct state_record *record,
                  struct replacement *ret, struct error *err)
{
    static const struct json_layout compact = {.indent = NULL};
    autoarena struct arena arena = {NULL};
    const char *json;
    size_t length;

    if (fields_encode(&record_fields, record, &compact, &arena, &json, &length, err) < 0 ||
        replacement_write(ret, directory->fd, "state.json", json, length, 0600, err) < 0)
        return within(err, "state");
    return 0;
}

int state_write(const struct state_directory *directory, const struct state_record *record,
                struct error *err)
{
    struct replacement file;

    if (state_prepare(directory, record, &file, err) < 0)
        return -err->code;
    return replacement_commit(&file, err) < 0 ? within(err, "state") : 0;
}

int state_write_config(const struct state_directory *directory, const struct spec *spec,
                       struct error *err)
{
    static const struct json_layout compact = {.indent = NULL};
    autoarena struct arena arena = {NULL};
    const char *json;
    size_t length;

    if (fields_encode(&spec_fields, spec, &compact, &arena, &json, &length, err) < 0 ||
        replace_file(directory->fd, "config.json", json, length, 0600, err) < 0)
        return within(err, "state");
    return 0;
}

int state_prepare_config(const struct state_directory *directory, const struct spec *spec,
                         struct replacement *ret, struct error *err)
{
    static const struct json_layout compact = {.indent = NULL};
    autoarena struct arena arena = {NULL};
    struct spec *read_back;
    const char *json;
    size_t length;

    if (fields_encode(&spec_fields, spec, &compact, &arena, &json, &length, err) < 0)
        return within(err, "state");
    if (spec_parse(json, length, "the new config", &arena, NULL, &read_back, err) < 0)
        return -err->code;
    if (replacement_write(ret, directory->fd, "config.json", json, length, 0600, err) < 0)
        return within(err, "state");
    return 0;
}

int state_read_config(const struct state_directory *directory, struct arena *arena,
                      struct spec **ret, struct error *err)
{
    char *json;
    size_t length;

    if (read_file(directory->fd, "config.json", STATE_SIZE_MOST, arena, &json, &length, err) < 0 ||
        spec_parse(json, length, "config.json", arena, NULL, ret, err) < 0)
        return within(err, "state");
    return 0;
}

/* Of directories there is one, and that may hold anything: a container with rights over its mounts
 * can write to it. */
static int remove_entry(int directory, const char *name, struct error *err)
{
    if (strcmp(name, "notify") == 0)
        return remove_tree(directory, name, err);
    if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
        return fail(err, errno, "remove %s", name);
    return 0;
}

static int remove_entries(DIR *directory, struct error *err)
{
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            strcmp(entry->d_name, "state.json") == 0)
            continue;
        if (remove_entry(dirfd(directory), entry->d_name, err) < 0)
            return -err->code;
    }
    return 0;
}

/* All but the record: what a killed command left beside it, too. */
static int remove_content(int parent, struct error *err)
{
    int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);

    if (directory == NULL) {
        close_fd(&fd);
        return errno == ENOENT ? 0 : fail(err, errno, "read the state directory");
    }

    int code = remove_entries(directory, err);

    closedir(directory);
    return code;
}

int state_remove(const struct state_directory *directory, const char *root, const char *id,
                 struct error *err)
{
    char path[PATH_MAX];

    /* The record goes last: until then a second delete knows what to do. */
    if (remove_content(directory->fd, err) < 0)
        return within(err, "remove %s/%s", root, id);
    if (unlinkat(directory->fd, "state.json", 0) < 0 && errno != ENOENT)
        return fail(err, errno, "remove %s/%s/state.json", root, id);
    snprintf(path, sizeof path, "%s/%s", root, id);
    if (rmdir(path) < 0 && errno != ENOENT)
        return fail(err, errno, "remove %s", path);
    return 0;
}
