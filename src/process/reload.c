/* A new edition is put in force in two steps, so that it is in force everywhere or nowhere: every worker builds it beside
 * the one it runs, and only when all have answered READY they are told to switch. That it is in force is said when all have answered
 * again: who connects then is served by it, whatever a worker was busy with when it was told. */
#include "master.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Privileges are dropped when a worker starts, and there is no way back. */
static void warn_of_account(struct master *master)
{
    const struct plan_process *old = &master->edition->plan->process, *new = &master->next->plan->process;
    if ((!master->options->user && !same_text(old->user, new->user)) ||
        (!master->options->group && !same_text(old->group, new->group)))
        log_write(&master->log, LOG_WARNING,
                  "another user or group for the workers needs a restart to come into force");
}

static void refuse(struct master *master, const char *why)
{
    log_write(&master->log, LOG_ERROR, "reload refused%s: the configuration in force stays as it was", why);
    control_conclude(
        &master->control,
        "error refused: crossgate check (or the log) says why; the configuration in force stays as it was\n",
        master->crew.now);
    reload_cancel(master);
}

static void object(struct master *master, const char *why)
{
    if (!master->renews) {
        refuse(master, why);
        return;
    }
    renewal_refuse(&master->renewal, master->next, master->crew.reason, master->crew.now);
    reload_cancel(master);
}

static void begin_reload(struct master *master)
{
    master->reload_wanted = master->renews = false;
    control_begin(&master->control);
    master->next = edition_new(master->options, ++master->editions, master->edition, &master->log);
    if (!master->next)
        refuse(master, "");
    else
        warn_of_account(master);
}

static void begin_renewal(struct master *master)
{
    master->renews = true;
    master->next = renewal_try(&master->renewal, master->edition, master->editions + 1, master->crew.now);
    if (!master->next)
        return;
    master->editions++;
    *master->crew.reason = '\0'; /* what it says later is about this edition */
}

/* ---- in force */

static void watch_files(struct master *master)
{
    const char **names = NULL;
    size_t count = 0;
    bool watches = master->edition->plan->process.watch, worked = true;
    if (watches)
        worked = sources_names(master->edition->sources, &names, &count);
    if (!worked || !watch_set(&master->watch, names, count, master->crew.now))
        log_write(&master->log, LOG_ERROR, "out of memory: changes of files are not noticed until a reload");
    free(names);
}

void reload_watch(struct master *master)
{
    watch_files(master);
    if (!expiry_adopt(&master->expiry, master->edition->plan, time(NULL)))
        log_write(&master->log, LOG_ERROR, "out of memory: ends of certificates are not watched until a reload");
}

static void say_reloaded(struct master *master)
{
    const struct edition *edition = master->edition;
    log_write(&master->log, LOG_INFO, "reloaded: %zu transport%s, %u worker%s", edition->door_count,
              edition->door_count == 1 ? "" : "s", edition->workers, edition->workers == 1 ? "" : "s");
    master_log_doors(master, false);
}

/* From here on there is no way back. */
static void commit(struct master *master)
{
    if (!crew_adopt(&master->crew, master->next)) {
        object(master, ", out of memory");
        return;
    }
    tickets_adopt(&master->crew.tickets, &master->next->plan->process, &master->log, master->crew.now);
    crew_switch(&master->crew);
}

static bool is_committed(const struct master *master)
{
    return master->crew.edition == master->next;
}

static void succeed(struct master *master)
{
    struct edition *old = master->edition;
    master->edition = master->next;
    master->next = NULL;
    reload_watch(master);
    if (master->renews) {
        renewal_succeed(&master->renewal, old, master->edition, &master->expiry, time(NULL));
    } else {
        renewal_forget(&master->renewal);
        say_reloaded(master);
    }
    staples_follow(&master->staples, master->edition->plan, master->crew.now);
    acme_adopt(&master->acme, master->edition->plan);
    if (!master->renews)
        acme_retry(&master->acme);
    edition_succeed(master->edition);
    edition_free(old);
    crew_keep_drained(&master->crew, master->edition->plan);
    control_listen(&master->control, master->edition->plan->process.control);
    control_conclude(&master->control, "ok\n", master->crew.now);
}

/* Workers that start while the others prepare are asked as soon as they serve. */
static void weigh(struct master *master)
{
    struct crew *crew = &master->crew;
    if (crew->objection) {
        object(master, " by a worker");
        return;
    }
    crew_prepare(crew, master->next);
    if (crew_in_state(crew, CHILD_STARTING) == 0 && crew_in_state(crew, CHILD_PREPARING) == 0)
        commit(master);
}

static void go_on(struct master *master)
{
    if (!is_committed(master))
        weigh(master);
    if (master->next && is_committed(master) && crew_in_state(&master->crew, CHILD_SWITCHING) == 0)
        succeed(master);
}

/* One that is wanted while another is under way comes after it. A reload comes first: it reads all files, too; a renewal that is
 * wanted is so all the same, since the reload may be refused. */
void reload_settle(struct master *master)
{
    if (master->next)
        go_on(master);
    while (!master->next && (master->reload_wanted || master->renewal.wanted)) {
        if (crew_in_state(&master->crew, CHILD_STARTING) > 0)
            return;
        if (master->reload_wanted)
            begin_reload(master);
        else
            begin_renewal(master);
        master->crew.objection = false;
        if (master->next)
            go_on(master);
    }
}

void reload_renew(struct master *master)
{
    master->renewal.wanted = !master->crew.stopping;
}

void reload_cancel(struct master *master)
{
    if (master->next && is_committed(master)) {
        succeed(master);
        return;
    }
    crew_drop(&master->crew);
    edition_free(master->next);
    master->next = NULL;
}
