/* Options that choose kernels, for all subcommands that run networks. */
#include "runtime/tools/compute.h"

const struct inn_option inn_compute_options[] = {
    {"precision", 0, INN_OPT_CHOICE, offsetof(struct inn_compute, precision),
     "f32|bf16", 0, 0, "convolutions take bf16 and sum in f32: twice as fast, "
     "where the processor has it (default f32)"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

void inn_compute_session(struct inn_session_options *how,
                         const struct inn_compute *c)
{
    how->bf16 = c->precision == 1;
}

const char *inn_compute_precision(const struct inn_compute *c)
{
    return c->precision == 1 ? "bf16" : "f32";
}
