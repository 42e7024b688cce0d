/* A first message in each serializer. The first byte chooses which. What is read is a realm of a length that is allowed, and
 * reading again what it would be in another message gives the same. */
#include "crossgate/wamp.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size - 1 > WAMP_HELLO_MAX)
        return 0;
    const struct wamp_serializer *serializer = wamp_by_number(1 + data[0] % 3U);
    struct span message = span_of(data + 1, size - 1);
    struct wamp_realm realm, again;
    if (!wamp_hello_read(serializer, message, &realm))
        return 0;
    assert(realm.length > 0 && realm.length <= WAMP_REALM_MAX && realm.text[realm.length] == '\0');
    uint8_t text[WAMP_REALM_MAX + 5] = {0x82, 0x01, 0x79, 0x00, (uint8_t)realm.length}; /* in CBOR */
    memcpy(text + 5, realm.text, realm.length);
    bool valid = wamp_hello_read(wamp_by_number(3), span_of(text, 5 + realm.length), &again);
    assert(valid && again.length == realm.length && memcmp(again.text, realm.text, realm.length) == 0);
    return 0;
}
