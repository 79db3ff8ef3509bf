/* What the words of mounts[].options mean. */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/options.h"
#include "namespaces/mount/plan.h"
#include "namespaces/mount/steps.h"

/* Plan one mount of /x with these options; arena and error live as long as the test. */
static struct arena arena;
static struct error err;

static int plan(struct planned_mount *ret, const char *type, const char *const *options)
{
    struct spec_mount mount = {.destination = "/x", .type = type, .source = "/source"};
    struct spec spec = {0};
    struct mount_request request = {
        .spec = &spec, .bundle = "/bundle", .new_mount_namespace = true};

    while (options[mount.options.count] != NULL)
        mount.options.count++;
    mount.options.items = (const char **)options;
    spec.mounts.items = &mount;
    spec.mounts.count = 1;
    memset(&err, 0, sizeof err);
    return mount_plan_one(ret, &request, 0, &arena, NULL, &err);
}

static void done(void)
{
    arena_free(&arena);
}

#define WORDS(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

TestSuite(mount_options, .fini = done);

Test(mount_options, last_of_ro_and_rw_wins)
{
    struct planned_mount mount;

    cr_assert_eq(plan(&mount, "bind", WORDS("bind", "ro", "rw")), 0);
    cr_expect_eq(mount.own.set, 0);
    cr_expect_eq(mount.own.clear, MOUNT_ATTR_RDONLY);
    cr_assert_eq(plan(&mount, "bind", WORDS("bind", "rw", "ro")), 0);
    cr_expect_eq(mount.own.set, MOUNT_ATTR_RDONLY);
    cr_expect_eq(mount.own.clear, 0);
}

Test(mount_options, last_access_time_option_wins_and_clears_the_others)
{
    struct planned_mount mount;

    cr_assert_eq(plan(&mount, "tmpfs", WORDS("noatime", "strictatime")), 0);
    cr_expect_eq(mount.own.set, MOUNT_ATTR_STRICTATIME);
    cr_assert_eq(plan(&mount, "tmpfs", WORDS("strictatime", "relatime")), 0);
    cr_expect_eq(mount.own.set, MOUNT_ATTR_RELATIME);
    cr_expect_eq(mount.own.clear, MOUNT_ATTR__ATIME);
}

Test(mount_options, recursive_ones_leave_the_top_mount_alone)
{
    struct planned_mount mount;

    cr_assert_eq(plan(&mount, "bind", WORDS("rbind", "rro", "rnosuid", "noexec")), 0);
    cr_expect_eq(mount.tree.set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
    cr_expect_eq(mount.own.set, MOUNT_ATTR_NOEXEC);
    cr_expect(mount.extensions & MOUNT_BIND_RECURSIVE);
}

Test(mount_options, every_attribute_has_a_recursive_twin)
{
    for (size_t i = 0; i < mount_option_count; i++) {
        const struct mount_option *option = &mount_options[i];
        const struct mount_option *twin;
        char name[64];

        if (option->kind != MOUNT_OPTION_ATTRIBUTE)
            continue;
        snprintf(name, sizeof name, "r%s", option->name);
        twin = mount_option_find(name);
        cr_assert(twin != NULL, "%s has no %s", option->name, name);
        cr_expect(twin->kind == MOUNT_OPTION_RECURSIVE, "%s", name);
        cr_expect(twin->set == option->set && twin->clear == option->clear, "%s", name);
    }
}

/* mount_setattr(2): whoever changes a part of how access times are kept must clear all of it. */
Test(mount_options, access_times_are_cleared_whole)
{
    for (size_t i = 0; i < mount_option_count; i++) {
        const struct mount_option *option = &mount_options[i];

        if (option->kind != MOUNT_OPTION_ATTRIBUTE && option->kind != MOUNT_OPTION_RECURSIVE)
            continue;
        if ((option->set | option->clear) & MOUNT_ATTR__ATIME)
            cr_expect((option->clear & MOUNT_ATTR__ATIME) == MOUNT_ATTR__ATIME, "%s", option->name);
    }
}

/* What runc has beside them. */
Test(mount_options, acl_is_known_and_changes_nothing)
{
    cr_expect_eq(mount_option_find("acl")->kind, MOUNT_OPTION_NOTHING);
    cr_expect_eq(mount_option_find("noacl")->kind, MOUNT_OPTION_NOTHING);
}

/* config.md "Linux mount options": every one of the specification's table. */
Test(mount_options, all_of_the_specification_are_known)
{
    static const char *const words[] = {
        "async",
        "atime",
        "bind",
        "defaults",
        "dev",
        "diratime",
        "dirsync",
        "exec",
        "iversion",
        "lazytime",
        "loud",
        "mand",
        "noatime",
        "nodev",
        "nodiratime",
        "noexec",
        "noiversion",
        "nolazytime",
        "nomand",
        "norelatime",
        "nostrictatime",
        "nosuid",
        "nosymfollow",
        "private",
        "ratime",
        "rbind",
        "rdev",
        "rdiratime",
        "relatime",
        "remount",
        "rexec",
        "rnoatime",
        "rnodev",
        "rnodiratime",
        "rnoexec",
        "rnorelatime",
        "rnostrictatime",
        "rnosuid",
        "rnosymfollow",
        "ro",
        "rprivate",
        "rrelatime",
        "rro",
        "rrw",
        "rshared",
        "rslave",
        "rstrictatime",
        "rsuid",
        "rsymfollow",
        "runbindable",
        "rw",
        "shared",
        "silent",
        "slave",
        "strictatime",
        "suid",
        "symfollow",
        "sync",
        "tmpcopyup",
        "unbindable",
        "idmap",
        "ridmap",
        "copy-symlink",
        "src-nofollow",
        "dest-nofollow",
    };

    for (size_t i = 0; i < count_of(words); i++)
        cr_expect(mount_option_find(words[i]) != NULL, "%s", words[i]);
}

Test(mount_options, names_are_sorted_and_unique)
{
    struct string_list names;

    cr_assert_eq(mount_option_names(&names, &arena, &err), 0);
    cr_assert_eq(names.count, mount_option_count);
    for (size_t i = 1; i < names.count; i++)
        cr_expect(strcmp(names.items[i - 1], names.items[i]) < 0, "%s, %s", names.items[i - 1],
                  names.items[i]);
    cr_expect(names.items[names.count] == NULL);
}

Test(mount_options, propagation_is_kept_in_order)
{
    struct planned_mount mount;

    cr_assert_eq(plan(&mount, "bind", WORDS("bind", "rslave", "shared")), 0);
    cr_expect_eq(mount.propagation[0], MS_SLAVE | MS_REC);
    cr_expect_eq(mount.propagation[1], MS_SHARED);
    cr_expect_eq(mount.propagation[2], 0);
}

Test(mount_options, unknown_words_are_data_for_the_file_system)
{
    struct planned_mount mount;

    cr_assert_eq(plan(&mount, "tmpfs", WORDS("nosuid", "size=64m", "newword")), 0);
    cr_assert_eq(mount.data_count, 2);
    cr_expect_str_eq(mount.data[0].key, "size");
    cr_expect_str_eq(mount.data[0].value, "64m");
    cr_expect_eq(mount.data[0].option, 1);
    cr_expect_str_eq(mount.data[1].key, "newword");
    cr_expect(mount.data[1].value == NULL);
    cr_expect_str_eq(mount.data_text, "size=64m,newword");
}

Test(mount_options, one_string_may_hold_several_of_the_file_system)
{
    struct planned_mount mount;

    cr_assert_eq(plan(&mount, "tmpfs", WORDS("mode=755,size=1m")), 0);
    cr_assert_eq(mount.data_count, 2);
    cr_expect(mount.has_mode);
    cr_expect_str_eq(mount.data[1].key, "size");
}

Test(mount_options, quoted_commas_do_not_separate)
{
    struct planned_mount mount;

    cr_assert_eq(plan(&mount, "tmpfs", WORDS("context=\"a:b:c0,c1\",size=1m")), 0);
    cr_assert_eq(mount.data_count, 2);
    cr_expect_str_eq(mount.data[0].value, "\"a:b:c0,c1\"");
}

Test(mount_options, of_the_superblock_go_to_the_file_system_but_not_to_a_bind)
{
    struct planned_mount mount;

    cr_assert_eq(plan(&mount, "ext4", WORDS("sync", "lazytime")), 0);
    cr_expect_eq(mount.data_count, 2);
    cr_expect_eq(mount.legacy_flags, MS_SYNCHRONOUS | MS_LAZYTIME);
    cr_expect_str_eq(mount.data_text, "");
    cr_assert_eq(plan(&mount, "bind", WORDS("bind", "sync")), 0);
    cr_expect_eq(mount.data_count, 0);
    cr_expect_eq(mount.legacy_flags, 0);
}

/* Without "bind" a remount is of the file system, too. */
Test(mount_options, of_a_remount_reach_the_file_system_unless_it_is_a_bind)
{
    struct planned_mount mount;

    cr_assert_eq(plan(&mount, "tmpfs", WORDS("remount", "size=1m", "sync")), 0);
    cr_expect(mount.kind == MOUNT_KIND_REMOUNT);
    cr_expect_eq(mount.data_count, 2);
    cr_assert_eq(plan(&mount, "tmpfs", WORDS("remount", "bind", "sync")), 0);
    cr_expect_eq(mount.data_count, 0);
    cr_assert(plan(&mount, "tmpfs", WORDS("remount", "bind", "size=1m")) == -EINVAL);
    cr_expect_str_eq(err.text, "options[2]: \"size\" is no option of a bind mount");
}

Test(mount_options, of_the_whole_tree_win_over_those_of_its_top)
{
    struct planned_mount mount;

    cr_assert_eq(plan(&mount, "bind", WORDS("rbind", "rro", "rw", "rrelatime", "noatime")), 0);
    cr_expect_eq(mount_attributes_of_top(&mount).set, MOUNT_ATTR_RDONLY);
    cr_expect_eq(mount_attributes_of_top(&mount).clear, MOUNT_ATTR__ATIME);
    cr_assert_eq(plan(&mount, "tmpfs", WORDS("noatime", "rstrictatime", "ro", "rrw")), 0);
    cr_expect_eq(mount_attributes_of_top(&mount).set, MOUNT_ATTR_STRICTATIME);
    cr_expect(!mount.read_only_late);
}

/* fsconfig(2) has no word for them. */
Test(mount_options, that_only_mount_knows_are_its_flags)
{
    struct planned_mount mount;

    cr_assert_eq(plan(&mount, "ext4", WORDS("iversion", "silent")), 0);
    cr_expect_eq(mount.data_count, 0);
    cr_expect_eq(mount.legacy_flags, MS_I_VERSION | MS_SILENT);
    cr_expect(mount_wants_one_call(&mount));
    cr_assert_eq(plan(&mount, "ext4", WORDS("iversion", "silent", "noiversion", "loud")), 0);
    cr_expect_eq(mount.legacy_flags, 0);
    cr_expect(!mount_wants_one_call(&mount));
}

Test(mount_options, bind_makes_the_type_irrelevant)
{
    struct planned_mount mount;

    cr_assert_eq(plan(&mount, "tmpfs", WORDS("bind")), 0);
    cr_expect(mount.kind == MOUNT_KIND_BIND);
    cr_assert_eq(plan(&mount, "bind", WORDS("ro")), 0);
    cr_expect(mount.kind == MOUNT_KIND_BIND);
    cr_assert_eq(plan(&mount, NULL, WORDS("rbind")), 0);
    cr_expect(mount.kind == MOUNT_KIND_BIND);
}

static const struct {
    const char *type;
    const char *option;
    const char *other;
    const char *message;
} refusals[] = {
    {"bind",  "bind",      "size=1m", "options[1]: \"size\" is no option of a bind mount"         },
    {"proc",  "tmpcopyup", NULL,      "options: \"tmpcopyup\" needs the type tmpfs"               },
    {"tmpfs", "idmap",     NULL,      "options: only a bind mount can map ids"                    },
    {"bind",  "bind",      "idmap",
     "options: \"idmap\" needs uidMappings and gidMappings, of the mount or of a user namespace"  },
    {"none",  "ro",        NULL,      "type: is missing, and no option says \"bind\" or \"rbind\""},
    {NULL,    "ro",        NULL,      "type: is missing, and no option says \"bind\" or \"rbind\""},
};

Test(mount_options, nonsense_is_refused_by_place)
{
    for (size_t i = 0; i < count_of(refusals); i++) {
        struct planned_mount mount;
        const char *const words[] = {refusals[i].option, refusals[i].other, NULL};

        cr_assert(plan(&mount, refusals[i].type, words) == -EINVAL, "%s", refusals[i].message);
        cr_expect_str_eq(err.text, refusals[i].message);
    }
}

Test(mount_options, too_many_propagations_are_refused)
{
    struct planned_mount mount;

    cr_assert(plan(&mount, "bind",
                   WORDS("bind", "private", "slave", "shared", "private", "slave")) == -EINVAL);
    cr_expect_str_eq(err.text, "options[5]: \"slave\": is one propagation option too many");
}
