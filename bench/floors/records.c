/* What an echo does with each message: a record is opened and one is sealed. By SSL_read and SSL_write, and by the cipher
 * alone. */
#include "floors.h"
#include "link.h"
#include "meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One record on each of many connections, so that reading the clock costs nothing. */
enum { PAIRS = 16, RECORD_BYTES = 16384, TAG = 16, NONCE = 12 };

static const size_t sizes[] = {64, 1024, RECORD_BYTES};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static const struct suite {
    const char *name, *suite, *cipher;
} suites[] = {
    {"aes128gcm", "TLS_AES_128_GCM_SHA256", "AES-128-GCM"},
    {"aes256gcm", "TLS_AES_256_GCM_SHA384", "AES-256-GCM"},
};

static void tell(struct floors *floors, const char *kind, const struct suite *suite, size_t size, struct meter *meter)
{
    char name[64];
    snprintf(name, sizeof name, "%s/%s/%zu", kind, suite->name, size);
    floors->tell(floors, name, meter, size);
}

/* ---- through SSL */

static void write_whole(SSL *end, const unsigned char *bytes, size_t size)
{
    size_t written;
    MUST(SSL_write_ex(end, bytes, size, &written) && written == size);
}

static void read_whole(SSL *end, unsigned char *bytes, size_t size)
{
    size_t taken;
    MUST(SSL_read_ex(end, bytes, RECORD_BYTES, &taken) && taken == size);
}

static void echo_all(struct link *links, unsigned char *bytes, size_t size, struct meter *meter)
{
    for (size_t i = 0; i < PAIRS; i++)
        write_whole(links[i].client, bytes, size);
    meter_begin(meter);
    for (size_t i = 0; i < PAIRS; i++) {
        read_whole(links[i].server, bytes, size);
        write_whole(links[i].server, bytes, size);
    }
    meter_pause(meter);
    for (size_t i = 0; i < PAIRS; i++)
        read_whole(links[i].client, bytes, size);
    meter_count(meter, PAIRS);
}

static void measure_ssl(struct floors *floors, const struct suite *suite, struct link *links, struct meter *meter)
{
    unsigned char bytes[RECORD_BYTES] = {0};
    struct link_kit kit;
    link_kit_init(&kit, "EC", TLS1_3_VERSION, suite->suite, 0);
    for (size_t i = 0; i < PAIRS; i++)
        link_connect(&links[i], &kit);
    for (size_t i = 0; i < SIZES; i++) {
        meter_start(meter, floors->seconds);
        while (meter_goes_on(meter))
            echo_all(links, bytes, sizes[i], meter);
        tell(floors, "record", suite, sizes[i], meter);
    }
    for (size_t i = 0; i < PAIRS; i++) {
        link_free_client(&links[i]);
        SSL_free(links[i].server);
    }
    link_kit_deinit(&kit);
}

/* ---- the cipher alone, in place */

struct cipher {
    EVP_CIPHER_CTX *sealing, *opening;
    unsigned char nonce[NONCE], tag[TAG], bytes[RECORD_BYTES];
};

static void seal(struct cipher *cipher, size_t size)
{
    int n;
    MUST(EVP_EncryptInit_ex2(cipher->sealing, NULL, NULL, cipher->nonce, NULL) &&
         EVP_EncryptUpdate(cipher->sealing, cipher->bytes, &n, cipher->bytes, (int)size) &&
         EVP_EncryptFinal_ex(cipher->sealing, cipher->bytes, &n) &&
         EVP_CIPHER_CTX_ctrl(cipher->sealing, EVP_CTRL_AEAD_GET_TAG, TAG, cipher->tag));
}

static void unseal(struct cipher *cipher, size_t size)
{
    int n;
    MUST(EVP_DecryptInit_ex2(cipher->opening, NULL, NULL, cipher->nonce, NULL) &&
         EVP_CIPHER_CTX_ctrl(cipher->opening, EVP_CTRL_AEAD_SET_TAG, TAG, cipher->tag) &&
         EVP_DecryptUpdate(cipher->opening, cipher->bytes, &n, cipher->bytes, (int)size) &&
         EVP_DecryptFinal_ex(cipher->opening, cipher->bytes, &n));
}

static void cipher_init(struct cipher *cipher, const char *name)
{
    static const unsigned char key[32] = {1};
    *cipher = (struct cipher){.sealing = EVP_CIPHER_CTX_new(), .opening = EVP_CIPHER_CTX_new()};
    EVP_CIPHER *algorithm = EVP_CIPHER_fetch(NULL, name, NULL);
    MUST(algorithm && cipher->sealing && cipher->opening &&
         EVP_EncryptInit_ex2(cipher->sealing, algorithm, key, cipher->nonce, NULL) &&
         EVP_DecryptInit_ex2(cipher->opening, algorithm, key, cipher->nonce, NULL));
    EVP_CIPHER_free(algorithm);
}

static void measure_cipher(struct floors *floors, const struct suite *suite, struct meter *meter)
{
    struct cipher cipher;
    cipher_init(&cipher, suite->cipher);
    for (size_t i = 0; i < SIZES; i++) {
        meter_start(meter, floors->seconds);
        while (meter_goes_on(meter)) {
            meter_begin(meter);
            for (size_t pair = 0; pair < PAIRS; pair++) {
                seal(&cipher, sizes[i]);
                unseal(&cipher, sizes[i]);
            }
            meter_pause(meter);
            meter_count(meter, PAIRS);
        }
        tell(floors, "cipher", suite, sizes[i], meter);
    }
    EVP_CIPHER_CTX_free(cipher.sealing);
    EVP_CIPHER_CTX_free(cipher.opening);
}

void floors_of_records(struct floors *floors)
{
    struct link *links = malloc(PAIRS * sizeof *links);
    struct meter *meter = malloc(sizeof *meter);
    MUST(links && meter);
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        measure_ssl(floors, &suites[i], links, meter);
        measure_cipher(floors, &suites[i], meter);
    }
    free(meter);
    free(links);
}
