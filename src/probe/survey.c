#include "survey.h"

#include "suites.h"
#include "text.h"

#include <stdlib.h>
#include <sys/random.h>

enum { TLS_1_3 = 0x0304 };

/* Certificates are most of what a server says first; more than this is no answer. */
enum { ANSWER_MAX = 65536 };

struct inbox {
    struct hello_reader reader;
    size_t length;
    uint8_t bytes[ANSWER_MAX];
};

static struct span first_line(struct span text)
{
    size_t length = 0;
    while (length < text.len && text.at[length] != '\r' && text.at[length] != '\n')
        length++;
    return span_head(text, length);
}

static void read_answer(struct link *link, struct inbox *inbox, uint64_t until, struct survey_answer *answer)
{
    while (answer->outcome == HELLO_MORE && answer->failure == PROBE_NO_FAILURE && inbox->length < ANSWER_MAX) {
        size_t more;
        answer->failure = link_read(link, inbox->bytes + inbox->length, ANSWER_MAX - inbox->length, &more, until);
        inbox->length += more;
        answer->outcome = hello_read(&inbox->reader, span_of(inbox->bytes, inbox->length));
    }
    answer->said = inbox->reader.answer;
    if (answer->outcome == HELLO_NOT_TLS)
        TEXT_COPY(answer->excerpt, first_line(span_of(inbox->bytes, inbox->length)));
}

bool survey_ask(const struct survey *survey, struct hello *hello, struct survey_answer *answer)
{
    struct inbox *inbox = calloc(1, sizeof *inbox);
    struct link link;
    uint8_t bytes[HELLO_MAX];
    *answer = (struct survey_answer){.outcome = HELLO_MORE};
    if (!inbox || getrandom(hello->random, sizeof hello->random, 0) != (ssize_t)sizeof hello->random) {
        free(inbox);
        return false;
    }
    hello->name = survey->name;
    uint64_t until = clock_step(survey->clock);
    answer->failure = link_dial(&link, survey->address, until);
    if (answer->failure == PROBE_NO_FAILURE)
        answer->failure = link_write(&link, span_of(bytes, hello_print(hello, bytes)), until);
    read_answer(&link, inbox, until, answer);
    link_close(&link);
    free(inbox);
    return true;
}

/* ---- lists of what is still offered */

struct offer {
    uint16_t version;
    uint16_t suites[PROBE_SUITES_MAX];
    size_t suite_count;
    uint16_t groups[PROBE_GROUPS_MAX];
    size_t group_count;
};

static bool holds(const uint16_t *numbers, size_t count, uint16_t wanted)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == wanted)
            return true;
    return false;
}

static void drop(uint16_t *numbers, size_t *count, uint16_t unwanted)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (numbers[i] != unwanted)
            numbers[kept++] = numbers[i];
    *count = kept;
}

static void offer_init(struct offer *offer, uint16_t version)
{
    offer->version = version;
    offer->suite_count = suites_of(version, offer->suites);
    offer->group_count = groups_of(version, offer->groups);
}

/* Who is asked, and how it went so far. */
struct asking {
    const struct survey *survey;
    struct probe_survey *report;
    bool late;   /* time is up */
    bool failed; /* memory is out */
};

/* Whether the server takes the offer as it was made. A server that stays silent or breaks off has said no to this one, but may
 * have had enough of us, too. */
static bool accepts(struct asking *asking, const struct offer *offer, struct hello_answer *said)
{
    struct hello hello = {.version = offer->version,
                          .suites = offer->suites,
                          .suite_count = offer->suite_count,
                          .groups = offer->groups,
                          .group_count = offer->group_count};
    struct survey_answer answer;
    asking->late = clock_is_over(asking->survey->clock);
    if (asking->late || asking->failed)
        return false;
    asking->failed = !survey_ask(asking->survey, &hello, &answer);
    if (asking->failed)
        return false;
    asking->report->handshakes++;
    if (answer.failure == PROBE_SILENT)
        asking->report->cut_short = true;
    *said = answer.said;
    return answer.outcome == HELLO_ACCEPTED && said->version == offer->version &&
           holds(offer->suites, offer->suite_count, said->suite);
}

static void tell(const struct asking *asking, const char *what)
{
    if (asking->survey->progress)
        asking->survey->progress(asking->survey->user, what);
}

/* ---- suites of one version */

static void note_dh(struct probe_survey *report, unsigned bits)
{
    if (bits > 0 && (report->least_dh_bits == 0 || bits < report->least_dh_bits))
        report->least_dh_bits = bits;
}

/* Offered in reverse of what was chosen: whose order counts? */
static void ask_preference(struct asking *asking, const struct offer *all, size_t first, struct probe_version *version)
{
    struct probe_survey *report = asking->report;
    struct offer offer = *all;
    struct hello_answer said;
    offer.suite_count = 0;
    for (size_t i = report->suite_count; i > first; i--)
        offer.suites[offer.suite_count++] = report->suites[i - 1].id;
    if (offer.suite_count < 2 || !accepts(asking, &offer, &said))
        return;
    version->server_prefers = said.suite == report->suites[first].id ? PROBE_YES : PROBE_NO;
}

static void ask_suites(struct asking *asking, struct probe_version *version)
{
    struct probe_survey *report = asking->report;
    struct hello_answer said;
    struct offer offer;
    size_t first = report->suite_count;
    offer_init(&offer, version->version);
    while (offer.suite_count > 0 && report->suite_count < PROBE_SUITES_MAX && accepts(asking, &offer, &said)) {
        tell(asking, suite_describe(said.suite, version->version).name);
        report->suites[report->suite_count++] = suite_describe(said.suite, version->version);
        note_dh(report, said.dh_bits);
        drop(offer.suites, &offer.suite_count, said.suite);
    }
    if (report->suite_count > first)
        version->spoken = PROBE_YES;
    ask_preference(asking, &offer, first, version);
}

/* ---- groups of the best version */

static void ask_groups(struct asking *asking, uint16_t version)
{
    struct probe_survey *report = asking->report;
    struct hello_answer said;
    struct offer offer;
    offer_init(&offer, version);
    if (version < TLS_1_3)
        offer.suite_count = suites_with_groups(offer.suites);
    report->groups_of = version;
    while (offer.group_count > 0 && report->group_count < PROBE_GROUPS_MAX && accepts(asking, &offer, &said) &&
           holds(offer.groups, offer.group_count, said.group)) {
        report->groups[report->group_count++] = group_describe(said.group);
        drop(offer.groups, &offer.group_count, said.group);
    }
}

/* ---- all */

static void list_versions(struct probe_survey *report)
{
    for (size_t i = 0; i < PROBE_VERSIONS; i++)
        report->versions[i] = (struct probe_version){.version = (uint16_t)(TLS_1_3 - i), .spoken = PROBE_NO};
}

bool survey_versions(const struct survey *survey, struct probe_survey *report)
{
    struct asking asking = {.survey = survey, .report = report};
    struct hello_answer said;
    struct offer offer;
    list_versions(report);
    for (size_t i = 0; i < PROBE_VERSIONS; i++) {
        offer_init(&offer, report->versions[i].version);
        if (accepts(&asking, &offer, &said))
            report->versions[i].spoken = PROBE_YES;
    }
    return !asking.failed;
}

bool survey_make(const struct survey *survey, struct probe_survey *report)
{
    struct asking asking = {.survey = survey, .report = report};
    list_versions(report);
    report->made = true;
    for (size_t i = 0; i < PROBE_VERSIONS; i++) {
        tell(&asking, probe_version_name(report->versions[i].version));
        ask_suites(&asking, &report->versions[i]);
    }
    tell(&asking, "groups");
    for (size_t i = 0; i < PROBE_VERSIONS && report->groups_of == 0; i++)
        if (report->versions[i].spoken == PROBE_YES)
            ask_groups(&asking, report->versions[i].version);
    report->cut_short |= asking.late;
    return !asking.failed;
}
