/*
 * Replays seeds: tests/fuzz/replay [--mutate N] [--seed S] [FOLDER]
 *
 * FOLDER/expected says of every seed what must come of it, a line each:
 * target, file, status, and words of the error ("-": any). Every file in the
 * target's folder that has no line must only come back; each of them also with
 * its n-th allocation failing, for every n or so many that it stays quick.
 * --mutate makes N mutations of the seeds too; V=1 tells which is under way,
 * should one end the process. INN_FUZZ_ONE=NUMBER runs that one alone,
 * INN_FUZZ_SAVE=FILE keeps it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/port.h"
#include "tests/fuzz/fuzz.h"

#define MOST_SEEDS 1024
#define MOST_FAILING 120
#define LONG_SEED 20000 /* bytes */
#define MOST_OF_LONG 12
#define MOST_IN_FOLDERS 25 /* made anew for each */
#define MOST_OF_COMMANDS 5 /* tests/memory walks them all */

static const char *const statuses[] = {"ok",     "argument", "range",
                                       "io",     "format",   "unsupported",
                                       "memory", "limit"};

struct seed {
    const struct fuzz_target *target;
    char name[128];
    uint8_t *bytes;
    size_t len;
    char status[16], says[256];
    bool expected;
};

struct seeds {
    struct seed list[MOST_SEEDS];
    size_t n;
    char folder[1024];
};

static int by_name(const void *a, const void *b)
{
    const struct seed *x = a, *y = b;
    int order = strcmp(x->target->name, y->target->name);

    return order != 0 ? order : strcmp(x->name, y->name);
}

static void list(struct seeds *s, const struct fuzz_target *target)
{
    char path[2048];
    struct dirent *entry;
    DIR *dir;

    snprintf(path, sizeof(path), "%s/%s", s->folder, target->seeds);
    dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct seed *seed = &s->list[s->n];

        if (entry->d_name[0] == '.')
            continue;
        if (s->n == MOST_SEEDS || strlen(entry->d_name) >=
                                      sizeof(seed->name)) {
            fprintf(stderr, "%s: too many seeds\n", path);
            exit(2);
        }
        snprintf(path, sizeof(path), "%s/%s/%.200s", s->folder, target->seeds,
                 entry->d_name);
        *seed = (struct seed){.target = target};
        snprintf(seed->name, sizeof(seed->name), "%.120s", entry->d_name);
        seed->bytes = fuzz_load(path, &seed->len);
        s->n++;
    }
    if (dir != NULL)
        closedir(dir);
}

static bool expect(struct seeds *s)
{
    char path[2048], line[512], target[32], name[128], status[16];
    FILE *f;
    bool ok = true;
    size_t i;
    int at;

    snprintf(path, sizeof(path), "%s/expected", s->folder);
    f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (sscanf(line, "%31s %127s %15s %n", target, name, status, &at) <
            3) {
            printf("FAIL %s: what is '%s'?\n", path, line);
            ok = false;
            continue;
        }
        if (fuzz_find(target) == NULL)
            continue; /* not in this build */
        for (i = 0; i < s->n; i++) {
            if (strcmp(s->list[i].target->name, target) == 0 &&
                strcmp(s->list[i].name, name) == 0)
                break;
        }
        if (i == s->n) {
            printf("FAIL %s/%s: the seed is missing\n", target, name);
            ok = false;
            continue;
        }
        s->list[i].expected = true;
        strcpy(s->list[i].status, status);
        snprintf(s->list[i].says, sizeof(s->list[i].says), "%.250s",
                 line + at);
    }
    if (f != NULL)
        fclose(f);
    return ok;
}

static bool replay(const struct seed *s)
{
    struct inn_error err;
    enum inn_status st = fuzz_run(s->target, s->bytes, s->len, &err);

    if (getenv("V") != NULL)
        printf("%s %s %s %s\n", s->target->name, s->name, statuses[st],
               err.message);
    /* A build without libzip refuses data that others read. */
    if (!s->expected || (st == INN_ERR_UNSUPPORTED &&
                         strstr(err.message, "this build has no ") != NULL))
        return true;
    if (strcmp(statuses[st], s->status) == 0 &&
        (strcmp(s->says, "-") == 0 || strstr(err.message, s->says) != NULL))
        return true;
    printf("FAIL %s/%s: %s '%s', expected %s '%s'\n", s->target->name,
           s->name, statuses[st], err.message, s->status, s->says);
    return false;
}

/*
 * The seed with each request for memory failing in turn: evenly spread ones
 * where it makes too many, of which some may be done without.
 */
static void starve(const struct seed *s)
{
    const size_t never = (size_t)1 << 40;
    const size_t most = s->target->run == NULL ? MOST_OF_COMMANDS
                        : s->len > LONG_SEED   ? MOST_OF_LONG
                        : strcmp(s->target->name, "external") == 0
                            ? MOST_IN_FOLDERS
                            : MOST_FAILING;
    struct inn_error err;
    size_t count, n;

    fuzz_fail_at = never;
    fuzz_run(s->target, s->bytes, s->len, &err);
    count = never - fuzz_fail_left;
    for (n = 1; n <= count; n += count / most + 1) {
        fuzz_fail_at = n;
        fuzz_run(s->target, s->bytes, s->len, &err);
    }
    fuzz_fail_at = 0;
}

/* Mutation number i, the same whatever was run before it. */
static enum inn_status mutation(const struct seeds *s, uint64_t seed, long i)
{
    static uint8_t data[FUZZ_MAX_BYTES];
    struct fuzz_random r = {seed * 1000003 + (uint64_t)i};
    const struct seed *from = &s->list[fuzz_below(&r, s->n)], *other = from;
    const char *save = getenv("INN_FUZZ_SAVE");
    struct inn_error err;
    size_t len = from->len, k;

    k = fuzz_below(&r, s->n);
    if (s->list[k].target == from->target)
        other = &s->list[k];
    memcpy(data, from->bytes, len);
    len = from->target->mutate(data, len, sizeof(data), other->bytes,
                               other->len, &r);
    if (save != NULL) {
        FILE *f = fopen(save, "wb");

        if (f != NULL && fwrite(data, 1, len, f) == len)
            printf("%s: mutation %ld of %s/%s\n", save, i,
                   from->target->name, from->name);
        if (f != NULL)
            fclose(f);
    }
    return fuzz_run(from->target, data, len, &err);
}

int main(int argc, char **argv)
{
    static struct seeds s;
    const struct fuzz_target *t;
    const char *source = getenv("srcdir"), *one = getenv("INN_FUZZ_ONE"),
               *only = getenv("INN_FUZZ_TARGET");
    long n = 0, i, counts[INN_COUNT(statuses)] = {0};
    uint64_t seed = 1;
    bool ok;
    size_t k;

    snprintf(s.folder, sizeof(s.folder), "%s/tests/fuzz/seeds",
             source != NULL ? source : ".");
    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mutate") == 0 && i + 1 < argc)
            n = atol(argv[++i]);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else
            snprintf(s.folder, sizeof(s.folder), "%s", argv[i]);
    }
    for (t = fuzz_targets; t->name != NULL; t++) {
        if (only == NULL || strcmp(only, t->name) == 0)
            list(&s, t);
    }
    if (s.n == 0) {
        printf("FAIL no seeds below %s\n", s.folder);
        return EXIT_FAILURE;
    }
    qsort(s.list, s.n, sizeof(s.list[0]), by_name);
    ok = only != NULL || expect(&s);
    if (one != NULL) {
        mutation(&s, seed, atol(one));
        return EXIT_SUCCESS;
    }
    for (k = 0; k < s.n; k++) {
        ok = replay(&s.list[k]) && ok;
        starve(&s.list[k]);
    }
    for (i = 0; i < n; i++) {
        if (getenv("V") != NULL) /* to know where it ended */
            fprintf(stderr, "\rmutation %ld ", i);
        counts[mutation(&s, seed, i)]++;
    }
    printf("%zu seeds", s.n);
    for (k = 0; n > 0 && k < INN_COUNT(statuses); k++)
        printf("%s%ld %s", k == 0 ? "; mutations: " : ", ", counts[k],
               statuses[k]);
    printf("\n");
    for (k = 0; k < s.n; k++)
        free(s.list[k].bytes);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
