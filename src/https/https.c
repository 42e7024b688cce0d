#include "crossgate/https.h"

#include <curl/curl.h>

#include <stdlib.h>

/* Of one request; a server may name several addresses. */
enum { CONNECT_MS = 10000 };

struct https {
    CURL *curl;
    char problem[CURL_ERROR_SIZE];
    struct https_settings settings;
    char *body; /* of the last answer */
    size_t length;
    size_t fields;       /* bytes of them */
    const char *refused; /* why we have stopped reading; NULL: we have not */
};

/* Whom a URL asks: what is said of an answer begins with that. A URL may be long. */
static struct span origin_of(const char *url)
{
    const char *host = strstr(url, "://"), *end = host ? strpbrk(host + 3, "/?#") : NULL;
    return span_head(end ? span_of(url, (size_t)(end - url)) : span_string(url), 100);
}

static size_t on_body(char *bytes, size_t one, size_t length, void *user)
{
    struct https *self = user;
    bool fits = length <= HTTPS_ANSWER_MAX - self->length;
    (void)one; /* is 1 */
    char *body = fits ? realloc(self->body, self->length + length + 1) : NULL;
    if (!body) {
        self->refused = fits ? "out of memory" : "the answer is too long";
        return CURL_WRITEFUNC_ERROR;
    }
    memcpy(body + self->length, bytes, length);
    self->body = body;
    self->length += length;
    body[self->length] = '\0';
    return length;
}

/* Each line by itself. */
static size_t on_field(char *line, size_t one, size_t length, void *user)
{
    struct https *self = user;
    (void)line;
    (void)one; /* is 1 */
    self->fields += length;
    if (self->fields <= HTTPS_FIELDS_MAX)
        return length;
    self->refused = "the fields of the answer are too long";
    return CURL_WRITEFUNC_ERROR;
}

static bool set_authorities(CURL *curl, struct span authorities)
{
    struct curl_blob blob = {(void *)(uintptr_t)authorities.at, authorities.len, CURL_BLOB_COPY};
    return authorities.len == 0 || (curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK &&
                                    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK);
}

struct https *https_new(const struct https_settings *settings, struct error *error)
{
    struct https *self = calloc(1, sizeof *self);
    if (!self || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(self);
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    self->settings = *settings;
    self->settings.authorities = (struct span){0};
    self->curl = curl_easy_init();
    if (self->curl && set_authorities(self->curl, settings->authorities))
        return self;
    error_set(error, ERROR_SYSTEM,
              "no request can be made: out of memory, or libcurl takes no authorities from memory");
    https_free(self);
    return NULL;
}

void https_free(struct https *self)
{
    if (!self)
        return;
    curl_easy_cleanup(self->curl);
    free(self->body);
    free(self);
    curl_global_cleanup();
}

static bool append_field(struct curl_slist **fields, const char *name, const char *value)
{
    char line[512];
    if (!value)
        return true;
    int length = snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *longer = length < (int)sizeof line ? curl_slist_append(*fields, line) : NULL;
    if (longer)
        *fields = longer;
    return longer != NULL;
}

static bool is_set(CURLcode code, bool *worked)
{
    *worked = *worked && code == CURLE_OK;
    return *worked;
}

static bool prepare(struct https *self, const struct https_request *request, const struct curl_slist *fields)
{
    CURL *curl = self->curl;
    bool post = strcmp(request->method, "POST") == 0, worked = true;
    const char *protocols = self->settings.allow_plain ? "http,https" : "https";
    is_set(curl_easy_setopt(curl, CURLOPT_URL, request->url), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_USERAGENT, "crossgate"), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, self->problem), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_WRITEDATA, self), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_field), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_HEADERDATA, self), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)self->settings.timeout), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_NOBODY, (long)(strcmp(request->method, "HEAD") == 0)), &worked);
    if (!post)
        return is_set(curl_easy_setopt(curl, CURLOPT_HTTPGET, (long)(strcmp(request->method, "GET") == 0)), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_POST, 1L), &worked);
    is_set(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len), &worked);
    return is_set(curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.len ? (const char *)request->body.at : ""),
                  &worked);
}

/* What it came to, with the answer's status. False: *error says why. */
static bool conclude(struct https *self, CURLcode code, const char *url, int *status, struct error *error)
{
    long number = 0;
    const char *why = self->refused ? self->refused : self->problem[0] ? self->problem : curl_easy_strerror(code);
    if (code == CURLE_OK)
        curl_easy_getinfo(self->curl, CURLINFO_RESPONSE_CODE, &number);
    else
        error_set(error, ERROR_SYSTEM, "%.*s: %s", SPAN_ARGS(origin_of(url)), why);
    *status = (int)number;
    return code == CURLE_OK;
}

bool https_ask(struct https *self, const struct https_request *request, struct https_answer *answer,
               struct error *error)
{
    struct curl_slist *fields = NULL;
    free(self->body);
    self->body = NULL;
    self->length = self->fields = 0;
    self->refused = NULL;
    self->problem[0] = '\0';
    bool worked = append_field(&fields, "Content-Type", request->content_type) &&
                  append_field(&fields, "Accept", request->accept) && prepare(self, request, fields);
    if (!worked)
        error_set(error, ERROR_MEMORY, "%.*s: the request cannot be made", SPAN_ARGS(origin_of(request->url)));
    *answer = (struct https_answer){0};
    worked = worked && conclude(self, curl_easy_perform(self->curl), request->url, &answer->status, error);
    curl_easy_setopt(self->curl, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(self->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(fields);
    answer->body = span_of(self->body, self->length);
    return worked;
}

const char *https_field(struct https *self, const char *name)
{
    struct curl_header *field = NULL;
    return curl_easy_header(self->curl, name, 0, CURLH_HEADER, -1, &field) == CURLHE_OK ? field->value : NULL;
}
