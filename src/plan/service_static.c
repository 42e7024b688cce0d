#include "settings.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct static_options {
    bool enable_directory_listing;
    bool precompressed;
    int64_t cache_timeout;
    const char *default_file;
    struct config_items mime_types;
};

struct static_service {
    struct made_service made;
    const char *directory;
    struct static_options *options;
    struct config_choice fallback;
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
     .at = CONFIG_AT(struct static_options, enable_directory_listing, bool),
     .doc = "A page that lists the directory where there is no index; names with a leading dot are left out."},
    {.key = "precompressed",
     .kind = CONFIG_BOOL,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct static_options, precompressed, bool),
     .standard = true,
     .doc =
         "Where there is a file NAME.br or NAME.gz beside NAME, and not older, it is sent to visitors that accept it "
         "(Accept-Encoding)."},
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

#define ROW_PYTHON(name, its_doc)                                                                                      \
    {                                                                                                                  \
        .key = (name), .kind = CONFIG_STRING, .status = CONFIG_REFUSED,                                                \
        .why = "files cannot be found through Python packages",                                                        \
        .remedy = "name the `directory` where the package has them", .doc = (its_doc)                                  \
    }

static const struct config_row static_rows[] = {
    ROW_ID,
    {.key = "directory",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct static_service, directory, const char *),
     .required = true,
     .fits = fits_path,
     .allowed = ALLOWED_PATH,
     .doc =
         "Directory of the files, relative to the node directory. It is opened when the configuration is read: another "
         "one that takes its place is seen after a reload."},
    {.key = "options",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct static_service, options, struct static_options *),
     .implied = true,
     .object = &static_options_object,
     .doc = "See below."},
    {.key = "fallback",
     .kind = CONFIG_CHOICE,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct static_service, fallback, struct config_choice),
     .variants = &service_variants,
     .doc = "A service for all that no file answers: paths that are not there, other methods than GET and HEAD, "
            "WebSockets. "
            "With a `reverseproxy`: files first, then the application."},
    ROW_PYTHON("package", "Python package that holds the files."),
    ROW_PYTHON("resource", "Directory within the package."),
};

static void close_directory(void *descriptor)
{
    close(*(int *)descriptor);
}

/* A master that is root has workers that are somebody else. Who, the command line may say later: so this is but a note. */
static void note_permissions(struct builder *builder, const struct config_place *place, const char *path, int directory)
{
    const mode_t all = S_IROTH | S_IXOTH;
    struct stat facts;

    if (sources_are_packed(builder->sources) || geteuid() != 0 || fstat(directory, &facts) != 0 ||
        (facts.st_mode & all) == all)
        return;
    config_report(&builder->reader, PROBLEM_NOTE, place,
                  config_format(&builder->reader, "chmod o+rx %s, or run with --user or --group", path),
                  "%s has mode %04o: workers can read it as its owner or group only", path,
                  (unsigned)facts.st_mode & 07777);
}

/* The plan's own descriptor of a directory; -1: reported at the place. */
static int open_directory(struct builder *builder, const struct config_place *place, const char *path)
{
    struct error error = {.class = ERROR_NONE};
    const char *whole = builder_path(builder, path);
    int borrowed = sources_directory(builder->sources, whole, &error);

    if (borrowed < 0) {
        config_report(&builder->reader, PROBLEM_ERROR, place, builder_path_remedy(builder, path, &error), "%s",
                      error.text);
        return -1;
    }
    note_permissions(builder, place, whole, borrowed);
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

/* False: reported. */
static bool set_fallback(struct config_reader *reader, const struct config_place *place,
                         const struct static_service *read, struct static_settings *settings)
{
    const struct made_service *fallback = read->fallback.settings;

    if (!read->fallback.place)
        return true;
    if (settings->default_file)
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "fallback"), "leave out one of them",
                      "fallback is never asked, since the default_file answers what is not there");
    settings->fallback = fallback ? fallback->service : NULL;
    return settings->fallback && !settings->default_file;
}

static void finish_static(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct static_service *read = settings;
    const struct static_options absent = {.precompressed = true, .cache_timeout = 43200};
    const struct static_options *options = read->options ? read->options : &absent;
    struct builder *builder = builder_of(reader);
    struct static_settings made = {
        .directory_listing = options->enable_directory_listing,
        .precompressed = options->precompressed,
        .cache_timeout = options->cache_timeout,
        .default_file = options->default_file,
    };

    builder->plan->opens_more = true;
    if (!set_fallback(reader, place, read, &made))
        return;
    made.directory = open_directory(builder, config_place_key(reader, place, "directory"), read->directory);
    if (made.directory < 0)
        return;
    set_mime_types(builder, &options->mime_types, &made);
    read->made.service = builder_keep_service(builder, static_service_new(builder->plan->arena, &made));
}

const struct config_object service_static_object = {
    .name = "service of type static",
    CONFIG_ROWS(static_rows),
    .size = sizeof(struct static_service),
    .finish = finish_static,
    .doc = "Files of a directory, and nothing outside of it. The index of a directory is index, index.html or "
           "index.htm (not "
           "index.rpy, which is Python). Names with a leading dot are not served, save .well-known. Pages of any "
           "origin may "
           "read the files, but without credentials (`Access-Control-Allow-Origin: *`): Crossbar echoes the origin and "
           "allows credentials, which opens to every page what cookies or client certificates protect. One range is "
           "answered with 206; of several the whole file is sent.",
};
