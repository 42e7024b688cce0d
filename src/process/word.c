#include "word.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { HEAD_BYTES = 8, LENGTH_BYTES = 4 };

/* As a packet; 0: it is too large. */
static size_t size_of(const struct word *word)
{
    size_t total = HEAD_BYTES;
    if (word->count > WORD_FIELDS)
        return 0;
    for (uint32_t i = 0; i < word->count; i++) {
        if (word->fields[i].len > WORD_BYTES)
            return 0;
        total += LENGTH_BYTES + word->fields[i].len;
    }
    return total > WORD_BYTES ? 0 : total;
}

bool word_send(int socket, const struct word *word)
{
    uint32_t numbers[2 + WORD_FIELDS] = {word->kind, word->count};
    struct iovec parts[1 + 2 * WORD_FIELDS] = {{numbers, HEAD_BYTES}};
    size_t total = size_of(word), used = 1;
    if (total == 0) {
        errno = EMSGSIZE;
        return false;
    }
    for (uint32_t i = 0; i < word->count; i++) {
        numbers[2 + i] = (uint32_t)word->fields[i].len;
        parts[used++] = (struct iovec){&numbers[2 + i], LENGTH_BYTES};
        parts[used++] = (struct iovec){(void *)(uintptr_t)word->fields[i].at, word->fields[i].len};
    }
    struct msghdr envelope = {.msg_iov = parts, .msg_iovlen = used};
    ssize_t sent;
    do
        sent = sendmsg(socket, &envelope, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)total;
}

bool word_say(int socket, uint32_t kind, struct span field)
{
    struct word word = {.kind = kind, .count = field.len > 0, .fields = {field}};
    return word_send(socket, &word);
}

static bool take_number(struct span *rest, uint32_t *number)
{
    if (rest->len < sizeof *number)
        return false;
    memcpy(number, rest->at, sizeof *number);
    *rest = span_tail(*rest, sizeof *number);
    return true;
}

bool word_parse(struct span packet, struct word *word)
{
    if (!take_number(&packet, &word->kind) || !take_number(&packet, &word->count) || word->count > WORD_FIELDS)
        return false;
    for (uint32_t i = 0; i < word->count; i++) {
        uint32_t length;
        if (!take_number(&packet, &length) || length > packet.len)
            return false;
        word->fields[i] = span_head(packet, length);
        packet = span_tail(packet, length);
    }
    return packet.len == 0;
}

enum word_result word_receive(int socket, uint8_t *buffer, struct word *word)
{
    struct iovec part = {buffer, WORD_BYTES};
    struct msghdr envelope = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t received;
    /* Who ends with words of ours unread resets the connection, which is told once, before its own last words. */
    do
        received = recvmsg(socket, &envelope, 0);
    while (received < 0 && (errno == EINTR || errno == ECONNRESET));
    if (received < 0)
        return errno == EAGAIN ? WORD_NOTHING : WORD_BROKEN;
    if (received == 0)
        return WORD_END;
    bool whole = !(envelope.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
    return whole && word_parse(span_of(buffer, (size_t)received), word) ? WORD_OK : WORD_BROKEN;
}
