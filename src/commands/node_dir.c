#include "node_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_directory(const char *path)
{
    struct stat facts;

    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

/* "a/b" -> "a", "b" -> ".", "/b" -> "/". */
static void cut_to_parent(char *path)
{
    char *slash = strrchr(path, '/');

    if (!slash)
        memcpy(path, ".", 2);
    else
        slash[slash == path] = '\0';
}

static bool copy(char target[PATH_MAX], const char *text, struct error *error)
{
    size_t length = strlen(text);

    if (length > 0 && length < PATH_MAX) {
        memcpy(target, text, length + 1);
        return true;
    }
    error_set(error, ERROR_INPUT, "a path is empty or too long");
    return false;
}

/* Absolute, without links, so that it holds when somebody changes the current directory. */
static bool find_directory(const char *named, struct node_dir *place, struct error *error)
{
    char path[PATH_MAX];

    if (!copy(path, named, error))
        return false;
    if (!is_directory(path) && access(path, F_OK) == 0)
        cut_to_parent(path);
    if (realpath(path, place->directory))
        return true;
    error_set_errno(error, "the node directory %s cannot be opened", path);
    return false;
}

static const char *default_directory(void)
{
    const char *environment = getenv("CROSSBAR_DIR");

    if (environment && *environment)
        return environment;
    return is_directory(".crossbar") ? ".crossbar" : ".";
}

static bool join(struct node_dir *place, const char *name, struct error *error)
{
    size_t directory = strlen(place->directory), length = strlen(name);

    if (name[0] == '/')
        return copy(place->config, name, error);
    if (directory + 1 + length >= PATH_MAX) {
        error_set(error, ERROR_INPUT, "the path of the configuration is too long");
        return false;
    }
    memcpy(place->config, place->directory, directory);
    place->config[directory] = '/';
    memcpy(place->config + directory + 1, name, length + 1);
    return true;
}

/* Crossbar prefers config.yaml where there are both, so what is in the other file may be out of date. */
static bool refuse_yaml(const struct node_dir *place, bool named, struct error *error)
{
    const char *dot = strrchr(place->config, '.');
    char beside[PATH_MAX + sizeof "/config.yaml"];

    snprintf(beside, sizeof beside, "%s/config.yaml", place->directory);
    if (named ? dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0) : access(beside, F_OK) == 0) {
        error_set(error, ERROR_INPUT,
                  "%s: YAML is not served yet by this version; convert it with `crossbar convert`, then name the JSON "
                  "file with --config",
                  named ? place->config : beside);
        return false;
    }
    return true;
}

static bool find_both(const char *cbdir, const char *config, struct node_dir *place, struct error *error)
{
    char parent[PATH_MAX];

    if (cbdir || !config)
        return find_directory(cbdir ? cbdir : default_directory(), place, error) &&
               join(place, config ? config : "config.json", error);
    if (!copy(place->config, config, error) || !copy(parent, config, error))
        return false;
    cut_to_parent(parent);
    return find_directory(parent, place, error);
}

bool node_dir_resolve(const char *cbdir, const char *config, struct node_dir *place, struct plan_request *request,
                      struct error *error)
{
    if (!find_both(cbdir, config, place, error) || !refuse_yaml(place, config != NULL, error))
        return false;
    request->config = place->config;
    request->node_dir = place->directory;
    return true;
}
