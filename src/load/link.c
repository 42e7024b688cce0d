#include "link.h"

#include "client.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ms */
enum { CONNECT_TIME = 10000, LEAVE_TIME = 5000, SOON = 1 };

static struct link *link_of(uv_poll_t *poll)
{
    return CONTAINER_OF(poll, struct link, poll);
}

/* ---- the end */

static void on_closed(uv_handle_t *handle)
{
    struct link *link = link_of((uv_poll_t *)handle);
    link->state = LINK_NONE;
    link->on->on_end(link);
}

/* Sessions of connections that were not shut down are not resumed, says OpenSSL; what was cut off here, was by us. */
static void free_tls(struct link *link)
{
    if (!link->ssl)
        return;
    SSL_set_shutdown(link->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(link->ssl);
    link->ssl = NULL;
    ERR_clear_error();
}

void link_close(struct link *link)
{
    if (link->state == LINK_NONE || link->state == LINK_ENDING)
        return;
    link->run->open -= link->state == LINK_OPEN;
    link->state = LINK_ENDING;
    deadline_disarm(&link->deadline);
    free_tls(link);
    free(link->out);
    link->out = NULL;
    link->out_length = 0;
    uv_close((uv_handle_t *)&link->poll, on_closed);
    close(link->fd);
}

void link_fail(struct link *link, const char *format, ...)
{
    va_list arguments;
    if (link->state == LINK_NONE || link->state == LINK_ENDING)
        return;
    va_start(arguments, format);
    vsnprintf(link->why, sizeof link->why, format, arguments);
    va_end(arguments);
    link_close(link);
}

static void fail_errno(struct link *link, const char *what)
{
    link_fail(link, "%s %s: %s", what, link->run->route.text, strerror(errno));
}

/* What the other side, or OpenSSL, has against this connection. */
static void fail_tls(struct link *link, const char *what)
{
    unsigned long reason = ERR_peek_last_error();
    long verified = SSL_get_verify_result(link->ssl);
    if (verified != X509_V_OK && SSL_get_verify_mode(link->ssl) != SSL_VERIFY_NONE)
        link_fail(link, "%s: the certificate is not trusted: %s", what, X509_verify_cert_error_string(verified));
    else if (reason)
        link_fail(link, "%s: %s", what, ERR_reason_error_string(reason));
    else
        link_fail(link, "%s: the server has closed the connection", what);
}

/* ---- time */

static void arm(struct link *link, uint32_t ms)
{
    deadline_arm(&link->run->deadlines, &link->deadline, ms, link->run->now / 1000000);
}

void link_expect(struct link *link, const char *what, uint32_t ms)
{
    link->awaited = what;
    link->patience = ms;
    arm(link, ms);
}

static void on_late(struct deadline *deadline)
{
    struct link *link = CONTAINER_OF(deadline, struct link, deadline);
    if (link->state == LINK_LEAVING)
        link_close(link);
    else if (link->state == LINK_ENDING) /* it has not even begun */
        on_closed((uv_handle_t *)&link->poll);
    else
        link_fail(link, "no %s within %g s", link->awaited, link->patience / 1000.0);
}

/* ---- polling */

static void on_event(uv_poll_t *poll, int status, int events);

static void poll_for(struct link *link, int events)
{
    if (link->events == events)
        return;
    link->events = events;
    int status = events ? uv_poll_start(&link->poll, events, on_event) : uv_poll_stop(&link->poll);
    if (status != 0)
        link_fail(link, "cannot wait for a connection: %s", uv_strerror(status));
}

static void poll_as_open(struct link *link)
{
    if (link->state == LINK_OPEN)
        poll_for(link, (link->paused ? 0 : UV_READABLE) | (link->out || link->resuming ? UV_WRITABLE : 0));
}

/* ---- bytes out: what OpenSSL seals is collected, and leaves in one go */

static int bio_write(BIO *bio, const char *from, size_t size, size_t *taken)
{
    struct run *run = ((struct link *)BIO_get_data(bio))->run;
    BIO_clear_retry_flags(bio);
    if (size > sizeof run->wire - run->wired)
        return 0;
    memcpy(run->wire + run->wired, from, size);
    run->wired += size;
    *taken = size;
    return 1;
}

static bool keep(struct link *link, struct span rest)
{
    uint8_t *out = realloc(link->out, link->out_length + rest.len);
    if (!out) {
        link_fail(link, "out of memory");
        return false;
    }
    memcpy(out + link->out_length, rest.at, rest.len);
    link->out = out;
    link->out_length += rest.len;
    return true;
}

/* How many the kernel took; it having no room is no failure. */
static size_t transmit(struct link *link, struct span bytes)
{
    ssize_t n = send(link->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
    if (n >= 0)
        return (size_t)n;
    if (errno != EAGAIN && errno != EINTR)
        fail_errno(link, "sending to");
    return 0;
}

static void send_all(struct link *link, struct span bytes)
{
    size_t taken = link->out ? 0 : transmit(link, bytes);
    if (link->state != LINK_ENDING && taken < bytes.len)
        keep(link, span_tail(bytes, taken));
}

static void send_wire(struct link *link)
{
    struct run *run = link->run;
    size_t length = run->wired;
    run->wired = 0;
    if (length > 0)
        send_all(link, span_of(run->wire, length));
}

static void send_kept(struct link *link)
{
    size_t taken = transmit(link, span_of(link->out, link->out_length));
    if (link->state == LINK_ENDING)
        return;
    link->out_length -= taken;
    memmove(link->out, link->out + taken, link->out_length);
    if (link->out_length > 0)
        return;
    free(link->out);
    link->out = NULL;
}

bool link_write(struct link *link, struct span bytes)
{
    if (link->state != LINK_OPEN)
        return false;
    assert(bytes.len <= RUN_BYTES);
    size_t taken;
    if (!link->ssl)
        send_all(link, bytes);
    else if (SSL_write_ex(link->ssl, bytes.at, bytes.len, &taken) != 1)
        fail_tls(link, "TLS");
    else
        send_wire(link);
    poll_as_open(link);
    return link_has_room(link);
}

/* ---- bytes in: OpenSSL's buffer is filled by one read per event, however much of it makes a record */

static int bio_read(BIO *bio, char *to, size_t size, size_t *taken)
{
    struct link *link = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *taken = 0;
    if (!link->may_read) {
        BIO_set_retry_read(bio);
        return 0;
    }
    link->may_read = false;
    ssize_t n = recv(link->fd, to, size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    link->ended = n == 0;
    *taken = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static long bio_control(BIO *bio, int command, long number, void *argument)
{
    (void)bio, (void)number, (void)argument;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *link_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "link");
    if (method && BIO_meth_set_read_ex(method, bio_read) == 1 && BIO_meth_set_write_ex(method, bio_write) == 1 &&
        BIO_meth_set_ctrl(method, bio_control) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

static void end_of_bytes(struct link *link)
{
    if (link->on->on_eof)
        link->on->on_eof(link);
    else
        link_fail(link, "the server has closed the connection");
}

/* Whoever gets the bytes may end the link. */
static void read_tls(struct link *link)
{
    size_t n;
    while (link->state == LINK_OPEN && !link->paused && SSL_read_ex(link->ssl, link->run->plain, RUN_BYTES, &n) == 1)
        link->on->on_bytes(link, span_of(link->run->plain, n));
    if (link->state != LINK_OPEN || link->paused)
        return;
    int error = SSL_get_error(link->ssl, 0);
    if (error == SSL_ERROR_ZERO_RETURN || link->ended)
        end_of_bytes(link);
    else if (error == SSL_ERROR_SYSCALL && errno != 0)
        fail_errno(link, "receiving from");
    else if (error != SSL_ERROR_WANT_READ)
        fail_tls(link, "TLS");
}

static void read_plain(struct link *link)
{
    ssize_t n = recv(link->fd, link->run->plain, RUN_BYTES, 0);
    if (n > 0)
        link->on->on_bytes(link, span_of(link->run->plain, (size_t)n));
    else if (n == 0)
        end_of_bytes(link);
    else if (errno != EAGAIN && errno != EINTR)
        fail_errno(link, "receiving from");
}

static void read_some(struct link *link)
{
    link->resuming = false;
    link->may_read = true;
    if (link->ssl)
        read_tls(link);
    else
        read_plain(link);
    if (link->state == LINK_OPEN && link->run->wired > 0)
        send_wire(link); /* an answer of TLS itself, to a KeyUpdate */
}

/* What OpenSSL has already got of the kernel, no event tells of: room for writing does, which there is. */
void link_pause(struct link *link, bool paused)
{
    link->resuming = link->paused && !paused;
    link->paused = paused;
    poll_as_open(link);
}

/* ---- goodbye */

/* What was not read would make the kernel reset the connection, and the server might miss our last words. */
static void drain(struct link *link)
{
    ssize_t n = recv(link->fd, link->run->plain, RUN_BYTES, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        link_close(link);
}

void link_leave(struct link *link)
{
    if (link->state != LINK_OPEN)
        return;
    if (link->ssl && SSL_shutdown(link->ssl) >= 0)
        send_wire(link);
    if (link->state != LINK_OPEN)
        return;
    if (link->out || shutdown(link->fd, SHUT_WR) != 0) {
        link_close(link);
        return;
    }
    link->run->open--;
    link->state = LINK_LEAVING;
    arm(link, LEAVE_TIME);
    poll_for(link, UV_READABLE);
}

/* ---- the beginning */

static void note_handshake(struct link *link)
{
    struct run *run = link->run;
    run->version = SSL_get_version(link->ssl);
    run->cipher = SSL_get_cipher_name(link->ssl);
    run->group = SSL_group_to_name(link->ssl, (int)SSL_get_negotiated_group(link->ssl));
    run->resumed += run->phase == RUN_COUNTING && SSL_session_reused(link->ssl);
}

static void become_open(struct link *link)
{
    struct run *run = link->run;
    if (link->ssl)
        note_handshake(link);
    deadline_disarm(&link->deadline);
    link->state = LINK_OPEN;
    run->open++;
    run->open_most = run->open > run->open_most ? run->open : run->open_most;
    poll_as_open(link);
    link->on->on_open(link);
}

/* Writing before the connection stands tells the kernel's opinion of it; on the own machine it mostly stands at once. */
static void shake_hands(struct link *link)
{
    link->may_read = true;
    errno = 0;
    int status = SSL_do_handshake(link->ssl);
    int number = errno, error = status == 1 ? SSL_ERROR_NONE : SSL_get_error(link->ssl, status);
    send_wire(link);
    if (link->state == LINK_ENDING)
        return;
    if (status == 1)
        become_open(link);
    else if (error == SSL_ERROR_WANT_READ)
        poll_for(link, link->out ? UV_READABLE | UV_WRITABLE : UV_READABLE);
    else if (error == SSL_ERROR_SYSCALL && number != 0)
        link_fail(link, "handshake with %s: %s", link->run->route.text, strerror(number));
    else
        fail_tls(link, "handshake");
}

static void finish_connecting(struct link *link)
{
    int reason = 0;
    socklen_t length = sizeof reason;
    getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &reason, &length);
    if (reason != 0)
        link_fail(link, "connecting to %s: %s", link->run->route.text, strerror(reason));
    else
        become_open(link);
}

static bool begin_tls(struct link *link)
{
    BIO *bio = BIO_new(link->run->method);
    link->ssl = bio ? client_connection(link->client, &link->left_session) : NULL;
    if (!link->ssl) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, link);
    BIO_set_init(bio, 1);
    SSL_set_bio(link->ssl, bio, bio);
    return true;
}

/* There is no descriptor yet to close, and on_end comes from an own event all the same. */
static void fail_to_begin(struct link *link)
{
    const char *advice = errno == EADDRNOTAVAIL ? " (all ports of this source address are in use: take --sources)" : "";
    snprintf(link->why, sizeof link->why, "connecting to %s: %s%s", link->run->route.text, strerror(errno), advice);
    link->state = LINK_ENDING;
    arm(link, SOON);
}

void link_open(struct link *link)
{
    assert(link->state == LINK_NONE);
    link->why[0] = '\0';
    link->paused = false;
    link->events = 0;
    link->ended = link->resuming = false;
    link->fd = route_connect(&link->run->route);
    if (link->fd < 0) {
        fail_to_begin(link);
        return;
    }
    if (uv_poll_init(&link->run->uv, &link->poll, link->fd) != 0) {
        close(link->fd);
        fail_to_begin(link);
        return;
    }
    link->state = LINK_CONNECTING;
    link_expect(link, link->client ? "handshake" : "connection", CONNECT_TIME);
    if (!link->client)
        poll_for(link, UV_WRITABLE);
    else if (begin_tls(link))
        shake_hands(link);
    else
        link_fail(link, "out of memory");
}

void link_init(struct link *link, struct run *run, struct client *client, const struct link_user *on)
{
    *link = (struct link){.run = run, .client = client, .on = on};
    deadline_init(&link->deadline, on_late);
}

/* ---- events */

static void on_open_event(struct link *link, int events)
{
    if (events & UV_WRITABLE && link->out)
        send_kept(link);
    if ((events & UV_READABLE || link->resuming) && link->state == LINK_OPEN && !link->paused)
        read_some(link);
    if (link_has_room(link))
        link->on->on_turn(link);
    poll_as_open(link);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct link *link = link_of(poll);
    run_tick(link->run);
    if (status != 0)
        events = UV_READABLE | UV_WRITABLE; /* what is wrong, the next call says */
    if (link->state == LINK_OPEN)
        on_open_event(link, events);
    else if (link->state == LINK_LEAVING)
        drain(link);
    else if (link->state == LINK_CONNECTING && !link->client)
        finish_connecting(link);
    else if (link->state == LINK_CONNECTING) {
        if (events & UV_WRITABLE && link->out)
            send_kept(link);
        if (link->state == LINK_CONNECTING)
            shake_hands(link);
    }
}
