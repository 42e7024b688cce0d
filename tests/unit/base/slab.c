#include "test.h"

#include "crossgate/base/slab.h"

#include <stdalign.h>
#include <string.h>

enum { CHUNK = 4096, SIZE = 200, MANY = 100 };

static const struct slab_shelf *only_shelf(const struct slabs *slabs)
{
    const struct slab_shelf *found = NULL;
    for (size_t i = 0; i < SLAB_SHELVES; i++) {
        if (slabs->shelves[i].chunks == 0)
            continue;
        assert_null(found);
        found = &slabs->shelves[i];
    }
    return found;
}

static size_t chunks_of(const struct slabs *slabs)
{
    const struct slab_shelf *shelf = only_shelf(slabs);
    return shelf ? shelf->chunks : 0;
}

/* As many as a chunk holds. */
static uint32_t fill(struct slabs *slabs, void **objects)
{
    objects[0] = slab_take(slabs, SIZE);
    const uint32_t slots = only_shelf(slabs)->slots;
    assert_in_range(slots, 2, MANY - 1);
    for (uint32_t i = 1; i < slots; i++)
        objects[i] = slab_take(slabs, SIZE);
    assert_int_equal(chunks_of(slabs), 1);
    return slots;
}

static void give_all(void **objects, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        slab_give(objects[i]);
}

static void objects_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct slabs slabs;
    uint8_t *objects[SLAB_OBJECT_MAX + 1];
    slabs_init(&slabs, CHUNK);
    for (int round = 0; round < 2; round++) {
        for (size_t size = 1; size <= SLAB_OBJECT_MAX; size++) {
            objects[size] = slab_take(&slabs, size);
            assert_non_null(objects[size]);
            assert_int_equal((uintptr_t)objects[size] % alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(objects[size][i], 0);
            memset(objects[size], (int)(size % 251) + 1, size);
        }
        for (size_t size = 1; size <= SLAB_OBJECT_MAX; size++) {
            for (size_t i = 0; i < size; i++)
                assert_int_equal(objects[size][i], size % 251 + 1);
            slab_give(objects[size]);
        }
    }
    slabs_deinit(&slabs);
}

static void what_came_back_last_is_taken_first(void **state)
{
    (void)state;
    struct slabs slabs;
    slabs_init(&slabs, CHUNK);
    void *a = slab_take(&slabs, SIZE), *b = slab_take(&slabs, SIZE);
    slab_give(b);
    slab_give(a);
    assert_ptr_equal(slab_take(&slabs, SIZE), a);
    assert_ptr_equal(slab_take(&slabs, SIZE), b);
    slab_give(a);
    slab_give(b);
    slabs_deinit(&slabs);
}

static void the_room_of_a_full_chunk_is_used_again(void **state)
{
    (void)state;
    struct slabs slabs;
    void *objects[MANY];
    slabs_init(&slabs, CHUNK);
    const uint32_t slots = fill(&slabs, objects);
    void *left = objects[slots / 2];
    slab_give(left);
    assert_ptr_equal(slab_take(&slabs, SIZE), left);
    assert_int_equal(chunks_of(&slabs), 1);
    give_all(objects, slots);
    slabs_deinit(&slabs);
}

static void an_empty_chunk_goes_where_another_has_room(void **state)
{
    (void)state;
    struct slabs slabs;
    void *first[MANY], *more[2];
    slabs_init(&slabs, CHUNK);
    const uint32_t slots = fill(&slabs, first);
    more[0] = slab_take(&slabs, SIZE);
    more[1] = slab_take(&slabs, SIZE);
    assert_int_equal(chunks_of(&slabs), 2);
    slab_give(first[0]);
    give_all(more, 2);
    assert_int_equal(chunks_of(&slabs), 1);
    give_all(first + 1, slots - 1);
    assert_int_equal(chunks_of(&slabs), 1); /* in reserve */
    slabs_deinit(&slabs);
    assert_int_equal(chunks_of(&slabs), 0);
}

/* Else each of a row of visitors at the edge of a chunk would have malloc make one, and take it back. */
static void the_only_chunk_with_room_stays(void **state)
{
    (void)state;
    struct slabs slabs;
    void *objects[MANY];
    slabs_init(&slabs, CHUNK);
    const uint32_t slots = fill(&slabs, objects);
    void *visitor = slab_take(&slabs, SIZE);
    slab_give(visitor);
    assert_int_equal(chunks_of(&slabs), 2);
    assert_ptr_equal(slab_take(&slabs, SIZE), visitor);
    slab_give(visitor);
    give_all(objects, slots);
    slabs_deinit(&slabs);
}

static void a_chunk_of_one_object_goes_with_it(void **state)
{
    (void)state;
    struct slabs slabs;
    slabs_init(&slabs, 0);
    void *a = slab_take(&slabs, SIZE), *b = slab_take(&slabs, SIZE);
    assert_int_equal(chunks_of(&slabs), 2);
    slab_give(a);
    assert_int_equal(chunks_of(&slabs), 1);
    slab_give(b);
    assert_int_equal(chunks_of(&slabs), 0);
    slab_give(NULL);
    slabs_deinit(&slabs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_zeroed_aligned_and_apart),
        cmocka_unit_test(what_came_back_last_is_taken_first),
        cmocka_unit_test(the_room_of_a_full_chunk_is_used_again),
        cmocka_unit_test(an_empty_chunk_goes_where_another_has_room),
        cmocka_unit_test(the_only_chunk_with_room_stays),
        cmocka_unit_test(a_chunk_of_one_object_goes_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
