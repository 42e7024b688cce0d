#include "settings.h"

/* Workers. */

struct worker_options {
    bool disabled;
};

static const struct config_row option_rows[] = {
    {.key = "disabled",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct worker_options, disabled, bool),
     .environment = true,
     .doc =
         "Leave the worker out: its transports are not read. As with Crossbar, any text but an empty one is true, and "
         "a variable that is not set is false."},
    ROW_NODE("extra", CONFIG_ANY, "For the worker's code."),
    ROW_NODE("title", CONFIG_STRING, "Title of the process."),
    ROW_NODE("python", CONFIG_STRING, "Interpreter."),
    ROW_NODE("pythonpath", CONFIG_LIST, "Module path."),
    ROW_NODE("cpu_affinity", CONFIG_LIST, "Processors."),
    ROW_NODE("env", CONFIG_OBJECT, "Environment."),
    ROW_NODE("expose_controller", CONFIG_BOOL, "Expose the controller's realm."),
    ROW_NODE("expose_shared", CONFIG_BOOL, "Expose shared objects."),
};

const struct config_object worker_options_object = {
    .name = "options of a worker",
    CONFIG_ROWS(option_rows),
    .size = sizeof(struct worker_options),
    .doc = "The processes here are not the node's: see `crossgate.workers` instead.",
};

static bool is_disabled(const void *settings)
{
    const struct worker *worker = settings;

    return worker->options && worker->options->disabled;
}

void worker_finish(struct config_reader *reader, const struct config_place *place, void *settings)
{
    if (is_disabled(settings))
        config_report(reader, PROBLEM_NOTE,
                      config_place_key(reader, config_place_key(reader, place, "options"), "disabled"), NULL,
                      "the worker is disabled: nothing of it is served");
}

static const struct config_row router_rows[] = {
    ROWS_WORKER,
    ROW_TRANSPORTS,
    ROW_NODE("manhole", CONFIG_OBJECT, "A shell into the worker."),
    ROW_NODE("realms", CONFIG_LIST, "WAMP realms and roles."),
    ROW_NODE("components", CONFIG_LIST, "Application components."),
    ROW_NODE("connections", CONFIG_ANY, "Database connections."),
};

static void begin_router(struct config_reader *reader, void *settings)
{
    (void)settings;
    builder_of(reader)->proxy = NULL;
}

static const struct config_object router_object = {
    .name = "worker of type router",
    CONFIG_ROWS(router_rows),
    .size = sizeof(struct worker),
    .begin = begin_router,
    .finish = worker_finish,
    .off = {"options", "disabled"},
    .doc = "Its transports are served here; routing stays with the node.",
};

/* Its one transport becomes a list of one, so that all workers are composed alike. */
struct testee_worker {
    struct worker worker;
    struct config_choice transport;
};

static const struct config_row testee_rows[] = {
    ROWS_WORKER,
    {.key = "transport",
     .kind = CONFIG_CHOICE,
     .at = CONFIG_AT(struct testee_worker, transport, struct config_choice),
     .required = true,
     .variants = &testee_transport_variants,
     .doc = "What listens."},
};

static void finish_testee(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct testee_worker *testee = settings;
    struct config_item *item = config_alloc(reader, sizeof *item);

    worker_finish(reader, place, settings);
    if (!item || is_disabled(settings))
        return;
    *item = (struct config_item){.place = testee->transport.place, .choice = testee->transport};
    testee->worker.transports = (struct config_items){.at = item, .count = 1, .given = true};
}

static const struct config_object testee_object = {
    .name = "worker of type websocket-testee",
    CONFIG_ROWS(testee_rows),
    .size = sizeof(struct testee_worker),
    .finish = finish_testee,
    .off = {"options", "disabled"},
    .doc = "One WebSocket transport that echoes: for tests and benchmarks.",
};

static const struct config_variant variants[] = {
    {.type = "router", .object = &router_object},
    {.type = "proxy", .object = &worker_proxy_object},
    {.type = "container", .status = CONFIG_NODE, .why = WHY_NODE},
    {.type = "guest", .status = CONFIG_NODE, .why = WHY_NODE},
    {.type = "hostmonitor", .status = CONFIG_NODE, .why = WHY_NODE},
    {.type = "xbrmm", .status = CONFIG_NODE, .why = WHY_NODE},
    {.type = "websocket-testee", .object = &testee_object},
};

static const struct config_variants worker_variants = {
    .name = "worker",
    CONFIG_VARIANTS(variants),
    .doc = "What a node consists of.",
};

static const struct config_row worker_row = {.kind = CONFIG_CHOICE, .variants = &worker_variants};

/* The document. "crossgate" comes before "workers", since its limits go into every transport. */
static const struct config_row node_rows[] = {
    {.key = "$schema", .kind = CONFIG_STRING, .at = CONFIG_UNSTORED, .doc = "For editors."},
    {.key = "version",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_UNSTORED,
     .required = true,
     .min = 2,
     .max = 2,
     .remedy = "write \"version\": 2; a file of version 1 is converted by `crossbar upgrade`",
     .doc = "Version of the format; a file without it is one of version 1."},
    ROW_NODE("controller", CONFIG_OBJECT, "The node's management."),
    {.key = "crossgate",
     .kind = CONFIG_OBJECT,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_UNSTORED,
     .implied = true,
     .object = &process_object,
     .doc = "What Crossbar has no words for."},
    {.key = "workers",
     .kind = CONFIG_LIST,
     .at = CONFIG_AT(struct node, workers, struct config_items),
     .item = &worker_row,
     .doc = "The workers of the node."},
};

const struct config_object node_object = {
    .name = "node configuration",
    CONFIG_ROWS(node_rows),
    .size = sizeof(struct node),
};
