/* The writable layer: whether it is wanted, and its directory. */

#include "runtime_help.h"

#include "runtime/layer.h"

static int choose(struct layer_choice *ret, const char *annotation, bool overlay,
                  const char *directory, struct arena *arena, struct error *err)
{
    struct string_pair pairs[] = {
        {"other",                 "/not/this"},
        {"run.crun-lite.overlay", annotation },
    };
    struct spec spec = {
        .annotations = {pairs, annotation != NULL ? 2 : 1}
    };
    struct create_overrides overrides = {.overlay = overlay, .overlay_directory = directory};

    return layer_choose(ret, &overrides, &spec, arena, err);
}

Test(layer, the_option_wins_over_the_annotation)
{
    static const struct {
        const char *annotation;
        bool overlay;
        const char *directory;
        bool wanted;
        const char *chosen;
    } rows[] = {
        {NULL,    false, NULL, false, NULL  },
        {NULL,    true,  NULL, true,  NULL  },
        {NULL,    true,  "/d", true,  "/d"  },
        {"true",  false, NULL, true,  NULL  },
        {"false", false, NULL, false, NULL  },
        {"/ann",  false, NULL, true,  "/ann"},
        {"false", true,  NULL, true,  NULL  },
        {"/ann",  true,  NULL, true,  NULL  },
        {"/ann",  true,  "/d", true,  "/d"  },
        {"bad",   true,  "/d", true,  "/d"  },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {NULL};
        struct layer_choice choice;
        struct error err;

        must(choose(&choice, rows[i].annotation, rows[i].overlay, rows[i].directory, &arena, &err));
        cr_expect_eq(choice.wanted, rows[i].wanted, "row %zu", i);
        if (rows[i].chosen == NULL)
            cr_expect_null(choice.directory, "row %zu", i);
        else
            cr_expect_str_eq(choice.directory, rows[i].chosen, "row %zu", i);
    }
}

Test(layer, an_annotation_of_anything_else_is_refused)
{
    static const char *const bad[] = {"", "yes", "1", "relative/dir", "True"};

    for (size_t i = 0; i < count_of(bad); i++) {
        autoarena struct arena arena = {NULL};
        struct layer_choice choice;
        struct error err;

        expect_refused(choose(&choice, bad[i], false, NULL, &arena, &err), EINVAL,
                       "annotations.run.crun-lite.overlay: \"");
    }
}

Test(layer, a_relative_directory_is_from_the_working_directory)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct layer_choice choice;
    struct error err;
    char cwd[PATH_MAX];

    cr_assert_eq(chdir(directory), 0);
    cr_assert_not_null(getcwd(cwd, sizeof cwd));
    must(choose(&choice, NULL, true, "some/layer", &arena, &err));
    cr_expect_str_eq(choice.directory, path_in(&arena, cwd, "some/layer"));
    cr_assert_eq(chdir("/"), 0);
}

Test(layer, without_a_directory_nothing_is_made)
{
    struct layer_choice choice = {.wanted = true};
    struct id_map_plan maps = {0};
    struct error err;

    must(layer_prepare(&choice, &maps, &err));
}

Test(layer, makes_upper_and_work_and_keeps_what_is_there)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct layer_choice choice = {.wanted = true, .directory = path_in(&arena, directory, "layer")};
    struct id_map_plan maps = {0};
    struct error err;
    struct stat status;

    must(layer_prepare(&choice, &maps, &err));
    put_file(path_in(&arena, directory, "layer/upper/kept"), "x", 0644);
    cr_assert_eq(chmod(path_in(&arena, directory, "layer/upper"), 0700), 0);
    must(layer_prepare(&choice, &maps, &err));
    cr_expect_eq(access(path_in(&arena, directory, "layer/upper/kept"), F_OK), 0);
    cr_assert_eq(stat(path_in(&arena, directory, "layer/upper"), &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0700);
    cr_assert_eq(stat(path_in(&arena, directory, "layer/work"), &status), 0);
    cr_expect(S_ISDIR(status.st_mode));
    cr_expect_eq(count_entries(choice.directory), 2);
}

Test(layer, belongs_to_the_containers_root)
{
    if (geteuid() != 0)
        cr_skip_test("giving files away takes root");

    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct spec_id_mapping uids[] = {
        {0, 100000, 65536}
    };
    struct spec_id_mapping gids[] = {
        {0, 200000, 65536}
    };
    struct id_map_plan maps = {
        .uids = {uids, 1},
          .gids = {gids, 1}
    };
    struct layer_choice choice = {.wanted = true, .directory = path_in(&arena, directory, "layer")};
    struct error err;
    struct stat status;

    must(layer_prepare(&choice, &maps, &err));
    cr_assert_eq(stat(path_in(&arena, directory, "layer/upper"), &status), 0);
    cr_expect(status.st_uid == 100000 && status.st_gid == 200000);
    cr_assert_eq(stat(path_in(&arena, directory, "layer/work"), &status), 0);
    cr_expect(status.st_uid == 100000 && status.st_gid == 200000);
}

Test(layer, where_no_directory_can_be_made_the_path_is_named)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct layer_choice choice = {.wanted = true};
    struct id_map_plan maps = {0};
    struct error err;

    put_file(path_in(&arena, directory, "file"), "", 0644);
    choice.directory = path_in(&arena, directory, "file");
    expect_refused(layer_prepare(&choice, &maps, &err), ENOTDIR, choice.directory);
    choice.directory = path_in(&arena, directory, "missing/layer");
    expect_refused(layer_prepare(&choice, &maps, &err), ENOENT, "overlay: make ");
}
