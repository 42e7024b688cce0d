#include "commands.h"

#include "crossgate/process.h"

#include <string.h>

static const struct command rows[] = {
    {"run", command_run, "serve a node's configuration"},
    {"check", command_check, "check a configuration and say all that is wrong with it"},
    {"schema", command_schema, "print a JSON Schema of the configuration, for editors"},
    {"status", command_status, "show the processes of a running crossgate"},
    {"backend", command_backend, "show its backends, take one out of service or put it back"},
    {"reload", command_reload, "have it read its configuration again"},
    {"stop", command_stop, "have it stop when all connections are finished"},
    {"dev", command_dev, "serve a directory or an application over HTTPS on this machine"},
    {"cert", command_cert, "make keys and certificates, look at them, put them in order"},
    {"doctor", command_doctor, "look at a node and the machine below, and say what to do"},
    {"probe", command_probe, "look at a TLS server as its clients see it"},
    {"bench", command_bench, "load a server as its clients do, and measure it"},
    {"version", command_version, "print the version"},
    {"help", command_help, "tell how to use a command"},
    {"worker", worker_main, NULL}, /* started by `run` only, both */
    {"errand", errand_main, NULL},
    {0},
};

const struct command_list commands = {
    .prefix = "",
    .about = "The TLS and WebSocket front door of Crossbar.io nodes.\n",
    .rows = rows,
};

/* Words of --help and --version are commands, too. */
static const char *command_name(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    if (strcmp(word, "--version") == 0)
        return "version";
    return word;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        commands_print(&commands, stderr);
        return EXIT_USAGE;
    }
    const char *name = command_name(argv[1]);
    const struct command *command = command_find(&commands, name);
    if (command)
        return command->run(argc - 1, argv + 1);
    if (*name == '-') {
        fprintf(stderr, "crossgate: options follow a command: crossgate run %s%s\n", name, argc > 2 ? " …" : "");
        return EXIT_USAGE;
    }
    return command_unknown(&commands, name);
}
