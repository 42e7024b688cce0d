#include "settings.h"

#include <fcntl.h>
#include <unistd.h>

/* static */

struct static_options {
    int64_t cache_timeout;
    const char *default_file;
    struct config_items mime_types;
};

struct static_service {
    struct made_service made;
    const char *directory;
    struct static_options *options;
};

static const struct config_row mime_type_row = {
    .kind = CONFIG_STRING, .fits = fits_header_value, .allowed = "a MIME type such as \"application/wasm\""};

/* Beneath the directory, so that it can be opened there. */
static bool fits_default_file(const char *text)
{
    return fits_path(text) && text[0] != '/' && strcmp(text, "..") != 0 && strncmp(text, "../", 3) != 0 &&
           !strstr(text, "/../");
}

static const struct config_row static_option_rows[] = {
    {.key = "enable_directory_listing",
     .kind = CONFIG_BOOL,
     .status = CONFIG_LATER,
     .accepted = "[false]",
     .doc = "Pages that list a directory without index."},
    {.key = "mime_types",
     .kind = CONFIG_MAP,
     .at = CONFIG_AT(struct static_options, mime_types, struct config_items),
     .item = &mime_type_row,
     .fits = fits_extension,
     .allowed = "file name extensions such as \".wasm\"",
     .doc = "MIME types by file name extension, besides the known ones."},
    {.key = "cache_timeout",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct static_options, cache_timeout, int64_t),
     .nullable = true,
     .null = -1,
     .max = UINT32_MAX,
     .standard = 43200,
     .unit = "s",
     .doc = "How long visitors may keep a file; null: they are told nothing."},
    {.key = "default_file",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct static_options, default_file, const char *),
     .fits = fits_default_file,
     .allowed = "a path within the directory",
     .doc = "Answered with 200 where nothing is found, for single-page applications."},
};

static const struct config_object static_options_object = {
    .name = "options of the service static",
    CONFIG_ROWS(static_option_rows),
    .size = sizeof(struct static_options),
};

#define WHY_PYTHON "files cannot be served from Python packages"

static const struct config_row static_rows[] = {
    ROW_ID,
    {.key = "directory",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct static_service, directory, const char *),
     .required = true,
     .fits = fits_path,
     .allowed = ALLOWED_PATH,
     .doc = "Directory of the files, relative to the node directory."},
    {.key = "options",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct static_service, options, struct static_options *),
     .object = &static_options_object,
     .doc = "See below."},
    {.key = "package", .status = CONFIG_WRONG, .why = WHY_PYTHON, .remedy = "name the package's `directory`"},
    {.key = "resource", .status = CONFIG_WRONG, .why = WHY_PYTHON, .remedy = "name the package's `directory`"},
};

static void close_directory(void *descriptor)
{
    close(*(int *)descriptor);
}

/* The plan's own descriptor of a directory; -1: reported at the place. */
static int open_directory(struct builder *builder, const struct config_place *place, const char *path)
{
    struct error error = {.class = ERROR_NONE};
    int borrowed = sources_directory(builder->sources, builder_path(builder, path), &error);

    if (borrowed < 0) {
        config_report(&builder->reader, PROBLEM_ERROR, place, builder_path_remedy(builder, path, &error), "%s",
                      error.text);
        return -1;
    }
    int *own = builder_alloc(builder, sizeof *own);
    if (!own)
        return -1;
    *own = fcntl(borrowed, F_DUPFD_CLOEXEC, 0);
    if (*own < 0) {
        config_report(&builder->reader, PROBLEM_ERROR, place, "allow more descriptors: ulimit -n",
                      "no descriptor is left for the directory");
        return -1;
    }
    if (arena_defer(builder->plan->arena, close_directory, own))
        return *own;
    diagnostics_add_memory(builder->reader.diagnostics);
    return -1;
}

static void set_mime_types(struct builder *builder, const struct config_items *types, struct static_settings *settings)
{
    struct static_mime_type *at = builder_alloc(builder, types->count * sizeof *at + 1);

    for (size_t i = 0; at && i < types->count; i++)
        at[i] = (struct static_mime_type){types->at[i].key, types->at[i].string};
    settings->mime_types = at;
    settings->mime_type_count = at ? types->count : 0;
}

static void finish_static(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct static_service *read = settings;
    const struct static_options absent = {.cache_timeout = 43200};
    const struct static_options *options = read->options ? read->options : &absent;
    struct builder *builder = builder_of(reader);
    struct static_settings made = {.cache_timeout = options->cache_timeout, .default_file = options->default_file};

    made.directory = open_directory(builder, config_place_key(reader, place, "directory"), read->directory);
    if (made.directory < 0)
        return;
    set_mime_types(builder, &options->mime_types, &made);
    read->made.service = builder_keep_service(builder, static_service_new(builder->plan->arena, &made));
}

static const struct config_object static_object = {
    .name = "service of type static",
    CONFIG_ROWS(static_rows),
    .size = sizeof(struct static_service),
    .finish = finish_static,
    .doc = "Files of a directory, and nothing outside of it.",
};

/* redirect */

struct redirect_service {
    struct made_service made;
    const char *url;
};

static const struct config_row redirect_rows[] = {
    ROW_ID,
    {.key = "url",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct redirect_service, url, const char *),
     .required = true,
     .fits = fits_location,
     .allowed = "a URL, with everything but ASCII letters percent-encoded",
     .doc = "Where to send the visitor; the path that was asked for is not added."},
};

static void finish_redirect(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct redirect_service *read = settings;
    struct builder *builder = builder_of(reader);
    struct redirect_settings made = {.url = read->url};

    (void)place;
    read->made.service = builder_keep_service(builder, redirect_service_new(builder->plan->arena, &made));
}

static const struct config_object redirect_object = {
    .name = "service of type redirect",
    CONFIG_ROWS(redirect_rows),
    .size = sizeof(struct redirect_service),
    .finish = finish_redirect,
    .doc = "302 to a fixed URL.",
};

/* json */

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

static const struct config_object json_object = {
    .name = "service of type json",
    CONFIG_ROWS(json_rows),
    .size = sizeof(struct json_service),
    .finish = finish_json,
    .doc = "A fixed JSON value.",
};

/* nodeinfo */

static const struct config_row nodeinfo_rows[] = {ROW_ID};

static void finish_nodeinfo(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct builder *builder = builder_of(reader);
    struct made_service *made = settings;

    (void)place;
    made->service = builder_keep_service(builder, nodeinfo_service_new(builder->plan->arena));
}

static const struct config_object nodeinfo_object = {
    .name = "service of type nodeinfo",
    CONFIG_ROWS(nodeinfo_rows),
    .size = sizeof(struct made_service),
    .finish = finish_nodeinfo,
    .doc = "A page on this process.",
};

/* path */

struct path_service {
    struct made_service made;
    struct config_items paths;
};

static const struct config_row path_rows[] = {
    ROW_ID,
    {.key = "paths",
     .kind = CONFIG_MAP,
     .at = CONFIG_AT(struct path_service, paths, struct config_items),
     .required = true,
     .item = &service_row,
     .fits = fits_url_path,
     .allowed = ALLOWED_URL_PATH,
     .remedy = REMEDY_URL_PATH,
     .doc = "Services by the next segment of the path; `/` takes the rest."},
};

const struct service *paths_build(struct builder *builder, const struct config_items *paths)
{
    struct path_entry *entries = builder_alloc(builder, paths->count * sizeof *entries + 1);

    if (!entries)
        return NULL;
    for (size_t i = 0; i < paths->count; i++) {
        const struct made_service *made = paths->at[i].choice.settings;
        bool root = strcmp(paths->at[i].key, "/") == 0;
        if (!made || !made->service)
            return NULL; /* reported already */
        entries[i] = (struct path_entry){root ? SPAN("") : span_string(paths->at[i].key), made->service};
    }
    struct path_settings settings = {entries, paths->count};
    return builder_keep_service(builder, path_service_new(builder->plan->arena, &settings));
}

static void finish_path(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct path_service *read = settings;

    (void)place;
    read->made.service = paths_build(builder_of(reader), &read->paths);
}

static const struct config_object path_object = {
    .name = "service of type path",
    CONFIG_ROWS(path_rows),
    .size = sizeof(struct path_service),
    .finish = finish_path,
    .doc = "Services below a path.",
};

/* websocket, websocket-reverseproxy, websocket-testee */

struct websocket_service {
    struct made_service made;
    struct backend_settings *backend; /* websocket-reverseproxy */
    struct websocket_options *options;
};

static const struct config_row websocket_rows[] = {
    ROW_ID,
    ROWS_WEBSOCKET_OF_NODE,
    ROW_WEBSOCKET_OPTIONS(struct websocket_service),
};

static const struct config_row reverseproxy_rows[] = {
    ROW_ID,
    ROW_URL,
    {.key = "backend",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct websocket_service, backend, struct backend_settings *),
     .required = true,
     .object = &backend_object,
     .doc = "The connecting WebSocket transport to the node."},
    ROW_WEBSOCKET_OPTIONS(struct websocket_service),
};

static const struct config_row testee_rows[] = {
    ROW_ID,
    ROW_WEBSOCKET_OPTIONS(struct websocket_service),
};

const struct service *websocket_build(struct builder *builder, const struct backend *backend,
                                      const struct websocket_options *options)
{
    struct websocket_service_settings made = {.backend = backend};

    websocket_options_apply(builder, options, &made.front);
    return builder_keep_service(builder, websocket_service_new(builder->plan->arena, &made));
}

const struct backend *websocket_find_backend(struct config_reader *reader, const struct config_place *place)
{
    struct builder *builder = builder_of(reader);

    builder->backend_used = true;
    if (!builder->backend && !sources_request(builder->sources)->backend)
        config_report(
            reader, PROBLEM_ERROR, place,
            "name the node: --backend ws://127.0.0.1:8080, or use the service websocket-reverseproxy with its "
            "`backend`",
            "a transport or service of type websocket ends in a router, and there is none here");
    return builder->backend;
}

static void finish_websocket(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct websocket_service *read = settings;
    const struct backend *backend = websocket_find_backend(reader, place);

    if (backend)
        read->made.service = websocket_build(builder_of(reader), backend, read->options);
}

static void finish_reverseproxy(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct websocket_service *read = settings;

    (void)place;
    if (read->backend->backend)
        read->made.service = websocket_build(builder_of(reader), read->backend->backend, read->options);
}

static void finish_testee(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct websocket_service *read = settings;

    (void)place;
    read->made.service = websocket_build(builder_of(reader), NULL, read->options);
}

static const struct config_object websocket_object = {
    .name = "service of type websocket",
    CONFIG_ROWS(websocket_rows),
    .size = sizeof(struct websocket_service),
    .finish = finish_websocket,
    .doc = "WebSocket to the node that `--backend` names.",
};

static const struct config_object reverseproxy_object = {
    .name = "service of type websocket-reverseproxy",
    CONFIG_ROWS(reverseproxy_rows),
    .size = sizeof(struct websocket_service),
    .finish = finish_reverseproxy,
    .doc = "WebSocket to the node that `backend` names.",
};

static const struct config_object testee_object = {
    .name = "service of type websocket-testee",
    CONFIG_ROWS(testee_rows),
    .size = sizeof(struct websocket_service),
    .finish = finish_testee,
    .doc = "WebSocket echo: for tests and benchmarks. Crossbar has it as a transport only.",
};

/* All types of Crossbar's web services. */
static const struct config_variant variants[] = {
    {"static", CONFIG_SERVED, &static_object, NULL},
    {"redirect", CONFIG_SERVED, &redirect_object, NULL},
    {"json", CONFIG_SERVED, &json_object, NULL},
    {"nodeinfo", CONFIG_SERVED, &nodeinfo_object, NULL},
    {"path", CONFIG_SERVED, &path_object, NULL},
    {"websocket", CONFIG_SERVED, &websocket_object, NULL},
    {"websocket-reverseproxy", CONFIG_SERVED, &reverseproxy_object, NULL},
    {"websocket-testee", CONFIG_EXTENSION, &testee_object, NULL},
    {"websocket-proxy", CONFIG_LATER, NULL, NULL},
    {"reverseproxy", CONFIG_LATER, NULL, NULL},
    {"wsgi", CONFIG_LATER, NULL, NULL},
    {"cgi", CONFIG_LATER, NULL, NULL},
    {"resource", CONFIG_LATER, NULL, NULL},
    {"longpoll", CONFIG_LATER, NULL, NULL},
    {"caller", CONFIG_LATER, NULL, NULL},
    {"publisher", CONFIG_LATER, NULL, NULL},
    {"webhook", CONFIG_LATER, NULL, NULL},
    {"archive", CONFIG_LATER, NULL, NULL},
    {"wap", CONFIG_LATER, NULL, NULL},
    {"catalog", CONFIG_LATER, NULL, NULL},
    {"upload", CONFIG_LATER, NULL, NULL},
    {"none", CONFIG_WRONG, NULL, "it is Crossbar's inner name for 404; leave the path out instead"},
};

static const struct config_variants service_variants = {
    .name = "web service",
    CONFIG_VARIANTS(variants),
    .doc = "What answers below a path of a web transport.",
};

const struct config_row service_row = {.kind = CONFIG_CHOICE, .variants = &service_variants};
