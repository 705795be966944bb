/*
 * Which degradation a network for pictures undoes, found by letting it try:
 * drawn pictures are known undegraded, so it shows what it was trained on.
 */
#ifndef INN_DRAWN_RESTORE_H
#define INN_DRAWN_RESTORE_H

#include "runtime/drawn/canvas.h"

/*
 * Sets canvas->degradation for graph's only input: shrinking where the
 * network enlarges; where it keeps the size, the enlargements it brings
 * nearer to the picture they were made of, or the noise it removes best; else
 * none. macs: of one sample. Never INN_ERR_UNSUPPORTED: what can't be tried
 * is not degraded.
 */
enum inn_status inn_find_degradation(struct inn_canvas *canvas,
                                     const struct inn_model *model,
                                     const struct inn_graph *graph,
                                     int64_t macs, int threads,
                                     struct inn_error *err);

#endif
