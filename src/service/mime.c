#include "mime.h"

static const struct {
    const char *extension;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".htm", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".jsonld", "application/ld+json"},
    {".wasm", "application/wasm"},
    {".xml", "application/xml"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/markdown; charset=utf-8"},
    {".csv", "text/csv; charset=utf-8"},
    {".ics", "text/calendar; charset=utf-8"},
    {".vtt", "text/vtt; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".avif", "image/avif"},
    {".ico", "image/x-icon"},
    {".bmp", "image/bmp"},
    {".tif", "image/tiff"},
    {".tiff", "image/tiff"},
    {".woff", "font/woff"},
    {".woff2", "font/woff2"},
    {".ttf", "font/ttf"},
    {".otf", "font/otf"},
    {".mp3", "audio/mpeg"},
    {".m4a", "audio/mp4"},
    {".ogg", "audio/ogg"},
    {".oga", "audio/ogg"},
    {".opus", "audio/ogg"},
    {".wav", "audio/wav"},
    {".flac", "audio/flac"},
    {".mp4", "video/mp4"},
    {".webm", "video/webm"},
    {".ogv", "video/ogg"},
    {".mov", "video/quicktime"},
    {".pdf", "application/pdf"},
    {".zip", "application/zip"},
    {".gz", "application/gzip"},
    {".tar", "application/x-tar"},
    {".7z", "application/x-7z-compressed"},
    {".rtf", "application/rtf"},
    {".atom", "application/atom+xml"},
    {".rss", "application/rss+xml"},
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
        if (span_equal_nocase(span_string(types[i].extension), extension))
            return span_string(types[i].type);
    }
    return SPAN("application/octet-stream");
}
