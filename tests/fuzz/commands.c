/*
 * Targets that are commands: the bytes become a file, and what users would
 * run on it is run with the defaults that users get, on few pictures. Exit
 * status, the line on stderr, the memory that is left and, of a network that
 * was converted, the file that was written are what is judged.
 */
#include "tests/fuzz/commands.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/port.h"
#include "runtime/file/container.h"
#include "runtime/graph/onnx.h"
#include "runtime/ops/shapes.h"
#include "runtime/tools/commands.h"
#include "tests/fuzz/inside.h"
#ifdef FUZZ_CONVERTER
#include "converter/command.h"
#endif

/*
 * A command computes a network some dozen times, under sanitizers at a tenth
 * of its speed: larger ones are read, but not run.
 */
#define MOST_MACS ((int64_t)1 << 21)
#define MOST_BYTES ((size_t)4 << 20)
#define MOST_LINES 5
/* As the commands have them. */
#define SPATIAL 224
#define FOLD_BYTES ((size_t)1 << 16)

/* What a line takes of the kinds of file its target may be given. */
enum of { ANY, ONNX, INN };

/* '@' is the folder with the file and what lies beside it. */
struct line {
    enum of of;
    const struct inn_command *command;
    const char *args[INSIDE_ARGS];
};

struct commands {
    const char *name;
    const char *file; /* what the bytes are called */
    struct line lines[MOST_LINES]; /* each while those before it are fine */
};

#ifdef FUZZ_CONVERTER
#define CONVERTER &inn_converter
#else
#define CONVERTER NULL /* not run */
#endif

/* Whatever is not said here is the command's own default. */
static const struct commands table[] = {
    {"inn-convert", "in.onnx",
     {{ONNX, CONVERTER, {"@in.onnx", "-o", "@out.inn", "--pictures", "2"}},
      {ONNX, &inn_command_info, {"@out.inn"}},
      {ONNX, &inn_command_export,
       {"@out.inn", "-o", "@out.onnx", "--width", "0.6"}},
      {ONNX, &inn_command_info, {"@out.onnx"}},
      {ONNX, &inn_command_compare, {"@in.onnx", "@out.inn"}}}},
    {"inn-calibrate", "in.npz",
     {{ANY, CONVERTER, {"@residual.onnx", "-o", "@out.inn", "--pictures", "2",
                        "--samples", "2", "--calibrate", "@in.npz"}}}},
    {"inn-info", "in",
     {{ANY, &inn_command_info, {"@in"}},
      {ANY, &inn_command_info, {"@in", "-v", "--json"}},
      {INN, &inn_command_info, {"@in", "--width", "0.6"}}}},
    {"inn-export", "in",
     {{INN, &inn_command_export,
       {"@in", "-o", "@out.onnx", "--width", "0.6"}},
      {INN, &inn_command_export,
       {"@in", "-o", "@out.onnx", "--params", "0.7", "--json"}},
      {INN, &inn_command_export,
       {"@in", "-o", "@out.onnx", "--macs", "0.7", "--write-plan",
        "@plan.json"}},
      {INN, &inn_command_export,
       {"@in", "-o", "@out.onnx", "--plan", "@plan.json"}}}},
    {"inn-run", "in",
     {{ANY, &inn_command_run, {"@in", "--random", "-o", "@y.npy"}},
      {INN, &inn_command_run, {"@in", "--width", "0.6", "--random"}},
      {ANY, &inn_command_run, {"@in", "--random", "--json"}}}},
    {"inn-image", "in",
     {{ANY, &inn_command_run, {"@in", "--image", "@rgb.png"}}}},
    {"inn-eval", "in",
     {{ONNX, &inn_command_eval, {"@in", "--data", "@data.npz"}},
      {INN, &inn_command_eval,
       {"@in", "--data", "@data.npz", "--widths", "1,0.6"}}}},
    {"inn-eval-sr", "in",
     {{ANY, &inn_command_eval,
       {"@in", "--task", "sr", "--scale", "2", "--data", "@set"}}}},
    {"inn-bench", "in",
     {{ONNX, &inn_command_bench,
       {"@in", "--runs", "1", "--warmup", "0", "--per-layer"}},
      {INN, &inn_command_bench,
       {"@in", "--runs", "1", "--warmup", "0", "--widths", "1,0.6"}}}},
    {"inn-check", "in",
     {{ANY, &inn_command_check, {"@in"}},
      {ANY, &inn_command_check, {"@in", "--print-expect"}}}},
    {"inn-compare", "in",
     {{ANY, &inn_command_compare, {"@in", "@in"}},
      {ANY, &inn_command_compare, {"@in", "@in", "--per-layer", "--json"}},
      {ANY, &inn_command_compare, {"@residual.onnx", "@in"}}}},
    {"inn-plan", "in.json",
     {{ANY, &inn_command_export,
       {"@residual.inn", "-o", "@out.onnx", "--plan", "@in.json"}}}},
    {"inn-expect", "in.json",
     {{ANY, &inn_command_check,
       {"@residual.inn", "--expect", "@in.json", "--junit", "@r.xml"}}}},
};

/* ---- The folder ------------------------------------------------------- */

static char folder[96]; /* with its slash */
static pid_t owner;

static void fail(const char *what, const char *more)
{
    fprintf(stderr, "fuzz: %s%s%s\n", what, more[0] != '\0' ? ": " : "",
            more);
    abort();
}

static const char *in_folder(char path[256], const char *name)
{
    snprintf(path, 256, "%s%s", folder, name);
    return path;
}

static void empty_folder(const char *below)
{
    char path[512], name[256];
    struct dirent *e;
    DIR *dir;

    snprintf(path, sizeof(path), "%s", in_folder(name, below));
    dir = opendir(path);
    while (dir != NULL && (e = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "%s/%.200s", name, e->d_name);
        if (e->d_name[0] != '.')
            remove(path);
    }
    if (dir != NULL)
        closedir(dir);
}

static void remove_folder(void)
{
    if (owner != getpid())
        return;
    empty_folder("set");
    empty_folder("");
    rmdir(folder);
}

static void save(const char *name, const uint8_t *data, size_t len)
{
    char path[256];
    FILE *f = fopen(in_folder(path, name), "wb");

    if (f == NULL || (len > 0 && fwrite(data, 1, len, f) != len) ||
        fclose(f) != 0)
        fail("can't be written", path);
}

static void furnish(const char *top, const char *from, const char *name)
{
    char path[1200];
    uint8_t *bytes;
    size_t len;

    snprintf(path, sizeof(path), "%.1000s/%s", top, from);
    bytes = fuzz_load(path, &len);
    save(name, bytes, len);
    free(bytes);
}

/* One per process, with what lies beside the file. */
static void set_up(void)
{
    const char *top = getenv("srcdir"), *dir = getenv("INN_FUZZ_FOLDER");
    char path[256];

    if (owner == getpid())
        return;
    if (dir == NULL)
        dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof(folder), "%.60s/inn-fuzz-XXXXXX", dir);
    if (mkdtemp(folder) == NULL)
        fail("no temporary folder", folder);
    strcat(folder, "/");
    if (owner == 0)
        atexit(remove_folder);
    owner = getpid();
    if (mkdir(in_folder(path, "set"), 0700) != 0)
        fail("can't be made", path);
    top = top != NULL ? top : ".";
    furnish(top, "tests/fuzz/seeds/onnx/residual.onnx", "residual.onnx");
    furnish(top, "tests/fuzz/seeds/inn/residual.inn", "residual.inn");
    furnish(top, "tests/fuzz/seeds/npz/data.npz", "data.npz");
    furnish(top, "tests/fuzz/seeds/image/rgb.png", "rgb.png");
    furnish(top, "tests/cli/data/high.png", "set/a_HR.png");
}

/* ---- Running ----------------------------------------------------------- */

/* Whether one run is quick; what can't be read is, too. */
static bool is_quick(const char *path, bool inn, struct inn_heap *heap)
{
    struct inn_model *model = NULL;
    struct inn_graph *graph = NULL;
    struct inn_shapes shapes = {.known = NULL};
    size_t total = 0;
    bool quick = true;
    enum inn_status st;
    int v;

    st = inn ? inn_file_open(&model, path, false, heap, NULL)
             : inn_onnx_read(&graph, path, NULL, heap, NULL);
    if (st == INN_OK)
        st = inn_shapes_infer(&shapes, inn ? model->graph : graph,
                              inn ? model->bindings : NULL,
                              inn ? (size_t)model->n_bindings : 0, SPATIAL,
                              FOLD_BYTES, NULL);
    if (st == INN_OK) {
        for (v = 0; v < shapes.n_values && quick; v++)
            quick = inn_add_size(&total, total, shapes.known[v].bytes);
        quick = quick && total <= MOST_BYTES && shapes.macs <= MOST_MACS;
    }
    inn_shapes_free(&shapes);
    inn_model_free(model);
    inn_graph_free(graph);
    return quick;
}

static enum inn_status status_of(const struct inside *r)
{
    switch (r->code) {
    case INN_EXIT_IO:
        return INN_ERR_IO;
    case INN_EXIT_FORMAT:
        return INN_ERR_FORMAT;
    case INN_EXIT_UNSUPPORTED:
        return INN_ERR_UNSUPPORTED;
    case INN_EXIT_MEMORY:
        return strstr(r->err, "limit") != NULL ? INN_ERR_LIMIT
                                               : INN_ERR_MEMORY;
    case INN_EXIT_USAGE:
        return INN_ERR_ARGUMENT;
    default:
        return INN_OK;
    }
}

/* Whether a line of n characters is one of those that are no error. */
static bool is_note(const char *line, size_t n)
{
    static const char *const marks[] = {"input sizes assumed: ", "warning: ",
                                        ": not refitted: "};
    size_t i;

    for (i = 0; i < INN_COUNT(marks); i++) {
        const char *at = strstr(line, marks[i]);

        if (at != NULL && at < line + n)
            return true;
    }
    return false;
}

/* What stands on stderr behind notes, which may come before an error. */
static const char *behind_notes(const char *text)
{
    const char *end;

    while ((end = strchr(text, '\n')) != NULL && end[1] != '\0' &&
           is_note(text, (size_t)(end - text)))
        text = end + 1;
    return text;
}

/* What is wrong with how the command ended, or NULL. */
static const char *judge(const struct inside *r)
{
    const char *text = behind_notes(r->err), *end = strchr(text, '\n');

    if (r->code < 0 || r->code > INN_EXIT_MEMORY)
        return "an exit status that nobody has heard of";
    if (r->kept && r->code > INN_EXIT_NO &&
        (end == NULL || end[1] != '\0' || strncmp(text, "inn", 3) != 0))
        return "not one line on stderr";
    return NULL;
}

/* The error without program and folder, whose name is chance. */
static void tell(struct inn_error *err, enum inn_status st,
                 const struct inside *r)
{
    const char *text = behind_notes(r->err), *at = strstr(text, folder);

    if (at != NULL)
        text = at + strlen(folder);
    err->status = st;
    snprintf(err->message, sizeof(err->message), "%.*s",
             (int)strcspn(text, "\n"), text);
}

/* Whether the numbers behind each first and the second after it are equal. */
static bool pairs_agree(const char *out, const char *first,
                        const char *second)
{
    const char *at = strstr(out, first), *other;

    if (at == NULL)
        return false;
    for (; at != NULL; at = strstr(other, first)) {
        other = strstr(at, second);
        if (other == NULL || strtoll(at + strlen(first), NULL, 10) !=
                                 strtoll(other + strlen(second), NULL, 10))
            return false;
    }
    return true;
}

/*
 * NaN never passes, not even beside NaN, so of a network that makes some only
 * their numbers can be compared: "y: of 12 elements 3 are NaN in the first, 3
 * in the second", or the same as JSON.
 */
static bool nan_alike(const char *out)
{
    return pairs_agree(out, "elements ", "in the first, ") ||
           pairs_agree(out, "\"nan_first\": ", "\"nan_second\": ");
}

/*
 * Whether what was converted can't be read, or is another network; so too
 * where a network is not itself.
 */
static bool is_wrong(const struct line *line, int code, const char *out)
{
    bool written = strcmp(line->args[0], "@out.inn") == 0 ||
                   strcmp(line->args[0], "@out.onnx") == 0;
    bool same = line->command == &inn_command_compare &&
                strcmp(line->args[0], "@residual.onnx") != 0;

    return (written && code == INN_EXIT_FORMAT) ||
           (same && code == INN_EXIT_NO && !nan_alike(out));
}

static enum inn_status run_line(const struct commands *c, int i,
                                struct inn_error *err)
{
    const struct line *line = &c->lines[i];
    struct inn_heap *heap = inn_heap_new(FUZZ_HEAP_BYTES);
    enum inn_status st;
    struct inside r;
    char what[160];

    if (heap == NULL)
        abort();
    inn_heap_fail_at(heap, i == 0 ? fuzz_fail_at : 0);
    inside_run(&r, heap, line->command, line->args, folder);
    if (i == 0)
        fuzz_fail_left = inn_heap_fail_left(heap);
    snprintf(what, sizeof(what), "%s, line %d, exit %d", c->name, i, r.code);
    if (judge(&r) != NULL) {
        fprintf(stderr, "fuzz: %s: %s\n", what, judge(&r));
        fail("stderr", r.err);
    }
    if (is_wrong(line, r.code, r.out)) {
        fprintf(stderr, "fuzz: %s: it is another network\n%s", what, r.out);
        fail("stderr", r.err);
    }
    if (inn_heap_used(heap) != 0)
        fail(what, "memory is left");
    inn_heap_free(heap);
    st = status_of(&r);
    if (st != INN_OK)
        tell(err, st, &r);
    inside_free(&r);
    return st;
}

static enum inn_status run_commands(const struct commands *c,
                                    const uint8_t *data, size_t len,
                                    struct inn_error *err)
{
    bool inn = len > 3 && memcmp(data, "INN", 3) == 0;
    struct inn_heap *heap = inn_heap_new(FUZZ_HEAP_BYTES);
    enum inn_status st = INN_OK;
    char path[256];
    bool quick;
    int i;

    set_up();
    save(c->file, data, len);
    if (heap == NULL)
        abort();
    quick = strchr(c->file, '.') != NULL && strcmp(c->file, "in.onnx") != 0;
    quick = quick || is_quick(in_folder(path, c->file), inn, heap);
    if (inn_heap_used(heap) != 0)
        fail(c->name, "memory is left before it runs");
    inn_heap_free(heap);
    for (i = 0; i < MOST_LINES && st == INN_OK && quick; i++) {
        const struct line *line = &c->lines[i];

        if (line->command == NULL)
            break;
        if (line->of == ANY || (line->of == INN) == inn)
            st = run_line(c, i, err);
    }
    return st;
}

enum inn_status fuzz_commands(const char *name, const uint8_t *data,
                              size_t len, struct inn_error *err)
{
    size_t i;

    for (i = 0; i < INN_COUNT(table); i++) {
        if (strcmp(table[i].name, name) == 0)
            return run_commands(&table[i], data, len, err);
    }
    fail("no such target", name);
    return INN_OK;
}
