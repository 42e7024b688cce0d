#include "hello.h"

#include "bio.h"
#include "challenge.h"
#include "queue.h"

#include <openssl/err.h>

static bool cut_uint(struct span *bytes, size_t size, size_t *value)
{
    if (bytes->len < size)
        return false;
    for (*value = 0; size > 0; size--) {
        *value = *value << 8 | bytes->at[0];
        *bytes = span_tail(*bytes, 1);
    }
    return true;
}

/* A list that may hold one host_name only, and nobody has ever put anything else into it. */
bool hello_read_name(struct span extension, struct span *name)
{
    size_t length, type;
    if (!cut_uint(&extension, 2, &length) || length != extension.len || !cut_uint(&extension, 1, &type) ||
        type != TLSEXT_NAMETYPE_host_name || !cut_uint(&extension, 2, &length) || length != extension.len)
        return false;
    *name = extension;
    return length > 0;
}

/* False: malformed. Without a name it is empty. */
static bool server_name(SSL *ssl, struct span *name)
{
    const unsigned char *bytes = NULL;
    size_t length = 0;
    *name = SPAN("");
    return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &length) != 1 ||
           hello_read_name(span_of(bytes, length), name);
}

/* The ticket that comes with the hello is good for the same choice only. */
static bool bind_tickets(SSL *ssl, const struct choice *choice)
{
    return SSL_set_session_id_context(ssl, choice->identity, sizeof choice->identity) == 1;
}

static bool apply_credentials(SSL *ssl, const struct choice *choice)
{
    bool worked = true;
    SSL_certs_clear(ssl);
    for (enum key_kind kind = KEY_RSA; worked && kind < KEY_KINDS; kind++)
        worked = !choice->credentials[kind] || credential_apply(ssl, choice->credentials[kind]);
    return worked;
}

/* The connection has started with the context's own certificate and policy, which are those of the default choice. */
static bool apply(SSL *ssl, const struct choice *standard, const struct choice *choice)
{
    return (choice == standard || apply_credentials(ssl, choice)) &&
           (choice->policy == standard->policy || policy_apply(ssl, choice->policy)) && bind_tickets(ssl, choice);
}

static int refuse(int *alert, int why)
{
    *alert = why;
    return SSL_CLIENT_HELLO_ERROR;
}

static int on_hello(SSL *ssl, int *alert, void *user);

/* The context of the challenge looks at a second hello, too. */
static enum challenge_answer answer_challenge(SSL *ssl, struct tls_context *context, struct span name)
{
    const struct challenges *challenges = pipe_of(ssl)->loop->challenges;
    enum challenge_answer answer = challenges ? challenge_context(ssl, challenges, name) : CHALLENGE_NONE;
    if (answer == CHALLENGE_GIVEN)
        SSL_CTX_set_client_hello_cb(SSL_get_SSL_CTX(ssl), on_hello, context);
    return answer;
}

static int use_choice(SSL *ssl, const struct tls_context *context, struct span name, int *alert)
{
    struct hello *hello = pipe_of(ssl)->hello;
    const struct choice *standard = names_default(context->names);
    const struct choice *named = names_find(context->names, name);
    const struct choice *choice = named || context->strict ? named : standard;
    if (!choice) {
        hello->is_nameless = true;
        return refuse(alert, SSL_AD_UNRECOGNIZED_NAME);
    }
    if (hello->choice)
        return hello->choice == choice ? SSL_CLIENT_HELLO_SUCCESS : refuse(alert, SSL_AD_ILLEGAL_PARAMETER);
    if (!apply(ssl, standard, choice))
        return refuse(alert, SSL_AD_INTERNAL_ERROR);
    hello->choice = choice;
    hello->is_named = named != NULL;
    ERR_clear_error();
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* Somebody whose messages would come late. */
static bool has_established(const struct counters *counters)
{
    return counters->websockets_open + counters->rawsockets_open > 0;
}

/* What is heavy is suspended here, and goes on elsewhere, where this is called again. So is what is medium, where it costs more but disturbs
 * less, if there is whom it could disturb. */
static int weigh(SSL *ssl, const struct tls_context *context, const struct pipe *pipe)
{
    const struct loop *loop = pipe->loop;
    struct hello *hello = pipe->hello;
    if (pipe->away || !tls_queue_has_lane(loop->handshakes))
        return SSL_CLIENT_HELLO_SUCCESS;
    if (weight_is_heavy(ssl, hello->choice, &context->light))
        return SSL_CLIENT_HELLO_RETRY;
    hello->is_medium =
        weight_is_medium(hello->choice) && tls_queue_is_pressed(loop->handshakes) && has_established(loop->counters);
    return hello->is_medium ? SSL_CLIENT_HELLO_RETRY : SSL_CLIENT_HELLO_SUCCESS;
}

/* Of the loop, with the challenges. Called again for the second hello after a HelloRetryRequest, which must ask for the same (RFC 8446 section 4.1.2): an authority
 * that asks for proof of a name gets that and nothing else, since nobody asks it for a certificate. */
static int answer(SSL *ssl, struct tls_context *context, struct hello *hello, struct span name, int *alert)
{
    switch (answer_challenge(ssl, context, name)) {
    case CHALLENGE_NONE:
        return hello->is_challenge ? refuse(alert, SSL_AD_ILLEGAL_PARAMETER) : use_choice(ssl, context, name, alert);
    case CHALLENGE_GIVEN:
        hello->is_challenge = true;
        return hello->choice ? refuse(alert, SSL_AD_ILLEGAL_PARAMETER) : SSL_CLIENT_HELLO_SUCCESS;
    case CHALLENGE_FAILED:
        break;
    }
    return refuse(alert, SSL_AD_INTERNAL_ERROR);
}

/* While out, the choice has been made, and nothing of the loop may be looked at. */
static int on_hello(SSL *ssl, int *alert, void *user)
{
    struct tls_context *context = user;
    struct pipe *pipe = pipe_of(ssl);
    struct span name;
    if (!server_name(ssl, &name))
        return refuse(alert, SSL_AD_DECODE_ERROR);
    int answered = pipe->away ? use_choice(ssl, context, name, alert) : answer(ssl, context, pipe->hello, name, alert);
    return answered == SSL_CLIENT_HELLO_SUCCESS && pipe->hello->choice ? weigh(ssl, context, pipe) : answered;
}

/* RFC 6066 section 3: a server that has used the name says so. */
static int on_name(SSL *ssl, int *alert, void *user)
{
    (void)alert;
    (void)user;
    return pipe_of(ssl)->hello->is_named ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

void hello_watch(struct tls_context *context)
{
    SSL_CTX_set_client_hello_cb(context->ssl, on_hello, context);
    SSL_CTX_set_tlsext_servername_callback(context->ssl, on_name);
}

bool hello_is_for(const struct tls_context *context, const struct choice *choice, struct span host)
{
    const struct choice *named = names_find(context->names, host);
    if (!named && !context->strict)
        named = names_default(context->names);
    return named && named->policy == choice->policy;
}
