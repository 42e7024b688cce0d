#include "link.h"

#include "clock.h"
#include "text.h"

#include <openssl/err.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static enum probe_failure fail(struct link *link, enum probe_failure failure, const char *why)
{
    TEXT_COPY(link->failure, span_string(why));
    return failure;
}

/* False: time is up, even if something is there: a peer that never stops must not keep us. */
static bool wait_for(const struct link *link, short events, uint64_t until)
{
    struct pollfd wait = {.fd = link->socket, .events = events};
    int left;
    while ((left = clock_left(until)) > 0) {
        int ready = poll(&wait, 1, left);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return ready > 0;
    }
    return false;
}

static enum probe_failure connect_by(struct link *link, const struct address *address, uint64_t until)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (connect(link->socket, (const struct sockaddr *)&address->at, address->size) == 0)
        return PROBE_NO_FAILURE;
    if (errno != EINPROGRESS)
        return fail(link, PROBE_ENDED, strerror(errno));
    if (!wait_for(link, POLLOUT, until))
        return fail(link, PROBE_SILENT, "no answer in time");
    if (getsockopt(link->socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
        return fail(link, PROBE_ENDED, strerror(error ? error : errno));
    return PROBE_NO_FAILURE;
}

enum probe_failure link_dial(struct link *link, const struct address *address, uint64_t until)
{
    int on = 1;
    *link = (struct link){.socket = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (link->socket < 0)
        return fail(link, PROBE_ENDED, strerror(errno));
    enum probe_failure failure = connect_by(link, address, until);
    if (failure == PROBE_NO_FAILURE) {
        setsockopt(link->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return failure;
    }
    close(link->socket);
    link->socket = -1;
    return failure;
}

/* ---- TLS */

/* OpenSSL's number of a received alert is the alert's own and this. */
enum { ALERT_BASE = SSL_AD_REASON_OFFSET };

static enum probe_failure explain(struct link *link)
{
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    const char *text = ERR_reason_error_string(error);
    ERR_clear_error();
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return fail(link, PROBE_ENDED, "the server closed the connection");
    if (reason <= ALERT_BASE || reason > ALERT_BASE + UINT8_MAX)
        return fail(link, PROBE_OTHER, text ? text : "the TLS library gives no reason");
    link->alert = (uint8_t)(reason - ALERT_BASE);
    return fail(link, PROBE_REFUSED, SSL_alert_desc_string_long(link->alert));
}

/* What a call of OpenSSL came to that returned `result`. PROBE_NO_FAILURE: it can be made again. */
static enum probe_failure settle(struct link *link, int result, int system_error, uint64_t until)
{
    short events = 0;
    switch (SSL_get_error(link->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        events = POLLIN;
        break;
    case SSL_ERROR_WANT_WRITE:
        events = POLLOUT;
        break;
    case SSL_ERROR_ZERO_RETURN:
        return fail(link, PROBE_ENDED, "the server closed the connection");
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        return fail(link, PROBE_ENDED, system_error ? strerror(system_error) : "the server closed the connection");
    default:
        return explain(link);
    }
    return wait_for(link, events, until) ? PROBE_NO_FAILURE : fail(link, PROBE_SILENT, "no answer in time");
}

struct link *link_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

enum probe_failure link_handshake(struct link *link, SSL *ssl, uint64_t until)
{
    link->ssl = ssl;
    if (SSL_set_app_data(ssl, link) != 1 || SSL_set_fd(ssl, link->socket) != 1)
        return fail(link, PROBE_OTHER, "out of memory");
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int result = SSL_connect(ssl);
        if (result == 1)
            return PROBE_NO_FAILURE;
        enum probe_failure failure = settle(link, result, errno, until);
        if (failure != PROBE_NO_FAILURE)
            return failure;
    }
}

/* ---- bytes */

/* As SSL_write and SSL_read, and in what failed, for plain connections. */
static enum probe_failure settle_plain(struct link *link, short events, uint64_t until)
{
    if (errno != EAGAIN && errno != EINTR)
        return fail(link, PROBE_ENDED, strerror(errno));
    return wait_for(link, events, until) ? PROBE_NO_FAILURE : fail(link, PROBE_SILENT, "no answer in time");
}

static enum probe_failure write_some(struct link *link, struct span *bytes, uint64_t until)
{
    if (!link->ssl) {
        ssize_t sent = send(link->socket, bytes->at, bytes->len, MSG_NOSIGNAL);
        *bytes = span_tail(*bytes, sent > 0 ? (size_t)sent : 0);
        return sent >= 0 ? PROBE_NO_FAILURE : settle_plain(link, POLLOUT, until);
    }
    size_t sent = 0;
    ERR_clear_error();
    errno = 0;
    int result = SSL_write_ex(link->ssl, bytes->at, bytes->len, &sent);
    *bytes = span_tail(*bytes, sent);
    return result == 1 ? PROBE_NO_FAILURE : settle(link, result, errno, until);
}

enum probe_failure link_write(struct link *link, struct span bytes, uint64_t until)
{
    enum probe_failure failure = PROBE_NO_FAILURE;
    while (bytes.len > 0 && failure == PROBE_NO_FAILURE)
        failure = write_some(link, &bytes, until);
    return failure;
}

/* *length stays 0 if there is nothing yet. */
static enum probe_failure read_some(struct link *link, void *bytes, size_t size, size_t *length, uint64_t until)
{
    if (!link->ssl) {
        ssize_t got = recv(link->socket, bytes, size, 0);
        if (got < 0)
            return settle_plain(link, POLLIN, until);
        *length = (size_t)got;
        return got > 0 ? PROBE_NO_FAILURE : fail(link, PROBE_ENDED, "the server closed the connection");
    }
    ERR_clear_error();
    errno = 0;
    int result = SSL_read_ex(link->ssl, bytes, size, length);
    return result == 1 ? PROBE_NO_FAILURE : settle(link, result, errno, until);
}

enum probe_failure link_read(struct link *link, void *bytes, size_t size, size_t *length, uint64_t until)
{
    enum probe_failure failure = PROBE_NO_FAILURE;
    *length = 0;
    while (*length == 0 && failure == PROBE_NO_FAILURE) {
        if (clock_left(until) == 0)
            return fail(link, PROBE_SILENT, "no answer in time");
        failure = read_some(link, bytes, size, length, until);
    }
    return failure;
}

void link_close(struct link *link)
{
    if (link->ssl && SSL_is_init_finished(link->ssl))
        SSL_shutdown(link->ssl);
    SSL_free(link->ssl);
    SSL_SESSION_free(link->session);
    if (link->socket >= 0)
        close(link->socket);
    ERR_clear_error();
    *link = (struct link){.socket = -1};
}
