#include "settings.h"

#include "crossgate/limits.h"

struct process_settings {
    int64_t workers;
    const char *user;
    const char *group;
    int64_t drain_timeout;
    int64_t max_connections;
    const char *control;
    const char *state;
    bool watch;
    bool session_tickets;
    const char *ticket_keys;
    struct limits *limits;
    struct balance *balance;
};

#define ROW_LIMIT(name, length, its_doc)                                                                               \
    {                                                                                                                  \
        .key = #name, .kind = CONFIG_INTEGER, .status = CONFIG_EXTENSION,                                              \
        .at = CONFIG_AT(struct limits, name, int64_t), .min = 100, .max = 3600000, .standard = (length), .unit = "ms", \
        .doc = (its_doc)                                                                                               \
    }

static const struct config_row limit_rows[] = {
    ROW_LIMIT(handshake_timeout, LIMIT_HANDSHAKE, "For a TLS handshake."),
    ROW_LIMIT(head_timeout, LIMIT_HEAD, "For a whole request head."),
    ROW_LIMIT(idle_timeout, LIMIT_IDLE, "Between requests, where `client_timeout` says nothing."),
    ROW_LIMIT(body_timeout, LIMIT_BODY, "For each KiB of a request body, or its end."),
    ROW_LIMIT(send_timeout, LIMIT_SEND, "Without a byte taken by a peer that we send to."),
    ROW_LIMIT(close_timeout, LIMIT_CLOSE, "For the answer to a WebSocket Close."),
    ROW_LIMIT(answer_timeout, LIMIT_ANSWER,
              "Without a byte of an HTTP backend's answer, or of a request taken by it; after it 504."),
};

static const struct config_object limits_object = {
    .name = "crossgate.limits",
    CONFIG_ROWS(limit_rows),
    .size = sizeof(struct limits),
    .doc = "How long a visitor, or a backend, may take. Extension.",
};

static const struct config_row process_rows[] = {
    {.key = "workers",
     .kind = CONFIG_INTEGER,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct process_settings, workers, int64_t),
     .min = 1,
     .max = 256,
     .remedy = "leave it out for one per processor",
     .doc = "Worker processes; if absent, one per processor."},
    {.key = "user",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct process_settings, user, const char *),
     .fits = fits_text,
     .allowed = "the name of a user",
     .doc = "User that workers run as when started as root; if absent, nobody."},
    {.key = "group",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct process_settings, group, const char *),
     .fits = fits_text,
     .allowed = "the name of a group",
     .doc = "Group that workers run as; if absent, that of the user."},
    {.key = "drain_timeout",
     .kind = CONFIG_INTEGER,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct process_settings, drain_timeout, int64_t),
     .min = 100,
     .max = 3600000,
     .standard = LIMIT_DRAIN,
     .unit = "ms",
     .doc = "How long a stopping worker waits for its connections."},
    {.key = "max_connections",
     .kind = CONFIG_INTEGER,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct process_settings, max_connections, int64_t),
     .min = 1,
     .max = 10000000,
     .doc = "Connections of each worker; if absent, as many as descriptors allow."},
    {.key = "control",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct process_settings, control, const char *),
     .fits = fits_path,
     .allowed = ALLOWED_PATH ", or \"none\"",
     .doc = "Unix socket for `crossgate status`, `backend`, `reload` and `stop`, relative to the node directory; if "
            "absent, `crossgate.sock`. Only root and the user that the master runs as may use it."},
    {.key = "state",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct process_settings, state, const char *),
     .fits = fits_path,
     .allowed = ALLOWED_PATH,
     .doc = "Directory for what Crossgate itself has to remember, relative to the node directory; if absent, "
            "`crossgate-state`. Made when it is needed, for its owner only."},
    {.key = "watch",
     .kind = CONFIG_BOOL,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct process_settings, watch, bool),
     .standard = true,
     .doc = "Put certificates, keys and all other files that the configuration names in force when they change; the "
            "configuration itself waits for a reload. If false, all of them do."},
    {.key = "session_tickets",
     .kind = CONFIG_BOOL,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct process_settings, session_tickets, bool),
     .standard = true,
     .doc = "Give TLS clients a session ticket, by which they resume for 12 hours without a full handshake."},
    {.key = "ticket_keys",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct process_settings, ticket_keys, const char *),
     .fits = fits_path,
     .allowed = ALLOWED_PATH,
     .doc =
         "File of the keys of session tickets, so that sessions are resumed after a restart and on other machines: one "
         "per line, as `openssl rand -base64 80 | tr -d '\\n'` makes it; the first one encrypts, all decrypt; \"#\" "
         "begins "
         "a comment. If absent, keys are random, in memory only, and change every 12 hours."},
    {.key = "limits",
     .kind = CONFIG_OBJECT,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct process_settings, limits, struct limits *),
     .implied = true,
     .object = &limits_object,
     .doc = "See below."},
    {.key = "balance",
     .kind = CONFIG_OBJECT,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct process_settings, balance, struct balance *),
     .object = &balance_object,
     .doc = "How visitors are spread over the backends of `--backend`, if it is given more than once."},
};

static void wipe_ticket_keys(void *ring)
{
    tls_ticket_ring_wipe(ring);
}

/* A worker is told the keys by its master, who may change them without a new plan. */
static const struct tls_ticket_ring *load_ticket_keys(struct config_reader *reader, const struct config_place *place,
                                                      const struct process_settings *read)
{
    struct builder *builder = builder_of(reader);
    const struct config_place *key = config_place_key(reader, place, "ticket_keys");
    struct config_problems problems;
    struct pki_file file;

    if (!read->ticket_keys || sources_are_packed(builder->sources))
        return NULL;
    if (!read->session_tickets) {
        config_report(reader, PROBLEM_WARNING, key, "remove one of both",
                      "the key file is not read: session_tickets is false");
        return NULL;
    }
    struct tls_ticket_ring *ring = builder_alloc(builder, sizeof *ring);
    if (!ring || !builder_file(builder, key, read->ticket_keys, &file))
        return NULL;
    config_problems_init(&problems, reader, place);
    if (!tls_ticket_ring_read(ring, &file, &problems.problems))
        return NULL;
    if (arena_defer(builder->plan->arena, wipe_ticket_keys, ring))
        return ring;
    diagnostics_add_memory(reader->diagnostics);
    return NULL;
}

static void finish_process(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct process_settings *read = settings;
    struct builder *builder = builder_of(reader);
    const char *control = builder->plan->process.control, *state = builder->plan->process.state;

    if (read->control)
        control = strcmp(read->control, "none") == 0 ? NULL : builder_path(builder, read->control);
    if (read->state)
        state = builder_path(builder, read->state);
    builder->plan->process = (struct plan_process){
        .workers = (unsigned)read->workers,
        .user = read->user,
        .group = read->group,
        .drain_timeout = (uint32_t)read->drain_timeout,
        .max_connections = (unsigned)read->max_connections,
        .control = control,
        .state = state,
        .watch = read->watch,
        .session_tickets = read->session_tickets,
        .ticket_keys = load_ticket_keys(reader, place, read),
    };
    builder->balance = read->balance;
    if (read->limits)
        builder->limits = *read->limits;
}

const struct config_object process_object = {
    .name = "crossgate",
    CONFIG_ROWS(process_rows),
    .size = sizeof(struct process_settings),
    .finish = finish_process,
    .doc = "What Crossbar has no words for. Extension.",
};
