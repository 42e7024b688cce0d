/* What we say, answered by OpenSSL; and answers that no library gives. */
#include "test.h"

#include "hello.h"
#include "suites.h"

#include "crossgate/pki/text.h"

#include <openssl/ssl.h>

static struct hello_reader reader;

/* Whole, and byte by byte. */
static enum hello_outcome read_both(struct span all, struct hello_answer *answer)
{
    enum hello_outcome cut = HELLO_MORE;
    memset(&reader, 0, sizeof reader);
    for (size_t i = 1; i <= all.len && cut == HELLO_MORE; i++)
        cut = hello_read(&reader, span_head(all, i));
    memset(&reader, 0, sizeof reader);
    enum hello_outcome whole = hello_read(&reader, all);
    assert_int_equal(whole, cut);
    *answer = reader.answer;
    return whole;
}

static SSL_CTX *new_server(void)
{
    const char *names[] = {"localhost"};
    struct pki_order order = {.use = PKI_USE_SERVER, .names = names, .name_count = 1, .days = 1};
    struct pki_text key = {0}, certificate = {0};
    struct error error = {0};
    char groups[] = "P-384:X25519";
    assert_true(pki_make_key(PKI_KEY_RSA_2048, &key, &error));
    assert_true(pki_make_certificate(&order, span_of(key.at, key.len), &(struct pki_signer){0}, &certificate, &error));
    X509 *leaf = pki_text_certificate(span_of(certificate.at, certificate.len));
    EVP_PKEY *private_key = pki_text_key(span_of(key.at, key.len));
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(context, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(context, TLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0"), 1);
    assert_int_equal(SSL_CTX_set1_groups_list(context, groups), 1);
    assert_int_equal(SSL_CTX_set_dh_auto(context, 1), 1);
    assert_int_equal(SSL_CTX_use_certificate(context, leaf), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, private_key), 1);
    X509_free(leaf);
    EVP_PKEY_free(private_key);
    pki_text_free(&key);
    pki_text_free(&certificate);
    return context;
}

static enum hello_outcome ask(SSL_CTX *context, uint16_t version, const uint16_t *suites, size_t count,
                              struct hello_answer *answer)
{
    uint16_t groups[PROBE_GROUPS_MAX];
    uint8_t bytes[HELLO_MAX], said[16384];
    struct hello hello = {.version = version,
                          .suites = suites,
                          .suite_count = count,
                          .groups = groups,
                          .group_count = groups_of(version, groups),
                          .name = "localhost"};
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    int length = (int)hello_print(&hello, bytes);
    assert_int_equal(BIO_write(in, bytes, length), length);
    assert_int_equal(SSL_do_handshake(ssl), -1);
    length = BIO_read(out, said, sizeof said);
    SSL_free(ssl);
    return read_both(span_of(said, length > 0 ? (size_t)length : 0), answer);
}

static void openssl_understands_what_we_offer(void **state)
{
    (void)state;
    static const struct {
        uint16_t version, suite, group;
        unsigned dh_bits;
    } rows[] = {
        {0x0304, 0x1302, 24, 0}, {0x0303, 0xC02F, 24, 0},   {0x0303, 0x009E, 0, 2048}, {0x0303, 0x009C, 0, 0},
        {0x0302, 0xC013, 24, 0}, {0x0301, 0x0033, 0, 2048}, {0x0301, 0x002F, 0, 0},
    };
    SSL_CTX *context = new_server();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hello_answer answer;
        assert_int_equal(ask(context, rows[i].version, &rows[i].suite, 1, &answer), HELLO_ACCEPTED);
        assert_int_equal(answer.version, rows[i].version);
        assert_int_equal(answer.suite, rows[i].suite);
        /* Without the server's preference the client's order counts: X25519 comes first in ours. */
        if (rows[i].group != 0)
            assert_true(answer.group == 24 || answer.group == 29);
        if (rows[i].dh_bits != 0)
            assert_true(answer.dh_bits >= 1024);
        else
            assert_int_equal(answer.dh_bits, 0);
    }
    SSL_CTX_free(context);
}

static void all_that_we_know_is_offered_at_once(void **state)
{
    (void)state;
    SSL_CTX *context = new_server();
    for (uint16_t version = 0x0301; version <= 0x0304; version++) {
        uint16_t suites[PROBE_SUITES_MAX];
        struct hello_answer answer;
        assert_int_equal(ask(context, version, suites, suites_of(version, suites), &answer), HELLO_ACCEPTED);
        assert_int_equal(answer.version, version);
    }
    SSL_CTX_free(context);
}

static void an_alert_says_which(void **state)
{
    (void)state;
    static const uint16_t unknown[] = {0x5555};
    struct hello_answer answer;
    SSL_CTX *context = new_server();
    assert_int_equal(ask(context, 0x0303, unknown, 1, &answer), HELLO_ALERT);
    assert_int_equal(answer.alert, SSL_AD_HANDSHAKE_FAILURE);
    SSL_CTX_free(context);
}

/* As a server of before 1996 answers: no extensions, RSA. */
static void ssl_3_is_understood(void **state)
{
    (void)state;
    uint8_t said[5 + 4 + 38] = {22, 3, 0, 0, 42, 2, 0, 0, 38, 3, 0};
    struct hello_answer answer;
    said[9 + 2 + 32 + 1 + 1] = 0x05;
    assert_int_equal(read_both(span_of(said, sizeof said), &answer), HELLO_ACCEPTED);
    assert_int_equal(answer.version, 0x0300);
    assert_int_equal(answer.suite, 0x0005);
}

/* A HelloRetryRequest for a group that the library here may not know. */
static void groups_of_tomorrow_are_understood(void **state)
{
    (void)state;
    uint8_t said[5 + 4 + 40 + 12] = {22, 3, 3, 0, 56, 2, 0, 0, 52, 3, 3};
    static const uint8_t end[] = {0x13, 0x01, 0, 0, 12, 0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0x11, 0xEC};
    struct hello_answer answer;
    memcpy(said + 9 + 2 + 32 + 1, end, sizeof end);
    assert_int_equal(read_both(span_of(said, sizeof said), &answer), HELLO_ACCEPTED);
    assert_int_equal(answer.version, 0x0304);
    assert_string_equal(group_describe(answer.group).name, "X25519MLKEM768");
    assert_int_equal(group_describe(answer.group).grade, PROBE_GOOD_GRADE);
}

static void what_is_no_tls_is_told_from_what_is_broken(void **state)
{
    (void)state;
    const struct {
        struct span said;
        enum hello_outcome outcome;
    } rows[] = {
        {SPAN("HTTP/1.1 400 Bad Request\r\n"), HELLO_NOT_TLS},
        {SPAN("SSH-2.0-x\r\n"), HELLO_NOT_TLS},
        {SPAN("\x16\x02\x00\x00\x00"), HELLO_NOT_TLS},
        {SPAN("\x16\x03"), HELLO_MORE},
        {SPAN("\x16\x03\x03\x00\x00"), HELLO_BROKEN},
        {SPAN("\x16\x03\x03\xFF\xFF"), HELLO_MORE},
        {SPAN("\x17\x03\x03\x00\x01x"), HELLO_BROKEN},
        {SPAN("\x16\x03\x03\x00\x04\x0B\0\0\0"), HELLO_BROKEN}, /* a certificate before the hello */
        {SPAN("\x16\x03\x03\x00\x06\x02\0\0\x02\x03\x03"), HELLO_BROKEN},
        {SPAN("\x15\x03\x01\x00\x02\x01\x70"), HELLO_MORE}, /* a warning: unrecognized_name */
        {SPAN("\x15\x03\x01\x00\x02\x02\x28"), HELLO_ALERT},
        {SPAN("\x15\x03\x01\x00\x02\x01\x70\x15\x03\x01\x00\x02\x02\x28"), HELLO_ALERT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hello_answer answer;
        assert_int_equal(read_both(rows[i].said, &answer), rows[i].outcome);
    }
}

static void suites_are_graded(void **state)
{
    (void)state;
    static const struct {
        uint16_t id;
        enum probe_grade grade;
    } rows[] = {{0x1301, PROBE_GOOD_GRADE}, {0xC02F, PROBE_GOOD_GRADE}, {0x009E, PROBE_GOOD_GRADE},
                {0xC027, PROBE_OLD_GRADE},  {0x009C, PROBE_OLD_GRADE},  {0x002F, PROBE_OLD_GRADE},
                {0x0005, PROBE_WEAK_GRADE}, {0x000A, PROBE_WEAK_GRADE}, {0x0003, PROBE_WEAK_GRADE},
                {0xC018, PROBE_WEAK_GRADE}, {0x003B, PROBE_WEAK_GRADE}, {0x5555, PROBE_OLD_GRADE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(suite_describe(rows[i].id, 0x0303).grade, rows[i].grade);
}

/* Our table against the library's, for all that both know. */
static void names_are_those_of_openssl(void **state)
{
    (void)state;
    size_t known = 0;
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    assert_int_equal(SSL_CTX_set_cipher_list(context, "ALL:COMPLEMENTOFALL:@SECLEVEL=0"), 1);
    const STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(context);
    for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
        const SSL_CIPHER *suite = sk_SSL_CIPHER_value(all, i);
        const char *name = suite_describe((uint16_t)SSL_CIPHER_get_protocol_id(suite), 0x0303).name;
        if (name[0] == '(')
            continue;
        assert_string_equal(name, SSL_CIPHER_get_name(suite));
        known++;
    }
    assert_true(known > 20);
    SSL_CTX_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_understands_what_we_offer),
        cmocka_unit_test(all_that_we_know_is_offered_at_once),
        cmocka_unit_test(an_alert_says_which),
        cmocka_unit_test(ssl_3_is_understood),
        cmocka_unit_test(groups_of_tomorrow_are_understood),
        cmocka_unit_test(what_is_no_tls_is_told_from_what_is_broken),
        cmocka_unit_test(suites_are_graded),
        cmocka_unit_test(names_are_those_of_openssl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
