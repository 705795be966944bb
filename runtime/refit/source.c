/* Which inputs there are for a refit. */
#include "runtime/refit/source.h"

#include <string.h>

enum inn_refit_source inn_refit_choose(const struct inn_model *model,
                                       const char *asked, bool by_default,
                                       bool chosen)
{
    bool automatic = asked != NULL ? strcmp(asked, "auto") == 0
                                   : by_default && !chosen;

    if (asked != NULL && strcmp(asked, "off") == 0)
        return INN_REFIT_NONE;
    if (asked != NULL && !automatic)
        return INN_REFIT_GIVEN;
    if (automatic && model->stored != NULL)
        return INN_REFIT_STORED;
    return automatic && model->n_stats > 0 ? INN_REFIT_DRAWN : INN_REFIT_NONE;
}
