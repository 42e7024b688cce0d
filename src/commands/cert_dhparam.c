/* crossgate cert dhparam: Diffie-Hellman groups, for those who are asked for one. */
#include "cert.h"

#include "commands.h"

#include "crossgate/base/list.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct dhparam_words {
    struct option_words group;
    const char *cbdir;
    const char *generate;
    const char *out;
    bool force;
};

static const char *const groups[] = {"ffdhe2048", "ffdhe3072", "ffdhe4096", NULL};

static bool is_group(const char *name)
{
    for (const char *const *group = groups; *group; group++) {
        if (strcmp(name, *group) == 0)
            return true;
    }
    return false;
}

/* What is told while numbers are tried: nobody can say how long it takes. */
struct watched {
    struct pki_search search;
    time_t begun;
    time_t told;
};

static void tell(struct pki_search *search)
{
    struct watched *watched = CONTAINER_OF(search, struct watched, search);
    time_t now = time(NULL);
    if (now == watched->told || !isatty(STDERR_FILENO))
        return;
    watched->told = now;
    fprintf(stderr, "\r%llu numbers tried in %lld s ", (unsigned long long)search->tried,
            (long long)(now - watched->begun));
}

static bool generate(unsigned bits, struct pki_text *group, struct error *error)
{
    time_t now = time(NULL);
    struct watched watched = {.search = {.progress = tell}, .begun = now, .told = now};
    fprintf(
        stderr,
        "Looking for a safe prime of %u bits. That is luck: 2048 bits take from seconds to minutes, 4096 from minutes\n"
        "to an hour. Ctrl-C ends it and leaves nothing behind; a named group takes no time and is as good.\n",
        bits);
    bool worked = pki_search_group(bits, &watched.search, group, error);
    fprintf(stderr, "%s%llu numbers tried in %lld s\n", isatty(STDERR_FILENO) ? "\r" : "",
            (unsigned long long)watched.search.tried, (long long)(time(NULL) - watched.begun));
    return worked;
}

static bool write_group(const struct dhparam_words *words, const char *path, const struct pki_text *group,
                        struct error *error)
{
    struct output file = {.path = path, .bytes = span_of(group->at, group->len), .mode = OUTPUT_PUBLIC};
    if (path)
        return outputs_write(&file, 1, words->force, error);
    if (fwrite(group->at, 1, group->len, stdout) == group->len && fflush(stdout) == 0)
        return true;
    error_set_errno(error, "stdout cannot be written");
    return false;
}

static bool run(const struct dhparam_words *words, const char *name, unsigned bits, struct error *error)
{
    char path[PATH_MAX];
    struct pki_text group = {0};
    bool print = words->out && strcmp(words->out, "-") == 0;
    const struct output file = {.path = path, .mode = OUTPUT_PUBLIC};
    if (!print && (!cert_path(words->out, words->cbdir, CERT_DHPARAM, path, error) ||
                   !outputs_check(&file, 1, words->force, error)))
        return false;
    bool worked = (bits > 0 ? generate(bits, &group, error) : pki_named_group(name, &group, error)) &&
                  write_group(words, print ? NULL : path, &group, error);
    pki_text_free(&group);
    if (worked && !print)
        printf("made  %s: Diffie-Hellman group%s%s\n"
               "\nNone is needed: without `dhparam` in the configuration ffdhe2048 is used, for the few clients that "
               "know\n"
               "DHE and not ECDHE.\n",
               path, bits > 0 ? " of its own" : ", ", bits > 0 ? "" : name);
    return worked;
}

int cert_dhparam(int argc, char **argv)
{
    struct dhparam_words words = {.group = {.name = "GROUP", .most = 1}};
    const struct option options[] = {
        OPTION_CBDIR(words),
        {"--generate", "BITS", "look for one of its own, of 2048 to 4096 bits: takes long, and\nis no safer",
         &words.generate, NULL},
        {"--out", "FILE", "default: " CERT_DHPARAM " of the node directory; - is stdout", &words.out, NULL},
        OPTION_FORCE(words),
    };
    const struct usage usage = {
        .command = "cert dhparam",
        .synopsis = "[ffdhe2048 | ffdhe3072 | ffdhe4096] [OPTIONS]",
        .about =
            "Writes a Diffie-Hellman group for `dhparam` of the configuration, where somebody wants one: it is needed\n"
            "neither for ECDHE, which nearly all clients use, nor for DHE, which uses ffdhe2048 without it. The named\n"
            "groups (RFC 7919; default: ffdhe2048) are known to be good and take no time.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &words.group,
        .examples = "  crossgate cert dhparam\n"
                    "  crossgate cert dhparam ffdhe4096 --out /etc/letsencrypt/live/box1.example.com/dhparam.pem\n"
                    "  crossgate cert dhparam --generate 4096            # instead of openssl dhparam -2 4096\n",
    };
    struct error error = {0};
    unsigned bits = 0;
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
    const char *name = words.group.count > 0 ? words.group.at[0] : groups[0];
    if (!is_group(name))
        return option_refuse(&usage, "group", name, "one of ffdhe2048, ffdhe3072, ffdhe4096");
    if (words.generate && words.group.count > 0)
        return usage_refuse(&usage, "a named group is not looked for: leave --generate or %s out", name);
    if (words.generate && !cert_number(&usage, "--generate", words.generate, 2048, 4096, &bits))
        return EXIT_USAGE;
    return run(&words, name, bits, &error) ? EXIT_SUCCESS : cert_fail(&usage, &error);
}
