/* Certificates, one at a time. */
#ifndef CROSSGATE_PKI_CERTIFICATE_H
#define CROSSGATE_PKI_CERTIFICATE_H

#include "crossgate/base/date.h"
#include "crossgate/pki.h"
#include "crossgate/pki/report.h"

#include <openssl/x509.h>

enum pki_purpose { PKI_FOR_SERVER, PKI_FOR_CLIENT };

/* Appends every certificate of the file to `all`, in order; the caller frees them. False: reported, and those in front of what is wrong are
 * there. */
bool certificates_read(const struct pki_file *file, const struct pki_place *place, STACK_OF(X509) * all);

/* Checks of a leaf that do not need any other certificate: dates, names, use. They only warn: a front door that serves
 * an expired certificate is of more use than one that stays shut after a reboot at night. */
void certificate_check_leaf(X509 *leaf, enum pki_purpose purpose, const struct pki_place *place);

/* Whether key and signature are of at least `strength` bits of security; false: reported. The signature of a
 * self-signed certificate proves nothing and is not looked at. */
bool certificate_check_strength(X509 *certificate, const struct pki_place *place, int strength);

/* s since 1970; 0: it is no time, or NULL. */
int64_t certificate_seconds(const ASN1_TIME *time);

/* "2026-12-01 10:00 UTC", or that it is none. Not for NULL. */
void certificate_print_date(const ASN1_TIME *time, char text[DATE_TEXT]);

/* Whether it names itself as its issuer, and its own key has signed it. */
bool certificate_is_self_signed(X509 *certificate);

/* Subject or issuer in the form of RFC 4514, cut to size; "(no name)" for an empty one. */
enum { CERTIFICATE_NAME = 128 };
void certificate_print_name(const X509_NAME *name, char text[CERTIFICATE_NAME]);

/* Where its authority's certificate can be fetched (caIssuers of RFC 5280 section 4.2.2.1), zero-terminated: the first plain http URL there
 * that can be put into a command. False: there is none, and `url` is left as it was. */
enum { CERTIFICATE_URL = 256 };
bool certificate_issuer_url(X509 *certificate, char url[CERTIFICATE_URL]);

#endif
