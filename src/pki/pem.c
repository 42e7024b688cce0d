#include "crossgate/pki/pem.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <stdlib.h>

static const struct pem_label {
    const char *label;
    enum pem_kind kind;
} pem_labels[] = {
    {PEM_STRING_X509, PEM_CERTIFICATE},
    {PEM_STRING_X509_OLD, PEM_CERTIFICATE},
    {PEM_STRING_X509_TRUSTED, PEM_TRUSTED_CERTIFICATE},
    {PEM_STRING_PKCS8INF, PEM_KEY},
    {PEM_STRING_RSA, PEM_KEY},
    {PEM_STRING_ECPRIVATEKEY, PEM_KEY},
    {PEM_STRING_DSA, PEM_KEY},
    {PEM_STRING_PKCS8, PEM_LOCKED_KEY},
    {PEM_STRING_X509_REQ, PEM_REQUEST},
    {PEM_STRING_X509_REQ_OLD, PEM_REQUEST},
    {PEM_STRING_DHPARAMS, PEM_DH},
    {PEM_STRING_DHXPARAMS, PEM_DHX},
    {PEM_STRING_X509_CRL, PEM_CRL},
    {PEM_STRING_PKCS7, PEM_PKCS7},
    {PEM_STRING_PKCS7_SIGNED, PEM_PKCS7},
    {PEM_STRING_CMS, PEM_PKCS7},
};

const char *pem_kind_text(enum pem_kind kind)
{
    static const char *const texts[PEM_KIND_COUNT] = {
        [PEM_CERTIFICATE] = "certificate",
        [PEM_TRUSTED_CERTIFICATE] = "certificate",
        [PEM_KEY] = "private key",
        [PEM_LOCKED_KEY] = "private key with a passphrase",
        [PEM_REQUEST] = "certificate signing request",
        [PEM_DH] = "set of DH parameters",
        [PEM_DHX] = "set of DH parameters",
        [PEM_CRL] = "list of revoked certificates (CRL)",
        [PEM_PKCS7] = "PKCS#7 file",
        [PEM_OTHER] = "PEM block of another kind",
    };
    return texts[kind];
}

/* Traditional keys say in a header line that they are encrypted (RFC 1421 section 4.6.1.1). */
static enum pem_kind kind_of(const char *label, const char *header)
{
    enum pem_kind kind = PEM_OTHER;
    for (size_t i = 0; i < sizeof pem_labels / sizeof pem_labels[0]; i++)
        if (strcmp(label, pem_labels[i].label) == 0)
            kind = pem_labels[i].kind;
    return kind == PEM_KEY && strstr(header, "ENCRYPTED") ? PEM_LOCKED_KEY : kind;
}

static struct span skip_byte_order_mark(struct span bytes)
{
    struct span mark = SPAN("\xEF\xBB\xBF");
    return span_starts(bytes, mark) ? span_tail(bytes, mark.len) : bytes;
}

static enum pem_form form_of(struct span bytes)
{
    if (bytes.len == 0)
        return PEM_FORM_EMPTY;
    if (span_starts(bytes, SPAN("\xFF\xFE")) || span_starts(bytes, SPAN("\xFE\xFF")))
        return PEM_FORM_UTF16;
    /* DER of all kinds in question begins with a SEQUENCE of more than 127 bytes. */
    if (bytes.len > 1 && bytes.at[0] == 0x30 && bytes.at[1] >= 0x80)
        return PEM_FORM_BINARY;
    return PEM_FORM_NO_PEM;
}

/* Keys pass through here: PEM_FLAG_SECURE makes OpenSSL wipe what it used to decode them. */
enum { READ_FLAGS = PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE };

static bool next_block(BIO *bio, struct pem_block *block, bool *damaged)
{
    char *label = NULL;
    char *header = NULL;
    ERR_clear_error();
    if (PEM_read_bio_ex(bio, &label, &header, &block->der, &block->len, READ_FLAGS) != 1) {
        *damaged = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
        ERR_clear_error();
        return false;
    }
    block->kind = kind_of(label, header);
    OPENSSL_secure_free(label);
    OPENSSL_secure_free(header);
    return true;
}

static bool append_block(struct pem_file *file, const struct pem_block *block)
{
    /* Room is made at each power of two. */
    if ((file->count & (file->count - 1)) == 0) {
        size_t room = file->count ? 2 * file->count : 1;
        struct pem_block *blocks = realloc(file->blocks, room * sizeof *blocks);
        if (!blocks)
            return false;
        file->blocks = blocks;
    }
    file->blocks[file->count++] = *block;
    return true;
}

static void block_deinit(struct pem_block *block)
{
    OPENSSL_secure_clear_free(block->der, (size_t)block->len);
}

bool pem_file_read(struct pem_file *file, struct span bytes)
{
    bytes = skip_byte_order_mark(bytes);
    *file = (struct pem_file){.form = form_of(bytes)};
    if (file->form != PEM_FORM_NO_PEM)
        return true;
    /* Read-only: it borrows the bytes and copies none. */
    BIO *bio = BIO_new_mem_buf(bytes.at, (int)bytes.len);
    if (!bio)
        return false;
    struct pem_block block;
    while (next_block(bio, &block, &file->damaged)) {
        if (!append_block(file, &block)) {
            block_deinit(&block);
            BIO_free(bio);
            pem_file_deinit(file);
            return false;
        }
    }
    BIO_free(bio);
    if (file->count > 0 || file->damaged)
        file->form = PEM_FORM_TEXT;
    return true;
}

void pem_file_deinit(struct pem_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        block_deinit(&file->blocks[i]);
    free(file->blocks);
    *file = (struct pem_file){0};
}

const struct pem_block *pem_file_find(const struct pem_file *file, enum pem_kind kind)
{
    for (size_t i = 0; i < file->count; i++)
        if (file->blocks[i].kind == kind)
            return &file->blocks[i];
    return NULL;
}

static const char *remedy_binary(char text[PKI_REMEDY_TEXT], enum pem_kind wanted, const char *path)
{
    switch (wanted) {
    case PEM_KEY:
        return pki_remedy(text,
                          "openssl pkey -in %s -out %s.pem; or from PKCS#12: openssl pkcs12 -in %s -nocerts -nodes",
                          path, path, path);
    case PEM_DH:
        return "leave dhparam out: a standard group (RFC 7919) is used then; or crossgate cert dhparam makes a file";
    case PEM_CRL:
        return pki_remedy(text, "openssl crl -inform der -in %s -out %s.pem", path, path);
    default:
        return pki_remedy(text, "crossgate cert chain %s --out %s.pem; or from PKCS#12: openssl pkcs12 -in %s -nokeys",
                          path, path, path);
    }
}

static const char *remedy_other(char text[PKI_REMEDY_TEXT], enum pem_kind wanted, enum pem_kind found, const char *path)
{
    if (wanted == PEM_KEY && (found == PEM_CERTIFICATE || found == PEM_TRUSTED_CERTIFICATE))
        return "name the file of the private key here; are key and certificate exchanged?";
    if (wanted == PEM_CERTIFICATE && (found == PEM_KEY || found == PEM_LOCKED_KEY))
        return "name the file of the certificate here; are key and certificate exchanged?";
    if (wanted == PEM_CERTIFICATE && found == PEM_REQUEST)
        return pki_remedy(text,
                          "name the certificate that the authority made from this request, or sign it yourself: "
                          "crossgate cert sign --csr %s",
                          path);
    if (wanted == PEM_DH)
        return "leave dhparam out: a standard group (RFC 7919) is used then";
    return NULL;
}

static void report_other_kind(const struct pem_file *file, const struct pki_place *place, enum pem_kind wanted)
{
    char text[PKI_REMEDY_TEXT];
    enum pem_kind found = file->blocks[0].kind;
    pki_report(place, PROBLEM_ERROR, remedy_other(text, wanted, found, place->path), "%s holds a %s and no %s",
               place->path, pem_kind_text(found), pem_kind_text(wanted));
}

void pem_report_missing(const struct pem_file *file, const struct pki_place *place, enum pem_kind wanted)
{
    char text[PKI_REMEDY_TEXT];
    const char *path = place->path;
    switch (file->form) {
    case PEM_FORM_EMPTY:
        pki_report(place, PROBLEM_ERROR, NULL, "%s is empty; a %s in PEM form is needed", path, pem_kind_text(wanted));
        return;
    case PEM_FORM_BINARY:
        pki_report(place, PROBLEM_ERROR, remedy_binary(text, wanted, path),
                   "%s is binary (DER or PKCS#12); PEM form is needed, a text file", path);
        return;
    case PEM_FORM_UTF16:
        pki_report(place, PROBLEM_ERROR, pki_remedy(text, "iconv -f utf-16 -t utf-8 %s > %s.pem", path, path),
                   "%s is UTF-16 text; PEM form is plain ASCII", path);
        return;
    case PEM_FORM_NO_PEM:
        pki_report(place, PROBLEM_ERROR, NULL, "%s is not in PEM form: no line in it begins with -----BEGIN", path);
        return;
    case PEM_FORM_TEXT:
        if (file->count > 0)
            report_other_kind(file, place, wanted);
        else
            pki_report(place, PROBLEM_ERROR, "copy the file again from where it was made",
                       "%s is damaged: its PEM block is cut off or not valid base64", path);
        return;
    }
}
