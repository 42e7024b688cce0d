#include "names.h"

#include "crossgate/pki/key.h"
#include "crossgate/pki/report.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* Octets of a name in DNS without its final dot (RFC 1035 section 2.3.4). */
enum { NAME_MAX_BYTES = 253 };

/* A certificate that was added. In the arena. */
struct owner {
    struct owner *next;
    size_t order;
    const struct credential *credential;
    const struct policy *policy;
    struct problems *problems;
    struct choice *choices; /* for names where it is the first */
    size_t claims;
    /* Names for which an earlier certificate with a key of the same kind is used: the first of them, by whom, how many. */
    const char *lost;
    const struct credential *winner;
    size_t lost_count;
};

struct claim {
    const char *name;
    struct owner *owner;
};

struct row {
    const char *name;
    const struct choice *choice;
};

struct names {
    struct arena *arena;
    const STACK_OF(SSL_CIPHER) * suites;
    struct owner *owners; /* the first one first */
    struct owner *last;
    struct claim *claims;
    size_t claim_count, claim_room;
    struct row *rows; /* sorted by name; a "*" comes before all that names begin with */
    size_t row_count;
    const struct choice *standard;
};

struct names *names_new(struct arena *arena, const SSL_CTX *context)
{
    struct names *names = calloc(1, sizeof *names);
    if (!names)
        return NULL;
    names->arena = arena;
    names->suites = SSL_CTX_get_ciphers(context);
    return names;
}

void names_free(struct names *names)
{
    if (!names)
        return;
    free(names->claims);
    free(names->rows);
    free(names);
}

/* -- names of a certificate -- */

static bool is_label_byte(uint8_t c)
{
    return isalnum(c) || c == '-' || c == '_';
}

/* Letters, digits, "-", "_", no empty label; "*" as the whole first label only, and not alone. */
static bool is_usable(struct span name)
{
    bool in_label = false;
    if (span_starts(name, SPAN("*.")))
        name = span_tail(name, 2);
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] == '.' ? !in_label : !is_label_byte(name.at[i]))
            return false;
        in_label = name.at[i] != '.';
    }
    return in_label;
}

static void report_unusable(const struct owner *owner, struct span name)
{
    const struct pki_place place = {owner->problems, "certificate", PROBLEM_WHOLE, owner->credential->path};
    char text[64];
    size_t length = name.len < sizeof text - 1 ? name.len : sizeof text - 1;
    for (size_t i = 0; i < length; i++)
        text[i] = (char)(name.at[i] > 0x20 && name.at[i] < 0x7f ? name.at[i] : '?');
    text[length] = '\0';
    pki_report(&place, PROBLEM_WARNING, "have it made for names such as www.example.com or *.example.com",
               "%s: no client can ask for its name \"%s\"", place.path, text);
}

static char *fold(struct arena *arena, struct span name)
{
    char *copy = arena_copy(arena, name);
    for (size_t i = 0; copy && i < name.len; i++)
        copy[i] = (char)tolower((unsigned char)copy[i]);
    return copy;
}

static bool claim(struct names *names, struct owner *owner, struct span name)
{
    if (!is_usable(name)) {
        report_unusable(owner, name);
        return true;
    }
    if (names->claim_count == names->claim_room) {
        size_t room = names->claim_room ? 2 * names->claim_room : 8;
        struct claim *claims = realloc(names->claims, room * sizeof *claims);
        if (!claims)
            return false;
        names->claims = claims;
        names->claim_room = room;
    }
    char *copy = fold(names->arena, name);
    names->claims[names->claim_count] = (struct claim){copy, owner};
    names->claim_count += copy != NULL;
    owner->claims++;
    return copy != NULL;
}

static struct span text_of(const ASN1_STRING *text)
{
    return span_of(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
}

static bool claim_alternative(struct names *names, struct owner *owner, const GENERAL_NAMES *list)
{
    bool worked = true;
    for (int i = 0; worked && i < sk_GENERAL_NAME_num(list); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);
        worked = name->type != GEN_DNS || claim(names, owner, text_of(name->d.dNSName));
    }
    return worked;
}

/* What was the place for it before subjectAltName. That clients want one is said of each certificate; here it decides. */
static bool claim_common(struct names *names, struct owner *owner)
{
    const struct pki_place place = {owner->problems, "certificate", PROBLEM_WHOLE, owner->credential->path};
    const X509_NAME *subject = X509_get_subject_name(owner->credential->leaf);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    struct span name = at >= 0 ? text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))) : SPAN("");
    if (!is_usable(name))
        return true;
    if (owner->order > 0)
        pki_report(&place, PROBLEM_WARNING, "have it made again, with the name as subjectAltName",
                   "%s: its only name, %.*s, is the common name of its subject (CN)", place.path, SPAN_ARGS(name));
    return claim(names, owner, name);
}

static struct owner *append_owner(struct names *names)
{
    struct owner *owner = arena_alloc(names->arena, sizeof *owner);
    if (!owner)
        return NULL;
    owner->order = names->last ? names->last->order + 1 : 0;
    if (names->last)
        names->last->next = owner;
    else
        names->owners = owner;
    names->last = owner;
    return owner;
}

bool names_add(struct names *names, const struct credential *credential, const struct policy *policy,
               struct problems *problems)
{
    const struct pki_place place = {problems, "certificate", PROBLEM_WHOLE, credential->path};
    struct owner *owner = append_owner(names);
    if (!owner)
        return false;
    owner->credential = credential;
    owner->policy = policy;
    owner->problems = problems;
    GENERAL_NAMES *list = X509_get_ext_d2i(credential->leaf, NID_subject_alt_name, NULL, NULL);
    bool worked = list ? claim_alternative(names, owner, list) : claim_common(names, owner);
    GENERAL_NAMES_free(list);
    ERR_clear_error();
    if (worked && owner->claims == 0 && owner->order > 0)
        pki_report(&place, PROBLEM_WARNING, "have it made again, with the names that clients ask for",
                   "%s: its certificate has no host name, and is never chosen", place.path);
    return worked;
}

/* -- choices -- */

static struct span naming_of(const X509 *leaf)
{
    const unsigned char *der = NULL;
    size_t length = 0;
    int at = X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1);
    if (at >= 0)
        return text_of(X509_EXTENSION_get_data(X509_get_ext(leaf, at)));
    return X509_NAME_get0_der(X509_get_subject_name(leaf), &der, &length) == 1 ? span_of(der, length) : SPAN("");
}

static bool digest_names(EVP_MD_CTX *sum, const X509 *leaf)
{
    struct span naming = naming_of(leaf);
    return EVP_DigestUpdate(sum, &naming.len, sizeof naming.len) == 1 &&
           EVP_DigestUpdate(sum, naming.at, naming.len) == 1;
}

static bool digest_suites(EVP_MD_CTX *sum, const STACK_OF(SSL_CIPHER) * suites)
{
    bool worked = true;
    for (int i = 0; worked && i < sk_SSL_CIPHER_num(suites); i++) {
        const uint32_t id = SSL_CIPHER_get_id(sk_SSL_CIPHER_value(suites, i));
        worked = EVP_DigestUpdate(sum, &id, sizeof id) == 1;
    }
    return worked;
}

/* All endpoints share the ticket keys, and a resumed handshake shows and verifies no certificate: so a ticket is bound to
 * what its full handshake was about. A renewed certificate for the same names has the same identity, so that tickets outlive a renewal; other authorities,
 * another list of revoked certificates or other suites, with which a session of TLS 1.2 would go on, make another one. */
static bool identify(const struct names *names, struct choice *choice)
{
    static const char what[] = "crossgate choice";
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    bool worked = sum && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1 &&
                  EVP_DigestUpdate(sum, what, sizeof what) == 1 &&
                  EVP_DigestUpdate(sum, choice->policy->digest, sizeof choice->policy->digest) == 1 &&
                  digest_suites(sum, names->suites);
    for (enum key_kind kind = KEY_RSA; worked && kind < KEY_KINDS; kind++)
        worked = !choice->credentials[kind] || digest_names(sum, choice->credentials[kind]->leaf);
    worked = worked && EVP_DigestFinal_ex(sum, choice->identity, NULL) == 1;
    EVP_MD_CTX_free(sum);
    return worked;
}

/* The one choice of these credentials; NULL when memory is out. */
static const struct choice *memoize(struct names *names, struct owner *owner, const struct choice *wanted)
{
    for (const struct choice *choice = owner->choices; choice; choice = choice->next)
        if (memcmp(choice->credentials, wanted->credentials, sizeof wanted->credentials) == 0)
            return choice;
    struct choice *choice = arena_alloc(names->arena, sizeof *choice);
    if (!choice)
        return NULL;
    *choice = *wanted;
    choice->next = owner->choices;
    owner->choices = choice;
    return identify(names, choice) ? choice : NULL;
}

static void note_lost(struct owner *owner, const char *name, const struct credential *winner)
{
    if (owner->lost_count++ > 0)
        return;
    owner->lost = name;
    owner->winner = winner;
}

static bool check_policy(const struct claim *first, const struct claim *later)
{
    const struct pki_place place = {later->owner->problems, "client_certificates", PROBLEM_WHOLE, NULL};
    if (later->owner->policy == first->owner->policy)
        return true;
    pki_report(&place, PROBLEM_ERROR, "give both the same client_certificates, ca_certificates and crl_files",
               "%s and %s are both for %s, but ask for different client certificates", first->owner->credential->path,
               later->owner->credential->path, later->name);
    return false;
}

static bool join(struct choice *choice, const struct claim *first, const struct claim *later)
{
    const struct credential *credential = later->owner->credential;
    const struct credential **slot = &choice->credentials[credential->kind];
    if (!check_policy(first, later))
        return false;
    if (!*slot)
        *slot = credential;
    else if (*slot != credential)
        note_lost(later->owner, later->name, *slot);
    return true;
}

static int compare_rows(const void *name, const void *row)
{
    return strcmp(name, ((const struct row *)row)->name);
}

static const struct choice *find(const struct names *names, const char *name)
{
    const struct row *row =
        names->row_count ? bsearch(name, names->rows, names->row_count, sizeof *row, compare_rows) : NULL;
    return row ? row->choice : NULL;
}

/* The name must have more than one label, and room for a "*" before its first dot. */
static const struct choice *find_wildcard(const struct names *names, const char *name)
{
    char wildcard[NAME_MAX_BYTES + 2] = "*";
    const char *dot = strchr(name, '.');
    if (!dot || dot == name || strlen(dot) >= sizeof wildcard - 1)
        return NULL;
    memcpy(wildcard + 1, dot, strlen(dot) + 1);
    return find(names, wildcard);
}

/* A client that cannot use the name's own kind of key may be able to use the wildcard's. */
static void complete(const struct names *names, const char *name, struct choice *choice)
{
    const struct choice *wildcard = name[0] == '*' ? NULL : find_wildcard(names, name);
    if (!wildcard || wildcard->policy != choice->policy)
        return;
    for (enum key_kind kind = KEY_RSA; kind < KEY_KINDS; kind++)
        if (!choice->credentials[kind])
            choice->credentials[kind] = wildcard->credentials[kind];
}

/* All claims to one name, the first of which decides. */
static bool settle_name(struct names *names, const struct claim *first, const struct claim *end)
{
    struct choice choice = {.policy = first->owner->policy};
    bool worked = true;
    for (const struct claim *at = first; at < end; at++)
        worked &= join(&choice, first, at);
    complete(names, first->name, &choice);
    const struct choice *made = memoize(names, first->owner, &choice);
    names->rows[names->row_count++] = (struct row){first->name, made};
    return worked && made;
}

static int compare_claims(const void *a, const void *b)
{
    const struct claim *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : (left->owner->order > right->owner->order) - (left->owner->order < right->owner->order);
}

static void report_lost(const struct owner *owner)
{
    const struct pki_place place = {owner->problems, NULL, PROBLEM_WHOLE, owner->credential->path};
    char more[48] = "";
    char kind[KEY_TEXT];
    if (owner->lost_count == 0)
        return;
    if (owner->lost_count > 1)
        snprintf(more, sizeof more, " and %zu more of its names", owner->lost_count - 1);
    key_print(owner->credential->key, kind);
    pki_report(&place, PROBLEM_WARNING,
               "remove one of them; side by side is what certificates with keys of different kinds (RSA, EC) can be",
               "%s is not used for %s%s: %s comes first, and has a key of the same kind (%s)", place.path, owner->lost,
               more, owner->winner->path, kind);
}

bool names_settle(struct names *names)
{
    bool worked = true;
    names->rows = calloc(names->claim_count + 1, sizeof *names->rows);
    if (!names->rows)
        return false;
    if (names->claim_count > 0)
        qsort(names->claims, names->claim_count, sizeof *names->claims, compare_claims);
    for (size_t i = 0, next; i < names->claim_count; i = next) {
        for (next = i + 1; next < names->claim_count; next++)
            if (strcmp(names->claims[next].name, names->claims[i].name) != 0)
                break;
        worked &= settle_name(names, &names->claims[i], &names->claims[next]);
    }
    for (const struct owner *owner = names->owners; owner; owner = owner->next)
        report_lost(owner);
    free(names->claims);
    names->claims = NULL;
    struct choice standard = {.policy = names->owners->policy};
    standard.credentials[names->owners->credential->kind] = names->owners->credential;
    names->standard = memoize(names, names->owners, &standard);
    return worked && names->standard;
}

const struct choice *names_default(const struct names *names)
{
    return names->standard;
}

const struct choice *names_find(const struct names *names, struct span name)
{
    char folded[NAME_MAX_BYTES + 1];
    if (name.len > 0 && name.at[name.len - 1] == '.')
        name.len--;
    if (name.len == 0 || name.len > NAME_MAX_BYTES || name.at[0] == '*' || memchr(name.at, '\0', name.len))
        return NULL;
    for (size_t i = 0; i < name.len; i++)
        folded[i] = (char)tolower(name.at[i]);
    folded[name.len] = '\0';
    const struct choice *choice = find(names, folded);
    return choice ? choice : find_wildcard(names, folded);
}
