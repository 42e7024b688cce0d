/* The client alone, for tests: what its caller is asked and told goes over standard input and output, a line each.
 *
 *   acme_client issue|window NAME=VALUE…
 *
 *   -> publish KIND NAME TOKEN KEY_AUTHORIZATION      <- yes|no
 *   -> withdraw KIND NAME TOKEN
 *   -> progress TEXT
 *   -> retry_after SECONDS, hopeless 0|1, window START END, error TEXT; then "chain", and the chain up to the end */
#include "crossgate/acme.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const kinds[ACME_CHALLENGE_KINDS] = {"http-01", "tls-alpn-01"};

/* "" if it is not there. */
static const char *word(char **words, const char *name)
{
    size_t length = strlen(name);
    for (; *words; words++)
        if (strncmp(*words, name, length) == 0 && (*words)[length] == '=')
            return *words + length + 1;
    return "";
}

/* The caller frees the bytes. */
static struct span read_file(const char *path)
{
    static const size_t room = 1024 * 1024;
    FILE *file = path[0] ? fopen(path, "rb") : NULL;
    uint8_t *bytes = file ? malloc(room) : NULL;
    size_t length = bytes ? fread(bytes, 1, room, file) : 0;
    if (file)
        fclose(file);
    return span_of(bytes, length);
}

static void free_span(struct span span)
{
    free((void *)(uintptr_t)span.at);
}

static bool publish(void *user, const struct acme_challenge *challenge)
{
    char answer[8] = "";
    (void)user;
    printf("publish %s %s %s %s\n", kinds[challenge->kind], challenge->name, challenge->token,
           challenge->key_authorization);
    return fgets(answer, sizeof answer, stdin) && strcmp(answer, "yes\n") == 0;
}

static void withdraw(void *user, const struct acme_challenge *challenge)
{
    (void)user;
    printf("withdraw %s %s %s\n", kinds[challenge->kind], challenge->name, challenge->token);
}

static void progress(void *user, const char *text)
{
    (void)user;
    printf("progress %s\n", text);
}

static size_t split_names(char *list, const char **names, size_t max)
{
    size_t count = 0;
    char *rest = NULL;
    for (char *name = strtok_r(list, ",", &rest); name && count < max; name = strtok_r(NULL, ",", &rest))
        names[count++] = name;
    return count;
}

static int issue(const struct acme_settings *settings, char **words)
{
    const char *names[ACME_NAMES + 1], *email = word(words, "email");
    char *list = strdup(word(words, "names"));
    struct acme_order order = {
        .email = email[0] ? email : NULL,
        .agree_tos = strcmp(word(words, "agree"), "yes") == 0,
        .account_key = read_file(word(words, "account")),
        .names = names,
        .name_count = list ? split_names(list, names, ACME_NAMES + 1) : 0,
        .request = read_file(word(words, "request")),
        .replaces = read_file(word(words, "replaces")),
        .kinds = (unsigned)strtoul(word(words, "kinds"), NULL, 10),
        .publish = publish,
        .withdraw = withdraw,
        .progress = progress,
    };
    struct acme_result result;
    struct error error = {0};
    bool worked = acme_issue(settings, &order, &result, &error);
    printf("retry_after %u\nhopeless %d\n", result.retry_after, result.hopeless);
    printf(worked ? "chain\n%s" : "error %s\n", worked ? result.chain : error.text);
    free(result.chain);
    free_span(order.account_key);
    free_span(order.request);
    free_span(order.replaces);
    free(list);
    return worked ? 0 : 1;
}

static int ask_window(const struct acme_settings *settings, char **words)
{
    struct span certificate = read_file(word(words, "certificate"));
    struct acme_window window;
    struct error error = {0};
    bool worked = acme_ask_window(settings, certificate, &window, &error);
    if (worked)
        printf("retry_after %u\nwindow %lld %lld\n", window.retry_after, (long long)window.start,
               (long long)window.end);
    else
        printf("error %s\n", error.text);
    free_span(certificate);
    return worked ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct acme_settings settings = {
        .directory = word(argv + 2, "directory"),
        .authorities = read_file(word(argv + 2, "authorities")),
        .timeout = (uint32_t)strtoul(word(argv + 2, "timeout"), NULL, 10),
        .within = (uint32_t)strtoul(word(argv + 2, "within"), NULL, 10),
    };
    int status = strcmp(argv[1], "issue") == 0 ? issue(&settings, argv + 2) : ask_window(&settings, argv + 2);
    free_span(settings.authorities);
    return status;
}
