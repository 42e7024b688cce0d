/* The server's part of a handshake: its SSL is made, works through the flights of a client, and is freed. */
#include "floors.h"
#include "link.h"
#include "meter.h"

#include <stdlib.h>

/* Many at once, step by step, so that reading the clock costs nothing. */
enum { PAIRS = 16 };

static const struct kind {
    const char *name, *key;
    int version;
    const char *suite;
    bool ticket, resumed;
} kinds[] = {
    {"handshake/tls1.3-ecdsa", "EC", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", false, false},
    {"handshake/tls1.3-ecdsa-ticket", "EC", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", true, false},
    {"handshake/tls1.3-rsa", "RSA", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", false, false},
    {"handshake/tls1.3-resumed", "EC", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", true, true},
    {"handshake/tls1.2-ecdhe-ecdsa", "EC", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", false, false},
    {"handshake/tls1.2-ecdhe-rsa", "RSA", TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", false, false},
    {"handshake/tls1.2-dhe-rsa", "RSA", TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", false, false},
    {"handshake/tls1.2-resumed", "EC", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", false, true},
};

/* A session to be resumed. Over TLS 1.3 the ticket comes after the handshake. */
static SSL_SESSION *session_new(struct link *link, const struct link_kit *kit)
{
    char byte;
    link_connect(link, kit);
    MUST(SSL_read(link->client, &byte, 1) <= 0);
    SSL_SESSION *session = SSL_get1_session(link->client);
    MUST(session && SSL_SESSION_is_resumable(session));
    link_free_client(link);
    SSL_free(link->server);
    return session;
}

static void make_servers(struct link *links, const struct link_kit *kit, struct meter *meter)
{
    meter_begin(meter);
    for (size_t i = 0; i < PAIRS; i++)
        link_make_server(&links[i], kit);
    meter_pause(meter);
}

/* Client, server, client, server, client: enough for each kind. */
static void shake_hands(struct link *links, struct meter *meter)
{
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < PAIRS; i++)
            link_step(links[i].client);
        meter_begin(meter);
        for (size_t i = 0; i < PAIRS; i++)
            link_step(links[i].server);
        meter_pause(meter);
    }
    for (size_t i = 0; i < PAIRS; i++)
        link_step(links[i].client);
}

static void free_servers(struct link *links, struct meter *meter)
{
    meter_begin(meter);
    for (size_t i = 0; i < PAIRS; i++)
        SSL_free(links[i].server);
    meter_pause(meter);
}

static void run_batch(struct link *links, const struct link_kit *kit, SSL_SESSION *session, struct meter *meter)
{
    for (size_t i = 0; i < PAIRS; i++)
        link_make_client(&links[i], kit, session);
    make_servers(links, kit, meter);
    shake_hands(links, meter);
    for (size_t i = 0; i < PAIRS; i++)
        MUST(SSL_is_init_finished(links[i].client) && SSL_is_init_finished(links[i].server) &&
             SSL_session_reused(links[i].server) == (session ? 1 : 0));
    free_servers(links, meter);
    for (size_t i = 0; i < PAIRS; i++)
        link_free_client(&links[i]);
    meter_count(meter, PAIRS);
}

static void measure(struct floors *floors, const struct kind *kind, struct link *links, struct meter *meter)
{
    struct link_kit kit;
    link_kit_init(&kit, kind->key, kind->version, kind->suite, kind->ticket);
    SSL_SESSION *session = kind->resumed ? session_new(&links[0], &kit) : NULL;
    meter_start(meter, floors->seconds);
    while (meter_goes_on(meter))
        run_batch(links, &kit, session, meter);
    floors->tell(floors, kind->name, meter, 0);
    SSL_SESSION_free(session);
    link_kit_deinit(&kit);
}

void floors_of_handshakes(struct floors *floors)
{
    struct link *links = malloc(PAIRS * sizeof *links);
    struct meter *meter = malloc(sizeof *meter);
    MUST(links && meter);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        measure(floors, &kinds[i], links, meter);
    free(meter);
    free(links);
}
