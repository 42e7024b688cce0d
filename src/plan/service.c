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
    {.type = "reverseproxy", .object = &service_reverseproxy_object},
    {.type = "wsgi", .object = &service_wsgi_object},
    {.type = "cgi", .object = &service_cgi_object},
    {.type = "resource", .object = &service_resource_object},
    {.type = "longpoll", .object = &service_longpoll_object},
    {.type = "caller", .object = &service_caller_object},
    {.type = "publisher", .object = &service_publisher_object},
    {.type = "webhook", .object = &service_webhook_object},
    {.type = "archive", .object = &service_archive_object},
    {.type = "wap", .object = &service_wap_object},
    {.type = "catalog", .object = &service_catalog_object},
    {.type = "upload", .status = CONFIG_REFUSED, .why = "Crossbar does not have it any more"},
    {.type = "none", .status = CONFIG_WRONG, .why = "it is Crossbar's inner name for 404; leave the path out instead"},
};

const struct config_variants service_variants = {
    .name = "web service",
    CONFIG_VARIANTS(variants),
    .doc = "What answers below a path of a web transport.",
};

const struct config_row service_row = {.kind = CONFIG_CHOICE, .variants = &service_variants};
