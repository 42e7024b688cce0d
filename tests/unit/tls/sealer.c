/* The AEADs that all connections of a loop share: each key seals what it would alone, and leaves nothing behind. */
#include "sealer.h"
#include "theirs.h"

#include <openssl/crypto.h>

#include <stdlib.h>

/* -- where OpenSSL keeps what it prepares: while it is watched nothing is given back, so that all of it can be looked at -- */

static struct {
    bool is_watched;
    size_t used;
    _Alignas(16) uint8_t bytes[1 << 20];
} memory;

static bool is_ours(const void *block)
{
    const uint8_t *at = block;
    return at >= memory.bytes && at < memory.bytes + sizeof memory.bytes;
}

static void *watched_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    if (!memory.is_watched || size == 0)
        return size > 0 ? malloc(size) : NULL;
    void *block = memory.bytes + memory.used;
    memory.used += (size + 15) / 16 * 16;
    assert_true(memory.used <= sizeof memory.bytes);
    return block;
}

static void watched_free(void *block, const char *file, int line)
{
    (void)file, (void)line;
    if (!is_ours(block))
        free(block);
}

static void *watched_realloc(void *block, size_t size, const char *file, int line)
{
    if (block && !is_ours(block))
        return realloc(block, size);
    void *moved = watched_malloc(size, file, line);
    if (block && moved)
        memcpy(moved, block, size); /* that much is there, whoever has it */
    return moved;
}

static bool is_in_memory(const uint8_t *key, size_t length)
{
    return memmem(memory.bytes, memory.used, key, length) != NULL;
}

/* -- known answers -- */

struct answer {
    enum aead aead;
    const char *key, *nonce, *additional, *plain, *sealed, *tag;
};

static const struct answer answers[] = {
    /* The Galois/Counter Mode of Operation (McGrew, Viega), test cases 4 and 16. */
    {AEAD_AES_128_GCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
     "ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac97"
     "3d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {AEAD_AES_256_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
     "ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
     "bcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    /* RFC 8439 section 2.8.2. */
    {AEAD_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f6666"
     "657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069"
     "742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b29"
     "05d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b"
     "6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
};

static void seals_and_opens_as_is_written(void **state)
{
    (void)state;
    struct tls_sealer *sealer = tls_sealer_new();
    assert_non_null(sealer);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const struct answer *answer = &answers[i];
        uint8_t key[32], additional[32], plain[128], sealed[128], tag[16], got[128], got_tag[16];
        struct seal seals[2];
        struct sealed what = {0};
        assert_int_equal(unhex(answer->key, key), aead_key_length(answer->aead));
        assert_int_equal(unhex(answer->nonce, what.nonce), AEAD_NONCE);
        const size_t length = unhex(answer->plain, plain);
        assert_int_equal(unhex(answer->sealed, sealed), length);
        assert_int_equal(unhex(answer->tag, tag), AEAD_TAG);
        seal_init(&seals[0], answer->aead, key);
        seal_init(&seals[1], answer->aead, key);
        what.additional = span_of(additional, unhex(answer->additional, additional));
        what.to = got;
        for (size_t cut = 0; cut <= length; cut++) {
            what.tag = got_tag;
            what.from = span_of(plain, cut);
            what.end = span_of(plain + cut, length - cut);
            assert_int_equal(sealer_seal(sealer, &seals[0], &what), SEALING_DONE);
            assert_memory_equal(got, sealed, length);
            assert_memory_equal(got_tag, tag, AEAD_TAG);
        }
        what.tag = tag;
        what.from = span_of(sealed, length);
        assert_int_equal(sealer_open(sealer, &seals[1], &what), SEALING_DONE);
        assert_memory_equal(got, plain, length);
        seal_wipe(&seals[0], sealer);
        seal_wipe(&seals[1], sealer);
    }
    tls_sealer_free(sealer);
}

/* -- many keys -- */

enum { KEYS = 700, ROUNDS = 6000 };

static uint32_t next_number(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static void fill(uint8_t *bytes, size_t length, uint32_t *state)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)next_number(state);
}

/* Seals, or opens, what the key would alone. */
static void expect_same(struct tls_sealer *sealer, struct seal *seal, const uint8_t *key, bool seals, uint32_t *random)
{
    uint8_t nonce[AEAD_NONCE], plain[40], theirs[40 + AEAD_TAG], got[40], tag[AEAD_TAG];
    const size_t length = next_number(random) % (sizeof plain + 1);
    fill(nonce, sizeof nonce, random);
    fill(plain, length, random);
    their_seal(seal->aead, key, nonce, SPAN("beside"), span_of(plain, length), theirs);
    struct sealed what = {.additional = SPAN("beside"), .from = span_of(plain, length), .to = got, .tag = tag};
    memcpy(what.nonce, nonce, sizeof nonce);
    if (seals) {
        assert_int_equal(sealer_seal(sealer, seal, &what), SEALING_DONE);
        assert_memory_equal(got, theirs, length);
        assert_memory_equal(tag, theirs + length, AEAD_TAG);
        return;
    }
    what.from = span_of(theirs, length);
    what.tag = theirs + length;
    assert_int_equal(sealer_open(sealer, seal, &what), SEALING_DONE);
    assert_memory_equal(got, plain, length);
    theirs[next_number(random) % (length + AEAD_TAG)] ^= 1;
    assert_int_equal(sealer_open(sealer, seal, &what), SEALING_REFUSED);
}

/* Many more than are prepared at once, of all kinds, in any order; some go, and others come to where they were. */
static void each_key_is_its_own_among_many(void **state)
{
    (void)state;
    struct seal *seals = calloc(KEYS, sizeof *seals);
    uint8_t(*keys)[AEAD_KEY_MAX] = calloc(KEYS, sizeof *keys);
    struct tls_sealer *sealer = tls_sealer_new();
    uint32_t random = 1;
    assert_true(seals && keys && sealer);
    for (size_t i = 0; i < KEYS; i++) {
        fill(keys[i], AEAD_KEY_MAX, &random);
        seal_init(&seals[i], (enum aead)(next_number(&random) % AEADS), keys[i]);
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        const size_t among = round % 3 ? KEYS : 8, i = next_number(&random) % among; /* some are busier */
        expect_same(sealer, &seals[i], keys[i], i % 2, &random);
        if (next_number(&random) % 16 > 0)
            continue;
        seal_wipe(&seals[i], sealer);
        fill(keys[i], AEAD_KEY_MAX, &random);
        seal_init(&seals[i], (enum aead)(next_number(&random) % AEADS), keys[i]);
    }
    for (size_t i = 0; i < KEYS; i++)
        seal_wipe(&seals[i], sealer);
    tls_sealer_free(sealer);
    free(keys);
    free(seals);
}

/* -- no key -- */

/* AES may be prepared in a form that does not show the key; ChaCha20 shows it. */
static void keys_are_wiped_wherever_they_were(void **state)
{
    (void)state;
    static const uint8_t zeros[sizeof(struct seal)];
    for (size_t aead = 0; aead < AEADS; aead++) {
        struct tls_sealer *sealer = tls_sealer_new();
        uint32_t random = 7;
        uint8_t key[AEAD_KEY_MAX];
        struct seal seal;
        memory.used = 0;
        fill(key, sizeof key, &random);
        seal_init(&seal, (enum aead)aead, key);
        memory.is_watched = true;
        uint8_t to[1], tag[AEAD_TAG];
        const struct sealed what = {.from = SPAN("a"), .to = to, .tag = tag};
        assert_int_equal(sealer_seal(sealer, &seal, &what), SEALING_DONE);
        assert_true(memory.used > 0);
        assert_true(aead != AEAD_CHACHA20_POLY1305 || is_in_memory(key, AEAD_KEY_MAX));
        seal_wipe(&seal, sealer);
        memory.is_watched = false;
        assert_false(is_in_memory(key, aead_key_length((enum aead)aead)));
        assert_memory_equal(&seal, zeros, sizeof seal);
        tls_sealer_free(sealer);
    }
}

/* Of one that has never been used, too, while others are. */
static void wiping_one_leaves_the_others(void **state)
{
    (void)state;
    struct tls_sealer *sealer = tls_sealer_new();
    uint32_t random = 3;
    uint8_t keys[3][AEAD_KEY_MAX];
    struct seal seals[3];
    for (size_t i = 0; i < 3; i++) {
        fill(keys[i], AEAD_KEY_MAX, &random);
        seal_init(&seals[i], AEAD_AES_128_GCM, keys[i]);
    }
    expect_same(sealer, &seals[0], keys[0], true, &random);
    expect_same(sealer, &seals[1], keys[1], true, &random);
    seal_wipe(&seals[2], sealer);
    seal_wipe(&seals[1], sealer);
    expect_same(sealer, &seals[0], keys[0], true, &random);
    seal_wipe(&seals[0], sealer);
    tls_sealer_free(sealer);
    tls_sealer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_and_opens_as_is_written),
        cmocka_unit_test(each_key_is_its_own_among_many),
        cmocka_unit_test(keys_are_wiped_wherever_they_were),
        cmocka_unit_test(wiping_one_leaves_the_others),
    };
    if (CRYPTO_set_mem_functions(watched_malloc, watched_realloc, watched_free) != 1)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
