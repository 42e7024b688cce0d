/* Negotiation of permessage-deflate, RFC 7692 sections 5 and 7.1. Pure: fields in, verdict and text out. */
#include "crossgate/websocket.h"

#include <assert.h>
#include <stdio.h>

enum parameter {
    SERVER_NO_TAKEOVER,
    SERVER_WINDOW,
    CLIENT_NO_TAKEOVER,
    CLIENT_WINDOW,
    PARAMETERS,
};

static const char *const names[PARAMETERS] = {
    [SERVER_NO_TAKEOVER] = "server_no_context_takeover",
    [SERVER_WINDOW] = "server_max_window_bits",
    [CLIENT_NO_TAKEOVER] = "client_no_context_takeover",
    [CLIENT_WINDOW] = "client_max_window_bits",
};

/* One element of the list, an offer or an answer. */
struct element {
    bool is_deflate;
    bool valid; /* all parameters are known, come once and have the value that they must have */
    bool given[PARAMETERS];
    uint8_t bits[PARAMETERS]; /* of the windows, 8 to 15; 0: no value */
};

/* ---- reading, RFC 6455 section 9.1 */

/* Values are at most two digits; of longer ones only the length is kept. */
struct word {
    uint8_t at[2];
    size_t length;
};

struct reader {
    const struct http_headers *headers;
    size_t next;      /* field */
    struct span rest; /* of the field under way */
    bool offers;      /* a client's; else a server's answer */
    bool broken;
};

static bool is_token_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void skip_space(struct span *rest)
{
    while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
        *rest = span_tail(*rest, 1);
}

static bool take_sign(struct span *rest, char sign)
{
    skip_space(rest);
    if (rest->len == 0 || rest->at[0] != sign)
        return false;
    *rest = span_tail(*rest, 1);
    return true;
}

static bool take_token(struct span *rest, struct span *token)
{
    size_t length = 0;
    skip_space(rest);
    while (length < rest->len && is_token_byte(rest->at[length]))
        length++;
    *token = span_head(*rest, length);
    *rest = span_tail(*rest, length);
    return length > 0;
}

static bool add_byte(struct word *word, uint8_t c)
{
    if (word->length < sizeof word->at)
        word->at[word->length] = c;
    word->length++;
    return is_token_byte(c);
}

/* What is left after the first quotation mark: "the value after quoted-string unescaping MUST conform to the 'token' ABNF". */
static bool take_quoted(struct span *rest, struct word *word)
{
    while (rest->len > 0) {
        uint8_t c = rest->at[0];
        *rest = span_tail(*rest, 1);
        if (c == '"')
            return word->length > 0;
        if (c == '\\') {
            if (rest->len == 0)
                return false;
            c = rest->at[0];
            *rest = span_tail(*rest, 1);
        }
        if (!add_byte(word, c))
            return false;
    }
    return false;
}

static bool take_value(struct span *rest, struct word *word)
{
    struct span token;
    if (take_sign(rest, '"'))
        return take_quoted(rest, word);
    if (!take_token(rest, &token))
        return false;
    for (size_t i = 0; i < token.len; i++)
        add_byte(word, token.at[i]);
    return true;
}

/* RFC 7692 section 7.1.2: "a decimal integer value without leading zeroes between 8 to 15 inclusive". 0 if it is none. */
static uint8_t window_of(const struct word *word)
{
    if (word->length == 1 && (word->at[0] == '8' || word->at[0] == '9'))
        return (uint8_t)(word->at[0] - '0');
    if (word->length == 2 && word->at[0] == '1' && word->at[1] >= '0' && word->at[1] <= '5')
        return (uint8_t)(10 + word->at[1] - '0');
    return 0;
}

static enum parameter find_parameter(struct span name)
{
    size_t i = 0;
    while (i < PARAMETERS && !span_equal_nocase(name, span_string(names[i])))
        i++;
    return (enum parameter)i;
}

/* RFC 7692 section 7: what makes an offer to be declined and an answer to be refused. */
static void note(struct element *element, struct span name, const struct word *value, bool offered)
{
    enum parameter parameter = find_parameter(name);
    if (parameter == PARAMETERS || element->given[parameter]) {
        element->valid = false;
        return;
    }
    element->given[parameter] = true;
    element->bits[parameter] = window_of(value);
    bool has_window = parameter == SERVER_WINDOW || parameter == CLIENT_WINDOW;
    bool may_lack = !has_window || (parameter == CLIENT_WINDOW && offered);
    if (value->length == 0 ? !may_lack : (!has_window || element->bits[parameter] == 0))
        element->valid = false;
}

static bool read_element(struct reader *reader, struct element *element)
{
    struct span *rest = &reader->rest, name;
    if (!take_token(rest, &name))
        return false;
    *element = (struct element){.is_deflate = span_equal_nocase(name, SPAN("permessage-deflate")), .valid = true};
    while (take_sign(rest, ';')) {
        struct word value = {.length = 0};
        if (!take_token(rest, &name) || (take_sign(rest, '=') && !take_value(rest, &value)))
            return false;
        if (element->is_deflate)
            note(element, name, &value, reader->offers);
    }
    skip_space(rest);
    return rest->len == 0 || rest->at[0] == ',';
}

/* Goes to the next element of all fields together. False: there is none. */
static bool find_element(struct reader *reader)
{
    for (;;) {
        while (take_sign(&reader->rest, ','))
            continue;
        if (reader->rest.len > 0)
            return true;
        if (reader->next == reader->headers->count)
            return false;
        const struct http_header *field = &reader->headers->at[reader->next++];
        if (span_equal_nocase(field->name, SPAN("Sec-WebSocket-Extensions")))
            reader->rest = field->value;
    }
}

/* False: there is none any more, or the reader is broken. */
static bool next_element(struct reader *reader, struct element *element)
{
    if (!find_element(reader))
        return false;
    reader->broken = !read_element(reader, element);
    return !reader->broken;
}

/* ---- printing */

static void print(const struct element *element, char text[WEBSOCKET_DEFLATE_TEXT])
{
    size_t length = (size_t)snprintf(text, WEBSOCKET_DEFLATE_TEXT, "permessage-deflate");
    for (size_t i = 0; i < PARAMETERS; i++) {
        if (!element->given[i])
            continue;
        length += (size_t)snprintf(text + length, WEBSOCKET_DEFLATE_TEXT - length, "; %s", names[i]);
        if (element->bits[i] > 0)
            length += (size_t)snprintf(text + length, WEBSOCKET_DEFLATE_TEXT - length, "=%u", element->bits[i]);
        assert(length < WEBSOCKET_DEFLATE_TEXT);
    }
}

/* ---- what it means */

static uint8_t least(uint8_t bits, unsigned int wish)
{
    return wish < bits ? (uint8_t)wish : bits;
}

/* The window that a parameter leaves. */
static uint8_t window(const struct element *element, enum parameter parameter)
{
    return element->bits[parameter] > 0 ? element->bits[parameter] : WEBSOCKET_WINDOW_MAX;
}

/* Sections 7.1.2.1 and 7.1.2.2: a server declines a window that it does not support, and must not ask for one that the client
 * has not said to support. */
static bool is_acceptable(const struct element *offer, const struct websocket_deflate_settings *settings)
{
    return offer->is_deflate && offer->valid && window(offer, SERVER_WINDOW) >= WEBSOCKET_WINDOW_MIN &&
           (settings->request_max_window_bits == 0 || offer->given[CLIENT_WINDOW]);
}

static void accept_offer(const struct element *offer, const struct websocket_deflate_settings *settings,
                         struct websocket_deflate *agreed, char text[WEBSOCKET_DEFLATE_TEXT])
{
    bool asks = settings->request_max_window_bits > 0;
    *agreed = (struct websocket_deflate){
        .in.takeover = !settings->request_no_context_takeover,
        .in.window_bits = asks ? least(window(offer, CLIENT_WINDOW), settings->request_max_window_bits)
                               : (uint8_t)WEBSOCKET_WINDOW_MAX,
        .out.takeover = !settings->no_context_takeover && !offer->given[SERVER_NO_TAKEOVER],
        .out.window_bits = least(window(offer, SERVER_WINDOW), settings->max_window_bits),
        .memory_level = (uint8_t)settings->memory_level,
    };
    struct element answer = {
        .given[SERVER_NO_TAKEOVER] = !agreed->out.takeover,
        .given[SERVER_WINDOW] = offer->given[SERVER_WINDOW] || agreed->out.window_bits < WEBSOCKET_WINDOW_MAX,
        .bits[SERVER_WINDOW] = agreed->out.window_bits,
        .given[CLIENT_NO_TAKEOVER] = !agreed->in.takeover,
        .given[CLIENT_WINDOW] = asks,
        .bits[CLIENT_WINDOW] = agreed->in.window_bits,
    };
    print(&answer, text);
}

enum websocket_extensions websocket_deflate_choose(const struct http_headers *request,
                                                   const struct websocket_deflate_settings *settings,
                                                   struct websocket_deflate *agreed,
                                                   char answer[WEBSOCKET_DEFLATE_TEXT])
{
    struct reader reader = {.headers = request, .offers = true};
    struct element offer;
    bool chosen = false;
    while (next_element(&reader, &offer)) {
        if (chosen || !is_acceptable(&offer, settings))
            continue;
        chosen = true;
        accept_offer(&offer, settings, agreed, answer);
    }
    if (reader.broken)
        return EXTENSIONS_BROKEN;
    return chosen ? EXTENSIONS_DEFLATE : EXTENSIONS_NONE;
}

void websocket_deflate_offer(const struct websocket_deflate_settings *settings, char offer[WEBSOCKET_DEFLATE_TEXT])
{
    bool is_small = settings->max_window_bits < WEBSOCKET_WINDOW_MAX;
    struct element element = {
        .given[SERVER_NO_TAKEOVER] = settings->request_no_context_takeover,
        .given[SERVER_WINDOW] = settings->request_max_window_bits > 0,
        .bits[SERVER_WINDOW] = (uint8_t)settings->request_max_window_bits,
        .given[CLIENT_NO_TAKEOVER] = settings->no_context_takeover,
        .given[CLIENT_WINDOW] = true,
        .bits[CLIENT_WINDOW] = is_small ? (uint8_t)settings->max_window_bits : 0,
    };
    print(&element, offer);
}

/* Sections 7.1.1.1 and 7.1.2.1: a server accepts what is asked of it by saying so. The window that it wants of us may be
 * larger than the one that we have offered (Autobahn does not look at it): we use the smaller one. */
static bool is_answer_to(const struct element *answer, const struct websocket_deflate_settings *settings)
{
    unsigned int most = settings->request_max_window_bits;
    return answer->is_deflate && answer->valid &&
           (!settings->request_no_context_takeover || answer->given[SERVER_NO_TAKEOVER]) &&
           (most == 0 || (answer->given[SERVER_WINDOW] && answer->bits[SERVER_WINDOW] <= most)) &&
           window(answer, CLIENT_WINDOW) >= WEBSOCKET_WINDOW_MIN;
}

enum websocket_extensions websocket_deflate_check(const struct http_headers *response,
                                                  const struct websocket_deflate_settings *settings,
                                                  struct websocket_deflate *agreed)
{
    struct reader reader = {.headers = response};
    struct element answer, other;
    if (!next_element(&reader, &answer))
        return reader.broken ? EXTENSIONS_BROKEN : EXTENSIONS_NONE;
    if (!is_answer_to(&answer, settings) || next_element(&reader, &other) || reader.broken)
        return EXTENSIONS_BROKEN;
    *agreed = (struct websocket_deflate){
        .in.takeover = !answer.given[SERVER_NO_TAKEOVER],
        .in.window_bits = window(&answer, SERVER_WINDOW),
        .out.takeover = !settings->no_context_takeover && !answer.given[CLIENT_NO_TAKEOVER],
        .out.window_bits = least(window(&answer, CLIENT_WINDOW), settings->max_window_bits),
        .memory_level = (uint8_t)settings->memory_level,
    };
    return EXTENSIONS_DEFLATE;
}

bool websocket_deflate_fits(const struct websocket_deflate *from, const struct websocket_deflate *to)
{
    return !from->in.takeover && !to->out.takeover && from->in.window_bits <= to->out.window_bits;
}
