/* The order of the examinations. */
#include "doctor.h"

#include "proc.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- for all */

void doctor_add(struct doctor *doctor, enum doctor_section section, const char *subject, enum finding_severity severity,
                const char *id, const char *remedy, const char *format, ...)
{
    struct doctor_report *report = doctor->report;
    report->cut |= report->count == DOCTOR_ROWS_MAX;
    if (report->count == DOCTOR_ROWS_MAX)
        return;
    struct doctor_row *row = &report->rows[report->count++];
    va_list arguments;
    va_start(arguments, format);
    *row = (struct doctor_row){.section = section};
    snprintf(row->subject, sizeof row->subject, "%s", subject);
    finding_set(&row->finding, severity, id, remedy, format, arguments);
    va_end(arguments);
}

const char *doctor_print(struct doctor_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text->at, sizeof text->at, format, arguments);
    va_end(arguments);
    return text->at;
}

const char *doctor_print_user(uid_t user, char text[DOCTOR_USER])
{
    const struct passwd *found = getpwuid(user);
    if (found)
        snprintf(text, DOCTOR_USER, "%s", found->pw_name);
    else
        snprintf(text, DOCTOR_USER, "%u", (unsigned)user);
    return text;
}

const char *doctor_plural(size_t count)
{
    return count == 1 ? "" : "s";
}

void doctor_put_field(const char *text, FILE *out)
{
    for (; *text; text++)
        putc((unsigned char)*text < ' ' || *text == 0x7F ? '?' : *text, out);
}

bool doctor_needs_authorities(const struct plan *plan)
{
    const struct plan_staple *staple = plan->staples;
    while (staple && !staple->is_fetched)
        staple = staple->next;
    return staple || plan->acmes;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

uint32_t doctor_left(const struct doctor *doctor, uint32_t most)
{
    uint64_t at = now(), left = doctor->until > at ? doctor->until - at : 0;
    return left < most ? (uint32_t)left : most;
}

/* ---- reading */

static bool load(struct doctor *doctor)
{
    doctor->diagnostics = diagnostics_new();
    doctor->sources = sources_new_disk(doctor->request);
    if (!doctor->diagnostics || !doctor->sources)
        return false;
    doctor->plan = plan_load(doctor->sources, NULL, doctor->diagnostics);
    return true;
}

/* Of a configuration that cannot be read the control socket is where it is by default. */
static void ask_master(struct doctor *doctor)
{
    enum { PATIENCE = 2 };
    struct doctor_text path;
    const char *control = doctor->plan ? doctor->plan->process.control
                                       : doctor_print(&path, "%s/%s", doctor->request->node_dir, PROCESS_CONTROL);
    if (control)
        running_ask(&doctor->running, control, PATIENCE);
    else
        error_set(&doctor->running.error, ERROR_INPUT, "the configuration gives it no control socket");
    doctor->running.unknown |= !control;
    doctor->report->master = doctor->running.master;
}

/* ---- as the workers' user */

static bool of_running(const struct doctor *doctor, char user[16], char group[16])
{
    uid_t uid;
    gid_t gid;
    if (doctor->running.worker_count == 0 || !proc_identity(doctor->running.workers[0], &uid, &gid))
        return false;
    snprintf(user, 16, "%u", (unsigned)uid);
    snprintf(group, 16, "%u", (unsigned)gid);
    return true;
}

/* Workers that run may have another user than the configuration says (--user). Without root all is looked at as ourselves. */
static void find_account(struct doctor *doctor)
{
    struct error error = {0};
    char user[16], group[16];
    const struct plan_process *process = &doctor->plan->process;
    bool is_root = geteuid() == 0;
    if (is_root && of_running(doctor, user, group))
        doctor->has_account = account_init(&doctor->account, user, group, &error);
    else
        doctor->has_account =
            account_init(&doctor->account, is_root ? process->user : NULL, is_root ? process->group : NULL, &error);
    if (!doctor->has_account)
        doctor_add(doctor, DOCTOR_FILES, process->user ? process->user : "nobody", FINDING_BAD, "no-user",
                   "make the account, or name another: `user` and `group` of the object \"crossgate\"", "%s",
                   error.text);
}

static void act(void *user, FILE *out)
{
    const struct doctor *doctor = user;
    look_at_backends(doctor, out);
    look_at_directories(doctor, out);
}

static void send_deputy(struct doctor *doctor)
{
    struct error error = {0};
    if (!doctor->plan)
        return;
    find_account(doctor);
    if (doctor->has_account)
        doctor->deputy = deputy_new(&doctor->account, act, doctor, &error);
    if (doctor->has_account && !doctor->deputy)
        doctor_add(doctor, DOCTOR_FILES, "", FINDING_NOTE, "not-looked", NULL,
                   "directories and backends were not looked at: %s", error.text);
}

static void hear_deputy(struct doctor *doctor)
{
    struct control_fields line;
    char *text = NULL, *rest;
    if (!doctor->deputy)
        return;
    bool whole = deputy_end(doctor->deputy, doctor_left(doctor, DOCTOR_WITHIN), &text);
    for (rest = text; rest && control_cut_line(&rest, &line);) {
        if (strcmp(line.at[0], FILE_WORD) == 0)
            judge_directory(doctor, &line);
        else if (strcmp(line.at[0], BACKEND_WORD) == 0)
            judge_backend(doctor, &line);
    }
    free(text);
    if (!whole)
        doctor_add(doctor, DOCTOR_BACKENDS, "", FINDING_NOTE, "not-looked",
                   "look again; is the machine, or a file system, slow?",
                   "not all directories and backends could be looked at in time");
}

/* ---- */

/* Those of a section stay in their order. */
static void sort(struct doctor_report *report)
{
    struct doctor_row *sorted = calloc(report->count + 1, sizeof *sorted);
    size_t count = 0;
    if (!sorted)
        return;
    for (enum doctor_section section = 0; section < DOCTOR_SECTIONS; section++)
        for (size_t i = 0; i < report->count; i++)
            if (report->rows[i].section == section)
                sorted[count++] = report->rows[i];
    free(report->rows);
    report->rows = sorted;
}

static void examine(struct doctor *doctor)
{
    ask_master(doctor);
    send_deputy(doctor);
    holders_read(&doctor->holders);
    examine_configuration(doctor);
    examine_running(doctor);
    if (doctor->plan) {
        examine_endpoints(doctor);
        examine_files(doctor);
        examine_certificates(doctor);
        examine_backends(doctor);
        examine_limits(doctor);
    }
    examine_clock(doctor);
    hear_deputy(doctor);
    sort(doctor->report);
}

static void deinit(struct doctor *doctor)
{
    if (doctor->has_account)
        account_deinit(&doctor->account);
    holders_deinit(&doctor->holders);
    if (doctor->plan)
        counted_unref(&doctor->plan->counted);
    sources_free(doctor->sources);
    diagnostics_free(doctor->diagnostics);
}

struct doctor_report *doctor_examine(const struct plan_request *request)
{
    struct doctor_report *report = calloc(1, sizeof *report);
    struct doctor *doctor = calloc(1, sizeof *doctor);
    bool worked = false;
    if (report)
        report->rows = calloc(DOCTOR_ROWS_MAX, sizeof *report->rows);
    if (doctor && report && report->rows) {
        *doctor = (struct doctor){.request = request, .report = report, .until = now() + DOCTOR_WITHIN};
        worked = load(doctor);
        if (worked)
            examine(doctor);
        deinit(doctor);
    }
    free(doctor);
    if (worked)
        return report;
    doctor_report_free(report);
    return NULL;
}

void doctor_report_free(struct doctor_report *report)
{
    if (report)
        free(report->rows);
    free(report);
}

enum finding_severity doctor_worst(const struct doctor_report *report)
{
    enum finding_severity worst = FINDING_GOOD;
    for (size_t i = 0; i < report->count; i++)
        if (report->rows[i].finding.severity > worst)
            worst = report->rows[i].finding.severity;
    return worst;
}
