/* `run WORD`: when the word is a bundle, and which id the container gets. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/own.h"
#include "cmd/crun-lite/run_target.c"

static char directory[] = "/tmp/crun-lite-run-XXXXXX";

static void make_file(const char *path)
{
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    cr_assert_geq(fd, 0);
}

/* A directory with a bundle in it, which is the current one. */
static void set_up(void)
{
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    cr_assert_eq(mkdir("web", 0755), 0);
    cr_assert_eq(mkdir("empty", 0755), 0);
    make_file("web/config.json");
    make_file("file");
}

static void tear_down(void)
{
    unlink("web/config.json");
    unlink("config.json");
    unlink("file");
    rmdir("web");
    rmdir("empty");
    rmdir(directory);
}

Test(cmd_run_target, a_directory_with_a_config_is_a_bundle, .init = set_up, .fini = tear_down)
{
    cr_expect(run_word_is_bundle("web"));
    cr_expect(run_word_is_bundle("web/"));
    cr_expect(run_word_is_bundle("./web"));
    cr_expect_not(run_word_is_bundle("empty"));
    cr_expect_not(run_word_is_bundle("missing"));
    cr_expect_not(run_word_is_bundle("file"));
    cr_expect_not(run_word_is_bundle("."));
    cr_expect_not(run_word_is_bundle(""));
}

Test(cmd_run_target, with_a_config_here_a_plain_word_is_an_id_as_for_runc, .init = set_up,
     .fini = tear_down)
{
    make_file("config.json");
    cr_expect_not(run_word_is_bundle("web"));
    cr_expect(run_word_is_bundle("./web"));
    cr_expect(run_word_is_bundle("."));
}

Test(cmd_run_target, the_id_is_the_last_name_made_of_what_an_id_may_hold)
{
    static const struct {
        const char *path, *id;
    } cases[] = {
        {"web",          "web"       },
        {"/srv/a/web/",  "web"       },
        {"./web//",      "web"       },
        {"my web:1",     "my-web-1"  },
        {"a_b+c.d-e9",   "a_b+c.d-e9"},
        {".hidden",      "hidden"    },
        {"./-x",         "x"         },
        {"d\xc3\xa9j\n", "d--j-"     },
        {"/",            "container" },
        {"/tmp/.",       "tmp"       },
        {"/tmp/..",      "container" },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        char id[RUN_ID_SIZE] = "";
        struct error err = {0};

        cr_expect_eq(run_id_from_bundle(cases[i].path, id, &err), 0, "%s: %s", cases[i].path,
                     err.text);
        cr_expect_str_eq(id, cases[i].id);
    }
}

Test(cmd_run_target, an_endless_name_leaves_room_for_a_suffix)
{
    char path[300], id[RUN_ID_SIZE];
    struct error err;

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    cr_assert_eq(run_id_from_bundle(path, id, &err), 0);
    cr_assert_eq(strlen(id), BASE_LENGTH);
}

static bool is_one_of(void *context, const char *id)
{
    for (const char *const *taken = context; *taken != NULL; taken++) {
        if (strcmp(*taken, id) == 0)
            return true;
    }
    return false;
}

Test(cmd_run_target, the_first_free_suffix_is_taken)
{
    static const char *const none[] = {NULL}, *const one[] = {"web", NULL},
                             *const gap[] = {"web", "web-2", "web-4", "web-20", NULL};
    char id[RUN_ID_SIZE];
    struct error err;

    cr_assert_eq(run_id_make_free("web", is_one_of, (void *)none, id, &err), 0);
    cr_expect_str_eq(id, "web");
    cr_assert_eq(run_id_make_free("web", is_one_of, (void *)one, id, &err), 0);
    cr_expect_str_eq(id, "web-2");
    cr_assert_eq(run_id_make_free("web", is_one_of, (void *)gap, id, &err), 0);
    cr_expect_str_eq(id, "web-3");
}

static bool always(void *context, const char *id)
{
    (void)context;
    (void)id;
    return true;
}

Test(cmd_run_target, the_search_for_a_free_id_ends)
{
    char id[RUN_ID_SIZE];
    struct error err;

    cr_assert_eq(run_id_make_free("web", always, NULL, id, &err), -EEXIST);
}
