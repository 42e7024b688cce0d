#include "handover.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAGIC = 0x43474854, VERSION = 3 };

/* What travels. */
struct packet {
    uint32_t magic;
    uint32_t version;
    uint32_t type;
    uint32_t directories;
    uint32_t sockets;
    uint32_t level;
    uint64_t edition;
    char text[HANDOVER_TEXT]; /* or what stands in its place */
};
static_assert(sizeof(struct tls_ticket_ring) <= HANDOVER_TEXT, "the largest ring has room");

/* How many descriptors each type has, and whether it must have a text. */
static const struct {
    size_t least, most;
    bool text;
} contents_of[] = {
    [HANDOVER_PLAN] = {1, 1, false},
    [HANDOVER_DIRECTORIES] = {1, HANDOVER_DESCRIPTORS, false},
    [HANDOVER_SOCKETS] = {1, HANDOVER_DESCRIPTORS, false},
    [HANDOVER_SWITCH] = {0, 0, false},
    [HANDOVER_DROP] = {0, 0, false},
    [HANDOVER_LEAVE] = {0, 0, false},
    [HANDOVER_READY] = {0, 0, false},
    [HANDOVER_REFUSED] = {0, 0, false},
    [HANDOVER_LEAVING] = {0, 0, false},
    [HANDOVER_DRAIN] = {0, 0, true},
    [HANDOVER_RESUME] = {0, 0, true},
    [HANDOVER_TICKETS] = {0, 0, false},
    [HANDOVER_CHALLENGE] = {0, 0, true},
    [HANDOVER_WITHDRAW] = {0, 0, true},
    [HANDOVER_HELD] = {0, 0, false},
    [HANDOVER_SWITCHED] = {0, 0, false},
};

/* One more than we accept, so that one too many is seen as what it is. */
union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * (HANDOVER_DESCRIPTORS + 1))];
};

bool handover_send(int socket, const struct handover *message)
{
    struct packet packet = {
        .magic = MAGIC,
        .version = VERSION,
        .type = message->type,
        .directories = message->directories,
        .sockets = message->sockets,
        .level = message->level,
        .edition = message->edition,
    };
    memcpy(packet.text, message->text, sizeof packet.text);
    struct iovec part = {&packet, sizeof packet};
    union control control = {0};
    struct msghdr envelope = {.msg_iov = &part, .msg_iovlen = 1};
    if (message->count > 0) {
        size_t size = sizeof(int) * message->count;
        envelope.msg_control = &control;
        envelope.msg_controllen = CMSG_SPACE(size);
        control.header =
            (struct cmsghdr){.cmsg_len = CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), message->descriptors, size);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &envelope, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    explicit_bzero(packet.text, sizeof packet.text);
    return sent == (ssize_t)sizeof packet;
}

static void close_all(const int *descriptors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(descriptors[i]);
}

/* Takes descriptors out of the envelope. False: too many, or something else was in it. */
static bool take_descriptors(struct msghdr *envelope, struct handover *message)
{
    bool good = !(envelope->msg_flags & MSG_CTRUNC);
    message->count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(envelope); part; part = CMSG_NXTHDR(envelope, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            good = false;
            continue;
        }
        int descriptors[sizeof(union control) / sizeof(int)]; /* padding may hold one, too */
        size_t size = part->cmsg_len - CMSG_LEN(0);
        size_t count = size / sizeof(int);
        memcpy(descriptors, CMSG_DATA(part), size);
        if (count > HANDOVER_DESCRIPTORS - message->count) {
            close_all(descriptors, count);
            good = false;
            continue;
        }
        memcpy(message->descriptors + message->count, descriptors, size);
        message->count += count;
    }
    return good;
}

/* Keys in place of the text are bytes of any kind. */
static bool has_good_text(const struct handover *message)
{
    if (message->type == HANDOVER_TICKETS)
        return message->tickets.count <= TLS_TICKET_KEYS_MAX;
    return memchr(message->text, '\0', sizeof message->text) != NULL &&
           (message->text[0] != '\0' || !contents_of[message->type].text);
}

static bool read_packet(const struct packet *packet, struct handover *message)
{
    if (packet->magic != MAGIC || packet->version != VERSION)
        return false;
    if (packet->type < HANDOVER_PLAN || packet->type > HANDOVER_SWITCHED)
        return false;
    message->type = (enum handover_type)packet->type;
    message->directories = packet->directories;
    message->sockets = packet->sockets;
    message->level = packet->level;
    message->edition = packet->edition;
    memcpy(message->text, packet->text, sizeof message->text);
    return message->count >= contents_of[message->type].least && message->count <= contents_of[message->type].most &&
           has_good_text(message);
}

enum handover_result handover_receive(int socket, struct handover *message)
{
    struct packet packet;
    struct iovec part = {&packet, sizeof packet};
    union control control;
    struct msghdr envelope = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t received;
    /* Who ends with messages of ours unread resets the connection, which is told once, before its own last words. */
    do
        received = recvmsg(socket, &envelope, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (received < 0 && (errno == EINTR || errno == ECONNRESET));
    if (received < 0)
        return errno == EAGAIN ? HANDOVER_NOTHING : HANDOVER_END;
    bool good = take_descriptors(&envelope, message);
    if (received == 0 && message->count == 0 && good)
        return HANDOVER_END;
    good = good && received == (ssize_t)sizeof packet && !(envelope.msg_flags & MSG_TRUNC) &&
           read_packet(&packet, message);
    explicit_bzero(packet.text, sizeof packet.text);
    if (good)
        return HANDOVER_OK;
    close_all(message->descriptors, message->count);
    message->count = 0;
    return HANDOVER_BROKEN;
}
