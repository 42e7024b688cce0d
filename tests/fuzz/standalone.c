/* Runs a fuzz target on files, without libFuzzer: each argument is a file or a directory of files. A directory without a
 * file is an error, since then nothing was tested. */
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input has exactly the file's size on the heap, so that a sanitizer sees a read beyond it. */
static bool run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat facts;
    uint8_t *bytes = NULL;
    bool worked = false;

    if (file == NULL || fstat(fileno(file), &facts) != 0) {
        perror(path);
        goto out;
    }
    size_t size = (size_t)facts.st_size;
    bytes = malloc(size > 0 ? size : 1);
    if (bytes == NULL || fread(bytes, 1, size, file) != size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        goto out;
    }
    LLVMFuzzerTestOneInput(bytes, size);
    worked = true;
out:
    free(bytes);
    if (file != NULL)
        fclose(file);
    return worked;
}

static bool run_directory(const char *path, DIR *directory, unsigned *count)
{
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char name[PATH_MAX];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (!run_file(name))
            return false;
        ++*count;
    }
    return true;
}

static bool run(const char *path, unsigned *count)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        ++*count;
        return run_file(path);
    }
    bool worked = run_directory(path, directory, count);
    closedir(directory);
    return worked;
}

int main(int argc, char **argv)
{
    unsigned count = 0;

    for (int i = 1; i < argc; i++)
        if (!run(argv[i], &count))
            return 1;
    if (count == 0) {
        fprintf(stderr, "usage: %s FILE-OR-DIRECTORY…\nno input to run\n", argv[0]);
        return 1;
    }
    printf("%u inputs\n", count);
    return 0;
}
