#include "hellos.h"

#include <openssl/ssl.h>

enum { FLIGHT_TIME = 10000, WAVE_TIME = 30000 }; /* ms */

/* ms that all who are connected keep silent: until then the server has accepted them. */
enum { SILENCE = 50 };

/* Of a record its header, and of an alert what it says. */
enum { HEAD = SSL3_RT_HEADER_LENGTH, ALERT_HEAD = HEAD + 2 };

struct greeter {
    struct client client;
    uint8_t head[ALERT_HEAD];
    size_t filled;    /* of it */
    size_t left;      /* bytes of the present record that are still to come */
    unsigned records; /* that are there */
    struct list link; /* among those that wait … */
    bool waits;       /* … for the others */
};

static struct greeter *greeter_of(struct contact *contact)
{
    return CONTAINER_OF(client_of(contact), struct greeter, client);
}

static struct hellos *hellos_of(struct greeter *greeter)
{
    return greeter->client.crowd->shared;
}

/* ---- out */

static void speak(struct greeter *greeter)
{
    struct contact *contact = &greeter->client.contact;
    struct span hello = greeting_print(&hellos_of(greeter)->greeting, contact->run->compose);
    if (hello.len == 0) {
        contact_fail(contact, "there is no randomness");
        return;
    }
    contact_write(contact, hello);
    contact_expect(contact, "flight of the server", FLIGHT_TIME);
}

static void stop_waiting(struct greeter *greeter)
{
    if (!greeter->waits)
        return;
    greeter->waits = false;
    list_remove(&greeter->link);
    hellos_of(greeter)->waiting_count--;
}

static void speak_all(struct deadline *silence)
{
    struct hellos *hellos = CONTAINER_OF(silence, struct hellos, silence);
    while (!list_is_empty(&hellos->waiting)) {
        struct greeter *first = CONTAINER_OF(hellos->waiting.next, struct greeter, link);
        stop_waiting(first);
        speak(first);
    }
}

static void wait_for_others(struct greeter *greeter)
{
    struct hellos *hellos = hellos_of(greeter);
    struct run *run = greeter->client.contact.run;
    greeter->waits = true;
    list_append(&hellos->waiting, &greeter->link);
    hellos->waiting_count++;
    contact_expect(&greeter->client.contact, "wave of all connections", WAVE_TIME);
    if (hellos->waiting_count == greeter->client.crowd->flying)
        deadline_arm(&run->deadlines, &hellos->silence, SILENCE, run->now / 1000000);
}

static void on_open(struct contact *contact)
{
    struct greeter *greeter = greeter_of(contact);
    if (contact->run->settings->at_once)
        wait_for_others(greeter);
    else
        speak(greeter);
}

/* ---- in */

/* Takes what of the head is still missing. False: there is not yet enough of it. */
static bool fill_head(struct greeter *greeter, struct span *in)
{
    while (in->len > 0 &&
           greeter->filled < (greeter->head[0] == SSL3_RT_ALERT && greeter->filled > 0 ? ALERT_HEAD : HEAD)) {
        greeter->head[greeter->filled++] = in->at[0];
        *in = span_tail(*in, 1);
    }
    return greeter->filled >= (greeter->head[0] == SSL3_RT_ALERT ? ALERT_HEAD : HEAD);
}

static void judge_head(struct greeter *greeter)
{
    const uint8_t *head = greeter->head;
    if (head[0] == SSL3_RT_ALERT)
        contact_fail(&greeter->client.contact, "the server refuses the handshake: %s",
                     SSL_alert_desc_string_long(head[6]));
    else if (head[0] < SSL3_RT_CHANGE_CIPHER_SPEC || head[0] > SSL3_RT_APPLICATION_DATA || head[1] != 3)
        contact_fail(&greeter->client.contact, "the server's answer is not TLS");
    greeter->left = (size_t)head[3] << 8 | head[4];
}

static void note_record(struct greeter *greeter)
{
    greeter->filled = 0;
    if (++greeter->records < hellos_of(greeter)->greeting.records)
        return;
    crowd_done(&greeter->client, 0);
    contact_leave(&greeter->client.contact);
}

static void on_bytes(struct contact *contact, struct span in)
{
    struct greeter *greeter = greeter_of(contact);
    while (contact->state == CONTACT_OPEN && in.len > 0) {
        if (greeter->left == 0) {
            if (!fill_head(greeter, &in))
                return;
            judge_head(greeter);
        }
        struct span part = span_head(in, greeter->left);
        greeter->left -= part.len;
        in = span_tail(in, part.len);
        if (greeter->left == 0 && contact->state == CONTACT_OPEN)
            note_record(greeter);
    }
}

static void on_turn(struct contact *contact)
{
    (void)contact;
}

static void forget(struct client *client)
{
    struct greeter *greeter = CONTAINER_OF(client, struct greeter, client);
    stop_waiting(greeter);
    greeter->filled = greeter->left = greeter->records = 0;
}

const struct job hellos_job = {
    .client_size = sizeof(struct greeter),
    .per_operation = true,
    .without_tls = true,
    .on = {.on_open = on_open, .on_bytes = on_bytes, .on_turn = on_turn},
    .begin = crowd_visit,
    .forget = forget,
};

bool hellos_prepare(struct hellos *hellos, struct run *run, struct offer *offer, struct error *error)
{
    list_init(&hellos->waiting);
    deadline_init(&hellos->silence, speak_all);
    return greeting_learn(&hellos->greeting, run, offer, error);
}
