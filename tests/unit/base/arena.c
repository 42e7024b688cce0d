#include "test.h"

#include "crossgate/base/arena.h"

#include <stdalign.h>

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    uint8_t *last = NULL;
    for (size_t size = 1; size < 9000; size = size * 2 + 1) {
        uint8_t *memory = arena_alloc(arena, size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xee, size);
        if (last)
            assert_int_equal(*last, 0xee);
        last = memory;
    }
    assert_true(arena_used(arena) >= 9000);
    arena_free(arena);
}

static void copies_end_with_zero(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_string_equal(arena_copy(arena, span_of("abcdef", 3)), "abc");
    assert_string_equal(arena_copy(arena, span_of(NULL, 0)), "");
    arena_free(arena);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_null(arena_alloc(arena, SIZE_MAX));
    assert_null(arena_alloc(arena, SIZE_MAX - 15));
    arena_free(arena);
}

static char order[8];

static void note(void *object)
{
    strncat(order, object, 1);
}

static void destructors_run_in_reverse(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char names[] = {'a', 'b', 'c'};
    for (size_t i = 0; i < sizeof names; i++)
        assert_true(arena_defer(arena, note, &names[i]));
    assert_string_equal(order, "");
    arena_free(arena);
    assert_string_equal(order, "cba");
    arena_free(NULL);
}

/* What one leaves another takes, zeroed; the store keeps so many and no more. */
static void a_store_keeps_what_arenas_leave(void **state)
{
    (void)state;
    struct arena_store store = {0};
    struct arena *arenas[ARENA_SPARE_MAX + 2];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARENA_SPARE_MAX + 2; i++) {
            arenas[i] = arena_new_from(&store);
            uint8_t *memory = arena_alloc(arenas[i], 1000);
            for (size_t k = 0; k < 1000; k++)
                assert_int_equal(memory[k], 0);
            memset(memory, 0xee, 1000);
            assert_non_null(arena_alloc(arenas[i], 100000)); /* as large as no other one may need */
        }
        assert_int_equal(store.count, 0);
        for (size_t i = 0; i < ARENA_SPARE_MAX + 2; i++)
            arena_free(arenas[i]);
        assert_int_equal(store.count, ARENA_SPARE_MAX);
    }
    arena_store_deinit(&store);
    assert_int_equal(store.count, 0);
    assert_null(store.spare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart), cmocka_unit_test(copies_end_with_zero),
        cmocka_unit_test(impossible_sizes_are_refused),       cmocka_unit_test(destructors_run_in_reverse),
        cmocka_unit_test(a_store_keeps_what_arenas_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
