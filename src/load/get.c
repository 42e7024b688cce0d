#include "get.h"

/* ms without a byte of the answer */
enum { ANSWER_TIME = 10000 };

struct getter {
    struct client client;
    struct answer answer;
};

static struct getter *getter_of(struct contact *contact)
{
    return CONTAINER_OF(client_of(contact), struct getter, client);
}

static struct get *get_of(const struct client *client)
{
    return client->crowd->shared;
}

static void ask(struct contact *contact)
{
    contact_expect(contact, "answer", ANSWER_TIME);
    contact_write(contact, request_span(&get_of(client_of(contact))->request));
}

static void begin(struct client *client)
{
    if (contact_has_room(&client->contact) && crowd_take(client))
        ask(&client->contact);
}

static void on_open(struct contact *contact)
{
    crowd_ready(client_of(contact));
}

static void judge_head(struct contact *contact, const struct answer_verdict *verdict)
{
    if (client_of(contact)->flying == 0)
        contact_fail(contact, "the server has answered what was not asked");
    else if (verdict->status != 200)
        contact_fail(contact, "the server has answered %u %s", verdict->status, http_reason(verdict->status));
}

static void finish(struct getter *getter)
{
    struct contact *contact = &getter->client.contact;
    struct get *get = get_of(&getter->client);
    uint64_t length = getter->answer.received;
    bool keep_alive = getter->answer.verdict.keep_alive;
    if (!get->length_known) {
        get->length_known = true;
        get->length = length;
    }
    answer_reset(&getter->answer);
    if (length != get->length) {
        contact_fail(contact, "an answer has %llu bytes, not %llu", (unsigned long long)length,
                     (unsigned long long)get->length);
        return;
    }
    contact_expect(contact, NULL, 0);
    crowd_done(&getter->client, 0);
    if (!keep_alive || getter->client.crowd->job->per_operation)
        contact_leave(contact);
}

/* Bytes are counted as they come: a long answer may take longer than what is counted of the run. */
static void on_bytes(struct contact *contact, struct span in)
{
    struct getter *getter = getter_of(contact);
    enum answer_event event;
    do {
        uint64_t before = getter->answer.received;
        event = answer_next(&getter->answer, &get_of(&getter->client)->memory, &in);
        run_bytes(contact->run, getter->client.crowd->work, getter->answer.received - before);
        if (event == ANSWER_HEAD)
            judge_head(contact, &getter->answer.verdict);
        else if (event == ANSWER_DONE)
            finish(getter);
        else if (event == ANSWER_BROKEN)
            contact_fail(contact, "the server's answer is not HTTP/1.1");
    } while (event != ANSWER_MORE && contact->state == CONTACT_OPEN);
}

static void on_turn(struct contact *contact)
{
    struct client *client = client_of(contact);
    if (client->flying > 0)
        contact_expect(contact, "more of the answer", ANSWER_TIME);
    else
        begin(client);
}

static void on_eof(struct contact *contact)
{
    struct getter *getter = getter_of(contact);
    if (answer_ends_with_connection(&getter->answer))
        finish(getter);
    else if (getter->client.flying > 0)
        contact_fail(contact, "the server has closed the connection before its answer was complete");
    contact_close(contact);
}

static void forget(struct client *client)
{
    answer_reset(&getter_of(&client->contact)->answer);
}

const struct job get_job = {
    .client_size = sizeof(struct getter),
    .on = {.on_open = on_open, .on_bytes = on_bytes, .on_turn = on_turn, .on_eof = on_eof},
    .begin = begin,
    .forget = forget,
};

const struct job visit_job = {
    .client_size = sizeof(struct getter),
    .per_operation = true,
    .on = {.on_open = ask, .on_bytes = on_bytes, .on_turn = on_turn, .on_eof = on_eof},
    .begin = crowd_visit,
    .forget = forget,
};

bool get_prepare(struct get *get, const struct load_settings *settings, struct error *error)
{
    get->length_known = settings->size_given;
    get->length = settings->size;
    return request_print(&get->request, settings, "", error);
}
