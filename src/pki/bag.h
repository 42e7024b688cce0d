/* What pki_bag_add found, decoded. */
#ifndef CROSSGATE_PKI_BAG_H
#define CROSSGATE_PKI_BAG_H

#include "crossgate/pki.h"

#include <openssl/x509.h>

struct bag_item {
    enum pki_sort sort;
    const char *path;
    union {
        X509 *certificate;
        X509_REQ *request;
        X509_CRL *crl;
        EVP_PKEY *key; /* PKI_KEY, PKI_GROUP; NULL for PKI_LOCKED_KEY */
        void *any;
    };
};

struct pki_bag {
    struct arena *arena; /* has all that the items point to */
    size_t count;
    struct bag_item items[PKI_BAG_MAX];
};

/* All certificates of the bag in their order, borrowed; the caller frees the stack with sk_X509_free. NULL when memory is out. */
STACK_OF(X509) * bag_certificates(const struct pki_bag *bag);

/* The first private key that is open, borrowed; NULL: there is none. */
EVP_PKEY *bag_key(const struct pki_bag *bag);

#endif
