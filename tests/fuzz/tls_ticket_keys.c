/* Arbitrary bytes as a key file of session tickets. What is read is written again, and read as the same. */
#include "crossgate/tls.h"

#include <openssl/evp.h>

#include <assert.h>
#include <string.h>

enum { LINE = 109 }; /* with its end */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(struct problems *problems, const struct problem *problem)
{
    (void)problems;
    assert(problem->text[0] != '\0');
}

static bool read_bytes(struct tls_ticket_ring *ring, struct span bytes)
{
    struct problems problems = {.report = ignore};
    const struct pki_file file = {.path = "file", .bytes = bytes, .mode = 0600};
    bool read = tls_ticket_ring_read(ring, &file, &problems);
    assert(read == (problems.errors == 0) && read == (ring->count > 0) && ring->count <= TLS_TICKET_KEYS_MAX);
    return read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_ticket_ring ring, again;
    uint8_t text[TLS_TICKET_KEYS_MAX * LINE + 1];
    if (!read_bytes(&ring, span_of(data, size)))
        return 0;
    for (uint32_t i = 0; i < ring.count; i++) {
        int length = EVP_EncodeBlock(text + (size_t)i * LINE, ring.keys[i], TLS_TICKET_KEY);
        assert(length == LINE - 1);
        text[(size_t)(i + 1) * LINE - 1] = '\n';
    }
    assert(read_bytes(&again, span_of(text, (size_t)ring.count * LINE)));
    assert(memcmp(&ring, &again, sizeof ring) == 0);
    return 0;
}
