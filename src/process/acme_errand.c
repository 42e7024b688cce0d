/* The errand of kind "acme": talks to the authority, and to the master about challenges. */
#include "acme_word.h"

#include "crossgate/acme.h"
#include "crossgate/base/challenge.h"

#include <stdio.h>
#include <stdlib.h>

/* For one request to the authority, ms; and for all of a job, so that it ends with words before the master ends it. */
enum { REQUEST_WITHIN = 30000, ORDER_WITHIN = 540000, QUESTION_WITHIN = 60000 };

/* Strings made of a job's fields. */
enum { TEXTS_MAX = 4 };

struct errand_of_acme {
    int socket;
    uint8_t *buffer;
    char *texts[TEXTS_MAX];
    size_t text_count;
    const char *names[ACME_NAMES];
    size_t name_count;
};

/* The field as a string. NULL when memory is out. */
static char *text_of(struct errand_of_acme *self, struct span field)
{
    char *text = self->text_count < TEXTS_MAX ? strndup((const char *)field.at, field.len) : NULL;
    if (text)
        self->texts[self->text_count++] = text;
    return text;
}

static bool set_names(struct errand_of_acme *self, struct span lines)
{
    char *rest = text_of(self, lines);
    for (char *line; rest && *rest && self->name_count < ACME_NAMES;) {
        line = strsep(&rest, "\n");
        self->names[self->name_count++] = line;
    }
    return self->name_count > 0;
}

/* ---- to the master */

static bool say(const struct errand_of_acme *self, enum acme_word kind, const struct span *fields, uint32_t count)
{
    struct word word = {.kind = kind, .count = count};
    memcpy(word.fields, fields, count * sizeof *fields);
    return word_send(self->socket, &word);
}

static void progress(void *user, const char *text)
{
    const struct span field = span_string(text);
    if (!say(user, ACME_PROGRESS, &field, 1))
        exit(1); /* the master is gone */
}

/* False: it cannot be told in words. */
static bool say_challenge(struct errand_of_acme *self, enum acme_word kind, const struct acme_challenge *asked)
{
    struct challenge challenge = {.kind = asked->kind == ACME_HTTP_01 ? CHALLENGE_HTTP_01 : CHALLENGE_TLS_ALPN_01};
    char text[CHALLENGE_TEXT];
    if (strlen(asked->name) >= CHALLENGE_NAME || strlen(asked->token) >= CHALLENGE_TOKEN ||
        strlen(asked->key_authorization) >= CHALLENGE_PROOF)
        return false;
    memcpy(challenge.name, asked->name, strlen(asked->name));
    memcpy(challenge.token, asked->token, strlen(asked->token));
    memcpy(challenge.proof, asked->key_authorization, strlen(asked->key_authorization));
    challenge_print(&challenge, text);
    const struct span field = span_string(text);
    return say(self, kind, &field, 1);
}

static bool publish(void *user, const struct acme_challenge *asked)
{
    struct errand_of_acme *self = user;
    struct word answer;
    return say_challenge(self, ACME_PUBLISH, asked) && word_receive(self->socket, self->buffer, &answer) == WORD_OK &&
           answer.kind == ACME_PUBLISHED && answer.count == 1 && span_equal(answer.fields[0], SPAN("yes"));
}

/* What the master does not hear of, it withdraws when the errand ends. */
static void withdraw(void *user, const struct acme_challenge *asked)
{
    (void)say_challenge(user, ACME_WITHDRAW, asked);
}

/* ---- jobs */

static int issue(struct errand_of_acme *self, const struct word *job, const struct acme_settings *settings)
{
    struct span kinds = job->fields[ACME_JOB_KINDS];
    struct acme_order order = {
        .email = job->fields[ACME_JOB_EMAIL].len > 0 ? text_of(self, job->fields[ACME_JOB_EMAIL]) : NULL,
        .agree_tos = true, /* or there would be no job */
        .account_key = job->fields[ACME_JOB_ACCOUNT],
        .names = self->names,
        .name_count = self->name_count,
        .request = job->fields[ACME_JOB_REQUEST],
        .replaces = job->fields[ACME_JOB_LEAF],
        .kinds = (kinds.at[0] == '1' ? 1U << ACME_HTTP_01 : 0) | (kinds.at[1] == '1' ? 1U << ACME_TLS_ALPN_01 : 0),
        .publish = publish,
        .withdraw = withdraw,
        .progress = progress,
        .user = self,
    };
    struct acme_result result = {0};
    struct error error = {0};
    if (job->fields[ACME_JOB_EMAIL].len > 0 && !order.email)
        return 1;
    bool worked = acme_issue(settings, &order, &result, &error);
    struct acme_verdict verdict = {result.retry_after, result.hopeless};
    const struct span fields[] = {span_string(worked ? result.chain : ""), span_of(&verdict, sizeof verdict),
                                  span_string(error.text)};
    bool said = say(self, ACME_ISSUED, fields, 3);
    free(result.chain);
    return said ? 0 : 1;
}

static int ask(struct errand_of_acme *self, const struct word *job, const struct acme_settings *settings)
{
    struct acme_window window = {0};
    struct error error = {0};
    struct acme_times times = {0};
    if (acme_ask_window(settings, job->fields[ACME_JOB_LEAF], &window, &error))
        times = (struct acme_times){window.start, window.end, window.retry_after};
    const struct span fields[] = {span_of(&times, sizeof times), span_string(error.text)};
    return say(self, ACME_WINDOW, fields, 2) ? 0 : 1;
}

int acme_errand(int socket, const struct word *job, uint8_t *buffer)
{
    struct errand_of_acme self = {.socket = socket, .buffer = buffer};
    int status = 1;
    if (job->count != ACME_JOB_FIELDS || job->fields[ACME_JOB_KINDS].len != CHALLENGE_KINDS)
        return status;
    const struct acme_settings settings = {.directory = text_of(&self, job->fields[ACME_JOB_DIRECTORY]),
                                           .authorities = job->fields[ACME_JOB_AUTHORITIES],
                                           .timeout = REQUEST_WITHIN,
                                           .within = job->kind == ACME_ISSUE ? ORDER_WITHIN : QUESTION_WITHIN};
    if (settings.directory && set_names(&self, job->fields[ACME_JOB_NAMES]))
        status = job->kind == ACME_ISSUE ? issue(&self, job, &settings) : ask(&self, job, &settings);
    for (size_t i = 0; i < self.text_count; i++)
        free(self.texts[i]);
    return status;
}
