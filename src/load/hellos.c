#include "hellos.h"

#include <openssl/ssl.h>

enum { FLIGHT_TIME = 10000 }; /* ms */

/* Of a record its header, and of an alert what it says. */
enum { HEAD = SSL3_RT_HEADER_LENGTH, ALERT_HEAD = HEAD + 2 };

struct greeter {
    struct client client;
    uint8_t head[ALERT_HEAD];
    size_t filled;    /* of it */
    size_t left;      /* bytes of the present record that are still to come */
    unsigned records; /* that are there */
};

static struct greeter *greeter_of(struct contact *contact)
{
    return CONTAINER_OF(client_of(contact), struct greeter, client);
}

static void on_open(struct contact *contact)
{
    struct span hello = greeting_print(client_of(contact)->crowd->shared, contact->run->compose);
    if (hello.len == 0) {
        contact_fail(contact, "there is no randomness");
        return;
    }
    contact_write(contact, hello);
    contact_expect(contact, "flight of the server", FLIGHT_TIME);
}

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
    const struct greeting *greeting = greeter->client.crowd->shared;
    greeter->filled = 0;
    if (++greeter->records < greeting->records)
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
