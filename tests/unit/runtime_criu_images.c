#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "runtime/criu_images.h"

#define MAGIC "\x19\x43\x56\x54\x25\x40\x08\x56"
#define HEAD  MAGIC "\2\0\0\0\x08\x07" /* pages-7.img */

static bool reads(const char *bytes, size_t length, struct criu_pagemap *ret)
{
    FILE *file = fmemopen((char *)bytes, length, "r");
    bool known = criu_pagemap_read(file, ret);

    fclose(file);
    return known;
}

#define READS(bytes, ret) reads((bytes), sizeof(bytes) - 1, (ret))

/* Numbers 1: where, 2: how many pages, 3: in the parent, 4: flags, 5: how many pages (64 bits). */
Test(criu_images, pages_that_are_present_are_counted)
{
    static const struct {
        const char *bytes;
        size_t length;
        uint64_t present;
        bool in_parent;
    } rows[] = {
#define ROW(bytes, present, in_parent) {HEAD bytes, sizeof(HEAD bytes) - 1, present, in_parent}
        ROW("", 0, false),
        ROW("\6\0\0\0\x08\1\x10\3\x20\4", 3, false),
        ROW("\6\0\0\0\x08\1\x10\3\x20\4\6\0\0\0\x08\1\x10\2\x20\6", 5, false),
        /* lazy, and not here */
        ROW("\6\0\0\0\x08\1\x10\3\x20\2", 0, false),
        ROW("\6\0\0\0\x08\1\x10\3\x20\1", 0, true),
        /* of an old CRIU: no flags */
        ROW("\4\0\0\0\x08\1\x10\3", 3, false),
        ROW("\6\0\0\0\x08\1\x10\3\x18\1", 0, true),
        /* of a new one */
        ROW("\x09\0\0\0\x08\1\x10\0\x20\4\x28\x80\1", 128, false),
#undef ROW
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        struct criu_pagemap pagemap;

        cr_assert(reads(rows[i].bytes, rows[i].length, &pagemap), "row %zu", i);
        cr_assert_eq(pagemap.pages_id, 7);
        cr_assert_eq(pagemap.present, rows[i].present, "row %zu: %llu", i,
                     (unsigned long long)pagemap.present);
        cr_assert_eq(pagemap.in_parent, rows[i].in_parent, "row %zu", i);
    }
}

Test(criu_images, of_what_is_unknown_nothing_is_said)
{
    struct criu_pagemap pagemap;

    cr_assert(!READS("\x19\x43\x56\x54\x25\x40\x08\x57\2\0\0\0\x08\x07", &pagemap));
    /* a field, a flag */
    cr_assert(!READS(HEAD "\x08\0\0\0\x08\1\x10\3\x20\4\x30\1", &pagemap));
    cr_assert(!READS(HEAD "\6\0\0\0\x08\1\x10\3\x20\x0c", &pagemap));
    cr_assert(!READS(HEAD "\6\0\1\0\x08\1\x10\3\x20\4", &pagemap));
}

Test(criu_images, a_part_of_a_pagemap_is_none)
{
    static const char whole[] = HEAD "\6\0\0\0\x08\1\x10\3\x20\4";
    struct criu_pagemap pagemap;

    for (size_t i = 1; i < sizeof whole - 1; i++)
        cr_assert_eq(reads(whole, i, &pagemap), i == sizeof HEAD - 1, "%zu", i);
    cr_assert(READS(whole, &pagemap));
}
