/*
 * Inputs in the .inn file: samples that a network was measured on, encoded to
 * few bytes, and the samples again.
 */
#ifndef INN_PICTURES_STORED_H
#define INN_PICTURES_STORED_H

#include "runtime/cli/json.h"
#include "runtime/exec/feed.h"
#include "runtime/grid/stored_inputs.h"

/* Encoded bytes that a file gets at most. */
#define INN_STORED_LIMIT ((size_t)8 << 20)

/*
 * Sets model->stored to most samples of feed at most, evenly spread, and fewer
 * where they would pass limit bytes; NULL where that leaves none, or where a
 * float is not finite. feed holds what graph takes, prepared as model says or
 * as inn_calibrate does by default. Encoded into the model's arena:
 *
 *   pictures  bytes that give the input again within a thousandth of a step,
 *             1 or 3 channels: as JPEG from sides of 64 on (where the build
 *             has libjpeg), else as they are
 *   floats    in 16 bits; in 32 where 16 would lose more than a thousandth
 *   others    as they are
 *
 * INN_ERR_MEMORY, INN_ERR_LIMIT.
 */
enum inn_status inn_store_inputs(struct inn_model *model,
                                 const struct inn_graph *graph,
                                 const struct inn_feed *feed, int64_t most,
                                 size_t limit, struct inn_error *err);

/*
 * The samples again, as graph takes them; memory from arena, 512 MiB at most.
 * Everything that a file may say wrongly is an error: INN_ERR_FORMAT names the
 * input and the picture. INN_ERR_ARGUMENT: the model has none;
 * INN_ERR_UNSUPPORTED: JPEGs in a build without libjpeg.
 */
enum inn_status inn_stored_feed(struct inn_feed *feed,
                                const struct inn_model *model,
                                const struct inn_graph *graph,
                                struct inn_arena *arena,
                                struct inn_error *err);

/*
 * "64 pictures 3x224x224 (JPEG), 1.4 MB"; of several inputs "64 samples: ids
 * 16 (i64), mask 16 (i64), 16 kB". "none" where model has none. From arena.
 */
const char *inn_stored_text(const struct inn_model *model,
                            struct inn_arena *arena, struct inn_error *err);

/* Adds "stored_inputs": what there are, or null. */
void inn_json_stored(struct inn_json *json, const struct inn_model *model);

#endif
