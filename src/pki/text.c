#include "crossgate/pki/text.h"

#include "crossgate/pki/pem.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <stdlib.h>

bool pki_text_take(struct pki_text *text, BIO *bio)
{
    char *at = NULL;
    long length = bio ? BIO_get_mem_data(bio, &at) : -1;
    *text = (struct pki_text){0};
    if (length >= 0)
        text->at = malloc((size_t)length + 1);
    if (text->at) {
        memcpy(text->at, at, (size_t)length);
        text->at[length] = '\0';
        text->len = (size_t)length;
    }
    if (length > 0)
        OPENSSL_cleanse(at, (size_t)length);
    BIO_free(bio);
    return text->at != NULL;
}

void pki_text_free(struct pki_text *text)
{
    if (text->at)
        OPENSSL_cleanse(text->at, text->len);
    free(text->at);
    *text = (struct pki_text){0};
}

/* The block of that kind in front of all others of its kind, decoded by one of the three below. */
static void *decode_first(struct span pem, enum pem_kind kind, void *(*decode)(const unsigned char **at, long length))
{
    struct pem_file file;
    void *found = NULL;
    if (!pem_file_read(&file, pem))
        return NULL;
    const struct pem_block *block = pem_file_find(&file, kind);
    if (block) {
        const unsigned char *at = block->der;
        found = decode(&at, block->len);
    }
    pem_file_deinit(&file);
    ERR_clear_error();
    return found;
}

static void *decode_key(const unsigned char **at, long length)
{
    return d2i_AutoPrivateKey(NULL, at, length);
}

static void *decode_certificate(const unsigned char **at, long length)
{
    return d2i_X509(NULL, at, length);
}

static void *decode_request(const unsigned char **at, long length)
{
    return d2i_X509_REQ(NULL, at, length);
}

EVP_PKEY *pki_text_key(struct span pem)
{
    return decode_first(pem, PEM_KEY, decode_key);
}

X509 *pki_text_certificate(struct span pem)
{
    X509 *found = decode_first(pem, PEM_CERTIFICATE, decode_certificate);
    return found ? found : decode_first(pem, PEM_TRUSTED_CERTIFICATE, decode_certificate);
}

X509_REQ *pki_text_request(struct span pem)
{
    return decode_first(pem, PEM_REQUEST, decode_request);
}

void pki_error_library(struct error *error, const char *what_failed)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    error_set(error, reason ? ERROR_SYSTEM : ERROR_MEMORY, "%s: %s", what_failed, reason ? reason : "out of memory");
    ERR_clear_error();
}
