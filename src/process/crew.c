#include "crew.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAUSE_FIRST = 100, PAUSE_LAST = 30000 };
/* What a worker may take beyond its drain timeout, ms. */
enum { LEAVE_GRACE = 5000 };
/* An honest worker leaves fewer messages unread. What a dead one has forked may go on for ever. */
enum { LAST_WORDS_MAX = 8 };

uint32_t crew_pause(unsigned early_deaths)
{
    if (early_deaths < 2)
        return 0;
    unsigned doublings = early_deaths - 2;
    return doublings < 9 && PAUSE_FIRST << doublings < PAUSE_LAST ? (uint32_t)PAUSE_FIRST << doublings : PAUSE_LAST;
}

/* ---- one child */

/* Its socket would report its end on and on. */
static void hang_up(struct crew *crew, struct child *child)
{
    if (child->control < 0)
        return;
    epoll_ctl(crew->events, EPOLL_CTL_DEL, child->control, NULL);
    close(child->control);
    child->control = -1;
}

static void tell(struct child *child, const struct handover *message)
{
    if (child->control >= 0 && !handover_send(child->control, message))
        child_kill(child);
}

static void tell_of_edition(struct child *child, enum handover_type type, uint64_t edition)
{
    tell(child, &(struct handover){.type = type, .edition = edition});
}

static void tell_of_backend(struct child *child, const char *name, bool drained)
{
    struct handover message = {.type = drained ? HANDOVER_DRAIN : HANDOVER_RESUME};
    snprintf(message.text, sizeof message.text, "%s", name);
    tell(child, &message);
}

static void tell_of_tickets(const struct crew *crew, struct child *child)
{
    struct handover message = {.type = HANDOVER_TICKETS, .tickets = crew->tickets.ring};
    tell(child, &message);
    tls_ticket_ring_wipe(&message.tickets);
}

static void tell_of_challenge(struct child *child, enum handover_type type, const struct challenge *challenge,
                              uint64_t number)
{
    struct handover message = {.type = type, .edition = number};
    challenge_print(challenge, message.text);
    tell(child, &message);
}

/* What it must know before it serves an edition. */
static void switch_to(struct crew *crew, struct child *child)
{
    tell_of_tickets(crew, child);
    for (size_t i = 0; crew->challenges && i < crew->challenges->count; i++)
        tell_of_challenge(child, HANDOVER_CHALLENGE, &crew->challenges->at[i], crew->challenge);
    for (size_t i = 0; i < crew->drained.count; i++)
        tell_of_backend(child, crew->drained.names[i], true);
    tell_of_edition(child, HANDOVER_SWITCH, child->asked);
}

/* False: it is dead, or as good as dead. */
static bool send_edition(struct crew *crew, struct child *child, const struct edition *edition)
{
    if (child->control < 0)
        return false;
    child->asked = edition->number;
    child->due = crew->now + CREW_READY_WITHIN;
    if (edition_send(edition, child->index, crew->log->level, child->control))
        return true;
    if (errno != EPIPE && errno != ECONNRESET) /* its death is told when it is waited for */
        log_write(crew->log, LOG_ERROR, "worker %u (pid %d) cannot be sent the plan: %s", child->index, (int)child->pid,
                  strerror(errno));
    child_kill(child);
    return false;
}

/* Its place is free, for a successor as soon as crew_pause allows; `when` says so. */
static void vacate(struct crew *crew, const struct child *child, char *when, size_t size)
{
    struct crew_place *place = &crew->places[child->index];
    bool early = child->state == CHILD_STARTING || crew->now - child->started < CREW_EARLY;
    place->child = NULL;
    place->early_deaths = early ? place->early_deaths + 1 : 0;
    place->restart = crew->now + crew_pause(place->early_deaths);
    if (!crew->has_served)
        when[0] = '\0';
    else if (place->restart > crew->now)
        snprintf(when, size, "; another one starts in %u ms", (unsigned)(place->restart - crew->now));
    else
        snprintf(when, size, "; another one starts at once");
}

/* From its place to the leavers. */
static void dismiss(struct crew *crew, struct child *child)
{
    if (child->state == CHILD_LEAVING)
        return;
    child->state = CHILD_LEAVING;
    child->due = crew->now + crew->edition->plan->process.drain_timeout + LEAVE_GRACE;
    crew->places[child->index].child = NULL;
    list_append(&crew->leavers, &child->link);
}

static void start(struct crew *crew, unsigned index)
{
    struct crew_place *place = &crew->places[index];
    struct error error = {0};
    struct child *child = child_start(crew->executable, crew->account, index, &error);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = child};
    if (!child) {
        log_write(crew->log, LOG_ERROR, "%s", error.text);
        snprintf(crew->reason, sizeof crew->reason, "%s", error.text);
        place->restart = crew->now + crew_pause(++place->early_deaths + 1);
        return;
    }
    place->child = child;
    child->state = CHILD_STARTING;
    child->started = crew->now;
    if (epoll_ctl(crew->events, EPOLL_CTL_ADD, child->control, &event) < 0)
        child_kill(child);
    send_edition(crew, child, crew->edition);
}

/* ---- messages */

static void on_ready(struct crew *crew, struct child *child)
{
    if (child->state == CHILD_STARTING) {
        child->state = CHILD_SERVING;
        crew->has_served = true;
        switch_to(crew, child);
    } else if (child->state == CHILD_PREPARING) {
        child->state = CHILD_PREPARED;
    } else {
        return;
    }
    child->due = UINT64_MAX;
}

static void on_switched(struct child *child)
{
    if (child->state != CHILD_SWITCHING)
        return;
    child->state = CHILD_SERVING;
    child->due = UINT64_MAX;
}

static void on_refused(struct crew *crew, struct child *child, const char *text)
{
    if (child->state != CHILD_STARTING && child->state != CHILD_PREPARING)
        return;
    log_write(crew->log, LOG_ERROR, "worker %u: %s", child->index, text);
    snprintf(crew->reason, sizeof crew->reason, "%s", text);
    child->due = UINT64_MAX;
    if (child->state == CHILD_PREPARING) {
        child->state = CHILD_SERVING;
        crew->objection = true;
    } else {
        child->excused = true;
        child_kill(child);
    }
}

/* As a death as far as its place is concerned: who comes only to go is not replaced again and again. */
static void on_leaving(struct crew *crew, struct child *child)
{
    char next[64];
    vacate(crew, child, next, sizeof next);
    dismiss(crew, child);
    log_write(crew->log, LOG_INFO, "worker %u (pid %d) leaves without our word%s", child->index, (int)child->pid, next);
}

/* Answers to an edition that was dropped meanwhile are late; those of edition 0 come from before the exec. */
static void on_message(struct crew *crew, struct child *child, const struct handover *message)
{
    bool answers = message->edition == child->asked || message->edition == 0;
    if (message->type == HANDOVER_READY && answers)
        on_ready(crew, child);
    else if (message->type == HANDOVER_REFUSED && answers)
        on_refused(crew, child, message->text);
    else if (message->type == HANDOVER_SWITCHED && answers)
        on_switched(child);
    else if (message->type == HANDOVER_HELD)
        child->held = message->edition;
    else if (message->type == HANDOVER_LEAVING && child->state != CHILD_LEAVING)
        on_leaving(crew, child);
}

static enum handover_result hear_one(struct crew *crew, struct child *child)
{
    struct handover message;
    enum handover_result result = handover_receive(child->control, &message);
    if (result != HANDOVER_OK)
        return result;
    for (size_t i = 0; i < message.count; i++)
        close(message.descriptors[i]); /* workers have none to give */
    on_message(crew, child, &message);
    return result;
}

void crew_hear(struct crew *crew, struct child *child)
{
    enum handover_result result = hear_one(crew, child);
    if (result == HANDOVER_OK || result == HANDOVER_NOTHING)
        return;
    if (result == HANDOVER_BROKEN)
        log_write(crew->log, LOG_ERROR, "worker %u (pid %d) has sent what is no message: it is killed", child->index,
                  (int)child->pid);
    /* Its socket is closed by its death; alive without it, it would be of no use. */
    child_kill(child);
    hang_up(crew, child);
}

/* ---- deaths */

static struct child *find(const struct crew *crew, pid_t pid)
{
    for (unsigned i = 0; i < crew->count; i++) {
        if (crew->places[i].child && crew->places[i].child->pid == pid)
            return crew->places[i].child;
    }
    for (struct list *at = crew->leavers.next; at != &crew->leavers; at = at->next) {
        struct child *child = CONTAINER_OF(at, struct child, link);
        if (child->pid == pid)
            return child;
    }
    return NULL;
}

static enum log_level seriousness(const struct crew *crew, const struct child *child, int status)
{
    if (child->state == CHILD_LEAVING && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return LOG_DEBUG;
    return crew->stopping ? LOG_WARNING : LOG_ERROR;
}

static void report(const struct crew *crew, const struct child *child, int status, const char *next)
{
    char words[80], lost[64] = "";
    uint64_t open = atomic_load_explicit(&child->counters->connections_open, memory_order_relaxed);
    if (child->excused)
        return;
    if (open > 0)
        snprintf(lost, sizeof lost, ", and %llu connection(s) with it", (unsigned long long)open);
    child_status_print(status, words, sizeof words);
    log_write(crew->log, seriousness(crew, child, status), "worker %u (pid %d) %s%s%s", child->index, (int)child->pid,
              words, lost, next);
}

static void on_death(struct crew *crew, struct child *child, int status)
{
    char next[64] = "";
    for (int i = 0; i < LAST_WORDS_MAX && child->control >= 0 && hear_one(crew, child) == HANDOVER_OK; i++) {
        /* They may still wait. */
    }
    if (child->state == CHILD_PREPARING)
        crew->objection = true;
    if (child->state != CHILD_LEAVING)
        vacate(crew, child, next, sizeof next);
    report(crew, child, status, next);
    list_remove(&child->link);
    hang_up(crew, child);
    child_free(child);
}

bool crew_bury(struct crew *crew, pid_t pid, int status)
{
    struct child *child = find(crew, pid);
    if (child)
        on_death(crew, child, status);
    return child != NULL;
}

/* ---- what should be */

static void check_due(struct crew *crew, struct child *child)
{
    if (crew->now < child->due)
        return;
    child->due = UINT64_MAX;
    child->excused = child->state == CHILD_LEAVING;
    log_write(crew->log, LOG_ERROR, "worker %u (pid %d) %s in time: it is killed", child->index, (int)child->pid,
              child->state == CHILD_LEAVING ? "has not left" : "has not got ready");
    child_kill(child);
}

/* Until one worker has shown that the edition can be served, each place has one try. */
static bool may_start(const struct crew *crew, const struct crew_place *place)
{
    return !place->child && crew->now >= place->restart && (crew->has_served || place->early_deaths == 0);
}

void crew_settle(struct crew *crew)
{
    for (unsigned i = 0; i < crew->count; i++) {
        if (crew->places[i].child)
            check_due(crew, crew->places[i].child);
        else if (!crew->stopping && may_start(crew, &crew->places[i]))
            start(crew, i);
    }
    for (struct list *at = crew->leavers.next; at != &crew->leavers; at = at->next)
        check_due(crew, CONTAINER_OF(at, struct child, link));
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t crew_next(const struct crew *crew)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < crew->count; i++) {
        const struct crew_place *place = &crew->places[i];
        if (place->child)
            next = earlier(next, place->child->due);
        else if (!crew->stopping && (crew->has_served || place->early_deaths == 0))
            next = earlier(next, place->restart);
    }
    for (struct list *at = crew->leavers.next; at != &crew->leavers; at = at->next)
        next = earlier(next, CONTAINER_OF(at, struct child, link)->due);
    return next;
}

bool crew_adopt(struct crew *crew, struct edition *edition)
{
    if (edition->workers > crew->count) {
        struct crew_place *places = realloc(crew->places, edition->workers * sizeof *places);
        if (!places)
            return false;
        for (unsigned i = crew->count; i < edition->workers; i++)
            places[i] = (struct crew_place){0};
        crew->places = places;
    }
    for (unsigned i = edition->workers; i < crew->count; i++) {
        struct child *child = crew->places[i].child;
        if (!child)
            continue;
        dismiss(crew, child);
        tell_of_edition(child, HANDOVER_LEAVE, 0);
    }
    crew->edition = edition;
    crew->count = edition->workers;
    for (unsigned i = 0; i < crew->count; i++) {
        struct crew_place *place = &crew->places[i];
        if (!place->child) /* what it died of may be mended */
            *place = (struct crew_place){0};
    }
    return true;
}

void crew_prepare(struct crew *crew, const struct edition *edition)
{
    for (unsigned i = 0; i < crew->count && i < edition->workers; i++) {
        struct child *child = crew->places[i].child;
        if (!child || child->state != CHILD_SERVING)
            continue;
        /* One that has died meanwhile has not died of the edition: its successor is asked. */
        if (send_edition(crew, child, edition))
            child->state = CHILD_PREPARING;
    }
}

void crew_switch(struct crew *crew)
{
    assert(crew_in_state(crew, CHILD_PREPARING) == 0);
    for (unsigned i = 0; i < crew->count; i++) {
        struct child *child = crew->places[i].child;
        if (!child || child->state != CHILD_PREPARED)
            continue;
        child->state = CHILD_SWITCHING;
        child->due = crew->now + CREW_READY_WITHIN;
        switch_to(crew, child);
    }
}

void crew_drop(struct crew *crew)
{
    for (unsigned i = 0; i < crew->count; i++) {
        struct child *child = crew->places[i].child;
        if (!child || (child->state != CHILD_PREPARING && child->state != CHILD_PREPARED))
            continue;
        child->state = CHILD_SERVING;
        child->due = UINT64_MAX;
        tell_of_edition(child, HANDOVER_DROP, child->asked);
    }
}

static void tell_all_of_backend(struct crew *crew, const char *name, bool drained)
{
    for (unsigned i = 0; i < crew->count; i++) {
        struct child *child = crew->places[i].child;
        if (child && child->state != CHILD_STARTING)
            tell_of_backend(child, name, drained);
    }
}

bool crew_set_drained(struct crew *crew, const char *name, bool drained)
{
    if (drained ? !drained_add(&crew->drained, name) : !drained_remove(&crew->drained, name))
        return !drained;
    tell_all_of_backend(crew, name, drained);
    return true;
}

/* Sessions of plans before may keep what a worker knows of a backend: it is to forget this, too. */
void crew_keep_drained(struct crew *crew, const struct plan *plan)
{
    for (size_t i = crew->drained.count; i > 0; i--) {
        const char *name = crew->drained.names[i - 1];
        if (drained_may_have(plan, name))
            continue;
        tell_all_of_backend(crew, name, false);
        drained_remove(&crew->drained, name);
    }
}

void crew_tell_tickets(struct crew *crew)
{
    for (unsigned i = 0; i < crew->count; i++) {
        struct child *child = crew->places[i].child;
        if (child && child->state != CHILD_STARTING)
            tell_of_tickets(crew, child);
    }
}

/* Those that start are told before they serve. */
static void tell_all_of_challenge(struct crew *crew, enum handover_type type, const struct challenge *challenge)
{
    for (unsigned i = 0; i < crew->count; i++) {
        struct child *child = crew->places[i].child;
        if (child && child->state != CHILD_STARTING)
            tell_of_challenge(child, type, challenge, crew->challenge);
    }
}

bool crew_publish(struct crew *crew, const struct challenge *challenge, uint64_t *number)
{
    if (!challenges_add(&crew->challenges, challenge))
        return false;
    *number = ++crew->challenge;
    tell_all_of_challenge(crew, HANDOVER_CHALLENGE, challenge);
    return true;
}

void crew_withdraw(struct crew *crew, const struct challenge *challenge)
{
    challenges_remove(&crew->challenges, challenge);
    tell_all_of_challenge(crew, HANDOVER_WITHDRAW, challenge);
}

bool crew_holds(const struct crew *crew, uint64_t number)
{
    unsigned holding = 0;
    for (unsigned i = 0; i < crew->count; i++) {
        const struct child *child = crew->places[i].child;
        if (!child || child->state == CHILD_STARTING)
            continue;
        if (child->held < number)
            return false;
        holding++;
    }
    return holding > 0;
}

void crew_stop(struct crew *crew)
{
    crew->stopping = true;
    for (unsigned i = 0; i < crew->count; i++) {
        struct child *child = crew->places[i].child;
        if (!child)
            continue;
        dismiss(crew, child);
        tell_of_edition(child, HANDOVER_LEAVE, 0);
    }
}

static unsigned occupied(const struct crew *crew)
{
    unsigned count = 0;
    for (unsigned i = 0; i < crew->count; i++)
        count += crew->places[i].child != NULL;
    return count;
}

void crew_kill(struct crew *crew)
{
    assert(crew->stopping && occupied(crew) == 0);
    for (struct list *at = crew->leavers.next; at != &crew->leavers; at = at->next) {
        struct child *child = CONTAINER_OF(at, struct child, link);
        child->excused = true;
        child_kill(child);
    }
}

unsigned crew_in_state(const struct crew *crew, enum child_state state)
{
    unsigned count = 0;
    for (unsigned i = 0; i < crew->count; i++)
        count += crew->places[i].child && crew->places[i].child->state == state;
    return count;
}

bool crew_is_gone(const struct crew *crew)
{
    return occupied(crew) == 0 && list_is_empty(&crew->leavers);
}

bool crew_has_failed(const struct crew *crew)
{
    if (crew->has_served || !crew_is_gone(crew))
        return false;
    for (unsigned i = 0; i < crew->count; i++) {
        if (crew->places[i].early_deaths == 0)
            return false;
    }
    return true;
}

void crew_deinit(struct crew *crew)
{
    assert(crew_is_gone(crew));
    drained_deinit(&crew->drained);
    tickets_deinit(&crew->tickets);
    challenges_deinit(&crew->challenges);
    free(crew->places);
}
