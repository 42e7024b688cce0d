/* Private keys. */
#ifndef CROSSGATE_PKI_KEY_H
#define CROSSGATE_PKI_KEY_H

#include "crossgate/pki.h"
#include "crossgate/pki/report.h"

#include <openssl/evp.h>

/* The private key of the file, of a kind that can sign TLS handshakes and of at least `strength` bits of security.
 * NULL: reported. The caller frees it with EVP_PKEY_free. */
EVP_PKEY *key_read(const struct pki_file *file, const struct pki_place *place, int strength);

/* Warns if others than its owner have any permission on the file. `what` is in it, with its verb: "the private key is". */
void key_check_permissions(const struct pki_file *file, const struct pki_place *place, const char *what);

/* Whether what the key signs is what the other one (of a certificate) verifies. Unlike a comparison of the public
 * halves it also finds a damaged private half. */
bool key_proves(EVP_PKEY *private_key, EVP_PKEY *public_key);

/* What the key signs with: SHA-256; NULL for Ed25519 and Ed448, which take the message as it is and refuse a digest. */
const EVP_MD *key_digest(const EVP_PKEY *key);

/* "RSA 2048", "EC P-256", for messages. */
enum { KEY_TEXT = 48 };
void key_print(const EVP_PKEY *key, char text[KEY_TEXT]);

#endif
