/* Options that choose kernels, for all subcommands that run networks. */
#include "runtime/tools/compute.h"

const struct inn_option inn_compute_options[] = {
    {"precision", 0, INN_OPT_CHOICE, offsetof(struct inn_compute, precision),
     "f32|bf16", 0, 0, "convolutions take bf16 and sum in f32: twice as fast, "
     "where the processor has it (default f32)"},
    {"tune", 0, INN_OPT_TEXT, offsetof(struct inn_compute, tune), "FILE", 0, 0,
     "time convolutions in all ways there are, take the fastest, and keep in "
     "FILE which; results then depend on the machine"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

void inn_compute_session(struct inn_session_options *how,
                         const struct inn_compute *c)
{
    how->bf16 = c->precision == 1;
    how->tune = c->tune;
}

void inn_compute_note(const struct inn_cli *cli, const struct inn_compute *c)
{
    if (c->tune != NULL && inn_tune_is_foreign(c->tune))
        inn_cli_note(cli, "%s is no list of --tune: it is left as it is, and "
                     "nothing is kept", c->tune);
}

const char *inn_compute_precision(const struct inn_compute *c)
{
    return c->precision == 1 ? "bf16" : "f32";
}
