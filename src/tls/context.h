/* What contexts of both roles have in common. */
#ifndef CROSSGATE_TLS_CONTEXT_H
#define CROSSGATE_TLS_CONTEXT_H

#include "crossgate/base/counted.h"
#include "crossgate/tls.h"

#include <openssl/ssl.h>

enum tls_role { TLS_SERVER, TLS_CLIENT };

struct tls_context {
    struct counted counted;
    enum tls_role role;
    SSL_CTX *ssl;
    BIO_METHOD *pipe;                     /* of the streams' BIOs (bio.h) */
    bool gives_exporter;                  /* server: the channel binding is told to backends */
    struct tls_certificate *certificates; /* server: what is served; owned, with the paths and the DER */
    size_t certificate_count;
    struct staple *staples; /* server: what goes with them (staple.h) */
    size_t staple_count;
    char *sni; /* client: name to ask for, NULL for an address literal */
};

/* With what does not depend on settings. NULL: reported. */
struct tls_context *tls_context_new(enum tls_role role, struct problems *problems);

/* Adds the certificate and chain of `ssl` to what the context serves. `path`: of its file; copied. False when memory is out. */
bool context_record(struct tls_context *context, SSL_CTX *ssl, const char *path) __attribute__((warn_unused_result));
void context_forget_records(struct tls_context *context);

/* The DNS names and addresses that the certificate is for: "localhost, 127.0.0.1". Cut to size. */
void certificate_print_names(X509 *leaf, char *text, size_t size);

#endif
