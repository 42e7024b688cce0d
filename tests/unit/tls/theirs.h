/* Authenticated encryption as OpenSSL's manual has it (EVP_EncryptInit(3)), with a context for one message: what ours is held against. */
#ifndef CROSSGATE_TESTS_TLS_THEIRS_H
#define CROSSGATE_TESTS_TLS_THEIRS_H

#include "test.h"

#include "crossgate/base/span.h"

#include <openssl/evp.h>

/* In the order of enum aead. */
static const char *const their_names[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};

/* `to` gets what is encrypted, and behind it the tag of 16 bytes. */
static inline void their_seal(size_t aead, const uint8_t *key, const uint8_t *nonce, struct span additional,
                              struct span from, uint8_t *to)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, their_names[aead], "provider=default");
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int length = 0, last = 0;
    assert_int_equal(EVP_EncryptInit_ex(context, cipher, NULL, key, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(context, NULL, &length, additional.at, (int)additional.len), 1);
    assert_int_equal(EVP_EncryptUpdate(context, to, &length, from.at, (int)from.len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(context, to + from.len, &last), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, to + from.len), 1);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
}

/* Text of pairs of digits, without anything between. How many bytes. */
static inline size_t unhex(const char *text, uint8_t *to)
{
    size_t length = 0;
    for (; text[2 * length]; length++) {
        const char digits[] = {text[2 * length], text[2 * length + 1], '\0'};
        to[length] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return length;
}

#endif
