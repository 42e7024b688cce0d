/* A provider of OpenSSL's for what a handshake spends time on without need: the key derivations of TLS 1.3 and of TLS 1.2, and the keys of
 * the exchange (exchange.c).
 *
 * OpenSSL 3.0 finds algorithms by name each time they are used, and its own derivation does so for the digest and for HMAC in each
 * step of a key schedule, of which there are twenty in a handshake, and copies all that it is given: a tenth of what a handshake costs.
 * Here the digests are fetched once, and nothing is copied. What is derived is the same to the bit.
 *
 * Contexts ask for it (PROVIDER_PREFERRED); where nobody does, where it is not to be had, or where OpenSSL's own configuration demands
 * other properties, as fips=yes, OpenSSL does it all by itself. Algorithms belong to the process, as the shelf of memory.c does. */
#include "provider.h"

#include "exchange.h"
#include "secrets.h"

#include "crossgate/tls.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>

static struct {
    struct derive_digest sha256, sha384; /* those of the suites of TLS 1.2 and 1.3 */
    OSSL_PROVIDER *handle;               /* there as long as the process */
} provider;

/* -- parameters (provider-kdf(7), EVP_KDF-TLS13_KDF(7), EVP_KDF-TLS1_PRF(7)) -- */

enum octets { SECRET, SALT, PREFIX, LABEL, CONTEXT, OCTETS };

/* What is to be derived, borrowed. */
struct wanted {
    const struct derive_digest *digest;
    int mode;
    struct span octets[OCTETS]; /* at NULL: not given */
    struct span seeds[DERIVE_SEEDS_MAX];
    size_t seed_count;
};

/* libssl names digests as its own fetched ones are named first. */
static const struct derive_digest *find_digest(const char *name)
{
    if (strcmp(name, OSSL_DIGEST_NAME_SHA2_256) == 0 || EVP_MD_is_a(provider.sha256.algorithm, name))
        return &provider.sha256;
    return EVP_MD_is_a(provider.sha384.algorithm, name) ? &provider.sha384 : NULL;
}

static bool take_digest(struct wanted *wanted, const OSSL_PARAM *parameter)
{
    const char *name;
    if (OSSL_PARAM_get_utf8_string_ptr(parameter, &name) == 1)
        wanted->digest = find_digest(name);
    return wanted->digest != NULL;
}

static bool take_octets(struct span *octets, const OSSL_PARAM *parameter)
{
    const void *at;
    size_t length;
    if (OSSL_PARAM_get_octet_string_ptr(parameter, &at, &length) != 1)
        return false;
    *octets = span_of(at, length);
    return true;
}

/* libssl leaves those that it has no use for empty. */
static bool take_seed(struct wanted *wanted, const OSSL_PARAM *parameter)
{
    struct span seed;
    if (!parameter->data || parameter->data_size == 0)
        return true;
    if (wanted->seed_count == DERIVE_SEEDS_MAX || !take_octets(&seed, parameter))
        return false;
    wanted->seeds[wanted->seed_count++] = seed;
    return true;
}

static bool take(struct wanted *wanted, const OSSL_PARAM *parameter)
{
    static const struct {
        const char *key;
        enum octets place;
    } rows[] = {{OSSL_KDF_PARAM_KEY, SECRET},    {OSSL_KDF_PARAM_SECRET, SECRET}, {OSSL_KDF_PARAM_SALT, SALT},
                {OSSL_KDF_PARAM_PREFIX, PREFIX}, {OSSL_KDF_PARAM_LABEL, LABEL},   {OSSL_KDF_PARAM_DATA, CONTEXT}};
    if (strcmp(parameter->key, OSSL_KDF_PARAM_DIGEST) == 0)
        return take_digest(wanted, parameter);
    if (strcmp(parameter->key, OSSL_KDF_PARAM_MODE) == 0)
        return OSSL_PARAM_get_int(parameter, &wanted->mode) == 1;
    if (strcmp(parameter->key, OSSL_KDF_PARAM_SEED) == 0)
        return take_seed(wanted, parameter);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(parameter->key, rows[i].key) == 0)
            return take_octets(&wanted->octets[rows[i].place], parameter);
    }
    return true;
}

/* All of them come with the derivation itself: nothing is kept from call to call. */
static bool read_parameters(struct wanted *wanted, const OSSL_PARAM *parameters)
{
    bool worked = parameters != NULL;
    *wanted = (struct wanted){.mode = EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND};
    for (; worked && parameters->key; parameters++)
        worked = take(wanted, parameters);
    return worked && wanted->digest;
}

/* -- algorithms -- */

/* What one step of the schedule leaves to the next is derived first: Derive-Secret(., "derived", "") in the figure of RFC 8446
 * section 7.1. Nothing on either side is a digest's length of zeros, or for HMAC the same: no salt. */
static bool extract(const struct derive *derive, const struct wanted *wanted, uint8_t *to, size_t length)
{
    static const uint8_t zeros[EVP_MAX_MD_SIZE];
    const struct span *octets = wanted->octets;
    size_t size = derive->digest->size;
    struct span secret = octets[SECRET].at ? octets[SECRET] : span_of(zeros, size);
    uint8_t nothing[EVP_MAX_MD_SIZE], salt[EVP_MAX_MD_SIZE];
    if (length != size)
        return false;
    if (!octets[SALT].at)
        return derive_extract(derive, SPAN(""), secret, to);
    bool worked =
        EVP_DigestInit_ex2(derive->state, derive->digest->algorithm, NULL) == 1 &&
        EVP_DigestFinal_ex(derive->state, nothing, NULL) == 1 &&
        derive_expand_label(derive, octets[SALT], octets[PREFIX], octets[LABEL], span_of(nothing, size), salt, size) &&
        derive_extract(derive, span_of(salt, size), secret, to);
    OPENSSL_cleanse(salt, sizeof salt);
    return worked;
}

static bool expand(const struct derive *derive, const struct wanted *wanted, uint8_t *to, size_t length)
{
    const struct span *octets = wanted->octets;
    if (!octets[SECRET].at ||
        !derive_expand_label(derive, octets[SECRET], octets[PREFIX], octets[LABEL], octets[CONTEXT], to, length))
        return false;
    secrets_hear_traffic(wanted->digest, octets[LABEL], span_of(to, length));
    return true;
}

static int derive_tls13(void *state, unsigned char *to, size_t length, const OSSL_PARAM *parameters)
{
    struct wanted wanted;
    if (!read_parameters(&wanted, parameters))
        return 0;
    const struct derive derive = {wanted.digest, state};
    switch (wanted.mode) {
    case EVP_KDF_HKDF_MODE_EXTRACT_ONLY:
        return extract(&derive, &wanted, to, length);
    case EVP_KDF_HKDF_MODE_EXPAND_ONLY:
        return expand(&derive, &wanted, to, length);
    default:
        return 0;
    }
}

static int derive_tls12(void *state, unsigned char *to, size_t length, const OSSL_PARAM *parameters)
{
    struct wanted wanted;
    if (!read_parameters(&wanted, parameters) || !wanted.octets[SECRET].at || wanted.seed_count == 0)
        return 0;
    const struct derive derive = {wanted.digest, state};
    if (!derive_prf(&derive, wanted.octets[SECRET], wanted.seeds, wanted.seed_count, to, length))
        return 0;
    secrets_hear_block(wanted.digest, wanted.seeds[0], span_of(to, length));
    return 1;
}

static void *state_new(void *unused)
{
    (void)unused;
    return EVP_MD_CTX_new();
}

static void state_free(void *state)
{
    EVP_MD_CTX_free(state);
}

static void state_reset(void *state)
{
    EVP_MD_CTX_reset(state);
}

/* OpenSSL's tables hold functions of any kind. */
#define FUNCTION(name) (void (*)(void))(name)
#define ALGORITHM(function)                                                                                            \
    {                                                                                                                  \
        {OSSL_FUNC_KDF_NEWCTX, FUNCTION(state_new)}, {OSSL_FUNC_KDF_FREECTX, FUNCTION(state_free)},                    \
            {OSSL_FUNC_KDF_RESET, FUNCTION(state_reset)}, {OSSL_FUNC_KDF_DERIVE, FUNCTION(function)},                  \
        {                                                                                                              \
            0, NULL                                                                                                    \
        }                                                                                                              \
    }

static const OSSL_DISPATCH tls13[] = ALGORITHM(derive_tls13), tls12[] = ALGORITHM(derive_tls12);
static const OSSL_ALGORITHM derivations[] = {{OSSL_KDF_NAME_TLS1_3_KDF, PROVIDER_PROPERTIES, tls13, NULL},
                                             {OSSL_KDF_NAME_TLS1_PRF, PROVIDER_PROPERTIES, tls12, NULL},
                                             {NULL, NULL, NULL, NULL}};

/* -- the provider -- */

static const OSSL_ALGORITHM *query(void *unused, int operation, int *must_not_cache)
{
    (void)unused;
    *must_not_cache = 0;
    return operation == OSSL_OP_KDF ? derivations : exchange_algorithms(operation);
}

static int begin(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core, const OSSL_DISPATCH **functions,
                 void **context)
{
    static const OSSL_DISPATCH table[] = {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(query)},
                                          {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, FUNCTION(exchange_groups)},
                                          {0, NULL}};
    (void)handle, (void)core;
    *functions = table;
    *context = exchange_context(); /* derivations need none */
    return 1;
}

static bool fetch(struct derive_digest *digest, const char *name)
{
    EVP_MD *algorithm = EVP_MD_fetch(NULL, name, NULL);
    if (!algorithm)
        return false;
    *digest =
        (struct derive_digest){algorithm, (size_t)EVP_MD_get_size(algorithm), (size_t)EVP_MD_get_block_size(algorithm)};
    return digest->size <= EVP_MAX_MD_SIZE && digest->block <= DERIVE_BLOCK_MAX;
}

bool tls_provider_prepare(void)
{
    exchange_prepare();
    if (!fetch(&provider.sha256, OSSL_DIGEST_NAME_SHA2_256) || !fetch(&provider.sha384, OSSL_DIGEST_NAME_SHA2_384) ||
        OSSL_PROVIDER_add_builtin(NULL, PROVIDER_NAME, begin) != 1)
        return false;
    const int keeps_the_default = 1;
    provider.handle = OSSL_PROVIDER_try_load(NULL, PROVIDER_NAME, keeps_the_default);
    return provider.handle != NULL;
}
