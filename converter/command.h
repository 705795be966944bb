/* The command line of inn-convert, for its program and for tests. */
#ifndef INN_CONVERTER_COMMAND_H
#define INN_CONVERTER_COMMAND_H

#include "runtime/cli/cli.h"

extern const struct inn_command inn_converter;

#endif
