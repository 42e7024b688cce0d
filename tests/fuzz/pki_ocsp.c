/* Arbitrary bytes as a certificate, its issuer's and an OCSP response: two lengths of 16 bits, little end first, then the three. */
#include "crossgate/pki.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span cut(struct span *rest, size_t length)
{
    struct span head = span_head(*rest, length);
    *rest = span_tail(*rest, length);
    return head;
}

static void read_response(struct span response, struct span leaf, struct span issuer)
{
    struct error error = {0};
    struct pki_ocsp facts;
    bool good = pki_ocsp_read(response, leaf, issuer, &facts, &error);
    assert(good == (error.class == ERROR_NONE));
    assert(!good || (facts.begins > 0 && facts.begins <= facts.ends));
}

static void make_request(struct span leaf, struct span issuer)
{
    uint8_t request[PKI_OCSP_REQUEST_MAX];
    char url[PKI_OCSP_GET];
    size_t length = 0;
    struct error error = {0};
    struct pki_ocsp_wish wish;
    pki_ocsp_look(leaf, &wish);
    assert(wish.url_count <= PKI_OCSP_URLS);
    if (!pki_ocsp_request(leaf, issuer, request, &length, &error))
        return;
    assert(length > 0 && length <= sizeof request);
    if (wish.url_count > 0 && pki_ocsp_get_url(wish.urls[0], span_of(request, length), url))
        assert(strlen(url) < sizeof url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    struct span rest = span_of(data + 4, size - 4);
    struct span leaf = cut(&rest, data[0] | (size_t)data[1] << 8), issuer = cut(&rest, data[2] | (size_t)data[3] << 8);
    make_request(leaf, issuer);
    read_response(rest, leaf, issuer);
    read_response(rest, leaf, (struct span){0});
    return 0;
}
