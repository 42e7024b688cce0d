#include "settings.h"

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "Crossgate reads the configuration of a Crossbar.io node: `config.yaml` or `config.json` in the node directory, "
    "version "
    "2. This\n"
    "page is printed by `crossgate check --reference` from the same tables that read the file; so is the JSON Schema "
    "for "
    "editors\n"
    "that `crossgate schema` prints. `crossgate check --print` shows a configuration as it was understood, with all "
    "defaults.\n"
    "\n"
    "What a status says:\n"
    "\n"
    "- **served**: read and acted upon.\n"
    "- **extension**: served, but unknown to Crossbar. `crossgate check --strict` refuses it, so that a file can be "
    "kept\n"
    "  portable.\n"
    "- **refused**: Crossbar knows it, Crossgate does not serve it. It is an error, unless the value asks for what "
    "is\n"
    "  done anyway; such values are listed as accepted.\n"
    "- **the node's own**: accepted with a note, and not read.\n"
    "- **no effect**: accepted with a note; there is nothing to do for it here.\n"
    "\n"
    "Nothing is ignored silently: a key that is not listed here is an error, which names the nearest one that is.\n"
    "\n"
    "Where Crossgate is stricter or freer than Crossbar's own check:\n"
    "\n"
    "- Files and directories are opened, and certificates, keys and ciphers are tried, by the check already.\n"
    "- A key that occurs twice in an object is an error.\n"
    "- `true` is no integer. Crossbar takes it for 1.\n"
    "- `\"version\": 6` works together with `tls`.\n"
    "- `certificate` may hold the whole chain.\n"
    "- `\"$NAME\"` as a port works together with `shared` and `user_timeout`.\n"
    "- Two transports on one address are an error, unless both are `shared`.\n"
    "- A variable in the path of a Unix socket that is not set is an error.\n"
    "- Files and JSON values may be read by pages of any origin, but never with credentials.\n"
    "\n"
    "If there are both files, `config.yaml` is read, as with Crossbar, and a note says so; a reload reads the file "
    "that was "
    "chosen at\n"
    "the start. YAML is version 1.1, as Crossbar's loader takes it: `yes`, `no`, `on` and `off` are booleans, `0x1f`, "
    "`017`, `1_000` and\n"
    "`1:30` are integers, `1e3` is a string; anchors, aliases and merge keys (`<<`) work. Refused are keys that occur "
    "twice, keys that\n"
    "are no strings, dates, infinite numbers, tags of other types, a second document, and aliases that make a large "
    "document of a\n"
    "small one.\n"
    "\n"
    "Variables of the environment stand for values in few places: `\"$NAME\"` as the port of a listening endpoint, and "
    "`$NAME` or\n"
    "`${NAME}` in the path of a listening Unix socket. Elsewhere a dollar sign is a dollar sign, as with Crossbar.\n"
    "\n"
    "Relative paths begin at the node directory: `--cbdir`, else the environment's `CROSSBAR_DIR`, else `.crossbar` in "
    "the\n"
    "current directory if there is one, else the current directory. With `--config` and without `--cbdir` it is the\n"
    "directory of that file.\n";

void plan_reference_print(FILE *out)
{
    fputs(introduction, out);
    config_reference_print(&node_object, out);
}

bool plan_schema_print(bool strict, FILE *out)
{
    const struct config_schema settings = {.strict = strict, .pattern = words_pattern};

    return config_schema_print(&node_object, &settings, out);
}
