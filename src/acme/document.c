#include "document.h"

/* Counts brackets outside strings, so that nothing that is deep gets as far as a recursive parser. */
static bool is_shallow(struct span bytes)
{
    unsigned depth = 0;
    bool inside = false;
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = bytes.at[i];
        if (inside && byte == '\\')
            i++;
        else if (byte == '"')
            inside = !inside;
        else if (!inside && (byte == '{' || byte == '['))
            depth++;
        else if (!inside && (byte == '}' || byte == ']') && depth > 0)
            depth--;
        if (depth > DOCUMENT_DEPTH)
            return false;
    }
    return true;
}

json_t *document_read(struct span bytes)
{
    if (bytes.len > DOCUMENT_BYTES || !is_shallow(bytes))
        return NULL;
    json_t *json = json_loadb((const char *)bytes.at, bytes.len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

bool document_is_url(const char *text)
{
    size_t length = strlen(text);
    if (length >= DOCUMENT_URL || !span_starts(span_of(text, length), SPAN("https://")))
        return false;
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at > '~' || strchr("\"<>\\", *at))
            return false;
    return true;
}

bool document_is_token(const char *text)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    return length > 0 && length < DOCUMENT_TOKEN && text[length] == '\0';
}

/* NULL if there is none that can be used. */
static const char *url_of(const json_t *value)
{
    const char *text = json_string_value(value);
    return text && document_is_url(text) ? text : NULL;
}

bool directory_read(struct directory *self, struct span bytes)
{
    json_t *json = document_read(bytes);
    const json_t *meta = json_object_get(json, "meta");
    *self = (struct directory){
        .json = json,
        .new_nonce = url_of(json_object_get(json, "newNonce")),
        .new_account = url_of(json_object_get(json, "newAccount")),
        .new_order = url_of(json_object_get(json, "newOrder")),
        .renewal_info = url_of(json_object_get(json, "renewalInfo")),
        .terms = json_string_value(json_object_get(meta, "termsOfService")),
        .wants_binding = json_is_true(json_object_get(meta, "externalAccountRequired")),
    };
    bool valid = self->new_nonce && self->new_account && self->new_order;
    if (!valid)
        directory_deinit(self);
    return valid;
}

void directory_deinit(struct directory *self)
{
    json_decref(self->json);
    *self = (struct directory){0};
}

static enum document_status status_of(const json_t *json)
{
    static const char *const names[] = {"pending", "ready", "processing", "valid"};
    const char *text = json_string_value(json_object_get(json, "status"));
    unsigned status = DOCUMENT_PENDING;
    while (status < DOCUMENT_USELESS && !(text && strcmp(text, names[status]) == 0))
        status++;
    return (enum document_status)status;
}

static bool are_urls(const json_t *list)
{
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++)
        if (!url_of(json_array_get(list, i)))
            return false;
    return count > 0 && count <= ACME_NAMES;
}

bool order_read(struct order_document *self, struct span bytes)
{
    json_t *json = document_read(bytes);
    *self = (struct order_document){
        .json = json,
        .status = status_of(json),
        .finalize = url_of(json_object_get(json, "finalize")),
        .certificate = url_of(json_object_get(json, "certificate")),
        .authorizations = json_object_get(json, "authorizations"),
        .problem = json_object_get(json, "error"),
    };
    bool valid = self->finalize && are_urls(self->authorizations) &&
                 (self->status != DOCUMENT_VALID || self->certificate != NULL);
    if (!valid)
        order_deinit(self);
    return valid;
}

const char *order_authorization(const struct order_document *self, size_t index)
{
    return json_string_value(json_array_get(self->authorizations, index));
}

void order_deinit(struct order_document *self)
{
    json_decref(self->json);
    *self = (struct order_document){0};
}

const char *document_kind(enum acme_challenge_kind kind)
{
    return kind == ACME_HTTP_01 ? "http-01" : "tls-alpn-01";
}

/* A challenge of a kind that we do not know, or that is broken, is none. */
static void read_offer(struct authorization *self, const json_t *challenge)
{
    const char *type = json_string_value(json_object_get(challenge, "type"));
    const char *token = json_string_value(json_object_get(challenge, "token"));
    const char *url = url_of(json_object_get(challenge, "url"));
    if (!type || !token || !url || !document_is_token(token))
        return;
    for (int kind = 0; kind < ACME_CHALLENGE_KINDS; kind++)
        if (strcmp(type, document_kind((enum acme_challenge_kind)kind)) == 0)
            self->offers[kind] = (struct offer){url, token, json_object_get(challenge, "error")};
}

bool authorization_read(struct authorization *self, struct span bytes)
{
    json_t *json = document_read(bytes);
    const json_t *identifier = json_object_get(json, "identifier");
    const char *type = json_string_value(json_object_get(identifier, "type"));
    const json_t *challenges = json_object_get(json, "challenges");
    *self = (struct authorization){
        .json = json,
        .status = status_of(json),
        .name = json_string_value(json_object_get(identifier, "value")),
    };
    for (size_t i = 0; i < json_array_size(challenges); i++)
        read_offer(self, json_array_get(challenges, i));
    bool valid = self->name && type && strcmp(type, "dns") == 0;
    if (!valid)
        authorization_deinit(self);
    return valid;
}

void authorization_deinit(struct authorization *self)
{
    json_decref(self->json);
    *self = (struct authorization){0};
}
