#include "builder.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void unref_tls(void *context)
{
    tls_context_unref(context);
}

struct tls_context *builder_keep_tls(struct builder *builder, struct tls_context *context)
{
    if (!context || arena_defer(builder->plan->arena, unref_tls, context))
        return context;
    diagnostics_add_memory(builder->reader.diagnostics);
    return NULL;
}

const struct service *builder_keep_service(struct builder *builder, const struct service *made)
{
    if (!made)
        diagnostics_add_memory(builder->reader.diagnostics);
    return made;
}

/* Cuts "./" and "../" off the path's beginning, the latter with a segment of `base`, which is absolute and without links:
 * so messages name the file as people would. */
static const char *climb(struct span *base, const char *path)
{
    for (;;) {
        if (path[0] == '/') {
            path++;
        } else if (strncmp(path, "./", 2) == 0) {
            path += 2;
        } else if (strncmp(path, "../", 3) == 0) {
            while (base->len > 0 && base->at[--base->len] != '/') {
            }
            path += 3;
        } else {
            return path;
        }
    }
}

const char *builder_path(struct builder *builder, const char *path)
{
    struct span base = span_string(sources_request(builder->sources)->node_dir);

    if (path[0] == '/')
        return path;
    path = climb(&base, path);
    if (base.len > 0 && base.at[base.len - 1] == '/')
        base.len--;
    return config_format(&builder->reader, "%.*s/%s", SPAN_ARGS(base), path);
}

const char *builder_path_remedy(struct builder *builder, const char *path, const struct error *error)
{
    if (path[0] == '~' || strchr(path, '$'))
        return "neither ~ nor variables are expanded here: write the path out";
    if (error->class == ERROR_SYSTEM && error->number == EACCES && geteuid() != 0)
        return config_format(&builder->reader, "start as root, or let the user with the id %u read it",
                             (unsigned)geteuid());
    if (path[0] != '/')
        return config_format(&builder->reader, "relative paths begin at the node directory, %s",
                             sources_request(builder->sources)->node_dir);
    return NULL;
}

/* Cuts the name of a variable off *at, which points behind the "$". Empty: there is none. */
static struct span cut_variable(const char **at)
{
    bool braces = **at == '{';
    const char *name = *at + braces, *end = name;

    if (isalpha((unsigned char)*end) || *end == '_') {
        while (isalnum((unsigned char)*end) || *end == '_')
            end++;
    }
    if (end == name || (braces && *end != '}'))
        return (struct span){0};
    *at = end + braces;
    return span_of(name, (size_t)(end - name));
}

const char *builder_expand(struct builder *builder, const struct config_place *place, const char *text)
{
    char *expanded = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&expanded, &size);
    bool complete = out != NULL;
    const char *copy = NULL;

    while (out && *text) {
        char c = *text++;
        struct span name = c == '$' ? cut_variable(&text) : (struct span){0};
        if (name.len == 0) {
            putc(c, out);
            continue;
        }
        const char *variable = config_format(&builder->reader, "%.*s", SPAN_ARGS(name));
        const char *value = sources_variable(builder->sources, variable);
        if (!value)
            config_report(&builder->reader, PROBLEM_ERROR, place,
                          config_format(&builder->reader, "set it: export %s=…", variable),
                          "the environment variable %s is not set", variable);
        complete = complete && value;
        fputs(value ? value : "", out);
    }
    if (!out || fclose(out) != 0)
        diagnostics_add_memory(builder->reader.diagnostics);
    else if (complete)
        copy = config_format(&builder->reader, "%s", expanded);
    free(expanded);
    return copy;
}

bool builder_file(struct builder *builder, const struct config_place *place, const char *path, struct pki_file *file)
{
    struct error error = {.class = ERROR_NONE};
    struct source_file source;

    file->path = builder_path(builder, path);
    if (!sources_note_place(builder->sources, file->path, config_place_print(&builder->reader, place)))
        diagnostics_add_memory(builder->reader.diagnostics);
    if (sources_file(builder->sources, file->path, &source, &error)) {
        file->bytes = source.bytes;
        file->mode = source.mode;
        file->owner = source.owner;
        return true;
    }
    config_report(&builder->reader, PROBLEM_ERROR, place, builder_path_remedy(builder, path, &error), "%s", error.text);
    return false;
}
