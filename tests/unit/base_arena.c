#include "base/arena.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

Test(base_arena, memory_is_zeroed_aligned_and_apart)
{
    struct arena arena = {0};
    char *pieces[200];

    for (size_t i = 0; i < 200; i++) {
        pieces[i] = arena_zero(&arena, i, 7);
        cr_assert_not_null(pieces[i]);
        cr_expect_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t byte = 0; byte < i * 7; byte++)
            cr_assert_eq(pieces[i][byte], 0);
        memset(pieces[i], (int)i + 1, i * 7);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t byte = 0; byte < i * 7; byte++)
            cr_assert_eq((unsigned char)pieces[i][byte], (unsigned char)(i + 1));
    }
    arena_free(&arena);
}

Test(base_arena, nothing_has_an_address_too)
{
    struct arena arena = {0};
    char *first = arena_zero(&arena, 0, 8);
    char *second = arena_zero(&arena, 8, 0);

    cr_expect_not_null(first);
    cr_expect_not_null(second);
    cr_expect_neq(first, second);
    arena_free(&arena);
}

Test(base_arena, more_than_a_block_fits)
{
    struct arena arena = {0};
    char *large = arena_zero(&arena, 1 << 20, 3);

    cr_assert_not_null(large);
    memset(large, 1, 3 << 20);
    cr_expect_not_null(arena_zero(&arena, 1, 1));
    arena_free(&arena);
}

Test(base_arena, a_size_that_overflows_is_refused)
{
    struct arena arena = {0};

    cr_expect_null(arena_zero(&arena, SIZE_MAX / 2 + 2, 2));
    cr_expect_null(arena_zero(&arena, SIZE_MAX, 1));
    cr_expect_null(arena_zero(&arena, SIZE_MAX, SIZE_MAX));
    arena_free(&arena);
}

Test(base_arena, copies_end_with_nul)
{
    struct arena arena = {0};
    const char *copy = arena_copy(&arena, "abcd", 2);

    cr_expect_str_eq(copy, "ab");
    cr_expect_str_eq(arena_copy(&arena, NULL, 0), "");
    cr_expect_arr_eq(arena_copy(&arena, "a\0b", 3), "a\0b", 4);
    cr_expect_str_eq(arena_string(&arena, "text"), "text");
    cr_expect_str_eq(arena_print(&arena, "%s-%d", "x", 7), "x-7");
    arena_free(&arena);
}

Test(base_arena, a_freed_arena_is_empty_and_ready)
{
    struct arena arena = {0};

    arena_free(&arena);
    cr_expect_not_null(arena_zero(&arena, 1, 1));
    arena_free(&arena);
    cr_expect_null(arena.blocks);
    cr_expect_not_null(arena_zero(&arena, 1, 1));
    arena_free(&arena);
}

Test(base_arena, short_memory_is_an_error_with_words)
{
    struct error err = {0};

    cr_expect_eq(no_memory(&err), -ENOMEM);
    cr_expect_str_eq(err.text, "out of memory");
}
