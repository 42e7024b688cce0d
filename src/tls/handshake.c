/* While a handshake is out (queue.h) `ssl`, `secrets`, `kept`, `pipe`, `hello` and `away` are the thread's: they are not touched on the loop,
 * and not freed, whatever happens to the stream. */
#include "handshake.h"

#include "hello.h"
#include "queue.h"
#include "staple.h"
#include "tickets.h"

#include <stdlib.h>

/* Ciphertext that may wait for its turn; then below is no longer read. */
enum { KEPT_MAX = 65536 };

struct tls_handshake {
    struct tls_turn turn;
    struct tls_context *context;
    const struct tls_handshake_user *on;
    void *user; /* NULL: it is gone, and the handshake goes when it is not out any more */
    struct deadline deadline;
    SSL *ssl; /* NULL before the first step */
    struct pipe pipe;
    struct hello hello;
    struct away away;
    struct tls_secrets secrets;
    uint8_t *kept; /* ciphertext that waits for its turn */
    size_t kept_length;
    struct tls_fault fault;
    enum tls_outcome came_to; /* what the last step did */
    uint32_t timeout;
    bool answered;        /* a step has been done, and the peer's next words are awaited */
    bool below_is_paused; /* by us */
    bool below_is_over;   /* EOF came while ciphertext waited for its turn */
};

static struct tls_handshake *handshake_of(struct tls_turn *turn)
{
    return CONTAINER_OF(turn, struct tls_handshake, turn);
}

/* -- ending -- */

static void release(struct tls_handshake *self)
{
    SSL_free(self->ssl);
    tls_context_unref(self->context);
    away_forget(&self->away);
    OPENSSL_cleanse(&self->secrets, sizeof self->secrets);
    free(self->kept);
    free(self);
}

void tls_handshake_free(struct tls_handshake *handshake)
{
    if (!handshake)
        return;
    handshake->user = NULL;
    tls_turn_leave(&handshake->turn);
    deadline_disarm(&handshake->deadline);
    if (!handshake->turn.is_out)
        release(handshake);
}

static void drop(struct tls_handshake *self, enum ending why)
{
    self->on->on_dropped(self->user, why);
}

/* Who speaks HTTP is told so in HTTP. */
static void fail(struct tls_handshake *self, const struct tls_fault *fault)
{
    static const char speaks_https[] = "HTTP/1.1 400 Bad Request\r\n"
                                       "Content-Type: text/plain\r\n"
                                       "Content-Length: 42\r\n"
                                       "Connection: close\r\n"
                                       "\r\n"
                                       "This port speaks HTTPS: use https or wss.\n";
    if (fault->why == ENDING_PLAIN_ON_TLS_PORT)
        stream_write(self->pipe.below, span_string(speaks_https));
    self->on->on_ended(self->user, fault);
}

static void be_left(struct tls_handshake *self)
{
    static const struct tls_fault lost = {ENDING_BACKEND_TLS, "closed during the handshake"};
    if (self->context->role == TLS_CLIENT)
        fail(self, &lost);
    else
        drop(self, ENDING_PEER_LEFT);
}

static void on_deadline(struct deadline *deadline)
{
    struct tls_handshake *self = CONTAINER_OF(deadline, struct tls_handshake, deadline);
    drop(self, self->context->role == TLS_SERVER ? ENDING_HANDSHAKE_LATE : ENDING_BACKEND_LATE);
}

/* -- waiting -- */

/* Whoever finds no room could not be served in time. */
static void wait_for_turn(struct tls_handshake *self)
{
    if (tls_turn_wait(&self->turn))
        return;
    counter_add(&self->turn.loop->counters->handshakes_refused, 1);
    drop(self, ENDING_HANDSHAKE_LATE);
}

static void pause_below(struct tls_handshake *self, bool paused)
{
    if (self->below_is_paused == paused)
        return;
    self->below_is_paused = paused;
    stream_pause(self->pipe.below, paused);
}

size_t tls_handshake_on_bytes(struct tls_handshake *handshake, struct span ciphertext)
{
    size_t room = handshake->turn.is_out ? 0 : KEPT_MAX - handshake->kept_length;
    struct span part = span_head(ciphertext, room);
    if (part.len < ciphertext.len)
        pause_below(handshake, true);
    if (part.len == 0)
        return 0;
    uint8_t *kept = realloc(handshake->kept, handshake->kept_length + part.len);
    if (!kept) {
        drop(handshake, ENDING_MEMORY);
        return ciphertext.len;
    }
    memcpy(kept + handshake->kept_length, part.at, part.len);
    handshake->kept = kept;
    handshake->kept_length += part.len;
    wait_for_turn(handshake);
    return part.len;
}

/* Whoever leaves in the middle of a handshake is no longer worth its cost; but these may have been its last words: a request
 * along with the end of the handshake, or an alert. */
void tls_handshake_on_eof(struct tls_handshake *handshake)
{
    if (handshake->answered && handshake->kept_length > 0)
        handshake->below_is_over = true;
    else
        be_left(handshake);
}

void tls_handshake_begin(struct tls_handshake *handshake)
{
    wait_for_turn(handshake);
}

void tls_handshake_restart_clock(struct tls_handshake *handshake)
{
    struct loop *loop = handshake->turn.loop;
    deadline_arm(&loop->deadlines, &handshake->deadline, handshake->timeout, loop->now);
}

/* -- what a step came to -- */

/* Only clients of ours are counted, not our own calls to backends. */
static void count(const struct tls_handshake *self)
{
    struct counters *counters = self->turn.loop->counters;
    bool resumed = SSL_session_reused(self->ssl) == 1;
    if (self->context->role != TLS_SERVER)
        return;
    counter_add(resumed ? &counters->handshakes_resumed : &counters->handshakes_full, 1);
    if (SSL_version(self->ssl) < TLS1_3_VERSION)
        counter_add(resumed ? &counters->handshakes_resumed_tls12 : &counters->handshakes_full_tls12, 1);
}

/* Nothing more is to come (RFC 8737 section 3), and nothing is heard: no policy has let anybody in. */
static void finish_challenge(struct tls_handshake *self)
{
    static const struct tls_fault done = {ENDING_DONE, NULL};
    log_write(self->turn.loop->log, LOG_INFO, "the challenge tls-alpn-01 for %s is answered",
              SSL_get_servername(self->ssl, TLSEXT_NAMETYPE_host_name));
    tls_outcome_prepare();
    SSL_shutdown(self->ssl);
    tls_outcome_prepare();
    self->on->on_ended(self->user, &done);
}

static void hand_over(struct tls_handshake *self)
{
    const struct tls_opened opened = {
        .ssl = self->ssl,
        .secrets = &self->secrets,
        .kept = self->kept,
        .kept_length = self->kept_length,
        .choice = self->hello.choice,
        .below_is_paused = self->below_is_paused,
        .below_is_over = self->below_is_over,
    };
    self->ssl = NULL;
    self->kept = NULL;
    self->on->on_open(self->user, &opened);
}

static void await_answer(struct tls_handshake *self)
{
    self->answered = true;
    if (self->below_is_over)
        be_left(self);
    else
        pause_below(self, false);
}

/* The hello suspends once. OpenSSL that has no memory to look at it again says that it is suspended still, and would for ever. */
static void go_beside(struct tls_handshake *self)
{
    if (self->turn.is_heavy) {
        drop(self, ENDING_MEMORY);
        return;
    }
    self->turn.is_heavy = true;
    self->turn.is_medium = self->hello.is_medium;
    counter_add(&self->turn.loop->counters->handshakes_heavy, !self->hello.is_medium);
    wait_for_turn(self);
}

static void go_on(struct tls_handshake *self)
{
    switch (self->came_to) {
    case TLS_DONE:
        count(self);
        staple_drop(self->ssl);
        if (self->hello.is_challenge)
            finish_challenge(self);
        else
            hand_over(self);
        return;
    case TLS_NEEDS_BYTES:
        await_answer(self);
        return;
    case TLS_CLOSED:
        be_left(self);
        return;
    case TLS_SUSPENDED:
        go_beside(self);
        return;
    case TLS_FAILED:
        if (self->hello.is_nameless)
            self->fault = (struct tls_fault){ENDING_UNKNOWN_NAME, NULL};
        fail(self, &self->fault);
        return;
    }
}

/* -- a step -- */

/* The SSL object is made here and not with the stream: whoever connects and says nothing costs little, and the making
 * is paid from the budget of the queue. */
static bool make_ssl(struct tls_handshake *self)
{
    const struct tls_context *context = self->context;
    self->ssl = SSL_new(context->ssl);
    BIO *bio = self->ssl ? pipe_bio_new(context->pipe, &self->pipe) : NULL;
    if (!bio)
        return false;
    SSL_set_bio(self->ssl, bio, bio);
    secrets_count(&self->secrets, self->ssl);
    if (context->role == TLS_SERVER) {
        SSL_set_accept_state(self->ssl);
        tickets_begin(self->ssl, self->turn.loop->tickets);
    } else {
        SSL_set_connect_state(self->ssl);
    }
    return !context->sni || SSL_set_tlsext_host_name(self->ssl, context->sni) == 1;
}

static bool step_begin(struct tls_turn *turn)
{
    struct tls_handshake *self = handshake_of(turn);
    if (!self->ssl && !make_ssl(self)) {
        drop(self, ENDING_MEMORY);
        return false;
    }
    self->pipe.in = span_of(self->kept, self->kept_length);
    if (turn->is_heavy)
        pipe_leave(&self->pipe, &self->away);
    return true;
}

static void step_work(struct tls_turn *turn)
{
    struct tls_handshake *self = handshake_of(turn);
    self->fault = (struct tls_fault){ENDING_INTERNAL, NULL};
    tls_outcome_prepare();
    secrets_listen(&self->secrets);
    int result = SSL_do_handshake(self->ssl);
    secrets_listen(NULL);
    self->came_to = tls_outcome_of(self->ssl, result, self->context->role, false, &self->fault);
}

/* Forgets what was taken of the kept ciphertext. */
static void trim_kept(struct tls_handshake *self)
{
    size_t left = self->pipe.in.len;
    if (left > 0) {
        memmove(self->kept, self->pipe.in.at, left);
    } else {
        free(self->kept);
        self->kept = NULL;
    }
    self->kept_length = left;
}

/* What was said goes first: an alert, too. */
static void step_finish(struct tls_turn *turn)
{
    struct tls_handshake *self = handshake_of(turn);
    if (turn->is_heavy)
        pipe_return(&self->pipe);
    if (!self->user) {
        release(self);
        return;
    }
    pipe_flush(&self->pipe, &self->away);
    trim_kept(self);
    if (self->away.lacks_memory)
        drop(self, ENDING_MEMORY);
    else
        go_on(self);
}

static const struct tls_turn_ops turn_ops = {step_begin, step_work, step_finish};

struct tls_handshake *tls_handshake_new(const struct pipe *pipe, struct tls_context *context, const struct peer *peer,
                                        uint32_t timeout, const struct tls_handshake_user *on, void *user)
{
    struct tls_handshake *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->context = context;
    tls_context_ref(context);
    self->on = on;
    self->user = user;
    self->pipe = *pipe;
    self->pipe.hello = &self->hello;
    self->timeout = timeout;
    tls_turn_init(&self->turn, pipe->loop, &turn_ops, peer);
    deadline_init(&self->deadline, on_deadline);
    tls_handshake_restart_clock(self);
    return self;
}
