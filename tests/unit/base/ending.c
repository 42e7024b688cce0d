#include "test.h"

#include "crossgate/base/ending.h"

#include <string.h>

static void each_row_is_whole(void **state)
{
    (void)state;
    for (enum ending i = 0; i < ENDING_COUNT; i++) {
        const struct ending_row *row = ending_row(i);
        assert_true(strlen(row->name) > 0);
        assert_true(strlen(row->text) > 0);
        for (enum ending j = 0; j < i; j++)
            assert_string_not_equal(row->name, ending_row(j)->name);
    }
}

/* RFC 9110 section 15 and RFC 6455 section 7.4: what may go over the wire. 1005, 1006 and 1015 may not. */
static void codes_are_ones_that_may_be_sent(void **state)
{
    (void)state;
    for (enum ending i = 0; i < ENDING_COUNT; i++) {
        const struct ending_row *row = ending_row(i);
        assert_true(row->http == 0 || (row->http >= 400 && row->http <= 599));
        assert_true(row->ws == 0 || (row->ws >= 1000 && row->ws <= 1014));
        assert_true(row->ws != 1004 && row->ws != 1005 && row->ws != 1006);
        if (row->fault == FAULT_CLIENT && row->http != 0)
            assert_true(row->http < 500 || row->http == 501 || row->http == 505);
        if (row->fault == FAULT_BACKEND || row->fault == FAULT_US)
            assert_true(row->http == 0 || row->http >= 500);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_whole),
        cmocka_unit_test(codes_are_ones_that_may_be_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
