#include "trust.h"

#include "execute.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
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

/* ---- the system's: a directory of files, and a program that makes the store of them */

static const struct distribution {
    const char *directory;
    const char *extension;
    const char *update[4];
} distributions[] = {
    {"/usr/local/share/ca-certificates", "crt", {"update-ca-certificates", NULL}}, /* Debian, Ubuntu, Alpine */
    {"/etc/pki/ca-trust/source/anchors", "pem", {"update-ca-trust", "extract", NULL}},
    {"/etc/ca-certificates/trust-source/anchors", "crt", {"trust", "extract-compat", NULL}},
    {"/usr/share/pki/trust/anchors", "pem", {"update-ca-certificates", NULL}},
};

static const struct distribution *find_distribution(void)
{
    for (size_t i = 0; i < sizeof distributions / sizeof distributions[0]; i++) {
        if (is_directory(distributions[i].directory))
            return &distributions[i];
    }
    return NULL;
}

static enum trust_result system_install(const struct trust_anchor *anchor)
{
    const struct distribution *here = find_distribution();
    char path[PATH_MAX];
    if (!here)
        return TRUST_NONE;
    snprintf(path, sizeof path, "%s/%s.%s", here->directory, anchor->name, here->extension);
    const char *const copy[] = {"install", "-m", "644", anchor->certificate, path, NULL};
    if (execute_as_root(copy) && execute_as_root(here->update))
        return TRUST_DONE;
    fprintf(stderr, "the system's store could not be changed; as root: install -m 644 %s %s && %s\n",
            anchor->certificate, path, here->update[0]);
    return TRUST_FAILED;
}

static enum trust_result system_remove(const struct trust_anchor *anchor)
{
    const struct distribution *here = find_distribution();
    char path[PATH_MAX];
    if (!here)
        return TRUST_NONE;
    snprintf(path, sizeof path, "%s/%s.%s", here->directory, anchor->name, here->extension);
    const char *const drop[] = {"rm", "-f", path, NULL};
    if (access(path, F_OK) != 0)
        return TRUST_NONE;
    if (execute_as_root(drop) && execute_as_root(here->update))
        return TRUST_DONE;
    fprintf(stderr, "the system's store could not be changed; as root: rm %s && %s\n", path, here->update[0]);
    return TRUST_FAILED;
}

/* ---- NSS: a database in each profile */

/* Below the user's home. */
static const char *const profiles[] = {
    ".pki/nssdb",                                      /* Chromium, Chrome, Edge */
    "snap/chromium/current/.pki/nssdb",                /* */
    ".mozilla/firefox/*",                              /* Firefox */
    "snap/firefox/common/.mozilla/firefox/*",          /* */
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*", /* */
    ".thunderbird/*",                                  /* */
};

/* Whoever has never started Chromium has no database for it yet. */
static void make_first_database(const char *home)
{
    char directory[PATH_MAX], parent[PATH_MAX], database[PATH_MAX + 8];
    snprintf(parent, sizeof parent, "%s/.pki", home);
    if (snprintf(directory, sizeof directory, "%s/nssdb", parent) >= (int)sizeof directory || is_directory(directory))
        return;
    if ((mkdir(parent, 0700) < 0 && errno != EEXIST) || mkdir(directory, 0700) < 0)
        return;
    snprintf(database, sizeof database, "sql:%s", directory);
    const char *const words[] = {"certutil", "-N", "-d", database, "--empty-password", NULL};
    if (!execute(words, false))
        rmdir(directory);
}

/* Calls for each database there is; how many were there, and whether all calls did what they should. */
static bool for_each_database(const char *home, const struct trust_anchor *anchor,
                              bool (*change)(const char *database, const struct trust_anchor *anchor), size_t *count)
{
    bool worked = true;
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        char pattern[PATH_MAX], database[PATH_MAX + 8];
        glob_t found = {0};
        snprintf(pattern, sizeof pattern, "%s/%s/cert9.db", home, profiles[i]);
        if (glob(pattern, 0, NULL, &found) == 0) {
            for (size_t k = 0; k < found.gl_pathc; k++) {
                int length = (int)(strrchr(found.gl_pathv[k], '/') - found.gl_pathv[k]);
                snprintf(database, sizeof database, "sql:%.*s", length, found.gl_pathv[k]);
                worked &= change(database, anchor);
                ++*count;
            }
        }
        globfree(&found);
    }
    return worked;
}

static bool nss_is_in(const char *database, const struct trust_anchor *anchor)
{
    const char *const words[] = {"certutil", "-L", "-d", database, "-n", anchor->name, NULL};
    return execute(words, false);
}

static bool nss_drop(const char *database, const struct trust_anchor *anchor)
{
    const char *const words[] = {"certutil", "-D", "-d", database, "-n", anchor->name, NULL};
    return !nss_is_in(database, anchor) || execute(words, false);
}

/* An older one of that name would stay beside it. */
static bool nss_add(const char *database, const struct trust_anchor *anchor)
{
    const char *const words[] = {"certutil",          "-A", "-d", database, "-t", "C,,", "-n", anchor->name, "-i",
                                 anchor->certificate, NULL};
    return nss_drop(database, anchor) && execute(words, false);
}

static enum trust_result nss_change(const struct trust_anchor *anchor, bool install)
{
    const char *home = getenv("HOME");
    size_t count = 0;
    if (!home || !*home)
        return TRUST_NONE;
    if (!execute_can("certutil")) {
        fprintf(stderr, "the stores of Firefox and Chromium are changed by certutil: apt install libnss3-tools\n");
        return TRUST_FAILED;
    }
    if (install)
        make_first_database(home);
    bool worked = for_each_database(home, anchor, install ? nss_add : nss_drop, &count);
    if (!worked)
        fprintf(stderr,
                "certutil could not change all databases of Firefox and Chromium below %s; close them and try again\n",
                home);
    return !worked ? TRUST_FAILED : count > 0 ? TRUST_DONE : TRUST_NONE;
}

static enum trust_result nss_install(const struct trust_anchor *anchor)
{
    return nss_change(anchor, true);
}

static enum trust_result nss_remove(const struct trust_anchor *anchor)
{
    return nss_change(anchor, false);
}

/* ---- Java's: one file for each installation; the one that JAVA_HOME or PATH names */

/* The store's password is no secret: it is the same everywhere, and the file is public. */
static const char java_password[] = "changeit";

static bool find_java(char keytool[PATH_MAX], char store[PATH_MAX])
{
    const char *home = getenv("JAVA_HOME");
    if (home && *home) {
        snprintf(keytool, PATH_MAX, "%s/bin/keytool", home);
        snprintf(store, PATH_MAX, "%s/lib/security/cacerts", home);
        return access(keytool, X_OK) == 0 && access(store, R_OK) == 0;
    }
    snprintf(keytool, PATH_MAX, "keytool");
    snprintf(store, PATH_MAX, "/etc/ssl/certs/java/cacerts"); /* Debian's, which all its Javas share */
    return execute_can("keytool") && access(store, R_OK) == 0;
}

static bool java_execute(const char *const words[], const char *store)
{
    return access(store, W_OK) == 0 ? execute(words, false) : execute_as_root(words);
}

static bool java_is_in(const char *keytool, const char *store, const struct trust_anchor *anchor)
{
    const char *const words[] = {keytool,       "-list",  "-keystore",  store, "-storepass",
                                 java_password, "-alias", anchor->name, NULL};
    return execute(words, false);
}

static bool java_drop(const char *keytool, const char *store, const struct trust_anchor *anchor)
{
    const char *const words[] = {keytool,       "-delete", "-keystore",  store, "-storepass",
                                 java_password, "-alias",  anchor->name, NULL};
    return !java_is_in(keytool, store, anchor) || java_execute(words, store);
}

static bool java_add(const char *keytool, const char *store, const struct trust_anchor *anchor)
{
    const char *const words[] = {keytool,      "-importcert", "-noprompt",         "-keystore",
                                 store,        "-storepass",  java_password,       "-alias",
                                 anchor->name, "-file",       anchor->certificate, NULL};
    return java_drop(keytool, store, anchor) && java_execute(words, store);
}

static enum trust_result java_change(const struct trust_anchor *anchor,
                                     bool (*change)(const char *keytool, const char *store,
                                                    const struct trust_anchor *anchor))
{
    char keytool[PATH_MAX], store[PATH_MAX];
    if (!find_java(keytool, store))
        return TRUST_NONE;
    if (change(keytool, store, anchor))
        return TRUST_DONE;
    fprintf(stderr, "%s could not change %s%s\n", keytool, store,
            access(store, W_OK) == 0 ? "" : ", which is not yours to write: try again as root");
    return TRUST_FAILED;
}

static enum trust_result java_install(const struct trust_anchor *anchor)
{
    return java_change(anchor, java_add);
}

static enum trust_result java_remove(const struct trust_anchor *anchor)
{
    return java_change(anchor, java_drop);
}

const struct trust_store trust_stores[] = {
    {"system", "this system (curl, Python, Go, …)", system_install, system_remove},
    {"nss", "Firefox and Chromium", nss_install, nss_remove},
    {"java", "Java", java_install, java_remove},
    {0},
};
