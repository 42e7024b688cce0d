#include "own_group.h"

#include "dhparam.h"
#include "provider.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

/* One Fermat test to a random base: finds files that are damaged or made up. It is not meant against an adversary: who
 * writes this file owns the server. */
static bool is_likely_prime(const BIGNUM *n, BN_CTX *scratch)
{
    BN_CTX_start(scratch);
    BIGNUM *base = BN_CTX_get(scratch);
    BIGNUM *exponent = BN_CTX_get(scratch);
    BIGNUM *power = BN_CTX_get(scratch);
    bool likely = power && BN_is_odd(n) && BN_num_bits(n) > 2 && BN_copy(exponent, n) && BN_sub_word(exponent, 1) &&
                  BN_rand_range(base, exponent) && BN_add_word(base, 1) &&
                  BN_mod_exp(power, base, exponent, n, scratch) && BN_is_one(power);
    BN_CTX_end(scratch);
    return likely;
}

/* 1 < g < p - 1 */
static bool is_generator(const BIGNUM *g, const BIGNUM *p, BN_CTX *scratch)
{
    BN_CTX_start(scratch);
    BIGNUM *last = BN_CTX_get(scratch);
    bool is = last && BN_copy(last, p) && BN_sub_word(last, 1) && !BN_is_negative(g) && !BN_is_zero(g) &&
              !BN_is_one(g) && BN_cmp(g, last) < 0;
    BN_CTX_end(scratch);
    return is;
}

/* With the order q of the subgroup known: g must be in it. */
static bool is_in_subgroup(const BIGNUM *g, const BIGNUM *q, const BIGNUM *p, BN_CTX *scratch)
{
    BN_CTX_start(scratch);
    BIGNUM *power = BN_CTX_get(scratch);
    bool is = power && BN_mod_exp(power, g, q, p, scratch) && BN_is_one(power) && is_likely_prime(q, scratch);
    BN_CTX_end(scratch);
    return is;
}

static bool is_safe_prime(const BIGNUM *p, BN_CTX *scratch)
{
    BN_CTX_start(scratch);
    BIGNUM *half = BN_CTX_get(scratch);
    bool is = half && BN_rshift1(half, p) && is_likely_prime(half, scratch);
    BN_CTX_end(scratch);
    return is;
}

/* As the file has them. The order of the subgroup is NULL where the file does not name it. */
struct numbers {
    BIGNUM *p, *g, *q;
    BN_CTX *scratch;
};

static void numbers_free(struct numbers *numbers)
{
    BN_free(numbers->p);
    BN_free(numbers->g);
    BN_free(numbers->q);
    BN_CTX_free(numbers->scratch);
}

/* False: reported. What is in `numbers` is to be freed in either case. */
static bool numbers_read(struct numbers *numbers, const EVP_PKEY *group, const struct pki_place *place)
{
    *numbers = (struct numbers){.scratch = BN_CTX_new()};
    if (!numbers->scratch || EVP_PKEY_get_bn_param(group, OSSL_PKEY_PARAM_FFC_P, &numbers->p) != 1 ||
        EVP_PKEY_get_bn_param(group, OSSL_PKEY_PARAM_FFC_G, &numbers->g) != 1) {
        pki_report_library(place, "its numbers cannot be read");
        return false;
    }
    EVP_PKEY_get_bn_param(group, OSSL_PKEY_PARAM_FFC_Q, &numbers->q);
    if (numbers->q && BN_is_zero(numbers->q)) {
        BN_free(numbers->q);
        numbers->q = NULL;
    }
    return true;
}

/* False: reported. */
static bool check_numbers(const struct numbers *numbers, const struct pki_place *place)
{
    const BIGNUM *p = numbers->p, *g = numbers->g, *q = numbers->q;
    bool prime = is_likely_prime(p, numbers->scratch);
    if (prime && is_generator(g, p, numbers->scratch) && (!q || is_in_subgroup(g, q, p, numbers->scratch)))
        return true;
    pki_report(place, PROBLEM_ERROR, dhparam_remedy, "%s is unsafe: %s", place->path,
               prime ? "its generator does not fit its modulus" : "its modulus is not prime");
    return false;
}

static void tell_costs(int bits, bool is_safe, const struct pki_place *place)
{
    if (!is_safe)
        pki_report(
            place, PROBLEM_WARNING, dhparam_remedy,
            "%s: its modulus is no safe prime (made with -dsaparam?); keys are used once, so that it still holds",
            place->path);
    if (bits > 2048)
        pki_report(place, PROBLEM_NOTE, dhparam_remedy,
                   "%s: each DHE handshake with these %d bits costs several times the CPU time of one with ECDHE",
                   place->path, bits);
}

/* Bits of an exponent that are as strong as a safe prime of so many (RFC 7919 section 5.2 and appendix A): more only cost time. */
static int exponent_bits(int modulus_bits)
{
    static const struct {
        int modulus, exponent;
    } rows[] = {{2048, 225}, {3072, 275}, {4096, 325}, {6144, 375}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (modulus_bits <= rows[i].modulus)
            return rows[i].exponent;
    return 400;
}

/* The same group, in which exponents have so many bits (exchange.c passes it on), or as many as the modulus has if this is 0: files may
 * say anything. NULL: out of memory. */
static EVP_PKEY *with_exponents(const struct numbers *numbers, int bits)
{
    EVP_PKEY *group = NULL;
    OSSL_PARAM *parameters = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_P, numbers->p) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_G, numbers->g) == 1 &&
        (bits == 0 || OSSL_PARAM_BLD_push_int(build, OSSL_PKEY_PARAM_DH_PRIV_LEN, bits) == 1))
        parameters = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *make = parameters ? EVP_PKEY_CTX_new_from_name(NULL, "DH", PROVIDER_PREFERRED) : NULL;
    if (make && EVP_PKEY_fromdata_init(make) == 1)
        EVP_PKEY_fromdata(make, &group, EVP_PKEY_KEY_PARAMETERS, parameters);
    EVP_PKEY_CTX_free(make);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(build);
    return group;
}

/* A group that names the order of its keys has exponents as long as that. */
static EVP_PKEY *work_out(EVP_PKEY *read, const struct numbers *numbers, const struct pki_place *place)
{
    const int bits = BN_num_bits(numbers->p);
    bool is_safe = numbers->q || is_safe_prime(numbers->p, numbers->scratch);
    EVP_PKEY *group = numbers->q ? read : with_exponents(numbers, is_safe ? exponent_bits(bits) : 0);
    if (!group)
        pki_report_library(place, "its group cannot be made");
    else if (!place->problems->vouched)
        tell_costs(bits, is_safe, place);
    if (group == read)
        EVP_PKEY_up_ref(read);
    return group;
}

EVP_PKEY *own_group_settle(EVP_PKEY *read, const struct pki_place *place)
{
    struct numbers numbers;
    EVP_PKEY *group = NULL;
    if (numbers_read(&numbers, read, place) && (place->problems->vouched || check_numbers(&numbers, place)))
        group = work_out(read, &numbers, place);
    numbers_free(&numbers);
    return group;
}
