/* Whether the clock is right cannot be known from here; whether it cannot be right, can. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>

/* s: clocks of file servers differ a little. */
enum { TOLERANCE = 300 };

static const char set_clock[] = "compare it, and have it set by itself:\n  date -u\n  timedatectl set-ntp true";

/* False: it is not there. */
static bool is_later(const char *path, int64_t now, int64_t *written)
{
    struct stat facts;
    if (stat(path, &facts) != 0)
        return false;
    *written = facts.st_mtim.tv_sec;
    return *written > now + TOLERANCE;
}

/* A file that was written later than now. NULL: there is none. */
static const char *find_later(const struct doctor *doctor, int64_t now, int64_t *written)
{
    const char **names = NULL, *found = NULL;
    size_t count = 0;
    if (is_later(doctor->request->config, now, written))
        return doctor->request->config;
    if (!sources_names(doctor->sources, &names, &count))
        return NULL;
    for (size_t i = 0; i < count && !found; i++)
        found = is_later(names[i], now, written) ? names[i] : NULL;
    free(names);
    return found;
}

static void judge_files(struct doctor *doctor, int64_t now)
{
    int64_t written = 0;
    char today[DATE_TEXT], then[DATE_TEXT];
    date_print(now, today);
    const char *later = NULL;
    if (is_later("/proc/self/exe", now, &written))
        doctor_add(doctor, DOCTOR_CLOCK, today, FINDING_BAD, "clock-early", set_clock,
                   "it is %s, says the clock; but this program was made on %s", today, date_print(written, then));
    else if ((later = find_later(doctor, now, &written)))
        doctor_add(doctor, DOCTOR_CLOCK, later, FINDING_WARNING, "clock-before-file", set_clock,
                   "it is %s, says the clock; but %s was written on %s: it is wrong, or was wrong then", today, later,
                   date_print(written, then));
    else
        doctor_add(doctor, DOCTOR_CLOCK, today, FINDING_GOOD, "clock", NULL,
                   "it is %s, says the clock; no file that was looked at is of later", today);
}

static void judge_synchronisation(struct doctor *doctor)
{
    struct timex facts = {.modes = 0};
    int state = adjtimex(&facts);
    if (state < 0)
        return;
    if (state == TIME_ERROR || (facts.status & STA_UNSYNC))
        doctor_add(doctor, DOCTOR_CLOCK, "", FINDING_NOTE, "clock-alone", set_clock,
                   "nothing sets the clock, as far as the kernel knows; certificates are judged by it");
    else
        doctor_add(doctor, DOCTOR_CLOCK, "", FINDING_GOOD, "clock-synchronised", NULL,
                   "the clock is synchronised, says the kernel");
}

void examine_clock(struct doctor *doctor)
{
    judge_files(doctor, (int64_t)time(NULL));
    judge_synchronisation(doctor);
}
