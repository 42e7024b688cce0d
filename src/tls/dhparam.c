#include "dhparam.h"

#include "credential.h"
#include "crossgate/pki/pem.h"
#include "own_group.h"
#include "provider.h"

#include <openssl/decoder.h>
#include <openssl/err.h>

const char dhparam_remedy[] = "leave dhparam out: a standard group (RFC 7919) is used then, which is also faster";

/* OpenSSL works with no longer ones (OPENSSL_DH_MAX_MODULUS_BITS). */
enum { MODULUS_BITS_MAX = 10000 };

/* Keys belong to the provider that has made their group; what a file is decoded to is OpenSSL's. */
static EVP_PKEY *standard_group(const char *name)
{
    EVP_PKEY *group = NULL;
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "DH", PROVIDER_PREFERRED);
    if (make && EVP_PKEY_paramgen_init(make) == 1 && EVP_PKEY_CTX_set_group_name(make, name) == 1)
        EVP_PKEY_paramgen(make, &group);
    EVP_PKEY_CTX_free(make);
    return group;
}

static bool use_standard(SSL_CTX *context, const struct pki_place *place)
{
    static const char *const names[] = {"ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe8192"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        EVP_PKEY *group = standard_group(names[i]);
        if (group && SSL_CTX_set0_tmp_dh_pkey(context, group) == 1) {
            ERR_clear_error();
            return true;
        }
        EVP_PKEY_free(group);
    }
    pki_report_library(place, "no standard Diffie-Hellman group can be used");
    return false;
}

static bool check_size(const EVP_PKEY *group, const struct pki_place *place, int strength)
{
    int bits = EVP_PKEY_get_bits(group);
    if (EVP_PKEY_get_security_bits(group) >= strength && bits <= MODULUS_BITS_MAX)
        return true;
    pki_report(place, PROBLEM_ERROR, dhparam_remedy, "%s has a modulus of %d bits; 2048 to 4096 are of use%s",
               place->path, bits, bits < 2048 ? ", and fewer can be broken" : "");
    return false;
}

/* The group to work with, the caller's. NULL: reported. */
static EVP_PKEY *settle(EVP_PKEY *read, const struct pki_place *place, int strength)
{
    char name[64];
    if (!check_size(read, place, strength))
        return NULL;
    if (EVP_PKEY_get_group_name(read, name, sizeof name, NULL) != 1)
        return own_group_settle(read, place);
    EVP_PKEY *group = EVP_PKEY_is_a(read, "DHX") && EVP_PKEY_up_ref(read) == 1 ? read : standard_group(name);
    if (!group)
        pki_report_library(place, "its group cannot be made");
    return group;
}

static EVP_PKEY *decode(const struct pem_block *block)
{
    EVP_PKEY *group = NULL;
    const unsigned char *at = block->der;
    size_t length = (size_t)block->len;
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&group, "DER", "type-specific", block->kind == PEM_DHX ? "DHX" : "DH",
                                      OSSL_KEYMGMT_SELECT_ALL_PARAMETERS, NULL, NULL);
    if (decoder)
        OSSL_DECODER_from_data(decoder, &at, &length);
    OSSL_DECODER_CTX_free(decoder);
    ERR_clear_error();
    return group;
}

/* NULL: reported. */
static EVP_PKEY *read_group(const struct pki_file *file, const struct pki_place *place, int strength)
{
    struct pem_file pem;
    if (!pem_file_read(&pem, file->bytes)) {
        pki_report(place, PROBLEM_ERROR, NULL, "out of memory");
        return NULL;
    }
    const struct pem_block *block = pem_file_find(&pem, PEM_DH);
    if (!block)
        block = pem_file_find(&pem, PEM_DHX);
    if (!block)
        pem_report_missing(&pem, place, PEM_DH);
    EVP_PKEY *read = block ? decode(block) : NULL;
    if (block && !read)
        pki_report(place, PROBLEM_ERROR, dhparam_remedy, "%s is damaged: its DH parameters cannot be decoded",
                   place->path);
    pem_file_deinit(&pem);
    EVP_PKEY *group = read ? settle(read, place, strength) : NULL;
    EVP_PKEY_free(read);
    ERR_clear_error();
    return group;
}

bool dhparam_use(SSL_CTX *context, const struct pki_file *file, struct problems *problems)
{
    struct pki_place place = {problems, "dhparam", PROBLEM_WHOLE, file->path};
    if (!file->path)
        return use_standard(context, &place);
    EVP_PKEY *group = read_group(file, &place, credential_strength(context));
    if (!group)
        return false;
    if (SSL_CTX_set0_tmp_dh_pkey(context, group) == 1)
        return true;
    EVP_PKEY_free(group);
    pki_report_library(&place, "OpenSSL does not accept these DH parameters");
    return false;
}
