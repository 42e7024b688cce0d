/* Two things that OpenSSL 3.0 does in each handshake need not be done.
 *
 * It raises the peer's public key to the order of its group, to check it: for ffdhe2048 this is 1.3 of the 2.2 ms that a handshake with DHE
 * takes, for P-256 30 us of 150. In groups of safe primes it suffices that the key is not 0, 1, or p - 1 (RFC 8446 section 4.2.8.1, RFC
 * 7919 section 5.1), and on the curves of TLS that it is a point of the curve (RFC 8446 section 4.2.8.2): what OpenSSL calls the quick
 * check, which is the full one for other groups.
 *
 * And in a group that is in no standard it makes exponents as long as the modulus, whatever the group says (own_group.c).
 *
 * All else is the default provider's: the tables here are copies of its own, with these functions in the place of theirs. The keys are
 * its objects, too, so that both can work with them. */
#include "exchange.h"

#include "provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <string.h>

/* OpenSSL 3.0 has 22 in each of these tables. */
enum { FUNCTIONS_MAX = 64 };

/* keys and exchanges end with an empty one. Without `known`, one of the default provider's that is kept with the process, there is nothing. */
static struct {
    EVP_KEYMGMT *known;
    OSSL_ALGORITHM keys[3], exchanges[3];
    OSSL_DISPATCH ec[FUNCTIONS_MAX], dh[FUNCTIONS_MAX];
    OSSL_FUNC_keymgmt_validate_fn *validate_ec, *validate_dh;
    OSSL_FUNC_keymgmt_gen_set_template_fn *set_group;
    OSSL_FUNC_keymgmt_gen_set_params_fn *set_making;
    OSSL_FUNC_keymgmt_get_params_fn *get_group;
} exchange;

/* -- in the place of theirs (provider-keymgmt(7)) -- */

/* Whoever validates more than a public key has not got it from a peer. */
static int depth(int selection, int wanted)
{
    return selection == OSSL_KEYMGMT_SELECT_PUBLIC_KEY ? OSSL_KEYMGMT_VALIDATE_QUICK_CHECK : wanted;
}

static int validate_ec(const void *key, int selection, int wanted)
{
    return exchange.validate_ec(key, selection, depth(selection, wanted));
}

static int validate_dh(const void *key, int selection, int wanted)
{
    return exchange.validate_dh(key, selection, depth(selection, wanted));
}

/* A key is to be made in that group. */
static int set_group(void *making, void *group)
{
    int bits = 0; /* 0: it says nothing */
    OSSL_PARAM length[] = {OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_DH_PRIV_LEN, &bits), OSSL_PARAM_construct_end()};
    return exchange.set_group(making, group) == 1 && exchange.get_group(group, length) == 1 &&
           (bits == 0 || exchange.set_making(making, length) == 1);
}

/* -- tables -- */

typedef void function(void);

/* NULL: there is none in the table. */
static function **find_function(OSSL_DISPATCH *table, int id)
{
    while (table->function_id != 0 && table->function_id != id)
        table++;
    return table->function_id == id ? &table->function : NULL;
}

/* The one of that name: "DH:dhKeyAgreement:1.2.840.113549.1.3.1" is DH. */
static const OSSL_ALGORITHM *find_algorithm(const OSSL_ALGORITHM *algorithm, const char *name)
{
    const size_t length = strlen(name);
    for (; algorithm && algorithm->algorithm_names; algorithm++) {
        const char *names = algorithm->algorithm_names;
        if (strncmp(names, name, length) == 0 && (names[length] == ':' || names[length] == '\0'))
            return algorithm;
    }
    return NULL;
}

static bool copy_table(OSSL_DISPATCH *copy, const OSSL_DISPATCH *table)
{
    for (size_t i = 0; i < FUNCTIONS_MAX; i++) {
        copy[i] = table[i];
        if (table[i].function_id == 0)
            return true;
    }
    return false;
}

/* `table` is NULL if theirs is good as it is. */
static bool offer(OSSL_ALGORITHM *offered, const OSSL_ALGORITHM *algorithms, const char *name, OSSL_DISPATCH *table)
{
    const OSSL_ALGORITHM *theirs = find_algorithm(algorithms, name);
    if (!theirs || (table && !copy_table(table, theirs->implementation)))
        return false;
    *offered = (OSSL_ALGORITHM){theirs->algorithm_names, PROVIDER_PROPERTIES, table ? table : theirs->implementation,
                                "keys of the exchange, checked as TLS asks for"};
    return true;
}

static bool replace_in_ec(void)
{
    function **validate = find_function(exchange.ec, OSSL_FUNC_KEYMGMT_VALIDATE);
    if (!validate)
        return false;
    exchange.validate_ec = (OSSL_FUNC_keymgmt_validate_fn *)*validate;
    *validate = (function *)validate_ec;
    return true;
}

static bool replace_in_dh(void)
{
    function **validate = find_function(exchange.dh, OSSL_FUNC_KEYMGMT_VALIDATE);
    function **set = find_function(exchange.dh, OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE);
    function **set_making = find_function(exchange.dh, OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS);
    function **get = find_function(exchange.dh, OSSL_FUNC_KEYMGMT_GET_PARAMS);
    if (!validate || !set || !set_making || !get)
        return false;
    exchange.validate_dh = (OSSL_FUNC_keymgmt_validate_fn *)*validate;
    exchange.set_group = (OSSL_FUNC_keymgmt_gen_set_template_fn *)*set;
    exchange.set_making = (OSSL_FUNC_keymgmt_gen_set_params_fn *)*set_making;
    exchange.get_group = (OSSL_FUNC_keymgmt_get_params_fn *)*get;
    *validate = (function *)validate_dh;
    *set = (function *)set_group;
    return true;
}

static bool take_over(const OSSL_PROVIDER *from)
{
    int must_not_cache;
    const OSSL_ALGORITHM *keys = OSSL_PROVIDER_query_operation(from, OSSL_OP_KEYMGMT, &must_not_cache);
    const OSSL_ALGORITHM *exchanges = OSSL_PROVIDER_query_operation(from, OSSL_OP_KEYEXCH, &must_not_cache);
    return offer(&exchange.keys[0], keys, "EC", exchange.ec) && offer(&exchange.keys[1], keys, "DH", exchange.dh) &&
           offer(&exchange.exchanges[0], exchanges, "ECDH", NULL) &&
           offer(&exchange.exchanges[1], exchanges, "DH", NULL) && replace_in_ec() && replace_in_dh();
}

bool exchange_prepare(void)
{
    EVP_KEYMGMT *known = EVP_KEYMGMT_fetch(NULL, "DH", "provider=default");
    if (known && take_over(EVP_KEYMGMT_get0_provider(known)))
        exchange.known = known;
    else
        EVP_KEYMGMT_free(known);
    ERR_clear_error();
    return exchange.known;
}

static const OSSL_PROVIDER *known_provider(void)
{
    return exchange.known ? EVP_KEYMGMT_get0_provider(exchange.known) : NULL;
}

void *exchange_context(void)
{
    const OSSL_PROVIDER *provider = known_provider();
    return provider ? OSSL_PROVIDER_get0_provider_ctx(provider) : NULL;
}

const OSSL_ALGORITHM *exchange_algorithms(int operation)
{
    if (!exchange.known)
        return NULL;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return exchange.keys;
    case OSSL_OP_KEYEXCH:
        return exchange.exchanges;
    default:
        return NULL;
    }
}

/* libssl takes a group from the provider only that has its keys. */
int exchange_groups(void *unused, const char *capability, OSSL_CALLBACK *tell, void *data)
{
    const OSSL_PROVIDER *provider = known_provider();
    (void)unused;
    return !provider || strcmp(capability, "TLS-GROUP") != 0 ||
           OSSL_PROVIDER_get_capabilities(provider, capability, tell, data);
}
