#include "node.h"

#include "shell.h"

#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char directory[] = "/tmp/crossgate-plan-XXXXXX";

const char *node_path(void)
{
    return directory;
}

int node_make(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    return !shell_run(
        directory, "umask 077 && "
                   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key "
                   "-out server.pem -days 90 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>log && "
                   "openssl ecparam -name prime256v1 -genkey -noout -out other.key 2>>log && "
                   ": >empty.pem && truncate -s 17M huge.pem && mkfifo pipe && mkdir web && echo hello >web/index.html "
                   "&& : >config.json");
}

int node_remove(void **state)
{
    (void)state;
    return !shell_run(directory,
                      "rm -r -- server.key server.pem other.key empty.pem huge.pem pipe web log config.json") ||
           rmdir(directory);
}

static void write_config(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    for (; *text; text++)
        putc(*text == '\'' ? '"' : *text, file);
    assert_int_equal(fclose(file), 0);
}

void node_load(struct loaded *loaded, const char *text, const char *backend, bool strict)
{
    char config[sizeof directory + 16];
    const struct plan_request request = {config, directory, backend, strict};

    snprintf(config, sizeof config, "%s/config.json", directory);
    write_config(config, text);
    loaded->sources = sources_new_disk(&request);
    loaded->diagnostics = diagnostics_new();
    assert_non_null(loaded->sources);
    assert_non_null(loaded->diagnostics);
    loaded->plan = plan_load(loaded->sources, NULL, loaded->diagnostics);
    /* Whole or not at all. */
    assert_int_equal(loaded->plan == NULL, diagnostics_count(loaded->diagnostics, PROBLEM_ERROR) > 0);
}

void node_unload(struct loaded *loaded)
{
    if (loaded->plan)
        counted_unref(&loaded->plan->counted);
    sources_free(loaded->sources);
    diagnostics_free(loaded->diagnostics);
}
