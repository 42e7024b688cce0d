#include "acme_word.h"

#include <assert.h>
#include <stdio.h>

static size_t print_names(const struct plan_acme *plan, char names[ACME_JOB_NAMES_BYTES])
{
    size_t used = 0;
    for (size_t i = 0; i < plan->domain_count; i++) {
        int length = snprintf(names + used, ACME_JOB_NAMES_BYTES - used, "%s\n", plan->domains[i]);
        assert(length > 0 && (size_t)length < ACME_JOB_NAMES_BYTES - used);
        used += (size_t)length;
    }
    return used;
}

void acme_job_fill(struct word *job, const struct plan_acme *plan, struct span account, struct span request,
                   char names[ACME_JOB_NAMES_BYTES])
{
    static const char *const kinds[2][2] = {{"00", "01"}, {"10", "11"}};
    *job = (struct word){.kind = request.len > 0 ? ACME_ISSUE : ACME_ASK, .count = ACME_JOB_FIELDS};
    job->fields[ACME_JOB_DIRECTORY] = span_string(plan->directory);
    job->fields[ACME_JOB_AUTHORITIES] = plan->authorities;
    job->fields[ACME_JOB_EMAIL] = span_string(plan->email);
    job->fields[ACME_JOB_KINDS] = span_string(kinds[plan->http_01][plan->tls_alpn_01]);
    job->fields[ACME_JOB_ACCOUNT] = account;
    job->fields[ACME_JOB_NAMES] = span_of(names, print_names(plan, names));
    job->fields[ACME_JOB_REQUEST] = request;
    job->fields[ACME_JOB_LEAF] = span_string(plan->leaf);
}
