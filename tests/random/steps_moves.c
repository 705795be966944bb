/*
 * Steps that move channels about: concatenation, splits, shuffles, padding,
 * pixels to channels and back.
 */
#include "tests/random/random.h"

static const struct item none = {-1, 0, 0, 0, 0};

/* More than this, and reference kernels take long. */
#define MOST_CHANNELS 48

static int concat(struct emit *e, const int *inputs, int rank)
{
    int y = op(e, "Concat", inputs);

    attr_int(e, "axis", rng_chance(&e->rng, 25) ? 1 - rank : 1);
    return y;
}

/* What can stand beside a: another value, or a layer of it. */
static struct item neighbour(struct emit *e, const struct step *s, int k,
                             struct item a)
{
    struct item b = operand_beside(e, s, k, a);

    if (b.v >= 0)
        return b;
    return a.rank == 4 ? conv1(e, a, s->channels)
                       : gemm(e, a, s->channels);
}

struct item step_concat(struct emit *e, const struct step *s, struct item a)
{
    struct item b = neighbour(e, s, 1, a), c = none;

    if (rng_chance(&e->rng, 35))
        c = neighbour(e, s, 2, a);
    if (a.c + b.c + c.c > MOST_CHANNELS)
        return none;
    a.v = c.v < 0 ? concat(e, (int[]){a.v, b.v, -2}, a.rank)
                  : concat(e, (int[]){a.v, b.v, c.v, -2}, a.rank);
    a.c += b.c + c.c;
    return a;
}

struct item step_twice(struct emit *e, const struct step *s, struct item a)
{
    (void)s;
    if (2 * a.c > MOST_CHANNELS)
        return none;
    a.v = concat(e, (int[]){a.v, a.v, -2}, a.rank);
    a.c *= 2;
    return a;
}

struct item step_concat_input(struct emit *e, const struct step *s,
                              struct item a)
{
    struct item x = e->results[0][0];

    (void)s;
    if (a.rank != 4 || x.h != a.h || x.w != a.w)
        return none;
    a.v = rng_chance(&e->rng, 50) ? concat(e, (int[]){x.v, a.v, -2}, 4)
                                  : concat(e, (int[]){a.v, x.v, -2}, 4);
    a.c += x.c;
    return a;
}

struct item step_concat_space(struct emit *e, const struct step *s,
                              struct item a)
{
    struct item b = operand_like(e, s, 1, a);

    if (a.rank != 4 || b.v < 0 || a.h > 6)
        return none;
    a.v = op2(e, "Concat", a.v, b.v);
    attr_int(e, "axis", 2);
    a.h *= 2;
    return a;
}

struct item step_concat_constant(struct emit *e, const struct step *s,
                                 struct item a)
{
    int64_t dims[4] = {e->recipe->batch, 2, a.h, a.w};
    int k;

    (void)s;
    if (e->recipe->open_batch)
        return none;
    k = weight(e, a.rank, dims, 0, 1);
    a.v = concat(e, (int[]){a.v, k, -2}, a.rank);
    a.c += 2;
    return a;
}

/* Splits x along its channels into n parts of these sizes. */
static void split(struct emit *e, struct item x, const int64_t *sizes,
                  int n, int *parts)
{
    bool equal = true;
    int i;

    for (i = 1; i < n; i++)
        equal = equal && sizes[i] == sizes[0];
    if (equal && rng_chance(&e->rng, 60)) {
        op_many(e, "Split", x.v, -2, parts, n);
        if (e->recipe->opset >= 18)
            attr_int(e, "num_outputs", n);
    } else if (e->recipe->opset >= 13) {
        int k = ints(e, sizes, n);

        op_many(e, "Split", x.v, k, parts, n);
    } else {
        op_many(e, "Split", x.v, -2, parts, n);
        attr_ints(e, "split", sizes, (size_t)n);
    }
    attr_int(e, "axis", 1);
}

struct item step_split(struct emit *e, const struct step *s, struct item a)
{
    int64_t sizes[3], n = rng_between(&e->rng, 2, 3);
    struct item part = a;
    int parts[3], i;

    (void)s;
    if (a.c < n)
        return none;
    if (a.c % n == 0 && rng_chance(&e->rng, 60)) {
        sizes[0] = sizes[1] = sizes[2] = a.c / n;
    } else {
        sizes[0] = rng_between(&e->rng, 1, a.c - n + 1);
        sizes[1] = n == 2 ? a.c - sizes[0]
                          : rng_between(&e->rng, 1, a.c - sizes[0] - 1);
        sizes[2] = a.c - sizes[0] - sizes[1];
    }
    split(e, a, sizes, (int)n, parts);
    for (i = 1; i < (int)n; i++) {
        part.v = parts[i];
        part.c = sizes[i];
        add_part(e, part);
    }
    if (rng_chance(&e->rng, 30)) { /* put together in another order */
        a.v = concat(e, (int[]){parts[1], parts[0], -2}, a.rank);
        a.c = sizes[0] + sizes[1];
        return a;
    }
    a.v = parts[0];
    a.c = sizes[0];
    if (sizes[1] == sizes[0] && rng_chance(&e->rng, 40)) {
        int gate = op1(e, "Sigmoid", parts[1]);

        a.v = op2(e, "Mul", a.v, gate);
    }
    return a;
}

/* Cut where the concatenation was, or elsewhere. */
struct item step_concat_split(struct emit *e, const struct step *s,
                              struct item a)
{
    struct item b = neighbour(e, s, 1, a), rest = a;
    int64_t sizes[2] = {a.c, b.c}, t;
    int parts[2], y;

    if (a.c + b.c > MOST_CHANNELS)
        return none;
    y = concat(e, (int[]){a.v, b.v, -2}, a.rank);
    if (rng_chance(&e->rng, 30)) {
        t = rng_between(&e->rng, 1, a.c + b.c - 1);
        sizes[0] = t;
        sizes[1] = a.c + b.c - t;
    }
    a.v = rng_chance(&e->rng, 70) ? op1(e, "Relu", y) : y;
    split(e, a, sizes, 2, parts);
    rest.v = parts[1];
    rest.c = sizes[1];
    add_part(e, rest);
    a.v = parts[0];
    a.c = sizes[0];
    return a;
}

static int slice(struct emit *e, int x, int64_t from, int64_t to,
                 int64_t axis, int64_t by)
{
    int in[6] = {x, -2, -2, -2, -2, -2};

    in[1] = ints(e, &from, 1);
    in[2] = ints(e, &to, 1);
    in[3] = ints(e, &axis, 1);
    if (by != 1 || rng_chance(&e->rng, 30))
        in[4] = ints(e, &by, 1);
    return op(e, "Slice", in);
}

struct item step_slice(struct emit *e, const struct step *s, struct item a)
{
    int64_t from, to, axis = 1;

    (void)s;
    if (a.rank == 4 && a.h > 4 && rng_chance(&e->rng, 30)) {
        axis = rng_chance(&e->rng, 50) ? 2 : -2;
        a.v = slice(e, a.v, 1, -1, axis, 1);
        a.h -= 2;
        return a;
    }
    if (a.c < 2)
        return none;
    if (rng_chance(&e->rng, 20)) { /* every second channel */
        a.v = slice(e, a.v, 0, INT64_MAX, 1, 2);
        a.c = (a.c + 1) / 2;
        return a;
    }
    from = rng_between(&e->rng, 0, a.c - 2);
    to = rng_between(&e->rng, from + 1, a.c);
    axis = rng_chance(&e->rng, 30) ? 1 - a.rank : 1;
    a.v = slice(e, a.v, rng_chance(&e->rng, 30) ? from - a.c : from,
                to == a.c && rng_chance(&e->rng, 50) ? INT64_MAX : to, axis,
                1);
    a.c = to - from;
    return a;
}

/* Half of the channels passes by, the other half is worked on. */
struct item step_halves(struct emit *e, const struct step *s, struct item a)
{
    struct item left = a, right = a;

    (void)s;
    if (a.rank != 4 || a.c % 2 != 0)
        return none;
    left.c = right.c = a.c / 2;
    left.v = slice(e, a.v, 0, a.c / 2, 1, 1);
    right.v = slice(e, a.v, a.c / 2, a.c, 1, 1);
    right = conv(e, right, (struct layer){right.c, 3, 1, 1});
    right.v = op1(e, "Relu", right.v);
    a.v = concat(e, (int[]){left.v, right.v, -2}, 4);
    return a;
}

/* A shape that the network computes from its own: {N, rest}. */
static int computed_shape(struct emit *e, int x, const int64_t *rest,
                          int64_t n)
{
    int batch = op1(e, "Shape", x);

    batch = slice(e, batch, 0, 1, 0, 1);
    batch = op2(e, "Concat", batch, ints(e, rest, n));
    attr_int(e, "axis", 0);
    return batch;
}

static int view(struct emit *e, int x, const int64_t *dims, int64_t n)
{
    if (rng_chance(&e->rng, 25)) {
        int shape = computed_shape(e, x, dims + 1, n - 1);

        return op2(e, "Reshape", x, shape);
    }
    return reshape(e, x, dims, n);
}

struct item step_shuffle(struct emit *e, const struct step *s, struct item a)
{
    int64_t g = rng_between(&e->rng, 2, 4), c, i, at[MOST_CHANNELS];

    (void)s;
    if (a.rank != 4 || a.c % g != 0 || a.c > MOST_CHANNELS)
        return none;
    c = a.c / g;
    if (rng_chance(&e->rng, 30)) {
        for (i = 0; i < a.c; i++)
            at[i] = i % g * c + i / g;
        i = ints(e, at, a.c);
        a.v = op2(e, "Gather", a.v, (int)i);
        attr_int(e, "axis", 1);
        return a;
    }
    a.v = view(e, a.v, (int64_t[]){0, g, c, a.h, a.w}, 5);
    a.v = transpose(e, a.v, (int64_t[]){0, 2, 1, 3, 4}, 5);
    a.v = view(e, a.v, (int64_t[]){0, rng_chance(&e->rng, 40) ? -1 : a.c,
                                   a.h, a.w}, 4);
    return a;
}

/* Some channels by number: a half, every second, any order. */
struct item step_gather(struct emit *e, const struct step *s, struct item a)
{
    int64_t at[MOST_CHANNELS], n = a.c, i, j, t;

    (void)s;
    if (a.c > MOST_CHANNELS || a.c < 2)
        return none;
    for (i = 0; i < n; i++)
        at[i] = i;
    switch (rng_between(&e->rng, 0, 2)) {
    case 0:
        n /= 2;
        break;
    case 1:
        n /= 2;
        for (i = 0; i < n; i++)
            at[i] = 2 * i + 1;
        break;
    default:
        for (i = n - 1; i > 0; i--) {
            j = rng_between(&e->rng, 0, i);
            t = at[i];
            at[i] = at[j];
            at[j] = t;
        }
        break;
    }
    t = ints(e, at, n);
    a.v = op2(e, "Gather", a.v, (int)t);
    attr_int(e, "axis", 1);
    a.c = n;
    return a;
}

/* Pads along any axes, in the form the opset wants. */
static int pad(struct emit *e, int x, const int64_t *pads, const char *mode)
{
    int k = ints(e, pads, 8), y;

    if (mode == NULL && rng_chance(&e->rng, 40)) {
        y = op3(e, "Pad", x, k, number(e, 0));
    } else {
        y = op2(e, "Pad", x, k);
        if (mode != NULL)
            attr_text(e, "mode", mode);
    }
    return y;
}

/* The shortcut of CIFAR's ResNets: fewer positions, more channels. */
struct item step_pad_shortcut(struct emit *e, const struct step *s,
                              struct item a)
{
    int64_t out = a.c + s->channels, before, stride = 1;
    struct item y, t = a;

    if (a.rank != 4 || out > MOST_CHANNELS)
        return none;
    if (a.h % 2 == 0 && a.w % 2 == 0 && a.h > 4 && rng_chance(&e->rng, 60))
        stride = 2;
    y = conv(e, a, (struct layer){out, 3, stride, 1});
    before = rng_chance(&e->rng, 40) ? 0
             : rng_chance(&e->rng, 50) ? s->channels / 2
                                       : s->channels;
    if (stride == 2) {
        t.v = slice(e, t.v, 0, INT64_MAX, 2, 2);
        t.v = slice(e, t.v, 0, INT64_MAX, 3, 2);
    }
    t.v = pad(e, t.v, (int64_t[]){0, before, 0, 0, 0, s->channels - before, 0,
                                  0}, NULL);
    y.v = op2(e, "Add", y.v, t.v);
    return y;
}

struct item step_pad_space(struct emit *e, const struct step *s,
                           struct item a)
{
    static const char *const modes[] = {NULL, "reflect", "edge"};

    if (a.rank != 4 || a.h < 3 || a.w < 3 || a.h > 10 || a.w > 10)
        return none;
    a.v = pad(e, a.v, (int64_t[]){0, 0, 1, 1, 0, 0, 1, 1},
              modes[rng_between(&e->rng, 0, 2)]);
    a.h += 2;
    a.w += 2;
    return conv1(e, a, s->channels);
}

struct item step_depth(struct emit *e, const struct step *s, struct item a)
{
    if (a.rank != 4)
        return none;
    if (a.h % 2 == 0 && a.w % 2 == 0 && a.h > 2 && a.w > 2 &&
        4 * a.c <= MOST_CHANNELS && rng_chance(&e->rng, 50)) {
        a.v = op1(e, "SpaceToDepth", a.v);
        attr_int(e, "blocksize", 2);
        a.c *= 4;
        a.h /= 2;
        a.w /= 2;
        return a;
    }
    if (a.h > 6 || a.w > 6)
        return none;
    if (a.c % 4 != 0)
        a = conv1(e, a, (s->channels + 3) / 4 * 4);
    a.v = op1(e, "DepthToSpace", a.v);
    attr_int(e, "blocksize", 2);
    if (rng_chance(&e->rng, 60))
        attr_text(e, "mode", rng_chance(&e->rng, 70) ? "CRD" : "DCR");
    a.c /= 4;
    a.h *= 2;
    a.w *= 2;
    return a;
}

/* The same written as Reshape, Transpose, Reshape. */
struct item step_pixels(struct emit *e, const struct step *s, struct item a)
{
    int64_t c;

    if (a.rank != 4)
        return none;
    if (a.h % 2 == 0 && a.w % 2 == 0 && a.h > 2 && a.w > 2 &&
        4 * a.c <= MOST_CHANNELS && rng_chance(&e->rng, 50)) {
        a.v = view(e, a.v, (int64_t[]){0, a.c, a.h / 2, 2, a.w / 2, 2}, 6);
        a.v = transpose(e, a.v, (int64_t[]){0, 1, 3, 5, 2, 4}, 6);
        a.c *= 4;
        a.h /= 2;
        a.w /= 2;
        a.v = view(e, a.v, (int64_t[]){0, a.c, a.h, a.w}, 4);
        return a;
    }
    if (a.h > 6 || a.w > 6)
        return none;
    if (a.c % 4 != 0)
        a = conv1(e, a, (s->channels + 3) / 4 * 4);
    c = a.c / 4;
    a.v = view(e, a.v, (int64_t[]){0, c, 2, 2, a.h, a.w}, 6);
    a.v = transpose(e, a.v, (int64_t[]){0, 1, 4, 2, 5, 3}, 6);
    a.c = c;
    a.h *= 2;
    a.w *= 2;
    a.v = view(e, a.v, (int64_t[]){0, rng_chance(&e->rng, 30) ? -1 : c, a.h,
                                   a.w}, 4);
    return a;
}

/* Other axes and back, with something done between. */
struct item step_view(struct emit *e, const struct step *s, struct item a)
{
    int64_t one = 1, t;

    (void)s;
    if (a.rank != 4)
        return none;
    switch (rng_between(&e->rng, 0, 2)) {
    case 0:
        a.v = view(e, a.v, (int64_t[]){0, a.c, a.h * a.w}, 3);
        a.v = op1(e, "Relu", a.v);
        a.v = view(e, a.v, (int64_t[]){0, a.c, a.h, a.w}, 4);
        return a;
    case 1:
        a.v = transpose(e, a.v, (int64_t[]){0, 1, 3, 2}, 4);
        t = a.h;
        a.h = a.w;
        a.w = t;
        return a;
    default:
        if (e->recipe->opset >= 13) {
            a.v = op2(e, "Unsqueeze", a.v, ints(e, &one, 1));
            a.v = op2(e, "Squeeze", a.v, ints(e, &one, 1));
        } else {
            a.v = op1(e, "Unsqueeze", a.v);
            attr_ints(e, "axes", &one, 1);
            a.v = op1(e, "Squeeze", a.v);
            attr_ints(e, "axes", &one, 1);
        }
        return a;
    }
}

struct item step_tile(struct emit *e, const struct step *s, struct item a)
{
    int64_t by[4] = {1, 1, 1, 1};

    (void)s;
    if (a.rank == 4 && a.h <= 6 && rng_chance(&e->rng, 50))
        by[2] = 2;
    else if (2 * a.c <= MOST_CHANNELS)
        by[1] = 2;
    a.v = op2(e, "Tile", a.v, ints(e, by, a.rank));
    a.c *= by[1];
    a.h *= by[2];
    return a;
}

struct item step_resize(struct emit *e, const struct step *s, struct item a)
{
    static const float scales[4] = {1, 1, 2, 2};
    int64_t dims[4] = {e->recipe->batch, a.c, 2 * a.h, 2 * a.w};
    bool linear = rng_chance(&e->rng, 40);
    int k;

    (void)s;
    if (a.rank != 4 || a.h > 6 || a.w > 6 || !has_op(e, "Resize"))
        return none;
    if (!e->recipe->open_batch && rng_chance(&e->rng, 40)) {
        a.v = op(e, "Resize", (int[]){a.v, -1, -1, ints(e, dims, 4), -2});
    } else {
        k = floats(e, scales, 4);
        a.v = op3(e, "Resize", a.v, -1, k);
    }
    attr_text(e, "mode", linear ? "linear" : "nearest");
    if (linear) {
        attr_text(e, "coordinate_transformation_mode", "half_pixel");
    } else {
        attr_text(e, "coordinate_transformation_mode", "asymmetric");
        attr_text(e, "nearest_mode", "floor");
    }
    a.h *= 2;
    a.w *= 2;
    return a;
}
