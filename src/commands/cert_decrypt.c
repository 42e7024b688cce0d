/* crossgate cert decrypt: a private key without its passphrase, for servers, which start unattended. */
#include "cert.h"

#include "commands.h"
#include "input.h"

#include <stdlib.h>

struct decrypt_words {
    struct option_words file;
    const char *cbdir;
    const char *out;
    const char *passphrase_file;
    bool force;
};

/* The key without its passphrase. False: *error says why. */
static bool open_key(const struct decrypt_words *words, struct pki_text *key, struct error *error)
{
    struct input input;
    const char *path = words->file.at[0];
    if (!input_read(path, PKI_FILE_MAX, &input, error))
        return false;
    struct span pem = span_of(input.at, input.len);
    bool worked = pki_key_lock(pem) != PKI_LOCK_OPEN;
    if (!worked)
        error_set(error, ERROR_INPUT, "%s has no passphrase: it can be used as it is", path);
    worked = worked && cert_open_key(path, pem, words->passphrase_file, key, error);
    input_free(&input);
    return worked;
}

static bool run(const struct decrypt_words *words, struct error *error)
{
    char path[PATH_MAX];
    struct pki_text key = {0};
    struct output file = {.path = path, .mode = OUTPUT_PRIVATE};
    if (!cert_path(words->out, words->cbdir, CERT_SERVER_KEY, path, error) ||
        !outputs_check(&file, 1, words->force, error) || !open_key(words, &key, error))
        return false;
    file.bytes = span_of(key.at, key.len);
    bool worked = outputs_write(&file, 1, words->force, error);
    pki_text_free(&key);
    if (worked)
        printf("made  %s: private key without a passphrase, for you alone to read\n", path);
    return worked;
}

int cert_decrypt(int argc, char **argv)
{
    struct decrypt_words words = {.file = {.name = "FILE", .least = 1, .most = 1}};
    const struct option options[] = {
        OPTION_CBDIR(words),
        {"--out", "FILE", "default: " CERT_SERVER_KEY " of the node directory", &words.out, NULL},
        OPTION_PASSPHRASE(words),
        OPTION_FORCE(words),
    };
    const struct usage usage = {
        .command = "cert decrypt",
        .synopsis = "FILE [OPTIONS]",
        .about =
            "Removes the passphrase of a private key: a server starts unattended and cannot be asked for it. What is\n"
            "written can be read by you alone (mode 600), and FILE stays as it is.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &words.file,
        .examples = "  crossgate cert decrypt server_key_with_passphrase.pem\n"
                    "  crossgate cert decrypt old.pem --out server_key.pem --passphrase-file secret.txt\n",
    };
    struct error error = {0};
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
    if (words.out && strcmp(words.out, "-") == 0)
        return option_refuse(&usage, "--out", "-", "a file, and private keys are not printed");
    return run(&words, &error) ? EXIT_SUCCESS : cert_fail(&usage, &error);
}
