/* The PEM blocks of a file (RFC 7468 and OpenSSL's own kinds), decoded to DER but not understood yet.
 *
 * Nothing here, or above it, hands bytes to an OpenSSL function that could ask for a passphrase. */
#ifndef CROSSGATE_PKI_PEM_H
#define CROSSGATE_PKI_PEM_H

#include "crossgate/pki/report.h"

#include "crossgate/base/span.h"

enum pem_kind {
    PEM_CERTIFICATE,
    PEM_TRUSTED_CERTIFICATE, /* with OpenSSL's trust settings behind it, as `openssl x509 -addtrust` writes it */
    PEM_KEY,
    PEM_LOCKED_KEY, /* encrypted with a passphrase */
    PEM_REQUEST,
    PEM_DH,
    PEM_DHX, /* X9.42: with the order of the subgroup */
    PEM_CRL,
    PEM_PKCS7, /* certificates in an envelope */
    PEM_OTHER,
    PEM_KIND_COUNT
};

struct pem_block {
    enum pem_kind kind;
    unsigned char *der; /* owned; wiped when freed */
    long len;
};

enum pem_form { PEM_FORM_TEXT, PEM_FORM_EMPTY, PEM_FORM_BINARY, PEM_FORM_UTF16, PEM_FORM_NO_PEM };

struct pem_file {
    enum pem_form form;
    bool damaged; /* a block was begun, but could not be decoded; those before it are here */
    struct pem_block *blocks;
    size_t count;
};

/* All blocks up to the first damaged one, copied. False when memory is out; then there is nothing to deinit. */
bool pem_file_read(struct pem_file *file, struct span bytes) __attribute__((warn_unused_result));

/* Wipes and frees the blocks; the file has none afterwards. */
void pem_file_deinit(struct pem_file *file);

/* "private key", for messages. */
const char *pem_kind_text(enum pem_kind kind);

/* The first block of that kind, the file's, or NULL. */
const struct pem_block *pem_file_find(const struct pem_file *file, enum pem_kind kind);

/* Reports as an error what the file is, instead of holding a block of the wanted kind. The place has a path. */
void pem_report_missing(const struct pem_file *file, const struct pki_place *place, enum pem_kind wanted);

#endif
