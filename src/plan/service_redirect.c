#include "settings.h"

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

const struct config_object service_redirect_object = {
    .name = "service of type redirect",
    CONFIG_ROWS(redirect_rows),
    .size = sizeof(struct redirect_service),
    .finish = finish_redirect,
    .doc = "302 to a fixed URL.",
};
