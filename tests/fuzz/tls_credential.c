/* Arbitrary bytes as one of the files of a TLS endpoint. The first byte says which. */
#include "../unit/tls/forge.h"

static void ignore(struct problems *problems, const struct problem *problem)
{
    (void)problems;
    assert(problem->text[0] != '\0');
}

static void build(struct pki_file file, uint8_t which, const struct pki_file *key, const struct pki_file *certificate)
{
    struct problems problems = {.report = ignore};
    struct tls_server_settings settings = {.key = *key, .certificate = *certificate};
    file.path = "file";
    switch (which) {
    case 'k':
        settings.key = file;
        break;
    case 'c':
        settings.certificate = file;
        break;
    case 'i':
        settings.chain = (struct pki_files){&file, 1, true};
        break;
    case 'a':
        settings.clients.authorities = (struct pki_files){&file, 1, true};
        break;
    case 'd':
        settings.dhparam = file;
        break;
    default:
        return;
    }
    struct tls_context *context = tls_server_context_new(&settings, &problems);
    assert((context == NULL) == (problems.errors > 0));
    tls_context_unref(context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    EVP_PKEY *pair = forge_keep(arena, EVP_EC_gen("P-256"));
    X509 *leaf =
        forge_certificate(arena, &(struct forge){.subject = "localhost", .key = pair, .names = "DNS:localhost"});
    struct pki_file key = forge_key(arena, "key", pair);
    struct pki_file certificate = forge_chain(arena, "certificate", leaf, NULL, NULL);
    if (size > 0)
        build((struct pki_file){.bytes = span_of(data + 1, size - 1)}, data[0], &key, &certificate);
    arena_free(arena);
    return 0;
}
