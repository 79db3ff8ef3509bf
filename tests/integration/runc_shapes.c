/* The JSON of our outputs beside that of the runc which is installed: whatever member runc has, we
 * have.  Skipped where there is no runc. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

/* The walk over a document: every member's path, once, items of an array as "[]". */
struct walk {
    const char *at;
    const char *paths; /* "\na.b\na.c\n" */
};

static const char *take_string(struct walk *walk)
{
    const char *begin = ++walk->at;

    while (*walk->at != '"')
        walk->at += *walk->at == '\\' ? 2 : 1;
    return text("%.*s", (int)(walk->at++ - begin), begin);
}

static void skip_to(struct walk *walk, const char *of)
{
    walk->at += strcspn(walk->at, of);
}

static void walk_value(struct walk *walk, const char *path);

static void walk_items(struct walk *walk, const char *path, bool object)
{
    walk->at++;
    for (;;) {
        const char *below = text("%s[]", path);

        walk->at += strspn(walk->at, " \n\t,");
        if (*walk->at == (object ? '}' : ']'))
            break;
        if (object) {
            below = text("%s.%s", path, take_string(walk));
            skip_to(walk, ":");
            walk->at++;
            if (strstr(walk->paths, text("\n%s\n", below)) == NULL)
                walk->paths = text("%s%s\n", walk->paths, below);
        }
        walk_value(walk, below);
    }
    walk->at++;
}

static void walk_value(struct walk *walk, const char *path)
{
    walk->at += strspn(walk->at, " \n\t");
    if (*walk->at == '{' || *walk->at == '[')
        walk_items(walk, path, *walk->at == '{');
    else if (*walk->at == '"')
        take_string(walk);
    else
        skip_to(walk, ",}] \n");
}

static const char *paths_of(const char *document)
{
    struct walk walk = {document, "\n"};

    walk_value(&walk, "");
    return walk.paths;
}

/* A 0 is left out, and the version is runc's alone. */
static const char *const varying[] = {
    ".data.memory.cache",
    ".annotations.org.opencontainers.runc.",
};

static bool varies(const char *path)
{
    for (size_t i = 0; i < count_of(varying); i++) {
        if (strncmp(path, varying[i], strlen(varying[i])) == 0)
            return true;
    }
    return false;
}

/* The first member of runc's that we lack. */
static const char *missing(const char *runc, const char *ours)
{
    const char *known = paths_of(ours);

    for (const char *path = paths_of(runc) + 1, *end; (end = strchr(path, '\n')) != NULL;
         path = end + 1) {
        const char *one = text("%.*s", (int)(end - path), path);

        if (!varies(one) && strstr(known, text("\n%s\n", one)) == NULL)
            return one;
    }
    return NULL;
}

#define runc(...)                                                                               \
    program_run(PROGRAM(.arguments = (const char *const[]){"runc", "--root", work_path("runc"), \
                                                           __VA_ARGS__, NULL}))

#define assert_same_shape(runc_outcome, our_outcome)                                      \
    do {                                                                                  \
        const struct outcome theirs_ = (runc_outcome), ours_ = (our_outcome);             \
        const char *lost_;                                                                \
        assert_ok(theirs_);                                                               \
        assert_ok(ours_);                                                                 \
        lost_ = missing(theirs_.out, ours_.out);                                          \
        cr_assert(lost_ == NULL, "runc has %s:\n%s\nand we not:\n%s", lost_, theirs_.out, \
                  ours_.out);                                                             \
    } while (0)

/* Reads a file past the page cache.  Counters of a disk are members only once it was used, and runc
 * itself is read from one, in its container's cgroup, when no one has run it lately. */
#define READ_FROM_DISK "dd if=/from-disk of=/dev/null bs=64k count=1 iflag=direct 2>/dev/null || :"

static void mount_file_on_disk(struct bundle *bundle)
{
    const char *runc =
        program_run(PROGRAM(.arguments = (const char *const[]){"which", "runc", NULL})).out;

    bundle_mount(bundle, "/from-disk", "bind", text("%.*s", (int)strcspn(runc, "\n"), runc),
                 "\"bind\",\"ro\"");
}

Scenario(runc_shapes, we_have_every_member_that_runc_has)
{
    struct bundle *bundle = bundle_new(), *other = bundle_new();

    need_root();
    need_command("runc");
    mount_file_on_disk(bundle);
    mount_file_on_disk(other);
    bundle_start(bundle);
    inside_running(bundle, READ_FROM_DISK);
    /* runc leaves the parents that it made. */
    bundle_set(other, "linux.cgroupsPath", "\"/%s\"", other->id);
    bundle_without_namespace(other, "time"); /* newer than some */
    bundle_script(other, "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done");
    assert_ok(runc("run", "--detach", "--bundle", other->path, other->id));
    assert_ok(runc("exec", other->id, "sh", "-c", READ_FROM_DISK));
    assert_same_shape(runc("state", other->id), crun("state", bundle->id));
    assert_same_shape(runc("list", "--format", "json"), crun("list", "--format", "json"));
    assert_same_shape(runc("ps", "--format", "json", other->id),
                      crun("ps", "--format", "json", bundle->id));
    assert_same_shape(runc("events", "--stats", other->id), crun("events", "--stats", bundle->id));
    assert_same_shape(runc("features"), crun("features"));
    assert_ok(runc("delete", "--force", other->id));
    bundle_delete(bundle);
}
