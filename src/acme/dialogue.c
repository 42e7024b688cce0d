#include "dialogue.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    BAD_NONCES_MAX = 10, /* in a row; then it is no bad luck */
    FIRST_PAUSE = 250,   /* ms */
    LAST_PAUSE = 5000,
    SHOWN_URL = 120, /* characters, in messages */
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool dialogue_init(struct dialogue *self, const struct acme_settings *settings, struct span key, struct error *error)
{
    struct https_settings how = {.authorities = settings->authorities, .timeout = settings->timeout};
    *self = (struct dialogue){.due = now_ms() + (settings->within ? settings->within : ACME_WITHIN)};
    dialogue_begin(self, "the directory has not been read");
    if (key.len > 0 && !(self->key = pki_jws_new(key, error)))
        return false;
    self->https = https_new(&how, error);
    return self->https != NULL;
}

void dialogue_deinit(struct dialogue *self)
{
    directory_deinit(&self->directory);
    https_free(self->https);
    pki_jws_free(self->key);
    *self = (struct dialogue){0};
}

/* A nonce is good for one request; each answer brings the next one (RFC 8555 section 6.5.1). */
static void keep_nonce(struct dialogue *self)
{
    const char *nonce = https_field(self->https, "Replay-Nonce");
    self->nonce[0] = '\0';
    if (nonce && document_is_token(nonce))
        snprintf(self->nonce, sizeof self->nonce, "%s", nonce);
}

void dialogue_begin(struct dialogue *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(self->step, sizeof self->step, format, arguments);
    va_end(arguments);
    self->pause = FIRST_PAUSE;
}

/* Whether that many ms more are within the time for all of it. */
static bool has_time(const struct dialogue *self, uint64_t more, struct error *error)
{
    bool left = now_ms() + more < self->due;
    if (!left)
        error_set(error, ERROR_SYSTEM, "the authority was too slow: %s in time", self->step);
    return left;
}

static void note_refusal(struct dialogue *self)
{
    json_t *problem = document_read(self->answer.body);
    complaint_read(&self->complaint, problem);
    json_decref(problem);
}

/* One request. False: there was no answer. */
static bool ask(struct dialogue *self, const struct https_request *request, struct error *error)
{
    self->refused = false;
    self->retry_after = 0;
    if (!has_time(self, 0, error) || !https_ask(self->https, request, &self->answer, error))
        return false;
    int status = self->answer.status;
    keep_nonce(self);
    self->retry_after = https_retry_after(self->https, (int64_t)time(NULL));
    self->refused = status != 200 && status != 201 && status != 204;
    if (self->refused)
        note_refusal(self);
    return true;
}

static bool judge(const struct dialogue *self, const char *url, struct error *error)
{
    char shown[SHOWN_URL];
    if (self->refused && self->complaint.type[0])
        error_set(error, ERROR_SYSTEM, "the authority refuses: %s", self->complaint.text);
    else if (self->refused)
        error_set(error, ERROR_SYSTEM, "%s answered %d: %s", complaint_clean(shown, sizeof shown, url),
                  self->answer.status, self->complaint.text);
    return !self->refused;
}

bool dialogue_get(struct dialogue *self, const char *url, struct error *error)
{
    return ask(self, &(struct https_request){.method = "GET", .url = url, .accept = "application/json"}, error) &&
           judge(self, url, error);
}

bool dialogue_open(struct dialogue *self, const char *url, struct error *error)
{
    char shown[SHOWN_URL];
    if (!document_is_url(url)) {
        error_set(error, ERROR_INPUT, "the authority's directory has to be an https URL");
        return false;
    }
    if (!dialogue_get(self, url, error))
        return false;
    if (directory_read(&self->directory, self->answer.body))
        return true;
    error_set(error, ERROR_SYSTEM, "%s is not the directory of an ACME authority",
              complaint_clean(shown, sizeof shown, url));
    return false;
}

static bool fetch_nonce(struct dialogue *self, struct error *error)
{
    const char *url = self->directory.new_nonce;
    if (!ask(self, &(struct https_request){.method = "HEAD", .url = url}, error) || !judge(self, url, error))
        return false;
    if (self->nonce[0] == '\0')
        error_set(error, ERROR_SYSTEM, "the authority gives no nonce that can be used (Replay-Nonce)");
    return self->nonce[0] != '\0';
}

/* The protected header: who signs, for which URL, and the nonce (RFC 8555 section 6.2). */
static char *make_header(const struct dialogue *self, const char *url)
{
    bool known = self->account[0] != '\0';
    json_t *who = known ? json_string(self->account) : json_loads(pki_jws_public(self->key), 0, NULL);
    json_t *header =
        json_pack("{s:s, s:s, s:s, s:o}", "alg", "ES256", "nonce", self->nonce, "url", url, known ? "kid" : "jwk", who);
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    return text;
}

static bool sign(const struct dialogue *self, const char *url, struct span payload, struct pki_text *message,
                 struct error *error)
{
    char *header = make_header(self, url);
    if (!header)
        error_set(error, ERROR_MEMORY, "out of memory");
    bool worked = header && pki_jws_sign(self->key, span_string(header), payload, message, error);
    free(header);
    return worked;
}

/* Signs and sends once. False: there was no answer. */
static bool send_signed(struct dialogue *self, const char *url, struct span payload, const char *accept,
                        struct error *error)
{
    struct pki_text message = {0};
    if (self->nonce[0] == '\0' && !fetch_nonce(self, error))
        return false;
    bool worked = sign(self, url, payload, &message, error) &&
                  ask(self,
                      &(struct https_request){.method = "POST",
                                              .url = url,
                                              .content_type = "application/jose+json",
                                              .accept = accept,
                                              .body = span_of(message.at, message.len)},
                      error);
    pki_text_free(&message);
    return worked;
}

/* A nonce may be refused for no fault of ours, and the refusal brings another one (RFC 8555 section 6.5). */
static bool insist(struct dialogue *self, const char *url, struct span payload, const char *accept, struct error *error)
{
    for (int tries = 0; tries < BAD_NONCES_MAX; tries++) {
        if (!send_signed(self, url, payload, accept, error))
            return false;
        if (!self->refused || !complaint_is(&self->complaint, "badNonce"))
            return judge(self, url, error);
    }
    error_set(error, ERROR_SYSTEM, "the authority refused its own nonces %d times in a row", BAD_NONCES_MAX);
    return false;
}

bool dialogue_fetch(struct dialogue *self, const char *url, const char *accept, struct error *error)
{
    return insist(self, url, (struct span){0}, accept, error);
}

bool dialogue_post(struct dialogue *self, const char *url, json_t *payload, struct error *error)
{
    char *text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
    if (!text)
        error_set(error, ERROR_MEMORY, "out of memory");
    bool worked = text && insist(self, url, span_string(text), "application/json", error);
    free(text);
    json_decref(payload);
    return worked;
}

bool dialogue_location(struct dialogue *self, char url[DOCUMENT_URL], struct error *error)
{
    const char *location = https_field(self->https, "Location");
    bool valid = location && document_is_url(location);
    if (valid)
        snprintf(url, DOCUMENT_URL, "%s", location);
    else
        error_set(error, ERROR_SYSTEM, "the authority does not say where what it made can be found (Location)");
    return valid;
}

bool dialogue_rest(struct dialogue *self, struct error *error)
{
    uint64_t pause = self->pause, asked = (uint64_t)self->retry_after * 1000;
    if (asked > pause)
        pause = asked;
    if (!has_time(self, pause, error))
        return false;
    struct timespec rest = {.tv_sec = (time_t)(pause / 1000), .tv_nsec = (long)(pause % 1000) * 1000000};
    while (nanosleep(&rest, &rest) != 0)
        ;
    self->pause = self->pause < LAST_PAUSE / 2 ? self->pause * 2 : LAST_PAUSE;
    return true;
}
