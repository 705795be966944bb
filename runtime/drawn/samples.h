/* What a refit goes by, wherever it comes from. */
#ifndef INN_DRAWN_SAMPLES_H
#define INN_DRAWN_SAMPLES_H

#include "runtime/exec/feed.h"
#include "runtime/grid/model.h"
#include "runtime/refit/source.h"

/*
 * asked: "off", "auto" or a path; NULL: auto if by_default, else off. Auto is
 * what the file keeps, else drawn inputs if they help (inn_drawn_use), else
 * nothing. Where nobody asked, standardised ones are left out for networks of
 * more than 2.5 G MACs, of which they take most of a minute and gave least
 * (doc/results.md).
 */
enum inn_status inn_refit_choose(enum inn_refit_source *source,
                                 const struct inn_model *model,
                                 const char *asked, bool by_default,
                                 int threads, struct inn_error *err);

/*
 * Samples for the inputs of full, model's network at full width: at most n,
 * evenly spread; for 0 64 of the user's, all stored ones, and 64 drawn ones or,
 * of small inputs, up to 256. path: of GIVEN, as
 * inn_calibrate takes it. Memory from arena. Errors as inn_calibrate,
 * inn_stored_feed and inn_draw_again.
 */
enum inn_status inn_refit_samples(struct inn_feed *feed,
                                  enum inn_refit_source source,
                                  const char *path, int64_t n, int threads,
                                  const struct inn_model *model,
                                  const struct inn_graph *full,
                                  struct inn_arena *arena,
                                  struct inn_error *err);

#endif
