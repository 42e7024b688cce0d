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

/* Crossbar prefers config.yaml where there are both. */
static bool find_default(struct node_dir *place, struct error *error)
{
    bool json;

    if (!join(place, "config.json", error))
        return false;
    json = access(place->config, F_OK) == 0;
    if (!join(place, "config.yaml", error))
        return false;
    place->both = json && access(place->config, F_OK) == 0;
    return access(place->config, F_OK) == 0 || join(place, "config.json", error);
}

static bool find_both(const char *cbdir, const char *config, struct node_dir *place, struct error *error)
{
    char parent[PATH_MAX];

    place->both = false;
    if (cbdir || !config)
        return find_directory(cbdir ? cbdir : default_directory(), place, error) &&
               (config ? join(place, config, error) : find_default(place, error));
    if (!copy(place->config, config, error) || !copy(parent, config, error))
        return false;
    cut_to_parent(parent);
    return find_directory(parent, place, error);
}

bool node_dir_resolve(const char *cbdir, const char *config, struct node_dir *place, struct plan_request *request,
                      struct error *error)
{
    if (!find_both(cbdir, config, place, error))
        return false;
    request->config = place->config;
    request->node_dir = place->directory;
    return true;
}

void node_dir_report(const struct node_dir *place, struct diagnostics *diagnostics)
{
    if (place->both)
        diagnostics_add(diagnostics, &(struct diagnostic){
                                         .severity = PROBLEM_NOTE,
                                         .file = place->config,
                                         .path = "$",
                                         .text = "config.json beside it is not read: as with Crossbar, YAML wins",
                                         .remedy = "remove or rename one of them",
                                     });
}
