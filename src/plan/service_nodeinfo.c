#include "settings.h"

static const struct config_row nodeinfo_rows[] = {ROW_ID};

static void finish_nodeinfo(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct builder *builder = builder_of(reader);
    struct made_service *made = settings;

    (void)place;
    made->service = builder_keep_service(builder, nodeinfo_service_new(builder->plan->arena));
}

const struct config_object service_nodeinfo_object = {
    .name = "service of type nodeinfo",
    CONFIG_ROWS(nodeinfo_rows),
    .size = sizeof(struct made_service),
    .finish = finish_nodeinfo,
    .doc = "A page on this process.",
};
