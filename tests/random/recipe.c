/*
 * Drawing a recipe from a seed: which steps, what they read, which of them
 * are outputs. Nothing here knows shapes.
 */
#include "tests/random/random.h"

#include <string.h>

#include "runtime/base/random.h"

uint64_t rng_next(struct rng *r)
{
    return inn_random_bits(&r->state);
}

int64_t rng_between(struct rng *r, int64_t low, int64_t high)
{
    return low + (int64_t)(rng_next(r) % (uint64_t)(high - low + 1));
}

bool rng_chance(struct rng *r, int percent)
{
    return rng_between(r, 0, 99) < percent;
}

double rng_unit(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-52 - 1;
}

const struct step_kind step_kinds[] = {
    {"activation", step_activation, 16},
    {"affine", step_affine, 3},
    {"attention", step_attention, 1},
    {"batch norm", step_batch_norm, 10},
    {"binary", step_binary, 12},
    {"concat", step_concat, 7},
    {"concat constant", step_concat_constant, 1},
    {"concat input", step_concat_input, 2},
    {"concat space", step_concat_space, 1},
    {"concat split", step_concat_split, 3},
    {"conv", step_conv, 28},
    {"conv transpose", step_conv_transpose, 3},
    {"cumsum", step_cumsum, 1},
    {"depth", step_depth, 3},
    {"depthwise", step_depthwise, 6},
    {"expand", step_expand, 1},
    {"flatten gemm", step_flatten_gemm, 1},
    {"gate", step_gate, 6},
    {"gather", step_gather, 3},
    {"global", step_global, 1},
    {"halves", step_halves, 3},
    {"identity", step_identity, 2},
    {"lone gemm", step_lone_gemm, 3},
    {"lrn", step_lrn, 1},
    {"nhwc", step_nhwc, 2},
    {"norm", step_norm, 3},
    {"pad shortcut", step_pad_shortcut, 4},
    {"pad space", step_pad_space, 1},
    {"pixels", step_pixels, 3},
    {"pool", step_pool, 5},
    {"prelu", step_prelu, 3},
    {"reduce", step_reduce, 1},
    {"reduce channels", step_reduce_channels, 2},
    {"residual", step_residual, 8},
    {"resize", step_resize, 2},
    {"shared", step_shared, 3},
    {"shuffle", step_shuffle, 5},
    {"slice", step_slice, 3},
    {"softmax", step_softmax, 1},
    {"spatial gate", step_spatial_gate, 2},
    {"split", step_split, 5},
    {"tile", step_tile, 1},
    {"tokens", step_tokens, 1},
    {"twice", step_twice, 2},
    {"unflatten", step_unflatten, 2},
    {"view", step_view, 2},
    {"where", step_where, 1},
};

const int n_step_kinds = sizeof(step_kinds) / sizeof(step_kinds[0]);

static int kind_of(step_fn *emit)
{
    int k;

    for (k = 0; step_kinds[k].emit != emit; k++)
        ;
    return k;
}

static int draw_kind(struct rng *r)
{
    int64_t total = 0, at;
    int k;

    for (k = 0; k < n_step_kinds; k++)
        total += step_kinds[k].weight;
    at = rng_between(r, 0, total - 1);
    for (k = 0; at >= step_kinds[k].weight; k++)
        at -= step_kinds[k].weight;
    return k;
}

/*
 * Mostly the step before; further operands come from steps that nobody has
 * read yet, so that few of them end without a reader.
 */
static int draw_operand(struct rng *r, int index, int k, const bool *read)
{
    int back;

    if (rng_chance(r, 85 - 25 * k))
        return index - 1;
    if (rng_chance(r, 60)) {
        for (back = 2; back < index; back++) {
            if (!read[index - back])
                return index - back;
        }
    }
    back = (int)rng_between(r, 1, 8);
    return back < index ? index - back : 0;
}

static void draw_step(struct step *s, struct rng *rng, int index, bool *read)
{
    int k;

    s->kind = draw_kind(rng);
    for (k = 0; k < 3; k++) {
        s->from[k] = draw_operand(rng, index, k, read);
        /* Mostly the first result; others exist after a split alone. */
        s->part[k] = rng_chance(rng, 60) ? 0
                                         : (int)rng_between(rng, 0, 3);
    }
    read[s->from[0]] = true;
    s->channels = rng_between(rng, 2, 24);
    s->seed = rng_next(rng);
}

/* The last step, and some of those that nobody reads. */
static void draw_outputs(struct recipe *r, struct rng *rng,
                         const bool *read)
{
    int i;

    for (i = r->n_steps - 1; i > 0 && r->n_outputs < MAX_OUTPUTS; i--) {
        if (i < r->n_steps - 1 && (read[i] ? !rng_chance(rng, 2)
                                           : !rng_chance(rng, 60)))
            continue;
        r->head[r->n_outputs] = rng_chance(rng, 75);
        r->outputs[r->n_outputs++] = i;
    }
}

void recipe_draw(struct recipe *r, uint64_t seed, int max_nodes)
{
    static const int opsets[] = {11, 12, 13, 17, 18, 21};
    struct rng rng = {seed * 2 + 1};
    bool read[MAX_STEPS] = {false};
    int i;

    memset(r, 0, sizeof(*r));
    r->seed = seed;
    r->opset = opsets[rng_between(&rng, 0, 5)];
    r->batch = rng_between(&rng, 1, 2);
    r->open_batch = rng_chance(&rng, 40);
    r->keep_dead = rng_chance(&rng, 10);
    r->declare = rng_chance(&rng, 25);
    r->channels = rng_between(&rng, 1, 4);
    r->height = 2 * rng_between(&rng, 2, 6);
    r->width = rng_chance(&rng, 70) ? r->height
                                    : 2 * rng_between(&rng, 2, 6);
    r->max_nodes = (int)rng_between(&rng, max_nodes / 2 + 1, max_nodes);
    r->n_steps = 1 + (int)rng_between(&rng, r->max_nodes / 2 + 1,
                                      r->max_nodes);
    if (r->n_steps > MAX_STEPS)
        r->n_steps = MAX_STEPS;
    for (i = 1; i < r->n_steps; i++)
        draw_step(&r->steps[i], &rng, i, read);
    /* What comes before the first layer can't change its width. */
    if (rng_chance(&rng, 80))
        r->steps[1].kind = kind_of(step_conv);
    draw_outputs(r, &rng, read);
}
