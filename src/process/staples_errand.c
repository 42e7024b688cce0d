/* In the errand's process: asks the responders for one certificate.
 *
 *   job: leaf, issuer (DER), URLs…         answer: STAPLE_RESPONSE with the response, or WORD_FAILED
 */
#include "staple_word.h"
#include "staples.h"

#include "crossgate/https.h"

/* For one request, ms. */
enum { WITHIN = 10000 };

struct asker {
    struct https *https;
    struct span leaf, issuer;
    uint8_t request[PKI_OCSP_REQUEST_MAX];
    size_t length;
    struct error error; /* of the last try */
};

/* Whether the answer is of any use; an error of status 200 comes as a response, too. */
static bool is_useful(struct asker *asker, const char *url, const struct https_answer *answer)
{
    struct pki_ocsp facts;
    struct error error = {0};
    if (answer->status != 200)
        error_set(&asker->error, ERROR_INPUT, "%.100s answers with HTTP status %d", url, answer->status);
    else if (!pki_ocsp_read(answer->body, asker->leaf, asker->issuer, &facts, &error))
        error_set(&asker->error, ERROR_INPUT, "%.100s: %s", url, error.text);
    return asker->error.class == ERROR_NONE;
}

/* False: there was no answer at all, or none that is of use. */
static bool get(struct asker *asker, const char *url, const char *whole, struct https_answer *answer, bool *answered)
{
    struct https_request request = {.method = "GET", .url = whole, .accept = "application/ocsp-response"};
    asker->error = (struct error){0};
    *answered = https_ask(asker->https, &request, answer, &asker->error);
    return *answered && is_useful(asker, url, answer);
}

static bool post(struct asker *asker, const char *url, struct https_answer *answer)
{
    struct https_request request = {.method = "POST",
                                    .url = url,
                                    .content_type = "application/ocsp-request",
                                    .accept = "application/ocsp-response",
                                    .body = span_of(asker->request, asker->length)};
    asker->error = (struct error){0};
    return https_ask(asker->https, &request, answer, &asker->error) && is_useful(asker, url, answer);
}

/* GET is what caches before responders answer; not all responders know it. */
static bool ask(struct asker *asker, const char *url, struct https_answer *answer)
{
    char whole[PKI_OCSP_GET];
    bool answered = true;
    if (pki_ocsp_get_url(url, span_of(asker->request, asker->length), whole) &&
        get(asker, url, whole, answer, &answered))
        return true;
    return answered && post(asker, url, answer);
}

static bool ask_all(struct asker *asker, const struct word *job, struct https_answer *answer)
{
    for (uint32_t i = STAPLE_URLS; i < job->count; i++) {
        char url[PKI_OCSP_URL];
        snprintf(url, sizeof url, "%.*s", SPAN_ARGS(job->fields[i]));
        if (ask(asker, url, answer))
            return true;
    }
    return false;
}

/* OCSP responses are signed, so that their way need not be safe. */
static bool prepare(struct asker *asker, const struct word *job)
{
    struct https_settings settings = {.timeout = WITHIN, .allow_plain = true};
    if (job->count <= STAPLE_URLS) {
        error_set(&asker->error, ERROR_INPUT, "there is no responder to ask");
        return false;
    }
    asker->leaf = job->fields[STAPLE_LEAF];
    asker->issuer = job->fields[STAPLE_ISSUER];
    asker->https = https_new(&settings, &asker->error);
    return asker->https && pki_ocsp_request(asker->leaf, asker->issuer, asker->request, &asker->length, &asker->error);
}

int staples_run_errand(int socket, const struct word *job, uint8_t *buffer)
{
    struct asker asker = {0};
    struct https_answer answer = {0};
    (void)buffer;
    bool well = prepare(&asker, job) && ask_all(&asker, job, &answer);
    bool said = well ? word_say(socket, STAPLE_RESPONSE, answer.body)
                     : word_say(socket, WORD_FAILED, span_string(asker.error.text));
    https_free(asker.https);
    return well && said ? 0 : 1;
}
