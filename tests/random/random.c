/*
 * random [--seed S] [--count N] [--nodes M] [--keep FILE.onnx] [--print]
 *
 * Checks the laws of laws.c on N networks of up to M graph nodes, with seeds
 * S, S+1 …; prints how many hold, and the mean share of parameters in free
 * groups, so that pinning more than need be shows. The first network that
 * breaks a law is made smaller and printed. Exit 0, 1 where a law is broken.
 */
#include "tests/random/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/graph/onnx.h"

struct run {
    long long seed, count, nodes;
    const char *keep;
    bool print;
    char dir[256];
};

/* The network of r to stdout, and to the file to be kept. */
static void show(const struct run *run, const struct recipe *r)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_graph *g;
    struct inn_error err = {0};

    if (heap == NULL)
        return;
    g = recipe_build(r, heap, &err);
    if (g == NULL) {
        fprintf(stderr, "random: %s\n", err.message);
    } else {
        graph_print(g);
        if (run->keep != NULL &&
            inn_onnx_write(g, run->keep, true, &err) != INN_OK)
            fprintf(stderr, "random: %s\n", err.message);
    }
    inn_graph_free(g);
    inn_heap_free(heap);
}

static int report(const struct run *run, struct recipe *r,
                  struct verdict *v)
{
    printf("seed %llu breaks '%s': %s\n", (unsigned long long)r->seed, v->law,
           v->why);
    fflush(stdout);
    shrink(r, v, run->dir);
    printf("smallest network found: '%s': %s\n", v->law, v->why);
    show(run, r);
    return 1;
}

static int check_all(const struct run *run)
{
    double share = 0, nodes = 0, groups = 0;
    long long i, judged = 0, sensitive = 0;

    for (i = 0; i < run->count; i++) {
        struct recipe r;
        struct verdict v;

        recipe_draw(&r, (uint64_t)(run->seed + i), (int)run->nodes);
        if (run->print)
            show(run, &r);
        laws_check(&v, &r, run->dir, 2);
        if (v.law != NULL)
            return report(run, &r, &v);
        if (v.unstable)
            continue;
        judged++;
        sensitive += v.sensitive;
        share += v.free_share;
        nodes += v.nodes;
        groups += v.groups;
    }
    if (judged == 0) {
        printf("no network could be judged\n");
        return 1;
    }
    printf("%lld networks, %.1f graph nodes and %.1f groups each; %.1f %% of "
           "the parameters free; %lld not judged, %lld by their noise\n",
           judged, nodes / (double)judged, groups / (double)judged,
           100 * share / (double)judged, run->count - judged, sensitive);
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: random [--seed S] [--count N] [--nodes M] "
                    "[--keep FILE.onnx] [--print]\n");
    return 2;
}

static bool read_options(struct run *run, int argc, char **argv)
{
    int i;

    for (i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--print") == 0) {
            run->print = true;
            continue;
        }
        if (value == NULL)
            return false;
        if (strcmp(argv[i], "--seed") == 0)
            run->seed = atoll(value);
        else if (strcmp(argv[i], "--count") == 0)
            run->count = atoll(value);
        else if (strcmp(argv[i], "--nodes") == 0)
            run->nodes = atoll(value);
        else if (strcmp(argv[i], "--keep") == 0)
            run->keep = value;
        else
            return false;
        i++;
    }
    return run->seed >= 0 && run->count > 0 && run->nodes > 0 &&
           run->nodes <= 200;
}

int main(int argc, char **argv)
{
    struct run run = {1, 1, 60, NULL, false, ""};
    const char *tmp = getenv("TMPDIR");
    char path[300];
    int status;

    if (!read_options(&run, argc, argv))
        return usage();
    snprintf(run.dir, sizeof(run.dir), "%s/inn-random-XXXXXX",
             tmp != NULL && strlen(tmp) < 200 ? tmp : "/tmp");
    if (mkdtemp(run.dir) == NULL) {
        perror(run.dir);
        return 1;
    }
    status = check_all(&run);
    snprintf(path, sizeof(path), "%s/a.onnx", run.dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/a.inn", run.dir);
    unlink(path);
    rmdir(run.dir);
    return status;
}
