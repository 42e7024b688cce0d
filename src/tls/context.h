/* What contexts of both roles have in common. */
#ifndef CROSSGATE_TLS_CONTEXT_H
#define CROSSGATE_TLS_CONTEXT_H

#include "names.h"
#include "weight.h"

#include "crossgate/base/counted.h"
#include "crossgate/tls.h"

#include <openssl/ssl.h>

enum tls_role { TLS_SERVER, TLS_CLIENT };

struct tls_context {
    struct counted counted;
    enum tls_role role;
    SSL_CTX *ssl;
    BIO_METHOD *pipe; /* of the streams' BIOs (bio.h) */
    char *sni;        /* client: name to ask for, NULL for an address literal */
    /* Servers only: */
    bool gives_exporter; /* the channel binding is told to backends */
    struct light_groups light;
    bool strict;                     /* names that no certificate is for are refused */
    struct arena *arena;             /* of names */
    struct names *names;             /* what is served to whom */
    struct credential **credentials; /* owned; the first is that of the documented pair */
    size_t credential_count;
    struct policy *policies;              /* owned; with more than one, hosts of requests are looked at */
    struct tls_certificate *certificates; /* what is served; owned, with the paths and the DER */
    size_t certificate_count;
    struct staple *staples; /* what goes with them (staple.h) */
    size_t staple_count;
};

/* With what does not depend on settings. NULL: reported. */
struct tls_context *tls_context_new(enum tls_role role, struct problems *problems);

/* Adds a certificate to what the context serves. False when memory is out. */
bool context_record(struct tls_context *context, const struct credential *credential)
    __attribute__((warn_unused_result));
void context_forget_records(struct tls_context *context);

/* The DNS names and addresses that the certificate is for: "localhost, 127.0.0.1". Cut to size. */
void certificate_print_names(X509 *leaf, char *text, size_t size);

#endif
