/* When the authority wants a certificate to be renewed (RFC 9773). */
#include "dialogue.h"
#include "moment.h"

#include <stdio.h>

/* s: what section 4.3.2 takes for reasonable, and what to do when nothing is said. */
enum { AGAIN_LEAST = 60, AGAIN_MOST = 86400, AGAIN_USUAL = 6 * 3600 };

static uint32_t again_after(uint32_t asked)
{
    if (asked == 0)
        return AGAIN_USUAL;
    return asked < AGAIN_LEAST ? AGAIN_LEAST : asked > AGAIN_MOST ? AGAIN_MOST : asked;
}

static bool read_moment(const json_t *window, const char *name, int64_t *seconds)
{
    const char *text = json_string_value(json_object_get(window, name));
    return text && moment_read(span_string(text), seconds);
}

static bool read_window(struct span bytes, struct acme_window *window)
{
    json_t *json = document_read(bytes);
    const json_t *suggested = json_object_get(json, "suggestedWindow");
    bool valid = read_moment(suggested, "start", &window->start) && read_moment(suggested, "end", &window->end) &&
                 window->start < window->end;
    json_decref(json);
    return valid;
}

static bool ask(struct dialogue *dialogue, const char *id, struct acme_window *window, struct error *error)
{
    char url[DOCUMENT_URL + PKI_CERTIFICATE_ID + 1];
    const char *base = dialogue->directory.renewal_info;
    if (!base) {
        error_set(error, ERROR_SYSTEM, "the authority does not offer renewal information");
        return false;
    }
    const char *slash = base[strlen(base) - 1] == '/' ? "" : "/";
    snprintf(url, sizeof url, "%s%s%s", base, slash, id);
    dialogue_begin(dialogue, "the renewal information has not been read");
    if (!dialogue_get(dialogue, url, error))
        return false;
    window->retry_after = again_after(dialogue->retry_after);
    if (read_window(dialogue->answer.body, window))
        return true;
    error_set(error, ERROR_SYSTEM, "the authority sent renewal information that cannot be understood");
    return false;
}

bool acme_ask_window(const struct acme_settings *settings, struct span certificate, struct acme_window *window,
                     struct error *error)
{
    char id[PKI_CERTIFICATE_ID];
    struct dialogue dialogue;
    *window = (struct acme_window){0};
    if (!pki_certificate_id(certificate, id)) {
        error_set(error, ERROR_INPUT, "the certificate has no authority key identifier to ask by");
        return false;
    }
    bool worked = dialogue_init(&dialogue, settings, (struct span){0}, error) &&
                  dialogue_open(&dialogue, settings->directory, error) && ask(&dialogue, id, window, error);
    dialogue_deinit(&dialogue);
    return worked;
}
