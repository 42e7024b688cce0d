#include "settings.h"

struct redirect_service {
    struct made_service made;
    const char *url;
    int64_t status;
    bool keep_path;
};

#define ALLOWED_STATUS "301, 302, 303, 307 or 308"

static const struct config_row redirect_rows[] = {
    ROW_ID,
    {.key = "url",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct redirect_service, url, const char *),
     .required = true,
     .fits = fits_location,
     .allowed = "a URL, with everything but ASCII letters percent-encoded",
     .doc = "Where to send the visitor; the path that was asked for is not added, unless `keep_path` says so."},
    {.key = "status",
     .kind = CONFIG_INTEGER,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct redirect_service, status, int64_t),
     .min = 301,
     .max = 308,
     .standard = 302,
     .allowed = ALLOWED_STATUS,
     .doc = "Status of the answer. With 301 and 302 only GET and HEAD are redirected, with the others all methods."},
    {.key = "keep_path",
     .kind = CONFIG_BOOL,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct redirect_service, keep_path, bool),
     .doc = "Put the path below the service's own, and the query, behind the `url`, as they were sent."},
};

static bool is_redirect(int64_t status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool check(struct config_reader *reader, const struct config_place *place, const struct redirect_service *read)
{
    if (!is_redirect(read->status)) {
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "status"), NULL,
                      "status must be " ALLOWED_STATUS ", found %d", (int)read->status);
        return false;
    }
    if (read->keep_path && strpbrk(read->url, "?#")) {
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "url"),
                      "leave the query and the fragment out", "nothing can be put behind a url that has a %s",
                      strchr(read->url, '?') ? "query" : "fragment");
        return false;
    }
    return true;
}

static void finish_redirect(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct redirect_service *read = settings;
    struct builder *builder = builder_of(reader);
    struct redirect_settings made = {read->url, (unsigned)read->status, read->keep_path};

    if (check(reader, place, read))
        read->made.service = builder_keep_service(builder, redirect_service_new(builder->plan->arena, &made));
}

const struct config_object service_redirect_object = {
    .name = "service of type redirect",
    CONFIG_ROWS(redirect_rows),
    .size = sizeof(struct redirect_service),
    .finish = finish_redirect,
    .doc = "302 to a fixed URL. A service on the path `.well-known` beside it keeps ACME's challenges from being "
           "redirected.",
};
