/* Retry-After: a number of seconds, or a moment. */
#include "crossgate/https.h"

#include <curl/curl.h>

static uint32_t bound(uint64_t seconds)
{
    return seconds < HTTPS_RETRY_MAX ? (uint32_t)seconds : HTTPS_RETRY_MAX;
}

uint32_t https_retry_after(struct https *self, int64_t now)
{
    const char *text = https_field(self, "Retry-After");
    uint64_t seconds = 0;
    if (!text)
        return 0;
    if (span_to_uint(span_trim(span_string(text)), UINT32_MAX, &seconds))
        return bound(seconds);
    int64_t moment = (int64_t)curl_getdate(text, NULL);
    return moment > now ? bound((uint64_t)(moment - now)) : 0;
}
