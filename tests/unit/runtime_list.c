/* What is listed of a state root, whatever else lies in there. */

#include "runtime/container.h"
#include "runtime/state.h"
#include "tests/unit/runtime_help.h"

struct warnings {
    char text[1024];
    size_t count;
};

static void note(void *context, enum log_level level, const char *line)
{
    struct warnings *warnings = context;

    if (level != LOG_LEVEL_DEBUG) {
        snprintf(warnings->text, sizeof warnings->text, "%s", line);
        warnings->count++;
    }
}

static int list(const char *root, struct warnings *warnings, struct arena *arena,
                struct container_list *ret, struct error *err)
{
    const struct runtime runtime = {
        .root = root, .log = {.write = note, .context = warnings, .fd = -1}
    };

    return container_list(&runtime, arena, ret, err);
}

Test(list, a_missing_root_is_an_error_that_names_it)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct warnings warnings = {0};
    struct container_list found;
    struct error err;

    expect_refused(list(path_in(&arena, directory, "missing"), &warnings, &arena, &found, &err),
                   ENOENT, "missing");
}

Test(list, an_empty_root_has_no_containers)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct warnings warnings = {0};
    struct container_list found = {.count = 7};
    struct error err;

    must(list(directory, &warnings, &arena, &found, &err));
    cr_expect_eq(found.count, 0);
    cr_expect_eq(warnings.count, 0);
}

Test(list, files_and_hidden_directories_are_nobody)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct warnings warnings = {0};
    struct container_list found;
    struct error err;

    put_file(path_in(&arena, directory, "file"), "", 0600);
    cr_assert_eq(mkdir(path_in(&arena, directory, ".hidden"), 0700), 0);
    cr_assert_eq(symlink("/", path_in(&arena, directory, "link")), 0);
    must(list(directory, &warnings, &arena, &found, &err));
    cr_expect_eq(found.count, 0);
    cr_expect_eq(warnings.count, 0, "%s", warnings.text);
}

/* A record that cannot be read must not hide the others: said once, by name. */
Test(list, a_damaged_record_is_warned_about_by_name)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct warnings warnings = {0};
    struct container_list found;
    struct error err;

    /* One that is being made has no record yet, and is nothing to warn about. */
    cr_assert_eq(mkdir(path_in(&arena, directory, "unsaid"), 0700), 0);
    cr_assert_eq(mkdir(path_in(&arena, directory, "broken"), 0700), 0);
    put_file(path_in(&arena, directory, "broken/state.json"), "{\"id\":", 0600);
    must(list(directory, &warnings, &arena, &found, &err));
    cr_expect_eq(found.count, 0);
    cr_expect_eq(warnings.count, 1, "%zu, %s", warnings.count, warnings.text);
    cr_expect_not_null(strstr(warnings.text, "broken"), "%s", warnings.text);
}

Test(list, leaves_no_descriptor_open)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct warnings warnings = {0};
    struct container_list found;
    struct error err;
    size_t before;

    cr_assert_eq(mkdir(path_in(&arena, directory, "broken"), 0700), 0);
    put_file(path_in(&arena, directory, "broken/state.json"), "[]", 0600);
    before = open_descriptors();
    must(list(directory, &warnings, &arena, &found, &err));
    cr_expect_eq(open_descriptors(), before);
}
