#include "credential.h"

#include "crossgate/pki/key.h"
#include "crossgate/pki/report.h"

#include <openssl/err.h>

#include <stdlib.h>

int credential_strength(const SSL_CTX *context)
{
    static const int bits[] = {0, 80, 112, 128, 192, 256};
    int level = SSL_CTX_get_security_level(context);
    return level < 0 ? 0 : bits[level > 5 ? 5 : level];
}

/* All certificates in the order of the files. NULL: reported. */
static STACK_OF(X509) *
    read_all(const struct pki_file *certificate, const struct pki_files *chain, struct problems *problems)
{
    struct pki_place place = {problems, "certificate", PROBLEM_WHOLE, certificate->path};
    STACK_OF(X509) *all = sk_X509_new_null();
    bool worked = all && certificates_read(certificate, &place, all);
    place.key = "chain_certificates";
    for (size_t i = 0; all && chain && i < chain->count; i++) {
        place.index = i;
        place.path = chain->at[i].path;
        worked &= certificates_read(&chain->at[i], &place, all);
    }
    if (worked)
        return all;
    sk_X509_pop_free(all, X509_free);
    return NULL;
}

static bool check_strengths(X509 *leaf, STACK_OF(X509) * issuers, const struct pki_place *place, int strength)
{
    bool worked = certificate_check_strength(leaf, place, strength);
    for (int i = 0; i < sk_X509_num(issuers); i++)
        worked &= certificate_check_strength(sk_X509_value(issuers, i), place, strength);
    return worked;
}

static enum key_kind kind_of(const EVP_PKEY *key)
{
    static const char *const names[KEY_KINDS] = {
        [KEY_RSA] = "RSA", [KEY_RSA_PSS] = "RSA-PSS", [KEY_EC] = "EC", [KEY_ED25519] = "ED25519", [KEY_ED448] = "ED448",
    };
    enum key_kind kind = KEY_RSA;
    while (kind + 1 < KEY_KINDS && !EVP_PKEY_is_a(key, names[kind]))
        kind++;
    return kind;
}

/* The certificates of the chain are borrowed of `all` so far, and are now held for themselves. */
static struct credential *make(EVP_PKEY *key, X509 *leaf, STACK_OF(X509) * issuers, const struct pki_place *place)
{
    struct credential *credential = calloc(1, sizeof *credential);
    STACK_OF(X509) *held = credential ? X509_chain_up_ref(issuers) : NULL;
    if (!held || X509_up_ref(leaf) != 1 || EVP_PKEY_up_ref(key) != 1) {
        sk_X509_pop_free(held, X509_free);
        free(credential);
        pki_report(place, PROBLEM_ERROR, NULL, "out of memory");
        return NULL;
    }
    *credential =
        (struct credential){.key = key, .kind = kind_of(key), .leaf = leaf, .issuers = held, .path = place->path};
    return credential;
}

static void share_issuers(struct credential *credential, struct credential_memory *memory)
{
    STACK_OF(X509) *theirs = memory->last ? memory->last->issuers : NULL;
    STACK_OF(X509) *ours = credential->issuers;
    bool same = theirs && sk_X509_num(theirs) == sk_X509_num(ours);
    for (int i = 0; same && i < sk_X509_num(ours); i++)
        same = X509_cmp(sk_X509_value(theirs, i), sk_X509_value(ours, i)) == 0;
    STACK_OF(X509) *shared = same ? X509_chain_up_ref(theirs) : NULL;
    memory->last = credential;
    if (!shared)
        return;
    sk_X509_pop_free(ours, X509_free);
    credential->issuers = shared;
}

static bool digest_file(EVP_MD_CTX *sum, const struct pki_file *file)
{
    return EVP_DigestUpdate(sum, &file->bytes.len, sizeof file->bytes.len) == 1 &&
           EVP_DigestUpdate(sum, file->bytes.at, file->bytes.len) == 1;
}

static bool digest_files(const struct credential_files *files, uint8_t digest[CREDENTIAL_DIGEST])
{
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    bool worked = sum && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1 && digest_file(sum, files->key) &&
                  digest_file(sum, files->certificate);
    for (size_t i = 0; worked && files->chain && i < files->chain->count; i++)
        worked = digest_file(sum, &files->chain->at[i]);
    worked = worked && EVP_DigestFinal_ex(sum, digest, NULL) == 1;
    EVP_MD_CTX_free(sum);
    return worked;
}

/* Files mostly stay in their order. */
static const struct credential *find_known(struct credential_memory *memory, const uint8_t digest[CREDENTIAL_DIGEST])
{
    for (size_t i = 0; i < memory->known_count; i++) {
        size_t at = (memory->next + i) % memory->known_count;
        if (memcmp(memory->known[at]->digest, digest, CREDENTIAL_DIGEST) != 0)
            continue;
        memory->next = at + 1;
        return memory->known[at];
    }
    return NULL;
}

/* Decoding keys is what costs (OpenSSL 3.0): a worker serves nobody meanwhile. What is there is shared with connections that are open,
 * and never changed. */
static struct credential *take_over(const struct credential *known, const struct pki_place *place)
{
    struct credential *credential = make(known->key, known->leaf, known->issuers, place);
    if (credential)
        credential->taken_over = true;
    return credential;
}

static struct credential *read_files(const struct credential_files *files, enum pki_purpose purpose, int strength,
                                     struct credential_memory *memory, struct problems *problems)
{
    struct pki_place key_place = {problems, "key", PROBLEM_WHOLE, files->key->path};
    struct pki_place place = {problems, "certificate", PROBLEM_WHOLE, files->certificate->path};
    X509 *leaf = NULL;
    STACK_OF(X509) *issuers = NULL;
    struct credential *credential = NULL;
    EVP_PKEY *key = key_read(files->key, &key_place, strength);
    STACK_OF(X509) *all = read_all(files->certificate, files->chain, problems);
    if (key && all && chain_build(all, key, purpose, &place, memory ? &memory->chains : NULL, &leaf, &issuers)) {
        certificate_check_leaf(leaf, purpose, &place);
        if (check_strengths(leaf, issuers, &place, strength))
            credential = make(key, leaf, issuers, &place);
    }
    sk_X509_free(issuers);
    sk_X509_pop_free(all, X509_free);
    EVP_PKEY_free(key);
    return credential;
}

struct credential *credential_read(const struct credential_files *files, enum pki_purpose purpose, int strength,
                                   struct credential_memory *memory, struct problems *problems)
{
    struct pki_place place = {problems, "certificate", PROBLEM_WHOLE, files->certificate->path};
    uint8_t digest[CREDENTIAL_DIGEST];
    if (!digest_files(files, digest)) {
        pki_report_library(&place, "it cannot be read");
        return NULL;
    }
    const struct credential *known = memory && problems->vouched ? find_known(memory, digest) : NULL;
    struct credential *credential =
        known ? take_over(known, &place) : read_files(files, purpose, strength, memory, problems);
    if (!credential)
        return NULL;
    memcpy(credential->digest, digest, sizeof digest);
    if (memory)
        share_issuers(credential, memory);
    return credential;
}

void credential_free(struct credential *credential)
{
    if (!credential)
        return;
    EVP_PKEY_free(credential->key);
    X509_free(credential->leaf);
    sk_X509_pop_free(credential->issuers, X509_free);
    free(credential);
}

bool credential_use(SSL_CTX *context, const struct credential *credential, struct problems *problems)
{
    const struct pki_place place = {problems, "certificate", PROBLEM_WHOLE, credential->path};
    ERR_clear_error();
    if (SSL_CTX_use_cert_and_key(context, credential->leaf, credential->key, credential->issuers, 1) == 1 &&
        SSL_CTX_check_private_key(context) == 1)
        return true;
    pki_report_library(&place, "OpenSSL does not accept the certificate and its key");
    return false;
}

bool credential_apply(SSL *ssl, const struct credential *credential)
{
    return SSL_use_cert_and_key(ssl, credential->leaf, credential->key, credential->issuers, 1) == 1;
}
