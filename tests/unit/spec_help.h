#pragma once

/* What the tests of spec/ share. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "spec/fields.h"
#include "spec/json.h"
#include "spec/place.h"
#include "spec/spec.h"

/* What spec_parse says about a text, "" when it is content. */
static inline const char *verdict(const char *json, struct error *err)
{
    struct arena arena = {0};
    struct spec *spec;

    err->text[0] = '\0';

    int code = spec_parse(json, strlen(json), "config.json", &arena, NULL, &spec, err);

    cr_assert(code == 0 || (code < 0 && code == -err->code && err->text[0] != '\0'));
    arena_free(&arena);
    return err->text;
}

/* The schemas of the runtime-spec are not part of this repository: where they are, or NULL. */
static inline const char *schema_directory(void)
{
    const char *directory = getenv("SPEC_SCHEMA_DIR");

    if (directory == NULL)
        directory = "../shared/data/runtime-spec-schema";
    return access(directory, R_OK) == 0 ? directory : NULL;
}

#define need_schemas(directory)                                                 \
    if ((directory) == NULL)                                                    \
    cr_skip_test("the runtime-spec's JSON schemas: no SPEC_SCHEMA_DIR, and no " \
                 "../shared/data/runtime-spec-schema")

static inline char *read_text(const char *directory, const char *name, struct arena *arena,
                              size_t *ret_length)
{
    struct error err;
    char *text = NULL;
    char *path = arena_print(arena, "%s/%s", directory, name);

    cr_assert_eq(read_file(AT_FDCWD, path, 1 << 24, arena, &text, ret_length, &err), 0, "%s",
                 err.text);
    return text;
}
