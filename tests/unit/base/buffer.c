#include "test.h"

#include "crossgate/base/buffer.h"

#include <stdlib.h>

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 131 + (i >> 8));
}

static void bytes_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct pool pool;
    struct buffer buffer;
    pool_init(&pool);
    buffer_init(&buffer, &pool);
    size_t in = 0, out = 0;
    uint8_t piece[40000];
    srand(7);
    for (int turn = 0; turn < 400; turn++) {
        size_t add = (size_t)rand() % sizeof piece;
        for (size_t i = 0; i < add; i++)
            piece[i] = pattern(in + i);
        assert_true(buffer_append(&buffer, span_of(piece, add)));
        in += add;
        size_t take = (size_t)rand() % 45000;
        struct span parts[3];
        size_t count = buffer_peek(&buffer, parts, 3), seen = 0;
        for (size_t p = 0; p < count && seen < take; p++) {
            struct span part = span_head(parts[p], take - seen);
            for (size_t i = 0; i < part.len; i++)
                assert_int_equal(part.at[i], pattern(out + seen + i));
            seen += part.len;
        }
        buffer_drop(&buffer, seen);
        out += seen;
        assert_int_equal(buffer.length, in - out);
    }
    buffer_clear(&buffer);
    assert_int_equal(pool.lent, 0);
    pool_deinit(&pool);
}

static void an_empty_buffer_holds_no_block(void **state)
{
    (void)state;
    struct pool pool;
    struct buffer buffer;
    pool_init(&pool);
    buffer_init(&buffer, &pool);
    static const uint8_t block[POOL_BLOCK_BYTES];
    assert_true(buffer_append(&buffer, span_of(NULL, 0)));
    assert_int_equal(pool.lent, 0);
    assert_true(buffer_append(&buffer, span_of(block, sizeof block)));
    assert_int_equal(pool.lent, 1);
    assert_true(buffer_append(&buffer, span_of(block, 1)));
    assert_int_equal(pool.lent, 2);
    buffer_drop(&buffer, sizeof block);
    assert_int_equal(pool.lent, 1);
    buffer_drop(&buffer, 1);
    assert_int_equal(pool.lent, 0);
    assert_true(buffer_is_empty(&buffer));
    pool_deinit(&pool);
}

static void spare_blocks_are_bounded(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool);
    struct pool_block *blocks[POOL_SPARE_MAX + 10];
    for (size_t i = 0; i < POOL_SPARE_MAX + 10; i++)
        blocks[i] = pool_get(&pool);
    for (size_t i = 0; i < POOL_SPARE_MAX + 10; i++)
        pool_put(&pool, blocks[i]);
    assert_int_equal(pool.spare, POOL_SPARE_MAX);
    pool_deinit(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_as_they_went_in),
        cmocka_unit_test(an_empty_buffer_holds_no_block),
        cmocka_unit_test(spare_blocks_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
