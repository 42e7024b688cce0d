/* The certificates that a server sends, and whether they lead to somebody who is trusted. */
#ifndef CROSSGATE_PROBE_CHAIN_H
#define CROSSGATE_PROBE_CHAIN_H

#include "client.h"

/* Fills `chain` from what came with the handshake, if anything did. `name`: what the certificate has to hold. *issuer is that
 * of the server's certificate, if it is known; the caller frees it with X509_free. */
void chain_look(const struct client *client, const SSL *ssl, const char *name, struct probe_chain *chain,
                X509 **issuer);

/* Subject or issuer in the form of RFC 4514, safe to print. */
void chain_print_name(const X509_NAME *name, char text[PROBE_TEXT]);

/* Seconds since 1970; 0 if it is not valid. */
int64_t chain_seconds(const ASN1_TIME *time);

#endif
