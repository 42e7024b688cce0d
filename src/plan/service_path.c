#include "settings.h"

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
     .extends = extends_url_path,
     .allowed = ALLOWED_URL_PATH,
     .remedy = REMEDY_URL_PATH,
     .doc = "Services by the next segments of the path, the longest match wins; `/` takes the rest."},
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

const struct config_object service_path_object = {
    .name = "service of type path",
    CONFIG_ROWS(path_rows),
    .size = sizeof(struct path_service),
    .finish = finish_path,
    .doc = "Services below a path.",
};
