/* A line on the control socket, arbitrary bytes: what is understood is one of the few requests, with a name that can be
 * printed, and says the same as the line. */
#include "control.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[CONTROL_VERBS] = {"status", "changes", "list", "drain", "resume", "reload", "stop"};
    struct control_request request;
    char again[CONTROL_LINE];
    if (!control_parse(span_of(data, size), &request))
        return 0;
    assert(request.verb < CONTROL_VERBS);
    assert(memchr(request.name, '\0', sizeof request.name));
    for (const char *c = request.name; *c; c++)
        assert((unsigned char)*c >= 0x20 && *c != 0x7f);
    int length = snprintf(again, sizeof again, "1 %s%s%s", words[request.verb], *request.name ? " " : "", request.name);
    assert(length > 0 && (size_t)length == size && memcmp(again, data, size) == 0);
    return 0;
}
