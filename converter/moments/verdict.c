/*
 * Evidence into words. One preparation refutes another where it does clearly
 * better by the same measure; thresholds were chosen on half of the networks
 * at hand and tried on the other half (doc/results.md, tests/bench/prep).
 */
#include "converter/moments/judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/pictures/presets.h"

/*
 * Of the right preparation the divergence is 0.04 to 0.2 on drawn pictures;
 * more than this, and so many times another's, is wrong.
 */
#define DIVERGENCE 0.3
#define DIVERGENCE_TIMES 3.0
/* So far off that the best preset is wrong, too. */
#define DIVERGENCE_NOWHERE 2.0
/* Between these the first layer's sums and its biases matter to each other. */
#define DRIVE_LEAST 0.1
#define DRIVE_MOST 30.0
#define VARIATION_TIMES 1.5
/* Entropies of scores that are sure of whatever they see, and of some. */
#define SATURATED 0.05
#define SATURATED_TIMES 0.9
#define DOUBTING 0.2
/* Entropies of scores that say nothing, and something. */
#define BLIND 0.98
#define SEEING 0.95
#define BLIND_TIMES 2.0
/* Distance of output and input, in deviations of the input. */
#define DISTANCE_TIMES 2.0
#define DISTANCE_MORE 0.1
#define DISTANCE_GOOD 0.5
/* From which the divergences of the best and the next are told apart. */
#define CLEARLY 3.0
#define PROBABLY 1.5

enum reason {
    NONE, BY_BREAKING, BY_DIVERGENCE, BY_DISTANCE, BY_DRIVE, BY_ENTROPY
};

static bool is_driven(const struct inn_evidence *e)
{
    return e->drive >= DRIVE_LEAST && e->drive <= DRIVE_MOST;
}

/* Whether b shows a to be wrong. NaN compares as false. */
static enum reason refutes(const struct inn_evidence *b,
                           const struct inn_evidence *a)
{
    if (a->broken || b->broken)
        return a->broken && !b->broken ? BY_BREAKING : NONE;
    if (!isnan(a->divergence) || !isnan(b->divergence))
        return a->divergence > DIVERGENCE &&
                       a->divergence > DIVERGENCE_TIMES * b->divergence
                   ? BY_DIVERGENCE : NONE;
    if (!isnan(a->distance) && !isnan(b->distance))
        return a->distance > DISTANCE_TIMES * b->distance &&
                       a->distance > b->distance + DISTANCE_MORE &&
                       b->distance < DISTANCE_GOOD
                   ? BY_DISTANCE : NONE;
    if (!isnan(a->drive) && !is_driven(a) && is_driven(b) &&
        (b->variation > VARIATION_TIMES * a->variation ||
         (b->variation > SATURATED_TIMES * a->variation &&
          a->entropy < SATURATED && b->entropy > DOUBTING)))
        return BY_DRIVE;
    if (a->entropy > BLIND && b->entropy < SEEING &&
        b->variation > BLIND_TIMES * a->variation)
        return BY_ENTROPY;
    return NONE;
}

static enum reason refuted(const struct inn_judgement *j, int item)
{
    enum reason why = NONE;
    int k;

    for (k = 0; k < j->n && why == NONE; k++)
        why = refutes(&j->items[k], &j->items[item]);
    return why;
}

/* Whether b is to be preferred to a, neither being refuted. */
static bool is_better(const struct inn_evidence *b,
                      const struct inn_evidence *a)
{
    if (!isnan(a->divergence) || !isnan(b->divergence))
        return b->divergence < a->divergence;
    if (!isnan(a->distance) || !isnan(b->distance))
        return b->distance < a->distance / DISTANCE_TIMES;
    if (is_driven(a) != is_driven(b))
        return is_driven(b)
                   ? a->variation <= BLIND_TIMES * b->variation
                   : b->variation > BLIND_TIMES * a->variation;
    return b->confidence > a->confidence;
}

/* x/255: what eval takes for a file without a preparation. -1: not tried. */
static int default_item(const struct inn_judgement *j)
{
    int k;

    for (k = 0; k < j->n; k++) {
        if (j->items[k].preset >= 0 &&
            strcmp(inn_presets[j->items[k].preset].name, "unit") == 0)
            return k;
    }
    return -1;
}

/* The item of a preset that is best among those no other refutes; -1: none. */
static int best_preset(const struct inn_judgement *j)
{
    int best = default_item(j), k;

    /* The default stays where nothing is better. */
    if (best >= 0 && refuted(j, best) != NONE)
        best = -1;
    for (k = 0; k < j->n; k++) {
        if (j->items[k].preset >= 0 && refuted(j, k) == NONE &&
            (best < 0 || is_better(&j->items[k], &j->items[best])))
            best = k;
    }
    return best;
}

/* Whether anything was seen by which preparations are told apart. */
static bool has_evidence(const struct inn_judgement *j)
{
    int k;

    for (k = 0; k < j->n; k++) {
        const struct inn_evidence *e = &j->items[k];

        if (!isnan(e->divergence) || !isnan(e->distance) ||
            !isnan(e->entropy) || refuted(j, k) != NONE)
            return true;
    }
    return false;
}

/* "values … differ from its statistics by 1.2; with --prep torch by 0.05" */
static void say_why(char *text, size_t len, enum reason why,
                    const struct inn_evidence *a,
                    const struct inn_evidence *b)
{
    const char *name = inn_presets[b->preset].name;

    if (why == BY_BREAKING)
        snprintf(text, len, "its output holds NaN or infinities, with "
                 "--prep %s none", name);
    else if (why == BY_DIVERGENCE)
        snprintf(text, len, "what reaches the first BatchNormalization is "
                 "%.3g nats off its statistics, with --prep %s %.2g",
                 a->divergence, name, b->divergence);
    else if (why == BY_DISTANCE)
        snprintf(text, len, "its output is %.3g deviations off its input, "
                 "with --prep %s %.2g", a->distance, name, b->distance);
    else if (why == BY_DRIVE)
        snprintf(text, len, "the first convolution makes %.3g times its "
                 "biases, with --prep %s %.2g", a->drive, name, b->drive);
    else
        snprintf(text, len, "its scores hardly depend on the picture, with "
                 "--prep %s they do", name);
}

void inn_judge_warn(char text[INN_VERDICT_TEXT],
                    const struct inn_judgement *j)
{
    int at = j->given >= 0 ? j->given : default_item(j), best;
    char why[INN_VERDICT_TEXT / 2], how[INN_PREP_TEXT];
    enum reason reason;

    text[0] = '\0';
    if (j->n == 0 || at < 0)
        return;
    reason = refuted(j, at);
    best = best_preset(j);
    if (best >= 0 && j->items[at].divergence > DIVERGENCE_NOWHERE &&
        j->items[best].divergence > DIVERGENCE_NOWHERE) {
        snprintf(text, INN_VERDICT_TEXT, "%s looks wrong, and so does every "
                 "preset: what reaches the first BatchNormalization is %.3g "
                 "nats off its statistics, with --prep %s %.3g; --scale, "
                 "--mean and --std give another", j->given >= 0
                 ? "the preparation" : "x/255, the default preparation,",
                 j->items[at].divergence,
                 inn_presets[j->items[best].preset].name,
                 j->items[best].divergence);
        return;
    }
    if (reason != NONE && best >= 0) {
        say_why(why, sizeof(why), reason, &j->items[at], &j->items[best]);
        if (j->given >= 0)
            snprintf(text, INN_VERDICT_TEXT, "the preparation %s looks "
                     "wrong: %s",
                     inn_prep_text(how, &j->items[at].prep), why);
        else
            snprintf(text, INN_VERDICT_TEXT, "no preparation is given, and "
                     "x/255, the default, looks wrong: %s", why);
    } else if (j->given < 0 && j->scores && isnan(j->items[at].divergence)) {
        snprintf(text, INN_VERDICT_TEXT, "no preparation is given, and the "
                 "network doesn't tell: pictures of bytes will enter as "
                 "x/255; --prep names another, inn eval --prep all tries "
                 "them");
    }
}

/* The divergence of the best of the others. */
static double next_divergence(const struct inn_judgement *j, int best)
{
    double next = INFINITY;
    int k;

    for (k = 0; k < j->n; k++) {
        if (k != best && j->items[k].preset >= 0 &&
            j->items[k].divergence < next)
            next = j->items[k].divergence;
    }
    return next;
}

int inn_judge_choose(char text[INN_VERDICT_TEXT],
                     const struct inn_judgement *j)
{
    int best = j->n > 0 && has_evidence(j) ? best_preset(j) : -1;
    const struct inn_evidence *e;
    double next, times;

    if (best < 0) {
        snprintf(text, INN_VERDICT_TEXT, "%s", j->n == 0
                 ? "it isn't a network of one picture that can be run"
                 : "nothing in the network tells");
        return -1;
    }
    e = &j->items[best];
    if (!isnan(e->divergence)) {
        next = next_divergence(j, best);
        times = next / e->divergence;
        snprintf(text, INN_VERDICT_TEXT, "%s, %s: %.2g nats off the "
                 "statistics of the first BatchNormalization, the next best "
                 "%.2g", inn_presets[e->preset].name,
                 times >= CLEARLY ? "clearly"
                 : times >= PROBABLY ? "probably" : "perhaps",
                 e->divergence, next);
    } else if (!isnan(e->distance)) {
        snprintf(text, INN_VERDICT_TEXT, "%s, probably: the output is %.2g "
                 "deviations off the input", inn_presets[e->preset].name,
                 e->distance);
    } else {
        snprintf(text, INN_VERDICT_TEXT, "%s, a guess: there are no "
                 "statistics behind the first convolution, and its scores "
                 "are the surest (%.2g)", inn_presets[e->preset].name,
                 e->confidence);
    }
    return e->preset;
}
