#include "extend.h"

#include <openssl/err.h>

#include <arpa/inet.h>

/* RFC 5280, upper bounds of appendix A.1. */
enum { COMMON_NAME_MAX = 64 };

static bool add_entry(X509_NAME *subject, const char *field, const char *text)
{
    return X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0) == 1;
}

static const char *common_name_of(const struct pki_order *order)
{
    if (order->common_name)
        return order->common_name;
    return order->name_count > 0 && strlen(order->names[0]) <= COMMON_NAME_MAX ? order->names[0] : NULL;
}

X509_NAME *extend_subject(const struct pki_order *order, struct error *error)
{
    const char *common_name = common_name_of(order);
    X509_NAME *subject = X509_NAME_new();
    if (common_name && strlen(common_name) > COMMON_NAME_MAX)
        error_set(error, ERROR_INPUT, "the common name has more than %d characters", COMMON_NAME_MAX);
    else if (subject && (!order->organization || add_entry(subject, "O", order->organization)) &&
             (!common_name || add_entry(subject, "CN", common_name)))
        return subject;
    error_set(error, ERROR_INPUT, "no subject can be made of the common name and organization");
    X509_NAME_free(subject);
    ERR_clear_error();
    return NULL;
}

/* RFC 5280 section 4.2.1.6. */
static GENERAL_NAME *new_name(const char *text)
{
    struct in6_addr address;
    bool is_address = inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
    return a2i_GENERAL_NAME(NULL, NULL, NULL, is_address ? GEN_IPADD : GEN_DNS, text, 0);
}

GENERAL_NAMES *extend_names(const char *const *texts, size_t count)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    for (size_t i = 0; names && i < count; i++) {
        GENERAL_NAME *name = new_name(texts[i]);
        if (!name || sk_GENERAL_NAME_push(names, name) <= 0) {
            GENERAL_NAME_free(name);
            GENERAL_NAMES_free(names);
            return NULL;
        }
    }
    return names;
}

/* Without a subject they are critical (RFC 5280 section 4.1.2.6). */
static bool add_names(STACK_OF(X509_EXTENSION) * extensions, const struct pki_order *order, const GENERAL_NAMES *given,
                      const X509_NAME *subject)
{
    GENERAL_NAMES *made = given ? NULL : extend_names(order->names, order->name_count);
    const GENERAL_NAMES *names = given ? given : made;
    bool critical = X509_NAME_entry_count(subject) == 0;
    bool worked =
        names && (sk_GENERAL_NAME_num(names) == 0 ||
                  X509V3_add1_i2d(&extensions, NID_subject_alt_name, (void *)(uintptr_t)names, critical, 0) == 1);
    GENERAL_NAMES_free(made);
    return worked;
}

static bool add_text(STACK_OF(X509_EXTENSION) * extensions, X509V3_CTX *context, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
    bool worked = extension && X509v3_add_ext(&extensions, extension, -1) != NULL;
    X509_EXTENSION_free(extension);
    return worked;
}

static GENERAL_NAME *new_typed_name(int type, struct span bytes)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *text = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    if (name && text && ASN1_STRING_set(text, bytes.at, (int)bytes.len) == 1) {
        GENERAL_NAME_set0_value(name, type, text);
        return name;
    }
    ASN1_STRING_free(text);
    GENERAL_NAME_free(name);
    return NULL;
}

/* Takes the name, which may be NULL. */
static bool push_subtree(STACK_OF(GENERAL_SUBTREE) * *trees, GENERAL_NAME *name)
{
    GENERAL_SUBTREE *tree = name ? GENERAL_SUBTREE_new() : NULL;
    if (!*trees)
        *trees = sk_GENERAL_SUBTREE_new_null();
    if (!tree || !*trees || sk_GENERAL_SUBTREE_push(*trees, tree) <= 0) {
        GENERAL_SUBTREE_free(tree);
        GENERAL_NAME_free(name);
        return false;
    }
    GENERAL_NAME_free(tree->base);
    tree->base = name;
    return true;
}

/* A network is an address and its mask (RFC 5280 section 4.2.1.10). */
static bool permit(NAME_CONSTRAINTS *constraints, const char *text, bool *addresses, bool *domains)
{
    struct pki_network network;
    bool is_network = pki_network_read(text, &network);
    *(is_network ? addresses : domains) = true;
    return push_subtree(&constraints->permittedSubtrees,
                        is_network ? new_typed_name(GEN_IPADD, span_of(network.bytes, 2 * network.length))
                                   : new_typed_name(GEN_DNS, span_string(text)));
}

/* Constraints bind names of their own kind only: a kind of which nothing is permitted is excluded whole. */
static bool exclude(NAME_CONSTRAINTS *constraints, bool addresses, bool domains)
{
    static const uint8_t zeros[32];
    STACK_OF(GENERAL_SUBTREE) **trees = &constraints->excludedSubtrees;
    return (addresses || (push_subtree(trees, new_typed_name(GEN_IPADD, span_of(zeros, 8))) &&
                          push_subtree(trees, new_typed_name(GEN_IPADD, span_of(zeros, 32))))) &&
           (domains || push_subtree(trees, new_typed_name(GEN_DNS, SPAN(""))));
}

static bool add_constraints(STACK_OF(X509_EXTENSION) * extensions, const struct pki_order *order)
{
    bool addresses = false, domains = false;
    NAME_CONSTRAINTS *constraints = NAME_CONSTRAINTS_new();
    bool worked = constraints != NULL;
    for (size_t i = 0; worked && i < order->only_count; i++)
        worked = permit(constraints, order->only[i], &addresses, &domains);
    worked = worked && exclude(constraints, addresses, domains) &&
             X509V3_add1_i2d(&extensions, NID_name_constraints, constraints, 1, 0) == 1;
    NAME_CONSTRAINTS_free(constraints);
    return worked;
}

static bool add_uses(STACK_OF(X509_EXTENSION) * extensions, X509V3_CTX *context, const struct pki_order *order)
{
    char constraints[64] = "critical,CA:FALSE";
    bool authority = order->use == PKI_USE_AUTHORITY;
    if (authority)
        snprintf(constraints, sizeof constraints,
                 order->path_length < 0 ? "critical,CA:TRUE" : "critical,CA:TRUE,pathlen:%d", order->path_length);
    if (!add_text(extensions, context, NID_basic_constraints, constraints) ||
        !add_text(extensions, context, NID_key_usage,
                  authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature"))
        return false;
    return authority ? order->only_count == 0 || add_constraints(extensions, order)
                     : add_text(extensions, context, NID_ext_key_usage,
                                order->use == PKI_USE_SERVER ? "serverAuth" : "clientAuth");
}

/* RFC 8737 section 3: critical, the digest as an OCTET STRING in the extension's own. */
static bool add_acme(STACK_OF(X509_EXTENSION) * extensions, struct span digest)
{
    unsigned char value[2 + 32] = {V_ASN1_OCTET_STRING, 32};
    if (digest.len == 0)
        return true;
    if (digest.len != 32)
        return false;
    memcpy(value + 2, digest.at, 32);
    ASN1_OBJECT *kind = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    ASN1_OCTET_STRING *text = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    if (kind && text && ASN1_OCTET_STRING_set(text, value, sizeof value) == 1)
        extension = X509_EXTENSION_create_by_OBJ(NULL, kind, 1, text);
    bool worked = extension && X509v3_add_ext(&extensions, extension, -1) != NULL;
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(text);
    ASN1_OBJECT_free(kind);
    return worked;
}

static bool conclude(bool worked, struct error *error)
{
    if (!worked)
        error_set(error, ERROR_INPUT, "a name or a constraint cannot be put into a certificate");
    ERR_clear_error();
    return worked;
}

bool extend_request(STACK_OF(X509_EXTENSION) * extensions, const struct pki_order *order, const X509_NAME *subject,
                    struct error *error)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, NULL, NULL, NULL, NULL, 0);
    return conclude(add_uses(extensions, &context, order) && add_names(extensions, order, NULL, subject), error);
}

static bool move_extensions(X509 *certificate, const STACK_OF(X509_EXTENSION) * extensions)
{
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++) {
        if (X509_add_ext(certificate, sk_X509_EXTENSION_value(extensions, i), -1) != 1)
            return false;
    }
    return true;
}

/* The key identifiers are made of what is in the certificates already: the subject's first, which a self-signed one is its own
 * issuer by. */
static bool add_identifiers(X509 *certificate, X509V3_CTX *context, bool self_signed)
{
    X509_EXTENSION *subject = X509V3_EXT_conf_nid(NULL, context, NID_subject_key_identifier, "hash");
    bool worked = subject && X509_add_ext(certificate, subject, -1) == 1;
    X509_EXTENSION_free(subject);
    if (!worked || self_signed)
        return worked;
    X509_EXTENSION *issuer = X509V3_EXT_conf_nid(NULL, context, NID_authority_key_identifier, "keyid");
    worked = issuer && X509_add_ext(certificate, issuer, -1) == 1;
    X509_EXTENSION_free(issuer);
    return worked;
}

bool extend_certificate(X509 *certificate, X509 *issuer, const struct pki_order *order, const GENERAL_NAMES *names,
                        struct error *error)
{
    X509V3_CTX context;
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    bool worked = extensions && add_uses(extensions, &context, order) &&
                  add_names(extensions, order, names, X509_get_subject_name(certificate)) &&
                  add_acme(extensions, order->acme) && move_extensions(certificate, extensions) &&
                  add_identifiers(certificate, &context, issuer == certificate);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return conclude(worked, error);
}
