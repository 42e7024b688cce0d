/* `crossgate cert`: keys, certificates and chains without openssl's command line. One file per verb or two; here is what they share. */
#include "cert.h"

#include "colour.h"
#include "commands.h"
#include "input.h"
#include "node_dir.h"
#include "passphrase.h"

#include "crossgate/base/list.h"
#include "crossgate/config.h"

#include <stdlib.h>
#include <time.h>

static const struct command rows[] = {
    {"self-signed", cert_self_signed, "make a key and a certificate for development, or among friends"},
    {"key", cert_key, "make a private key"},
    {"csr", cert_csr, "make a signing request for an authority"},
    {"ca", cert_ca, "make an authority of your own"},
    {"sign", cert_sign, "have it sign a certificate, of a server or a client"},
    {"chain", cert_chain, "put a bag of certificates in order: leaf first, root dropped"},
    {"decrypt", cert_decrypt, "remove the passphrase of a private key"},
    {"dhparam", cert_dhparam, "write a Diffie-Hellman group, if one is asked for"},
    {"show", cert_show, "show what is in certificates, requests, keys and the like"},
    {"verify", cert_verify, "say what a browser would say of a certificate"},
    {0},
};

static const struct command_list verbs = {
    .prefix = "cert ",
    .about = "Makes keys and certificates, puts them in order, and looks at them. Files of the server go to the node\n"
             "directory, where `tls` of the configuration names them; keys are readable for you alone, and nothing\n"
             "that is there is replaced without --force.\n",
    .rows = rows,
    .examples = "  crossgate cert self-signed localhost 127.0.0.1 ::1\n"
                "  crossgate cert csr box1.example.com           # then send server_csr.pem to an authority\n"
                "  crossgate cert chain downloads/*.pem --out .crossbar/server_cert.pem\n"
                "  crossgate cert verify --name box1.example.com\n"
                "  crossgate cert ca \"Example CA\" --encrypt && crossgate cert sign box1.example.com\n",
};

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int command_cert(int argc, char **argv)
{
    if (argc < 2 || is_help(argv[1])) {
        commands_print(&verbs, argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_SUCCESS;
    }
    const struct command *verb = command_find(&verbs, argv[1]);
    return verb ? verb->run(argc - 1, argv + 1) : command_unknown(&verbs, argv[1]);
}

bool cert_path(const char *named, const char *cbdir, const char *name, char path[PATH_MAX], struct error *error)
{
    struct plan_request request;
    struct node_dir place;
    if (!named && !node_dir_resolve(cbdir, NULL, &place, &request, error))
        return false;
    int length =
        named ? snprintf(path, PATH_MAX, "%s", named) : snprintf(path, PATH_MAX, "%s/%s", place.directory, name);
    if (length < PATH_MAX)
        return true;
    error_set(error, ERROR_INPUT, "the path of %s is too long", name);
    return false;
}

int cert_fail(const struct usage *usage, const struct error *error)
{
    fprintf(stderr, "crossgate %s: %s\n", usage->command, error->text);
    return EXIT_FAILURE;
}

bool cert_number(const struct usage *usage, const char *option, const char *text, unsigned least, unsigned most,
                 unsigned *number)
{
    char wanted[64];
    uint64_t value;
    if (span_to_uint(span_string(text), most, &value) && value >= least) {
        *number = (unsigned)value;
        return true;
    }
    snprintf(wanted, sizeof wanted, "a number from %u to %u", least, most);
    option_refuse(usage, option, text, wanted);
    return false;
}

static bool copy_key(struct span pem, struct pki_text *key, struct error *error)
{
    *key = (struct pki_text){malloc(pem.len + 1), pem.len};
    if (!key->at) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return false;
    }
    memcpy(key->at, pem.at, pem.len);
    key->at[pem.len] = '\0';
    return true;
}

bool cert_open_key(const char *path, struct span pem, const char *passphrase_file, struct pki_text *key,
                   struct error *error)
{
    struct passphrase passphrase;
    struct error why = {0};
    enum pki_lock lock = pki_key_lock(pem);
    if (lock == PKI_LOCK_OPEN)
        return copy_key(pem, key, error);
    if (lock == PKI_LOCK_NONE) {
        error_set(error, ERROR_INPUT, "%s holds no private key in PEM form", path);
        return false;
    }
    if (!passphrase_get(&passphrase, passphrase_file, path, false, error))
        return false;
    bool worked = pki_unlock_key(pem, span_of(passphrase.text, passphrase.len), key, &why);
    passphrase_wipe(&passphrase);
    if (!worked)
        error_set(error, why.class, "%s: %s", path, why.text);
    return worked;
}

int64_t cert_days_left(int64_t seconds)
{
    enum { DAY = 24 * 3600 };
    int64_t left = seconds - (int64_t)time(NULL);
    return left >= 0 ? left / DAY : -1 - (-left - 1) / DAY;
}

/* ---- findings */

static const char *severity_name(enum problem_severity severity)
{
    static const char *const names[] = {
        [PROBLEM_NOTE] = "note", [PROBLEM_WARNING] = "warning", [PROBLEM_ERROR] = "error"};
    return names[severity];
}

static void print_json(const struct findings *findings, const struct problem *problem)
{
    FILE *out = findings->out;
    fprintf(out, "%s\n  {\"severity\": \"%s\", \"code\": ", findings->printed > 0 ? "," : "",
            severity_name(problem->severity));
    config_print_string(problem->key ? problem->key : "file", out);
    fputs(", \"text\": ", out);
    config_print_string(problem->text, out);
    if (problem->remedy) {
        fputs(", \"remedy\": ", out);
        config_print_string(problem->remedy, out);
    }
    putc('}', out);
}

static void print_line(const struct findings *findings, const struct problem *problem)
{
    static const char *const colours[] = {
        [PROBLEM_NOTE] = "\033[36m", [PROBLEM_WARNING] = "\033[1;33m", [PROBLEM_ERROR] = "\033[1;31m"};
    fprintf(findings->out, "%s%s:%s %s\n", findings->colour ? colours[problem->severity] : "",
            severity_name(problem->severity), findings->colour ? "\033[0m" : "", problem->text);
    if (problem->remedy)
        fprintf(findings->out, "    -> %s\n", problem->remedy);
}

static void report(struct problems *problems, const struct problem *problem)
{
    struct findings *findings = CONTAINER_OF(problems, struct findings, problems);
    for (const char *const *silent = findings->silent; silent && *silent; silent++) {
        if (problem->key && strcmp(problem->key, *silent) == 0)
            return;
    }
    if (findings->json)
        print_json(findings, problem);
    else
        print_line(findings, problem);
    findings->printed++;
}

void findings_init(struct findings *findings, FILE *out, bool json)
{
    *findings = (struct findings){
        .problems = {.report = report}, .out = out, .json = json, .colour = !json && wants_colour(out)};
}

bool cert_bag_add(struct pki_bag *bag, const char *path, struct findings *findings)
{
    struct input input;
    struct error error = {0};
    if (!input_read(path, PKI_FILE_MAX, &input, &error)) {
        problem_report(&findings->problems, PROBLEM_ERROR, NULL, PROBLEM_WHOLE, NULL, "%s", error.text);
        return false;
    }
    struct pki_file file = {.path = strcmp(path, "-") == 0 ? "stdin" : path, .bytes = span_of(input.at, input.len)};
    bool worked = pki_bag_add(bag, &file, &findings->problems);
    input_free(&input);
    return worked;
}

struct pki_bag *cert_bag(char *const *paths, size_t count, struct findings *findings)
{
    struct pki_bag *bag = pki_bag_new();
    bool worked = bag != NULL;
    if (!bag)
        problem_report(&findings->problems, PROBLEM_ERROR, NULL, PROBLEM_WHOLE, NULL, "out of memory");
    for (size_t i = 0; worked && i < count; i++)
        worked = cert_bag_add(bag, paths[i], findings);
    if (worked)
        return bag;
    pki_bag_free(bag);
    return NULL;
}
