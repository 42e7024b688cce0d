#include "authorize.h"

#include <stdarg.h>
#include <stdio.h>

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

/* What is wanted of us, and how we go about it. */
struct proof {
    const char *url; /* of the authorization */
    const struct authorization *wanted;
    size_t name; /* index of the order's */
    struct acme_challenge challenge;
    char key_authorization[DOCUMENT_TOKEN + PKI_BASE64URL(PKI_SHA256)];
};

/* As it was offered: when a challenge has failed, the authority shows no other any more. */
static bool may_try(const struct issue *self, const struct proof *proof, int kind)
{
    unsigned left = self->order->kinds & ~(unsigned)self->failed[proof->name];
    return (left & 1U << kind) != 0 && proof->wanted->offers[kind].url;
}

/* "TOKEN.THUMBPRINT" (RFC 8555 section 8.1). */
static void choose(const struct issue *self, struct proof *proof, int kind)
{
    const char *token = proof->wanted->offers[kind].token;
    snprintf(proof->key_authorization, sizeof proof->key_authorization, "%s.%s", token,
             pki_jws_thumbprint(self->dialogue.key));
    proof->challenge = (struct acme_challenge){.kind = (enum acme_challenge_kind)kind,
                                               .name = self->order->names[proof->name],
                                               .token = token,
                                               .key_authorization = proof->key_authorization};
}

/* Waits until the authority has made up its mind. *seen is the authorization as it is then; the caller deinits it, if this is true. */
static bool await(struct issue *self, const struct proof *proof, struct authorization *seen)
{
    while (dialogue_rest(&self->dialogue, self->error) && fetch(self, proof->url, seen)) {
        if (seen->status != DOCUMENT_PENDING && seen->status != DOCUMENT_PROCESSING)
            return true;
        authorization_deinit(seen);
    }
    return false;
}

/* The failure is told in full, since the error has room for its beginning only. */
static enum outcome conclude(struct issue *self, const struct proof *proof, const struct authorization *seen)
{
    struct complaint complaint;
    const struct acme_challenge *challenge = &proof->challenge;
    const char *kind = document_kind(challenge->kind);
    if (seen->status == DOCUMENT_VALID)
        return OUTCOME_DONE;
    complaint_read(&complaint, seen->offers[challenge->kind].problem);
    issue_say(self, "%s: %s failed: %s", challenge->name, kind, complaint.text);
    self->failed[proof->name] |= (uint8_t)(1U << challenge->kind);
    for (int other = 0; other < ACME_CHALLENGE_KINDS; other++)
        if (may_try(self, proof, other))
            return OUTCOME_AGAIN;
    issue_say(self,
              "%s: the authority asks port %s of each address that DNS has for this name, and that must lead here",
              challenge->name, challenge->kind == ACME_HTTP_01 ? "80" : "443");
    self->hopeless = complaint_is_hopeless(&complaint);
    error_set(self->error, ERROR_SYSTEM, "%s: %s failed: %s", challenge->name, kind, complaint.text);
    return OUTCOME_FAILED;
}

static enum outcome respond(struct issue *self, const struct proof *proof)
{
    struct authorization seen;
    const struct acme_challenge *challenge = &proof->challenge;
    dialogue_begin(&self->dialogue, "%s has not been validated", challenge->name);
    issue_say(self, "%s: answering %s", challenge->name, document_kind(challenge->kind));
    if (!dialogue_post(&self->dialogue, proof->wanted->offers[challenge->kind].url, json_object(), self->error) ||
        !await(self, proof, &seen))
        return OUTCOME_FAILED;
    enum outcome outcome = conclude(self, proof, &seen);
    authorization_deinit(&seen);
    return outcome;
}

/* The first kind that we can answer. A challenge that was never responded to spoils nothing. */
static enum outcome prove(struct issue *self, struct proof *proof)
{
    const struct acme_order *order = self->order;
    const struct acme_challenge *challenge = &proof->challenge;
    for (int kind = 0; kind < ACME_CHALLENGE_KINDS; kind++) {
        if (!may_try(self, proof, kind))
            continue;
        choose(self, proof, kind);
        bool published = order->publish(order->user, challenge);
        enum outcome outcome = published ? respond(self, proof) : OUTCOME_FAILED;
        order->withdraw(order->user, challenge);
        if (published)
            return outcome;
        issue_say(self, "%s: %s cannot be answered here", challenge->name, document_kind(challenge->kind));
    }
    error_set(self->error, ERROR_SYSTEM, "%s: none of the challenges that the authority offers can be answered",
              order->names[proof->name]);
    return OUTCOME_FAILED;
}

static enum outcome settle(struct issue *self, const char *url, const struct authorization *wanted)
{
    char shown[128];
    struct proof proof = {.url = url, .wanted = wanted, .name = index_of(self->order, wanted->name)};
    if (wanted->status == DOCUMENT_VALID)
        return OUTCOME_DONE;
    if (proof.name == ACME_NAMES)
        error_set(self->error, ERROR_SYSTEM, "the authority wants a proof for %s, which was not ordered",
                  complaint_clean(shown, sizeof shown, wanted->name));
    else if (wanted->status == DOCUMENT_USELESS)
        error_set(self->error, ERROR_SYSTEM, "%s: the authority's authorization is not valid any more",
                  self->order->names[proof.name]);
    else
        return prove(self, &proof);
    return OUTCOME_FAILED;
}

enum outcome authorize(struct issue *self, const char *url)
{
    struct authorization wanted;
    dialogue_begin(&self->dialogue, "an authorization has not been read");
    if (!fetch(self, url, &wanted))
        return OUTCOME_FAILED;
    enum outcome outcome = settle(self, url, &wanted);
    authorization_deinit(&wanted);
    return outcome;
}
