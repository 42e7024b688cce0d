#include "expiry.h"

#include "crossgate/base/date.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 86400 };

/* ---- stages */

static const struct {
    int64_t days;
    enum log_level level;
} stages[] = {
    [EXPIRY_CALM] = {0, LOG_QUIET},   [EXPIRY_MONTH] = {30, LOG_WARNING}, [EXPIRY_FORTNIGHT] = {14, LOG_WARNING},
    [EXPIRY_WEEK] = {7, LOG_WARNING}, [EXPIRY_DAY] = {1, LOG_ERROR},      [EXPIRY_OVER] = {0, LOG_ERROR},
};

enum expiry_stage expiry_stage_of(int64_t begins, int64_t ends, int64_t now)
{
    if (now >= ends)
        return EXPIRY_OVER;
    for (enum expiry_stage stage = EXPIRY_DAY; stage > EXPIRY_CALM; stage--) {
        int64_t length = stages[stage].days * DAY;
        if (ends - now <= length && length <= (ends - begins) / 3)
            return stage;
    }
    return EXPIRY_CALM;
}

/* ---- rows */

static int compare(const void *a, const void *b)
{
    const struct tls_certificate *first = ((const struct expiry_row *)a)->certificate;
    const struct tls_certificate *second = ((const struct expiry_row *)b)->certificate;
    if (first->ends != second->ends)
        return first->ends < second->ends ? -1 : 1;
    int order = memcmp(first->digest, second->digest, sizeof first->digest);
    return order != 0 ? order : strcmp(first->path, second->path);
}

static size_t count_all(const struct plan *plan)
{
    const struct tls_certificate *list;
    size_t count = 0;
    for (size_t i = 0; i < plan->transport_count; i++) {
        if (plan->transports[i].tls)
            count += tls_context_certificates(plan->transports[i].tls, &list);
    }
    return count;
}

static size_t collect(const struct plan *plan, struct expiry_row *rows, int64_t now)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->transport_count; i++) {
        const struct tls_certificate *list = NULL;
        size_t length = plan->transports[i].tls ? tls_context_certificates(plan->transports[i].tls, &list) : 0;
        for (size_t j = 0; j < length; j++)
            rows[count++] = (struct expiry_row){.certificate = &list[j], .since = now, .fresh = true};
    }
    return count;
}

/* Transports may share a certificate: after sorting it stands beside itself. */
static size_t drop_doubles(struct expiry_row *rows, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare(&rows[kept - 1], &rows[i]) != 0)
            rows[kept++] = rows[i];
    }
    return kept;
}

static void inherit(struct expiry_row *row, const struct expiry *from)
{
    for (size_t i = 0; i < from->count; i++) {
        if (compare(row, &from->rows[i]) != 0)
            continue;
        row->since = from->rows[i].since;
        row->said = from->rows[i].said;
        row->fresh = false;
        return;
    }
}

bool expiry_adopt(struct expiry *expiry, const struct plan *plan, int64_t now)
{
    size_t count = count_all(plan);
    struct expiry_row *rows = calloc(count + 1, sizeof *rows);
    if (rows) {
        count = collect(plan, rows, now);
        qsort(rows, count, sizeof *rows, compare);
        count = drop_doubles(rows, count);
        for (size_t i = 0; i < count; i++)
            inherit(&rows[i], expiry);
    }
    free(expiry->rows);
    *expiry = (struct expiry){.rows = rows, .count = rows ? count : 0, .check = 0};
    return rows != NULL;
}

void expiry_deinit(struct expiry *expiry)
{
    free(expiry->rows);
    *expiry = (struct expiry){.check = UINT64_MAX};
}

int64_t expiry_least(const struct expiry *expiry, int64_t now)
{
    return expiry->count > 0 ? expiry->rows[0].certificate->ends - now : INT64_MAX;
}

/* ---- telling */

/* "ends in 6 days, on 2026-12-02", "ended on …". */
static void print_end(const struct tls_certificate *certificate, int64_t now, char *text, size_t size)
{
    int64_t left = certificate->ends - now;
    char date[DATE_TEXT];
    date_print(certificate->ends, date);
    if (left <= 0)
        snprintf(text, size, "has ended on %s", date);
    else if (left < 2 * DAY)
        snprintf(text, size, "ends in %" PRId64 " hours, on %s", left / 3600, date);
    else
        snprintf(text, size, "ends in %" PRId64 " days, on %s", left / DAY, date);
}

static void tell(const struct expiry_row *row, size_t count, const char *remedy, int64_t now, struct log *log)
{
    const struct tls_certificate *certificate = row->certificate;
    char end[96], others[80] = "";
    print_end(certificate, now, end, sizeof end);
    if (count > 1)
        snprintf(others, sizeof others, ", as do %zu more (crossgate status)", count - 1);
    log_write(log, stages[row->said].level, "the certificate %s (%s) %s%s%s: %s", certificate->path,
              *certificate->names ? certificate->names : "no names", end, others,
              row->said == EXPIRY_OVER ? ", and is refused by clients" : "", remedy);
}

/* The first one that has come to the stage, and how many there are. NULL: none. */
static const struct expiry_row *find_news(const struct expiry *expiry, enum expiry_stage stage, int64_t now,
                                          size_t *count)
{
    const struct expiry_row *first = NULL;
    *count = 0;
    for (size_t i = 0; i < expiry->count; i++) {
        const struct expiry_row *row = &expiry->rows[i];
        if (row->said >= stage || expiry_stage_of(row->certificate->begins, row->certificate->ends, now) != stage)
            continue;
        first = first ? first : row;
        (*count)++;
    }
    return first;
}

static void note_stages(struct expiry *expiry, enum expiry_stage stage, const char *remedy, int64_t now,
                        struct log *log)
{
    size_t count = 0;
    const struct expiry_row *first = find_news(expiry, stage, now, &count);
    for (size_t i = 0; first && i < expiry->count; i++) {
        struct expiry_row *row = &expiry->rows[i];
        if (row->said >= stage || expiry_stage_of(row->certificate->begins, row->certificate->ends, now) != stage)
            continue;
        row->said = stage;
        if (count <= EXPIRY_EACH)
            tell(row, 1, remedy, now, log);
    }
    if (count > EXPIRY_EACH)
        tell(first, count, remedy, now, log);
}

/* By a clock that was ahead, what is to come has been said already. */
static void take_back(struct expiry *expiry, int64_t now)
{
    for (size_t i = 0; i < expiry->count; i++) {
        struct expiry_row *row = &expiry->rows[i];
        enum expiry_stage stage = expiry_stage_of(row->certificate->begins, row->certificate->ends, now);
        row->said = stage < row->said ? stage : row->said;
    }
}

void expiry_tell(struct expiry *expiry, const char *remedy, int64_t now, struct log *log)
{
    take_back(expiry, now);
    for (enum expiry_stage stage = EXPIRY_OVER; stage > EXPIRY_CALM; stage--)
        note_stages(expiry, stage, remedy, now, log);
}
