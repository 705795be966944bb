/* What a sampled network is refitted on. */
#ifndef INN_REFIT_SOURCE_H
#define INN_REFIT_SOURCE_H

enum inn_refit_source {
    INN_REFIT_NONE,    /* no refit */
    INN_REFIT_GIVEN,   /* samples of the user's */
    INN_REFIT_STORED,  /* inputs that the file keeps */
    INN_REFIT_DRAWN,   /* drawn ones, re-standardised */
    INN_REFIT_FAMILIAR /* drawn ones, such as the network was trained on */
};

#endif
