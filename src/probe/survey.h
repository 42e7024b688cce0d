/* What a server speaks: versions, suites, groups, asked one handshake after the other, none of them finished. */
#ifndef CROSSGATE_PROBE_SURVEY_H
#define CROSSGATE_PROBE_SURVEY_H

#include "clock.h"
#include "hello.h"
#include "link.h"

struct survey {
    const struct address *address;
    const char *name; /* SNI; NULL: none */
    const struct clock *clock;
    void (*progress)(void *user, const char *what); /* may be NULL */
    void *user;
};

/* One handshake begun. `excerpt` (PROBE_WORD bytes) is of what came, if it is no TLS. HELLO_MORE: nothing or too little came,
 * and *failure says why. False: memory is out. */
struct survey_answer {
    enum hello_outcome outcome;
    enum probe_failure failure;
    struct hello_answer said;
    char excerpt[PROBE_WORD];
};
bool survey_ask(const struct survey *survey, struct hello *hello, struct survey_answer *answer)
    __attribute__((warn_unused_result));

/* The versions only; fills `report->versions`. False: memory is out. */
bool survey_versions(const struct survey *survey, struct probe_survey *report) __attribute__((warn_unused_result));

/* All. False likewise. When time is up, what was found until then is in the report. */
bool survey_make(const struct survey *survey, struct probe_survey *report) __attribute__((warn_unused_result));

#endif
