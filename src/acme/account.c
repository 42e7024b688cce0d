#include "account.h"

#include <stdio.h>

enum { SHOWN_TERMS = 128, CONTACT = 512 };

/* What the authority wants of its customers and only the operator can give. */
static bool is_welcome(const struct directory *directory, const struct acme_order *order, struct error *error)
{
    char shown[SHOWN_TERMS];
    if (directory->wants_binding) {
        error_set(error, ERROR_INPUT,
                  "the authority takes only accounts that are bound to one of its customers, which is not supported: "
                  "use another authority");
        return false;
    }
    if (!directory->terms || order->agree_tos)
        return true;
    error_set(error, ERROR_INPUT, "the authority's terms have to be agreed to: read %s, then set agree_tos to true",
              complaint_clean(shown, sizeof shown, directory->terms));
    return false;
}

/* NULL: memory is out, or the address is no UTF-8. */
static json_t *contacts_of(const struct acme_order *order)
{
    char text[CONTACT];
    if (!order->email)
        return json_array();
    snprintf(text, sizeof text, "mailto:%s", order->email);
    return json_pack("[s]", text);
}

/* An authority without terms is not told that we agree to them. */
static json_t *registration(const struct directory *directory, json_t *contacts)
{
    json_t *payload = json_pack("{s:O}", "contact", contacts);
    if (payload && directory->terms && json_object_set_new(payload, "termsOfServiceAgreed", json_true()) != 0) {
        json_decref(payload);
        return NULL;
    }
    return payload;
}

/* The authority knows the account and answers with it as it is; a contact that is configured now is news to it (section 7.3.2). Authorities
 * that keep no contacts say none. */
static bool is_news(const struct dialogue *dialogue, const json_t *contacts)
{
    json_t *account = document_read(dialogue->answer.body);
    const json_t *known = json_object_get(account, "contact");
    bool news = dialogue->answer.status == 200 && json_is_array(known) && !json_equal(known, contacts);
    json_decref(account);
    return news;
}

static bool register_account(struct dialogue *dialogue, json_t *contacts, struct error *error)
{
    char url[DOCUMENT_URL];
    if (!dialogue_post(dialogue, dialogue->directory.new_account, registration(&dialogue->directory, contacts), error))
        return false;
    bool news = is_news(dialogue, contacts);
    if (!dialogue_location(dialogue, url, error))
        return false;
    memcpy(dialogue->account, url, sizeof url);
    return !news || dialogue_post(dialogue, url, json_pack("{s:O}", "contact", contacts), error);
}

bool account_open(struct dialogue *dialogue, const struct acme_order *order, bool *hopeless, struct error *error)
{
    if (!is_welcome(&dialogue->directory, order, error)) {
        *hopeless = true;
        return false;
    }
    dialogue_begin(dialogue, "the account has not been opened");
    json_t *contacts = contacts_of(order);
    bool worked = contacts && register_account(dialogue, contacts, error);
    if (!contacts)
        error_set(error, ERROR_INPUT, "the account's email cannot be used: it is no UTF-8");
    json_decref(contacts);
    return worked;
}
