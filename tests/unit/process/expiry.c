/* How near its end a certificate is. */
#include "test.h"

#include "expiry.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void stages_are_reached_in_order(void **state)
{
    (void)state;
    enum { DAY = 86400 };
    static const struct {
        double life, left; /* days */
        enum expiry_stage stage;
    } rows[] = {
        {90, 90, EXPIRY_CALM},      {90, 30.001, EXPIRY_CALM}, {90, 30, EXPIRY_MONTH},     {90, 14.001, EXPIRY_MONTH},
        {90, 14, EXPIRY_FORTNIGHT}, {90, 7, EXPIRY_WEEK},      {90, 1.001, EXPIRY_WEEK},   {90, 1, EXPIRY_DAY},
        {90, 0.0001, EXPIRY_DAY},   {90, 0, EXPIRY_OVER},      {90, -1000, EXPIRY_OVER},   {365, 29, EXPIRY_MONTH},
        {89, 29, EXPIRY_CALM},      {47, 15, EXPIRY_CALM},     {47, 14, EXPIRY_FORTNIGHT}, {21, 7, EXPIRY_WEEK},
        {6, 6, EXPIRY_CALM},        {6, 1.5, EXPIRY_CALM},     {6, 1, EXPIRY_DAY},         {1, 0.5, EXPIRY_CALM},
        {1, 0, EXPIRY_OVER},        {0, 0, EXPIRY_OVER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ends = 1800000000, begins = ends - (int64_t)(rows[i].life * DAY);
        enum expiry_stage stage = expiry_stage_of(begins, ends, ends - (int64_t)(rows[i].left * DAY));
        if (stage != rows[i].stage)
            fail_msg("%g of %g days: stage %d", rows[i].left, rows[i].life, (int)stage);
    }
}

static void without_certificates_nothing_ends(void **state)
{
    (void)state;
    struct expiry expiry = {0};
    struct plan plan = {0};
    assert_true(expiry_adopt(&expiry, &plan, 1000));
    assert_int_equal(expiry_least(&expiry, 1000), INT64_MAX);
    expiry_deinit(&expiry);
}

static unsigned lines(int said)
{
    char text[4096];
    ssize_t got = read(said, text, sizeof text);
    unsigned count = 0;
    for (ssize_t i = 0; i < got; i++)
        count += text[i] == '\n';
    return count;
}

static void what_a_wrong_clock_has_said_is_said_again_in_its_time(void **state)
{
    enum { DAY = 86400 };
    (void)state;
    const struct tls_certificate certificate = {
        .path = "server.pem", .names = "", .begins = 1800000000 - 90 * DAY, .ends = 1800000000};
    struct expiry_row row = {.certificate = &certificate};
    struct expiry expiry = {.rows = &row, .count = 1};
    struct log log;
    int said[2];
    assert_int_equal(pipe2(said, O_CLOEXEC | O_NONBLOCK), 0);
    log_init(&log, said[1], LOG_INFO, "test");
    expiry_tell(&expiry, "renew it", certificate.ends + 1000 * DAY, &log);
    expiry_tell(&expiry, "renew it", certificate.ends + 1001 * DAY, &log);
    assert_int_equal(lines(said[0]), 1);
    expiry_tell(&expiry, "renew it", certificate.ends - 60 * DAY, &log);
    assert_int_equal(lines(said[0]), 0);
    expiry_tell(&expiry, "renew it", certificate.ends - 10 * DAY, &log);
    expiry_tell(&expiry, "renew it", certificate.ends - 9 * DAY, &log);
    assert_int_equal(lines(said[0]), 1);
    close(said[0]);
    close(said[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_are_reached_in_order),
        cmocka_unit_test(without_certificates_nothing_ends),
        cmocka_unit_test(what_a_wrong_clock_has_said_is_said_again_in_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
