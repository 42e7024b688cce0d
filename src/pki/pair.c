/* A private key and its chain in one file, so that they can never be of two different times. */
#include "crossgate/pki/certificate.h"
#include "crossgate/pki/pem.h"
#include "crossgate/pki/text.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* Longer ones are nobody's. */
enum { CHAIN_MAX = 16 };

/* The certificates in the order of the text. NULL: one is damaged, there is none, or there are too many. */
static STACK_OF(X509) * read_chain(struct span pem)
{
    struct pem_file file;
    STACK_OF(X509) *chain = sk_X509_new_null();
    if (!pem_file_read(&file, pem)) {
        sk_X509_free(chain);
        return NULL;
    }
    bool worked = chain && !file.damaged;
    for (size_t i = 0; worked && i < file.count; i++) {
        const unsigned char *at = file.blocks[i].der;
        if (file.blocks[i].kind != PEM_CERTIFICATE)
            continue;
        X509 *certificate = d2i_X509(NULL, &at, file.blocks[i].len);
        worked = certificate && sk_X509_num(chain) < CHAIN_MAX && sk_X509_push(chain, certificate) > 0;
        if (!worked)
            X509_free(certificate);
    }
    pem_file_deinit(&file);
    if (worked && sk_X509_num(chain) > 0)
        return chain;
    sk_X509_pop_free(chain, X509_free);
    return NULL;
}

/* Each one is issued by the next (RFC 8446 section 4.4.2). */
static bool is_in_order(STACK_OF(X509) * chain)
{
    for (int i = 1; i < sk_X509_num(chain); i++) {
        X509 *subject = sk_X509_value(chain, i - 1), *issuer = sk_X509_value(chain, i);
        if (X509_check_issued(issuer, subject) != X509_V_OK || X509_verify(subject, X509_get0_pubkey(issuer)) != 1)
            return false;
    }
    return true;
}

static bool print_leaf(X509 *leaf, struct pki_text *text)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio && PEM_write_bio_X509(bio, leaf) == 1)
        return pki_text_take(text, bio);
    BIO_free(bio);
    return false;
}

/* What is wrong with them, or NULL. */
static const char *judge(EVP_PKEY *key, STACK_OF(X509) * chain)
{
    if (!key)
        return "there is no private key that can be read";
    if (!chain)
        return "there is no chain of certificates that can be read";
    if (X509_check_private_key(sk_X509_value(chain, 0), key) != 1)
        return "the first certificate does not belong to the private key";
    return is_in_order(chain) ? NULL : "the certificates do not issue each other in the order in which they come";
}

bool pki_pair_read(struct span pem, struct pki_pair *pair, struct error *error)
{
    EVP_PKEY *key = pki_text_key(pem);
    STACK_OF(X509) *chain = read_chain(pem);
    const char *wrong = judge(key, chain);
    *pair = (struct pki_pair){0};
    if (wrong) {
        error_set(error, ERROR_INPUT, "%s", wrong);
    } else if (!print_leaf(sk_X509_value(chain, 0), &pair->leaf)) {
        error_set(error, ERROR_MEMORY, "out of memory");
    } else {
        pair->begins = certificate_seconds(X509_get0_notBefore(sk_X509_value(chain, 0)));
        pair->ends = certificate_seconds(X509_get0_notAfter(sk_X509_value(chain, 0)));
    }
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return pair->leaf.at != NULL;
}

static bool has_name(const GENERAL_NAMES *names, const char *wanted)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS && span_equal_nocase(span_of(ASN1_STRING_get0_data(name->d.dNSName),
                                                               (size_t)ASN1_STRING_length(name->d.dNSName)),
                                                       span_string(wanted)))
            return true;
    }
    return false;
}

bool pki_pair_covers(const struct pki_pair *pair, const char *const *names, size_t count)
{
    X509 *leaf = pki_text_certificate(span_of(pair->leaf.at, pair->leaf.len));
    GENERAL_NAMES *held = leaf ? X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL) : NULL;
    bool covers = held != NULL;
    for (size_t i = 0; covers && i < count; i++)
        covers = has_name(held, names[i]);
    GENERAL_NAMES_free(held);
    X509_free(leaf);
    ERR_clear_error();
    return covers;
}
