#include "encoding.h"

/* Weights are thousandths. */
enum { WEIGHT_MAX = 1000, NOT_SAID = -1 };

struct weights {
    int of[ENCODINGS];
    int identity;
    int others; /* "*" */
};

static const struct {
    const char *name;
    const char *also; /* RFC 9110 section 8.4.1.3 */
    const char *suffix;
} rows[] = {
    [ENCODING_BR] = {"br", "br", ".br"},
    [ENCODING_GZIP] = {"gzip", "x-gzip", ".gz"},
    [ENCODING_NONE] = {"", "", ""},
};

struct span encoding_name(enum encoding encoding)
{
    return span_string(rows[encoding].name);
}

struct span encoding_suffix(enum encoding encoding)
{
    return span_string(rows[encoding].suffix);
}

/* RFC 9110 section 12.4.2: "0", "0.5", "1.000"; at most three digits behind the point. */
static bool read_weight(struct span text, int *weight)
{
    static const int unit[] = {100, 10, 1};
    if (text.len == 0 || text.len > 5 || (text.at[0] != '0' && text.at[0] != '1') ||
        (text.len > 1 && text.at[1] != '.'))
        return false;
    *weight = (text.at[0] - '0') * WEIGHT_MAX;
    for (size_t i = 2; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        *weight += (text.at[i] - '0') * unit[i - 2];
    }
    return *weight <= WEIGHT_MAX;
}

/* "gzip", "gzip;q=0.5". False if it is neither. */
static bool read_item(struct span item, struct span *coding, int *weight)
{
    const uint8_t *semicolon = memchr(item.at, ';', item.len);
    *weight = WEIGHT_MAX;
    *coding = item;
    if (!semicolon)
        return true;
    size_t length = (size_t)(semicolon - item.at);
    struct span parameter = span_trim(span_tail(item, length + 1));
    *coding = span_trim(span_head(item, length));
    return span_equal_nocase(span_head(parameter, 2), SPAN("q=")) && read_weight(span_tail(parameter, 2), weight);
}

static void note(struct weights *weights, struct span coding, int weight)
{
    if (span_equal(coding, SPAN("*")))
        weights->others = weight;
    if (span_equal_nocase(coding, SPAN("identity")))
        weights->identity = weight;
    for (size_t i = 0; i < ENCODINGS; i++) {
        if (span_equal_nocase(coding, span_string(rows[i].name)) ||
            span_equal_nocase(coding, span_string(rows[i].also)))
            weights->of[i] = weight;
    }
}

/* What is not understood is passed over: less is sent encoded then, never what was not asked for. */
static void read_weights(const struct http_headers *headers, struct weights *weights)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (!span_equal_nocase(headers->at[i].name, SPAN("Accept-Encoding")))
            continue;
        struct span rest = headers->at[i].value, item, coding;
        int weight;
        while (span_next_item(&rest, &item)) {
            if (read_item(item, &coding, &weight))
                note(weights, coding, weight);
        }
    }
}

size_t encodings_accepted(const struct http_headers *headers, enum encoding order[ENCODINGS])
{
    struct weights weights = {{NOT_SAID, NOT_SAID}, NOT_SAID, NOT_SAID};
    size_t count = 0;
    read_weights(headers, &weights);
    for (size_t i = 0; i < ENCODINGS; i++) {
        if (weights.of[i] == NOT_SAID)
            weights.of[i] = weights.others;
        if (weights.of[i] <= 0 || weights.of[i] < weights.identity)
            continue;
        size_t place = count++;
        for (; place > 0 && weights.of[order[place - 1]] < weights.of[i]; place--)
            order[place] = order[place - 1];
        order[place] = (enum encoding)i;
    }
    return count;
}
