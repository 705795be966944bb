/*
 * `inn convert` is inn-convert, a program of its own because it needs
 * libraries that running and sampling don't. It lies beside inn, or on PATH.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/tools/commands.h"

#define CONVERTER "inn-convert"

/* The path of CONVERTER in this program's own folder, if it is there. */
static bool beside(char path[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    struct stat s;
    char *slash;

    if (n <= 0)
        return false;
    path[n] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL ||
        (size_t)(slash + 1 - path) + sizeof(CONVERTER) > PATH_MAX)
        return false;
    strcpy(slash + 1, CONVERTER);
    return stat(path, &s) == 0 && S_ISREG(s.st_mode) &&
           access(path, X_OK) == 0;
}

int inn_exec_convert(int argc, char **argv)
{
    char path[PATH_MAX], name[] = CONVERTER;

    (void)argc;
    argv[0] = name;
    if (beside(path))
        execv(path, argv);
    else
        execvp(CONVERTER, argv);
    fprintf(stderr, "inn: convert: " CONVERTER " can't be started: %s: it is "
            "looked for beside inn and on PATH, and left out of builds made "
            "with --disable-converter\n", strerror(errno));
    return INN_EXIT_IO;
}
