/* What an authority delivers, held against what was asked of it. */
#include "crossgate/pki/certificate.h"
#include "crossgate/pki/pem.h"
#include "crossgate/pki/text.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* Certificates of a chain: a leaf, and what stands between it and a root. */
enum { CHAIN_MAX = 10 };

static bool refuse(struct error *error, const char *why)
{
    error_set(error, ERROR_INPUT, "the authority's certificate cannot be used: %s", why);
    return false;
}

static bool decode(const struct pem_block *block, STACK_OF(X509) * chain)
{
    const unsigned char *at = block->der;
    X509 *certificate = block->kind == PEM_CERTIFICATE ? d2i_X509(NULL, &at, block->len) : NULL;
    bool worked = certificate && at == block->der + block->len && sk_X509_push(chain, certificate) > 0;
    if (!worked)
        X509_free(certificate);
    return worked;
}

static bool decode_all(struct span pem, STACK_OF(X509) * chain, struct error *error)
{
    struct pem_file file;
    if (!pem_file_read(&file, pem)) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return false;
    }
    bool worked = !file.damaged && file.count > 0 && file.count <= CHAIN_MAX;
    for (size_t i = 0; worked && i < file.count; i++)
        worked = decode(&file.blocks[i], chain);
    pem_file_deinit(&file);
    return worked || refuse(error, "what was sent is no chain of certificates in PEM form");
}

static bool has_name(const GENERAL_NAMES *names, const GENERAL_NAME *wanted)
{
    const ASN1_STRING *text = wanted->d.dNSName;
    struct span sought = span_of(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const ASN1_STRING *found = name->type == GEN_DNS ? name->d.dNSName : NULL;
        if (found &&
            span_equal_nocase(span_of(ASN1_STRING_get0_data(found), (size_t)ASN1_STRING_length(found)), sought))
            return true;
    }
    return false;
}

/* All that was asked for is there; more is the authority's affair. */
static bool has_names(X509 *leaf, X509_REQ *request)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *asked = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    GENERAL_NAMES *given = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    bool all = asked && given;
    for (int i = 0; all && i < sk_GENERAL_NAME_num(asked); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(asked, i);
        all = name->type == GEN_DNS && has_name(given, name);
    }
    GENERAL_NAMES_free(given);
    GENERAL_NAMES_free(asked);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return all;
}

static bool judge_leaf(X509 *leaf, struct span pem, struct error *error)
{
    X509_REQ *request = pki_text_request(pem);
    bool worked = false;
    if (!request)
        error_set(error, ERROR_INPUT, "the signing request cannot be read");
    else if (EVP_PKEY_eq(X509_get0_pubkey(leaf), X509_REQ_get0_pubkey(request)) != 1)
        refuse(error, "it is for another key than that of the request");
    else if (!has_names(leaf, request))
        refuse(error, "it lacks a name that was asked for");
    else if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
        refuse(error, "it has expired already; is this machine's clock right?");
    else
        worked = true;
    X509_REQ_free(request);
    return worked;
}

static bool judge_issuers(STACK_OF(X509) * chain, struct error *error)
{
    for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
        X509 *issuer = sk_X509_value(chain, i + 1);
        X509 *subject = sk_X509_value(chain, i);
        if (X509_check_issued(issuer, subject) != X509_V_OK || X509_verify(subject, X509_get0_pubkey(issuer)) != 1)
            return refuse(error, "one certificate of its chain is not signed by the next one");
    }
    return true;
}

static bool print(STACK_OF(X509) * chain, struct pki_text *text, struct error *error)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool worked = bio != NULL;
    for (int i = 0; worked && i < sk_X509_num(chain); i++)
        worked = PEM_write_bio_X509(bio, sk_X509_value(chain, i)) == 1;
    if (worked)
        worked = pki_text_take(text, bio);
    else
        BIO_free(bio);
    if (!worked)
        error_set(error, ERROR_MEMORY, "out of memory");
    return worked;
}

bool pki_take_chain(struct span pem, struct span request, struct pki_text *text, struct error *error)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    *text = (struct pki_text){0};
    if (!chain)
        error_set(error, ERROR_MEMORY, "out of memory");
    bool worked = chain && decode_all(pem, chain, error) && judge_leaf(sk_X509_value(chain, 0), request, error) &&
                  judge_issuers(chain, error) && print(chain, text, error);
    sk_X509_pop_free(chain, X509_free);
    ERR_clear_error();
    return worked;
}
