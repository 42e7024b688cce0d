#include "crossgate/pki/key.h"

#include "crossgate/pki/pem.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <stdio.h>

void key_print(const EVP_PKEY *key, char text[KEY_TEXT])
{
    char curve[40];
    const char *type = EVP_PKEY_get0_type_name(key), *known = NULL;
    if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1)
        known = EC_curve_nid2nist(OBJ_sn2nid(curve));
    if (known)
        snprintf(text, KEY_TEXT, "%s %s", type, known);
    else
        snprintf(text, KEY_TEXT, "%s %d", type ? type : "unknown", EVP_PKEY_get_bits(key));
}

void key_check_permissions(const struct pki_file *file, const struct pki_place *place, const char *what)
{
    char text[PKI_REMEDY_TEXT];
    if ((file->mode & 077) == 0)
        return;
    const char *who = (file->mode & 007) == 0 ? "its group" : "everyone";
    pki_report(place, PROBLEM_WARNING, pki_remedy(text, "chmod 600 %s", file->path), "%s has mode %04o: %s open to %s",
               file->path, (unsigned)(file->mode & 07777), what, who);
}

static bool check_kind(EVP_PKEY *key, const struct pki_place *place)
{
    static const char *const kinds[] = {"RSA", "RSA-PSS", "EC", "ED25519", "ED448"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (EVP_PKEY_is_a(key, kinds[i]))
            return true;
    char what[KEY_TEXT];
    key_print(key, what);
    pki_report(place, PROBLEM_ERROR, "crossgate cert key --out KEY, then have a certificate made for it",
               "%s holds a key of type %s, which TLS 1.2 and 1.3 cannot sign with", place->path, what);
    return false;
}

static bool check_strength(EVP_PKEY *key, const struct pki_place *place, int strength)
{
    int bits = EVP_PKEY_get_security_bits(key);
    if (bits >= strength)
        return true;
    char what[KEY_TEXT];
    key_print(key, what);
    pki_report(place, PROBLEM_ERROR, "crossgate cert key --out KEY, then have a certificate made for it",
               "%s holds a weak key: %s has %d bits of security, and at least %d are needed (RSA 2048 has 112)",
               place->path, what, bits, strength);
    return false;
}

static EVP_PKEY *decode(const struct pem_block *block, const struct pki_place *place)
{
    const unsigned char *at = block->der;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, block->len);
    ERR_clear_error();
    if (!key)
        pki_report(place, PROBLEM_ERROR, "copy the file again from where it was made",
                   "%s is damaged: its private key cannot be decoded", place->path);
    return key;
}

static EVP_PKEY *find_key(const struct pem_file *pem, const struct pki_place *place)
{
    char text[PKI_REMEDY_TEXT];
    const struct pem_block *block = pem_file_find(pem, PEM_KEY);
    if (block)
        return decode(block, place);
    if (pem_file_find(pem, PEM_LOCKED_KEY))
        pki_report(place, PROBLEM_ERROR,
                   pki_remedy(text, "crossgate cert decrypt %s --out %s.open", place->path, place->path),
                   "%s is protected by a passphrase; a server starts unattended and cannot ask for it", place->path);
    else
        pem_report_missing(pem, place, PEM_KEY);
    return NULL;
}

EVP_PKEY *key_read(const struct pki_file *file, const struct pki_place *place, int strength)
{
    struct pem_file pem;
    key_check_permissions(file, place, "the private key is");
    if (!pem_file_read(&pem, file->bytes)) {
        pki_report(place, PROBLEM_ERROR, NULL, "out of memory");
        return NULL;
    }
    EVP_PKEY *key = find_key(&pem, place);
    pem_file_deinit(&pem);
    if (key && (!check_kind(key, place) || !check_strength(key, place, strength))) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

const EVP_MD *key_digest(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448") ? NULL : EVP_sha256();
}

bool key_proves(EVP_PKEY *private_key, EVP_PKEY *public_key)
{
    static const unsigned char message[] = "key and certificate belong together";
    unsigned char signature[2048];
    size_t length = sizeof signature;
    const EVP_MD *digest = key_digest(private_key);
    EVP_MD_CTX *sign = EVP_MD_CTX_new();
    EVP_MD_CTX *verify = EVP_MD_CTX_new();
    bool proved = sign && verify && EVP_DigestSignInit(sign, NULL, digest, NULL, private_key) == 1 &&
                  EVP_DigestSign(sign, signature, &length, message, sizeof message) == 1 &&
                  EVP_DigestVerifyInit(verify, NULL, digest, NULL, public_key) == 1 &&
                  EVP_DigestVerify(verify, signature, length, message, sizeof message) == 1;
    EVP_MD_CTX_free(sign);
    EVP_MD_CTX_free(verify);
    ERR_clear_error();
    return proved;
}
