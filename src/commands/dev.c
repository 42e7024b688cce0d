/* HTTPS and WSS on this machine in one command. */
#include "commands.h"
#include "dev_authority.h"
#include "dev_node.h"
#include "options.h"
#include "trust.h"

#include "crossgate/base/span.h"
#include "crossgate/process.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct dev_words {
    struct option_words directory;
    const char *proxy;
    const char *port;
    struct option_lines names;
    const char *stores;
    bool everywhere;
    bool trust;
    bool untrust;
    bool verbose;
};

/* ---- trust */

static bool is_chosen(const struct trust_store *store, const char *stores)
{
    struct span rest = span_string(stores), word;
    while (span_next_item(&rest, &word)) {
        if (span_equal(word, span_string(store->name)))
            return true;
    }
    return !stores;
}

static bool has_store(struct span word)
{
    for (const struct trust_store *store = trust_stores; store->name; store++) {
        if (span_equal(word, span_string(store->name)))
            return true;
    }
    return false;
}

static bool fits_stores(const char *stores)
{
    struct span rest = span_string(stores), word;
    while (span_next_item(&rest, &word)) {
        if (!has_store(word))
            return false;
    }
    return true;
}

/* False: a store that is here could not be changed. */
static bool change_trust(const struct dev_authority *authority, const char *stores, bool install)
{
    const struct trust_anchor anchor = {authority->certificate, authority->name};
    bool worked = true;
    for (const struct trust_store *store = trust_stores; store->name; store++) {
        if (!is_chosen(store, stores))
            continue;
        enum trust_result result = install ? store->install(&anchor) : store->remove(&anchor);
        if (result == TRUST_DONE)
            printf("%s: the development authority is %s\n", store->whose, install ? "trusted" : "not trusted");
        else if (result == TRUST_NONE)
            printf("%s: %s\n", store->whose, install ? "not found here" : "it was not trusted");
        worked &= result != TRUST_FAILED;
    }
    fflush(stdout);
    return worked;
}

static int untrust(const struct dev_words *words, const struct dev_authority *authority)
{
    if (!change_trust(authority, words->stores, false))
        return EXIT_FAILURE;
    if (!words->stores)
        printf("Its files are still there: rm -r %.*s\n", (int)(strrchr(authority->key, '/') - authority->key),
               authority->key);
    return EXIT_SUCCESS;
}

/* ---- names of the leaf */

enum { NAMES_MAX = 64, NAME_TEXT = 256 };

struct names {
    char text[NAMES_MAX][NAME_TEXT];
    const char *at[NAMES_MAX];
    size_t count;
};

/* False: it is one too many, or too long. */
static bool add_name(struct names *names, const char *name)
{
    if (names->count == NAMES_MAX || strlen(name) >= NAME_TEXT)
        return false;
    names->at[names->count] = memcpy(names->text[names->count], name, strlen(name) + 1);
    names->count++;
    return true;
}

/* Addresses of this machine that others reach it by, and that the authority may certify. */
static void add_addresses(struct names *names)
{
    struct ifaddrs *all;
    char text[NAME_TEXT];
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
        int family = at->ifa_addr ? at->ifa_addr->sa_family : AF_UNSPEC;
        socklen_t length = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        if ((family == AF_INET || family == AF_INET6) && !(at->ifa_flags & IFF_LOOPBACK) &&
            getnameinfo(at->ifa_addr, length, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 &&
            dev_authority_may_certify(text))
            add_name(names, text);
    }
    freeifaddrs(all);
}

static bool gather_names(struct names *names, struct dev_words *words)
{
    char *rest = words->names.given ? words->names.text : NULL;
    const char *name;
    bool fits = add_name(names, "localhost") && add_name(names, "127.0.0.1") && add_name(names, "::1");
    while (rest && option_next_line(&rest, &name))
        fits &= add_name(names, name);
    if (words->everywhere)
        add_addresses(names);
    return fits;
}

/* ---- serving */

static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

/* NULL: *error says why. The caller frees it. */
static char *find_directory(const struct dev_words *words, struct error *error)
{
    const char *named = words->directory.count > 0 ? words->directory.at[0] : ".";
    char *directory = realpath(named, NULL);
    struct stat facts;
    if (!directory && errno == ENOENT && is_number(named))
        error_set(error, ERROR_INPUT, "there is no directory %s; if it is a port: crossgate dev --proxy %s", named,
                  named);
    else if (!directory)
        error_set_errno(error, "%s cannot be served", named);
    else if (stat(directory, &facts) == 0 && S_ISDIR(facts.st_mode))
        return directory;
    else
        error_set(error, ERROR_INPUT, "%s is no directory", named);
    free(directory);
    return NULL;
}

static void print_what(const struct dev_site *site, FILE *out)
{
    if (site->directory)
        fprintf(out, "  files of %s\n", site->directory);
    if (site->proxy)
        fprintf(out, "  %s from %s%s, WebSockets included\n", site->directory ? "the rest" : "everything",
                is_number(site->proxy) ? "port " : "", site->proxy);
}

/* Said when all is ready. `untrusted`: the authority's certificate, if nobody was told to trust it; or NULL. The caller frees the text. */
static char *make_banner(const struct dev_node *node, const struct dev_site *site, const struct names *names,
                         const char *untrusted)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    fputs("Crossgate serves\n", out);
    print_what(site, out);
    fputs("at\n", out);
    for (size_t i = 0; i < names->count; i++) {
        const char *format = strchr(names->at[i], ':') ? "  https://[%s]:%u/\n" : "  https://%s:%u/\n";
        if (i != 1 && i != 2) /* the addresses of localhost go without saying */
            fprintf(out, format, names->at[i], (unsigned)node->port);
    }
    if (untrusted)
        fprintf(out,
                "\nBrowsers trust it after crossgate dev --trust (--untrust undoes that); until then:\n"
                "  curl --cacert %s https://localhost:%u/\n",
                untrusted, (unsigned)node->port);
    fputs("\nCtrl-C ends it.\n", out);
    return fclose(out) == 0 ? text : NULL;
}

static int serve(const struct dev_words *words, const struct dev_node *node, const char *banner)
{
    const struct run_options options = {
        .request = {.config = node->config, .node_dir = node->directory},
        .level = words->verbose ? LOG_INFO : LOG_WARNING,
        .banner = banner,
    };
    return master_run(&options);
}

static int start(struct dev_words *words, const struct dev_site *site, const struct dev_authority *authority,
                 struct error *error)
{
    struct dev_node node;
    struct names names = {.count = 0};
    char *banner = NULL;
    int status = EXIT_FAILURE;
    if (!gather_names(&names, words)) {
        error_set(error, ERROR_INPUT, "these are too many names, or one is too long");
        return status;
    }
    if (!dev_node_make(&node, error))
        return status;
    if (dev_authority_certify(authority, names.at, names.count, node.directory, error) &&
        dev_node_configure(&node, site, error))
        banner = make_banner(&node, site, &names, words->trust ? NULL : authority->certificate);
    if (banner)
        status = serve(words, &node, banner);
    free(banner);
    dev_node_remove(&node);
    return status;
}

static int run(const struct usage *usage, struct dev_words *words)
{
    struct error error = {0};
    struct dev_authority authority;
    struct dev_site site = {.proxy = words->proxy, .everywhere = words->everywhere};
    uint64_t port = 0;
    char *directory = NULL;
    int status = EXIT_FAILURE;
    if (words->port && (!span_to_uint(span_string(words->port), 65535, &port) || port == 0))
        return option_refuse(usage, "--port", words->port, "a number from 1 to 65535");
    if (words->stores && !fits_stores(words->stores))
        return option_refuse(usage, "--stores", words->stores, "a list of system, nss and java");
    site.port = (uint16_t)port;
    if (dev_authority_open(&authority, &error)) {
        if (words->untrust)
            return untrust(words, &authority);
        bool files = words->directory.count > 0 || !words->proxy;
        if (words->trust) /* serving goes on with what could be changed */
            words->trust = change_trust(&authority, words->stores, true);
        directory = files ? find_directory(words, &error) : NULL;
        site.directory = directory;
        if (!files || directory)
            status = start(words, &site, &authority, &error);
    }
    if (error.class != ERROR_NONE)
        fprintf(stderr, "crossgate dev: %s\n", error.text);
    free(directory);
    return status;
}

int command_dev(int argc, char **argv)
{
    struct dev_words words = {.directory = {.name = "DIR", .most = 1}};
    const struct option options[] = {
        {"--proxy", "PORT|URL",
         "relay what no file answers, WebSockets included, to a plain\nserver on this machine, or to a URL",
         &words.proxy, NULL},
        {"--port", "PORT", "where to listen (default: the first free one from 8443 on)", &words.port, NULL},
        {"--name", "NAME", "one more name to be reached by, like myapp.localhost; may be\nrepeated", NULL,
         &words.names.given},
        {"--lan", NULL, "let other machines in, too: listen on all addresses", NULL, &words.everywhere},
        {"--trust", NULL,
         "have this system, Firefox, Chromium and Java trust the\ndevelopment authority first; may ask for the "
         "password "
         "of sudo",
         NULL, &words.trust},
        {"--untrust", NULL, "undo that, and end", NULL, &words.untrust},
        {"--stores", "LIST", "only these: system,nss,java", &words.stores, NULL},
        {"--verbose", NULL, "log what happens", NULL, &words.verbose},
    };
    const struct usage usage = {
        .command = "dev",
        .synopsis = "[DIR] [--proxy PORT|URL] [OPTIONS]",
        .about = "Serves a directory, or an application, over HTTPS and WSS on this machine.\n\n"
                 "The certificate is made for each run, by an authority that is made once for each user\n"
                 "($XDG_DATA_HOME/crossgate/dev) and can certify private names only: localhost, *.localhost,\n"
                 "*.test, *.local, *.internal, *.lan, *.home.arpa, and private addresses.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &words.directory,
        .examples = "  crossgate dev --trust              # once: a green padlock from now on\n"
                    "  crossgate dev public               # the files of a directory\n"
                    "  crossgate dev --proxy 3000         # in front of npm run dev and the like\n"
                    "  crossgate dev public --proxy 8080  # files first, the rest by a node on ws://localhost:8080\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
    return run(&usage, &words);
}
