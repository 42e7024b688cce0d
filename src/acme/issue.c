/* One certificate, from the account to the chain. */
#include "account.h"
#include "authorize.h"

static bool is_wildcard(const char *name)
{
    return name[0] == '*' && name[1] == '.';
}

/* What needs no authority to be refused. */
static bool is_possible(const struct acme_order *order, struct error *error)
{
    for (size_t i = 0; i < order->name_count; i++) {
        if (!is_wildcard(order->names[i]))
            continue;
        error_set(
            error, ERROR_INPUT,
            "%s: http-01 and tls-alpn-01 cannot prove a wildcard: name each host, or have certbot or lego get the "
            "certificate by dns-01 and name its files",
            order->names[i]);
        return false;
    }
    if (order->name_count == 0 || order->name_count > ACME_NAMES)
        error_set(error, ERROR_INPUT, "a certificate can have 1 to %d names, not %zu", ACME_NAMES, order->name_count);
    else if ((order->kinds & ((1U << ACME_CHALLENGE_KINDS) - 1)) == 0)
        error_set(error, ERROR_INPUT, "no challenge can be answered: neither http-01 nor tls-alpn-01");
    else
        return true;
    return false;
}

static json_t *identifiers_of(const struct acme_order *order)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < order->name_count; i++) {
        json_t *one = json_pack("{s:s, s:s}", "type", "dns", "value", order->names[i]);
        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* "s*" leaves the member out when there is nothing to say. */
static bool place(struct issue *self, const char *replaces, struct error *error)
{
    json_t *payload = json_pack("{s:o, s:s*}", "identifiers", identifiers_of(self->order), "replaces", replaces);
    return dialogue_post(&self->dialogue, self->dialogue.directory.new_order, payload, error);
}

/* Which certificate it follows is news for the authority's planning (RFC 9773 section 5), and never a reason to go without: that it has
 * been replaced already, or that this authority has never heard of it. */
static bool place_replacing(struct issue *self)
{
    char id[PKI_CERTIFICATE_ID];
    struct error why = {0};
    const struct acme_order *order = self->order;
    if (self->without_replaces || order->replaces.len == 0 || !self->dialogue.directory.renewal_info ||
        !pki_certificate_id(order->replaces, id))
        return place(self, NULL, self->error);
    if (place(self, id, &why))
        return true;
    if (!self->dialogue.refused || complaint_is(&self->dialogue.complaint, "rateLimited")) {
        *self->error = why;
        return false;
    }
    issue_say(self, "ordering without saying which certificate is replaced: %s", self->dialogue.complaint.text);
    self->without_replaces = true;
    return place(self, NULL, self->error);
}

/* The order in the last answer, in place of what was known of it. */
static bool read_order(struct issue *self, struct order_document *known)
{
    struct order_document order;
    if (!order_read(&order, self->dialogue.answer.body)) {
        error_set(self->error, ERROR_SYSTEM, "the authority sent an order that cannot be understood");
        return false;
    }
    order_deinit(known);
    *known = order;
    return true;
}

static bool refresh(struct issue *self, const char *url, struct order_document *order)
{
    return dialogue_fetch(&self->dialogue, url, "application/json", self->error) && read_order(self, order);
}

static bool finalize(struct issue *self, struct order_document *order)
{
    struct pki_text request;
    if (!pki_request_base64url(self->order->request, &request, self->error))
        return false;
    json_t *payload = json_pack("{s:s}", "csr", request.at);
    pki_text_free(&request);
    issue_say(self, "asking for the certificate");
    return dialogue_post(&self->dialogue, order->finalize, payload, self->error) && read_order(self, order);
}

static bool refuse(struct issue *self, const struct order_document *order)
{
    struct complaint complaint;
    complaint_read(&complaint, order->problem);
    self->hopeless = complaint_is_hopeless(&complaint);
    error_set(self->error, ERROR_SYSTEM, "the authority has given the order up: %s", complaint.text);
    return false;
}

/* From an order whose names are proved, whatever is known of it, to one that is valid (RFC 8555 section 7.1.6): it is asked to be finalized once. */
static bool complete(struct issue *self, const char *url, struct order_document *order)
{
    bool finalized = false;
    dialogue_begin(&self->dialogue, "the certificate has not been issued");
    if (!refresh(self, url, order))
        return false;
    while (order->status != DOCUMENT_VALID) {
        bool ready = order->status == DOCUMENT_READY && !finalized;
        if (order->status == DOCUMENT_USELESS)
            return refuse(self, order);
        if (ready ? !finalize(self, order) : !dialogue_rest(&self->dialogue, self->error) || !refresh(self, url, order))
            return false;
        finalized = finalized || ready;
    }
    return true;
}

static bool download(struct issue *self, const char *url, struct pki_text *chain)
{
    return dialogue_fetch(&self->dialogue, url, "application/pem-certificate-chain", self->error) &&
           pki_take_chain(self->dialogue.answer.body, self->order->request, chain, self->error);
}

static enum outcome authorize_all(struct issue *self, const struct order_document *order)
{
    const char *url;
    enum outcome outcome = OUTCOME_DONE;
    if (order->status != DOCUMENT_PENDING)
        return OUTCOME_DONE;
    for (size_t i = 0; outcome == OUTCOME_DONE && (url = order_authorization(order, i)); i++)
        outcome = authorize(self, url);
    return outcome;
}

/* One order, from its beginning to its end. */
static enum outcome try_order(struct issue *self, struct pki_text *chain)
{
    char url[DOCUMENT_URL];
    struct order_document order = {0};
    enum outcome outcome = OUTCOME_FAILED;
    issue_say(self, "ordering a certificate for %s (%zu in all)", self->order->names[0], self->order->name_count);
    dialogue_begin(&self->dialogue, "the order has not been placed");
    if (place_replacing(self) && dialogue_location(&self->dialogue, url, self->error) && read_order(self, &order))
        outcome = authorize_all(self, &order);
    if (outcome == OUTCOME_DONE && !(complete(self, url, &order) && download(self, order.certificate, chain)))
        outcome = OUTCOME_FAILED;
    order_deinit(&order);
    return outcome;
}

/* Each new order comes of a challenge that has failed and is not tried again. */
static bool run(struct issue *self, struct pki_text *chain)
{
    enum outcome outcome = OUTCOME_AGAIN;
    while (outcome == OUTCOME_AGAIN)
        outcome = try_order(self, chain);
    return outcome == OUTCOME_DONE;
}

bool acme_issue(const struct acme_settings *settings, const struct acme_order *order, struct acme_result *result,
                struct error *error)
{
    struct issue self = {.order = order, .error = error};
    struct pki_text chain = {0};
    *result = (struct acme_result){.hopeless = !is_possible(order, error)};
    if (result->hopeless)
        return false;
    bool worked = dialogue_init(&self.dialogue, settings, order->account_key, error) &&
                  dialogue_open(&self.dialogue, settings->directory, error) &&
                  account_open(&self.dialogue, order, &self.hopeless, error) && run(&self, &chain);
    result->chain = chain.at;
    if (!worked) {
        result->retry_after = self.dialogue.retry_after;
        result->hopeless = self.hopeless || (self.dialogue.refused && complaint_is_hopeless(&self.dialogue.complaint));
    }
    dialogue_deinit(&self.dialogue);
    return worked;
}
