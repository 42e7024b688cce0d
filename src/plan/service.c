#include "settings.h"

/* All types of Crossbar's web services. */
static const struct config_variant variants[] = {
    {.type = "static", .object = &service_static_object},
    {.type = "redirect", .object = &service_redirect_object},
    {.type = "json", .object = &service_json_object},
    {.type = "nodeinfo", .object = &service_nodeinfo_object},
    {.type = "path", .object = &service_path_object},
    {.type = "websocket", .object = &service_websocket_object},
    {.type = "websocket-reverseproxy", .object = &service_websocket_reverseproxy_object},
    {.type = "websocket-testee", .status = CONFIG_EXTENSION, .object = &service_websocket_testee_object},
    {.type = "websocket-proxy", .status = CONFIG_EXTENSION, .object = &service_websocket_proxy_object},
    {.type = "reverseproxy", .status = CONFIG_REFUSED},
    {.type = "wsgi", .status = CONFIG_REFUSED},
    {.type = "cgi", .status = CONFIG_REFUSED},
    {.type = "resource", .status = CONFIG_REFUSED},
    {.type = "longpoll", .status = CONFIG_REFUSED},
    {.type = "caller", .status = CONFIG_REFUSED},
    {.type = "publisher", .status = CONFIG_REFUSED},
    {.type = "webhook", .status = CONFIG_REFUSED},
    {.type = "archive", .status = CONFIG_REFUSED},
    {.type = "wap", .status = CONFIG_REFUSED},
    {.type = "catalog", .status = CONFIG_REFUSED},
    {.type = "upload", .status = CONFIG_REFUSED},
    {.type = "none", .status = CONFIG_WRONG, .why = "it is Crossbar's inner name for 404; leave the path out instead"},
};

static const struct config_variants service_variants = {
    .name = "web service",
    CONFIG_VARIANTS(variants),
    .doc = "What answers below a path of a web transport.",
};

const struct config_row service_row = {.kind = CONFIG_CHOICE, .variants = &service_variants};
