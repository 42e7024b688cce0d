#include "test.h"

#include "crossgate/wamp.h"

static void names_subprotocols_and_numbers_find_the_same_row(void **state)
{
    (void)state;
    static const struct {
        const char *name, *subprotocol;
        unsigned number;
        enum message_kind kind;
    } rows[] = {
        {"json", "wamp.2.json", 1, MESSAGE_TEXT},
        {"msgpack", "wamp.2.msgpack", 2, MESSAGE_BINARY},
        {"cbor", "wamp.2.cbor", 3, MESSAGE_BINARY},
        {"ubjson", "wamp.2.ubjson", 4, MESSAGE_BINARY},
        {"flatbuffers", "wamp.2.flatbuffers", 5, MESSAGE_BINARY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct wamp_serializer *serializer = wamp_by_name(span_string(rows[i].name));
        assert_non_null(serializer);
        assert_ptr_equal(wamp_by_subprotocol(span_string(rows[i].subprotocol)), serializer);
        assert_ptr_equal(wamp_by_number(rows[i].number), serializer);
        assert_int_equal(serializer->number, rows[i].number);
        assert_int_equal(serializer->kind, rows[i].kind);
        assert_int_equal(wamp_has(WAMP_SERIALIZERS_USUAL, serializer), rows[i].number <= 4);
    }
}

static void others_are_none(void **state)
{
    (void)state;
    static const char *const subprotocols[] = {
        "", "wamp.2.cbor.batched", "wamp.2.json.batched", "WAMP.2.json", "wamp.2.jso", "json", "mqtt"};
    for (size_t i = 0; i < sizeof subprotocols / sizeof *subprotocols; i++)
        assert_null(wamp_by_subprotocol(span_string(subprotocols[i])));
    assert_null(wamp_by_name(SPAN("wamp.2.json")));
    assert_null(wamp_by_name(SPAN("")));
    assert_null(wamp_by_number(0));
    assert_null(wamp_by_number(6));
    assert_null(wamp_by_number(15));
}

static void the_clients_order_counts(void **state)
{
    (void)state;
    const struct wamp_serializer *json = wamp_by_number(1), *cbor = wamp_by_number(3);
    struct span offered = SPAN("wamp.2.cbor.batched, x,wamp.2.flatbuffers , wamp.2.cbor, wamp.2.json");
    assert_ptr_equal(wamp_choose(offered, WAMP_SERIALIZERS_USUAL), cbor);
    assert_ptr_equal(wamp_choose(offered, wamp_set_of(json)), json);
    assert_ptr_equal(wamp_choose(SPAN("wamp.2.json,wamp.2.cbor"), WAMP_SERIALIZERS_USUAL), json);
    assert_null(wamp_choose(offered, wamp_set_of(wamp_by_number(2))));
    assert_null(wamp_choose(SPAN(""), WAMP_SERIALIZERS_USUAL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_subprotocols_and_numbers_find_the_same_row),
        cmocka_unit_test(others_are_none),
        cmocka_unit_test(the_clients_order_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
