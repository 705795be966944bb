/*
 * Runs the programs on damaged files, as a user would: every end has to be a
 * documented exit code, with one line on stderr where it is not 0, within
 * SECONDS and BYTES. Mutation i of a seed is the same on every machine.
 *
 *   damage [--programs DIR] [--seeds DIR] [--count N] [--seed S] [--jobs N]
 *          [--kind KIND] [--every FILE.inn] [--all FILE.inn] [--one I]
 *
 * count: in all, the kinds in turn. --one I: only that, and its file is kept.
 * --every: each cut and each byte changed of one .inn, by the commands in
 * turn; --all: by every one of them.
 */
#define _DEFAULT_SOURCE /* wait4 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/port.h"
#include "tests/fuzz/fuzz.h"

#define SECONDS 10
#define BYTES ((long)2 << 20) /* of ru_maxrss, which counts KiB */
#define MOST_SEEDS 256
#define MOST_ARGS 16
#define CODES 7

enum sealed { ANY, NEVER_OK };

/* A damaged file and what is done with it: %f is the file, %s the seeds. */
struct kind {
    const char *name;
    const char *folder; /* of its seeds */
    const char *ending; /* of their names; NULL: any */
    fuzz_mutate_fn *mutate;
    enum sealed sealed;
    const char *commands[10][MOST_ARGS];
};

#define INN_KIND 3 /* in the table */
#define MEMORY "--memory", "1G"
static const struct kind kinds[] = {
    {"onnx", "onnx", NULL, fuzz_mutate_onnx, ANY,
     {{"inn", "info", "%f", MEMORY},
      {"inn-convert", "%f", "-o", "out.inn", "-f", "-q", MEMORY,
       "--moments", "blend", "--pictures", "4"},
      {"inn-convert", "%f", "-o", "out.inn", "-f", "-q", MEMORY,
       "--pictures", "4"},
      {"inn", "run", "%f", "--random", MEMORY},
      {"inn", "export", "%f", "-o", "out.onnx", "-f", MEMORY},
      {"inn", "check", "%f", MEMORY},
      {"inn", "compare", "%f", "%s/onnx/residual.onnx", MEMORY},
      {"inn", "eval", "%f", "--data", "%s/npz/data.npz", MEMORY},
      {"inn", "bench", "%f", "--runs", "1", "--warmup", "0", MEMORY}}},
    {"external", "external", NULL, fuzz_mutate_onnx, ANY,
     {{"inn", "info", "%f", MEMORY},
      {"inn", "run", "%f", "--random", MEMORY},
      {"inn", "export", "%f", "-o", "out.onnx", "-f", MEMORY}}},
    {"data", "npy", NULL, fuzz_mutate_bytes, ANY, /* beside a model */
     {{"inn", "run", "%e", "--random", MEMORY},
      {"inn-convert", "%e", "-o", "out.inn", "-f", "-q", MEMORY}}},
    {"inn", "inn", ".inn", fuzz_mutate_bytes, NEVER_OK,
     {{"inn", "check", "%f", MEMORY},
      {"inn", "info", "%f", MEMORY},
      {"inn", "run", "%f", "--random", "--width", "0.5", MEMORY},
      {"inn", "export", "%f", "-o", "out.onnx", "-f", MEMORY},
      {"inn", "compare", "%f", "%s/onnx/residual.onnx", MEMORY},
      {"inn", "eval", "%f", "--data", "%s/npz/data.npz", MEMORY}}},
    {"inn-sealed", "inn", ".inn", fuzz_mutate_inn, ANY,
     {{"inn", "check", "%f", MEMORY},
      {"inn", "info", "%f", "--width", "0.7", MEMORY},
      {"inn", "run", "%f", "--random", "--width", "0.5", MEMORY},
      {"inn", "export", "%f", "-o", "out.onnx", "-f", "--width", "0.6",
       "--partition", "moments", MEMORY},
      {"inn", "export", "%f", "-o", "out.onnx", "-f", "--params", "0.6",
       MEMORY},
      {"inn", "eval", "%f", "--data", "%s/npz/data.npz", "--widths",
       "1,0.6", MEMORY},
      {"inn", "bench", "%f", "--widths", "1,0.6", "--runs", "1", "--warmup",
       "0", MEMORY}}},
    {"npy", "npy", NULL, fuzz_mutate_bytes, ANY,
     {{"inn", "run", "%s/onnx/residual.onnx", "--input", "%f", MEMORY},
      {"inn-convert", "%s/onnx/residual.onnx", "-o", "out.inn", "-f", "-q",
       "--calibrate", "%f", MEMORY}}},
    {"npz", "npz", NULL, fuzz_mutate_bytes, ANY,
     {{"inn", "eval", "%s/onnx/residual.onnx", "--data", "%f", MEMORY},
      {"inn-convert", "%s/onnx/residual.onnx", "-o", "out.inn", "-f", "-q",
       "--calibrate", "%f", MEMORY}}},
    {"png", "image", ".png", fuzz_mutate_png, ANY,
     {{"inn", "run", "%s/onnx/pictures.onnx", "--image", "%f", MEMORY}}},
    {"jpeg", "image", ".jpg", fuzz_mutate_bytes, ANY,
     {{"inn", "run", "%s/onnx/pictures.onnx", "--image", "%f", MEMORY}}},
};

struct seed {
    uint8_t *bytes;
    size_t len;
    char name[96];
};

/* What came out; small enough to go through a pipe in one piece. */
struct tally {
    long codes[INN_COUNT(kinds)][CODES], failed;
    double slowest;
    long largest;
};

struct run {
    const char *programs, *seeds;
    uint64_t seed;
    long count, one;
    int jobs;
    char folder[64]; /* of this process */
    struct seed list[INN_COUNT(kinds)][MOST_SEEDS];
    size_t n[INN_COUNT(kinds)];
    struct tally tally;
};

static void list_seeds(struct run *r, size_t k)
{
    char path[1200];
    struct dirent **names;
    int n, i;

    snprintf(path, sizeof(path), "%s/%s", r->seeds, kinds[k].folder);
    n = scandir(path, &names, NULL, alphasort);
    for (i = 0; i < n; i++) {
        const char *name = names[i]->d_name, *end = kinds[k].ending;
        struct seed *s = &r->list[k][r->n[k]];

        if (name[0] != '.' && r->n[k] < MOST_SEEDS &&
            (end == NULL || (strlen(name) > strlen(end) &&
                             strcmp(name + strlen(name) - strlen(end), end) ==
                                 0))) {
            snprintf(s->name, sizeof(s->name), "%.90s", name);
            snprintf(path, sizeof(path), "%s/%s/%.200s", r->seeds,
                     kinds[k].folder, name);
            s->bytes = fuzz_load(path, &s->len);
            /* Its mutations would all cost as much as they find. */
            if (s->len < 65536)
                r->n[k]++;
            else
                free(s->bytes);
        }
        free(names[i]);
    }
    if (n < 0 || r->n[k] == 0) {
        fprintf(stderr, "damage: no seeds in %s/%s\n", r->seeds,
                kinds[k].folder);
        exit(2);
    }
    free(names);
}

static void save(const char *path, const uint8_t *data, size_t len)
{
    FILE *f = fopen(path, "wb");

    if (f == NULL || fwrite(data, 1, len, f) != len || fclose(f) != 0) {
        perror(path);
        exit(2);
    }
}

/* %f, %e, %s become paths; the rest stays. */
static void expand(char out[1200], const struct run *r, const char *arg,
                   const char *file)
{
    if (strcmp(arg, "%f") == 0)
        snprintf(out, 1200, "%s", file);
    else if (strcmp(arg, "%e") == 0)
        snprintf(out, 1200, "model.onnx");
    else if (strncmp(arg, "%s", 2) == 0)
        snprintf(out, 1200, "%s%s", r->seeds, arg + 2);
    else
        snprintf(out, 1200, "%s", arg);
}

/* In the child: the program, in the folder, its output to files. */
static void start(const struct run *r, const char *const *command,
                  const char *file)
{
    static char text[MOST_ARGS][1200];
    char *argv[MOST_ARGS + 1] = {NULL}, path[1200];
    int i, out, err;

    if (chdir(r->folder) != 0)
        _exit(126);
    out = open("stdout", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    err = open("stderr", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0 || err < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(126);
    for (i = 0; i < MOST_ARGS && command[i] != NULL; i++) {
        expand(text[i], r, command[i], file);
        argv[i] = text[i];
    }
    snprintf(path, sizeof(path), "%s/%s", r->programs, command[0]);
    alarm(SECONDS + 5);
    execv(path, argv);
    _exit(126);
}

/* What is wrong with how a command ended, or NULL. */
static const char *judge(const struct run *r, int status, double seconds,
                         long kib, enum sealed sealed)
{
    static char why[1400];
    char path[96], text[1024], *end;
    size_t len;
    FILE *f;

    snprintf(path, sizeof(path), "%s/stderr", r->folder);
    f = fopen(path, "rb");
    len = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
    if (f != NULL)
        fclose(f);
    text[len] = '\0';
    why[0] = '\0';
    end = strchr(text, '\n');
    if (!WIFEXITED(status))
        snprintf(why, sizeof(why), "signal %d: %s", WTERMSIG(status), text);
    else if (WEXITSTATUS(status) >= CODES)
        snprintf(why, sizeof(why), "exit %d: %s", WEXITSTATUS(status), text);
    else if (seconds > SECONDS)
        snprintf(why, sizeof(why), "%.1f s", seconds);
    else if (kib > BYTES)
        snprintf(why, sizeof(why), "%ld KiB", kib);
    else if (strstr(text, "Sanitizer") != NULL ||
             strstr(text, "runtime error") != NULL)
        snprintf(why, sizeof(why), "%s", text);
    else if (WEXITSTATUS(status) >= 2 &&
             (strncmp(text, "inn", 3) != 0 || end == NULL || end[1] != '\0'))
        snprintf(why, sizeof(why), "exit %d, not one line: '%s'",
                 WEXITSTATUS(status), text);
    else if (sealed == NEVER_OK && WEXITSTATUS(status) < 3)
        snprintf(why, sizeof(why), "exit %d of a damaged file",
                 WEXITSTATUS(status));
    return why[0] != '\0' ? why : NULL;
}

/* Runs it; false where it ended in a way that is no end. */
static bool try_command(struct run *r, size_t k, const char *const *command,
                        const char *file)
{
    struct timespec a, b;
    struct rusage usage;
    const char *why;
    double seconds;
    int status;
    pid_t pid;

    clock_gettime(CLOCK_MONOTONIC, &a);
    pid = fork();
    if (pid == 0)
        start(r, command, file);
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid) {
        perror("damage");
        exit(2);
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    seconds = (double)(b.tv_sec - a.tv_sec) +
              1e-9 * (double)(b.tv_nsec - a.tv_nsec);
    if (seconds > r->tally.slowest)
        r->tally.slowest = seconds;
    if (usage.ru_maxrss > r->tally.largest)
        r->tally.largest = usage.ru_maxrss;
    why = judge(r, status, seconds, usage.ru_maxrss, kinds[k].sealed);
    if (why == NULL) {
        r->tally.codes[k][WEXITSTATUS(status)]++;
        return true;
    }
    r->tally.failed++;
    printf("FAIL fuzz/damage-%s: %s %s: %s", kinds[k].name, command[0],
           strcmp(command[0], "inn") == 0 ? command[1] : "", why);
    return false;
}

/* Before the first: what models of the kinds external and data lie beside. */
static void furnish(const struct run *r)
{
    char command[2048];

    snprintf(command, sizeof(command),
             "cd '%s' && printf %%064d 1 > w.bin && cp w.bin hard.bin && "
             "ln hard.bin other.bin && ln -s w.bin link-inside.bin && "
             "ln -s /etc/hostname link-outside.bin && mkdir -p sub && "
             "cp '%s/external/inside.onnx' model.onnx",
             r->folder, r->seeds);
    if (system(command) != 0) {
        fprintf(stderr, "damage: %s can't be furnished\n", r->folder);
        exit(2);
    }
}

static const char *const *command_of(size_t k, size_t which)
{
    size_t n = 0;

    while (n < INN_COUNT(kinds[k].commands) &&
           kinds[k].commands[n][0] != NULL)
        n++;
    return kinds[k].commands[which % n];
}

static void mutation(struct run *r, size_t k, long i)
{
    static uint8_t data[FUZZ_MAX_BYTES];
    struct fuzz_random x = {r->seed * 7919 + (uint64_t)i};
    size_t at = fuzz_below(&x, r->n[k]);
    const struct seed *s = &r->list[k][at],
                      *other = &r->list[k][fuzz_below(&x, r->n[k])];
    int tries;
    bool is_data = strcmp(kinds[k].name, "data") == 0;
    char file[64], path[160];
    size_t len;

    /* What is refused anyway leads to little. */
    for (tries = 0; tries < 2 && strncmp(s->name, "adv-", 4) == 0; tries++)
        s = &r->list[k][fuzz_below(&x, r->n[k])];
    len = s->len;
    memcpy(data, s->bytes, len);
    if (is_data) { /* what matters of it is its length */
        len = fuzz_below(&x, 100);
        memset(data, (int)fuzz_below(&x, 256), 100);
    }
    len = kinds[k].mutate(data, len, sizeof(data), other->bytes, other->len,
                          &x);
    if (kinds[k].sealed == NEVER_OK && len == s->len &&
        memcmp(data, s->bytes, len) == 0)
        return;
    snprintf(file, sizeof(file), is_data ? "w.bin" : "damaged%s",
             strrchr(s->name, '.') != NULL ? strrchr(s->name, '.') : "");
    snprintf(path, sizeof(path), "%s/%s", r->folder, file);
    save(path, data, len);
    if (!try_command(r, k, command_of(k, fuzz_next(&x) % 97), file))
        printf(" [--kind %s --seed %llu --one %ld, of %s]\n", kinds[k].name,
               (unsigned long long)r->seed, i, s->name);
    if (r->one >= 0)
        printf("kept: %s\n", path);
}

/* Every cut, and every byte changed. */
static void every(struct run *r, const char *path, bool all, int part)
{
    size_t k = INN_KIND, len, i, n = 0;
    uint8_t *bytes = fuzz_load(path, &len), *copy = malloc(len + 1);
    char to[160];
    size_t c;
    int what;

    snprintf(to, sizeof(to), "%s/damaged.inn", r->folder);
    for (i = 0; i < len; i++) {
        for (what = 0; what < 2; what++) {
            if (copy == NULL || n++ % (size_t)r->jobs != (size_t)part)
                continue;
            memcpy(copy, bytes, len);
            copy[i] ^= (uint8_t)(1 << i % 8);
            save(to, what == 0 ? copy : bytes, what == 0 ? len : i);
            for (c = 0; c < (all ? (size_t)6 : 1); c++) {
                if (!try_command(r, k, command_of(k, n + c), "damaged.inn"))
                    printf(" [%s %zu]\n", what == 0 ? "byte" : "cut", i);
            }
        }
    }
    free(bytes);
    free(copy);
}

/* One of the jobs; its counts go up the pipe. */
static void work(struct run *r, int part, const char *only,
                 const char *inn, bool all, int pipe_end)
{
    char command[128];
    long i;

    snprintf(r->folder, sizeof(r->folder), "/tmp/inn-damage-XXXXXX");
    if (mkdtemp(r->folder) == NULL) {
        perror(r->folder);
        exit(2);
    }
    furnish(r);
    if (inn != NULL)
        every(r, inn, all, part);
    for (i = 0; i < r->count && inn == NULL; i++) {
        size_t k = (size_t)i % INN_COUNT(kinds);

        if ((only != NULL && strcmp(only, kinds[k].name) != 0) ||
            (r->one >= 0 ? i != r->one
                         : i / (long)INN_COUNT(kinds) % r->jobs != part))
            continue;
        mutation(r, k, i);
    }
    fflush(stdout);
    if (write(pipe_end, &r->tally, sizeof(r->tally)) !=
        (ssize_t)sizeof(r->tally))
        exit(2);
    snprintf(command, sizeof(command), "rm -rf %s", r->folder);
    exit(r->one < 0 && system(command) != 0 ? 2 : 0);
}

static void add_tally(struct tally *sum, const struct tally *part)
{
    size_t k;
    int c;

    for (k = 0; k < INN_COUNT(kinds); k++) {
        for (c = 0; c < CODES; c++)
            sum->codes[k][c] += part->codes[k][c];
    }
    sum->failed += part->failed;
    if (part->slowest > sum->slowest)
        sum->slowest = part->slowest;
    if (part->largest > sum->largest)
        sum->largest = part->largest;
}

static void print_sums(const struct tally *sum)
{
    static const char *const names[CODES] = {
        "0 fine", "1 no", "2 usage", "3 I/O", "4 format", "5 unsupported",
        "6 limit"};
    size_t k;
    int c;

    for (k = 0; k < INN_COUNT(kinds); k++) {
        long all = 0;

        for (c = 0; c < CODES; c++)
            all += sum->codes[k][c];
        if (all == 0)
            continue;
        printf("ok fuzz/damage-%s: %ld runs", kinds[k].name, all);
        for (c = 0; c < CODES; c++) {
            if (sum->codes[k][c] > 0)
                printf(", %ld exit %s", sum->codes[k][c], names[c]);
        }
        printf("\n");
    }
    printf("slowest %.1f s, largest %ld MiB, %ld failed\n", sum->slowest,
           sum->largest >> 10, sum->failed);
}

int main(int argc, char **argv)
{
    static struct run r = {.programs = ".", .seeds = "tests/fuzz/seeds",
                           .seed = 1, .count = 900, .one = -1, .jobs = 2};
    struct tally sum = {.failed = 0}, part;
    const char *only = NULL, *inn = NULL;
    char programs[1024], seeds[1024];
    bool all = false;
    int i, ends[2], failed = 0;
    size_t k;

    for (i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--programs") == 0)
            r.programs = argv[i + 1];
        else if (strcmp(argv[i], "--seeds") == 0)
            r.seeds = argv[i + 1];
        else if (strcmp(argv[i], "--count") == 0)
            r.count = atol(argv[i + 1]);
        else if (strcmp(argv[i], "--seed") == 0)
            r.seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--jobs") == 0)
            r.jobs = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--kind") == 0)
            only = argv[i + 1];
        else if (strcmp(argv[i], "--every") == 0)
            inn = argv[i + 1];
        else if (strcmp(argv[i], "--all") == 0)
            inn = argv[i + 1], all = true;
        else if (strcmp(argv[i], "--one") == 0)
            r.one = atol(argv[i + 1]);
        else
            break;
    }
    if (i != argc || r.jobs < 1 || pipe(ends) != 0 ||
        realpath(r.programs, programs) == NULL ||
        realpath(r.seeds, seeds) == NULL) {
        fprintf(stderr, "usage: see the head of damage.c\n");
        return 2;
    }
    r.programs = programs;
    r.seeds = seeds;
    if (r.one >= 0) {
        r.jobs = 1;
        r.count = r.one + 1;
    }
    for (k = 0; k < INN_COUNT(kinds); k++)
        list_seeds(&r, k);
    setenv("OMP_NUM_THREADS", "1", 1);
    setenv("ASAN_OPTIONS", "quarantine_size_mb=16:detect_leaks=1", 0);
    for (i = 0; i < r.jobs; i++) {
        pid_t pid = fork();

        if (pid == 0)
            work(&r, i, only, inn, all, ends[1]);
        if (pid < 0)
            return 2;
    }
    close(ends[1]);
    for (i = 0; i < r.jobs; i++) {
        if (read(ends[0], &part, sizeof(part)) != (ssize_t)sizeof(part))
            failed = 1;
        else
            add_tally(&sum, &part);
    }
    for (i = 0; i < r.jobs; i++) {
        int status;

        if (wait(&status) < 0 || status != 0)
            failed = 1;
    }
    print_sums(&sum);
    return failed || sum.failed > 0;
}
