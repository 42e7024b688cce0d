/* Keys with a passphrase, ours and OpenSSL's, and Diffie-Hellman groups. */
#include "../test.h"

#include "crossgate/pki/text.h"

#include <openssl/pem.h>

static struct error error;

static struct span span_of_text(const struct pki_text *text)
{
    return span_of(text->at, text->len);
}

static void test_locked_and_opened(void **state)
{
    (void)state;
    struct pki_text key = {0}, locked = {0}, opened = {0};
    error = (struct error){0};
    assert_true(pki_make_key(PKI_KEY_P256, &key, &error));
    assert_int_equal(pki_key_lock(span_of_text(&key)), PKI_LOCK_OPEN);
    assert_true(pki_lock_key(span_of_text(&key), SPAN("secret"), &locked, &error));
    assert_int_equal(pki_key_lock(span_of_text(&locked)), PKI_LOCK_LOCKED);
    assert_non_null(strstr(locked.at, "-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert_false(pki_unlock_key(span_of_text(&locked), SPAN("Secret"), &opened, &error));
    assert_int_equal(error.class, ERROR_INPUT);
    assert_non_null(strstr(error.text, "the passphrase is wrong"));
    assert_null(opened.at);
    assert_true(pki_unlock_key(span_of_text(&locked), SPAN("secret"), &opened, &error));
    assert_string_equal(opened.at, key.at);
    pki_text_free(&key);
    pki_text_free(&locked);
    pki_text_free(&opened);
}

/* "Proc-Type: 4,ENCRYPTED", with a certificate's worth of other blocks before it. */
static void test_traditional_form(void **state)
{
    (void)state;
    struct pki_text text = {0}, opened = {0};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char passphrase[] = "old";
    BIO_puts(bio, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, EVP_aes_128_cbc(), passphrase, 3, NULL, NULL), 1);
    assert_true(pki_text_take(&text, bio));
    assert_non_null(strstr(text.at, "Proc-Type: 4,ENCRYPTED"));
    assert_int_equal(pki_key_lock(span_of_text(&text)), PKI_LOCK_LOCKED);
    error = (struct error){0};
    assert_false(pki_unlock_key(span_of_text(&text), SPAN("new"), &opened, &error));
    assert_true(pki_unlock_key(span_of_text(&text), SPAN("old"), &opened, &error));
    EVP_PKEY *back = pki_text_key(span_of_text(&opened));
    assert_int_equal(EVP_PKEY_eq(back, key), 1);
    EVP_PKEY_free(back);
    EVP_PKEY_free(key);
    pki_text_free(&opened);
    pki_text_free(&text);
}

static void test_what_is_no_key(void **state)
{
    (void)state;
    struct pki_text opened = {0};
    assert_int_equal(pki_key_lock(SPAN("")), PKI_LOCK_NONE);
    assert_int_equal(pki_key_lock(SPAN("nonsense")), PKI_LOCK_NONE);
    error = (struct error){0};
    assert_false(pki_lock_key(SPAN("nonsense"), SPAN("x"), &opened, &error));
    error = (struct error){0};
    assert_false(pki_unlock_key(SPAN("nonsense"), SPAN("x"), &opened, &error));
}

/* Longer than OpenSSL's room for it. */
static void test_long_passphrase(void **state)
{
    (void)state;
    struct pki_text key = {0}, locked = {0}, opened = {0};
    char passphrase[4096];
    memset(passphrase, 'x', sizeof passphrase);
    error = (struct error){0};
    assert_true(pki_make_key(PKI_KEY_P256, &key, &error));
    assert_true(pki_lock_key(span_of_text(&key), SPAN("x"), &locked, &error));
    assert_false(pki_unlock_key(span_of_text(&locked), span_of(passphrase, sizeof passphrase), &opened, &error));
    pki_text_free(&key);
    pki_text_free(&locked);
}

static void test_named_groups(void **state)
{
    (void)state;
    static const char *const names[] = {"ffdhe2048", "ffdhe3072", "ffdhe4096"};
    for (size_t i = 0; i < 3; i++) {
        struct pki_text text = {0};
        char name[40] = "";
        error = (struct error){0};
        assert_true(pki_named_group(names[i], &text, &error));
        BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
        EVP_PKEY *group = PEM_read_bio_Parameters(bio, NULL);
        assert_non_null(group);
        assert_int_equal(EVP_PKEY_get_group_name(group, name, sizeof name, NULL), 1);
        assert_string_equal(name, names[i]);
        EVP_PKEY_free(group);
        BIO_free(bio);
        pki_text_free(&text);
    }
    struct pki_text text = {0};
    assert_false(pki_named_group("ffdhe1", &text, &error));
}

static void count(struct pki_search *search)
{
    assert_true(search->tried > 0);
}

/* Of 512 bits: seconds at most. */
static void test_searched_group(void **state)
{
    (void)state;
    struct pki_search search = {.progress = count};
    struct pki_text text = {0};
    error = (struct error){0};
    assert_true(pki_search_group(512, &search, &text, &error));
    assert_true(search.tried > 0);
    assert_non_null(strstr(text.at, "-----BEGIN DH PARAMETERS-----"));
    pki_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locked_and_opened), cmocka_unit_test(test_traditional_form),
        cmocka_unit_test(test_what_is_no_key),    cmocka_unit_test(test_long_passphrase),
        cmocka_unit_test(test_named_groups),      cmocka_unit_test(test_searched_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
