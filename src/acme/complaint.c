#include "complaint.h"

#include <stdio.h>

/* More than a person reads in one line. */
enum { SUBPROBLEMS_SHOWN = 5 };

char *complaint_clean(char *out, size_t size, const char *text)
{
    size_t length = 0;
    for (; length + 1 < size && text[length]; length++)
        out[length] = text[length] >= ' ' && text[length] <= '~' ? text[length] : '?';
    out[length] = '\0';
    return out;
}

static const char *member(const json_t *problem, const char *name)
{
    const char *text = json_string_value(json_object_get(problem, name));
    return text ? text : "";
}

static void append(struct complaint *self, const char *before, const char *text)
{
    size_t used = strlen(self->text);
    snprintf(self->text + used, sizeof self->text - used, "%s", before);
    used = strlen(self->text);
    complaint_clean(self->text + used, sizeof self->text - used, text);
}

static void append_subproblem(struct complaint *self, const json_t *problem)
{
    append(self, "; ", member(json_object_get(problem, "identifier"), "value"));
    append(self, ": ", member(problem, "detail"));
}

void complaint_read(struct complaint *self, const json_t *problem)
{
    static const char prefix[] = "urn:ietf:params:acme:error:";
    const char *type = member(problem, "type");
    const json_t *more = json_object_get(problem, "subproblems");
    *self = (struct complaint){0};
    if (strncmp(type, prefix, sizeof prefix - 1) == 0)
        complaint_clean(self->type, sizeof self->type, type + sizeof prefix - 1);
    append(self, "", member(problem, "detail"));
    for (size_t i = 0; i < json_array_size(more) && i < SUBPROBLEMS_SHOWN; i++)
        append_subproblem(self, json_array_get(more, i));
    if (self->text[0] == '\0')
        append(self, "", type[0] ? type : "no reason is given");
    else if (self->type[0]) {
        append(self, " (", self->type);
        append(self, ")", "");
    }
}

bool complaint_is(const struct complaint *self, const char *type)
{
    return strcmp(self->type, type) == 0;
}

/* Not `caa` and `dns`: those are put right elsewhere. */
bool complaint_is_hopeless(const struct complaint *self)
{
    static const char *const types[] = {"badPublicKey",          "badSignatureAlgorithm", "externalAccountRequired",
                                        "invalidContact",        "unsupportedContact",    "rejectedIdentifier",
                                        "unsupportedIdentifier", "userActionRequired"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (complaint_is(self, types[i]))
            return true;
    return false;
}
