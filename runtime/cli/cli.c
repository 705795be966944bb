/*
 * Options out of argv by table, errors as one line, exit codes. The table is
 * all there is: help.c prints it, so nothing can be accepted and not shown.
 */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/write.h"
#include "runtime/cli/ending.h"

#define MOST_NUMBERS 256

const struct inn_option inn_common_options[] = {
    {"input-shape", 0, INN_OPT_LIST, offsetof(struct inn_common, shapes),
     "NAME:1,3,224,224", 0, 0,
     "size of an input, or of a symbolic dimension (NAME:8)"},
    {"shape", 0, INN_OPT_LIST, offsetof(struct inn_common, shapes),
     "NAME=1,3,224,224", 0, 0, "the same, as other tools spell it"},
    {"external-data", 0, INN_OPT_TEXT,
     offsetof(struct inn_common, external_dir), "DIR", 0, 0,
     "where external weights may lie besides the network's own folder"},
    {"threads", 0, INN_OPT_INT, offsetof(struct inn_common, threads), "N", 0,
     1024, "threads to use; 0, the default, for one per core"},
    {"seed", 0, INN_OPT_INT, offsetof(struct inn_common, seed), "N", 0,
     9007199254740991, "for everything random (default 0)"},
    {"memory", 0, INN_OPT_SIZE, offsetof(struct inn_common, memory), "N",
     1 << 20, 0x1p60, "ceiling in bytes (default 16G, or 3/4 of this "
     "machine's memory)"},
    {"json", 0, INN_OPT_FLAG, offsetof(struct inn_common, json), NULL, 0, 0,
     "print one JSON object on stdout and nothing else there"},
    {"quiet", 'q', INN_OPT_FLAG, offsetof(struct inn_common, quiet), NULL, 0,
     0, "print errors only"},
    {"verbose", 'v', INN_OPT_FLAG, offsetof(struct inn_common, verbose), NULL,
     0, 0, "print more"},
    {"force", 'f', INN_OPT_FLAG, offsetof(struct inn_common, force), NULL, 0,
     0, "overwrite files that exist"},
    {"progress", 0, INN_OPT_CHOICE, offsetof(struct inn_common, progress),
     "auto|always|never", 0, 0, "progress on stderr (default auto: on a "
     "terminal)"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

enum inn_exit inn_exit_code(enum inn_status status)
{
    switch (status) {
    case INN_OK:
        return INN_EXIT_OK;
    case INN_ERR_ARGUMENT:
    case INN_ERR_RANGE:
        return INN_EXIT_USAGE;
    case INN_ERR_IO:
        return INN_EXIT_IO;
    case INN_ERR_FORMAT:
        return INN_EXIT_FORMAT;
    case INN_ERR_UNSUPPORTED:
        return INN_EXIT_UNSUPPORTED;
    case INN_ERR_MEMORY:
    case INN_ERR_LIMIT:
        return INN_EXIT_MEMORY;
    }
    return INN_EXIT_FORMAT;
}

void inn_print_clean(FILE *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    for (; *p != '\0'; p++) {
        if (*p < ' ' || *p == 0x7f) {
            fputc('?', out);
        } else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
            fputc('?', out);
            p++;
        } else {
            fputc(*p, out);
        }
    }
}

/* The option that helps; the library doesn't know our options. */
static const char *hint(const struct inn_error *err)
{
    switch (inn_error_kind(err)) {
    case INN_KIND_EXISTS:
        return "; -f overwrites it";
    case INN_KIND_MEMORY_LIMIT:
        return " (--memory raises it)";
    case INN_KIND_PLAIN:
        break;
    }
    return "";
}

int inn_cli_error(const struct inn_cli *cli, const char *file,
                  const struct inn_error *err)
{
    struct inn_progress progress = cli->progress;

    inn_progress_clear(&progress);
    fprintf(stderr, "%s: ", cli->program);
    if (file != NULL && file[0] != '\0' && !inn_error_has_file(err)) {
        inn_print_clean(stderr, file);
        fputs(": ", stderr);
    }
    inn_print_clean(stderr, err->message);
    fputs(hint(err), stderr);
    fputc('\n', stderr);
    return (int)inn_exit_code(err->status);
}

static void print_usage_line(const struct inn_cli *cli, const char *format,
                             va_list args)
{
    char text[1024];

    fprintf(stderr, "%s: ", cli->program);
    if (cli->command->name != NULL)
        fprintf(stderr, "%s: ", cli->command->name);
    vsnprintf(text, sizeof(text), format, args);
    inn_print_clean(stderr, text);
    fputc('\n', stderr);
}

int inn_cli_usage(const struct inn_cli *cli, const char *format, ...)
{
    struct inn_progress progress = cli->progress;
    va_list args;

    inn_progress_clear(&progress);
    va_start(args, format);
    print_usage_line(cli, format, args);
    va_end(args);
    return INN_EXIT_USAGE;
}

void inn_cli_note(const struct inn_cli *cli, const char *format, ...)
{
    struct inn_progress progress = cli->progress;
    char text[1024];
    va_list args;

    if (cli->common->quiet)
        return;
    inn_progress_clear(&progress);
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fprintf(stderr, "%s: ", cli->program);
    inn_print_clean(stderr, text);
    fputc('\n', stderr);
}

/* How many letters must be changed, added or taken away; words are short. */
static size_t distance(const char *a, const char *b)
{
    enum { MOST = 40 };
    size_t row[MOST + 1], n = strlen(b), i, j;

    if (n > MOST || strlen(a) > MOST)
        return MOST;
    for (j = 0; j <= n; j++)
        row[j] = j;
    for (i = 0; a[i] != '\0'; i++) {
        size_t corner = row[0];

        row[0] = i + 1;
        for (j = 0; j < n; j++) {
            size_t best = corner + (a[i] != b[j]);

            corner = row[j + 1];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (corner + 1 < best)
                best = corner + 1;
            row[j + 1] = best;
        }
    }
    return row[n];
}

const char *inn_nearest(const char *word, const char *const *candidates,
                        size_t n)
{
    size_t best = strlen(word) / 3 + 2, i; /* more would be another word */
    const char *nearest = NULL;

    for (i = 0; i < n; i++) {
        size_t d = distance(word, candidates[i]);

        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}

/* The parse under way. */
struct parse {
    struct inn_cli *cli;
    char *values;
    int code; /* of the first error */
    bool help, version;
};

static void fail(struct parse *p, const char *format, ...) INN_PRINTF(2, 3);

static void fail(struct parse *p, const char *format, ...)
{
    va_list args;

    if (p->code != 0)
        return;
    va_start(args, format);
    print_usage_line(p->cli, format, args);
    va_end(args);
    p->code = INN_EXIT_USAGE;
}

static void *no_memory(struct parse *p)
{
    struct inn_error err;

    if (p->code == 0)
        p->code = (int)inn_exit_code(inn_no_memory(&err, 0));
    return NULL;
}

static void append(struct parse *p, struct inn_cli_list *list,
                   const char *text)
{
    const char **items = inn_arena_alloc(&p->cli->arena, list->n + 1,
                                         sizeof(*items), NULL);

    if (items == NULL) {
        no_memory(p);
        return;
    }
    if (list->n > 0)
        memcpy(items, list->items, list->n * sizeof(*items));
    items[list->n++] = text;
    list->items = items;
}

/* A decimal number and nothing else; strtod alone takes nan and 0x10 too. */
static bool read_decimal(const char *text, const char **end, double *value)
{
    char *stop;

    if (strspn(text, "+-.0123456789") == 0)
        return false;
    if (strpbrk(text, "xX") != NULL)
        return false;
    *value = strtod(text, &stop);
    *end = stop;
    return stop != text && isfinite(*value);
}

/* A number, or a fraction of two: pictures are scaled by 1/255. */
static bool read_number(const char *text, const char **end, double *value)
{
    double below;

    if (!read_decimal(text, end, value))
        return false;
    if (**end != '/')
        return true;
    if (!read_decimal(*end + 1, end, &below) || below == 0)
        return false;
    *value /= below;
    return isfinite(*value);
}

static bool bounded(const struct inn_option *o)
{
    return o->lo != 0 || o->hi != 0;
}

static void store_number(struct parse *p, const struct inn_option *o,
                         const char *text, double *out)
{
    bool open = o->kind == INN_OPT_POSITIVE;
    const char *end;
    double v;

    if (!read_number(text, &end, &v) || *end != '\0')
        fail(p, "--%s takes a number, not '%s'", o->name, text);
    else if (bounded(o) && (v < o->lo || v > o->hi || (open && v <= o->lo)))
        fail(p, "--%s is %s; it must be %s %g and at most %g", o->name, text,
             open ? "above" : "at least", o->lo, o->hi);
    else
        *out = v;
}

static void store_int(struct parse *p, const struct inn_option *o,
                      const char *text, int64_t *out)
{
    static const char suffixes[] = "KMGT";
    const char *digits = text + (*text == '-' || *text == '+');
    const char *end = digits + strspn(digits, "0123456789");
    int64_t v = 0;
    bool fits = true;
    const char *c;

    for (c = digits; c < end; c++)
        fits = fits && inn_mul_i64(&v, v, 10) &&
               inn_add_i64(&v, v, *c - '0');
    if (o->kind == INN_OPT_SIZE && end > digits && *end != '\0') {
        const char *s = strchr(suffixes, *end & ~0x20);
        int i;

        if (s != NULL && *s != '\0') {
            for (i = 0; i <= s - suffixes; i++)
                fits = fits && inn_mul_i64(&v, v, 1024);
            end++;
        }
    }
    if (end == digits || *end != '\0') {
        fail(p, "--%s takes a whole number%s, not '%s'", o->name,
             o->kind == INN_OPT_SIZE ? " (K, M, G may follow)" : "", text);
        return;
    }
    if (*text == '-')
        v = -v;
    if (!fits ||
        (bounded(o) && ((double)v < o->lo || (double)v > o->hi))) {
        fail(p, "--%s is %s; it must be %.0f to %.0f", o->name, text, o->lo,
             o->hi);
        return;
    }
    *out = v;
}

static void store_numbers(struct parse *p, const struct inn_option *o,
                          const char *text, struct inn_cli_numbers *out)
{
    double values[MOST_NUMBERS];
    const char *at = text, *end;
    size_t n = 0;

    for (;;) {
        if (n == MOST_NUMBERS || !read_number(at, &end, &values[n]) ||
            (*end != ',' && *end != '\0')) {
            fail(p, "--%s takes numbers separated by commas, not '%s'",
                 o->name, text);
            return;
        }
        if (bounded(o) && (values[n] < o->lo || values[n] > o->hi)) {
            fail(p, "--%s has %g; each must be at least %g and at most %g",
                 o->name, values[n], o->lo, o->hi);
            return;
        }
        n++;
        if (*end == '\0')
            break;
        at = end + 1;
    }
    out->items = inn_arena_alloc(&p->cli->arena, n, sizeof(double), NULL);
    if (out->items == NULL) {
        no_memory(p);
        return;
    }
    memcpy(out->items, values, n * sizeof(double));
    out->n = n;
}

static void store_choice(struct parse *p, const struct inn_option *o,
                         const char *text, int *out)
{
    const char *word = o->argument;
    int i;

    for (i = 0; *word != '\0'; i++) {
        size_t len = strcspn(word, "|");

        if (strlen(text) == len && strncasecmp(word, text, len) == 0) {
            *out = i;
            return;
        }
        word += len + (word[len] == '|');
    }
    fail(p, "--%s is '%s'; it must be one of %s", o->name, text, o->argument);
}

static void store(struct parse *p, const struct inn_option *o, size_t base,
                  const char *text)
{
    void *at = p->values + base + o->offset;

    switch (o->kind) {
    case INN_OPT_FLAG:
        *(bool *)at = true;
        break;
    case INN_OPT_TEXT:
        *(const char **)at = text;
        break;
    case INN_OPT_LIST:
        append(p, at, text);
        break;
    case INN_OPT_INT:
    case INN_OPT_SIZE:
        store_int(p, o, text, at);
        break;
    case INN_OPT_NUMBER:
    case INN_OPT_POSITIVE:
        store_number(p, o, text, at);
        break;
    case INN_OPT_NUMBERS:
        store_numbers(p, o, text, at);
        break;
    case INN_OPT_CHOICE:
        store_choice(p, o, text, at);
        break;
    }
}

/* The option by its name, len long, or by its letter. */
static const struct inn_option *find(const struct inn_command *command,
                                     const char *name, size_t len,
                                     char letter, size_t *base)
{
    const struct inn_option_set *set;
    const struct inn_option *o;

    for (set = command->sets; set->title != NULL; set++) {
        for (o = set->options; o->name != NULL; o++) {
            if (letter != 0 ? o->letter == letter
                            : strlen(o->name) == len &&
                                  strncmp(o->name, name, len) == 0) {
                *base = set->base;
                return o;
            }
        }
    }
    return NULL;
}

static void unknown(struct parse *p, const char *name, size_t len)
{
    const char *names[128], *near;
    const struct inn_option_set *set;
    const struct inn_option *o;
    char word[64];
    size_t n = 0;

    names[n++] = "help";
    for (set = p->cli->command->sets; set->title != NULL; set++) {
        for (o = set->options; o->name != NULL; o++) {
            if (o->help != NULL && n < INN_COUNT(names))
                names[n++] = o->name;
        }
    }
    snprintf(word, sizeof(word), "%.*s", (int)(len < 63 ? len : 63), name);
    near = inn_nearest(word, names, n);
    if (near != NULL)
        fail(p, "unknown option '--%s'; did you mean '--%s'?", word, near);
    else
        fail(p, "unknown option '--%s'", word);
}

/* argv[i] is a long option; returns how many arguments it takes. */
static int parse_long(struct parse *p, char **argv, int i, int argc)
{
    const char *name = argv[i] + 2, *value = strchr(name, '=');
    size_t len = value != NULL ? (size_t)(value - name) : strlen(name);
    const struct inn_option *o;
    size_t base = 0;

    o = find(p->cli->command, name, len, 0, &base);
    if (o == NULL) {
        if (strcmp(name, "help") == 0)
            p->help = true;
        else if (strcmp(name, "version") == 0)
            p->version = true;
        else
            unknown(p, name, len);
        return 1;
    }
    if (o->kind == INN_OPT_FLAG) {
        if (value != NULL)
            fail(p, "--%s takes no value", o->name);
        store(p, o, base, NULL);
        return 1;
    }
    if (value != NULL) {
        store(p, o, base, value + 1);
        return 1;
    }
    if (i + 1 >= argc) {
        fail(p, "--%s needs a value: %s", o->name, o->argument);
        return 1;
    }
    store(p, o, base, argv[i + 1]);
    return 2;
}

/* One or several letters behind one dash; the last may take a value. */
static int parse_short(struct parse *p, char **argv, int i, int argc)
{
    const char *c;

    for (c = argv[i] + 1; *c != '\0'; c++) {
        size_t base = 0;
        const struct inn_option *o = find(p->cli->command, NULL, 0, *c,
                                          &base);

        if (o == NULL && *c == 'h') {
            p->help = true;
        } else if (o == NULL) {
            fail(p, "unknown option '-%c'; --help lists them", *c);
            return 1;
        } else if (o->kind == INN_OPT_FLAG) {
            store(p, o, base, NULL);
        } else if (c[1] != '\0') {
            store(p, o, base, c + 1);
            return 1;
        } else if (i + 1 < argc) {
            store(p, o, base, argv[i + 1]);
            return 2;
        } else {
            fail(p, "-%c needs a value: %s", *c, o->argument);
            return 1;
        }
    }
    return 1;
}

static void check_operands(struct parse *p)
{
    const struct inn_command *c = p->cli->command;
    size_t n = p->cli->n_operands;

    if (n < (size_t)c->min_operands)
        fail(p, "%s is missing; usage: %s%s%s %s",
             n == 0 ? "an argument" : "a further argument", p->cli->program,
             c->name != NULL ? " " : "", c->name != NULL ? c->name : "",
             c->usage);
    else if (c->max_operands >= 0 && n > (size_t)c->max_operands)
        fail(p, "'%s' is one argument too many", p->cli->operands[
             c->max_operands]);
}

static void parse(struct parse *p, int argc, char **argv)
{
    struct inn_cli_list operands = {NULL, 0};
    bool only_operands = false;
    int i = 1;

    while (i < argc && p->code == 0) {
        const char *a = argv[i];

        if (only_operands || a[0] != '-' || a[1] == '\0') {
            append(p, &operands, a);
            i++;
        } else if (strcmp(a, "--") == 0) {
            only_operands = true;
            i++;
        } else if (a[1] == '-') {
            i += parse_long(p, argv, i, argc);
        } else {
            i += parse_short(p, argv, i, argc);
        }
    }
    p->cli->operands = operands.items;
    p->cli->n_operands = operands.n;
    if (p->code == 0 && !p->help && !p->version)
        check_operands(p);
}

int inn_cli_finish(const char *program, int code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "%s: standard output: can't be written: %s\n",
                program, strerror(errno));
        return code != INN_EXIT_OK ? code : INN_EXIT_IO;
    }
    return code;
}

/* What is parsed is known: the command runs with a heap of its own. */
static int run(struct inn_cli *cli, const void *values, struct inn_heap *given)
{
    const struct inn_common *common = cli->common;
    struct inn_arena options = cli->arena;
    int code;

    cli->heap = given != NULL ? given
                              : inn_heap_new((size_t)common->memory);
    if (cli->heap == NULL) {
        fprintf(stderr, "%s: out of memory\n", cli->program);
        return INN_EXIT_MEMORY;
    }
    inn_arena_init(&cli->arena, cli->heap);
    inn_progress_start(&cli->progress, (enum inn_progress_mode)
                       common->progress, common->quiet);
    code = cli->command->run(cli, values);
    inn_progress_clear(&cli->progress);
    inn_arena_free(&cli->arena);
    if (given == NULL)
        inn_heap_free(cli->heap);
    cli->arena = options;
    return code;
}

/* Options are parsed in heap; the command has given, or a heap of its own. */
static int parse_and_run(struct inn_heap *heap, struct inn_heap *given,
                         const char *program,
                         const struct inn_command *command, int argc,
                         char **argv)
{
    static const struct inn_common none = {0};
    struct inn_cli cli = {.program = program, .command = command,
                          .heap = heap, .common = &none};
    struct parse p = {.cli = &cli};

    inn_arena_init(&cli.arena, heap);
    p.values = inn_arena_alloc(&cli.arena, 1, command->values_size, NULL);
    if (p.values == NULL) {
        no_memory(&p);
    } else {
        if (command->defaults != NULL)
            memcpy(p.values, command->defaults, command->values_size);
        parse(&p, argc, argv);
    }
    if (p.code == INN_EXIT_MEMORY) {
        fprintf(stderr, "%s: out of memory\n", program);
    } else if (p.code == 0 && p.help) {
        inn_cli_help(program, command);
    } else if (p.code == 0 && p.version) {
        printf("%s %s\n", program, inn_version());
    } else if (p.code == 0) {
        cli.common = (const struct inn_common *)(const void *)
                         (p.values + command->common_offset);
        p.code = run(&cli, p.values, given);
    }
    inn_arena_free(&cli.arena);
    return inn_cli_finish(program, p.code);
}

int inn_cli_run_in(struct inn_heap *heap, const char *program,
                   const struct inn_command *command, int argc, char **argv)
{
    return parse_and_run(heap, heap, program, command, argc, argv);
}

int inn_cli_run(const char *program, const struct inn_command *command,
                int argc, char **argv)
{
    struct inn_heap *heap = inn_heap_new(0);
    int code;

    inn_write_at_signals();
    inn_ending_watch(program);
    if (heap == NULL) {
        inn_ending_expected();
        fprintf(stderr, "%s: out of memory\n", program);
        return INN_EXIT_MEMORY;
    }
    code = parse_and_run(heap, NULL, program, command, argc, argv);
    inn_ending_expected();
    inn_heap_free(heap);
    return code;
}
