#include "contact.h"

#include "offer.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ms */
enum { BREATH = 20, CONNECT_TIME = 10000, LEAVE_TIME = 5000, SOON = 1 };

static struct contact *contact_of(uv_poll_t *poll)
{
    return CONTAINER_OF(poll, struct contact, poll);
}

/* ---- the end */

static void on_closed(uv_handle_t *handle)
{
    struct contact *contact = contact_of((uv_poll_t *)handle);
    contact->state = CONTACT_NONE;
    contact->on->on_end(contact);
}

/* Sessions of connections that were not shut down are not resumed, says OpenSSL; what was cut off here, was by us. */
static void free_tls(struct contact *contact)
{
    if (!contact->ssl)
        return;
    SSL_set_shutdown(contact->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(contact->ssl);
    contact->ssl = NULL;
    ERR_clear_error();
}

void contact_close(struct contact *contact)
{
    if (contact->state == CONTACT_NONE || contact->state == CONTACT_ENDING)
        return;
    contact->run->open -= contact->state == CONTACT_OPEN;
    contact->state = CONTACT_ENDING;
    deadline_disarm(&contact->deadline);
    deadline_disarm(&contact->breath);
    free_tls(contact);
    free(contact->out);
    contact->out = NULL;
    contact->out_length = 0;
    uv_close((uv_handle_t *)&contact->poll, on_closed);
    close(contact->fd);
}

void contact_fail(struct contact *contact, const char *format, ...)
{
    va_list arguments;
    if (contact->state == CONTACT_NONE || contact->state == CONTACT_ENDING)
        return;
    va_start(arguments, format);
    vsnprintf(contact->why, sizeof contact->why, format, arguments);
    va_end(arguments);
    contact_close(contact);
}

static void fail_errno(struct contact *contact, const char *what)
{
    contact_fail(contact, "%s %s: %s", what, contact->run->route.text, strerror(errno));
}

/* What the other side, or OpenSSL, has against this connection. */
static void fail_tls(struct contact *contact, const char *what)
{
    unsigned long reason = ERR_peek_last_error();
    long verified = SSL_get_verify_result(contact->ssl);
    if (verified != X509_V_OK && SSL_get_verify_mode(contact->ssl) != SSL_VERIFY_NONE)
        contact_fail(contact, "%s: the certificate is not trusted: %s", what, X509_verify_cert_error_string(verified));
    else if (reason)
        contact_fail(contact, "%s: %s", what, ERR_reason_error_string(reason));
    else
        contact_fail(contact, "%s: the server has closed the connection", what);
}

/* ---- time */

static void arm(struct contact *contact, uint32_t ms)
{
    deadline_arm(&contact->run->deadlines, &contact->deadline, ms, contact->run->now / 1000000);
}

void contact_expect(struct contact *contact, const char *what, uint32_t ms)
{
    contact->awaited = what;
    contact->patience = ms;
    arm(contact, ms);
}

static void on_late(struct deadline *deadline)
{
    struct contact *contact = CONTAINER_OF(deadline, struct contact, deadline);
    if (contact->state == CONTACT_LEAVING)
        contact_close(contact);
    else if (contact->paused) /* it may be there already */
        contact_expect(contact, contact->awaited, contact->patience);
    else if (contact->state == CONTACT_ENDING) /* it has not even begun */
        on_closed((uv_handle_t *)&contact->poll);
    else
        contact_fail(contact, "no %s within %g s", contact->awaited, contact->patience / 1000.0);
}

/* ---- polling */

static void on_event(uv_poll_t *poll, int status, int events);

static void poll_for(struct contact *contact, int events)
{
    if (contact->events == events)
        return;
    contact->events = events;
    int status = events ? uv_poll_start(&contact->poll, events, on_event) : uv_poll_stop(&contact->poll);
    if (status != 0)
        contact_fail(contact, "cannot wait for a connection: %s", uv_strerror(status));
}

static void poll_as_open(struct contact *contact)
{
    if (contact->state == CONTACT_OPEN)
        poll_for(contact, (contact->paused ? 0 : UV_READABLE) | (contact->out || contact->resuming ? UV_WRITABLE : 0));
}

/* ---- bytes out: what OpenSSL seals is collected, and leaves in one go */

static int bio_write(BIO *bio, const char *from, size_t size, size_t *taken)
{
    struct run *run = ((struct contact *)BIO_get_data(bio))->run;
    BIO_clear_retry_flags(bio);
    if (size > sizeof run->wire - run->wired)
        return 0;
    memcpy(run->wire + run->wired, from, size);
    run->wired += size;
    *taken = size;
    return 1;
}

static bool keep(struct contact *contact, struct span rest)
{
    uint8_t *out = realloc(contact->out, contact->out_length + rest.len);
    if (!out) {
        contact_fail(contact, "out of memory");
        return false;
    }
    memcpy(out + contact->out_length, rest.at, rest.len);
    contact->out = out;
    contact->out_length += rest.len;
    return true;
}

/* How many the kernel took; it having no room is no failure. */
static size_t transmit(struct contact *contact, struct span bytes)
{
    ssize_t n = send(contact->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
    if (n >= 0)
        return (size_t)n;
    if (errno != EAGAIN && errno != EINTR)
        fail_errno(contact, "sending to");
    return 0;
}

static void send_all(struct contact *contact, struct span bytes)
{
    size_t taken = contact->out ? 0 : transmit(contact, bytes);
    if (contact->state != CONTACT_ENDING && taken < bytes.len)
        keep(contact, span_tail(bytes, taken));
}

static void send_wire(struct contact *contact)
{
    struct run *run = contact->run;
    size_t length = run->wired;
    run->wired = 0;
    if (length > 0)
        send_all(contact, span_of(run->wire, length));
}

static void send_kept(struct contact *contact)
{
    size_t taken = transmit(contact, span_of(contact->out, contact->out_length));
    if (contact->state == CONTACT_ENDING)
        return;
    contact->out_length -= taken;
    memmove(contact->out, contact->out + taken, contact->out_length);
    if (contact->out_length > 0)
        return;
    free(contact->out);
    contact->out = NULL;
}

bool contact_write(struct contact *contact, struct span bytes)
{
    if (contact->state != CONTACT_OPEN)
        return false;
    assert(bytes.len <= RUN_BYTES);
    size_t taken;
    if (!contact->ssl)
        send_all(contact, bytes);
    else if (SSL_write_ex(contact->ssl, bytes.at, bytes.len, &taken) != 1)
        fail_tls(contact, "TLS");
    else
        send_wire(contact);
    poll_as_open(contact);
    return contact_has_room(contact);
}

/* ---- bytes in: OpenSSL's buffer is filled by one read per event, however much of it makes a record */

static int bio_read(BIO *bio, char *to, size_t size, size_t *taken)
{
    struct contact *contact = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *taken = 0;
    if (!contact->may_read || contact->run->wired > 0) { /* who has yet to speak cannot have an answer */
        BIO_set_retry_read(bio);
        return 0;
    }
    contact->may_read = false;
    ssize_t n = recv(contact->fd, to, size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    contact->ended = n == 0;
    *taken = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static long bio_control(BIO *bio, int command, long number, void *argument)
{
    (void)bio, (void)number, (void)argument;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *contact_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "contact");
    if (method && BIO_meth_set_read_ex(method, bio_read) == 1 && BIO_meth_set_write_ex(method, bio_write) == 1 &&
        BIO_meth_set_ctrl(method, bio_control) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

static void end_of_bytes(struct contact *contact)
{
    if (contact->on->on_eof)
        contact->on->on_eof(contact);
    else
        contact_fail(contact, "the server has closed the connection");
}

/* ---- readers that take their time */

/* What a timer was late for may be made up for. */
#define CREDIT UINT64_C(100000000) /* ns */

static void deliver(struct contact *contact, size_t length)
{
    const struct run *run = contact->run;
    uint64_t earliest = run->now - CREDIT;
    if (run->read_rate > 0)
        contact->free_at = (contact->free_at > earliest ? contact->free_at : earliest) +
                           (uint64_t)((double)length * 1e9 / run->read_rate);
    contact->on->on_bytes(contact, span_of(run->plain, length));
}

/* Stops reading, and goes on with it. What OpenSSL has already got of the kernel, no event tells of: room for writing does, which there is. */
static void pause_reading(struct contact *contact, bool paused)
{
    contact->resuming = contact->paused && !paused;
    contact->paused = paused;
    poll_as_open(contact);
}

static void breathe(struct contact *contact)
{
    struct run *run = contact->run;
    bool waits = contact->free_at > run->now;
    if (contact->paused != waits)
        pause_reading(contact, waits);
    if (waits && contact->state == CONTACT_OPEN)
        deadline_arm(&run->deadlines, &contact->breath, BREATH, run->now / 1000000);
}

static void on_breath(struct deadline *deadline)
{
    breathe(CONTAINER_OF(deadline, struct contact, breath));
}

/* Whoever gets the bytes may end the contact. */
static void read_tls(struct contact *contact)
{
    size_t n;
    while (contact->state == CONTACT_OPEN && !contact->paused &&
           SSL_read_ex(contact->ssl, contact->run->plain, RUN_BYTES, &n) == 1)
        deliver(contact, n);
    if (contact->state != CONTACT_OPEN || contact->paused)
        return;
    int error = SSL_get_error(contact->ssl, 0);
    if (error == SSL_ERROR_ZERO_RETURN || contact->ended)
        end_of_bytes(contact);
    else if (error == SSL_ERROR_SYSCALL && errno != 0)
        fail_errno(contact, "receiving from");
    else if (error != SSL_ERROR_WANT_READ)
        fail_tls(contact, "TLS");
}

static void read_plain(struct contact *contact)
{
    ssize_t n = recv(contact->fd, contact->run->plain, RUN_BYTES, 0);
    if (n > 0)
        deliver(contact, (size_t)n);
    else if (n == 0)
        end_of_bytes(contact);
    else if (errno != EAGAIN && errno != EINTR)
        fail_errno(contact, "receiving from");
}

static void read_some(struct contact *contact)
{
    contact->resuming = false;
    contact->may_read = true;
    if (contact->ssl)
        read_tls(contact);
    else
        read_plain(contact);
    if (contact->state == CONTACT_OPEN && contact->run->wired > 0)
        send_wire(contact); /* an answer of TLS itself, to a KeyUpdate */
}

/* ---- goodbye */

/* What was not read would make the kernel reset the connection, and the server might miss our last words. */
static void drain(struct contact *contact)
{
    ssize_t n = recv(contact->fd, contact->run->plain, RUN_BYTES, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        contact_close(contact);
}

void contact_leave(struct contact *contact)
{
    if (contact->state != CONTACT_OPEN)
        return;
    if (contact->ssl && SSL_shutdown(contact->ssl) >= 0)
        send_wire(contact);
    if (contact->state != CONTACT_OPEN)
        return;
    if (contact->out || shutdown(contact->fd, SHUT_WR) != 0) {
        contact_close(contact);
        return;
    }
    contact->run->open--;
    contact->state = CONTACT_LEAVING;
    arm(contact, LEAVE_TIME);
    poll_for(contact, UV_READABLE);
}

/* ---- the beginning */

static void note_handshake(struct contact *contact)
{
    struct run *run = contact->run;
    run_note_tls(run, contact->ssl);
    run->resumed += run->phase == RUN_COUNTING && SSL_session_reused(contact->ssl);
}

static void become_open(struct contact *contact)
{
    struct run *run = contact->run;
    if (contact->ssl)
        note_handshake(contact);
    deadline_disarm(&contact->deadline);
    contact->state = CONTACT_OPEN;
    run->open++;
    run->open_most = run->open > run->open_most ? run->open : run->open_most;
    poll_as_open(contact);
    contact->on->on_open(contact);
}

/* Writing before the connection stands tells the kernel's opinion of it; on the own machine it mostly stands at once. */
static void shake_hands(struct contact *contact)
{
    contact->may_read = true;
    errno = 0;
    int status = SSL_do_handshake(contact->ssl);
    int number = errno, error = status == 1 ? SSL_ERROR_NONE : SSL_get_error(contact->ssl, status);
    send_wire(contact);
    if (contact->state == CONTACT_ENDING)
        return;
    if (status == 1)
        become_open(contact);
    else if (error == SSL_ERROR_WANT_READ)
        poll_for(contact, contact->out ? UV_READABLE | UV_WRITABLE : UV_READABLE);
    else if (error == SSL_ERROR_SYSCALL && number != 0)
        contact_fail(contact, "handshake with %s: %s", contact->run->route.text, strerror(number));
    else
        fail_tls(contact, "handshake");
}

static void finish_connecting(struct contact *contact)
{
    int reason = 0;
    socklen_t length = sizeof reason;
    getsockopt(contact->fd, SOL_SOCKET, SO_ERROR, &reason, &length);
    if (reason != 0)
        contact_fail(contact, "connecting to %s: %s", contact->run->route.text, strerror(reason));
    else
        become_open(contact);
}

static bool begin_tls(struct contact *contact)
{
    BIO *bio = BIO_new(contact->run->method);
    contact->ssl = bio ? offer_connection(contact->offer) : NULL;
    if (!contact->ssl) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, contact);
    BIO_set_init(bio, 1);
    SSL_set_bio(contact->ssl, bio, bio);
    return true;
}

/* There is no descriptor yet to close, and on_end comes from an own event all the same. */
static void fail_to_begin(struct contact *contact)
{
    const char *advice = errno == EADDRNOTAVAIL ? " (all ports of this source address are in use: take --sources)" : "";
    snprintf(contact->why, sizeof contact->why, "connecting to %s: %s%s", contact->run->route.text, strerror(errno),
             advice);
    contact->state = CONTACT_ENDING;
    arm(contact, SOON);
}

void contact_open(struct contact *contact)
{
    assert(contact->state == CONTACT_NONE);
    contact->why[0] = '\0';
    contact->paused = false;
    contact->events = 0;
    contact->ended = contact->resuming = false;
    contact->free_at = 0;
    contact->fd = route_connect(&contact->run->route);
    if (contact->fd < 0) {
        fail_to_begin(contact);
        return;
    }
    if (uv_poll_init(&contact->run->uv, &contact->poll, contact->fd) != 0) {
        close(contact->fd);
        fail_to_begin(contact);
        return;
    }
    contact->state = CONTACT_CONNECTING;
    contact_expect(contact, contact->offer ? "handshake" : "connection", CONNECT_TIME);
    if (!contact->offer)
        poll_for(contact, UV_WRITABLE);
    else if (begin_tls(contact))
        shake_hands(contact);
    else
        contact_fail(contact, "out of memory");
}

void contact_init(struct contact *contact, struct run *run, struct offer *offer, const struct contact_user *on)
{
    *contact = (struct contact){.run = run, .offer = offer, .on = on};
    deadline_init(&contact->deadline, on_late);
    deadline_init(&contact->breath, on_breath);
}

/* ---- events */

static void on_open_event(struct contact *contact, int events)
{
    if (events & UV_WRITABLE && contact->out)
        send_kept(contact);
    if ((events & UV_READABLE || contact->resuming) && contact->state == CONTACT_OPEN && !contact->paused)
        read_some(contact);
    if (contact_has_room(contact))
        contact->on->on_turn(contact);
    if (contact->run->read_rate > 0 && contact->state == CONTACT_OPEN)
        breathe(contact);
    poll_as_open(contact);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct contact *contact = contact_of(poll);
    run_tick(contact->run);
    run_advance(contact->run);
    if (status != 0) {
        contact->events = 0;                /* libuv polls no more */
        events = UV_READABLE | UV_WRITABLE; /* what is wrong, the next call says */
    }
    if (contact->state == CONTACT_OPEN)
        on_open_event(contact, events);
    else if (contact->state == CONTACT_LEAVING)
        drain(contact);
    else if (contact->state == CONTACT_CONNECTING && !contact->offer)
        finish_connecting(contact);
    else if (contact->state == CONTACT_CONNECTING) {
        if (events & UV_WRITABLE && contact->out)
            send_kept(contact);
        if (contact->state == CONTACT_CONNECTING)
            shake_hands(contact);
    }
}
