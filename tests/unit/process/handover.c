/* Messages between master and worker: what arrives, and what is refused without a trace. */
#include "packets.h"

#include <errno.h>

/* More than a packet has. */
enum { PACKET_ROOM = HANDOVER_TEXT + 256 };

/* A genuine message as bytes, to be spoilt. */
static size_t genuine(struct pair *pair, enum handover_type type, char bytes[PACKET_ROOM])
{
    struct handover message = {.type = type, .edition = 7};
    assert_true(handover_send(pair->master, &message));
    ssize_t n = recv(pair->worker, bytes, PACKET_ROOM, 0);
    assert_true(n > 0);
    return (size_t)n;
}

static void send_raw(int socket, const void *bytes, size_t length, size_t count)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * 260)];
    } control = {0};
    struct iovec part = {(void *)(uintptr_t)bytes, length};
    struct msghdr envelope = {.msg_iov = &part, .msg_iovlen = 1};
    int descriptors[260];
    for (size_t i = 0; i < count; i++)
        descriptors[i] = some_descriptor();
    if (count > 0) {
        envelope.msg_control = &control;
        envelope.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(&control.header), descriptors, sizeof(int) * count);
    }
    assert_int_equal(sendmsg(socket, &envelope, 0), length);
    for (size_t i = 0; i < count; i++)
        close(descriptors[i]);
}

static void assert_broken(struct pair *pair)
{
    struct handover message;
    assert_int_equal(handover_receive(pair->worker, &message), HANDOVER_BROKEN);
    assert_int_equal(message.count, 0);
    assert_int_equal(open_descriptors(), pair->descriptors);
    assert_int_equal(handover_receive(pair->worker, &message), HANDOVER_NOTHING);
}

static void message_arrives_as_it_was_sent(void **state)
{
    struct pair *pair = *state;
    struct handover sent = {.type = HANDOVER_REFUSED, .edition = UINT64_MAX - 1, .text = "no certificate"}, got;
    assert_true(handover_send(pair->worker, &sent));
    assert_int_equal(handover_receive(pair->master, &got), HANDOVER_OK);
    assert_int_equal(got.type, HANDOVER_REFUSED);
    assert_true(got.edition == UINT64_MAX - 1);
    assert_string_equal(got.text, "no certificate");
    assert_int_equal(got.count, 0);
    struct handover plan = {.type = HANDOVER_PLAN, .directories = 3, .sockets = 4, .level = 2, .count = 1};
    plan.descriptors[0] = some_descriptor();
    assert_true(handover_send(pair->master, &plan));
    close(plan.descriptors[0]);
    assert_int_equal(handover_receive(pair->worker, &got), HANDOVER_OK);
    assert_int_equal(got.directories, 3);
    assert_int_equal(got.sockets, 4);
    assert_int_equal(got.level, 2);
    assert_int_equal(got.count, 1);
    close(got.descriptors[0]);
}

static void descriptors_arrive_in_order_and_close_on_exec(void **state)
{
    struct pair *pair = *state;
    struct handover sent = {.type = HANDOVER_SOCKETS, .count = HANDOVER_DESCRIPTORS}, got;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    for (size_t i = 0; i < sent.count; i++)
        sent.descriptors[i] = pipes[i == 200 ? 1 : 0];
    assert_true(handover_send(pair->master, &sent));
    assert_int_equal(handover_receive(pair->worker, &got), HANDOVER_OK);
    assert_int_equal(got.count, HANDOVER_DESCRIPTORS);
    assert_int_equal(write(got.descriptors[200], "x", 1), 1);
    char byte = 0;
    assert_int_equal(read(got.descriptors[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    for (size_t i = 0; i < got.count; i++) {
        assert_true(fcntl(got.descriptors[i], F_GETFD) & FD_CLOEXEC);
        close(got.descriptors[i]);
    }
    close(pipes[0]);
    close(pipes[1]);
}

static void message_of_wrong_length_is_refused(void **state)
{
    struct pair *pair = *state;
    char bytes[PACKET_ROOM] = {0};
    size_t length = genuine(pair, HANDOVER_LEAVE, bytes);
    for (size_t cut = 1; cut < length; cut++) {
        send_raw(pair->master, bytes, cut, 0);
        assert_broken(pair);
    }
    send_raw(pair->master, bytes, length + 1, 0);
    assert_broken(pair);
    send_raw(pair->master, bytes, length, 0); /* the measure of this test */
    struct handover message;
    assert_int_equal(handover_receive(pair->worker, &message), HANDOVER_OK);
}

static void message_with_a_wrong_head_is_refused(void **state)
{
    struct pair *pair = *state;
    for (size_t at = 0; at < 12; at++) { /* magic, version, type */
        char bytes[PACKET_ROOM];
        size_t length = genuine(pair, HANDOVER_LEAVE, bytes);
        bytes[at] = (char)(bytes[at] ^ 0x40);
        send_raw(pair->master, bytes, length, 0);
        assert_broken(pair);
    }
    char bytes[PACKET_ROOM];
    size_t length = genuine(pair, HANDOVER_LEAVE, bytes);
    bytes[8] = 0; /* no type has number 0 */
    send_raw(pair->master, bytes, length, 0);
    assert_broken(pair);
}

static void text_without_end_is_refused(void **state)
{
    struct pair *pair = *state;
    char bytes[PACKET_ROOM];
    size_t length = genuine(pair, HANDOVER_REFUSED, bytes);
    memset(bytes + length - HANDOVER_TEXT, 'x', HANDOVER_TEXT);
    send_raw(pair->master, bytes, length, 0);
    assert_broken(pair);
}

static void ticket_keys_are_bytes_of_any_kind(void **state)
{
    struct pair *pair = *state;
    struct handover message = {.type = HANDOVER_TICKETS, .tickets.count = TLS_TICKET_KEYS_MAX}, got;
    memset(message.tickets.keys, 'x', sizeof message.tickets.keys);
    message.tickets.keys[1][0] = 0;
    memset(message.text + sizeof message.tickets, 'x', sizeof message.text - sizeof message.tickets);
    assert_true(handover_send(pair->master, &message));
    assert_int_equal(handover_receive(pair->worker, &got), HANDOVER_OK);
    assert_int_equal(got.type, HANDOVER_TICKETS);
    assert_memory_equal(&got.tickets, &message.tickets, sizeof got.tickets);
    message.tickets.count++;
    assert_true(handover_send(pair->master, &message));
    assert_broken(pair);
}

static void backends_are_named(void **state)
{
    struct pair *pair = *state;
    struct handover got;
    for (enum handover_type type = HANDOVER_DRAIN; type <= HANDOVER_RESUME; type++) {
        struct handover message = {.type = type, .text = "ws://a:1"};
        assert_true(handover_send(pair->master, &message));
        assert_int_equal(handover_receive(pair->worker, &got), HANDOVER_OK);
        assert_int_equal(got.type, type);
        assert_string_equal(got.text, "ws://a:1");
        message.text[0] = '\0';
        assert_true(handover_send(pair->master, &message));
        assert_broken(pair);
    }
    char bytes[PACKET_ROOM];
    size_t length = genuine(pair, HANDOVER_LEAVE, bytes);
    bytes[8] = HANDOVER_TICKETS + 1; /* none of that number */
    send_raw(pair->master, bytes, length, 0);
    assert_broken(pair);
}

static void descriptors_where_none_belong_are_closed(void **state)
{
    struct pair *pair = *state;
    char bytes[PACKET_ROOM];
    size_t length = genuine(pair, HANDOVER_READY, bytes);
    send_raw(pair->master, bytes, length, 1);
    assert_broken(pair);
    send_raw(pair->master, "?", 1, 3);
    assert_broken(pair);
}

static void plan_without_its_descriptor_is_refused(void **state)
{
    struct pair *pair = *state;
    struct handover plan = {.type = HANDOVER_PLAN};
    assert_true(handover_send(pair->master, &plan));
    assert_broken(pair);
    struct handover sockets = {.type = HANDOVER_SOCKETS};
    assert_true(handover_send(pair->master, &sockets));
    assert_broken(pair);
}

/* The kernel takes up to 253. */
static void too_many_descriptors_are_refused_and_closed(void **state)
{
    struct pair *pair = *state;
    char bytes[PACKET_ROOM];
    size_t length = genuine(pair, HANDOVER_LEAVE, bytes);
    for (size_t count = HANDOVER_DESCRIPTORS + 1; count <= 253; count++) {
        bytes[8] = HANDOVER_SOCKETS;
        send_raw(pair->master, bytes, length, count);
        assert_broken(pair);
    }
}

static void silence_and_the_end_are_told_apart(void **state)
{
    struct pair *pair = *state;
    struct handover message = {.type = HANDOVER_LEAVE};
    assert_int_equal(handover_receive(pair->master, &message), HANDOVER_NOTHING);
    assert_true(handover_send(pair->worker, &message));
    close(pair->worker);
    pair->worker = -1;
    pair->descriptors--;
    assert_int_equal(handover_receive(pair->master, &message), HANDOVER_OK); /* last words count */
    assert_int_equal(handover_receive(pair->master, &message), HANDOVER_END);
    assert_false(handover_send(pair->master, &message)); /* and no SIGPIPE */
    assert_int_equal(errno, EPIPE);
}

/* As one whose program cannot be executed, and who never reads its plan. */
static void last_words_of_who_leaves_messages_unread_are_heard(void **state)
{
    struct pair *pair = *state;
    struct handover unread = {.type = HANDOVER_LEAVE}, sent = {.type = HANDOVER_REFUSED, .text = "why"}, got;
    assert_true(handover_send(pair->master, &unread));
    assert_true(handover_send(pair->worker, &sent));
    close(pair->worker);
    pair->worker = -1;
    pair->descriptors--;
    assert_int_equal(handover_receive(pair->master, &got), HANDOVER_OK);
    assert_string_equal(got.text, "why");
    assert_int_equal(handover_receive(pair->master, &got), HANDOVER_END);
}

static void sending_never_waits_for_one_who_does_not_read(void **state)
{
    struct pair *pair = *state;
    struct handover message = {.type = HANDOVER_LEAVE};
    unsigned sent = 0;
    while (sent < 100000 && handover_send(pair->master, &message))
        sent++;
    assert_true(sent > 10 && sent < 100000);
    assert_int_equal(errno, EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(message_arrives_as_it_was_sent, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(descriptors_arrive_in_order_and_close_on_exec, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(message_of_wrong_length_is_refused, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(message_with_a_wrong_head_is_refused, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(text_without_end_is_refused, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(ticket_keys_are_bytes_of_any_kind, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(backends_are_named, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(descriptors_where_none_belong_are_closed, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(plan_without_its_descriptor_is_refused, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(too_many_descriptors_are_refused_and_closed, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(silence_and_the_end_are_told_apart, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(last_words_of_who_leaves_messages_unread_are_heard, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(sending_never_waits_for_one_who_does_not_read, pair_setup, pair_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
