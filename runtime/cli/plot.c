/*
 * Plots by cairo. Curves part where networks are small, at the left, so that
 * is where their names stand; colours are Okabe and Ito's, told apart by the
 * colour-blind, and markers differ too.
 */
#include "config.h"

#include "runtime/cli/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/write.h"

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);

    return len > n && strcmp(text + len - n, end) == 0;
}

bool inn_plot_name(const char *path)
{
    return ends_with(path, ".svg") || ends_with(path, ".png");
}

double inn_plot_step(int *decimals, double low, double high, int most)
{
    double least = (high - low) / most, power, step;

    *decimals = 0;
    if (!(least > 0) || !isfinite(least))
        return 1;
    power = floor(log10(least));
    step = pow(10, power);
    if (step * (1 + 1e-9) < least)
        step = least <= 2 * pow(10, power) * (1 + 1e-9) ? 2 * pow(10, power)
               : least <= 5 * pow(10, power) * (1 + 1e-9)
                   ? 5 * pow(10, power) : pow(10, power + 1);
    *decimals = (int)-floor(log10(step) + 1e-9);
    if (*decimals < 0)
        *decimals = 0;
    return step;
}

#ifdef HAVE_CAIRO

#include <cairo-svg.h>
#include <cairo.h>

#define PANEL_WIDTH 380.0
#define PANEL_HEIGHT 290.0
#define LEFT 66.0   /* of the first panel: ticks and label */
#define BETWEEN 36.0
#define RIGHT 24.0
#define TOP 74.0    /* title */
#define BOTTOM 56.0 /* ticks and label */
#define MARKER 3.4
#define LINE_HEIGHT 14.0
#define LABEL_GAP 9.0 /* between a curve's end and its label */
#define PNG_SCALE 2.0
#define MOST_CURVES 32

static const double colours[][3] = {
    {0.000, 0.447, 0.698}, /* blue */
    {0.835, 0.369, 0.000}, /* vermillion */
    {0.000, 0.620, 0.451}, /* bluish green */
    {0.800, 0.475, 0.655}, /* reddish purple */
    {0.902, 0.624, 0.000}, /* orange */
    {0.337, 0.706, 0.914}, /* sky blue */
    {0.250, 0.250, 0.250},
};
#define N_COLOURS (sizeof(colours) / sizeof(colours[0]))

/* A stretch of numbers and where it lies in the picture. */
struct axis {
    double low, high, from, to, step, unit;
    int decimals;
};

struct panel {
    const struct inn_plot *plot;
    cairo_t *c;
    struct axis x, y;
    int which;
};

/* A curve's name beside its left end. */
struct label {
    size_t curve;
    double x, y, at; /* the curve's end, and where the text goes */
};

static double place(const struct axis *a, double value)
{
    return a->from + (value - a->low) / (a->high - a->low) * (a->to - a->from);
}

static bool drawn(const struct inn_plot_point *p, int which)
{
    return isfinite(p->x[which]) && isfinite(p->y);
}

static void grey(cairo_t *c, double level)
{
    cairo_set_source_rgb(c, level, level, level);
}

static void font(cairo_t *c, double size, bool bold)
{
    cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD
                                : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(c, size);
}

static double text_width(cairo_t *c, const char *text)
{
    cairo_text_extents_t e;

    cairo_text_extents(c, text, &e);
    return e.x_advance;
}

/* share of the text's width lies to the left of x. */
static void put(cairo_t *c, double x, double y, double share,
                const char *text)
{
    cairo_move_to(c, x - share * text_width(c, text), y);
    cairo_show_text(c, text);
}

static void line(cairo_t *c, double x0, double y0, double x1, double y1)
{
    cairo_move_to(c, x0, y0);
    cairo_line_to(c, x1, y1);
    cairo_stroke(c);
}

static void include(double *low, double *high, double value)
{
    if (!isfinite(value))
        return;
    *low = fmin(*low, value);
    *high = fmax(*high, value);
}

static void set_y(struct axis *a, const struct inn_plot *plot)
{
    double low = INFINITY, high = -INFINITY, least, air;
    size_t i, k;

    include(&low, &high, plot->full.y);
    for (i = 0; i < plot->n_curves; i++) {
        for (k = 0; k < plot->curves[i].n; k++)
            include(&low, &high, plot->curves[i].points[k].y);
    }
    if (!(low <= high))
        low = high = 0;
    least = low >= 0 ? 0 : -INFINITY;
    for (i = 0; i < plot->n_curves; i++) {
        for (k = 0; k < plot->curves[i].n; k++) {
            const struct inn_plot_point *p = &plot->curves[i].points[k];

            include(&low, &high, p->y - p->se);
            include(&low, &high, p->y + p->se);
        }
    }
    air = high > low ? 0.06 * (high - low) : fmax(1e-3 * fabs(high), 0.5);
    high = fmin(high + air, plot->y_most);
    low = fmax(low - air, least);
    a->step = inn_plot_step(&a->decimals, low, high, 6);
    a->low = floor(low / a->step) * a->step;
    a->high = fmin(ceil(high / a->step) * a->step, plot->y_most);
    if (!(a->high > a->low))
        a->high = a->low + a->step;
    a->unit = 1;
}

/* Room to the left of the first point for the curves' names. */
static void set_x(struct axis *a, const struct inn_plot *plot, int which,
                  double names)
{
    double low = INFINITY, high = -INFINITY, air, share;
    size_t i, k;

    include(&low, &high, plot->full.x[which]);
    for (i = 0; i < plot->n_curves; i++) {
        for (k = 0; k < plot->curves[i].n; k++)
            include(&low, &high, plot->curves[i].points[k].x[which]);
    }
    if (!(low <= high))
        low = high = 0;
    air = high > low ? 0.05 * (high - low) : fmax(0.1 * fabs(high), 1);
    share = fmin((names + LABEL_GAP) / (a->to - a->from), 0.6);
    a->high = high + air;
    a->low = low - (share * (a->high - low) + 0.2 * air) / (1 - share);
    a->unit = high >= 1e9 ? 1e9 : high >= 1e6 ? 1e6 : high >= 1e3 ? 1e3 : 1;
    a->step = a->unit * inn_plot_step(&a->decimals, a->low / a->unit,
                                      a->high / a->unit, 6);
}

static void number(char text[32], const struct axis *a, double value)
{
    if (fabs(value) < 1e-9 * a->step)
        value = 0;
    snprintf(text, 32, "%.*f", a->decimals, value / a->unit);
}

static void draw_y(const struct panel *p)
{
    const struct axis *a = &p->y;
    char text[96];
    double k;

    font(p->c, 11, false);
    cairo_set_line_width(p->c, 0.7);
    for (k = a->low / a->step; k * a->step <= a->high * (1 + 1e-9) +
         1e-9 * a->step; k = floor(k + 1.5)) {
        double y = place(a, k * a->step);

        grey(p->c, 0.88);
        line(p->c, p->x.from, y, p->x.to, y);
        if (p->which > 0)
            continue;
        grey(p->c, 0.3);
        number(text, a, k * a->step);
        put(p->c, p->x.from - 7, y + 4, 1, text);
    }
    if (p->which > 0)
        return;
    snprintf(text, sizeof(text), "%s, %s", p->plot->y_label,
             p->plot->y_unit);
    cairo_save(p->c);
    cairo_translate(p->c, 18, (a->from + a->to) / 2);
    cairo_rotate(p->c, -acos(-1) / 2);
    grey(p->c, 0.15);
    font(p->c, 12, false);
    put(p->c, 0, 0, 0.5, text);
    cairo_restore(p->c);
}

static void draw_x(const struct panel *p)
{
    const struct axis *a = &p->x;
    const char *unit = a->unit == 1e9 ? ", billions"
                       : a->unit == 1e6 ? ", millions"
                       : a->unit == 1e3 ? ", thousands" : "";
    char text[96];
    double k;

    font(p->c, 11, false);
    grey(p->c, 0.3);
    cairo_set_line_width(p->c, 1);
    line(p->c, place(a, fmax(a->low, 0)), p->y.from, a->to, p->y.from);
    for (k = ceil(fmax(a->low, 0) / a->step - 1e-9); k * a->step <= a->high;
         k += 1) {
        double x = place(a, k * a->step);

        line(p->c, x, p->y.from, x, p->y.from + 4);
        number(text, a, k * a->step);
        put(p->c, x, p->y.from + 17, 0.5, text);
    }
    snprintf(text, sizeof(text), "%s%s", p->plot->x_labels[p->which], unit);
    grey(p->c, 0.15);
    font(p->c, 12, false);
    put(p->c, (a->from + a->to) / 2, p->y.from + 38, 0.5, text);
}

/* Where the network starts from: a dashed line, and a ring later on. */
static void draw_full(const struct panel *p)
{
    static const double dashes[] = {4, 3};
    double y = place(&p->y, p->plot->full.y);

    if (!drawn(&p->plot->full, p->which))
        return;
    cairo_save(p->c);
    grey(p->c, 0.45);
    cairo_set_line_width(p->c, 0.9);
    cairo_set_dash(p->c, dashes, 2, 0);
    line(p->c, p->x.from, y, p->x.to, y);
    cairo_restore(p->c);
}

static void draw_ring(const struct panel *p)
{
    double x = place(&p->x, p->plot->full.x[p->which]);
    double y = place(&p->y, p->plot->full.y);

    if (!drawn(&p->plot->full, p->which))
        return;
    grey(p->c, 0.1);
    cairo_set_line_width(p->c, 1.3);
    cairo_arc(p->c, x, y, MARKER + 3, 0, 2 * acos(-1));
    cairo_stroke(p->c);
    font(p->c, 11, false);
    put(p->c, p->x.to, y - 9, 1, p->plot->full_label);
}

static void marker(cairo_t *c, size_t kind, double x, double y)
{
    static const int corners[] = {0, 4, 3, 4, 3};
    static const double turns[] = {0, 0.125, 0.25, 0, -0.25};
    double pi = acos(-1);
    int n, k;

    kind %= sizeof(corners) / sizeof(corners[0]);
    n = corners[kind];
    cairo_new_path(c);
    if (n == 0)
        cairo_arc(c, x, y, MARKER, 0, 2 * pi);
    for (k = 0; k < n; k++) {
        double angle = 2 * pi * ((double)k / n - turns[kind]);

        cairo_line_to(c, x + 1.35 * MARKER * cos(angle),
                      y + 1.35 * MARKER * sin(angle));
    }
    cairo_close_path(c);
    cairo_fill(c);
}

static void bar(const struct panel *p, const struct inn_plot_point *point)
{
    double x = place(&p->x, point->x[p->which]);
    double high = place(&p->y, fmin(point->y + point->se, p->y.high));
    double low = place(&p->y, fmax(point->y - point->se, p->y.low));

    if (!(point->se > 0) || !isfinite(point->se))
        return;
    line(p->c, x, low, x, high);
    line(p->c, x - 2.5, low, x + 2.5, low);
    line(p->c, x - 2.5, high, x + 2.5, high);
}

static void draw_curve(const struct panel *p, size_t which)
{
    const struct inn_plot_curve *curve = &p->plot->curves[which];
    const double *rgb = colours[which % N_COLOURS];
    static const double dashes[] = {6, 3};
    bool joined = false;
    size_t k;

    cairo_set_source_rgb(p->c, rgb[0], rgb[1], rgb[2]);
    cairo_set_line_width(p->c, 1.8);
    cairo_set_dash(p->c, dashes, which >= N_COLOURS ? 2 : 0, 0);
    for (k = 0; k < curve->n; k++) {
        const struct inn_plot_point *point = &curve->points[k];
        double x = place(&p->x, point->x[p->which]);
        double y = place(&p->y, point->y);

        if (!drawn(point, p->which))
            continue;
        if (joined)
            cairo_line_to(p->c, x, y);
        else
            cairo_move_to(p->c, x, y);
        joined = true;
    }
    cairo_stroke(p->c);
    cairo_set_dash(p->c, dashes, 0, 0);
    cairo_set_line_width(p->c, 0.8);
    for (k = 0; k < curve->n; k++) {
        if (!drawn(&curve->points[k], p->which))
            continue;
        bar(p, &curve->points[k]);
        marker(p->c, which, place(&p->x, curve->points[k].x[p->which]),
               place(&p->y, curve->points[k].y));
    }
}

/* The left end of every curve, sorted by height. */
static size_t find_ends(struct label *labels, const struct panel *p)
{
    size_t i, k, n = 0, at;

    for (i = 0; i < p->plot->n_curves; i++) {
        const struct inn_plot_curve *curve = &p->plot->curves[i];
        const struct inn_plot_point *end = NULL;
        struct label l;

        for (k = 0; k < curve->n; k++) {
            if (drawn(&curve->points[k], p->which) &&
                (end == NULL ||
                 curve->points[k].x[p->which] < end->x[p->which]))
                end = &curve->points[k];
        }
        if (end == NULL)
            continue;
        l.curve = i;
        l.x = place(&p->x, end->x[p->which]);
        l.y = l.at = place(&p->y, end->y);
        for (at = n++; at > 0 && labels[at - 1].y > l.y; at--)
            labels[at] = labels[at - 1];
        labels[at] = l;
    }
    return n;
}

/* Pushes names apart, down and then up from the floor. */
static void part(struct label *labels, size_t n, double top, double floor_y)
{
    size_t i;

    for (i = 0; i < n; i++) {
        double least = i > 0 ? labels[i - 1].at + LINE_HEIGHT : top;

        labels[i].at = fmax(labels[i].at, least);
    }
    for (i = n; i-- > 0;) {
        double most = i + 1 < n ? labels[i + 1].at - LINE_HEIGHT : floor_y;

        labels[i].at = fmin(labels[i].at, most);
    }
}

static void draw_labels(const struct panel *p)
{
    struct label labels[MOST_CURVES];
    size_t n = find_ends(labels, p), i;
    double x = INFINITY;

    for (i = 0; i < n; i++)
        x = fmin(x, labels[i].x);
    x -= LABEL_GAP;
    part(labels, n, p->y.to + 6, p->y.from - 8);
    for (i = 0; i < n; i++) {
        const struct label *l = &labels[i];
        const double *rgb = colours[l->curve % N_COLOURS];

        cairo_set_source_rgb(p->c, rgb[0], rgb[1], rgb[2]);
        if (fabs(l->at - l->y) > 4 || l->x - x > 2 * LABEL_GAP) {
            cairo_set_line_width(p->c, 0.7);
            line(p->c, x + 2, l->at, l->x - MARKER - 1, l->y);
        }
        font(p->c, 12, true);
        put(p->c, x, l->at + 4, 1, p->plot->curves[l->curve].label);
    }
}

/* A line over the panels, smaller where it would not fit. */
static void head(cairo_t *c, const struct inn_plot *plot, double y,
                 double size, bool bold, const char *text)
{
    double room = plot->n_panels * (PANEL_WIDTH + BETWEEN) - BETWEEN;
    double width;

    font(c, size, bold);
    width = text_width(c, text);
    if (width > room)
        font(c, size * room / width, bold);
    put(c, LEFT, y, 0, text);
}

static void draw(cairo_t *c, const struct inn_plot *plot)
{
    double names = 0;
    size_t i;
    int k;

    cairo_set_source_rgb(c, 1, 1, 1);
    cairo_paint(c);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    grey(c, 0.1);
    head(c, plot, 25, 15, true, plot->title);
    grey(c, 0.35);
    head(c, plot, 44, 11.5, false, plot->subtitle);
    font(c, 12, true);
    for (i = 0; i < plot->n_curves; i++)
        names = fmax(names, text_width(c, plot->curves[i].label));
    for (k = 0; k < plot->n_panels; k++) {
        struct panel p = {.plot = plot, .c = c, .which = k};

        p.x.from = LEFT + k * (PANEL_WIDTH + BETWEEN);
        p.x.to = p.x.from + PANEL_WIDTH;
        p.y.from = TOP + PANEL_HEIGHT;
        p.y.to = TOP;
        set_x(&p.x, plot, k, names);
        set_y(&p.y, plot);
        draw_y(&p);
        draw_x(&p);
        draw_full(&p);
        for (i = 0; i < plot->n_curves; i++)
            draw_curve(&p, i);
        draw_ring(&p);
        draw_labels(&p);
    }
}

/* Where cairo's bytes go; the first error stays. */
struct sink {
    struct inn_write *out;
    struct inn_error *err;
    enum inn_status st;
};

static cairo_status_t take(void *closure, const unsigned char *data,
                           unsigned int len)
{
    struct sink *sink = closure;

    if (sink->st == INN_OK)
        sink->st = inn_write_bytes(sink->out, data, len, sink->err);
    return sink->st == INN_OK ? CAIRO_STATUS_SUCCESS
                              : CAIRO_STATUS_WRITE_ERROR;
}

static enum inn_status render(const struct inn_plot *plot, bool svg,
                              struct sink *sink)
{
    double width = LEFT + plot->n_panels * PANEL_WIDTH +
                   (plot->n_panels - 1) * BETWEEN + RIGHT;
    double height = TOP + PANEL_HEIGHT + BOTTOM;
    cairo_surface_t *surface;
    cairo_status_t status;
    cairo_t *c;

    if (svg)
        surface = cairo_svg_surface_create_for_stream(take, sink, width,
                                                      height);
    else
        surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24,
                                             (int)(PNG_SCALE * width),
                                             (int)(PNG_SCALE * height));
    c = cairo_create(surface);
    if (!svg)
        cairo_scale(c, PNG_SCALE, PNG_SCALE);
    draw(c, plot);
    status = cairo_status(c);
    cairo_destroy(c);
    if (status == CAIRO_STATUS_SUCCESS && !svg)
        status = cairo_surface_write_to_png_stream(surface, take, sink);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    if (sink->st != INN_OK)
        return sink->st;
    if (status == CAIRO_STATUS_NO_MEMORY)
        return inn_fail(sink->err, INN_ERR_MEMORY, "out of memory");
    if (status != CAIRO_STATUS_SUCCESS)
        return inn_fail(sink->err, INN_ERR_IO, "can't be drawn: %s",
                        cairo_status_to_string(status));
    return INN_OK;
}

enum inn_status inn_plot_write(const struct inn_plot *plot, const char *path,
                               bool overwrite, struct inn_heap *heap,
                               struct inn_error *err)
{
    struct sink sink = {NULL, err, INN_OK};
    enum inn_status st;

    if (plot->n_curves > MOST_CURVES)
        return inn_fail(err, INN_ERR_RANGE, "%zu curves are more than %d",
                        plot->n_curves, MOST_CURVES);
    st = inn_write_open(&sink.out, path, overwrite, heap, err);
    if (st == INN_OK)
        st = render(plot, ends_with(path, ".svg"), &sink);
    if (st == INN_OK)
        st = inn_write_commit(sink.out, err);
    inn_write_close(sink.out);
    return st;
}

enum inn_status inn_plot_check(const char *path, bool overwrite,
                               struct inn_heap *heap, struct inn_error *err)
{
    struct inn_write *out;
    enum inn_status st = inn_write_open(&out, path, overwrite, heap, err);

    inn_write_close(out);
    return st;
}

#else

enum inn_status inn_plot_check(const char *path, bool overwrite,
                               struct inn_heap *heap, struct inn_error *err)
{
    (void)path;
    (void)overwrite;
    (void)heap;
    return inn_fail(err, INN_ERR_UNSUPPORTED,
                    "can't be drawn: this build is without cairo");
}

enum inn_status inn_plot_write(const struct inn_plot *plot, const char *path,
                               bool overwrite, struct inn_heap *heap,
                               struct inn_error *err)
{
    (void)plot;
    return inn_plot_check(path, overwrite, heap, err);
}

#endif
