/* Configuration files: JSON and YAML with positions, diagnostics, declarative tables. Knows no Crossbar: plan/ writes the
 * tables and composes them. The only room that includes yaml.h, and, with acme and wamp, jansson.h.
 *
 * A table describes one object of the file: a row per key. From the rows come the reading, the defaults, the checks, the
 * messages and the reference documentation; nothing about a key is said twice. */
#ifndef CROSSGATE_CONFIG_H
#define CROSSGATE_CONFIG_H

#include "crossgate/base/arena.h"
#include "crossgate/base/problem.h"
#include "crossgate/base/span.h"

#include <stdio.h>

/* Diagnostics: what is to be said about a file. */

struct diagnostics;

struct diagnostic {
    enum problem_severity severity;
    const char *file;
    unsigned line;    /* from 1; 0: the file as a whole */
    unsigned column;  /* from 1, in characters */
    const char *path; /* JSON path: "$.workers[0].transports[1].endpoint.tls.key" */
    const char *text;
    const char *remedy; /* or NULL */
};

/* Of each severity so many are kept; all are counted. */
enum { DIAGNOSTICS_KEPT = 500 };

/* NULL when memory is out. */
struct diagnostics *diagnostics_new(void);
void diagnostics_free(struct diagnostics *diagnostics); /* accepts NULL */

/* Copies all strings. When memory is out: as diagnostics_add_memory. */
void diagnostics_add(struct diagnostics *diagnostics, const struct diagnostic *diagnostic);

/* Memory was out while the file was read: an error without a place, once. */
void diagnostics_add_memory(struct diagnostics *diagnostics);

/* Of those that are not kept, too. */
unsigned diagnostics_count(const struct diagnostics *diagnostics, enum problem_severity severity);

/* Those that are kept, ordered by position. */
size_t diagnostics_kept(const struct diagnostics *diagnostics);
const struct diagnostic *diagnostics_at(const struct diagnostics *diagnostics, size_t index);

/* Ordered by position. For people (colour: escapes), or one JSON array for programs. */
void diagnostics_print(const struct diagnostics *diagnostics, enum problem_severity least, FILE *out, bool colour);
void diagnostics_print_json(const struct diagnostics *diagnostics, FILE *out);

/* A text as a JSON string, with its quotation marks; what is not UTF-8 in it becomes "?". */
void config_print_string(const char *text, FILE *out);

/* Tables. */

enum config_kind {
    CONFIG_BOOL,    /* member: bool */
    CONFIG_INTEGER, /* member: int64_t */
    CONFIG_STRING,  /* member: const char * */
    CONFIG_OBJECT,  /* member: pointer to the settings of row->object; NULL: absent */
    CONFIG_CHOICE,  /* member: struct config_choice; an object whose "type" selects one of row->variants */
    CONFIG_LIST,    /* member: struct config_items */
    CONFIG_MAP,     /* member: struct config_items, with keys; an object whose keys the user chooses */
    CONFIG_ANY,     /* member: const struct config_json * */
};

enum config_status {
    CONFIG_SERVED,
    CONFIG_EXTENSION, /* served, but unknown to Crossbar: refused if the reader is strict */
    CONFIG_REFUSED, /* Crossbar's, not served here: refused with the reason, unless the value is among row->accepted */
    CONFIG_NODE,    /* the node's own: accepted with a note, not read */
    CONFIG_IDLE,    /* accepted with a note: nothing to do for it here */
    CONFIG_WRONG,   /* known mistake or long obsolete: refused; not part of the reference */
};

struct config_object;
struct config_reader;
struct config_variants;

struct config_row {
    const char *key;
    enum config_kind kind;
    enum config_status status;
    size_t at;    /* offset of the member; use CONFIG_AT */
    size_t given; /* offset of a bool that becomes true if the key is there; 0: nobody asks */
    bool required;
    const char *unless; /* required: another key of the object that does instead; NULL: none */
    bool implied;       /* OBJECT: absent is the same as without keys */
    bool nullable;      /* integers: also null, which stands for `null` */
    int64_t null;
    bool zero_too;                          /* integers: 0 besides min..max */
    bool single_too;                        /* lists: also one element without the list around it */
    bool environment;                       /* integers: also "$NAME", booleans: also "${NAME}", the whole string */
    int64_t min;                            /* integers: smallest; lists and maps: fewest elements */
    int64_t max;                            /* integers: largest; lists and maps: most elements, 0: no bound */
    int64_t standard;                       /* integers, booleans: the value when the key is absent */
    const char *unit;                       /* integers: "ms" */
    const char *accepted;                   /* REFUSED: JSON list of values that ask for nothing we lack */
    const struct config_object *object;     /* OBJECT */
    const struct config_variants *variants; /* CHOICE */
    const struct config_row *item;          /* LIST, MAP: what the elements are; its key is not used */
    bool (*fits)(const char *text);         /* strings; of a map: its keys */
    bool (*extends)(const char *text);      /* of a map: keys that are an extension; NULL: none */
    const char *allowed;                    /* in words, what `fits` or `finish` wants: "a path", "4 or 6" */
    /* REFUSED: why it is accepted here after all, said in a note; NULL if it is not. May be NULL. */
    const char *(*excuse)(const struct config_reader *reader);
    const char *why;    /* NODE, IDLE, WRONG: the reason. REFUSED: may be NULL */
    const char *remedy; /* put to all errors on this row that have no better one; may be NULL */
    const char *doc;    /* one sentence for the reference */
};

/* Offset of member m of struct T, which must have that type: a row that does not fit its member does not compile. */
#define CONFIG_AT(T, m, type) (_Generic(((T *)0)->m, type : offsetof(T, m)))

/* For rows that are served without being stored. */
#define CONFIG_UNSTORED ((size_t)-1)

struct config_place;

struct config_object {
    const char *name; /* "listening endpoint of type tcp" */
    const struct config_row *rows;
    size_t count;
    size_t size; /* of its settings, which begin zeroed */
    /* Called before its keys are read, in the order of the rows. May be NULL. */
    void (*begin)(struct config_reader *reader, void *settings);
    /* Rules between keys, and building. Called when all keys of the object have been read without an error; reports by
     * config_report. May be NULL. */
    void (*finish)(struct config_reader *reader, const struct config_place *place, void *settings);
    /* A key of the object and a boolean in its value, {"options", "disabled"}: if that is true, the rows behind the key's are
     * not read. {NULL}: there is none. */
    const char *off[2];
    const char *doc;
};

struct config_variant {
    const char *type;
    enum config_status status;
    const struct config_object *object; /* required for SERVED, EXTENSION; of others its rows are documentation only */
    const char *why;                    /* as in rows */
    const char *remedy;                 /* REFUSED, WRONG: what to do instead; may be NULL */
};

struct config_variants {
    const char *name;     /* "transport" */
    const char *standard; /* the type of an object without one; NULL: it must have one */
    const struct config_variant *at;
    size_t count;
    const char *doc;
};

/* Initializers for `rows` and `count` of an object, `at` and `count` of variants. */
#define CONFIG_ROWS(list)     .rows = (list), .count = sizeof(list) / sizeof((list)[0])
#define CONFIG_VARIANTS(list) .at = (list), .count = sizeof(list) / sizeof((list)[0])

/* What is read. */

struct config_choice {
    const struct config_variant *variant; /* NULL: absent, or refused */
    void *settings;                       /* NULL unless SERVED or EXTENSION */
    const struct config_place *place;
};

struct config_json;

struct config_item;

struct config_items {
    struct config_item *at;
    size_t count;
    bool given; /* the key is there, even if its value is empty */
};

struct config_item {
    const struct config_place *place;
    const char *key; /* of maps */
    union {
        bool boolean;
        int64_t integer;
        const char *string;
        void *object;
        struct config_choice choice;
        struct config_items items;
        const struct config_json *json;
    };
};

/* The value as JSON text, zero-terminated: in short form, or indented with sorted keys. NULL when memory is out. */
const char *config_json_print(struct arena *arena, const struct config_json *json, bool pretty);

/* Reading. */

/* A place in the document, from the leaf to the root. Lives in the reader's arena. */
struct config_place {
    const struct config_place *up; /* NULL: the root */
    const char *key;               /* of an object; NULL: element `index` of a list */
    size_t index;
};

struct config_text;

/* Parses; reports syntax errors and keys that occur twice, or that memory is out. NULL then. A name that ends in .yaml or .yml says YAML 1.1
 * as the safe loader of PyYAML takes it, any other JSON. Borrows the bytes and the name until config_text_free. */
struct config_text *config_text_new(const char *file, struct span bytes, struct diagnostics *diagnostics);
void config_text_free(struct config_text *text); /* accepts NULL */

/* The largest configuration file. */
enum { CONFIG_TEXT_MAX = 4 * 1024 * 1024 };

struct config_reader {
    struct arena *arena; /* settings live here; strings are copied into it */
    const struct config_text *text;
    struct diagnostics *diagnostics;
    bool strict; /* extensions are errors */
    /* The value of an environment variable, or NULL. */
    const char *(*variable)(void *user, const char *name);
    void *user; /* for `variable` and for the finish functions */
};

/* Reads the whole document. False if any error was reported. `settings` is zeroed memory of root->size bytes. */
bool config_read(struct config_reader *reader, const struct config_object *root, void *settings);

/* The place of a key or an element. When memory is out: `up` itself, which is less exact, and the reading fails. */
const struct config_place *config_place_key(struct config_reader *reader, const struct config_place *up,
                                            const char *key);
const struct config_place *config_place_index(struct config_reader *reader, const struct config_place *up,
                                              size_t index);

/* "$.workers[0].paths[\"/\"]", in the reader's arena. */
const char *config_place_print(struct config_reader *reader, const struct config_place *place);

/* Reports at the value of the place; if the document has no such place, at the innermost object that it has. */
void config_report(struct config_reader *reader, enum problem_severity severity, const struct config_place *place,
                   const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* sprintf into the reader's arena; "" when memory is out, and the reading fails. */
const char *config_format(struct config_reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Arena memory; when it is out the reading fails. */
void *config_alloc(struct config_reader *reader, size_t size) __attribute__((warn_unused_result));

/* What another room finds wrong with settings, turned into diagnostics on the keys of the object at `place`. */
struct config_problems {
    struct problems problems;
    struct config_reader *reader;
    const struct config_place *place;
};
void config_problems_init(struct config_problems *problems, struct config_reader *reader,
                          const struct config_place *place);

/* The document as config_read has understood it, without an error, as JSON: keys in the order of the tables, defaults
 * where keys are absent, variables resolved where the reader does it; what is not read is left out (if the reader is
 * strict, absent extensions, too), and secrets are hidden. The result can be read again. False: memory is out, or `out`
 * takes no more. */
bool config_print_resolved(struct config_reader *reader, const struct config_object *root, FILE *out)
    __attribute__((warn_unused_result));

/* JSON Schema (draft 2020-12) of an object and all below it. It refuses nothing that config_read accepts. False: memory
 * is out, or `out` takes no more. */
struct config_schema {
    bool strict; /* without extensions */
    /* A regular expression, of what ECMA-262 and POSIX have in common, for all that a `fits` function accepts; NULL:
     * there is none. */
    const char *(*pattern)(bool (*fits)(const char *text));
};
bool config_schema_print(const struct config_object *root, const struct config_schema *settings, FILE *out)
    __attribute__((warn_unused_result));

/* The reference documentation of an object and all below it, as Markdown, with a table of what becomes of each key at
 * its end. */
void config_reference_print(const struct config_object *root, FILE *out);

#endif
