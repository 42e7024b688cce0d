#include "dhparam.h"

#include "credential.h"
#include "crossgate/pki/pem.h"
#include "provider.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

static const char remedy_leave_out[] =
    "leave dhparam out: a standard group (RFC 7919) is used then, which is also faster";

/* OpenSSL works with no longer ones (OPENSSL_DH_MAX_MODULUS_BITS). */
enum { MODULUS_BITS_MAX = 10000 };

/* Keys belong to the provider that has made their group; what a file is decoded to is OpenSSL's. */
static EVP_PKEY_CTX *new_maker(void)
{
    return EVP_PKEY_CTX_new_from_name(NULL, "DH", PROVIDER_PREFERRED);
}

static EVP_PKEY *standard_group(const char *name)
{
    EVP_PKEY *group = NULL;
    EVP_PKEY_CTX *make = new_maker();
    if (make && EVP_PKEY_paramgen_init(make) == 1 && EVP_PKEY_CTX_set_group_name(make, name) == 1)
        EVP_PKEY_paramgen(make, &group);
    EVP_PKEY_CTX_free(make);
    return group;
}

static bool use_standard(SSL_CTX *context, const struct pki_place *place)
{
    static const char *const names[] = {"ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe8192"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        EVP_PKEY *group = standard_group(names[i]);
        if (group && SSL_CTX_set0_tmp_dh_pkey(context, group) == 1) {
            ERR_clear_error();
            return true;
        }
        EVP_PKEY_free(group);
    }
    pki_report_library(place, "no standard Diffie-Hellman group can be used");
    return false;
}

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

/* -- groups that are in no standard -- */

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
    pki_report(place, PROBLEM_ERROR, remedy_leave_out, "%s is unsafe: %s", place->path,
               prime ? "its generator does not fit its modulus" : "its modulus is not prime");
    return false;
}

static void tell_costs(int bits, bool is_safe, const struct pki_place *place)
{
    if (!is_safe)
        pki_report(
            place, PROBLEM_WARNING, remedy_leave_out,
            "%s: its modulus is no safe prime (made with -dsaparam?); keys are used once, so that it still holds",
            place->path);
    if (bits > 2048)
        pki_report(place, PROBLEM_NOTE, remedy_leave_out,
                   "%s: each DHE handshake with these %d bits costs several times the CPU time of one with ECDHE",
                   place->path, bits);
}

/* Bits of an exponent that are as strong as a modulus of so many (RFC 7919 section 5.2 and appendix A): more only cost time. That
 * holds for safe primes. */
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

/* The same group, which says how long exponents have to be (exchange.c passes it on). NULL: out of memory. */
static EVP_PKEY *with_short_exponents(const struct numbers *numbers)
{
    EVP_PKEY *group = NULL;
    OSSL_PARAM *parameters = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_P, numbers->p) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_G, numbers->g) == 1 &&
        OSSL_PARAM_BLD_push_int(build, OSSL_PKEY_PARAM_DH_PRIV_LEN, exponent_bits(BN_num_bits(numbers->p))) == 1)
        parameters = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *make = parameters ? new_maker() : NULL;
    if (make && EVP_PKEY_fromdata_init(make) == 1)
        EVP_PKEY_fromdata(make, &group, EVP_PKEY_KEY_PARAMETERS, parameters);
    EVP_PKEY_CTX_free(make);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(build);
    return group;
}

/* False: reported. */
static bool replace(EVP_PKEY **group, EVP_PKEY *by, const struct pki_place *place)
{
    if (!by) {
        pki_report_library(place, "its group cannot be made");
        return false;
    }
    EVP_PKEY_free(*group);
    *group = by;
    return true;
}

/* False: reported. Puts another one in the place of `group` where that is faster. */
static bool work_out(EVP_PKEY **group, const struct pki_place *place)
{
    const bool is_checked = place->problems->vouched;
    struct numbers numbers;
    bool worked = numbers_read(&numbers, *group, place) && (is_checked || check_numbers(&numbers, place));
    bool is_safe = worked && !numbers.q && is_safe_prime(numbers.p, numbers.scratch);
    if (is_safe)
        worked = replace(group, with_short_exponents(&numbers), place);
    if (worked && !is_checked)
        tell_costs(BN_num_bits(numbers.p), is_safe || numbers.q, place);
    numbers_free(&numbers);
    return worked;
}

/* -- files -- */

static bool check_size(const EVP_PKEY *group, const struct pki_place *place, int strength)
{
    int bits = EVP_PKEY_get_bits(group);
    if (EVP_PKEY_get_security_bits(group) >= strength && bits <= MODULUS_BITS_MAX)
        return true;
    pki_report(place, PROBLEM_ERROR, remedy_leave_out, "%s has a modulus of %d bits; 2048 to 4096 are of use%s",
               place->path, bits, bits < 2048 ? ", and fewer can be broken" : "");
    return false;
}

/* False: reported. */
static bool check_group(EVP_PKEY **group, const struct pki_place *place, int strength)
{
    char name[64];
    if (!check_size(*group, place, strength))
        return false;
    if (EVP_PKEY_get_group_name(*group, name, sizeof name, NULL) != 1)
        return work_out(group, place);
    return EVP_PKEY_is_a(*group, "DHX") || replace(group, standard_group(name), place);
}

static EVP_PKEY *decode(const struct pem_block *block)
{
    EVP_PKEY *group = NULL;
    const unsigned char *at = block->der;
    size_t length = (size_t)block->len;
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&group, "DER", "type-specific", block->kind == PEM_DHX ? "DHX" : "DH",
                                      OSSL_KEYMGMT_SELECT_ALL_PARAMETERS, NULL, NULL);
    if (decoder)
        OSSL_DECODER_from_data(decoder, &at, &length);
    OSSL_DECODER_CTX_free(decoder);
    ERR_clear_error();
    return group;
}

/* NULL: reported. */
static EVP_PKEY *read_group(const struct pki_file *file, const struct pki_place *place, int strength)
{
    struct pem_file pem;
    if (!pem_file_read(&pem, file->bytes)) {
        pki_report(place, PROBLEM_ERROR, NULL, "out of memory");
        return NULL;
    }
    const struct pem_block *block = pem_file_find(&pem, PEM_DH);
    if (!block)
        block = pem_file_find(&pem, PEM_DHX);
    if (!block)
        pem_report_missing(&pem, place, PEM_DH);
    EVP_PKEY *group = block ? decode(block) : NULL;
    if (block && !group)
        pki_report(place, PROBLEM_ERROR, remedy_leave_out, "%s is damaged: its DH parameters cannot be decoded",
                   place->path);
    pem_file_deinit(&pem);
    if (group && !check_group(&group, place, strength)) {
        EVP_PKEY_free(group);
        group = NULL;
    }
    ERR_clear_error();
    return group;
}

bool dhparam_use(SSL_CTX *context, const struct pki_file *file, struct problems *problems)
{
    struct pki_place place = {problems, "dhparam", PROBLEM_WHOLE, file->path};
    if (!file->path)
        return use_standard(context, &place);
    EVP_PKEY *group = read_group(file, &place, credential_strength(context));
    if (!group)
        return false;
    if (SSL_CTX_set0_tmp_dh_pkey(context, group) == 1)
        return true;
    EVP_PKEY_free(group);
    pki_report_library(&place, "OpenSSL does not accept these DH parameters");
    return false;
}
