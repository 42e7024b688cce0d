#include "get.h"

/* ms without a byte of the answer */
enum { ANSWER_TIME = 10000 };

struct getter {
    struct lane lane;
    struct answer answer;
};

static struct getter *getter_of(struct link *link)
{
    return CONTAINER_OF(lane_of(link), struct getter, lane);
}

static struct get *get_of(const struct lane *lane)
{
    return lane->crew->shared;
}

static void begin(struct lane *lane)
{
    if (!link_has_room(&lane->link) || !crew_take(lane))
        return;
    link_expect(&lane->link, "answer", ANSWER_TIME);
    link_write(&lane->link, request_span(&get_of(lane)->request));
}

static void on_open(struct link *link)
{
    crew_ready(lane_of(link));
}

static void judge_head(struct link *link, const struct answer_verdict *verdict)
{
    if (lane_of(link)->flying == 0)
        link_fail(link, "the server has answered what was not asked");
    else if (verdict->status != 200)
        link_fail(link, "the server has answered %u %s", verdict->status, http_reason(verdict->status));
}

static void finish(struct getter *getter)
{
    struct link *link = &getter->lane.link;
    struct get *get = get_of(&getter->lane);
    uint64_t length = getter->answer.received;
    bool keep_alive = getter->answer.verdict.keep_alive;
    if (!get->length_known) {
        get->length_known = true;
        get->length = length;
    }
    answer_reset(&getter->answer);
    if (length != get->length) {
        link_fail(link, "an answer has %llu bytes, not %llu", (unsigned long long)length,
                  (unsigned long long)get->length);
        return;
    }
    link_expect(link, NULL, 0);
    crew_done(&getter->lane, 0);
    if (!keep_alive)
        link_leave(link);
}

/* Bytes are counted as they come: a long answer may take longer than what is counted of the run. */
static void on_bytes(struct link *link, struct span in)
{
    struct getter *getter = getter_of(link);
    enum answer_event event;
    do {
        uint64_t before = getter->answer.received;
        event = answer_next(&getter->answer, &get_of(&getter->lane)->memory, &in);
        run_bytes(link->run, getter->lane.crew->work, getter->answer.received - before);
        if (event == ANSWER_HEAD)
            judge_head(link, &getter->answer.verdict);
        else if (event == ANSWER_DONE)
            finish(getter);
        else if (event == ANSWER_BROKEN)
            link_fail(link, "the server's answer is not HTTP/1.1");
    } while (event != ANSWER_MORE && link->state == LINK_OPEN);
}

static void on_turn(struct link *link)
{
    struct lane *lane = lane_of(link);
    if (lane->flying > 0)
        link_expect(link, "more of the answer", ANSWER_TIME);
    else
        begin(lane);
}

static void on_eof(struct link *link)
{
    struct getter *getter = getter_of(link);
    if (answer_ends_with_connection(&getter->answer))
        finish(getter);
    else if (getter->lane.flying > 0)
        link_fail(link, "the server has closed the connection before its answer was complete");
    link_close(link);
}

static void forget(struct lane *lane)
{
    answer_reset(&getter_of(&lane->link)->answer);
}

const struct job get_job = {
    .lane_size = sizeof(struct getter),
    .on = {.on_open = on_open, .on_bytes = on_bytes, .on_turn = on_turn, .on_eof = on_eof},
    .begin = begin,
    .forget = forget,
};

bool get_prepare(struct get *get, const struct load_settings *settings, struct error *error)
{
    get->length_known = settings->size_given;
    get->length = settings->size;
    return request_print(&get->request, settings, "", error);
}
