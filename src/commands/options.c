#include "options.h"

#include "commands.h"

#include "crossgate/base/list.h"
#include "crossgate/base/nearest.h"

#include <stdarg.h>
#include <string.h>

/* Columns of the help: where the second one begins. */
enum { HELP_COLUMN = 24 };

static void print_option(const char *words, const char *help)
{
    printf("  %-*s", HELP_COLUMN - 2, words);
    if (strlen(words) + 2 >= HELP_COLUMN)
        printf("\n%*s", HELP_COLUMN, "");
    for (const char *line = help; line;) {
        const char *end = strchr(line, '\n');
        printf("%.*s\n", end ? (int)(end - line) : (int)strlen(line), line);
        line = end ? end + 1 : NULL;
        if (line)
            printf("%*s", HELP_COLUMN, "");
    }
}

static void print_help(const struct usage *usage)
{
    printf("usage: crossgate %s%s%s\n\n%s\nOptions:\n", usage->command, *usage->synopsis ? " " : "", usage->synopsis,
           usage->about);
    for (size_t i = 0; i < usage->count; i++) {
        const struct option *option = &usage->options[i];
        char words[64];
        snprintf(words, sizeof words, "%s%s%s", option->name, option->value ? " " : "",
                 option->value ? option->value : "");
        print_option(words, option->help);
    }
    print_option("-h, --help", "this help");
    if (usage->examples)
        printf("\nExamples:\n%s", usage->examples);
}

static void point_to_help(const struct usage *usage)
{
    fprintf(stderr, "Try: crossgate %s --help\n", usage->command);
}

/* "--name" or "--name=…": the row, and the value behind the sign. */
static const struct option *find(const struct usage *usage, const char *word, const char **value)
{
    size_t len = strcspn(word, "=");
    *value = word[len] ? word + len + 1 : NULL;
    for (size_t i = 0; i < usage->count; i++) {
        if (strncmp(usage->options[i].name, word, len) == 0 && usage->options[i].name[len] == '\0')
            return &usage->options[i];
    }
    return NULL;
}

/* nginx and others take the file itself. */
static bool names_configuration(const struct usage *usage, const char *word)
{
    const char *value, *end = strrchr(word, '.');
    return end && find(usage, "--config", &value) && (strcmp(end, ".json") == 0 || strcmp(end, ".yaml") == 0);
}

static enum options_result refuse_unknown(const struct usage *usage, const char *word)
{
    struct nearest nearest = {.word = word};
    for (size_t i = 0; i < usage->count; i++)
        nearest_offer(&nearest, usage->options[i].name);
    fprintf(stderr, "crossgate %s: %s \"%s\"", usage->command, *word == '-' ? "unknown option" : "surplus word", word);
    if (names_configuration(usage, word))
        fprintf(stderr, ": did you mean --config %s?", word);
    else if (nearest.best)
        fprintf(stderr, ": did you mean %s?", nearest.best);
    else if (*word != '-')
        fprintf(stderr, ": write crossgate %s %s", usage->command, usage->synopsis);
    fputc('\n', stderr);
    point_to_help(usage);
    return OPTIONS_WRONG;
}

static enum options_result refuse_value(const struct usage *usage, const struct option *option)
{
    if (option->value)
        fprintf(stderr, "crossgate %s: %s needs a value: %s %s\n", usage->command, option->name, option->name,
                option->value);
    else
        fprintf(stderr, "crossgate %s: %s takes no value\n", usage->command, option->name);
    point_to_help(usage);
    return OPTIONS_WRONG;
}

/* False: there are too many. */
static bool append_line(struct option_lines *lines, const char *value)
{
    size_t used = strlen(lines->text);
    int added = snprintf(lines->text + used, sizeof lines->text - used, "%s%s", used > 0 ? "\n" : "", value);
    return added >= 0 && (size_t)added < sizeof lines->text - used;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool is_word(const char *word)
{
    return *word != '-' || word[1] == '\0';
}

/* False: the command takes no more. */
static bool take_word(const struct usage *usage, char *word)
{
    struct option_words *words = usage->words;
    if (!words || words->count == words->most)
        return false;
    words->at[words->count++] = word;
    return true;
}

static enum options_result take_rest(const struct usage *usage, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!take_word(usage, argv[i]))
            return refuse_unknown(usage, argv[i]);
    }
    return OPTIONS_READ;
}

/* All words are read: are they enough? */
static enum options_result conclude(const struct usage *usage, enum options_result result)
{
    const struct option_words *words = usage->words;
    if (result != OPTIONS_READ || !words || words->count >= words->least)
        return result;
    usage_refuse(usage, "%s is missing: write crossgate %s %s", words->name, usage->command, usage->synopsis);
    return OPTIONS_WRONG;
}

/* An option, and its value if it has one: `next` is the word behind it, or NULL; *used is whether that was the value. */
static enum options_result take_option(const struct usage *usage, const char *word, const char *next, bool *used)
{
    const char *value;
    const struct option *option = find(usage, word, &value);
    if (!option)
        return refuse_unknown(usage, word);
    *used = option->value && !value && next;
    if (*used)
        value = next;
    /* An empty value is a variable that was not set in somebody's script. */
    if (option->value ? !value || !*value : value != NULL)
        return refuse_value(usage, option);
    if (option->text)
        *option->text = value;
    if (option->flag)
        *option->flag = true;
    if (option->value && !option->text && !append_line(CONTAINER_OF(option->flag, struct option_lines, given), value)) {
        option_refuse(usage, option->name, value, "as short as all of them together must be");
        return OPTIONS_WRONG;
    }
    return OPTIONS_READ;
}

enum options_result options_read(const struct usage *usage, int argc, char **argv)
{
    enum options_result result = OPTIONS_READ;
    for (int i = 1; i < argc && result == OPTIONS_READ; i++) {
        bool used = false;
        if (is_help(argv[i])) {
            print_help(usage);
            return OPTIONS_HELP;
        }
        if (usage->words && strcmp(argv[i], "--") == 0)
            return conclude(usage, take_rest(usage, argc - i - 1, argv + i + 1));
        if (!is_word(argv[i]) || !take_word(usage, argv[i]))
            result = take_option(usage, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used);
        i += used;
    }
    return conclude(usage, result);
}

int option_refuse(const struct usage *usage, const char *option, const char *value, const char *wanted)
{
    fprintf(stderr, "crossgate %s: %s \"%s\": not %s\n", usage->command, option, value, wanted);
    point_to_help(usage);
    return EXIT_USAGE;
}

int usage_refuse(const struct usage *usage, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "crossgate %s: ", usage->command);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    point_to_help(usage);
    return EXIT_USAGE;
}

bool option_next_line(char **rest, const char **value)
{
    if (!**rest)
        return false;
    *value = strsep(rest, "\n");
    if (!*rest)
        *rest = strchr(*value, '\0');
    return true;
}
