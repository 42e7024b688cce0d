/* What all examinations share. */
#ifndef CROSSGATE_DOCTOR_DOCTOR_H
#define CROSSGATE_DOCTOR_DOCTOR_H

#include "holders.h"
#include "running.h"

#include "crossgate/account.h"
#include "crossgate/base/date.h"
#include "crossgate/config.h"
#include "crossgate/doctor.h"
#include "crossgate/plan.h"
#include "crossgate/process.h"

struct doctor {
    const struct plan_request *request;
    struct doctor_report *report;
    uint64_t until; /* ms, monotonic */
    struct diagnostics *diagnostics;
    struct sources *sources;
    struct plan *plan; /* NULL: it cannot be served */
    struct running running;
    struct holders holders;
    struct account account; /* of the workers */
    bool has_account;
    struct deputy *deputy; /* looks at directories and backends as the workers' user meanwhile; NULL: nobody does */
};

/* One more row; `remedy` is a whole text or NULL. Without memory it is left out. */
void doctor_add(struct doctor *doctor, enum doctor_section section, const char *subject, enum finding_severity severity,
                const char *id, const char *remedy, const char *format, ...) __attribute__((format(printf, 7, 8)));

/* Its text, formatted; for `remedy` and `subject`. */
struct doctor_text {
    char at[sizeof((struct finding *)0)->remedy];
};
const char *doctor_print(struct doctor_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The user's name, or its number. */
enum { DOCTOR_USER = 64 };
const char *doctor_print_user(uid_t user, char text[DOCTOR_USER]);

/* ms that are left, `most` at most; 0: none. */
uint32_t doctor_left(const struct doctor *doctor, uint32_t most);

/* Without what would end a field, or change a terminal. */
void doctor_put_field(const char *text, FILE *out);

/* Whether the master orders or fetches something in the background: it has to write what it gets, and to find authorities. */
bool doctor_needs_authorities(const struct plan *plan);

/* "s" unless there is one. */
const char *doctor_plural(size_t count);

void examine_configuration(struct doctor *doctor);
void examine_running(struct doctor *doctor);
void examine_endpoints(struct doctor *doctor);
void examine_files(struct doctor *doctor);
void examine_certificates(struct doctor *doctor);
void examine_backends(struct doctor *doctor);
void examine_clock(struct doctor *doctor);
void examine_limits(struct doctor *doctor);

/* What the deputy looks at, and writes: lines whose fields are separated by tabs, the first one says for whom they are. `user` is the
 * doctor. */
#define FILE_WORD    "directory"
#define BACKEND_WORD "backend"
void look_at_directories(const struct doctor *doctor, FILE *out);
void look_at_backends(const struct doctor *doctor, FILE *out);

/* Lines of theirs. */
void judge_directory(struct doctor *doctor, const struct control_fields *line);
void judge_backend(struct doctor *doctor, const struct control_fields *line);

#endif
