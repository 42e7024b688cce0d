#include "encoding.h"
#include "listing.h"
#include "mime.h"
#include "selection.h"

#include "crossgate/file.h"
#include "crossgate/services.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { MAX_AGE_BYTES = 32 };

/* Crossbar's service type "static". */
struct static_service {
    struct service service;
    struct static_settings settings;
    char max_age[MAX_AGE_BYTES]; /* "": nothing is said of it */
};

/* What is tried in turn until something is there. For "/a": a, then the default file; for "/a/": Crossbar's index names in
 * a (save index.rpy, which is Python), the list of a, then the default file. */
enum candidate {
    CANDIDATE_PATH,
    CANDIDATE_INDEX,
    CANDIDATE_INDEX_HTML,
    CANDIDATE_INDEX_HTM,
    CANDIDATE_LISTING,
    CANDIDATE_DEFAULT,
    CANDIDATE_NONE
};

/* Bytes of a piece of a listing: one TLS record. */
enum { PIECE = 16384 };

/* One request, in its arena. */
struct visit {
    const struct static_service *self;
    struct exchange *exchange;
    enum candidate candidate;
    struct span path; /* below the directory, without slashes around */
    char *name;       /* of the candidate */
    struct file *file;
    struct file_facts facts; /* of `file` */
    enum encoding encoding;  /* likewise */
    struct file *sibling;    /* an encoded form that is being opened */
    enum encoding accepted[ENCODINGS];
    size_t accepted_count;
    size_t looked_for; /* so many of the accepted ones */
    struct listing_page page;
    uint64_t offset;
    uint64_t left;
};

static void try_next(struct visit *visit);

/* For the log: it is for the operator to let the worker's user read the file. */
static const char *detail_of(const struct visit *visit, enum file_result result)
{
    static const char denied[] = "no permission to read ";
    char *detail = NULL;
    if (result == FILE_DENIED)
        detail = arena_alloc(exchange_request(visit->exchange)->arena, sizeof denied + strlen(visit->name));
    if (detail)
        memcpy(stpcpy(detail, denied), visit->name, strlen(visit->name) + 1);
    return detail ? detail : visit->name;
}

static void fail(struct visit *visit, enum file_result result)
{
    static const enum ending endings[] = {
        [FILE_OK] = ENDING_INTERNAL,           [FILE_NONE] = ENDING_NOT_FOUND,
        [FILE_DENIED] = ENDING_FORBIDDEN,      [FILE_BROKEN] = ENDING_FILE_UNREADABLE,
        [FILE_RESOURCES] = ENDING_DESCRIPTORS,
    };
    exchange_fail(visit->exchange, endings[result], detail_of(visit, result));
}

/* To the path as it was sent, with a slash behind it, and the query. A path has no empty segment, so Location cannot be
 * read as "//host". */
static void redirect_to_slash(struct visit *visit)
{
    const struct http_request *request = exchange_request(visit->exchange);
    struct span path = request->raw_path, query = request->query;
    uint8_t *to = arena_alloc(request->arena, path.len + query.len + 2);
    if (!to) {
        exchange_fail(visit->exchange, ENDING_MEMORY, NULL);
        return;
    }
    size_t length = path.len;
    memcpy(to, path.at, path.len);
    to[length++] = '/';
    if (query.len > 0) {
        to[length++] = '?';
        memcpy(to + length, query.at, query.len);
        length += query.len;
    }
    const struct http_header location = {SPAN("Location"), span_of(to, length)};
    exchange_answer(visit->exchange, &(struct http_answer){301, &location, 1}, SPAN(""));
}

static void read_on(struct visit *visit)
{
    file_read(visit->file, visit->offset, visit->left < FILE_READ_MAX ? (size_t)visit->left : FILE_READ_MAX);
}

/* A length was promised: a file that became shorter meanwhile cannot keep it, and the connection ends. */
static void on_read(void *user, enum file_result result, struct span bytes)
{
    struct visit *visit = user;
    if (result != FILE_OK || bytes.len == 0) {
        exchange_fail(visit->exchange, ENDING_FILE_UNREADABLE, visit->name);
        return;
    }
    visit->offset += bytes.len;
    visit->left -= bytes.len;
    bool room = exchange_write(visit->exchange, bytes);
    if (visit->left == 0)
        exchange_end(visit->exchange);
    else if (room)
        read_on(visit);
}

static void on_room(void *user)
{
    read_on(user);
}

static void on_end(void *user)
{
    struct visit *visit = user;
    if (visit->file)
        file_close(visit->file);
    if (visit->sibling)
        file_close(visit->sibling);
}

enum { FIELDS_MAX = 10, ETAG_BYTES = 64, NUMBER_BYTES = 72 };

/* The head of the answer, with the texts its fields point to. */
struct head {
    struct http_header fields[FIELDS_MAX];
    size_t count;
    char etag[ETAG_BYTES];
    char modified[HTTP_DATE];
    char range[NUMBER_BYTES];
};

static void add(struct head *head, struct span name, struct span value)
{
    head->fields[head->count++] = (struct http_header){name, value};
}

/* Hexadecimal, and a character behind it. Returns where to go on. */
static char *print_hex(char *at, uint64_t number, char behind)
{
    unsigned digits = 1;
    while (digits < 16 && number >> 4 * digits != 0)
        digits++;
    while (digits-- > 0)
        *at++ = "0123456789abcdef"[number >> 4 * digits & 15];
    *at++ = behind;
    return at;
}

static void print_etag(const struct file_facts *facts, char etag[ETAG_BYTES])
{
    char *at = etag;
    *at++ = '"';
    at = print_hex(at, facts->inode, '-');
    at = print_hex(at, facts->size, '-');
    at = print_hex(at, (uint64_t)facts->modified_seconds, '.');
    at = print_hex(at, facts->modified_nanoseconds, '"');
    *at = '\0';
}

static struct validators describe(const struct file_facts *facts, struct head *head)
{
    print_etag(facts, head->etag);
    /* RFC 9110 section 8.8.2.1: never later than Date. */
    int64_t now = time(NULL);
    int64_t modified = facts->modified_seconds < now ? facts->modified_seconds : now;
    http_date_print(modified, head->modified);
    return (struct validators){.etag = span_string(head->etag), .modified = modified, .size = facts->size};
}

/* Of the plain form, whatever is sent. An index without extension is a page, as with Crossbar. */
static struct span type_of(const struct visit *visit)
{
    if (visit->candidate == CANDIDATE_INDEX)
        return SPAN("text/html; charset=utf-8");
    return mime_type_of(&visit->self->settings, span_string(visit->name));
}

static void fill_head(struct head *head, const struct visit *visit, const struct selection *selection, uint64_t size)
{
    const struct static_settings *settings = &visit->self->settings;
    add(head, SPAN("ETag"), span_string(head->etag));
    add(head, SPAN("Last-Modified"), span_string(head->modified));
    add(head, SPAN("Access-Control-Allow-Origin"), SPAN("*"));
    if (visit->self->max_age[0])
        add(head, SPAN("Cache-Control"), span_string(visit->self->max_age));
    if (settings->precompressed)
        add(head, SPAN("Vary"), SPAN("Accept-Encoding"));
    if (selection->status == 304)
        return;
    add(head, SPAN("Content-Type"), type_of(visit));
    if (visit->encoding != ENCODING_NONE)
        add(head, SPAN("Content-Encoding"), encoding_name(visit->encoding));
    add(head, SPAN("X-Content-Type-Options"), SPAN("nosniff"));
    add(head, SPAN("Accept-Ranges"), SPAN("bytes"));
    if (selection->status == 206) {
        snprintf(head->range, sizeof head->range, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, selection->first,
                 selection->first + selection->length - 1, size);
        add(head, SPAN("Content-Range"), span_string(head->range));
    }
}

static void answer_unsatisfiable(struct visit *visit, uint64_t size)
{
    char range[NUMBER_BYTES];
    snprintf(range, sizeof range, "bytes */%" PRIu64, size);
    const struct http_header fields[] = {
        {SPAN("Content-Range"), span_string(range)},
        {SPAN("Content-Type"), SPAN("text/plain; charset=utf-8")},
        {SPAN("Access-Control-Allow-Origin"), SPAN("*")},
    };
    loop_report(exchange_loop(visit->exchange), ENDING_RANGE, exchange_peer(visit->exchange), NULL);
    exchange_answer(visit->exchange, &(struct http_answer){416, fields, 3}, SPAN("416 range not satisfiable\n"));
}

/* Ranges and conditions are about the form that is sent (RFC 9110 section 14.1.2). */
static void answer_file(struct visit *visit)
{
    const struct file_facts *facts = &visit->facts;
    struct head head = {.count = 0};
    const struct http_request *request = exchange_request(visit->exchange);
    struct validators validators = describe(facts, &head);
    struct selection selection = selection_of(request, &validators);
    if (selection.status == 416) {
        answer_unsatisfiable(visit, facts->size);
        return;
    }
    if (selection.status == 412) {
        const struct http_header type = {SPAN("Content-Type"), SPAN("text/plain; charset=utf-8")};
        exchange_answer(visit->exchange, &(struct http_answer){412, &type, 1}, SPAN("412 precondition failed\n"));
        return;
    }
    fill_head(&head, visit, &selection, facts->size);
    exchange_begin(visit->exchange, &(struct http_answer){selection.status, head.fields, head.count}, selection.length);
    visit->offset = selection.first;
    visit->left = selection.length;
    if (selection.status == 304 || request->method == HTTP_HEAD || visit->left == 0)
        exchange_end(visit->exchange);
    else
        read_on(visit);
}

/* NULL when memory is out. */
static char *join(struct arena *arena, struct span path, struct span suffix)
{
    char *name = arena_alloc(arena, path.len + suffix.len + 1);
    if (!name)
        return NULL;
    if (path.len > 0)
        memcpy(name, path.at, path.len);
    if (suffix.len > 0)
        memcpy(name + path.len, suffix.at, suffix.len);
    return name;
}

/* An encoded form that is older than the file was forgotten when the file was changed: so it is not taken, unlike with
 * nginx's gzip_static. Whole seconds: copying a tree may turn the order of the two. */
static bool is_current(const struct file_facts *sibling, const struct file_facts *file)
{
    return !sibling->is_directory && sibling->modified_seconds >= file->modified_seconds;
}

static void on_sibling(void *user, enum file_result result, const struct file_facts *facts);

/* Looks for the next encoded form that the visitor accepts; answers when there is none left. */
static void try_encoding(struct visit *visit)
{
    static const struct file_user sibling_user = {.on_open = on_sibling, .on_read = on_read};
    struct arena *arena = exchange_request(visit->exchange)->arena;
    if (visit->looked_for == visit->accepted_count) {
        answer_file(visit);
        return;
    }
    struct span suffix = encoding_suffix(visit->accepted[visit->looked_for]);
    const char *name = join(arena, span_string(visit->name), suffix);
    if (name)
        visit->sibling =
            file_open(exchange_loop(visit->exchange), visit->self->settings.directory, name, &sibling_user, visit);
    if (!visit->sibling)
        exchange_fail(visit->exchange, ENDING_MEMORY, NULL);
}

static void on_sibling(void *user, enum file_result result, const struct file_facts *facts)
{
    struct visit *visit = user;
    struct file *sibling = visit->sibling;
    enum encoding encoding = visit->accepted[visit->looked_for++];
    visit->sibling = NULL;
    if (result == FILE_OK && is_current(facts, &visit->facts)) {
        file_close(visit->file);
        visit->file = sibling;
        visit->facts = *facts;
        visit->encoding = encoding;
        answer_file(visit);
        return;
    }
    if (result == FILE_OK)
        file_close(sibling);
    try_encoding(visit);
}

static void list_on(void *user)
{
    struct visit *visit = user;
    char piece[PIECE];
    struct span bytes;
    do {
        bytes = listing_print(&visit->page, piece, sizeof piece);
    } while (bytes.len > 0 && exchange_write(visit->exchange, bytes));
    if (bytes.len == 0)
        exchange_end(visit->exchange);
}

static void begin_listing(struct visit *visit)
{
    const struct http_header fields[] = {
        {SPAN("Content-Type"), SPAN("text/html; charset=utf-8")},
        {SPAN("X-Content-Type-Options"), SPAN("nosniff")},
        {SPAN("Cache-Control"), SPAN("no-cache")},
    };
    exchange_begin(visit->exchange, &(struct http_answer){200, fields, 3}, HTTP_LENGTH_UNKNOWN);
}

static void on_list(void *user, enum file_result result, const struct file_listing *listing)
{
    static const struct exchange_user exchange_user = {.on_room = list_on, .on_end = on_end};
    struct visit *visit = user;
    if (result != FILE_OK) {
        fail(visit, result);
        return;
    }
    visit->page = (struct listing_page){
        .listing = listing,
        .path = exchange_request(visit->exchange)->path,
        .has_parent = visit->path.len > 0,
    };
    exchange_watch(visit->exchange, &exchange_user, visit);
    begin_listing(visit);
    list_on(visit);
}

static void answer_directory(struct visit *visit)
{
    if (exchange_request(visit->exchange)->method == HTTP_HEAD) {
        begin_listing(visit);
        exchange_end(visit->exchange);
    } else if (!file_list(visit->file)) {
        exchange_fail(visit->exchange, ENDING_LISTINGS, visit->name);
    }
}

/* True: the answer is on its way. */
static bool answer_what_is_there(struct visit *visit, const struct file_facts *facts)
{
    visit->facts = *facts;
    if (facts->is_directory != (visit->candidate == CANDIDATE_LISTING))
        return false;
    if (facts->is_directory)
        answer_directory(visit);
    else
        try_encoding(visit);
    return true;
}

static void on_open(void *user, enum file_result result, const struct file_facts *facts)
{
    struct visit *visit = user;
    if (result == FILE_OK && answer_what_is_there(visit, facts))
        return;
    struct file *file = visit->file;
    visit->file = NULL;
    if (result == FILE_OK)
        file_close(file);
    if (result == FILE_OK && visit->candidate == CANDIDATE_PATH)
        redirect_to_slash(visit);
    else if (result == FILE_OK || result == FILE_NONE)
        try_next(visit);
    else
        fail(visit, result);
}

/* Relative: never "/index.html". NULL when memory is out. */
static char *name_of(const struct visit *visit)
{
    static const char *const suffixes[] = {
        [CANDIDATE_PATH] = "",
        [CANDIDATE_INDEX] = "/index",
        [CANDIDATE_INDEX_HTML] = "/index.html",
        [CANDIDATE_INDEX_HTM] = "/index.htm",
        [CANDIDATE_LISTING] = "/.",
    };
    struct arena *arena = exchange_request(visit->exchange)->arena;
    if (visit->candidate == CANDIDATE_DEFAULT)
        return arena_copy(arena, span_string(visit->self->settings.default_file));
    struct span suffix = span_string(suffixes[visit->candidate]);
    return join(arena, visit->path, visit->path.len > 0 ? suffix : span_tail(suffix, 1));
}

static void try_candidate(struct visit *visit)
{
    static const struct file_user file_user = {.on_open = on_open, .on_read = on_read, .on_list = on_list};
    visit->name = name_of(visit);
    if (visit->name)
        visit->file =
            file_open(exchange_loop(visit->exchange), visit->self->settings.directory, visit->name, &file_user, visit);
    if (!visit->file)
        exchange_fail(visit->exchange, ENDING_MEMORY, NULL);
}

/* Nothing is there. */
static void give_up(struct visit *visit)
{
    const struct service *fallback = visit->self->settings.fallback;
    struct exchange *exchange = visit->exchange;
    if (!fallback) {
        exchange_fail(exchange, ENDING_NOT_FOUND, NULL);
        return;
    }
    exchange_watch(exchange, NULL, NULL);
    service_serve(fallback, exchange);
}

static void try_next(struct visit *visit)
{
    const struct static_settings *settings = &visit->self->settings;
    visit->candidate = visit->candidate == CANDIDATE_PATH ? CANDIDATE_DEFAULT : visit->candidate + 1;
    if (visit->candidate == CANDIDATE_LISTING && !settings->directory_listing)
        visit->candidate = CANDIDATE_DEFAULT;
    if (visit->candidate == CANDIDATE_DEFAULT && !settings->default_file)
        visit->candidate = CANDIDATE_NONE;
    if (visit->candidate == CANDIDATE_NONE)
        give_up(visit);
    else
        try_candidate(visit);
}

/* Names with a leading dot are for the owner (".git", ".htpasswd"), save the one that is for everyone (RFC 8615). */
static bool is_hidden(struct span path)
{
    for (size_t i = 0; i < path.len; i++) {
        bool begins = i == 0 || path.at[i - 1] == '/';
        struct span rest = span_tail(path, i);
        if (begins && rest.at[0] == '.' && !span_equal(rest, SPAN(".well-known")) &&
            !span_starts(rest, SPAN(".well-known/")))
            return true;
    }
    return false;
}

/* What no file answers: other methods, requests with a body, and upgrades. A body that was dropped before a file is looked for
 * would be lost to the fallback. */
static bool is_for_fallback(const struct static_service *self, const struct exchange *exchange)
{
    const struct http_request *request = exchange_request(exchange);
    bool reads = request->method == HTTP_GET || request->method == HTTP_HEAD;
    return self->settings.fallback &&
           (!reads || exchange_body_length(exchange) > 0 || http_header_count(&request->headers, SPAN("Upgrade")) > 0);
}

static bool takes_body(const struct service *service, struct exchange *exchange)
{
    const struct static_service *self = (const struct static_service *)service;
    return is_for_fallback(self, exchange) && service_takes_body(self->settings.fallback, exchange);
}

static void serve(const struct service *service, struct exchange *exchange)
{
    static const struct exchange_user exchange_user = {.on_room = on_room, .on_end = on_end};
    const struct static_service *self = (const struct static_service *)service;
    const struct http_request *request = exchange_request(exchange);
    if (is_for_fallback(self, exchange)) {
        service_serve(self->settings.fallback, exchange);
        return;
    }
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        exchange_fail_method(exchange, "GET, HEAD");
        return;
    }
    struct visit *visit = arena_alloc(request->arena, sizeof *visit);
    if (!visit) {
        exchange_fail(exchange, ENDING_MEMORY, NULL);
        return;
    }
    struct span tail = exchange_tail(exchange);
    bool slash = tail.len > 0 && tail.at[tail.len - 1] == '/';
    *visit = (struct visit){
        .self = self,
        .exchange = exchange,
        .candidate = slash ? CANDIDATE_INDEX : CANDIDATE_PATH,
        .path = span_tail(span_head(tail, tail.len - slash), 1),
        .encoding = ENCODING_NONE,
    };
    if (self->settings.precompressed)
        visit->accepted_count = encodings_accepted(&request->headers, visit->accepted);
    exchange_watch(exchange, &exchange_user, visit);
    if (tail.len == 0)
        redirect_to_slash(visit);
    else if (is_hidden(visit->path))
        give_up(visit);
    else
        try_candidate(visit);
}

const struct service *static_service_new(struct arena *arena, const struct static_settings *settings)
{
    static const struct service_ops ops = {.type = "static", .serve = serve, .takes_body = takes_body};
    struct static_service *self = arena_alloc(arena, sizeof *self);
    if (!self)
        return NULL;
    *self = (struct static_service){.service.ops = &ops, .settings = *settings};
    if (settings->cache_timeout >= 0)
        snprintf(self->max_age, sizeof self->max_age, "max-age=%" PRId64, settings->cache_timeout);
    return &self->service;
}
