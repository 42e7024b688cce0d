#include "bag.h"

#include "crossgate/pki/pem.h"

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>

#include <stdlib.h>

static void free_certificate(void *object)
{
    X509_free(object);
}

static void free_request(void *object)
{
    X509_REQ_free(object);
}

static void free_crl(void *object)
{
    X509_CRL_free(object);
}

static void free_key(void *object)
{
    EVP_PKEY_free(object);
}

static void *decode_certificate(const unsigned char **at, long length)
{
    return d2i_X509(NULL, at, length);
}

/* The settings of trust behind it are not looked at. */
static void *decode_trusted(const unsigned char **at, long length)
{
    return d2i_X509_AUX(NULL, at, length);
}

static void *decode_request(const unsigned char **at, long length)
{
    return d2i_X509_REQ(NULL, at, length);
}

static void *decode_crl(const unsigned char **at, long length)
{
    return d2i_X509_CRL(NULL, at, length);
}

static void *decode_key(const unsigned char **at, long length)
{
    return d2i_AutoPrivateKey(NULL, at, length);
}

static void *decode_parameters(const unsigned char **at, long length, const char *type)
{
    EVP_PKEY *group = NULL;
    size_t left = (size_t)length;
    OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(&group, "DER", "type-specific", type,
                                                              OSSL_KEYMGMT_SELECT_ALL_PARAMETERS, NULL, NULL);
    if (decoder)
        OSSL_DECODER_from_data(decoder, at, &left);
    OSSL_DECODER_CTX_free(decoder);
    return group;
}

static void *decode_dh(const unsigned char **at, long length)
{
    return decode_parameters(at, length, "DH");
}

static void *decode_dhx(const unsigned char **at, long length)
{
    return decode_parameters(at, length, "DHX");
}

/* How a kind of PEM block becomes a thing of the bag. */
struct reading {
    enum pem_kind kind;
    enum pki_sort sort;
    void *(*decode)(const unsigned char **at, long length);
    void (*destroy)(void *object);
};

/* So many, from the first, are tried for files in DER form. */
enum { READINGS_BARE = 4 };

static const struct reading readings[] = {
    {PEM_CERTIFICATE, PKI_CERTIFICATE, decode_certificate, free_certificate},
    {PEM_REQUEST, PKI_REQUEST, decode_request, free_request},
    {PEM_CRL, PKI_CRL, decode_crl, free_crl},
    {PEM_KEY, PKI_KEY, decode_key, free_key},
    {PEM_TRUSTED_CERTIFICATE, PKI_CERTIFICATE, decode_trusted, free_certificate},
    {PEM_DH, PKI_GROUP, decode_dh, free_key},
    {PEM_DHX, PKI_GROUP, decode_dhx, free_key},
};

static const struct reading *find_reading(enum pem_kind kind)
{
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        if (readings[i].kind == kind)
            return &readings[i];
    }
    return NULL;
}

struct pki_bag *pki_bag_new(void)
{
    struct pki_bag *bag = calloc(1, sizeof *bag);
    if (bag)
        bag->arena = arena_new();
    if (bag && !bag->arena) {
        free(bag);
        return NULL;
    }
    return bag;
}

void pki_bag_free(struct pki_bag *bag)
{
    if (bag)
        arena_free(bag->arena);
    free(bag);
}

/* A file on its way into the bag. */
struct entry {
    struct pki_bag *bag;
    const char *path; /* the bag's */
    struct pki_place place;
    size_t found;
};

/* Takes the object, which may be NULL for a thing that cannot be decoded. False: reported. */
static bool put(struct entry *entry, enum pki_sort sort, void *object, void (*destroy)(void *object))
{
    struct pki_bag *bag = entry->bag;
    if (object && !arena_defer(bag->arena, destroy, object)) {
        pki_report(&entry->place, PROBLEM_ERROR, NULL, "out of memory");
        return false;
    }
    if (bag->count == PKI_BAG_MAX) {
        pki_report(&entry->place, PROBLEM_ERROR, "name only the files that matter",
                   "%s: these are too many: more than %d certificates, keys and the like", entry->path, PKI_BAG_MAX);
        return false;
    }
    bag->items[bag->count++] = (struct bag_item){.sort = sort, .path = entry->path, .any = object};
    entry->found++;
    return true;
}

/* The certificates in the envelope, which keeps its own. */
static bool put_envelope(struct entry *entry, const PKCS7 *envelope)
{
    STACK_OF(X509) *inside = NULL;
    if (PKCS7_type_is_signed(envelope) && envelope->d.sign)
        inside = envelope->d.sign->cert;
    for (int i = 0; i < sk_X509_num(inside); i++) {
        X509 *certificate = sk_X509_value(inside, i);
        if (X509_up_ref(certificate) != 1 || !put(entry, PKI_CERTIFICATE, certificate, free_certificate))
            return false;
    }
    return true;
}

static bool report_damaged(struct entry *entry, size_t number, enum pem_kind kind)
{
    pki_report(&entry->place, PROBLEM_ERROR, "copy the file again from where it was made",
               "%s is damaged: its PEM block %zu cannot be decoded as a %s", entry->path, number, pem_kind_text(kind));
    return false;
}

static bool put_block(struct entry *entry, const struct pem_block *block, size_t number)
{
    const struct reading *reading = find_reading(block->kind);
    const unsigned char *at = block->der;
    if (block->kind == PEM_LOCKED_KEY)
        return put(entry, PKI_LOCKED_KEY, NULL, NULL);
    if (block->kind == PEM_PKCS7) {
        PKCS7 *envelope = d2i_PKCS7(NULL, &at, block->len);
        bool worked = envelope ? put_envelope(entry, envelope) : report_damaged(entry, number, block->kind);
        PKCS7_free(envelope);
        return worked;
    }
    if (!reading)
        return true;
    void *object = reading->decode(&at, block->len);
    return object ? put(entry, reading->sort, object, reading->destroy) : report_damaged(entry, number, block->kind);
}

static bool put_blocks(struct entry *entry, const struct pem_file *pem)
{
    for (size_t i = 0; i < pem->count; i++) {
        if (!put_block(entry, &pem->blocks[i], i + 1))
            return false;
    }
    if (pem->damaged)
        pki_report(&entry->place, PROBLEM_ERROR, "copy the file again from where it was made",
                   "%s is damaged: there is a PEM block in it that is cut off or not valid base64", entry->path);
    else if (entry->found == 0)
        pki_report(&entry->place, PROBLEM_ERROR, NULL,
                   "%s holds no certificate, signing request, key, revocation list or DH parameters", entry->path);
    return !pem->damaged && entry->found > 0;
}

static void report_binary(struct entry *entry, struct span bytes)
{
    char text[PKI_REMEDY_TEXT];
    const unsigned char *at = bytes.at;
    PKCS12 *archive = d2i_PKCS12(NULL, &at, (long)bytes.len);
    if (archive)
        pki_report(&entry->place, PROBLEM_ERROR,
                   pki_remedy(text,
                              "openssl pkcs12 -in %s -nodes -out %s.pem asks for its passphrase and writes PEM; then "
                              "chmod 600 %s.pem",
                              entry->path, entry->path, entry->path),
                   "%s is PKCS#12, an archive with a passphrase", entry->path);
    else
        pki_report(&entry->place, PROBLEM_ERROR, "copy the file again from where it was made",
                   "%s is binary, and none of certificate, signing request, key, revocation list and PKCS#7",
                   entry->path);
    PKCS12_free(archive);
}

/* One object in DER form, nothing behind it. */
static bool put_binary(struct entry *entry, struct span bytes)
{
    for (size_t i = 0; i < READINGS_BARE; i++) {
        const unsigned char *at = bytes.at;
        void *object = readings[i].decode(&at, (long)bytes.len);
        if (object && at == bytes.at + bytes.len)
            return put(entry, readings[i].sort, object, readings[i].destroy);
        if (object)
            readings[i].destroy(object);
    }
    const unsigned char *at = bytes.at;
    PKCS7 *envelope = d2i_PKCS7(NULL, &at, (long)bytes.len);
    bool worked = envelope && put_envelope(entry, envelope);
    PKCS7_free(envelope);
    if (entry->found == 0)
        report_binary(entry, bytes);
    return worked && entry->found > 0;
}

static bool put_file(struct entry *entry, const struct pem_file *pem, struct span bytes)
{
    /* Keys on curves are so short that they do not look binary to pem_file_read. */
    if (pem->form == PEM_FORM_BINARY || (pem->form == PEM_FORM_NO_PEM && bytes.len > 1 && bytes.at[0] == 0x30))
        return put_binary(entry, bytes);
    if (pem->form == PEM_FORM_TEXT)
        return put_blocks(entry, pem);
    pem_report_missing(pem, &entry->place, PEM_CERTIFICATE);
    return false;
}

bool pki_bag_add(struct pki_bag *bag, const struct pki_file *file, struct problems *problems)
{
    struct pem_file pem;
    struct entry entry = {.bag = bag, .path = arena_copy(bag->arena, span_string(file->path))};
    entry.place = (struct pki_place){problems, NULL, PROBLEM_WHOLE, entry.path};
    if (!entry.path || !pem_file_read(&pem, file->bytes)) {
        pki_report(&entry.place, PROBLEM_ERROR, NULL, "out of memory");
        return false;
    }
    bool worked = put_file(&entry, &pem, file->bytes);
    pem_file_deinit(&pem);
    ERR_clear_error();
    return worked;
}

size_t pki_bag_count(const struct pki_bag *bag)
{
    return bag->count;
}

STACK_OF(X509) * bag_certificates(const struct pki_bag *bag)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    for (size_t i = 0; all && i < bag->count; i++) {
        if (bag->items[i].sort != PKI_CERTIFICATE || sk_X509_push(all, bag->items[i].certificate) > 0)
            continue;
        sk_X509_free(all);
        all = NULL;
    }
    return all;
}

EVP_PKEY *bag_key(const struct pki_bag *bag)
{
    for (size_t i = 0; i < bag->count; i++) {
        if (bag->items[i].sort == PKI_KEY)
            return bag->items[i].key;
    }
    return NULL;
}
