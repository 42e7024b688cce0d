#include "json_lines.h"

#include "crossgate/config.h"

static void next(struct json *json, const char *name)
{
    fprintf(json->out, "%s\n%*s", json->is_first ? "" : ",", json->depth, "");
    json->is_first = false;
    if (!name)
        return;
    config_print_string(name, json->out);
    fputs(": ", json->out);
}

void json_open(struct json *json, const char *name, char bracket)
{
    if (json->depth > 0)
        next(json, name);
    fputc(bracket, json->out);
    json->depth++;
    json->is_first = true;
}

void json_close(struct json *json, char bracket)
{
    fputc(bracket, json->out);
    json->depth--;
    json->is_first = false;
}

void json_word(struct json *json, const char *name, const char *value)
{
    next(json, name);
    fputs(value, json->out);
}

void json_text(struct json *json, const char *name, const char *value)
{
    next(json, name);
    if (value && value[0])
        config_print_string(value, json->out);
    else
        fputs("null", json->out);
}

void json_number(struct json *json, const char *name, int64_t value)
{
    next(json, name);
    fprintf(json->out, "%lld", (long long)value);
}

void json_truth(struct json *json, const char *name, bool value)
{
    json_word(json, name, value ? "true" : "false");
}
