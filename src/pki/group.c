/* Diffie-Hellman groups as files: those of RFC 7919, and ones of their own. */
#include "crossgate/pki/text.h"

#include <openssl/dh.h>
#include <openssl/pem.h>

static bool write_group(EVP_PKEY *group, struct pki_text *text, struct error *error)
{
    BIO *bio = group ? BIO_new(BIO_s_mem()) : NULL;
    bool worked = bio && PEM_write_bio_Parameters(bio, group) == 1;
    if (worked) {
        worked = pki_text_take(text, bio);
        bio = NULL;
    }
    if (!worked)
        pki_error_library(error, "a Diffie-Hellman group cannot be made");
    BIO_free(bio);
    EVP_PKEY_free(group);
    return worked;
}

bool pki_named_group(const char *name, struct pki_text *text, struct error *error)
{
    EVP_PKEY *group = NULL;
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
    if (make && EVP_PKEY_paramgen_init(make) == 1 && EVP_PKEY_CTX_set_group_name(make, name) == 1)
        EVP_PKEY_paramgen(make, &group);
    EVP_PKEY_CTX_free(make);
    return write_group(group, text, error);
}

/* The first of the numbers that OpenSSL tells is 0 for each candidate. */
static int on_progress(EVP_PKEY_CTX *make)
{
    struct pki_search *search = EVP_PKEY_CTX_get_app_data(make);
    if (EVP_PKEY_CTX_get_keygen_info(make, 0) == 0) {
        search->tried++;
        search->progress(search);
    }
    return 1;
}

bool pki_search_group(unsigned bits, struct pki_search *search, struct pki_text *text, struct error *error)
{
    EVP_PKEY *group = NULL;
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
    if (make && EVP_PKEY_paramgen_init(make) == 1 && EVP_PKEY_CTX_set_dh_paramgen_prime_len(make, (int)bits) == 1) {
        EVP_PKEY_CTX_set_app_data(make, search);
        EVP_PKEY_CTX_set_cb(make, on_progress);
        EVP_PKEY_paramgen(make, &group);
    }
    EVP_PKEY_CTX_free(make);
    return write_group(group, text, error);
}
