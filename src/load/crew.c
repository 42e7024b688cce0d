#include "crew.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* So many connections are made at a time: a server's queue of those that it has not accepted may be short. */
enum { OPENING_MAX = 100, REST_TIME = 200 };

enum { SOON = 1000000 }; /* ns */

static struct lane *lane_at(struct crew *crew, unsigned index)
{
    return (struct lane *)(crew->lanes + index * crew->job->lane_size);
}

/* ---- connections */

static void open_more(struct crew *crew);

/* Whatever became of its opening: the next one's turn. */
static void note_opened(struct lane *lane)
{
    struct crew *crew = lane->crew;
    if (!lane->opening)
        return;
    lane->opening = false;
    crew->opening--;
    open_more(crew);
}

static void open_lane(struct lane *lane)
{
    if (lane->crew->job->per_operation) {
        lane->ready = true;
        lane->crew->ready++;
        lane->crew->job->begin(lane);
    } else {
        link_open(&lane->link);
    }
}

static void open_more(struct crew *crew)
{
    while (crew->begun < crew->count && crew->opening < OPENING_MAX && run_goes_on(crew->run)) {
        struct lane *lane = lane_at(crew, crew->begun++);
        lane->opening = !crew->job->per_operation;
        crew->opening += lane->opening;
        open_lane(lane);
    }
}

void crew_ready(struct lane *lane)
{
    struct crew *crew = lane->crew;
    lane->ready = true;
    crew->ready++;
    note_opened(lane);
    if (crew->ready == crew->count)
        run_ready(crew->run);
    if (crew->run->phase != RUN_OPENING)
        crew->job->begin(lane);
}

/* What was under way is lost with the connection: an error, whatever is said of it. */
static void forget(struct lane *lane)
{
    struct crew *crew = lane->crew;
    crew->flying -= lane->flying;
    lane->first = lane->flying = 0;
    crew->ready -= lane->ready;
    lane->ready = false;
    if (crew->job->forget)
        crew->job->forget(lane);
}

static void on_end(struct link *link)
{
    struct lane *lane = lane_of(link);
    struct crew *crew = lane->crew;
    bool failed = link->why[0] != '\0';
    forget(lane);
    if (failed)
        run_failed(crew->run, crew->work, link->why);
    note_opened(lane);
    if (!run_goes_on(crew->run))
        return;
    if (failed)
        deadline_arm(&crew->run->deadlines, &lane->rest, REST_TIME, crew->run->now / 1000000);
    else
        open_lane(lane);
}

static void on_rested(struct deadline *deadline)
{
    struct lane *lane = CONTAINER_OF(deadline, struct lane, rest);
    if (run_goes_on(lane->crew->run))
        open_lane(lane);
}

/* ---- operations */

static bool is_closed_loop(const struct crew *crew)
{
    return crew->pace.rate == 0;
}

/* Wakes when the next one is due, or soon if one is due already and nobody was free: who gets free takes it sooner. */
static void set_alarm(struct crew *crew)
{
    uint64_t due = pace_next(&crew->pace);
    if (due <= crew->run->now)
        due = crew->run->now + SOON;
    struct itimerspec when = {.it_value = {(time_t)(due / 1000000000), (long)(due % 1000000000)}};
    if (due != UINT64_MAX)
        timerfd_settime(crew->alarm_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

bool crew_take(struct lane *lane)
{
    struct crew *crew = lane->crew;
    uint64_t intended = crew->run->now;
    if (!lane->ready || lane->flying == crew->depth || crew->run->phase == RUN_OPENING || !run_goes_on(crew->run) ||
        (!is_closed_loop(crew) && !pace_take(&crew->pace, crew->run->now, &intended)))
        return false;
    unsigned place = lane->first + lane->flying;
    lane->intended[place < crew->depth ? place : place - crew->depth] = intended;
    lane->flying++;
    crew->flying++;
    return true;
}

void crew_done(struct lane *lane, uint64_t bytes)
{
    struct crew *crew = lane->crew;
    assert(lane->flying > 0);
    run_done(crew->run, crew->work, lane->intended[lane->first], bytes);
    lane->first = lane->first + 1 < crew->depth ? lane->first + 1 : 0;
    lane->flying--;
    crew->flying--;
}

/* Lanes take turns, so that all of them are in use at any rate. */
static void hand_out(struct crew *crew)
{
    for (unsigned asked = 0; asked < crew->begun && pace_owed(&crew->pace, crew->run->now) > 0; asked++) {
        if (crew->flying >= (uint64_t)crew->ready * crew->depth)
            return;
        struct lane *lane = lane_at(crew, crew->turn);
        crew->turn = crew->turn + 1 < crew->begun ? crew->turn + 1 : 0;
        if (lane->ready)
            crew->job->begin(lane);
    }
}

static void on_alarm(uv_poll_t *poll, int status, int events)
{
    struct crew *crew = CONTAINER_OF(poll, struct crew, alarm);
    uint64_t times;
    (void)status, (void)events;
    if (read(crew->alarm_fd, &times, sizeof times) < 0)
        return;
    run_tick(crew->run);
    hand_out(crew);
    set_alarm(crew);
}

/* When the warm-up begins. */
void crew_begin(struct crew *crew)
{
    if (!is_closed_loop(crew)) {
        crew->pace.start = crew->run->now;
        set_alarm(crew);
        return;
    }
    for (unsigned i = 0; i < crew->begun; i++)
        if (lane_at(crew, i)->ready)
            crew->job->begin(lane_at(crew, i));
}

/* ---- its life */

static bool make_alarm(struct crew *crew, struct error *error)
{
    crew->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    crew->alarmed = crew->alarm_fd >= 0 && uv_poll_init(&crew->run->uv, &crew->alarm, crew->alarm_fd) == 0;
    if (crew->alarmed && uv_poll_start(&crew->alarm, UV_READABLE, on_alarm) == 0)
        return true;
    error_set_errno(error, "cannot make a timer");
    return false;
}

static bool make_lanes(struct crew *crew)
{
    crew->lanes = calloc(crew->count, crew->job->lane_size);
    crew->intended = calloc((size_t)crew->count * crew->depth, sizeof *crew->intended);
    if (!crew->lanes || !crew->intended)
        return false;
    for (unsigned i = 0; i < crew->count; i++) {
        struct lane *lane = lane_at(crew, i);
        link_init(&lane->link, crew->run, crew->client, &crew->on);
        lane->crew = crew;
        lane->index = i;
        lane->intended = crew->intended + (size_t)i * crew->depth;
        deadline_init(&lane->rest, on_rested);
    }
    return true;
}

bool crew_start(struct crew *crew, const struct crew *plan, struct error *error)
{
    *crew = *plan;
    crew->on = crew->job->on;
    crew->on.on_end = on_end;
    crew->pace.end = UINT64_MAX;
    crew->alarm_fd = -1;
    if (!make_lanes(crew)) {
        error_set(error, ERROR_MEMORY, "out of memory for %u connections", crew->count);
        return false;
    }
    if (!is_closed_loop(crew) && !make_alarm(crew, error))
        return false;
    open_more(crew);
    return true;
}

void crew_stop(struct crew *crew)
{
    for (unsigned i = 0; i < crew->begun; i++) {
        deadline_disarm(&lane_at(crew, i)->rest);
        link_close(&lane_at(crew, i)->link);
    }
    if (crew->alarmed)
        uv_close((uv_handle_t *)&crew->alarm, NULL);
    crew->alarmed = false;
}

void crew_free(struct crew *crew)
{
    if (crew->alarm_fd >= 0)
        close(crew->alarm_fd);
    free(crew->lanes);
    free(crew->intended);
}
