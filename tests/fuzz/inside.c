/*
 * Streams are replaced, not descriptors: what a sanitizer or libFuzzer has to
 * say still comes out, and no system call is made.
 */
#include "tests/fuzz/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#define KEPT true
#define PUT(stream, file) ((stream) = (file))
#else /* elsewhere they are no variables */
#define KEPT false
#define PUT(stream, file) ((void)(file))
#endif

static FILE *open_text(char **text, size_t *len)
{
    FILE *f = open_memstream(text, len);

    if (f == NULL)
        abort();
    return f;
}

static void close_text(FILE *f, char *const *text)
{
    if (fclose(f) != 0 || *text == NULL)
        abort();
}

void inside_run(struct inside *r, struct inn_heap *heap,
                const struct inn_command *command, const char *const *args,
                const char *at)
{
    char *argv[INSIDE_ARGS + 4], words[INSIDE_ARGS][INSIDE_TEXT];
    char program[] = "inn", threads[] = "--threads=1", force[] = "-f";
    FILE *out, *err, *real_out = stdout, *real_err = stderr;
    int argc = 0, i;

    argv[argc++] = program;
    for (i = 0; i < INSIDE_ARGS && args[i] != NULL; i++) {
        const char *mark = strchr(args[i], '@');

        if (mark != NULL)
            snprintf(words[i], sizeof(words[i]), "%.*s%s%s",
                     (int)(mark - args[i]), args[i], at, mark + 1);
        else
            snprintf(words[i], sizeof(words[i]), "%s", args[i]);
        argv[argc++] = words[i];
    }
    argv[argc++] = threads;
    argv[argc++] = force;
    argv[argc] = NULL;
    memset(r, 0, sizeof(*r));
    r->kept = KEPT;
    out = open_text(&r->out, &r->out_len);
    err = open_text(&r->err, &r->err_len);
    fflush(stdout);
    PUT(stdout, out);
    PUT(stderr, err);
    r->code = inn_cli_run_in(heap, "inn", command, argc, argv);
    PUT(stderr, real_err);
    PUT(stdout, real_out);
    close_text(err, &r->err);
    close_text(out, &r->out);
}

void inside_free(struct inside *r)
{
    free(r->out);
    free(r->err);
    memset(r, 0, sizeof(*r));
}
