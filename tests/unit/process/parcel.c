/* A plan's descriptors over as many packets as they need. */
#include "packets.h"

#include "parcel.h"

enum { MANY = 600 };

/* Receives and takes one message. */
static enum parcel_progress take_one(struct pair *pair, struct parcel *parcel)
{
    struct handover message;
    assert_int_equal(handover_receive(pair->worker, &message), HANDOVER_OK);
    return parcel_take(parcel, &message);
}

static void send_message(struct pair *pair, struct handover *message)
{
    for (size_t i = 0; i < message->count; i++)
        message->descriptors[i] = some_descriptor();
    assert_true(handover_send(pair->master, message));
    for (size_t i = 0; i < message->count; i++)
        close(message->descriptors[i]);
}

static void send_plan(struct pair *pair, uint64_t edition, uint32_t directories, uint32_t sockets)
{
    struct handover message = {.type = HANDOVER_PLAN, .edition = edition, .count = 1};
    message.directories = directories;
    message.sockets = sockets;
    send_message(pair, &message);
}

static void send_part(struct pair *pair, enum handover_type type, uint64_t edition, size_t count)
{
    struct handover message = {.type = type, .edition = edition, .count = count};
    send_message(pair, &message);
}

static void hundreds_of_descriptors_arrive_in_their_order(void **state)
{
    struct pair *pair = *state;
    int directories[MANY], sockets[3], pipes[2];
    assert_int_equal(pipe(pipes), 0);
    for (size_t i = 0; i < MANY; i++)
        directories[i] = pipes[i == MANY - 1 ? 1 : 0];
    for (size_t i = 0; i < 3; i++)
        sockets[i] = pipes[0];
    struct parcel_contents contents = {
        .edition = 9,
        .level = 3,
        .packed = pipes[0],
        .directories = directories,
        .directory_count = MANY,
        .sockets = sockets,
        .socket_count = 3,
    };
    struct parcel parcel;
    parcel_init(&parcel);
    assert_true(parcel_send(pair->master, &contents));
    for (int i = 0; i < 4; i++) /* the head, and 600 directories in packets of 250 */
        assert_int_equal(take_one(pair, &parcel), PARCEL_MORE);
    assert_int_equal(take_one(pair, &parcel), PARCEL_COMPLETE);
    assert_true(parcel.edition == 9 && parcel.level == 3);
    assert_int_equal(parcel.directories.count, MANY);
    assert_int_equal(parcel.sockets.count, 3);
    char byte = 0;
    assert_int_equal(write(parcel.directories.at[MANY - 1], "x", 1), 1);
    assert_int_equal(read(parcel.sockets.at[2], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    parcel_deinit(&parcel);
    close(pipes[0]);
    close(pipes[1]);
}

static void plan_without_further_descriptors_is_complete_at_once(void **state)
{
    struct pair *pair = *state;
    struct parcel parcel;
    parcel_init(&parcel);
    send_plan(pair, 1, 0, 0);
    assert_int_equal(take_one(pair, &parcel), PARCEL_COMPLETE);
    parcel_deinit(&parcel);
}

static void more_than_announced_is_refused(void **state)
{
    struct pair *pair = *state;
    struct parcel parcel;
    parcel_init(&parcel);
    send_plan(pair, 1, 2, 1);
    assert_int_equal(take_one(pair, &parcel), PARCEL_MORE);
    send_part(pair, HANDOVER_DIRECTORIES, 1, 3);
    assert_int_equal(take_one(pair, &parcel), PARCEL_BROKEN);
    send_part(pair, HANDOVER_DIRECTORIES, 1, 2);
    assert_int_equal(take_one(pair, &parcel), PARCEL_MORE);
    send_part(pair, HANDOVER_SOCKETS, 1, 1);
    assert_int_equal(take_one(pair, &parcel), PARCEL_COMPLETE);
    send_part(pair, HANDOVER_SOCKETS, 1, 1);
    assert_int_equal(take_one(pair, &parcel), PARCEL_BROKEN);
    parcel_deinit(&parcel);
}

static void parts_of_another_edition_or_of_none_are_refused(void **state)
{
    struct pair *pair = *state;
    struct parcel parcel;
    parcel_init(&parcel);
    send_part(pair, HANDOVER_SOCKETS, 0, 1);
    assert_int_equal(take_one(pair, &parcel), PARCEL_BROKEN);
    send_plan(pair, 2, 0, 1);
    assert_int_equal(take_one(pair, &parcel), PARCEL_MORE);
    send_part(pair, HANDOVER_SOCKETS, 1, 1);
    assert_int_equal(take_one(pair, &parcel), PARCEL_BROKEN);
    parcel_deinit(&parcel);
}

static void next_plan_replaces_an_unfinished_one(void **state)
{
    struct pair *pair = *state;
    struct parcel parcel;
    parcel_init(&parcel);
    send_plan(pair, 1, 5, 5);
    assert_int_equal(take_one(pair, &parcel), PARCEL_MORE);
    send_part(pair, HANDOVER_DIRECTORIES, 1, 5);
    assert_int_equal(take_one(pair, &parcel), PARCEL_MORE);
    send_plan(pair, 2, 0, 1);
    assert_int_equal(take_one(pair, &parcel), PARCEL_MORE);
    assert_int_equal(open_descriptors(), pair->descriptors + 1); /* the new plan's own */
    send_part(pair, HANDOVER_SOCKETS, 2, 1);
    assert_int_equal(take_one(pair, &parcel), PARCEL_COMPLETE);
    assert_int_equal(parcel.directories.count, 0);
    parcel_deinit(&parcel);
}

static void absurd_announcement_is_refused(void **state)
{
    struct pair *pair = *state;
    struct parcel parcel;
    parcel_init(&parcel);
    send_plan(pair, 1, 0, UINT32_MAX);
    assert_int_equal(take_one(pair, &parcel), PARCEL_BROKEN);
    send_plan(pair, 1, PARCEL_DESCRIPTORS_MAX + 1, 0);
    assert_int_equal(take_one(pair, &parcel), PARCEL_BROKEN);
    send_part(pair, HANDOVER_SOCKETS, 1, 1); /* what follows it is no part of anything */
    assert_int_equal(take_one(pair, &parcel), PARCEL_BROKEN);
    parcel_deinit(&parcel);
}

static void sending_to_nobody_fails(void **state)
{
    struct pair *pair = *state;
    int packed = some_descriptor();
    struct parcel_contents contents = {.packed = packed};
    close(pair->worker);
    pair->worker = -1;
    pair->descriptors--;
    assert_false(parcel_send(pair->master, &contents));
    close(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hundreds_of_descriptors_arrive_in_their_order, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(plan_without_further_descriptors_is_complete_at_once, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(more_than_announced_is_refused, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(parts_of_another_edition_or_of_none_are_refused, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(next_plan_replaces_an_unfinished_one, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(absurd_announcement_is_refused, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(sending_to_nobody_fails, pair_setup, pair_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
