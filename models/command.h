/* The command line of inn-model, for its program and for tests. */
#ifndef INN_MODELS_COMMAND_H
#define INN_MODELS_COMMAND_H

#include "runtime/cli/cli.h"

extern const struct inn_command inn_modeller;

#endif
