#include "runtime/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"

static const char annotation[] = "run.crun-lite.overlay";

static int make_absolute(const char *path, struct arena *arena, const char **ret, struct error *err)
{
    char cwd[PATH_MAX];

    if (*path == '/') {
        *ret = path;
        return 0;
    }
    if (getcwd(cwd, sizeof cwd) == NULL)
        return fail(err, errno, "--overlay=%s: the working directory", path);
    *ret = arena_print(arena, "%s/%s", cwd, path);
    return *ret == NULL ? no_memory(err) : 0;
}

static int choose_by_annotation(struct layer_choice *ret, const char *value, struct error *err)
{
    char quoted[1040];

    *ret = (struct layer_choice){.wanted = true};
    if (strcmp(value, "true") == 0)
        return 0;
    if (strcmp(value, "false") == 0) {
        ret->wanted = false;
        return 0;
    }
    if (*value == '/') {
        ret->directory = value;
        return 0;
    }
    return refuse(err, EINVAL, "annotations.%s: \"%s\" is not true, false or an absolute directory",
                  annotation, quotable(quoted, value));
}

int layer_choose(struct layer_choice *ret, const struct create_overrides *overrides,
                 const struct spec *spec, struct arena *arena, struct error *err)
{
    *ret = (struct layer_choice){.wanted = overrides->overlay};
    if (overrides->overlay && overrides->overlay_directory != NULL)
        return make_absolute(overrides->overlay_directory, arena, &ret->directory, err);
    if (overrides->overlay)
        return 0;
    for (size_t i = 0; i < spec->annotations.count; i++) {
        if (strcmp(spec->annotations.items[i].key, annotation) == 0)
            return choose_by_annotation(ret, spec->annotations.items[i].value, err);
    }
    return 0;
}

/* What is there already keeps its owner: the container may have changed it. */
static int make_for(int directory, const char *name, int64_t uid, int64_t gid, struct error *err)
{
    if (mkdirat(directory, name, 0755) < 0)
        return errno == EEXIST ? 0 : fail(err, errno, "make %s", name);
    if (uid > 0 && fchownat(directory, name, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "give %s to uid %lld", name, (long long)uid);
    return 0;
}

int layer_prepare(const struct layer_choice *choice, const struct id_map_plan *maps,
                  struct error *err)
{
    if (choice->directory == NULL)
        return 0;
    if (mkdir(choice->directory, 0755) < 0 && errno != EEXIST)
        return fail(err, errno, "overlay: make %s", choice->directory);

    autoclose int directory = open(choice->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int64_t uid = maps->uids.count > 0 ? id_map_to_host(&maps->uids, 0) : 0;
    int64_t gid = maps->gids.count > 0 ? id_map_to_host(&maps->gids, 0) : 0;

    if (directory < 0)
        return fail(err, errno, "overlay: open %s", choice->directory);
    if (make_for(directory, "upper", uid, gid, err) < 0 ||
        make_for(directory, "work", uid, gid, err) < 0)
        return within(err, "overlay: %s", choice->directory);
    return 0;
}

static const char note[] = "in-use-by";

/* Only what certainly is not there is gone: a state root may be out of our reach. */
static bool is_gone(const char *state)
{
    return access(state, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* Who has it, "" for nobody. */
static void read_note(int directory, char *holder, size_t size)
{
    if (read_pseudo_file(directory, note, holder, size) < 0)
        *holder = '\0';
}

int layer_claim(const char *directory, const char *state, struct error *err)
{
    char holder[PATH_MAX];
    char quoted[1040];
    autoclose int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* The lock is for the moment between looking and noting. */
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return fail(err, errno, "overlay: open %s", directory);
    read_note(fd, holder, sizeof holder);
    if (*holder != '\0' && strcmp(holder, state) != 0 && !is_gone(holder))
        return refuse(err, EBUSY, "overlay: %s is in use by the container of %s", directory,
                      quotable(quoted, holder));
    return replace_file(fd, note, state, strlen(state), 0644, err);
}

void layer_release(const char *directory, const char *state)
{
    char holder[PATH_MAX];
    autoclose int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return;
    read_note(fd, holder, sizeof holder);
    if (strcmp(holder, state) == 0)
        unlinkat(fd, note, 0);
}
