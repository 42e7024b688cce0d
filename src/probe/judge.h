/* What to think of the facts. */
#ifndef CROSSGATE_PROBE_JUDGE_H
#define CROSSGATE_PROBE_JUDGE_H

#include "crossgate/probe.h"

/* Fills findings and verdict. */
void judge(const struct probe_settings *settings, struct probe_report *report);

/* For the parts of it. `remedy` is a whole text or NULL; findings beyond the room are left out. */
void judge_add(struct probe_report *report, enum finding_severity severity, const char *id, const char *remedy,
               const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Its text, formatted; for `remedy`. */
struct remedy {
    char text[sizeof((struct finding *)0)->remedy];
};
const char *remedy_print(struct remedy *remedy, const char *format, ...) __attribute__((format(printf, 2, 3)));

void judge_certificate(const struct probe_settings *settings, struct probe_report *report);
void judge_tls(struct probe_report *report);
void judge_survey(struct probe_report *report);
void judge_http(const struct probe_settings *settings, struct probe_report *report);

#endif
