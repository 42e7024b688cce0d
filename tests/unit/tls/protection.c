/* Records of both versions as the RFCs have them: known answers, nonces, what they may hold. */
#include "protection.h"
#include "theirs.h"

static struct tls_sealer *sealer;

/* -- RFC 8448 section 3 -- */

static struct derive_digest digest_named(const char *name)
{
    const EVP_MD *digest = EVP_get_digestbyname(name);
    return (struct derive_digest){digest, (size_t)EVP_MD_get_size(digest), (size_t)EVP_MD_get_block_size(digest)};
}

static const struct {
    const char *secret, *record;
    uint64_t sequence;
} traces[] = {
    /* {client} send application_data record */
    {"9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
     "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2"
     "977014bd1e3deae63aeebb21694915e4",
     0},
    /* {server} send application_data record, after a ticket */
    {"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
     "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a2"
     "1c0047c2abf332540dd032e167c2955d",
     1},
};

static void seals_and_opens_the_records_of_rfc_8448(void **state)
{
    (void)state;
    const struct derive_digest digest = digest_named("SHA256");
    uint8_t plain[50], secret[32], record[72], got[SEALER_RECORD];
    for (uint8_t i = 0; i < sizeof plain; i++)
        plain[i] = i;
    for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++) {
        struct protection protection;
        struct content content;
        assert_int_equal(unhex(traces[i].secret, secret), sizeof secret);
        assert_int_equal(unhex(traces[i].record, record), sizeof record);
        assert_true(protection_init_tls13(&protection, sealer, AEAD_AES_128_GCM, &digest, secret));
        protection.sequence = traces[i].sequence;
        assert_int_equal(protection_seal(&protection, sealer, CONTENT_APPLICATION_DATA, span_of(plain, 50), got), 72);
        assert_memory_equal(got, record, sizeof record);
        protection_wipe(&protection, sealer);
        assert_true(protection_init_tls13(&protection, sealer, AEAD_AES_128_GCM, &digest, secret));
        protection.sequence = traces[i].sequence;
        assert_int_equal(protection_open(&protection, sealer, span_of(record, sizeof record), got, &content),
                         OPENING_DONE);
        assert_int_equal(content.type, CONTENT_APPLICATION_DATA);
        assert_int_equal(content.bytes.len, sizeof plain);
        assert_memory_equal(content.bytes.at, plain, sizeof plain);
        protection_wipe(&protection, sealer);
    }
}

/* -- the parts of a record -- */

static void put_64(uint8_t *to, uint64_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 8)
        to[i] = (uint8_t)number;
}

/* RFC 8446 sections 5.2 and 5.3: what is encrypted ends with the type, and the head goes along in the clear. */
static size_t make_tls13(const struct protection *keys, size_t aead, struct span content, uint8_t *to)
{
    uint8_t nonce[12], sequence[8], inner[64];
    put_64(sequence, keys->sequence);
    memcpy(nonce, keys->iv, 12);
    for (size_t i = 0; i < 8; i++)
        nonce[4 + i] ^= sequence[i];
    memcpy(inner, content.at, content.len);
    inner[content.len] = 22;
    const uint8_t head[] = {23, 3, 3, 0, (uint8_t)(content.len + 1 + 16)};
    memcpy(to, head, 5);
    their_seal(aead, keys->seal.key, nonce, span_of(head, 5), span_of(inner, content.len + 1), to + 5);
    return 5 + content.len + 1 + 16;
}

/* RFC 5246 section 6.2.3.3: sequence, type, version, length of the content; RFC 5288 section 3: 4 bytes of the nonce are fixed and 8
 * go along; RFC 7905 section 2: as in TLS 1.3. */
static size_t make_tls12(const struct protection *keys, size_t aead, struct span content, uint8_t *to)
{
    uint8_t nonce[12], additional[13], sequence[8];
    const size_t explicit_nonce = aead == AEAD_CHACHA20_POLY1305 ? 0 : 8;
    const uint8_t head[] = {22, 3, 3, 0, (uint8_t)(explicit_nonce + content.len + 16)};
    put_64(sequence, keys->sequence);
    memcpy(nonce, keys->iv, 12);
    for (size_t i = 0; i < 8; i++)
        nonce[4 + i] = explicit_nonce ? sequence[i] : nonce[4 + i] ^ sequence[i];
    memcpy(additional, sequence, 8);
    memcpy(additional + 8, head, 5);
    additional[12] = (uint8_t)content.len;
    memcpy(to, head, 5);
    memcpy(to + 5, sequence, explicit_nonce);
    their_seal(aead, keys->seal.key, nonce, span_of(additional, 13), content, to + 5 + explicit_nonce);
    return 5 + explicit_nonce + content.len + 16;
}

static const size_t key_blocks[AEADS] = {2 * (16 + 4), 2 * (32 + 4), 2 * (32 + 12)};

static struct protection make_keys(size_t aead, bool is_tls13, const struct derive_digest *digest)
{
    struct protection protection = {0}, other = {0};
    uint8_t bytes[KEY_BLOCK_MAX];
    for (uint8_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 5 + 1);
    if (is_tls13)
        assert_true(protection_init_tls13(&protection, sealer, (enum aead)aead, digest, bytes));
    else
        assert_true(protection_init_tls12(&protection, &other, (enum aead)aead, span_of(bytes, key_blocks[aead])));
    return protection;
}

/* In their order, and as they come around. */
static void each_sequence_number_has_its_nonce(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {
        0, 1, 255, 256, 1 << 24, UINT64_C(1) << 32, UINT64_C(0x0102030405060708), UINT64_MAX - 1};
    const struct derive_digest digest = digest_named("SHA384");
    const struct span plain = SPAN("what is said");
    for (size_t i = 0; i < AEADS * 2 * 8; i++) {
        const size_t aead = i / 2 % AEADS;
        const bool is_tls13 = i % 2;
        struct protection seals = make_keys(aead, is_tls13, &digest), opens = make_keys(aead, is_tls13, &digest);
        uint8_t ours[128], theirs[128], got[SEALER_RECORD];
        struct content content;
        seals.sequence = opens.sequence = numbers[i / 6];
        size_t length = (is_tls13 ? make_tls13 : make_tls12)(&seals, aead, plain, theirs);
        assert_int_equal(protection_seal(&seals, sealer, CONTENT_HANDSHAKE, plain, ours), length);
        assert_memory_equal(ours, theirs, length);
        assert_int_equal(protection_open(&opens, sealer, span_of(theirs, length), got, &content), OPENING_DONE);
        assert_int_equal(content.type, CONTENT_HANDSHAKE);
        assert_memory_equal(content.bytes.at, plain.at, plain.len);
        assert_int_equal(protection_open(&opens, sealer, span_of(theirs, length), got, &content), OPENING_BAD_MAC);
        protection_wipe(&seals, sealer);
        protection_wipe(&opens, sealer);
    }
}

/* RFC 8446 section 5.3. */
static void numbers_begin_anew_with_new_keys(void **state)
{
    (void)state;
    const struct derive_digest digest = digest_named("SHA256");
    struct protection protection = make_keys(AEAD_AES_128_GCM, true, &digest);
    assert_int_equal(protection.sequence, 0);
    protection.sequence = 17;
    assert_true(protection_renew(&protection, sealer));
    assert_int_equal(protection.sequence, 0);
    protection_wipe(&protection, sealer);
}

static void keys_of_another_length_are_refused(void **state)
{
    (void)state;
    static const uint8_t block[2 * KEY_BLOCK_MAX];
    struct protection client, server;
    for (size_t aead = 0; aead < AEADS; aead++) {
        for (size_t length = 0; length < sizeof block; length++)
            if (length != key_blocks[aead])
                assert_false(protection_init_tls12(&client, &server, (enum aead)aead, span_of(block, length)));
    }
}

/* RFC 8446 section 5.2; RFC 5246 section 6.2.3, where no suite of ours adds as much as is allowed. */
static void lengths_of_records_are_bounded(void **state)
{
    (void)state;
    static const size_t most[AEADS][2] = {
        {16384 + 8 + 16, 16384 + 256}, {16384 + 8 + 16, 16384 + 256}, {16384 + 16, 16384 + 256}};
    const struct derive_digest digest = digest_named("SHA256");
    for (size_t i = 0; i < AEADS * 2; i++) {
        struct protection protection = make_keys(i / 2, i % 2, &digest);
        for (size_t length = 0; length < 65536; length++) {
            const uint8_t head[] = {23, 3, 3, (uint8_t)(length >> 8), (uint8_t)length};
            assert_int_equal(protection_record_length(&protection, head),
                             length <= most[i / 2][i % 2] ? 5 + length : 0);
        }
        protection_wipe(&protection, sealer);
    }
}

static void wiping_leaves_nothing(void **state)
{
    (void)state;
    static const uint8_t zeros[sizeof(struct protection)];
    const struct derive_digest digest = digest_named("SHA384");
    struct protection protection = make_keys(AEAD_AES_256_GCM, true, &digest);
    protection_wipe(&protection, sealer);
    assert_memory_equal(&protection, zeros, sizeof protection);
}

static int set_up(void **state)
{
    (void)state;
    sealer = tls_sealer_new();
    return sealer ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    tls_sealer_free(sealer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_and_opens_the_records_of_rfc_8448), cmocka_unit_test(each_sequence_number_has_its_nonce),
        cmocka_unit_test(numbers_begin_anew_with_new_keys),        cmocka_unit_test(keys_of_another_length_are_refused),
        cmocka_unit_test(lengths_of_records_are_bounded),          cmocka_unit_test(wiping_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
