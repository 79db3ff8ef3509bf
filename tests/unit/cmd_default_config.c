/* What `spec` writes. */

#include <criterion/criterion.h>

#include "cmd/crun-lite/default_config.c"

static struct spec *parsed(const struct default_config *config, struct arena *arena)
{
    struct error err = {0};
    struct spec *spec = NULL;
    const char *text;
    size_t length;

    cr_assert_eq(default_config_print(config, arena, &text, &length, &err), 0, "%s", err.text);
    cr_assert_eq(length, strlen(text));
    cr_assert_eq(text[length - 1], '\n');
    cr_assert_eq(strncmp(text, "{\n\t\"ociVersion\": \"" SPEC_VERSION_MOST "\",\n", 10), 0);
    cr_assert_eq(spec_parse(text, length, "config.json", arena, NULL, &spec, &err), 0, "%s",
                 err.text);
    return spec;
}

Test(cmd_default_config, it_is_valid_and_gives_a_shell_few_rights)
{
    struct arena arena = {0};
    struct spec *spec = parsed(&(struct default_config){0}, &arena);

    cr_expect_str_eq(spec->process->args.items[0], "sh");
    cr_expect(spec->process->terminal);
    cr_expect(spec->process->no_new_privileges);
    cr_expect_eq(spec->process->capabilities->bounding.count, 3);
    cr_expect(spec->root->readonly);
    cr_expect_eq(spec->mounts.count, 7);
    cr_expect_not_null(spec_namespace_find(spec, SPEC_NAMESPACE_NETWORK));
    cr_expect_null(spec_namespace_find(spec, SPEC_NAMESPACE_USER));
    cr_expect_eq(spec->linux_->resources->devices.count, 1);
    arena_free(&arena);
}

Test(cmd_default_config, rootless_maps_root_to_the_caller_and_asks_for_nothing_more)
{
    struct default_config config = {.rootless = true, .uid = 1000, .gid = 100};
    struct arena arena = {0};
    struct spec *spec = parsed(&config, &arena);

    cr_expect_not_null(spec_namespace_find(spec, SPEC_NAMESPACE_USER));
    cr_expect_null(spec_namespace_find(spec, SPEC_NAMESPACE_NETWORK));
    cr_expect_null(spec->linux_->resources);
    cr_expect_eq(spec->linux_->uid_mappings.items[0].host_id, 1000);
    cr_expect_eq(spec->linux_->gid_mappings.items[0].host_id, 100);
    cr_expect_eq(spec->linux_->gid_mappings.items[0].size, 1);
    for_each_item (mount, &spec->mounts) {
        for (size_t i = 0; i < mount->options.count; i++)
            cr_expect_not(starts_with(mount->options.items[i], "gid="), "%s", mount->destination);
        if (strcmp(mount->destination, "/sys") == 0)
            cr_expect_str_eq(mount->options.items[0], "rbind");
    }
    arena_free(&arena);
}
