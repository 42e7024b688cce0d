#include "settings.h"

struct json_options {
    bool prettify;
    bool allow_cross_origin;
    bool discourage_caching;
};

struct json_service {
    struct made_service made;
    const struct config_json *value;
    struct json_options *options;
};

static const struct config_row json_option_rows[] = {
    {.key = "prettify",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct json_options, prettify, bool),
     .doc = "Indented, keys sorted."},
    {.key = "allow_cross_origin",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct json_options, allow_cross_origin, bool),
     .standard = true,
     .doc = "Pages of other origins may read it."},
    {.key = "discourage_caching",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct json_options, discourage_caching, bool),
     .doc = "Visitors are told not to keep it."},
};

static const struct config_object json_options_object = {
    .name = "options of the service json",
    CONFIG_ROWS(json_option_rows),
    .size = sizeof(struct json_options),
};

static const struct config_row json_rows[] = {
    ROW_ID,
    {.key = "value",
     .kind = CONFIG_ANY,
     .at = CONFIG_AT(struct json_service, value, const struct config_json *),
     .required = true,
     .doc = "What is answered."},
    {.key = "options",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct json_service, options, struct json_options *),
     .implied = true,
     .object = &json_options_object,
     .doc = "See below."},
};

static void finish_json(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct json_service *read = settings;
    const struct json_options absent = {.allow_cross_origin = true};
    const struct json_options *options = read->options ? read->options : &absent;
    struct builder *builder = builder_of(reader);
    const char *body = config_json_print(builder->plan->arena, read->value, options->prettify);

    (void)place;
    if (!body) {
        diagnostics_add_memory(reader->diagnostics);
        return;
    }
    struct json_settings made = {span_string(body), options->allow_cross_origin, options->discourage_caching};
    read->made.service = builder_keep_service(builder, json_service_new(builder->plan->arena, &made));
}

const struct config_object service_json_object = {
    .name = "service of type json",
    CONFIG_ROWS(json_rows),
    .size = sizeof(struct json_service),
    .finish = finish_json,
    .doc = "A fixed JSON value.",
};
