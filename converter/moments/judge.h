/*
 * Whether a network and a preparation of its pictures fit each other, by
 * what drawn pictures do in it.
 *
 *   judge.c    runs the network under each preparation
 *   verdict.c  what the evidence says, in words and as a choice
 */
#ifndef INN_CONVERTER_MOMENTS_JUDGE_H
#define INN_CONVERTER_MOMENTS_JUDGE_H

#include "runtime/grid/model.h"
#include "runtime/ops/shapes.h"

/* Preparations that are compared: the user's, and presets. */
#define INN_JUDGED 6

/* What one of them does to the network. NaN: it doesn't show. */
struct inn_evidence {
    struct inn_input_prep prep;
    int preset; /* of inn_presets; -1: the user's, which is none of them */
    /*
     * At the BatchNormalization behind the first convolution: the median over
     * channels of the Kullback-Leibler divergence of the normal variable that
     * was seen from the one that its statistics tell of.
     */
    double divergence;
    /* Deviation of what the first convolution makes, over its biases. */
    double drive;
    /* Share of the outputs' energy that differs from picture to picture. */
    double variation;
    /* Of scores by class: the mean of the largest probability; entropy over
     * that of equal ones. */
    double confidence, entropy;
    /* Of a network for pictures: output against input, over its deviation. */
    double distance;
    bool broken; /* the output holds NaN or infinities */
};

struct inn_judgement {
    struct inn_evidence items[INN_JUDGED];
    int n;     /* 0: not a network of pictures, or it can't be run */
    int given; /* index of the preparation that the model has; -1: none */
    bool scores; /* the first output is scores by class */
};

/*
 * Runs graph (weights present, BatchNormalization not folded; shapes are its)
 * on a few pictures under each preparation that its channels allow. Networks
 * of several inputs, or of one that is no picture, give n = 0.
 */
enum inn_status inn_judge(struct inn_judgement *j,
                          const struct inn_model *model,
                          const struct inn_graph *graph,
                          const struct inn_shapes *shapes, uint64_t seed,
                          int threads, struct inn_error *err);

/* Room for a verdict in words. */
#define INN_VERDICT_TEXT 400

/*
 * What is wrong with how pictures enter, in one line that names the way out;
 * text is empty where nothing is. Item `given`, or x/255 where that is -1:
 * what eval takes for a file that says nothing.
 */
void inn_judge_warn(char text[INN_VERDICT_TEXT],
                    const struct inn_judgement *j);

/*
 * The preset that fits best: an index of inn_presets. text says which and how
 * sure that is. -1: there is no evidence; text says why.
 */
int inn_judge_choose(char text[INN_VERDICT_TEXT],
                     const struct inn_judgement *j);

#endif
