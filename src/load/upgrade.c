#include "upgrade.h"

#include <stdio.h>

enum { ANSWER_TIME = 10000 }; /* ms */

bool upgrade_prepare(struct request *request, const struct load_settings *settings, struct error *error)
{
    static const char *const fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    return request_print(request, settings, fields, error);
}

void upgrade_forget(struct upgrade *upgrade)
{
    http_response_reader_free(upgrade->reader);
    upgrade->reader = NULL;
}

/* The key goes in before the empty line. */
void upgrade_begin(struct upgrade *upgrade, struct contact *contact, const struct request *request)
{
    char *head = (char *)contact->run->compose;
    upgrade->reader = http_response_reader_new(NULL);
    if (!upgrade->reader || !websocket_key_new(upgrade->key)) {
        contact_fail(contact, "out of memory or randomness");
        return;
    }
    int length = snprintf(head, RUN_BYTES, "%.*sSec-WebSocket-Key: %s\r\n\r\n", (int)request->length - 2, request->text,
                          upgrade->key);
    contact_expect(contact, "answer to the upgrade", ANSWER_TIME);
    contact_write(contact, span_of(head, (size_t)length));
}

/* Subprotocols are offered by a header of the settings. */
static struct span offered(const struct load_settings *settings)
{
    struct span name = SPAN("Sec-WebSocket-Protocol:");
    for (size_t i = 0; i < settings->header_count; i++) {
        struct span header = span_string(settings->headers[i]);
        if (span_equal_nocase(span_head(header, name.len), name))
            return span_tail(header, name.len);
    }
    return SPAN("");
}

static bool judge(struct upgrade *upgrade, struct contact *contact)
{
    const struct http_response *response = http_response_of(upgrade->reader);
    struct span chosen;
    bool good =
        websocket_response_check(response, span_string(upgrade->key), offered(contact->run->settings), false, &chosen);
    if (response->status != 101)
        contact_fail(contact, "the server has answered the upgrade with %u %s", response->status,
                     http_reason(response->status));
    else if (!good)
        contact_fail(contact, "the server's 101 is not the answer to this upgrade");
    upgrade_forget(upgrade);
    return good;
}

bool upgrade_read(struct upgrade *upgrade, struct contact *contact, struct span *in)
{
    size_t taken;
    enum http_progress progress = http_response_read(upgrade->reader, *in, &taken);
    *in = span_tail(*in, taken);
    if (progress == HTTP_BROKEN)
        contact_fail(contact, "the server's answer to the upgrade is not HTTP/1.1");
    return progress == HTTP_HEAD_DONE && judge(upgrade, contact);
}
