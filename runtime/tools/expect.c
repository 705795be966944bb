/*
 * Judging a file by its expect.json: its bytes and operators, and at every
 * width that is named the network's size, outputs and accuracy.
 */
#include "runtime/tools/expect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/error.h"
#include "runtime/tools/difference.h"
#include "runtime/tools/report.h"
#include "runtime/tools/tensors.h"

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum inn_status inn_operator_kinds(struct inn_cli_list *kinds,
                                   const struct inn_graph *graph,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    size_t n = 0, i;
    int k;

    kinds->n = 0;
    kinds->items = inn_arena_alloc(arena, (size_t)graph->n_nodes,
                                   sizeof(*kinds->items), err);
    if (kinds->items == NULL)
        return inn_refused(err);
    for (k = 0; k < graph->n_nodes; k++) {
        const struct inn_node *node = &graph->nodes[k];
        bool own = node->domain[0] == '\0' ||
                   strcmp(node->domain, "ai.onnx") == 0;

        kinds->items[k] = own ? node->op_type
                              : inn_arena_printf(arena, err, "%s:%s",
                                                 node->domain, node->op_type);
        if (kinds->items[k] == NULL)
            return inn_refused(err);
    }
    if (graph->n_nodes > 0)
        qsort(kinds->items, (size_t)graph->n_nodes, sizeof(*kinds->items),
              by_text);
    for (i = 0; i < (size_t)graph->n_nodes; i++) {
        if (n == 0 || strcmp(kinds->items[n - 1], kinds->items[i]) != 0)
            kinds->items[n++] = kinds->items[i];
    }
    kinds->n = n;
    return INN_OK;
}

static bool contains(const struct inn_cli_list *list, const char *text)
{
    size_t i;

    for (i = 0; i < list->n; i++) {
        if (strcmp(list->items[i], text) == 0)
            return true;
    }
    return false;
}

/* "A, B": what is in list and not in other; NULL: nothing. */
static const char *missing(const struct inn_cli_list *list,
                           const struct inn_cli_list *other,
                           struct inn_arena *arena, struct inn_error *err)
{
    const char *text = NULL;
    size_t i;

    for (i = 0; i < list->n; i++) {
        if (contains(other, list->items[i]))
            continue;
        text = text == NULL ? list->items[i]
                            : inn_arena_printf(arena, err, "%s, %s", text,
                                               list->items[i]);
        if (text == NULL)
            return NULL;
    }
    return text;
}

static enum inn_status judge_operators(struct inn_checks *checks,
                                       const struct inn_expect *expect,
                                       const struct inn_graph *graph,
                                       struct inn_error *err)
{
    struct inn_arena *arena = checks->arena;
    struct inn_cli_list kinds;
    const char *more, *less = NULL, *why = NULL;
    char value[32], bound[48];
    enum inn_status st = inn_operator_kinds(&kinds, graph, arena, err);

    if (st != INN_OK)
        return st;
    more = missing(&kinds, &expect->operators, arena, err);
    if (!expect->operators_only)
        less = missing(&expect->operators, &kinds, arena, err);
    if (more != NULL || less != NULL)
        why = inn_arena_printf(arena, err, "%s%s%s%s%s",
                               more != NULL ? "not expected: " : "",
                               more != NULL ? more : "",
                               more != NULL && less != NULL ? "; " : "",
                               less != NULL ? "missing: " : "",
                               less != NULL ? less : "");
    if (err->status != INN_OK)
        return err->status;
    snprintf(value, sizeof(value), "%zu kinds", kinds.n);
    snprintf(bound, sizeof(bound), "%s%zu kinds",
             expect->operators_only ? "of " : "", expect->operators.n);
    inn_checks_text(checks, "operators", why == NULL, value, bound, why);
    return INN_OK;
}

static bool given(const struct inn_bound *b)
{
    return !isnan(b->min) || !isnan(b->max);
}

/* "width 0.8: parameters"; an ONNX network has one width and no such name. */
static const char *line_name(const struct inn_expect_network *want,
                             const struct inn_network *net,
                             struct inn_arena *arena, const char *what,
                             struct inn_error *err)
{
    if (net->model == NULL)
        return inn_arena_strdup(arena, what, err);
    if (want->sampling.plan != NULL)
        return inn_arena_printf(arena, err, "plan %s: %s",
                                want->sampling.plan, what);
    return inn_arena_printf(arena, err, "width %.6g: %s",
                            want->sampling.width > 0 ? want->sampling.width
                                                     : 1.0, what);
}

static enum inn_status judge_number(struct inn_checks *checks,
                                    const struct inn_expect_network *want,
                                    const struct inn_network *net,
                                    const char *what, double value,
                                    const struct inn_bound *bound,
                                    struct inn_error *err)
{
    const char *name;

    if (!given(bound))
        return INN_OK;
    name = line_name(want, net, checks->arena, what, err);
    if (name == NULL)
        return inn_refused(err);
    inn_checks_number(checks, name, value, bound);
    return INN_OK;
}

enum inn_status inn_expect_run(struct inn_tensor *out,
                               struct inn_network *net,
                               const struct inn_cli_list *inputs,
                               int64_t seed, int threads,
                               struct inn_arena *arena,
                               struct inn_error *err)
{
    const struct inn_session_options how = {.threads = threads};
    const struct inn_graph *g = net->graph;
    struct inn_session *session = NULL;
    const struct inn_tensor *got;
    struct inn_tensor *in;
    enum inn_status st;
    int i;

    in = inn_arena_alloc(arena, (size_t)g->n_inputs, sizeof(*in), err);
    if (in == NULL)
        return inn_refused(err);
    st = inputs->n > 0 ? inn_load_inputs(in, g, inputs, arena, err)
                       : inn_random_inputs(in, net, (uint64_t)seed, arena,
                                           err);
    if (st == INN_OK)
        st = inn_session_new(&session, g, &how, err);
    if (st == INN_OK)
        st = inn_session_run(session, &got, in, g->n_inputs, err);
    for (i = 0; i < g->n_outputs && st == INN_OK; i++) {
        st = inn_tensor_new(&out[i], arena, got[i].type, got[i].rank,
                            got[i].dims, err);
        if (st == INN_OK && got[i].bytes > 0)
            memcpy(out[i].data, got[i].data, got[i].bytes);
    }
    inn_session_free(session);
    return st;
}

/* What is known of an output beside what came out. */
struct verdict {
    bool ok;
    double largest; /* difference */
    char why[256];
};

static void judge_one(struct verdict *v, const char *what, double a, double b,
                      const struct inn_expect_reference *ref)
{
    double d = fabs(a - b);

    if (a == b || (isnan(a) && isnan(b)))
        d = 0;
    if (d > v->largest || isnan(d))
        v->largest = d;
    if (d != 0 && !(isfinite(d) && d <= ref->atol + ref->rtol * fabs(a))) {
        if (v->ok)
            snprintf(v->why, sizeof(v->why), "%s is %.9g, expected %.9g",
                     what, b, a);
        v->ok = false;
    }
}

/* A few values, and what is said of all. */
static void judge_values(struct verdict *v,
                         const struct inn_expect_output *want,
                         const struct inn_expect_reference *ref,
                         const struct inn_tensor *got)
{
    size_t count = inn_tensor_count(got), i;
    double sum = 0, squares = 0, n = count > 0 ? (double)count : 1;

    for (i = 0; i < want->n_values; i++) {
        size_t at = i * want->every;
        char what[INN_INDEX_TEXT + 16], index[INN_INDEX_TEXT];

        if (want->every > count || at >= count) {
            v->ok = false;
            snprintf(v->why, sizeof(v->why), "there are %zu values, more "
                     "than its %zu elements hold", want->n_values, count);
            return;
        }
        snprintf(what, sizeof(what), "element %s",
                 inn_index_text(index, got, at));
        judge_one(v, what, want->values[i], inn_tensor_number(got, at), ref);
    }
    for (i = 0; i < count; i++) {
        double x = inn_tensor_number(got, i);

        sum += x;
        squares += x * x;
    }
    if (!isnan(want->mean))
        judge_one(v, "the mean", want->mean, sum / n, ref);
    if (!isnan(want->rms))
        judge_one(v, "the rms", want->rms, sqrt(squares / n), ref);
}

static enum inn_status judge_file(struct verdict *v, bool *same_shape,
                                  const struct inn_expect_output *want,
                                  const struct inn_expect_reference *ref,
                                  const struct inn_tensor *got,
                                  struct inn_tensor *stored,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    struct inn_difference d;
    const char *inner;
    char index[INN_INDEX_TEXT];
    enum inn_status st = inn_load_tensor(stored, &inner, want->file, arena,
                                         err);

    if (st != INN_OK)
        return st;
    inn_difference_measure(&d, stored, got, ref->atol, ref->rtol);
    *same_shape = d.same_shape;
    v->ok = d.passed;
    v->largest = d.max_abs;
    if (d.same_shape && !d.passed)
        snprintf(v->why, sizeof(v->why), "element %s is %.9g, expected %.9g",
                 inn_index_text(index, got, d.first), d.first_b, d.first_a);
    return INN_OK;
}

static enum inn_status judge_output(struct inn_checks *checks,
                                    const char *name,
                                    const struct inn_expect_output *want,
                                    const struct inn_expect_reference *ref,
                                    const struct inn_tensor *got,
                                    struct inn_error *err)
{
    struct verdict v = {true, 0, ""};
    struct inn_tensor shape = {.type = got->type, .rank = want->rank};
    char a[INN_SHAPE_TEXT], b[INN_SHAPE_TEXT];
    enum inn_status st = INN_OK;
    bool same;

    if (want->file != NULL) {
        st = judge_file(&v, &same, want, ref, got, &shape, checks->arena,
                        err);
        if (st != INN_OK)
            return st;
    } else {
        memcpy(shape.dims, want->dims, sizeof(want->dims));
        same = inn_tensor_same_shape(&shape, got);
        if (same)
            judge_values(&v, want, ref, got);
    }
    if (!same) {
        inn_checks_text(checks, name, false,
                        inn_shape_text(a, got->rank, got->dims),
                        inn_shape_text(b, shape.rank, shape.dims),
                        "it has another shape");
        return INN_OK;
    }
    snprintf(a, sizeof(a), "%.3g", v.largest);
    snprintf(b, sizeof(b), "%g + %g |a|", ref->atol, ref->rtol);
    inn_checks_text(checks, name, v.ok, a, b, v.why[0] != '\0' ? v.why
                                                               : NULL);
    return INN_OK;
}

static enum inn_status judge_reference(struct inn_checks *checks,
                                       const struct inn_expect_network *want,
                                       const struct inn_expect_reference *ref,
                                       struct inn_cli *cli,
                                       struct inn_network *net,
                                       struct inn_error *err)
{
    struct inn_arena *arena = checks->arena;
    struct inn_tensor *out;
    enum inn_status st;
    size_t i;

    out = inn_arena_alloc(arena, (size_t)net->graph->n_outputs, sizeof(*out),
                          err);
    if (out == NULL)
        return inn_refused(err);
    st = inn_expect_run(out, net, &ref->inputs, ref->seed,
                        (int)cli->common->threads, arena, err);
    for (i = 0; i < ref->n_outputs && st == INN_OK; i++) {
        const struct inn_expect_output *o = &ref->outputs[i];
        int at = inn_find_output(net->graph, o->name, err);
        const char *what, *name = NULL;

        if (at < 0)
            return INN_ERR_RANGE;
        what = ref->inputs.n > 0
                   ? inn_arena_printf(arena, err, "%s from %s", o->name,
                                      ref->inputs.items[0])
                   : inn_arena_printf(arena, err, "%s from seed %lld",
                                      o->name, (long long)ref->seed);
        if (what != NULL)
            name = line_name(want, net, arena, what, err);
        if (name == NULL)
            return inn_refused(err);
        st = judge_output(checks, name, o, ref, &out[at], err);
    }
    return st;
}

static enum inn_status judge_accuracy(struct inn_checks *checks,
                                      const struct inn_expect_network *want,
                                      struct inn_cli *cli,
                                      const struct inn_network *net,
                                      struct inn_error *err)
{
    struct inn_eval_values v = want->eval;
    struct inn_eval_row row;
    enum inn_status st;

    v.common = *cli->common;
    v.sampling = want->sampling;
    st = inn_eval_one(&row, cli, &v, net->path, err);
    if (st == INN_OK)
        st = judge_number(checks, want, net, "top-1", row.top1, &want->top1,
                          err);
    if (st == INN_OK)
        st = judge_number(checks, want, net, "top-5", row.top5, &want->top5,
                          err);
    if (st == INN_OK)
        st = judge_number(checks, want, net, "PSNR", row.psnr, &want->psnr,
                          err);
    if (st == INN_OK)
        st = judge_number(checks, want, net, "SSIM", row.ssim, &want->ssim,
                          err);
    return st;
}

static enum inn_status judge_network(struct inn_checks *checks,
                                     const struct inn_expect_network *want,
                                     struct inn_cli *cli,
                                     struct inn_network *net,
                                     struct inn_error *err)
{
    struct inn_rules rules[INN_MOST_RULES];
    struct inn_cost cost;
    enum inn_status st;
    size_t n, i;

    st = inn_sampling_rules(rules, &n, &want->sampling, false, err);
    if (st == INN_OK)
        st = inn_network_sample(net, &want->sampling, 0, rules,
                                (int)cli->common->threads, err);
    if (st == INN_OK)
        st = inn_network_cost(&cost, net, err);
    if (st == INN_OK)
        st = judge_number(checks, want, net, "parameters",
                          (double)cost.params, &want->params, err);
    if (st == INN_OK)
        st = judge_number(checks, want, net, "MACs", (double)cost.macs,
                          &want->macs, err);
    if (st == INN_OK && want->n_references > 0)
        st = inn_network_prepare(net, err);
    for (i = 0; i < want->n_references && st == INN_OK; i++)
        st = judge_reference(checks, want, &want->references[i], cli, net,
                             err);
    if (st == INN_OK && want->has_accuracy)
        st = judge_accuracy(checks, want, cli, net, err);
    if (st != INN_OK)
        inn_error_prefix(err, "%s", want->where);
    return st;
}

enum inn_status inn_expect_judge(struct inn_checks *checks,
                                 const struct inn_expect *expect,
                                 struct inn_cli *cli, struct inn_network *net,
                                 struct inn_error *err)
{
    const struct inn_graph *graph = inn_network_graph(net);
    enum inn_status st = INN_OK;
    struct stat s;
    size_t i;

    if (given(&expect->bytes)) {
        if (stat(net->path, &s) != 0)
            s.st_size = 0;
        inn_checks_number(checks, "bytes", (double)s.st_size,
                          &expect->bytes);
    }
    if (given(&expect->opset))
        inn_checks_number(checks, "opset", (double)inn_graph_opset(graph),
                          &expect->opset);
    if (expect->has_operators)
        st = judge_operators(checks, expect, graph, err);
    for (i = 0; i < expect->n_networks && st == INN_OK; i++) {
        inn_progress_phase(&cli->progress, (int)i + 1,
                           (int)expect->n_networks, "expectations");
        st = judge_network(checks, &expect->networks[i], cli, net, err);
    }
    return st;
}
