#include "crowd.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* So many connections are made at a time: a server's queue of those that it has not accepted may be short. */
enum { OPENING_MAX = 100, CALLED_MAX = 100, REST_TIME = 200 };

enum { SOON = 1000000 }; /* ns */

static struct client *client_at(struct crowd *crowd, unsigned index)
{
    return (struct client *)(crowd->clients + index * crowd->job->client_size);
}

/* ---- connections */

static void open_more(struct crowd *crowd);
static void call_next(struct crowd *crowd);

/* Whatever became of its opening: the next one's turn. */
static void note_opened(struct client *client)
{
    struct crowd *crowd = client->crowd;
    if (!client->opening)
        return;
    client->opening = false;
    crowd->opening--;
    open_more(crowd);
}

static void open_client(struct client *client)
{
    if (client->crowd->job->per_operation) {
        client->ready = true;
        client->crowd->ready++;
        client->crowd->job->begin(client);
    } else {
        contact_open(&client->contact);
    }
}

static void open_more(struct crowd *crowd)
{
    while (crowd->begun < crowd->count && crowd->opening < OPENING_MAX && run_goes_on(crowd->run)) {
        struct client *client = client_at(crowd, crowd->begun++);
        client->opening = !crowd->job->per_operation;
        crowd->opening += client->opening;
        open_client(client);
    }
}

/* Silence begins when each client has been used. */
static void note_ready(struct crowd *crowd)
{
    if (crowd->ready == crowd->count && (!crowd->silent || crowd->flying == 0))
        run_ready(crowd->run);
}

void crowd_ready(struct client *client)
{
    struct crowd *crowd = client->crowd;
    client->ready = true;
    crowd->ready++;
    client->called = crowd->silent;
    note_opened(client);
    if (crowd->silent || crowd->run->phase != RUN_OPENING)
        crowd->job->begin(client);
    note_ready(crowd);
}

/* What was under way is lost with the connection: an error, whatever is said of it. */
static void forget(struct client *client)
{
    struct crowd *crowd = client->crowd;
    crowd->flying -= client->flying;
    client->first = client->flying = 0;
    crowd->ready -= client->ready;
    client->ready = false;
    if (crowd->job->forget)
        crowd->job->forget(client);
}

static void on_end(struct contact *contact)
{
    struct client *client = client_of(contact);
    struct crowd *crowd = client->crowd;
    bool failed = contact->why[0] != '\0' || crowd->silent;
    forget(client);
    if (failed)
        run_failed(crowd->run, crowd->work,
                   contact->why[0] ? contact->why : "the server has closed a silent connection");
    note_opened(client);
    call_next(crowd);
    if (!run_goes_on(crowd->run))
        return;
    if (failed)
        deadline_arm(&crowd->run->deadlines, &client->rest, REST_TIME, crowd->run->now / 1000000);
    else
        open_client(client);
}

static void on_rested(struct deadline *deadline)
{
    struct client *client = CONTAINER_OF(deadline, struct client, rest);
    if (run_goes_on(client->crowd->run))
        open_client(client);
}

/* ---- operations */

static bool is_closed_loop(const struct crowd *crowd)
{
    return crowd->pace.rate == 0;
}

/* Wakes when the next one is due, or soon if one is due already and nobody was free: who gets free takes it sooner. */
static void set_alarm(struct crowd *crowd)
{
    uint64_t due = pace_next(&crowd->pace);
    if (due <= crowd->run->now)
        due = crowd->run->now + SOON;
    struct itimerspec when = {.it_value = {(time_t)(due / 1000000000), (long)(due % 1000000000)}};
    if (due != UINT64_MAX)
        timerfd_settime(crowd->alarm_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Whether one is due, and since when. */
static bool is_due(struct client *client, uint64_t *intended)
{
    struct crowd *crowd = client->crowd;
    bool called = client->called;
    *intended = crowd->run->now;
    client->called = false;
    if (crowd->silent)
        return called;
    if (crowd->run->phase == RUN_OPENING)
        return false;
    return is_closed_loop(crowd) || pace_take(&crowd->pace, crowd->run->now, intended);
}

bool crowd_take(struct client *client)
{
    struct crowd *crowd = client->crowd;
    uint64_t intended;
    if (!client->ready || client->flying == crowd->depth || !run_goes_on(crowd->run) || !is_due(client, &intended))
        return false;
    unsigned place = client->first + client->flying;
    client->intended[place < crowd->depth ? place : place - crowd->depth] = intended;
    client->flying++;
    crowd->flying++;
    return true;
}

void crowd_visit(struct client *client)
{
    if (client->contact.state == CONTACT_NONE && crowd_take(client))
        contact_open(&client->contact);
}

void crowd_done(struct client *client, uint64_t bytes)
{
    struct crowd *crowd = client->crowd;
    assert(client->flying > 0);
    run_done(crowd->run, crowd->work, client->intended[client->first], bytes);
    client->first = client->first + 1 < crowd->depth ? client->first + 1 : 0;
    client->flying--;
    crowd->flying--;
    note_ready(crowd);
    call_next(crowd);
}

/* Those that are not there any more have failed, and have been told of. */
static void call_next(struct crowd *crowd)
{
    while (crowd->calling && crowd->turn < crowd->begun) {
        struct client *client = client_at(crowd, crowd->turn++);
        client->called = client->ready;
        if (!client->ready)
            continue;
        crowd->job->begin(client);
        return;
    }
    if (crowd->calling && crowd->flying == 0)
        run_end(crowd->run);
}

void crowd_call(struct crowd *crowd)
{
    crowd->calling = true;
    for (unsigned i = 0; i < CALLED_MAX; i++)
        call_next(crowd);
}

/* Lanes take turns, so that all of them are in use at any rate. */
static void hand_out(struct crowd *crowd)
{
    for (unsigned asked = 0; asked < crowd->begun && pace_owed(&crowd->pace, crowd->run->now) > 0; asked++) {
        if (crowd->flying >= (uint64_t)crowd->ready * crowd->depth)
            return;
        struct client *client = client_at(crowd, crowd->turn);
        crowd->turn = crowd->turn + 1 < crowd->begun ? crowd->turn + 1 : 0;
        if (client->ready)
            crowd->job->begin(client);
    }
}

static void on_alarm(uv_poll_t *poll, int status, int events)
{
    struct crowd *crowd = CONTAINER_OF(poll, struct crowd, alarm);
    uint64_t times;
    (void)status, (void)events;
    if (read(crowd->alarm_fd, &times, sizeof times) < 0)
        return;
    run_tick(crowd->run);
    hand_out(crowd);
    set_alarm(crowd);
}

/* When the warm-up begins. */
void crowd_begin(struct crowd *crowd)
{
    if (!is_closed_loop(crowd)) {
        crowd->pace.start = crowd->run->now;
        set_alarm(crowd);
        return;
    }
    for (unsigned i = 0; i < crowd->begun; i++)
        if (client_at(crowd, i)->ready)
            crowd->job->begin(client_at(crowd, i));
}

/* ---- its life */

static bool make_alarm(struct crowd *crowd, struct error *error)
{
    crowd->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    crowd->alarmed = crowd->alarm_fd >= 0 && uv_poll_init(&crowd->run->uv, &crowd->alarm, crowd->alarm_fd) == 0;
    if (crowd->alarmed && uv_poll_start(&crowd->alarm, UV_READABLE, on_alarm) == 0)
        return true;
    error_set_errno(error, "cannot make a timer");
    return false;
}

static bool make_clients(struct crowd *crowd)
{
    crowd->clients = calloc(crowd->count, crowd->job->client_size);
    crowd->intended = calloc((size_t)crowd->count * crowd->depth, sizeof *crowd->intended);
    if (!crowd->clients || !crowd->intended)
        return false;
    for (unsigned i = 0; i < crowd->count; i++) {
        struct client *client = client_at(crowd, i);
        contact_init(&client->contact, crowd->run, crowd->offer, &crowd->on);
        client->crowd = crowd;
        client->index = i;
        client->intended = crowd->intended + (size_t)i * crowd->depth;
        deadline_init(&client->rest, on_rested);
    }
    return true;
}

bool crowd_start(struct crowd *crowd, const struct crowd *plan, struct error *error)
{
    *crowd = *plan;
    crowd->on = crowd->job->on;
    crowd->on.on_end = on_end;
    crowd->pace.end = UINT64_MAX;
    crowd->alarm_fd = -1;
    if (!make_clients(crowd)) {
        error_set(error, ERROR_MEMORY, "out of memory for %u connections", crowd->count);
        return false;
    }
    if (!is_closed_loop(crowd) && !make_alarm(crowd, error))
        return false;
    open_more(crowd);
    return true;
}

void crowd_stop(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->begun; i++) {
        deadline_disarm(&client_at(crowd, i)->rest);
        contact_close(&client_at(crowd, i)->contact);
    }
    if (crowd->alarmed)
        uv_close((uv_handle_t *)&crowd->alarm, NULL);
    crowd->alarmed = false;
}

void crowd_free(struct crowd *crowd)
{
    if (crowd->alarm_fd >= 0)
        close(crowd->alarm_fd);
    free(crowd->clients);
    free(crowd->intended);
}
