#include "greeting.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE = 10 }; /* seconds for each read and write */
enum { RANDOM_AT = SSL3_RT_HEADER_LENGTH + SSL3_HM_HEADER_LENGTH + 2, RANDOM_LENGTH = SSL3_RANDOM_SIZE };

/* The record layer's version of a first ClientHello (RFC 8446 section 5.1). */
static void keep(struct greeting *greeting, struct span message)
{
    const uint8_t header[] = {SSL3_RT_HANDSHAKE, 3, 1, (uint8_t)(message.len >> 8), (uint8_t)message.len};
    if (message.len > GREETING_MAX - sizeof header)
        return;
    memcpy(greeting->bytes, header, sizeof header);
    memcpy(greeting->bytes + sizeof header, message.at, message.len);
    greeting->length = sizeof header + message.len;
}

static void on_message(int sent, int version, int type, const void *bytes, size_t length, SSL *ssl, void *user)
{
    struct greeting *greeting = user;
    (void)version, (void)ssl;
    if (!sent && type == SSL3_RT_HEADER && !greeting->is_answered)
        greeting->records++;
    if (!sent || type != SSL3_RT_HANDSHAKE || length == 0)
        return;
    if (*(const uint8_t *)bytes != SSL3_MT_CLIENT_HELLO)
        greeting->is_answered = true;
    else if (greeting->length == 0)
        keep(greeting, span_of(bytes, length));
    else
        greeting->is_retried = true;
}

/* What the server makes of our Finished is no longer of interest: that it wants a certificate, perhaps. */
static bool judge(const struct greeting *greeting, const struct run *run, SSL *ssl, struct error *error)
{
    const char *to = run->route.text;
    long verified = SSL_get_verify_result(ssl);
    unsigned long reason = ERR_peek_last_error();
    if (greeting->is_retried)
        error_set(error, ERROR_SYSTEM, "%s asks for another ClientHello: offer first what it takes (--groups)", to);
    else if (greeting->is_answered && greeting->length > 0)
        return true;
    else if (verified != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE)
        error_set(error, ERROR_SYSTEM, "handshake: the certificate is not trusted: %s",
                  X509_verify_cert_error_string(verified));
    else
        error_set(error, ERROR_SYSTEM, "handshake with %s: %s", to,
                  reason ? ERR_reason_error_string(reason)
                         : "the server has closed the connection, or does not answer");
    return false;
}

static bool shake_hands(struct greeting *greeting, struct run *run, SSL *ssl, struct error *error)
{
    SSL_set_msg_callback(ssl, on_message);
    SSL_set_msg_callback_arg(ssl, greeting);
    if (SSL_connect(ssl) == 1)
        SSL_shutdown(ssl);
    bool good = judge(greeting, run, ssl, error);
    if (good)
        run_note_tls(run, ssl);
    ERR_clear_error();
    return good;
}

/* Waits for the server, but not without end. */
static int connect_patiently(struct run *run)
{
    const struct timeval patience = {.tv_sec = PATIENCE};
    int fd = route_connect(&run->route);
    if (fd < 0 ||
        (fcntl(fd, F_SETFL, 0) == 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
         setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0))
        return fd;
    close(fd);
    return -1;
}

bool greeting_learn(struct greeting *greeting, struct run *run, struct offer *offer, struct error *error)
{
    bool good = false;
    *greeting = (struct greeting){.length = 0};
    int fd = connect_patiently(run);
    if (fd < 0) {
        error_set_errno(error, "connecting to %s", run->route.text);
        return false;
    }
    SSL *ssl = offer_connection(offer);
    if (!ssl || SSL_set_fd(ssl, fd) != 1)
        error_set(error, ERROR_MEMORY, "out of memory");
    else
        good = shake_hands(greeting, run, ssl, error);
    SSL_free(ssl);
    close(fd);
    return good;
}

struct span greeting_print(const struct greeting *greeting, uint8_t *to)
{
    memcpy(to, greeting->bytes, greeting->length);
    bool random = getrandom(to + RANDOM_AT, RANDOM_LENGTH, 0) == RANDOM_LENGTH;
    return span_of(to, random ? greeting->length : 0);
}
