/* What the things of a bag tell of themselves, as text that can be printed. */
#include "bag.h"

#include "crossgate/pki/certificate.h"
#include "crossgate/pki/key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <stdio.h>

/* A card that is being filled. */
struct writing {
    struct arena *arena;
    struct pki_card *card;
    bool failed; /* memory is out */
};

/* Zero-terminated text in the arena; without memory "" and a note of it. */
static const char *keep(struct writing *writing, struct span text)
{
    const char *copy = arena_copy(writing->arena, text);
    writing->failed = writing->failed || !copy;
    return copy ? copy : "";
}

/* Copies what a BIO has gathered. Takes the BIO, which may be NULL. */
static const char *keep_bio(struct writing *writing, BIO *bio)
{
    char *at = NULL;
    long length = bio ? BIO_get_mem_data(bio, &at) : 0;
    const char *text = keep(writing, span_of(at, length > 0 ? (size_t)length : 0));
    writing->failed = writing->failed || !bio;
    BIO_free(bio);
    return text;
}

/* Names of hostile certificates hold anything: what is not printable ASCII is written as \xNN. */
static void put_printable(BIO *bio, const unsigned char *at, int length)
{
    for (int i = 0; bio && i < length; i++) {
        if (at[i] > 0x20 && at[i] < 0x7f && at[i] != '\\')
            BIO_write(bio, &at[i], 1);
        else
            BIO_printf(bio, "\\x%02x", at[i]);
    }
}

static const char *hex(struct writing *writing, const unsigned char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    BIO *bio = BIO_new(BIO_s_mem());
    for (size_t i = 0; bio && i < length; i++) {
        const char pair[] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        BIO_write(bio, pair, sizeof pair);
    }
    return keep_bio(writing, bio);
}

static const char *distinguished_name(struct writing *writing, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio)
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
    return keep_bio(writing, bio);
}

static const char *serial_number(struct writing *writing, const ASN1_INTEGER *serial)
{
    return hex(writing, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
}

static const char *algorithm_name(struct writing *writing, const X509_ALGOR *algorithm)
{
    char text[80];
    const ASN1_OBJECT *object;
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    int nid = OBJ_obj2nid(object);
    if (nid != NID_undef)
        return keep(writing, span_string(OBJ_nid2ln(nid)));
    int length = OBJ_obj2txt(text, sizeof text, object, 1);
    return keep(writing, span_string(length > 0 ? text : "unknown"));
}

/* ---- lists of words */

/* Room for `count` words. */
static void words_init(struct writing *writing, struct pki_words *words, int count)
{
    *words = (struct pki_words){0};
    if (count > 0)
        words->at = arena_alloc(writing->arena, (size_t)count * sizeof *words->at);
    writing->failed = writing->failed || (count > 0 && !words->at);
}

static void words_add(struct pki_words *words, const char *word)
{
    if (words->at)
        words->at[words->count++] = word;
}

/* "10.0.0.1", and with a mask behind the address "10.0.0.0/8"; what has another length in hexadecimal. */
static const char *address_text(struct writing *writing, const ASN1_STRING *address)
{
    char text[INET6_ADDRSTRLEN + 16];
    const unsigned char *at = ASN1_STRING_get0_data(address);
    int length = ASN1_STRING_length(address), bits = 0;
    bool network = length == 8 || length == 32;
    int half = network ? length / 2 : length;
    if ((half != 4 && half != 16) || !inet_ntop(half == 4 ? AF_INET : AF_INET6, at, text, sizeof text))
        return hex(writing, at, (size_t)length);
    for (int i = half; i < length; i++)
        bits += __builtin_popcount(at[i]);
    if (network && bits < half * 8)
        snprintf(text + strlen(text), 16, "/%d", bits);
    return keep(writing, span_string(text));
}

static const char *general_name(struct writing *writing, const char *before, const GENERAL_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    static const struct {
        int type;
        const char *kind;
    } kinds[] = {{GEN_EMAIL, "email:"}, {GEN_URI, "URI:"}, {GEN_DNS, ""}};
    if (!bio)
        return keep_bio(writing, NULL);
    if (name->type == GEN_IPADD) {
        BIO_printf(bio, "%s%s", before, address_text(writing, name->d.iPAddress));
        return keep_bio(writing, bio);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].type != name->type)
            continue;
        BIO_printf(bio, "%s%s", before, kinds[i].kind);
        put_printable(bio, ASN1_STRING_get0_data(name->d.ia5), ASN1_STRING_length(name->d.ia5));
        return keep_bio(writing, bio);
    }
    if (name->type == GEN_DIRNAME)
        BIO_printf(bio, "%sname:%s", before, distinguished_name(writing, name->d.directoryName));
    else
        BIO_printf(bio, "%sa name of another kind", before);
    return keep_bio(writing, bio);
}

static void put_general_names(struct writing *writing, const GENERAL_NAMES *names)
{
    words_init(writing, &writing->card->names, sk_GENERAL_NAME_num(names));
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        words_add(&writing->card->names, general_name(writing, "", sk_GENERAL_NAME_value(names, i)));
}

/* ---- keys */

/* "EC P-256", "RSA 2048", "DH 2048, ffdhe2048". */
static const char *key_text(struct writing *writing, const EVP_PKEY *key)
{
    char text[KEY_TEXT], group[40], whole[KEY_TEXT + 48];
    key_print(key, text);
    snprintf(whole, sizeof whole, "%s", text);
    if (EVP_PKEY_is_a(key, "DH") && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1)
        snprintf(whole, sizeof whole, "%s, %s", text, group);
    return keep(writing, span_string(whole));
}

static void put_key(struct writing *writing, EVP_PKEY *key)
{
    unsigned char digest[EVP_MAX_MD_SIZE], *der = NULL;
    unsigned length = 0;
    if (!key)
        return;
    writing->card->key = key_text(writing, key);
    int size = i2d_PUBKEY(key, &der);
    if (size > 0 && EVP_Digest(der, (size_t)size, digest, &length, EVP_sha256(), NULL) == 1)
        writing->card->key_digest = hex(writing, digest, length);
    OPENSSL_free(der);
}

/* ---- certificates */

static void put_key_use(struct pki_words *words, uint32_t use)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } bits[] = {
        {KU_DIGITAL_SIGNATURE, "digital signature"}, {KU_NON_REPUDIATION, "content commitment"},
        {KU_KEY_ENCIPHERMENT, "key encipherment"},   {KU_DATA_ENCIPHERMENT, "data encipherment"},
        {KU_KEY_AGREEMENT, "key agreement"},         {KU_KEY_CERT_SIGN, "signs certificates"},
        {KU_CRL_SIGN, "signs revocation lists"},
    };
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        if ((use & bits[i].bit) != 0)
            words_add(words, bits[i].name);
    }
}

static void put_extended_use(struct writing *writing, struct pki_words *words, const EXTENDED_KEY_USAGE *uses)
{
    for (int i = 0; i < sk_ASN1_OBJECT_num(uses); i++) {
        char text[80];
        const ASN1_OBJECT *object = sk_ASN1_OBJECT_value(uses, i);
        int nid = OBJ_obj2nid(object);
        if (nid == NID_server_auth)
            words_add(words, "TLS server");
        else if (nid == NID_client_auth)
            words_add(words, "TLS client");
        else if (OBJ_obj2txt(text, sizeof text, object, 0) > 0)
            words_add(words, keep(writing, span_string(text)));
    }
}

/* Uses of keys that have a name, in words_init. */
enum { KEY_USES = 8 };

static void put_uses(struct writing *writing, const ASN1_BIT_STRING *bits, const EXTENDED_KEY_USAGE *extended)
{
    struct pki_words *uses = &writing->card->uses;
    words_init(writing, uses, KEY_USES + (extended ? sk_ASN1_OBJECT_num(extended) : 0));
    if (bits && ASN1_STRING_length(bits) > 0)
        put_key_use(uses, ASN1_STRING_get0_data(bits)[0]);
    put_extended_use(writing, uses, extended);
}

static void put_access(struct writing *writing, const AUTHORITY_INFO_ACCESS *access)
{
    int count = sk_ACCESS_DESCRIPTION_num(access);
    words_init(writing, &writing->card->responders, count);
    words_init(writing, &writing->card->issuer_urls, count);
    for (int i = 0; i < count; i++) {
        const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(access, i);
        if (one->location->type != GEN_URI)
            continue;
        BIO *bio = BIO_new(BIO_s_mem());
        const ASN1_STRING *uri = one->location->d.uniformResourceIdentifier;
        put_printable(bio, ASN1_STRING_get0_data(uri), ASN1_STRING_length(uri));
        const char *text = keep_bio(writing, bio);
        if (OBJ_obj2nid(one->method) == NID_ad_OCSP)
            words_add(&writing->card->responders, text);
        else if (OBJ_obj2nid(one->method) == NID_ad_ca_issuers)
            words_add(&writing->card->issuer_urls, text);
    }
}

static void put_point(struct writing *writing, const DIST_POINT *point)
{
    if (!point->distpoint || point->distpoint->type != 0)
        return;
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(point->distpoint->name.fullname, 0);
    if (name && name->type == GEN_URI) {
        BIO *bio = BIO_new(BIO_s_mem());
        put_printable(bio, ASN1_STRING_get0_data(name->d.ia5), ASN1_STRING_length(name->d.ia5));
        words_add(&writing->card->crl_urls, keep_bio(writing, bio));
    }
}

static void put_points(struct writing *writing, const CRL_DIST_POINTS *points)
{
    words_init(writing, &writing->card->crl_urls, sk_DIST_POINT_num(points));
    for (int i = 0; i < sk_DIST_POINT_num(points); i++)
        put_point(writing, sk_DIST_POINT_value(points, i));
}

static void put_subtrees(struct writing *writing, const char *before, const STACK_OF(GENERAL_SUBTREE) * trees)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++)
        words_add(&writing->card->constraints, general_name(writing, before, sk_GENERAL_SUBTREE_value(trees, i)->base));
}

static void put_constraints(struct writing *writing, const NAME_CONSTRAINTS *constraints)
{
    if (!constraints)
        return;
    int permitted = sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees);
    int excluded = sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees);
    words_init(writing, &writing->card->constraints, (permitted > 0 ? permitted : 0) + (excluded > 0 ? excluded : 0));
    put_subtrees(writing, "only ", constraints->permittedSubtrees);
    put_subtrees(writing, "not ", constraints->excludedSubtrees);
}

/* RFC 7633: the feature status_request. */
static bool has_must_staple(const TLS_FEATURE *features)
{
    for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++) {
        if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == 5)
            return true;
    }
    return false;
}

static void put_basic(struct writing *writing, const BASIC_CONSTRAINTS *basic)
{
    writing->card->path_length = -1;
    if (!basic)
        return;
    writing->card->authority = basic->ca != 0;
    if (basic->ca && basic->pathlen)
        writing->card->path_length = (int)ASN1_INTEGER_get(basic->pathlen);
}

/* What certificates say, and requests ask for. */
static void put_extensions(struct writing *writing, const STACK_OF(X509_EXTENSION) * extensions)
{
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    BASIC_CONSTRAINTS *basic = X509V3_get_d2i(extensions, NID_basic_constraints, NULL, NULL);
    ASN1_BIT_STRING *bits = X509V3_get_d2i(extensions, NID_key_usage, NULL, NULL);
    EXTENDED_KEY_USAGE *extended = X509V3_get_d2i(extensions, NID_ext_key_usage, NULL, NULL);
    AUTHORITY_INFO_ACCESS *access = X509V3_get_d2i(extensions, NID_info_access, NULL, NULL);
    CRL_DIST_POINTS *points = X509V3_get_d2i(extensions, NID_crl_distribution_points, NULL, NULL);
    NAME_CONSTRAINTS *constraints = X509V3_get_d2i(extensions, NID_name_constraints, NULL, NULL);
    TLS_FEATURE *features = X509V3_get_d2i(extensions, NID_tlsfeature, NULL, NULL);
    put_general_names(writing, names);
    put_basic(writing, basic);
    put_uses(writing, bits, extended);
    put_access(writing, access);
    put_points(writing, points);
    put_constraints(writing, constraints);
    writing->card->must_staple = has_must_staple(features);
    GENERAL_NAMES_free(names);
    BASIC_CONSTRAINTS_free(basic);
    ASN1_BIT_STRING_free(bits);
    EXTENDED_KEY_USAGE_free(extended);
    AUTHORITY_INFO_ACCESS_free(access);
    CRL_DIST_POINTS_free(points);
    NAME_CONSTRAINTS_free(constraints);
    TLS_FEATURE_free(features);
}

static void put_certificate(struct writing *writing, X509 *certificate)
{
    struct pki_card *card = writing->card;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    card->subject = distinguished_name(writing, X509_get_subject_name(certificate));
    card->issuer = distinguished_name(writing, X509_get_issuer_name(certificate));
    card->serial = serial_number(writing, X509_get0_serialNumber(certificate));
    card->signature = algorithm_name(writing, X509_get0_tbs_sigalg(certificate));
    card->begins = certificate_seconds(X509_get0_notBefore(certificate));
    card->ends = certificate_seconds(X509_get0_notAfter(certificate));
    card->self_signed = certificate_is_self_signed(certificate);
    put_key(writing, X509_get0_pubkey(certificate));
    put_extensions(writing, X509_get0_extensions(certificate));
    if (X509_digest(certificate, EVP_sha256(), digest, &length) == 1)
        card->sha256 = hex(writing, digest, length);
    if (X509_digest(certificate, EVP_sha1(), digest, &length) == 1)
        card->sha1 = hex(writing, digest, length);
}

static void put_request(struct writing *writing, X509_REQ *request)
{
    const X509_ALGOR *algorithm;
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    X509_REQ_get0_signature(request, NULL, &algorithm);
    writing->card->subject = distinguished_name(writing, X509_REQ_get_subject_name(request));
    writing->card->signature = algorithm_name(writing, algorithm);
    writing->card->good_signature = key && X509_REQ_verify(request, key) == 1;
    put_key(writing, key);
    put_extensions(writing, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static void put_crl(struct writing *writing, X509_CRL *crl)
{
    const X509_ALGOR *algorithm;
    int revoked = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));
    X509_CRL_get0_signature(crl, NULL, &algorithm);
    writing->card->issuer = distinguished_name(writing, X509_CRL_get_issuer(crl));
    writing->card->signature = algorithm_name(writing, algorithm);
    writing->card->begins = certificate_seconds(X509_CRL_get0_lastUpdate(crl));
    writing->card->ends = certificate_seconds(X509_CRL_get0_nextUpdate(crl));
    writing->card->revoked = revoked > 0 ? (size_t)revoked : 0;
}

bool pki_bag_card(const struct pki_bag *bag, size_t index, struct arena *arena, struct pki_card *card)
{
    const struct bag_item *item = &bag->items[index];
    struct writing writing = {arena, card, false};
    *card = (struct pki_card){.sort = item->sort, .path = item->path, .path_length = -1};
    switch (item->sort) {
    case PKI_CERTIFICATE:
        put_certificate(&writing, item->certificate);
        break;
    case PKI_REQUEST:
        put_request(&writing, item->request);
        break;
    case PKI_CRL:
        put_crl(&writing, item->crl);
        break;
    case PKI_KEY:
        put_key(&writing, item->key);
        break;
    case PKI_GROUP:
        card->key = key_text(&writing, item->key);
        break;
    case PKI_LOCKED_KEY:
    case PKI_SORT_COUNT:
        break;
    }
    ERR_clear_error();
    return !writing.failed;
}
