/* A user of an endpoint that remembers what it was told. */
#ifndef CROSSGATE_TESTS_EAR_H
#define CROSSGATE_TESTS_EAR_H

#include "websocket/fake.h"

struct ear {
    struct endpoint *endpoint;
    struct frame_text text;
    enum message_kind kind; /* of the last piece */
    size_t pieces;
    size_t messages;
    size_t rooms;
    size_t closes;
    uint16_t code;
    char reason[128];
    bool pause_at_once; /* pause when a piece comes */
    bool ended;
    enum ending why;
};

static inline void ear_on_message(void *user, enum message_kind kind, struct span piece, bool last)
{
    struct ear *ear = user;
    ear->kind = kind;
    ear->text.at = realloc(ear->text.at, ear->text.length + piece.len + 1);
    if (piece.len > 0)
        memcpy(ear->text.at + ear->text.length, piece.at, piece.len);
    ear->text.length += piece.len;
    ear->pieces++;
    ear->messages += last;
    if (ear->pause_at_once)
        endpoint_pause(ear->endpoint, true);
}

static inline void ear_on_room(void *user)
{
    ((struct ear *)user)->rooms++;
}

static inline void ear_on_close(void *user, uint16_t code, struct span reason)
{
    struct ear *ear = user;
    ear->closes++;
    ear->code = code;
    memcpy(ear->reason, reason.at, reason.len);
    ear->reason[reason.len] = '\0';
}

static inline void ear_on_end(void *user, enum ending why)
{
    struct ear *ear = user;
    assert_false(ear->ended);
    ear->ended = true;
    ear->why = why;
}

static const struct endpoint_user ear_user = {ear_on_message, ear_on_room, ear_on_close, ear_on_end};

/* `agreed`: NULL, or the session's compression. */
static inline void ear_start_packed(struct ear *ear, struct fake *fake, enum websocket_role role,
                                    const struct websocket_settings *settings, const struct websocket_deflate *agreed)
{
    *ear = (struct ear){.endpoint = websocket_session_new(fake->loop, &fake->stream, role, settings, agreed)};
    endpoint_attach(ear->endpoint, &ear_user, ear);
    fake_run(fake->loop);
}

static inline void ear_start(struct ear *ear, struct fake *fake, enum websocket_role role,
                             const struct websocket_settings *settings)
{
    ear_start_packed(ear, fake, role, settings, NULL);
}

static inline bool heard(const struct ear *ear, const char *text)
{
    return ear->text.length == strlen(text) && memcmp(ear->text.at, text, ear->text.length) == 0;
}

#endif
