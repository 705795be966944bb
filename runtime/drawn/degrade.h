/*
 * Drawn pictures as networks for pictures meet them: what enlarges a picture
 * is trained on such as were shrunk, what restores one on such as were
 * enlarged before or carry noise. Edges as sharp as they are drawn are
 * nothing either has seen.
 */
#ifndef INN_DRAWN_DEGRADE_H
#define INN_DRAWN_DEGRADE_H

#include "runtime/drawn/leaves.h"

/* Most amounts of one kind. */
#define INN_AMOUNTS 3
/* Times that pictures are shrunk by at most. */
#define INN_SHRINK_MOST 8
/* Room for what inn_degradation_text writes. */
#define INN_DEGRADATION_TEXT 48

struct inn_degradation {
    enum inn_degradation_kind {
        INN_DEGRADE_NOT,
        INN_DEGRADE_SHRINK,  /* drawn so many times as large, then shrunk */
        INN_DEGRADE_ENLARGE, /* shrunk so many times and enlarged again */
        INN_DEGRADE_NOISE    /* white, of this deviation out of 255 */
    } kind;
    int n; /* amounts, which pictures take in turn; 1 of SHRINK */
    int64_t amounts[INN_AMOUNTS];
};

/*
 * As inn_draw_pictures, then degraded (bicubically, as MATLAB's imresize).
 * Where there is a degradation, what would be beyond black and white is cut
 * off first. Same bits on any number of threads.
 */
enum inn_status inn_degrade_pictures(float *out,
                                     const struct inn_degradation *d,
                                     int64_t count, int64_t channels,
                                     int64_t height, int64_t width,
                                     uint64_t seed, int threads,
                                     struct inn_heap *heap,
                                     struct inn_error *err);

/* ", enlarged 2, 3 and 4 times"; empty where nothing is degraded. */
void inn_degradation_text(char text[INN_DEGRADATION_TEXT],
                          const struct inn_degradation *d);

#endif
