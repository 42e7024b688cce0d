#include "authorize.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void issue_say(const struct issue *self, const char *format, ...)
{
    char text[900];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    self->order->progress(self->order->user, text);
}

/* False: *error says why. The caller deinits it otherwise. */
static bool fetch(struct issue *self, const char *url, struct authorization *authorization)
{
    if (!dialogue_fetch(&self->dialogue, url, "application/json", self->error))
        return false;
    bool valid = authorization_read(authorization, self->dialogue.answer.body);
    if (!valid)
        error_set(self->error, ERROR_SYSTEM, "the authority sent an authorization that cannot be understood");
    return valid;
}

/* Which of our names it is about. ACME_NAMES: none. */
static size_t index_of(const struct acme_order *order, const char *name)
{
    for (size_t i = 0; i < order->name_count; i++)
        if (strcasecmp(order->names[i], name) == 0)
            return i;
    return ACME_NAMES;
}

static bool may_try(const struct issue *self, const struct authorization *authorization, size_t name, int kind)
{
    unsigned left = self->order->kinds & ~(unsigned)self->failed[name];
    return (left & 1U << kind) != 0 && authorization->offers[kind].url;
}

/* "TOKEN.THUMBPRINT" (RFC 8555 section 8.1). */
enum { KEY_AUTHORIZATION = DOCUMENT_TOKEN + PKI_BASE64URL(PKI_SHA256) };

static void describe(const struct issue *self, const struct authorization *authorization, size_t name,
                     struct acme_challenge *challenge, char text[KEY_AUTHORIZATION])
{
    const char *token = authorization->offers[challenge->kind].token;
    snprintf(text, KEY_AUTHORIZATION, "%s.%s", token, pki_jws_thumbprint(self->dialogue.key));
    challenge->name = self->order->names[name];
    challenge->token = token;
    challenge->key_authorization = text;
}

/* Waits until the authority has made up its mind. *seen is the authorization as it is then; the caller deinits it, if this is true. */
static bool await(struct issue *self, const char *url, const char *name, struct authorization *seen)
{
    char what[160];
    snprintf(what, sizeof what, "%s has not been validated in time", name);
    dialogue_begin_rest(&self->dialogue);
    while (dialogue_rest(&self->dialogue, what, self->error) && fetch(self, url, seen)) {
        if (seen->status != DOCUMENT_PENDING && seen->status != DOCUMENT_PROCESSING)
            return true;
        authorization_deinit(seen);
    }
    return false;
}

/* The challenge's failure is told in full, since the error has room for its beginning only. */
static enum outcome conclude(struct issue *self, const struct authorization *seen,
                             const struct acme_challenge *challenge, size_t name)
{
    struct complaint complaint;
    const char *kind = document_kind(challenge->kind);
    if (seen->status == DOCUMENT_VALID)
        return OUTCOME_DONE;
    complaint_read(&complaint, seen->offers[challenge->kind].problem);
    issue_say(self, "%s: %s failed: %s", challenge->name, kind, complaint.text);
    self->failed[name] |= (uint8_t)(1U << challenge->kind);
    for (int other = 0; other < ACME_CHALLENGE_KINDS; other++)
        if (may_try(self, seen, name, other))
            return OUTCOME_AGAIN;
    self->hopeless = complaint_is_hopeless(&complaint);
    error_set(self->error, ERROR_SYSTEM, "%s: %s failed: %s", challenge->name, kind, complaint.text);
    return OUTCOME_FAILED;
}

static enum outcome respond(struct issue *self, const char *url, const struct offer *offer,
                            const struct acme_challenge *challenge, size_t name)
{
    struct authorization seen;
    issue_say(self, "%s: answering %s", challenge->name, document_kind(challenge->kind));
    if (!dialogue_post(&self->dialogue, offer->url, json_object(), self->error) ||
        !await(self, url, challenge->name, &seen))
        return OUTCOME_FAILED;
    enum outcome outcome = conclude(self, &seen, challenge, name);
    authorization_deinit(&seen);
    return outcome;
}

/* The first kind that we can answer. A challenge that was never responded to spoils nothing. */
static enum outcome prove(struct issue *self, const char *url, const struct authorization *authorization, size_t name)
{
    char text[KEY_AUTHORIZATION];
    const struct acme_order *order = self->order;
    for (int kind = 0; kind < ACME_CHALLENGE_KINDS; kind++) {
        struct acme_challenge challenge = {.kind = (enum acme_challenge_kind)kind};
        if (!may_try(self, authorization, name, kind))
            continue;
        describe(self, authorization, name, &challenge, text);
        bool published = order->publish(order->user, &challenge);
        enum outcome outcome = OUTCOME_FAILED;
        if (published)
            outcome = respond(self, url, &authorization->offers[kind], &challenge, name);
        order->withdraw(order->user, &challenge);
        if (published)
            return outcome;
        issue_say(self, "%s: %s cannot be answered here", challenge.name, document_kind(challenge.kind));
    }
    error_set(self->error, ERROR_SYSTEM, "%s: none of the challenges that the authority offers can be answered",
              order->names[name]);
    return OUTCOME_FAILED;
}

enum outcome authorize(struct issue *self, const char *url)
{
    char shown[128];
    struct authorization authorization;
    if (!fetch(self, url, &authorization))
        return OUTCOME_FAILED;
    size_t name = index_of(self->order, authorization.name);
    enum outcome outcome = OUTCOME_FAILED;
    if (name == ACME_NAMES)
        error_set(self->error, ERROR_SYSTEM, "the authority wants a proof for %s, which was not ordered",
                  complaint_clean(shown, sizeof shown, authorization.name));
    else if (authorization.status == DOCUMENT_VALID)
        outcome = OUTCOME_DONE;
    else if (authorization.status == DOCUMENT_USELESS)
        error_set(self->error, ERROR_SYSTEM, "%s: the authority's authorization is not valid any more",
                  self->order->names[name]);
    else
        outcome = prove(self, url, &authorization, name);
    authorization_deinit(&authorization);
    return outcome;
}
