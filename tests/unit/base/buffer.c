#include "test.h"

#include "crossgate/base/buffer.h"

#include <stdlib.h>

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 131 + (i >> 8));
}

/* Appended, or made in room that was reserved, sometimes for more than it takes, sometimes for nothing. */
static void add_bytes(struct buffer *buffer, size_t from, size_t length)
{
    static uint8_t piece[40000];
    size_t reserved = 1 + (size_t)rand() % POOL_BLOCK_BYTES;
    uint8_t *to = length <= reserved ? buffer_reserve(buffer, reserved) : piece;
    assert_non_null(to);
    for (size_t i = 0; i < length; i++)
        to[i] = pattern(from + i);
    if (to == piece)
        assert_true(buffer_append(buffer, span_of(piece, length)));
    else
        buffer_commit(buffer, length);
}

static void bytes_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct pool pool;
    struct buffer buffer;
    pool_init(&pool);
    buffer_init(&buffer, &pool);
    size_t in = 0, out = 0;
    srand(7);
    for (int turn = 0; turn < 4000; turn++) {
        static const size_t most[] = {40000, 3000, 1};
        size_t add = (size_t)rand() % most[turn % 3];
        add_bytes(&buffer, in, add);
        in += add;
        size_t take = (size_t)rand() % 20000;
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

static void room_that_is_not_used_goes_back(void **state)
{
    (void)state;
    struct pool pool;
    struct buffer buffer;
    pool_init(&pool);
    buffer_init(&buffer, &pool);
    assert_non_null(buffer_reserve(&buffer, POOL_BLOCK_BYTES));
    buffer_commit(&buffer, 0);
    assert_int_equal(pool.lent, 0);
    assert_true(buffer_append(&buffer, SPAN("some")));
    assert_non_null(buffer_reserve(&buffer, POOL_BLOCK_BYTES));
    buffer_commit(&buffer, 0);
    assert_int_equal(buffer.length, 4);
    buffer_drop(&buffer, 4);
    assert_int_equal(pool.lent, 0);
    pool_deinit(&pool);
}

/* Room is in one piece: where the last block has too little of it left, that stays empty. */
static void room_is_in_one_piece(void **state)
{
    (void)state;
    struct pool pool;
    struct buffer buffer;
    struct span parts[3];
    pool_init(&pool);
    buffer_init(&buffer, &pool);
    uint8_t *first = buffer_reserve(&buffer, 100);
    assert_non_null(first);
    memset(first, 'a', 100);
    buffer_commit(&buffer, 100);
    assert_ptr_equal(buffer_reserve(&buffer, POOL_BLOCK_BYTES - 100), first + 100);
    buffer_commit(&buffer, 1);
    uint8_t *second = buffer_reserve(&buffer, POOL_BLOCK_BYTES);
    assert_non_null(second);
    memset(second, 'b', POOL_BLOCK_BYTES);
    buffer_commit(&buffer, POOL_BLOCK_BYTES);
    assert_int_equal(buffer_peek(&buffer, parts, 3), 2);
    assert_int_equal(parts[0].len, 101);
    assert_ptr_equal(parts[1].at, second);
    assert_int_equal(parts[1].len, POOL_BLOCK_BYTES);
    buffer_clear(&buffer);
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
        cmocka_unit_test(bytes_come_out_as_they_went_in),  cmocka_unit_test(an_empty_buffer_holds_no_block),
        cmocka_unit_test(room_that_is_not_used_goes_back), cmocka_unit_test(room_is_in_one_piece),
        cmocka_unit_test(spare_blocks_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
