/* Private keys with a passphrase, opened and made. */
#include "crossgate/pki/pem.h"
#include "crossgate/pki/text.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

enum pki_lock pki_key_lock(struct span pem)
{
    struct pem_file file;
    enum pki_lock lock = PKI_LOCK_NONE;
    if (!pem_file_read(&file, pem))
        return PKI_LOCK_NONE;
    if (pem_file_find(&file, PEM_KEY))
        lock = PKI_LOCK_OPEN;
    else if (pem_file_find(&file, PEM_LOCKED_KEY))
        lock = PKI_LOCK_LOCKED;
    pem_file_deinit(&file);
    return lock;
}

/* Rounds of PBKDF2 with HMAC-SHA-256: some tenths of a second for us, and for each guess of somebody who found the file. */
enum { ROUNDS = 600000 };

static X509_SIG *encrypt(EVP_PKEY *key, struct span passphrase)
{
    PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
    X509_ALGOR *how = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), ROUNDS, NULL, 0, NULL, NID_hmacWithSHA256);
    X509_SIG *locked =
        plain && how ? PKCS8_set0_pbe((const char *)passphrase.at, (int)passphrase.len, plain, how) : NULL;
    if (!locked)
        X509_ALGOR_free(how);
    PKCS8_PRIV_KEY_INFO_free(plain);
    return locked;
}

bool pki_lock_key(struct span pem, struct span passphrase, struct pki_text *locked, struct error *error)
{
    EVP_PKEY *key = pki_text_key(pem);
    X509_SIG *made = key ? encrypt(key, passphrase) : NULL;
    BIO *bio = made ? BIO_new(BIO_s_mem()) : NULL;
    bool worked = bio && PEM_write_bio_PKCS8(bio, made) == 1;
    if (worked) {
        worked = pki_text_take(locked, bio);
        bio = NULL;
    }
    if (!worked)
        pki_error_library(error, "the private key cannot be encrypted");
    BIO_free(bio);
    X509_SIG_free(made);
    EVP_PKEY_free(key);
    return worked;
}

/* OpenSSL asks for the passphrase here, not at the terminal. */
static int give_passphrase(char *room, int size, int writing, void *context)
{
    const struct span *passphrase = context;
    (void)writing;
    if (passphrase->len > (size_t)size)
        return -1;
    memcpy(room, passphrase->at, passphrase->len);
    return (int)passphrase->len;
}

/* Ciphers of the last century are in a provider that is not loaded. */
static bool is_unsupported(void)
{
    bool found = false;
    for (unsigned long code = ERR_get_error(); code; code = ERR_get_error())
        found = found || ERR_GET_REASON(code) == ERR_R_UNSUPPORTED;
    return found;
}

static EVP_PKEY *open_key(struct span pem, struct span passphrase, struct error *error)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    ERR_clear_error();
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &passphrase) : NULL;
    if (!key && is_unsupported())
        error_set(
            error, ERROR_SYSTEM,
            "it is encrypted in a way that OpenSSL has retired: openssl pkey -provider legacy -provider default -in "
            "FILE opens it");
    else if (!key)
        error_set(error, ERROR_INPUT, "the passphrase is wrong, or the file is damaged");
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

bool pki_unlock_key(struct span pem, struct span passphrase, struct pki_text *text, struct error *error)
{
    EVP_PKEY *key = open_key(pem, passphrase, error);
    BIO *bio = key ? BIO_new(BIO_s_secmem()) : NULL;
    bool worked = bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (worked) {
        worked = pki_text_take(text, bio);
        bio = NULL;
    }
    if (!worked)
        pki_error_library(error, "the private key cannot be written");
    BIO_free(bio);
    EVP_PKEY_free(key);
    return worked;
}
