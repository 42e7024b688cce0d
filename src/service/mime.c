#include "mime.h"

static const struct {
    struct span extension;
    struct span type;
} types[] = {
    {SPAN_ROW("html"), SPAN_ROW("text/html; charset=utf-8")},
    {SPAN_ROW("htm"), SPAN_ROW("text/html; charset=utf-8")},
    {SPAN_ROW("css"), SPAN_ROW("text/css; charset=utf-8")},
    {SPAN_ROW("js"), SPAN_ROW("text/javascript; charset=utf-8")},
    {SPAN_ROW("mjs"), SPAN_ROW("text/javascript; charset=utf-8")},
    {SPAN_ROW("json"), SPAN_ROW("application/json")},
    {SPAN_ROW("map"), SPAN_ROW("application/json")},
    {SPAN_ROW("webmanifest"), SPAN_ROW("application/manifest+json")},
    {SPAN_ROW("jsonld"), SPAN_ROW("application/ld+json")},
    {SPAN_ROW("wasm"), SPAN_ROW("application/wasm")},
    {SPAN_ROW("xml"), SPAN_ROW("application/xml")},
    {SPAN_ROW("txt"), SPAN_ROW("text/plain; charset=utf-8")},
    {SPAN_ROW("md"), SPAN_ROW("text/markdown; charset=utf-8")},
    {SPAN_ROW("csv"), SPAN_ROW("text/csv; charset=utf-8")},
    {SPAN_ROW("ics"), SPAN_ROW("text/calendar; charset=utf-8")},
    {SPAN_ROW("vtt"), SPAN_ROW("text/vtt; charset=utf-8")},
    {SPAN_ROW("svg"), SPAN_ROW("image/svg+xml")},
    {SPAN_ROW("png"), SPAN_ROW("image/png")},
    {SPAN_ROW("jpg"), SPAN_ROW("image/jpeg")},
    {SPAN_ROW("jpeg"), SPAN_ROW("image/jpeg")},
    {SPAN_ROW("gif"), SPAN_ROW("image/gif")},
    {SPAN_ROW("webp"), SPAN_ROW("image/webp")},
    {SPAN_ROW("avif"), SPAN_ROW("image/avif")},
    {SPAN_ROW("ico"), SPAN_ROW("image/x-icon")},
    {SPAN_ROW("bmp"), SPAN_ROW("image/bmp")},
    {SPAN_ROW("tif"), SPAN_ROW("image/tiff")},
    {SPAN_ROW("tiff"), SPAN_ROW("image/tiff")},
    {SPAN_ROW("woff"), SPAN_ROW("font/woff")},
    {SPAN_ROW("woff2"), SPAN_ROW("font/woff2")},
    {SPAN_ROW("ttf"), SPAN_ROW("font/ttf")},
    {SPAN_ROW("otf"), SPAN_ROW("font/otf")},
    {SPAN_ROW("mp3"), SPAN_ROW("audio/mpeg")},
    {SPAN_ROW("m4a"), SPAN_ROW("audio/mp4")},
    {SPAN_ROW("ogg"), SPAN_ROW("audio/ogg")},
    {SPAN_ROW("oga"), SPAN_ROW("audio/ogg")},
    {SPAN_ROW("opus"), SPAN_ROW("audio/ogg")},
    {SPAN_ROW("wav"), SPAN_ROW("audio/wav")},
    {SPAN_ROW("flac"), SPAN_ROW("audio/flac")},
    {SPAN_ROW("mp4"), SPAN_ROW("video/mp4")},
    {SPAN_ROW("webm"), SPAN_ROW("video/webm")},
    {SPAN_ROW("ogv"), SPAN_ROW("video/ogg")},
    {SPAN_ROW("mov"), SPAN_ROW("video/quicktime")},
    {SPAN_ROW("pdf"), SPAN_ROW("application/pdf")},
    {SPAN_ROW("zip"), SPAN_ROW("application/zip")},
    {SPAN_ROW("gz"), SPAN_ROW("application/gzip")},
    {SPAN_ROW("tar"), SPAN_ROW("application/x-tar")},
    {SPAN_ROW("7z"), SPAN_ROW("application/x-7z-compressed")},
    {SPAN_ROW("rtf"), SPAN_ROW("application/rtf")},
    {SPAN_ROW("atom"), SPAN_ROW("application/atom+xml")},
    {SPAN_ROW("rss"), SPAN_ROW("application/rss+xml")},
};

/* From the last dot of the last segment on; empty if there is none. */
static struct span extension_of(struct span path)
{
    for (size_t i = path.len; i > 0 && path.at[i - 1] != '/'; i--) {
        if (path.at[i - 1] == '.')
            return span_tail(path, i - 1);
    }
    return (struct span){0};
}

struct span mime_type_of(const struct static_settings *settings, struct span path)
{
    struct span extension = extension_of(path);
    for (size_t i = 0; i < settings->mime_type_count; i++) {
        const struct static_mime_type *own = &settings->mime_types[i];
        if (span_equal_nocase(span_string(own->extension), extension) && http_value_is_valid(span_string(own->type)))
            return span_string(own->type);
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (span_equal_nocase(types[i].extension, span_tail(extension, 1)))
            return types[i].type;
    }
    return SPAN("application/octet-stream");
}
