/*
 * No peer: as little of a server as there can be, so that a distance to a floor in memory is told apart from what this OpenSSL and
 * this kernel take of everybody. One loop of epoll, one SSL and one socket's BIO for each visitor, and what the load asks for:
 * handshakes, a fixed answer to GET, WebSockets that are echoed frame by frame. Nothing is limited, nobody is timed out, what a
 * client says is taken to be right: it checks the answers, and is the only one that may come.
 * Words: PORT CERTIFICATE KEY DHPARAM WORKERS [low-memory, which it is]
 */
#define _GNU_SOURCE /* accept4, strcasestr */

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MUST(condition) ((condition) ? (void)0 : fail(#condition))

#define CIPHERS "ECDHE+AESGCM:DHE+AESGCM"

enum { EVENTS = 256, BACKLOG = 4096, HEADER = 14, ROOM = 262144, KEY = 24 }; /* KEY: length of a Sec-WebSocket-Key */

struct visitor {
    SSL *ssl;
    int socket;
    bool shaken, heard, upgraded;
    uint8_t begun; /* bytes of a frame's header that have come */
    uint8_t phase; /* of the mask */
    uint8_t header[HEADER], mask[4];
    uint64_t payload; /* of the frame that is going on: what is still to come */
    uint8_t *kept;    /* what the socket did not take; nothing is read meanwhile */
    size_t kept_length;
};

/* One for all, since an event is done with before the next. The header of a frame that began earlier is put before what comes. */
static uint8_t room[HEADER + ROOM];
static SSL_CTX *context;
static int loop;

static void fail(const char *what)
{
    fprintf(stderr, "bare: %s\n", what);
    exit(1);
}

/* -- visitors -- */

static void watch(struct visitor *visitor, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = visitor};
    MUST(epoll_ctl(loop, how, visitor->socket, &event) == 0);
}

static void welcome(int listener)
{
    int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (socket < 0)
        return;
    struct visitor *visitor = calloc(1, sizeof *visitor);
    MUST(visitor && (visitor->ssl = SSL_new(context)) && SSL_set_fd(visitor->ssl, socket));
    visitor->socket = socket;
    SSL_set_accept_state(visitor->ssl);
    watch(visitor, EPOLL_CTL_ADD, EPOLLIN);
}

static void drop(struct visitor *visitor)
{
    SSL_free(visitor->ssl);
    close(visitor->socket);
    free(visitor->kept);
    free(visitor);
    ERR_clear_error();
}

/* With a close_notify, if one has come. */
static void part(struct visitor *visitor)
{
    if (SSL_get_shutdown(visitor->ssl) & SSL_RECEIVED_SHUTDOWN)
        SSL_shutdown(visitor->ssl);
    drop(visitor);
}

/* -- sending -- */

/* Records that belong together leave together. */
static void cork(struct visitor *visitor, int is_in)
{
    setsockopt(visitor->socket, IPPROTO_TCP, TCP_CORK, &is_in, sizeof is_in);
}

/* What the socket does not take is kept until it does. A socket that never will again is told of by the loop. */
static void say(struct visitor *visitor, const uint8_t *bytes, size_t length)
{
    size_t sent = 0, more;
    if (length > SSL3_RT_MAX_PLAIN_LENGTH)
        cork(visitor, 1);
    while (sent < length && SSL_write_ex(visitor->ssl, bytes + sent, length - sent, &more))
        sent += more;
    if (length > SSL3_RT_MAX_PLAIN_LENGTH)
        cork(visitor, 0);
    bool was_kept = visitor->kept != NULL;
    uint8_t *kept = NULL;
    if (sent < length) {
        MUST((kept = malloc(length - sent)));
        memcpy(kept, bytes + sent, length - sent);
    }
    free(visitor->kept);
    visitor->kept = kept;
    visitor->kept_length = length - sent;
    if (was_kept != (kept != NULL))
        watch(visitor, EPOLL_CTL_MOD, kept ? EPOLLOUT : EPOLLIN);
}

/* The first answer brings the ticket of TLS 1.3 along, as Crossgate's does. */
static void say_first(struct visitor *visitor, const char *text, size_t length)
{
    bool has_ticket = !visitor->heard && SSL_version(visitor->ssl) == TLS1_3_VERSION;
    visitor->heard = true;
    if (has_ticket) {
        cork(visitor, 1);
        MUST(SSL_new_session_ticket(visitor->ssl));
    }
    say(visitor, (const uint8_t *)text, length);
    if (has_ticket)
        cork(visitor, 0);
}

/* -- HTTP -- */

/* Requests come whole, one at a time. */
static void answer(struct visitor *visitor, char *request, size_t length)
{
    static const char name[] = "Sec-WebSocket-Key: ", page[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbare\n";
    request[length] = '\0';
    const char *key = strcasestr(request, name);
    if (!key)
        return say_first(visitor, page, sizeof page - 1);
    char text[KEY + 64], accept[32], reply[160];
    uint8_t digest[SHA_DIGEST_LENGTH];
    int size = snprintf(text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", KEY, key + sizeof name - 1);
    EVP_EncodeBlock((uint8_t *)accept, SHA1((const uint8_t *)text, (size_t)size, digest), sizeof digest);
    size = snprintf(reply, sizeof reply,
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: %s\r\n\r\n",
                    accept);
    visitor->upgraded = true;
    say_first(visitor, reply, (size_t)size);
}

/* -- WebSocket -- */

static size_t header_length(const uint8_t *header)
{
    uint8_t length = header[1] & 0x7f;
    return 2 + (length == 127 ? 8 : length == 126 ? 2 : 0) + 4;
}

/* A header without its mask, and without the bit that says there is one. */
static size_t turn_header(struct visitor *visitor, const uint8_t *header, size_t length, uint8_t *to)
{
    size_t short_length = length - 4;
    uint64_t payload = short_length == 2 ? header[1] & 0x7f : 0;
    for (size_t i = 2; i < short_length; i++)
        payload = payload << 8 | header[i];
    memcpy(visitor->mask, header + short_length, 4);
    memmove(to, header, short_length);
    to[1] &= 0x7f;
    visitor->payload = payload;
    visitor->phase = 0;
    return short_length;
}

static void unmask(struct visitor *visitor, const uint8_t *from, size_t length, uint8_t *to)
{
    uint8_t mask[8];
    for (size_t i = 0; i < sizeof mask; i++)
        mask[i] = visitor->mask[(visitor->phase + i) & 3];
    uint64_t wide, bytes;
    memcpy(&wide, mask, sizeof wide);
    size_t i = 0;
    for (; i + sizeof wide <= length; i += sizeof wide) {
        memcpy(&bytes, from + i, sizeof bytes);
        bytes ^= wide;
        memcpy(to + i, &bytes, sizeof bytes);
    }
    for (; i < length; i++)
        to[i] = from[i] ^ mask[i & 7];
    visitor->payload -= length;
    visitor->phase = (visitor->phase + length) & 3;
}

/* Frames become answers in place: they are shorter by their masks. Returns how long all of them are. */
static size_t turn(struct visitor *visitor, const uint8_t *from, const uint8_t *end, uint8_t *to)
{
    const uint8_t *first = to;
    while (from < end) {
        size_t left = (size_t)(end - from);
        if (visitor->payload) {
            size_t length = left < visitor->payload ? left : visitor->payload;
            unmask(visitor, from, length, to);
            from += length;
            to += length;
            continue;
        }
        size_t length = left < 2 ? HEADER : header_length(from);
        if (left < length) {
            memcpy(visitor->header, from, left);
            visitor->begun = (uint8_t)left;
            break;
        }
        to += turn_header(visitor, from, length, to);
        from += length;
    }
    return (size_t)(to - first);
}

static void echo(struct visitor *visitor, uint8_t *bytes, size_t length)
{
    uint8_t *from = bytes - visitor->begun;
    memcpy(from, visitor->header, visitor->begun);
    visitor->begun = 0;
    say(visitor, room, turn(visitor, from, bytes + length, room));
}

/* -- the loop -- */

/* All that one recv has brought, since no event would tell of what OpenSSL has read ahead; a full record is not the last of its message. */
static size_t hear(struct visitor *visitor, uint8_t *bytes)
{
    size_t length = 0, more;
    while (length < ROOM - 1 && SSL_read_ex(visitor->ssl, bytes + length, ROOM - 1 - length, &more)) {
        length += more;
        if (more < SSL3_RT_MAX_PLAIN_LENGTH && !SSL_has_pending(visitor->ssl))
            break;
    }
    return length;
}

static void converse(struct visitor *visitor)
{
    uint8_t *bytes = room + HEADER;
    do {
        size_t length = hear(visitor, bytes);
        if (length == 0 && SSL_get_error(visitor->ssl, 0) == SSL_ERROR_WANT_READ)
            return;
        if (length && visitor->upgraded)
            echo(visitor, bytes, length);
        else if (length)
            answer(visitor, (char *)bytes, length);
        if (length == 0 || SSL_get_shutdown(visitor->ssl))
            return part(visitor);
    } while (!visitor->kept && SSL_has_pending(visitor->ssl));
}

static void serve(struct visitor *visitor, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP))
        return drop(visitor);
    if (!visitor->shaken) {
        int done = SSL_do_handshake(visitor->ssl);
        if (done != 1 && SSL_get_error(visitor->ssl, done) != SSL_ERROR_WANT_READ)
            return drop(visitor);
        visitor->shaken = done == 1;
    } else if (visitor->kept) {
        say(visitor, visitor->kept, visitor->kept_length);
    } else {
        return converse(visitor);
    }
    if (visitor->shaken && !visitor->kept && SSL_has_pending(visitor->ssl))
        converse(visitor);
}

/* As Crossgate's: src/tls/context.c, offer.c, tickets.c. */
static SSL_CTX *context_new(char **words)
{
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());
    BIO *file = BIO_new_file(words[3], "r");
    MUST(made && file && SSL_CTX_use_certificate_chain_file(made, words[1]) == 1 &&
         SSL_CTX_use_PrivateKey_file(made, words[2], SSL_FILETYPE_PEM) == 1 &&
         SSL_CTX_set0_tmp_dh_pkey(made, PEM_read_bio_Parameters(file, NULL)) == 1 &&
         SSL_CTX_set_cipher_list(made, CIPHERS) == 1 && SSL_CTX_set1_groups_list(made, "X25519:P-256:P-384") == 1 &&
         SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION) == 1);
    BIO_free(file);
    SSL_CTX_set_options(made, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(made, 1);
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(made, 0);
    return made;
}

static int listen_at(in_port_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    MUST(setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)) == 0);
    MUST(setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0); /* visitors inherit it */
    MUST(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, BACKLOG) == 0);
    struct epoll_event event = {.events = EPOLLIN};
    MUST((loop = epoll_create1(0)) >= 0 && epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event) == 0);
    return listener;
}

int main(int count, char **words)
{
    MUST(count >= 6 && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    context = context_new(words + 1);
    /* Workers share the tickets' key and the port; all end with the group. */
    for (long more = strtol(words[5], NULL, 10); more > 1 && fork() != 0; more--) {
    }
    int listener = listen_at((in_port_t)strtol(words[1], NULL, 10));
    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(loop, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr)
                serve(events[i].data.ptr, events[i].events);
            else
                welcome(listener);
        }
    }
}
