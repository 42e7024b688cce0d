#include "listing.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* Names have at most 255 bytes, each becomes three in the link and five or fewer in the text. */
enum { NAME_MAX_BYTES = 255, ROW_MAX = (3 + 5) * NAME_MAX_BYTES + 256 };

/* Of a longer path the end is shown. */
enum { HEADING_MAX = 500 };

static_assert((int)ROW_MAX <= (int)LISTING_PIECE_MIN && 2 * 5 * HEADING_MAX + 1024 <= (int)LISTING_PIECE_MIN,
              "a part fits a piece");

struct text {
    char *at;
    size_t length;
    size_t room;
};

static void put(struct text *text, const char *bytes, size_t length)
{
    assert(length <= text->room - text->length);
    memcpy(text->at + text->length, bytes, length);
    text->length += length;
}

static void put_string(struct text *text, const char *string)
{
    put(text, string, strlen(string));
}

/* As text or within quotation marks of HTML. */
static void put_escaped(struct text *text, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        const char c = (char)bytes.at[i];
        switch (c) {
        case '&':
            put_string(text, "&amp;");
            break;
        case '<':
            put_string(text, "&lt;");
            break;
        case '>':
            put_string(text, "&gt;");
            break;
        case '"':
            put_string(text, "&#34;");
            break;
        case '\'':
            put_string(text, "&#39;");
            break;
        default:
            put(text, &c, 1);
        }
    }
}

/* RFC 3986 section 2.3: all others are escaped, so that no name can be taken for a scheme, a query or a path upwards. */
static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c);
}

static void put_link(struct text *text, const char *name)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *name; name++) {
        const uint8_t byte = (uint8_t)*name;
        const char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        if (is_unreserved(*name))
            put(text, name, 1);
        else
            put(text, escape, sizeof escape);
    }
}

static void put_heading(struct text *text, struct span path)
{
    bool cut = path.len > HEADING_MAX;
    if (cut)
        put_string(text, "…");
    put_escaped(text, cut ? span_tail(path, path.len - HEADING_MAX) : path);
}

static void put_top(struct text *text, const struct listing_page *page)
{
    put_string(text, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Index of ");
    put_heading(text, page->path);
    put_string(text, "</title></head>\n<body><h1>Index of ");
    put_heading(text, page->path);
    put_string(text, "</h1>\n<table>\n<tr><th>Name</th><th>Bytes</th><th>Modified (UTC)</th></tr>\n");
    if (page->has_parent)
        put_string(text, "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
}

static void put_date(struct text *text, int64_t seconds)
{
    char date[32];
    struct tm parts;
    time_t when = seconds;
    if (gmtime_r(&when, &parts) && strftime(date, sizeof date, "%Y-%m-%d %H:%M", &parts) > 0)
        put_string(text, date);
}

static void put_entry(struct text *text, const struct file_entry *entry)
{
    const char *slash = entry->is_directory ? "/" : "";
    char size[24] = "";
    if (!entry->is_directory)
        snprintf(size, sizeof size, "%" PRIu64, entry->size);
    put_string(text, "<tr><td><a href=\"");
    put_link(text, entry->name);
    put_string(text, slash);
    put_string(text, "\">");
    put_escaped(text, span_string(entry->name));
    put_string(text, slash);
    put_string(text, "</a></td><td>");
    put_string(text, size);
    put_string(text, "</td><td>");
    put_date(text, entry->modified_seconds);
    put_string(text, "</td></tr>\n");
}

static bool is_shown(const char *name)
{
    if (name[0] == '.' || strlen(name) > NAME_MAX_BYTES)
        return false;
    for (; *name; name++) {
        if ((uint8_t)*name < 0x20 || *name == 0x7f)
            return false;
    }
    return true;
}

/* As many as fit. */
static void put_entries(struct text *text, struct listing_page *page)
{
    for (; page->next < page->listing->count && text->room - text->length >= ROW_MAX; page->next++) {
        const struct file_entry *entry = &page->listing->at[page->next];
        if (is_shown(entry->name))
            put_entry(text, entry);
    }
    if (page->next == page->listing->count)
        page->part = LISTING_BOTTOM;
}

static void put_bottom(struct text *text, const struct listing_page *page)
{
    char more[64];
    snprintf(more, sizeof more, "<p>There are more than these %d.</p>\n", FILE_LISTING_MAX);
    put_string(text, "</table>\n");
    if (page->listing->cut)
        put_string(text, more);
    put_string(text, "</body></html>\n");
}

struct span listing_print(struct listing_page *page, char *to, size_t room)
{
    struct text text = {.at = to, .room = room};
    assert(room >= LISTING_PIECE_MIN);
    if (page->part == LISTING_TOP) {
        put_top(&text, page);
        page->part = LISTING_ENTRIES;
    }
    if (page->part == LISTING_ENTRIES)
        put_entries(&text, page);
    if (page->part == LISTING_BOTTOM && text.room - text.length >= ROW_MAX) {
        put_bottom(&text, page);
        page->part = LISTING_DONE;
    }
    return span_of(text.at, text.length);
}
