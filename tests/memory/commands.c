/*
 * Every command with its n-th allocation failing, for every n: it ends with
 * exit status 6 and one line that says so, or does without; nothing leaks,
 * and a file is whole or not there. Then the same for what cJSON asks of
 * malloc.
 *
 *     tests/memory/commands [NAME...]
 *
 * V=1 counts. INN_MEMORY_MOST=N sets how many failures of a command are tried
 * at most (evenly spread; 0: all); by default so many that a minute is enough.
 */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "converter/command.h"
#include "models/command.h"
#include "runtime/base/heap.h"
#include "runtime/base/port.h"
#include "runtime/tools/commands.h"
#include "tests/fuzz/inside.h"

#define DEFAULT_MOST 1500
#define MOST_TEXT ((size_t)1 << 16)

/* "@" in an argument stands for the folder of the data. */
struct line {
    const char *name;
    const struct inn_command *command;
    const char *out; /* the file it writes, or NULL */
    const char *args[INSIDE_ARGS];
};

static const struct line lines[] = {
    {"convert", &inn_converter, "out.inn",
     {"@tiny.onnx", "-o", "out.inn", "--no-moments"}},
    {"convert-dry", &inn_converter, NULL, {"@tiny.onnx", "--dry-run"}},
    {"convert-bn", &inn_converter, "out.inn",
     {"@tiny.onnx", "-o", "out.inn", "--no-moments", "--keep-bn", "--json",
      "--store", "f16", "--codec", "none", "--nodes", "0.6"}},
    {"convert-moments", &inn_converter, "out.inn",
     {"@tiny.onnx", "-o", "out.inn", "--pictures", "4", "--input-shape",
      "x:1,3,8,8"}},
    {"convert-picture", &inn_converter, "out.inn",
     {"@../../fuzz/seeds/net/restorer.onnx", "-o", "out.inn", "--pictures",
      "2"}},
    {"convert-enlarger", &inn_converter, "out.inn",
     {"@../../fuzz/seeds/net/enlarger.onnx", "-o", "out.inn", "--pictures",
      "2", "--input-shape", "x:1,1,8,8"}},
    {"convert-transformer", &inn_converter, "out.inn",
     {"@../../fuzz/seeds/net/transformer.onnx", "-o", "out.inn",
      "--pictures", "2"}},
    {"convert-carried", &inn_converter, "out.inn",
     {"@../../fuzz/seeds/net/branches.onnx", "-o", "out.inn", "--pictures",
      "2"}},
    {"convert-blend", &inn_converter, "out.inn",
     {"@../../fuzz/seeds/net/classifier.onnx", "-o", "out.inn", "--pictures",
      "2", "--moments", "blend"}},
    {"convert-propagated", &inn_converter, "out.inn",
     {"@tiny.onnx", "-o", "out.inn", "--moments", "propagated",
      "--input-shape", "x:1,3,8,8"}},
    {"convert-calibrate", &inn_converter, "out.inn",
     {"@tiny.onnx", "-o", "out.inn", "--pictures", "2", "--calibrate",
      "@tiny.npz", "--input-shape", "x:1,3,8,8"}},
    {"info", &inn_command_info, NULL, {"tiny.inn", "-v"}},
    {"info-json", &inn_command_info, NULL,
     {"tiny.inn", "--json", "--width", "0.6"}},
    {"info-onnx", &inn_command_info, NULL, {"@tiny.onnx"}},
    {"info-unknown", &inn_command_info, NULL, {"@unknown.onnx"}},
    {"export", &inn_command_export, "out.onnx",
     {"tiny.inn", "-o", "out.onnx", "--width", "0.6", "-v"}},
    {"export-budget", &inn_command_export, "out.onnx",
     {"tiny.inn", "-o", "out.onnx", "--params", "0.7", "--json"}},
    {"export-plan", &inn_command_export, "plan.json",
     {"tiny.inn", "-o", "/dev/null", "--write-plan", "plan.json", "--set",
      "*=2"}},
    {"export-rules", &inn_command_export, "out.onnx",
     {"plain.inn", "-o", "out.onnx", "--width", "0.6", "--quadrature",
      "simpson"}},
    {"run", &inn_command_run, "y.npy",
     {"tiny.inn", "--width", "0.6", "--random", "-o", "y.npy"}},
    {"run-json", &inn_command_run, NULL,
     {"@steps.onnx", "--random", "--json", "-q"}},
    {"run-picture", &inn_command_run, "big.png",
     {"@twice.onnx", "--image", "@low.png", "-o", "big.png"}},
    {"run-jpeg", &inn_command_run, "big.png",
     {"@twice.onnx", "--image", "@photo.jpg", "-o", "big.png"}},
    {"run-luma", &inn_command_run, "big.png",
     {"@luma.onnx", "--image", "@low.png", "--enlarge", "2", "-o",
      "big.png"}},
    {"run-dir", &inn_command_run, "dir/y.npy",
     {"@steps.onnx", "--random", "--output-dir", "dir"}},
    {"eval", &inn_command_eval, NULL,
     {"tiny.inn", "--data", "@tiny.npz", "--widths", "1,0.6", "--partition",
      "moments,uniform"}},
    {"eval-json", &inn_command_eval, NULL,
     {"@tiny.onnx", "--data", "@tiny.npz", "--json"}},
    {"eval-sr", &inn_command_eval, NULL,
     {"@twice.onnx", "--task", "sr", "--scale", "2", "--data", "set"}},
    {"compare", &inn_command_compare, NULL, {"@tiny.onnx", "tiny.inn"}},
    {"compare-layers", &inn_command_compare, NULL,
     {"@tiny.onnx", "tiny.inn", "--per-layer", "--json"}},
    {"compare-stored", &inn_command_compare, NULL,
     {"@two.onnx", "--input", "a=@b.pb", "--input", "b=@b.pb", "--expected",
      "sum=@b.pb", "--input-shape", "rows:2"}},
    {"check", &inn_command_check, NULL, {"tiny.inn"}},
    {"check-onnx", &inn_command_check, NULL, {"@tiny.onnx", "--json"}},
    {"check-expect", &inn_command_check, "r.xml",
     {"tiny.inn", "--expect", "expect.json", "--junit", "r.xml"}},
    {"check-print", &inn_command_check, NULL,
     {"tiny.inn", "--print-expect", "--widths", "1,0.6", "--data",
      "@tiny.npz"}},
    {"bench", &inn_command_bench, NULL,
     {"tiny.inn", "--widths", "1,0.6", "--runs", "1", "--warmup", "1"}},
    {"bench-layers", &inn_command_bench, NULL,
     {"@tiny.onnx", "--runs", "1", "--warmup", "0", "--per-layer",
      "--json"}},
    {"export-ms", &inn_command_export, "out.onnx",
     {"tiny.inn", "-o", "out.onnx", "--ms", "1000"}},
    {"model", &inn_modeller, "out.onnx", {"srcnn-x3", "-o", "out.onnx"}},
    {"model-json", &inn_modeller, "out.onnx",
     {"srcnn-x3", "-o", "out.onnx", "--json", "--seed", "3"}},
    {"model-list", &inn_modeller, NULL, {"--list"}},
    {"model-list-json", &inn_modeller, NULL, {"--list", "--json"}},
    {"ops", &inn_command_ops, NULL, {NULL}},
    {"ops-json", &inn_command_ops, NULL, {"--json"}},
};

struct trial {
    int code;
    char out[MOST_TEXT], err[MOST_TEXT];
    char file[MOST_TEXT]; /* what it wrote, or its beginning */
    size_t file_len;
};

static char data[4096]; /* the folder, with its slash */
static int failures;
static struct trial first, now;

/* cJSON's own allocations, of which the n-th fails; 0: none. */
static size_t json_left, json_count;

static void *json_malloc(size_t size)
{
    json_count++;
    if (json_left > 0 && --json_left == 0)
        return NULL;
    return malloc(size);
}

static size_t read_text(char *text, const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n = 0;

    if (f != NULL) {
        n = fread(text, 1, MOST_TEXT - 1, f);
        fclose(f);
    }
    text[n] = '\0';
    return n;
}

/* What it prints, or the beginning. */
static void keep(char to[MOST_TEXT], const char *text)
{
    snprintf(to, MOST_TEXT, "%s", text);
}

/* Runs the command, keeping what it prints. */
static void run(struct trial *t, const struct line *line,
                struct inn_heap *heap)
{
    struct inside r;

    inside_run(&r, heap, line->command, line->args, data);
    t->code = r.code;
    keep(t->out, r.out);
    keep(t->err, r.err);
    inside_free(&r);
    t->file_len = line->out != NULL ? read_text(t->file, line->out) : 0;
}

static void fail(const struct line *line, const char *kind, size_t n,
                 const char *why)
{
    printf("FAIL %s: %s %zu fails: %s (exit %d)\n", line->name, kind, n, why,
           now.code);
    failures++;
}

static bool temporary_left(void)
{
    DIR *dir = opendir(".");
    bool left = false;
    struct dirent *e;

    while (dir != NULL && (e = readdir(dir)) != NULL)
        left = left || strncmp(e->d_name, ".inn-", 5) == 0;
    if (dir != NULL)
        closedir(dir);
    return left;
}

/* A report tells of the failure itself. */
static bool is_report(const struct line *line)
{
    return line->command == &inn_command_check;
}

/* What must hold after allocation n of that kind has failed. */
static bool judge(const struct line *line, const char *kind, size_t n,
                  const struct inn_heap *heap)
{
    const char *why = NULL;
    const char *end = strchr(now.err, '\n');

    if (inn_heap_used(heap) != 0)
        why = "memory is left";
    else if (temporary_left())
        why = "a temporary file is left";
    else if (now.code == first.code && (line->command == &inn_command_bench ||
                                        strcmp(now.out, first.out) == 0))
        return true; /* it did without */
    else if (now.code == INN_EXIT_FORMAT &&
             strstr(now.err, "not valid JSON") != NULL)
        return true; /* cJSON doesn't say why it gave up */
    else if (now.code != INN_EXIT_MEMORY)
        why = "neither the same result nor exit status 6";
    else if (end == NULL || end[1] != '\0')
        why = "not one line on stderr";
    else if (strstr(now.err, "memory") == NULL)
        why = "the line does not speak of memory";
    else if (now.file_len > 0 && !is_report(line) &&
             (now.file_len != first.file_len ||
              memcmp(now.file, first.file, now.file_len) != 0))
        why = "the output is another one";
    if (why == NULL)
        return true;
    fail(line, kind, n, why);
    printf("     stderr: %s", now.err[0] != '\0' ? now.err : "\n");
    return false;
}

static size_t most_trials(void)
{
    const char *text = getenv("INN_MEMORY_MOST");

    return text != NULL ? strtoul(text, NULL, 10) : DEFAULT_MOST;
}

static void sweep_heap(const struct line *line, size_t count)
{
    size_t most = most_trials(), tried = 0, n;
    size_t step = most > 0 && count > most ? count / most + 1 : 1;
    struct inn_heap *heap;
    bool fine = true;

    for (n = 1; n <= count && fine; n += step) {
        heap = inn_heap_new(0);
        inn_heap_fail_at(heap, n);
        if (line->out != NULL)
            unlink(line->out);
        run(&now, line, heap);
        fine = judge(line, "allocation", n, heap);
        if (fine)
            inn_heap_free(heap);
        tried++;
    }
    if (getenv("V") != NULL)
        printf("%s: %zu of %zu allocations failed\n", line->name, tried,
               count);
}

static void sweep_json(const struct line *line, size_t count)
{
    struct inn_heap *heap;
    bool fine = true;
    size_t n;

    for (n = 1; n <= count && fine; n++) {
        heap = inn_heap_new(0);
        if (line->out != NULL)
            unlink(line->out);
        json_left = n;
        run(&now, line, heap);
        json_left = 0;
        fine = judge(line, "cJSON's allocation", n, heap);
        if (fine)
            inn_heap_free(heap);
    }
    if (getenv("V") != NULL && count > 0)
        printf("%s: and %zu of cJSON\n", line->name, count);
}

static void sweep(const struct line *line)
{
    const size_t never = (size_t)1 << 40;
    struct inn_heap *heap = inn_heap_new(0);
    size_t count, json;

    /* Once before: libraries keep what they make the first time. */
    run(&first, line, heap);
    inn_heap_fail_at(heap, never);
    json_count = 0;
    run(&first, line, heap);
    count = never - inn_heap_fail_left(heap);
    json = json_count;
    if (first.code != INN_EXIT_OK && first.code != INN_EXIT_NO) {
        if (first.code == INN_EXIT_UNSUPPORTED) {
            printf("%s: this build can't: %s", line->name, first.err);
        } else {
            now = first;
            fail(line, "none", 0, first.err);
        }
    } else {
        sweep_heap(line, count);
        sweep_json(line, json);
    }
    inn_heap_free(heap);
}

static bool save(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    bool saved = f != NULL && fputs(text, f) >= 0;

    return f != NULL && fclose(f) == 0 && saved;
}

static bool set_up(char folder[])
{
    static const struct line first_lines[] = {
        {"tiny.inn", &inn_converter, NULL,
         {"@tiny.onnx", "-o", "tiny.inn", "--pictures", "4", "--input-shape",
          "x:1,3,8,8"}},
        {"plain.inn", &inn_converter, NULL,
         {"@tiny.onnx", "-o", "plain.inn", "--no-moments"}},
        {"expect.json", &inn_command_check, NULL,
         {"tiny.inn", "--print-expect", "--widths", "1,0.6"}},
    };
    const char *top = getenv("srcdir");
    char path[4096], link_to[4200];
    struct inn_heap *heap = inn_heap_new(0);
    size_t i;

    if (realpath(top != NULL ? top : ".", path) == NULL ||
        snprintf(data, sizeof(data), "%.4000s/tests/cli/data/", path) < 0 ||
        mkdtemp(folder) == NULL || chdir(folder) != 0 ||
        mkdir("set", 0777) != 0)
        return false;
    snprintf(link_to, sizeof(link_to), "%shigh.png", data);
    if (symlink(link_to, "set/a_HR.png") != 0)
        return false;
    for (i = 0; i < INN_COUNT(first_lines); i++) {
        run(&first, &first_lines[i], heap);
        if (first.code != INN_EXIT_OK) {
            printf("%s: %s", first_lines[i].name, first.err);
            return false;
        }
    }
    inn_heap_free(heap);
    return save("expect.json", first.out);
}

static void clean_up(const char *folder)
{
    static const char *const names[] = {
        "set/a_HR.png", "set", "tiny.inn", "plain.inn", "expect.json",
        "out.inn", "out.onnx", "plan.json", "y.npy", "big.png", "dir/y.npy",
        "dir", "r.xml"};
    size_t i;

    for (i = 0; i < INN_COUNT(names); i++)
        remove(names[i]);
    if (chdir("/") == 0)
        rmdir(folder);
}

int main(int argc, char **argv)
{
    cJSON_Hooks hooks = {json_malloc, free};
    /* In memory where that can be: files are synced a thousand times. */
    char shm[] = "/dev/shm/inn-memory-XXXXXX";
    char tmp[] = "/tmp/inn-memory-XXXXXX";
    char *folder = access("/dev/shm", W_OK) == 0 ? shm : tmp;
    size_t i;
    int k;

    cJSON_InitHooks(&hooks);
    if (!set_up(folder)) {
        printf("FAIL: nothing to test with\n");
        return EXIT_FAILURE;
    }
    for (i = 0; i < INN_COUNT(lines); i++) {
        bool wanted = argc < 2;

        for (k = 1; k < argc; k++)
            wanted = wanted || strcmp(argv[k], lines[i].name) == 0;
        if (wanted)
            sweep(&lines[i]);
        fflush(stdout);
    }
    clean_up(folder);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
