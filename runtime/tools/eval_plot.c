/* inn eval --plot: rows as curves, one for each choice of rules. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/cli/plot.h"
#include "runtime/tools/eval.h"

enum against { AGAINST_BOTH = 0, AGAINST_PARAMS = 1, AGAINST_MACS = 2 };

static struct inn_plot_point point_of(const struct inn_eval *e,
                                      const struct inn_eval_row *row)
{
    struct inn_plot_point p = {.se = row->loss_se};

    p.y = e->task == &inn_eval_class ? row->top1 : row->psnr;
    p.x[0] = (double)row->cost.params;
    p.x[1] = (double)row->cost.macs;
    if (e->v->against == AGAINST_MACS)
        p.x[0] = p.x[1];
    return p;
}

static bool same(const struct inn_rules *a, const struct inn_rules *b)
{
    return a->partition == b->partition && a->quadrature == b->quadrature;
}

static int by_size(const void *a, const void *b)
{
    const struct inn_plot_point *p = a, *q = b;
    int k;

    for (k = 0; k < 2; k++) {
        if (p->x[k] != q->x[k])
            return p->x[k] < q->x[k] ? -1 : 1;
    }
    return (p->y > q->y) - (p->y < q->y);
}

/* A rule that is not its partition's own is named too. */
static const char *label_of(const struct inn_eval *e,
                            const struct inn_rules *rules,
                            struct inn_error *err)
{
    const char *partition = inn_partition_name(rules->partition);
    const char *quadrature = inn_quadrature_name(rules->quadrature);

    if (rules->partition == INN_PARTITION_L1 ||
        strcmp(partition, quadrature) == 0)
        return partition;
    return inn_arena_printf(&e->cli->arena, err, "%s, %s", partition,
                            quadrature);
}

static enum inn_status make_curve(struct inn_plot_curve *curve,
                                  const struct inn_eval *e,
                                  const struct inn_eval_row *rows, size_t n,
                                  const struct inn_rules *rules,
                                  struct inn_error *err)
{
    struct inn_plot_point *points;
    size_t i;

    points = inn_arena_alloc(&e->cli->arena, n, sizeof(*points), err);
    curve->label = label_of(e, rules, err);
    if (points == NULL || curve->label == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        if (same(&rows[i].rules, rules))
            points[curve->n++] = point_of(e, &rows[i]);
    }
    qsort(points, curve->n, sizeof(*points), by_size);
    curve->points = points;
    return INN_OK;
}

/* The network's file name without its ending, else what its graph is called. */
static enum inn_status set_texts(struct inn_plot *plot,
                                 const struct inn_eval *e,
                                 struct inn_error *err)
{
    static const char *const images[] = {"", "even ", "odd "};
    const char *name = e->net.model->source_name;
    char number[INN_INT_TEXT], *title, *end;

    if (name == NULL || *name == '\0')
        name = e->net.path;
    if (strrchr(name, '/') != NULL)
        name = strrchr(name, '/') + 1;
    title = inn_arena_strdup(&e->cli->arena, name, err);
    if (title == NULL)
        return inn_refused(err);
    end = strrchr(title, '.');
    if (end != NULL && end != title &&
        (strcmp(end, ".onnx") == 0 || strcmp(end, ".inn") == 0))
        *end = '\0';
    inn_utf8_repair(title);
    plot->title = title;
    plot->subtitle = inn_arena_printf(
        &e->cli->arena, err, "%s on %s %spictures; bars: standard error of "
        "the loss", e->task->quality, inn_int_text(number, e->n_chosen),
        images[e->v->images]);
    return plot->subtitle != NULL ? INN_OK : inn_refused(err);
}

enum inn_status inn_eval_plot(const struct inn_eval *e,
                              const struct inn_eval_row *rows, size_t n,
                              struct inn_error *err)
{
    static const char *const axes[] = {"parameters", "MACs per picture"};
    struct inn_plot plot = {.y_label = e->task->quality,
                            .y_unit = e->task->unit,
                            .y_most = e->task == &inn_eval_class ? 100
                                                                 : INFINITY,
                            .n_panels = e->v->against == AGAINST_BOTH ? 2 : 1,
                            .full = point_of(e, &e->full),
                            .full_label = "full width"};
    struct inn_plot_curve *curves;
    enum inn_status st;
    size_t i, k;

    plot.x_labels[0] = axes[e->v->against == AGAINST_MACS];
    plot.x_labels[1] = axes[1];
    curves = inn_arena_alloc(&e->cli->arena, n, sizeof(*curves), err);
    if (curves == NULL)
        return inn_refused(err);
    st = set_texts(&plot, e, err);
    for (i = 0; i < n && st == INN_OK; i++) {
        for (k = 0; k < i && !same(&rows[k].rules, &rows[i].rules); k++)
            ;
        if (k == i)
            st = make_curve(&curves[plot.n_curves++], e, rows, n,
                            &rows[i].rules, err);
    }
    plot.curves = curves;
    return st == INN_OK ? inn_plot_write(&plot, e->v->plot,
                                         e->v->common.force, e->cli->heap,
                                         err) : st;
}
