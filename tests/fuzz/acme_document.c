/* Documents of an authority. The first byte chooses which one is expected. What is read holds what document.h promises: whoever uses it
 * looks at it no more. */
#include "complaint.h"
#include "moment.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(const char *url)
{
    assert(!url || document_is_url(url));
}

static void check_directory(struct span bytes)
{
    struct directory directory;
    if (!directory_read(&directory, bytes))
        return;
    assert(directory.new_nonce && directory.new_account && directory.new_order);
    check_url(directory.new_nonce);
    check_url(directory.new_account);
    check_url(directory.new_order);
    check_url(directory.renewal_info);
    directory_deinit(&directory);
}

static void check_complaint(const json_t *problem)
{
    struct complaint complaint;
    complaint_read(&complaint, problem);
    assert(complaint.text[0] != '\0');
    for (const char *at = complaint.text; *at; at++)
        assert(*at >= ' ' && *at <= '~');
    for (const char *at = complaint.type; *at; at++)
        assert(*at >= ' ' && *at <= '~');
}

static void check_order(struct span bytes)
{
    const char *url;
    size_t count = 0;
    struct order_document order;
    if (!order_read(&order, bytes))
        return;
    assert(order.finalize && (order.certificate || order.status != DOCUMENT_VALID));
    check_url(order.finalize);
    check_url(order.certificate);
    while ((url = order_authorization(&order, count))) {
        check_url(url);
        count++;
    }
    assert(count > 0 && count <= ACME_NAMES);
    check_complaint(order.problem);
    order_deinit(&order);
}

static void check_authorization(struct span bytes)
{
    struct authorization authorization;
    if (!authorization_read(&authorization, bytes))
        return;
    assert(authorization.name);
    for (int kind = 0; kind < ACME_CHALLENGE_KINDS; kind++) {
        const struct offer *offer = &authorization.offers[kind];
        assert(!offer->url == !offer->token);
        check_url(offer->url);
        assert(!offer->token || document_is_token(offer->token));
        check_complaint(offer->problem);
    }
    authorization_deinit(&authorization);
}

static void check_problem(struct span bytes)
{
    json_t *problem = document_read(bytes);
    check_complaint(problem);
    json_decref(problem);
}

/* Years 0000 to 9999, a day more for the offset. */
static void check_moment(struct span bytes)
{
    int64_t seconds = 0;
    if (moment_read(bytes, &seconds))
        assert(seconds >= -62167219200 - 86400 && seconds <= 253402300799 + 86400);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct span bytes) = {check_directory, check_order, check_authorization,
                                                        check_problem, check_moment};
    if (size > 0)
        checks[data[0] % (sizeof checks / sizeof checks[0])](span_of(data + 1, size - 1));
    return 0;
}
