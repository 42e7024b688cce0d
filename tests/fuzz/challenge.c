/* Arbitrary bytes as a challenge: what is understood is printed as it came, and found by what it is asked by. */
#include "crossgate/base/challenge.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct challenge challenge;
    struct challenges *table = NULL;
    char text[CHALLENGE_TEXT];
    if (!challenge_parse(span_of(data, size), &challenge))
        return 0;
    challenge_print(&challenge, text);
    assert(span_equal(span_string(text), span_of(data, size)));
    assert(challenges_add(&table, &challenge));
    if (challenge.kind == CHALLENGE_HTTP_01)
        assert(challenges_by_token(table, span_string(challenge.token)));
    else
        assert(challenges_by_name(table, span_string(challenge.name)));
    challenges_remove(&table, &challenge);
    assert(!table);
    return 0;
}
