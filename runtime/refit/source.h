/*
 * What a sampled network is refitted on: inputs that the user names, those
 * that the file keeps, or drawn ones.
 */
#ifndef INN_REFIT_SOURCE_H
#define INN_REFIT_SOURCE_H

#include "runtime/grid/model.h"

enum inn_refit_source {
    INN_REFIT_NONE,   /* no refit */
    INN_REFIT_GIVEN,  /* samples of the user's */
    INN_REFIT_STORED, /* inputs that the file keeps */
    INN_REFIT_DRAWN   /* drawn ones, re-standardised */
};

/*
 * asked: "off", "auto" or a path; NULL: auto if by_default, else off. Auto is
 * what the file keeps, else drawn inputs if they help, else nothing; and
 * nothing where the rules of sampling were chosen by hand, which whoever
 * does that wants to see (chosen).
 */
enum inn_refit_source inn_refit_choose(const struct inn_model *model,
                                       const char *asked, bool by_default,
                                       bool chosen);

#endif
