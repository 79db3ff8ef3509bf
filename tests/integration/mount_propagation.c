/* Who sees a mount that is made later: propagation options of mounts[], linux.rootfsPropagation.
 * The host's mounts are shared in a scenario, as they are under systemd. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/host_mounts.h"
#include "tests/integration/harness/scenario.h"

#define MOUNTINFO "cat /proc/self/mountinfo"

/* Optional fields without the numbers of the peer groups: "shared:7 master:3" is "shared: master:".
 */
static const char *kinds_at(const char *mountinfo, const char *point)
{
    struct mounted mounted = mounted_at(mountinfo, point);
    char *kinds = text("%s", mounted.fields);
    size_t kept = 0;

    cr_assert(*mounted.options != '\0', "nothing is mounted on %s:\n%s", point, mountinfo);
    for (size_t i = 0; kinds[i] != '\0'; i++)
        if (!isdigit((unsigned char)kinds[i]))
            kinds[kept++] = kinds[i];
    kinds[kept] = '\0';
    return kinds;
}

static void assert_kinds(const char *mountinfo, const char *point, const char *expected,
                         const char *story)
{
    cr_assert_str_eq(kinds_at(mountinfo, point), expected, "%s: %s is \"%s\" instead of \"%s\"",
                     story, point, kinds_at(mountinfo, point), expected);
}

/* A mount of the host with one below it, and a place for another. */
static const char *make_source(void)
{
    const char *source = host_tmpfs("source");

    host_tmpfs("source/below");
    host_directory("source/late");
    return source;
}

static void set_root_propagation(struct bundle *bundle, const char *propagation)
{
    if (propagation != NULL)
        bundle_set(bundle, "linux.rootfsPropagation", "\"%s\"", propagation);
}

/* --- linux.rootfsPropagation -------------------------------------------------------------------
 */

/* That of the container's "/" is a slave of the host's, or its own: "shared" is for what is mounted
 * inside.  The plain words leave binds as the host has them: with runc, too. */
static const struct {
    const char *propagation;
    const char *root;
    const char *bind; /* of the host's, with one below it; no option of its own */
    const char *fresh;
    bool late_arrives; /* what the host mounts below the bind's source */
    bool can_be_bound; /* "/" */
} root_rows[] = {
    {NULL,          "master:",         "master:",    "",           true,  true },
    {"private",     "",                "shared:",    "",           true,  true },
    {"rprivate",    "",                "",           "",           false, true },
    {"slave",       "master:",         "shared:",    "",           true,  true },
    {"rslave",      "master:",         "master:",    "",           true,  true },
    {"shared",      "shared: master:", "shared:",    "",           true,  true },
    {"rshared",     "shared: master:", "shared:",    "shared:",    true,  true },
    {"unbindable",  "unbindable",      "shared:",    "",           true,  false},
    {"runbindable", "unbindable",      "unbindable", "unbindable", false, false},
};

Scenario(mount_propagation, of_the_root_is_one_of_eight)
{
    const char *source;

    need_root();
    source = make_source();
    for (size_t i = 0; i < count_of(root_rows); i++) {
        struct bundle *bundle = bundle_new();
        const char *story = root_rows[i].propagation == NULL ? "absent" : root_rows[i].propagation;
        const char *mounts, *late;

        set_root_propagation(bundle, root_rows[i].propagation);
        bundle_mount(bundle, "/bind", "none", source, "\"rbind\"");
        bundle_mount(bundle, "/fresh", "tmpfs", "tmpfs", "");
        bundle_start(bundle);
        mounts = inside_running(bundle, MOUNTINFO);
        assert_kinds(mounts, "/", root_rows[i].root, story);
        assert_kinds(mounts, "/bind", root_rows[i].bind, story);
        assert_kinds(mounts, "/bind/below", root_rows[i].bind, story);
        assert_kinds(mounts, "/fresh", root_rows[i].fresh, story);

        cr_assert(kernel_mount("late", work_path("source/late"), "tmpfs", 0, NULL) == 0);
        late = mounted_at(inside_running(bundle, MOUNTINFO), "/bind/late").source;
        cr_assert(kernel_umount(work_path("source/late"), MNT_DETACH) == 0);
        cr_assert_str_eq(late, root_rows[i].late_arrives ? "late" : "", "%s: \"%s\" arrived", story,
                         late);
        bundle_delete(bundle);
    }
}

Scenario(mount_propagation, an_unbindable_root_cannot_be_bound)
{
    need_root();
    for (size_t i = 0; i < count_of(root_rows); i++) {
        struct bundle *bundle = bundle_new();
        const char *story = root_rows[i].propagation == NULL ? "absent" : root_rows[i].propagation;
        const char *answer;

        set_root_propagation(bundle, root_rows[i].propagation);
        bundle_allow(bundle, "CAP_SYS_ADMIN");
        answer = inside(bundle, "mount -o bind / /mnt 2>/dev/null && echo bound || echo refused");
        cr_assert_str_eq(answer, root_rows[i].can_be_bound ? "bound" : "refused", "%s: %s", story,
                         answer);
    }
}

/* Read-only and masked paths are clones, which an unbindable mount has none of. */
Scenario(mount_propagation, an_unbindable_root_has_its_protected_paths)
{
    struct bundle *bundle = bundle_new();
    const char *mounts;

    need_root();
    set_root_propagation(bundle, "runbindable");
    bundle_set(bundle, "linux.readonlyPaths[+]", "\"/etc\"");
    bundle_set(bundle, "linux.maskedPaths[+]", "\"/work\"");
    mounts = inside(bundle, MOUNTINFO);
    assert_has(mounted_at(mounts, "/etc").options, "ro");
    assert_has(mounted_at(mounts, "/work").options, "ro");
    assert_kinds(mounts, "/etc", "unbindable", "runbindable");
}

/* --- mounts[].options --------------------------------------------------------------------------
 */

static const struct {
    const char *root; /* linux.rootfsPropagation */
    const char *option;
    const char *top;
    const char *below;
} bind_rows[] = {
    {NULL,          "private",     "",                "master:"        },
    {NULL,          "rprivate",    "",                ""               },
    {NULL,          "shared",      "shared: master:", "master:"        },
    {NULL,          "rshared",     "shared: master:", "shared: master:"},
    {"shared",      "slave",       "master:",         "shared:"        },
    {"shared",      "rslave",      "master:",         "master:"        },
    {NULL,          "unbindable",  "unbindable",      "master:"        },
    {NULL,          "runbindable", "unbindable",      "unbindable"     },

 /* What is asked for one mount holds whatever is asked for all. */
    {"rprivate",    "shared",      "shared:",         ""               },
    {"rprivate",    "rshared",     "shared:",         "shared:"        },
    {"rprivate",    "unbindable",  "unbindable",      ""               },
    {"rslave",      "shared",      "shared: master:", "master:"        },
    {"rslave",      "private",     "",                "master:"        },
    {"rslave",      "rprivate",    "",                ""               },
    {"rshared",     "private",     "",                "shared:"        },
    {"rshared",     "rprivate",    "",                ""               },
    {"rshared",     "slave",       "master:",         "shared:"        },
    {"rshared",     "rslave",      "master:",         "master:"        },
    {"rshared",     "runbindable", "unbindable",      "unbindable"     },
    {"runbindable", "shared",      "shared:",         "unbindable"     },
    {"runbindable", "rprivate",    "",                ""               },
 /* A slave of what the namespace has cut off has no master: with runc, too. */
    {"rprivate",    "rslave",      "",                ""               },
};

Scenario(mount_propagation, of_a_bind_is_what_its_options_say)
{
    const char *source;

    need_root();
    source = make_source();
    for (size_t i = 0; i < count_of(bind_rows); i++) {
        struct bundle *bundle = bundle_new();
        const char *story = text("%s with %s", bind_rows[i].option, bind_rows[i].root);
        const char *mounts;

        set_root_propagation(bundle, bind_rows[i].root);
        bundle_mount(bundle, "/work", "none", source,
                     text("\"rbind\",\"%s\"", bind_rows[i].option));
        mounts = inside(bundle, MOUNTINFO);
        assert_kinds(mounts, "/work", bind_rows[i].top, story);
        assert_kinds(mounts, "/work/below", bind_rows[i].below, story);
    }
}

/* On a root whose mounts are all something else. */
Scenario(mount_propagation, of_a_new_file_system_is_what_its_options_say)
{
    static const struct {
        const char *options, *expected;
    } rows[] = {
        {"",                           "shared:"   },
        {"\"private\"",                ""          },
        {"\"rprivate\"",               ""          },
        {"\"slave\"",                  ""          },
        {"\"rslave\"",                 ""          },
        {"\"unbindable\"",             "unbindable"},
        {"\"runbindable\"",            "unbindable"},
        {"\"shared\",\"private\"",     ""          },
        {"\"private\",\"shared\"",     "shared:"   },
        {"\"private\",\"silent\"",     ""          },
        {"\"private\",\"unbindable\"", "unbindable"},
    };
    struct bundle *bundle = bundle_new();
    const char *mounts;

    need_root();
    set_root_propagation(bundle, "rshared");
    for (size_t i = 0; i < count_of(rows); i++)
        bundle_mount(bundle, text("/work/%zu", i), "tmpfs", "tmpfs", rows[i].options);
    mounts = inside(bundle, MOUNTINFO);
    for (size_t i = 0; i < count_of(rows); i++)
        assert_kinds(mounts, text("/work/%zu", i), rows[i].expected, rows[i].options);
}

Scenario(mount_propagation, a_remount_changes_it)
{
    struct bundle *bundle = bundle_new();

    need_root();
    set_root_propagation(bundle, "rprivate");
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"unbindable\"");
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"remount\",\"shared\"");
    assert_kinds(inside(bundle, MOUNTINFO), "/work", "shared:", "remount");
}

/* The options of a mount that another one hides are not for that one. */
Scenario(mount_propagation, of_a_covered_mount_is_not_its_covers)
{
    struct bundle *bundle = bundle_new();
    const char *mounts;

    need_root();
    set_root_propagation(bundle, "rprivate");
    bundle_mount(bundle, "/work/deep", "tmpfs", "tmpfs", "\"shared\"");
    bundle_mount(bundle, "/mnt", "tmpfs", "tmpfs", "\"shared\"");
    bundle_mount(bundle, "/mnt", "tmpfs", "cover", "");
    bundle_mount(bundle, "/work", "tmpfs", "cover", "");
    bundle_mount(bundle, "/work/deep", "tmpfs", "cover", "");
    mounts = inside(bundle, MOUNTINFO);
    assert_text(mounted_at(mounts, "/mnt").source, "cover");
    assert_kinds(mounts, "/mnt", "", "covered by the same place");
    assert_kinds(mounts, "/work/deep", "", "covered from above");
}

/* Where a mount was left out there is none to be changed. */
Scenario(mount_propagation, of_a_mount_that_was_left_out)
{
    struct bundle *bundle = bundle_new();

    need_root();
    set_root_propagation(bundle, "rprivate");
    bundle_mount(bundle, "/work", "none", work_path("missing"), "\"bind\",\"optional\",\"shared\"");
    bundle_mount(bundle, "/not/there", "none", work_path("missing"),
                 "\"bind\",\"optional\",\"shared\"");
    assert_kinds(inside(bundle, MOUNTINFO), "/", "", "rprivate");
}

/* --- inwards and outwards ----------------------------------------------------------------------
 */

Scenario(mount_propagation, what_is_mounted_inside_does_not_travel_out)
{
    static const char *const propagations[] = {NULL, "private", "slave", "rprivate", "rslave"};

    need_root();
    for (size_t i = 0; i < count_of(propagations); i++) {
        struct bundle *bundle = bundle_new();
        const char *before;

        set_root_propagation(bundle, propagations[i]);
        bundle_allow(bundle, "CAP_SYS_ADMIN");
        bundle_mount(bundle, "/work", "none", scenario_work(), "\"rbind\"");
        before = file_text("/proc/self/mountinfo");
        inside(bundle, "mount -t tmpfs none /work && mount -t tmpfs none /mnt");
        assert_text(file_text("/proc/self/mountinfo"), before);
    }
}

/* A bind that is a slave hears of the host; one that is private does not. */
Scenario(mount_propagation, what_the_host_mounts_arrives_as_the_bind_says)
{
    static const struct {
        const char *option, *expected;
    } rows[] = {
        {"rslave",      "late"},
        {"slave",       "late"},
        {"rprivate",    ""    },
        {"private",     ""    },
        {"runbindable", ""    },
    };
    const char *source;

    need_root();
    source = make_source();
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();
        const char *arrived;

        bundle_mount(bundle, "/work", "none", source, text("\"rbind\",\"%s\"", rows[i].option));
        bundle_start(bundle);
        cr_assert(kernel_mount("late", work_path("source/late"), "tmpfs", 0, NULL) == 0);
        arrived = mounted_at(inside_running(bundle, MOUNTINFO), "/work/late").source;
        cr_assert(kernel_umount(work_path("source/late"), MNT_DETACH) == 0);
        cr_assert_str_eq(arrived, rows[i].expected, "%s: \"%s\"", rows[i].option, arrived);
        bundle_delete(bundle);
    }
}
