#include "inbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void inbox_init(struct inbox *inbox, int socket)
{
    *inbox = (struct inbox){.socket = socket};
    parcel_init(&inbox->parcel);
}

void inbox_deinit(struct inbox *inbox)
{
    parcel_deinit(&inbox->parcel);
    front_close(inbox->next);
    inbox->next = NULL;
}

static bool answer(struct inbox *inbox, enum handover_type type, const char *text)
{
    struct handover message = {.type = type, .edition = inbox->parcel.edition};
    snprintf(message.text, sizeof message.text, "%s", text);
    return handover_send(inbox->socket, &message);
}

/* The master has checked the same configuration, so this is about what differs: memory, descriptors, permissions. */
static void explain(const struct diagnostics *diagnostics, struct error *error)
{
    for (size_t i = 0; i < diagnostics_kept(diagnostics); i++) {
        const struct diagnostic *one = diagnostics_at(diagnostics, i);
        if (one->severity == PROBLEM_ERROR)
            error_set(error, ERROR_INPUT, "%s:%u:%u: %s: %s", one->file, one->line, one->column, one->path, one->text);
    }
    error_set(error, ERROR_MEMORY, "the plan cannot be built: out of memory");
}

/* The sources' directories are gone from the parcel afterwards; the sources themselves are wiped. */
static struct plan *build(struct parcel *parcel, const struct plan *in_force, struct error *error)
{
    struct plan *plan = NULL;
    struct diagnostics *diagnostics = diagnostics_new();
    struct sources *sources =
        sources_new_packed(parcel->packed, parcel->directories.at, parcel->directories.count, error);
    parcel->directories.count = 0;
    if (sources && diagnostics) {
        plan = plan_load(sources, in_force, diagnostics);
        if (!plan)
            explain(diagnostics, error);
    }
    error_set(error, ERROR_MEMORY, "the plan cannot be built: out of memory");
    sources_free(sources);
    diagnostics_free(diagnostics);
    return plan;
}

static bool prepare(struct inbox *inbox, struct loop *loop, const struct plan *in_force, struct error *error)
{
    struct parcel *parcel = &inbox->parcel;
    struct plan *plan = build(parcel, in_force, error);
    if (!plan)
        return false;
    if (plan->transport_count != parcel->sockets.count) {
        *error = (struct error){0};
        error_set(error, ERROR_INPUT, "%zu transports, but %zu listening sockets", plan->transport_count,
                  parcel->sockets.count);
        counted_unref(&plan->counted);
        return false;
    }
    if (in_force)
        log_write(loop->log, LOG_DEBUG, "of the certificates %zu are taken over from the plan in force",
                  plan->taken_over);
    if (in_force && in_force->opens_more) /* its connections live on under it, with all that they open */
        plan->opens_more = true;
    inbox->next = front_new(loop, plan, parcel->sockets.at);
    parcel->sockets.count = 0;
    return inbox->next != NULL;
}

static enum inbox_event on_complete(struct inbox *inbox, struct loop *loop, const struct plan *in_force)
{
    struct error error = {0};
    front_close(inbox->next);
    inbox->next = NULL;
    loop->log->level = (enum log_level)inbox->parcel.level;
    bool prepared = prepare(inbox, loop, in_force, &error);
    bool heard = prepared ? answer(inbox, HANDOVER_READY, "") : answer(inbox, HANDOVER_REFUSED, error.text);
    uint64_t edition = inbox->parcel.edition;
    parcel_deinit(&inbox->parcel);
    inbox->parcel.edition = edition;
    if (!heard)
        return INBOX_LEAVE;
    return prepared ? INBOX_NOTED : INBOX_REFUSED;
}

static enum inbox_event on_part(struct inbox *inbox, struct loop *loop, const struct plan *in_force,
                                const struct handover *message)
{
    switch (parcel_take(&inbox->parcel, message)) {
    case PARCEL_MORE:
        return INBOX_NOTED;
    case PARCEL_COMPLETE:
        return on_complete(inbox, loop, in_force);
    case PARCEL_BROKEN:
        break;
    }
    inbox->parcel.edition = message->edition;
    return answer(inbox, HANDOVER_REFUSED, "the plan did not arrive whole, or memory is out") ? INBOX_REFUSED
                                                                                              : INBOX_LEAVE;
}

/* One that cannot be held is not confirmed: the master does not wait for ever. */
static void on_challenge(struct inbox *inbox, struct loop *loop, const struct handover *message)
{
    struct challenge challenge;
    const struct handover held = {.type = HANDOVER_HELD, .edition = message->edition};
    if (!challenge_parse(span_string(message->text), &challenge))
        return;
    if (message->type == HANDOVER_WITHDRAW)
        challenges_remove(&loop->challenges, &challenge);
    else if (challenges_add(&loop->challenges, &challenge) && !handover_send(inbox->socket, &held))
        log_write(loop->log, LOG_WARNING, "the master does not hear that a challenge is answered");
}

static enum inbox_event on_message(struct inbox *inbox, struct loop *loop, const struct plan *in_force,
                                   const struct handover *message)
{
    bool expected = inbox->next && message->edition == inbox->parcel.edition;
    switch (message->type) {
    case HANDOVER_PLAN:
    case HANDOVER_DIRECTORIES:
    case HANDOVER_SOCKETS:
        return on_part(inbox, loop, in_force, message);
    case HANDOVER_SWITCH:
        return expected ? INBOX_SWITCH : INBOX_NOTED;
    case HANDOVER_DROP:
        front_close(inbox->next);
        inbox->next = NULL;
        return INBOX_NOTED;
    case HANDOVER_LEAVE:
        return INBOX_LEAVE;
    case HANDOVER_DRAIN:
    case HANDOVER_RESUME:
        backend_set_drained(loop, message->text, message->type == HANDOVER_DRAIN);
        return INBOX_NOTED;
    case HANDOVER_TICKETS:
        tls_tickets_set(loop->tickets, &message->tickets);
        return INBOX_NOTED;
    case HANDOVER_CHALLENGE:
    case HANDOVER_WITHDRAW:
        on_challenge(inbox, loop, message);
        return INBOX_NOTED;
    case HANDOVER_READY:
    case HANDOVER_REFUSED:
    case HANDOVER_LEAVING:
    case HANDOVER_HELD:
    case HANDOVER_SWITCHED:
        break;
    }
    return INBOX_NOTED;
}

enum inbox_event inbox_hear(struct inbox *inbox, struct loop *loop, const struct plan *in_force)
{
    struct handover message;
    enum inbox_event event;
    switch (handover_receive(inbox->socket, &message)) {
    case HANDOVER_OK:
        event = on_message(inbox, loop, in_force, &message);
        explicit_bzero(message.text, sizeof message.text);
        return event;
    case HANDOVER_NOTHING:
        return INBOX_EMPTY;
    case HANDOVER_END:
    case HANDOVER_BROKEN:
        break;
    }
    return INBOX_LEAVE;
}

struct front *inbox_take(struct inbox *inbox)
{
    struct front *front = inbox->next;
    inbox->next = NULL;
    return front;
}

void inbox_say_switched(struct inbox *inbox)
{
    answer(inbox, HANDOVER_SWITCHED, ""); /* a master that does not hear it sends a successor */
}

void inbox_say_leaving(struct inbox *inbox)
{
    answer(inbox, HANDOVER_LEAVING, ""); /* if the master does not hear it, it hears of our end */
}
