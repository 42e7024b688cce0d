/* A new edition is put in force in two steps, so that it is in force everywhere or nowhere: every worker builds it beside
 * the one it runs, and only when all have answered READY they are told to switch. */
#include "master.h"

#include <string.h>

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

static void begin(struct master *master)
{
    master->reload_wanted = false;
    control_begin(&master->control);
    master->next = edition_new(master->options, ++master->editions, master->edition, &master->log);
    if (!master->next) {
        refuse(master, "");
        return;
    }
    warn_of_account(master);
    master->crew.objection = false;
}

static void commit(struct master *master)
{
    struct edition *old = master->edition;
    if (!crew_adopt(&master->crew, master->next)) {
        refuse(master, ", out of memory");
        return;
    }
    crew_switch(&master->crew);
    master->edition = master->next;
    master->next = NULL;
    staples_follow(&master->staples, master->edition->plan, master->crew.now);
    log_write(&master->log, LOG_INFO, "reloaded: %zu transport%s, %u worker%s", master->edition->door_count,
              master->edition->door_count == 1 ? "" : "s", master->edition->workers,
              master->edition->workers == 1 ? "" : "s");
    master_log_doors(master, false);
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
        refuse(master, " by a worker");
        return;
    }
    crew_prepare(crew, master->next);
    if (crew_in_state(crew, CHILD_STARTING) == 0 && crew_in_state(crew, CHILD_PREPARING) == 0)
        commit(master);
}

/* One that is wanted while another is under way comes after it. */
void reload_settle(struct master *master)
{
    if (master->next)
        weigh(master);
    if (master->next || !master->reload_wanted || crew_in_state(&master->crew, CHILD_STARTING) > 0)
        return;
    begin(master);
    if (master->next)
        weigh(master);
}

void reload_renew(struct master *master)
{
    master->reload_wanted = !master->crew.stopping;
}

void reload_cancel(struct master *master)
{
    crew_drop(&master->crew);
    edition_free(master->next);
    master->next = NULL;
}
