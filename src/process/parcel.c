#include "parcel.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool send_list(int socket, enum handover_type type, uint64_t edition, const int *descriptors, size_t count)
{
    for (size_t sent = 0; sent < count;) {
        struct handover message = {.type = type, .edition = edition};
        message.count = count - sent < HANDOVER_DESCRIPTORS ? count - sent : HANDOVER_DESCRIPTORS;
        memcpy(message.descriptors, descriptors + sent, message.count * sizeof(int));
        if (!handover_send(socket, &message))
            return false;
        sent += message.count;
    }
    return true;
}

bool parcel_send(int socket, const struct parcel_contents *contents)
{
    struct handover head = {
        .type = HANDOVER_PLAN,
        .edition = contents->edition,
        .level = contents->level,
        .directories = (uint32_t)contents->directory_count,
        .sockets = (uint32_t)contents->socket_count,
        .count = 1,
        .descriptors = {contents->packed},
    };
    return handover_send(socket, &head) &&
           send_list(socket, HANDOVER_DIRECTORIES, contents->edition, contents->directories,
                     contents->directory_count) &&
           send_list(socket, HANDOVER_SOCKETS, contents->edition, contents->sockets, contents->socket_count);
}

void parcel_init(struct parcel *parcel)
{
    *parcel = (struct parcel){.packed = -1};
}

static void close_list(struct parcel_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        close(list->at[i]);
    free(list->at);
}

void parcel_deinit(struct parcel *parcel)
{
    if (parcel->packed >= 0)
        close(parcel->packed);
    close_list(&parcel->directories);
    close_list(&parcel->sockets);
    parcel_init(parcel);
}

static bool expect(struct parcel_list *list, uint32_t count)
{
    if (count > PARCEL_DESCRIPTORS_MAX)
        return false;
    list->at = calloc(count ? count : 1, sizeof *list->at);
    list->expected = count;
    return list->at != NULL;
}

static enum parcel_progress refuse(const struct handover *message)
{
    for (size_t i = 0; i < message->count; i++)
        close(message->descriptors[i]);
    return PARCEL_BROKEN;
}

static bool begin(struct parcel *parcel, const struct handover *message)
{
    parcel_deinit(parcel);
    if (!expect(&parcel->directories, message->directories) || !expect(&parcel->sockets, message->sockets))
        return false;
    parcel->edition = message->edition;
    parcel->level = message->level;
    parcel->packed = message->descriptors[0];
    return true;
}

static bool append(struct parcel *parcel, struct parcel_list *list, const struct handover *message)
{
    if (parcel->packed < 0 || message->edition != parcel->edition || message->count > list->expected - list->count)
        return false;
    memcpy(list->at + list->count, message->descriptors, message->count * sizeof(int));
    list->count += message->count;
    return true;
}

enum parcel_progress parcel_take(struct parcel *parcel, const struct handover *message)
{
    bool taken = message->type == HANDOVER_PLAN          ? begin(parcel, message)
                 : message->type == HANDOVER_DIRECTORIES ? append(parcel, &parcel->directories, message)
                 : message->type == HANDOVER_SOCKETS     ? append(parcel, &parcel->sockets, message)
                                                         : false;
    if (!taken)
        return refuse(message);
    bool complete =
        parcel->directories.count == parcel->directories.expected && parcel->sockets.count == parcel->sockets.expected;
    return complete ? PARCEL_COMPLETE : PARCEL_MORE;
}
