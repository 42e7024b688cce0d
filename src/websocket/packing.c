#include "packing.h"

#include <assert.h>
#include <stdlib.h>

/* Shorter messages are sent as they are where each is compressed on its own (RFC 7692 section 6 allows it): deflate saves
 * nothing worth its time, if it does not add bytes. */
enum { WORTH_IT = 64 };

struct packing *packing_new(struct pool *blocks, const struct websocket_deflate *agreed,
                            void (*on_breath)(struct deadline *))
{
    struct packing *packing = calloc(1, sizeof *packing);
    if (!packing)
        return NULL;
    compression_init(&packing->compression, agreed);
    buffer_init(&packing->kept, blocks);
    deadline_init(&packing->breath, on_breath);
    return packing;
}

void packing_free(struct packing *packing, struct compression_pool *pool)
{
    if (!packing)
        return;
    deadline_disarm(&packing->breath);
    compression_end(pool, &packing->compression);
    buffer_clear(&packing->kept);
    free(packing);
}

/* ---- receiving */

bool packing_is_busy(const struct packing *packing)
{
    return packing->in_piece || !buffer_is_empty(&packing->kept);
}

void packing_take(struct packing *packing, const struct receiver_item *item)
{
    assert(!packing_is_busy(packing));
    if (!packing->in_message) {
        packing->in_message = true;
        packing->passes_message = packing->passes;
        packing->kind = item->kind;
        packing->text = (struct utf8){0};
    }
    packing->in_piece = true;
    packing->piece = item->bytes;
    packing->last = item->last;
    packing->told = 0;
}

static bool judges_text(const struct packing *packing, const struct websocket_settings *settings)
{
    return packing->kind == MESSAGE_TEXT && !settings->accept_any_text;
}

static bool must_inflate(const struct packing *packing, const struct websocket_settings *settings)
{
    return !packing->passes_message || settings->max_message > 0 || judges_text(packing, settings);
}

/* What has been told goes. Of what is kept, the next block is next. */
static void advance(struct packing *packing)
{
    packing->piece = span_tail(packing->piece, packing->told);
    if (!buffer_is_empty(&packing->kept)) {
        buffer_drop(&packing->kept, packing->told);
        packing->piece = span_of(NULL, 0);
        (void)buffer_peek(&packing->kept, &packing->piece, 1);
    }
    packing->told = 0;
}

static bool is_end_of_piece(const struct packing *packing)
{
    return buffer_is_empty(&packing->kept) || packing->piece.len == packing->kept.length;
}

static void end_piece(struct packing *packing)
{
    packing->in_piece = false;
    packing->in_message = !packing->last;
}

/* Nobody wants to know what is in it. */
static void tell_all(struct packing *packing, struct receiver_item *item)
{
    bool ends = is_end_of_piece(packing);
    *item = (struct receiver_item){.bytes = packing->piece, .last = packing->last && ends};
    packing->told = packing->piece.len;
    if (ends)
        end_piece(packing);
}

static enum ending inflate_part(struct packing *packing, struct compression_pool *pool,
                                const struct websocket_settings *settings, struct receiver_item *item)
{
    bool ends = is_end_of_piece(packing);
    struct deflate_io io = {.in = packing->piece, .last = packing->last && ends};
    enum deflate_event event = compression_inflate(pool, &packing->compression, &io, settings->max_message);
    if (event == DEFLATE_FAULT)
        return io.why;
    packing->inflated += io.out.len;
    if (judges_text(packing, settings) &&
        (!utf8_feed(&packing->text, io.out) || (event == DEFLATE_DONE && !utf8_is_whole(&packing->text))))
        return ENDING_WS_BAD_TEXT;
    packing->told = packing->piece.len - io.in.len;
    *item = (struct receiver_item){
        .bytes = packing->passes_message ? span_head(packing->piece, packing->told) : io.out,
        .last = event == DEFLATE_DONE,
    };
    if (event != DEFLATE_FULL && ends)
        end_piece(packing);
    return ENDING_DONE;
}

static enum message_kind kind_told(const struct packing *packing)
{
    if (!packing->passes_message)
        return packing->kind;
    return packing->kind == MESSAGE_TEXT ? MESSAGE_PACKED_TEXT : MESSAGE_PACKED_BINARY;
}

enum packing_event packing_next(struct packing *packing, struct compression_pool *pool,
                                const struct websocket_settings *settings, struct receiver_item *item)
{
    for (;;) {
        advance(packing);
        if (!packing->in_piece)
            return PACKING_DONE;
        enum ending why = ENDING_DONE;
        if (must_inflate(packing, settings))
            why = inflate_part(packing, pool, settings, item);
        else
            tell_all(packing, item);
        item->kind = kind_told(packing);
        item->why = why;
        if (why != ENDING_DONE)
            return PACKING_FAULT;
        if (item->bytes.len > 0 || item->last)
            return PACKING_PIECE;
    }
}

bool packing_keep(struct packing *packing)
{
    if (!packing->in_piece || !buffer_is_empty(&packing->kept))
        return true;
    struct span rest = span_tail(packing->piece, packing->told);
    packing->told = 0;
    packing->piece = span_of(NULL, 0);
    return buffer_append(&packing->kept, rest);
}

/* ---- sending */

bool packing_compresses(struct packing *packing, struct span piece, bool last)
{
    bool takeover = packing->compression.agreed.out.takeover;
    bool whole = last && !packing->compresses;
    packing->compresses = !last;
    return takeover || !whole || piece.len >= WORTH_IT;
}
