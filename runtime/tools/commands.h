/* The subcommands of inn; main.c lists them. */
#ifndef INN_TOOLS_COMMANDS_H
#define INN_TOOLS_COMMANDS_H

#include "runtime/cli/cli.h"

extern const struct inn_command inn_command_bench;
extern const struct inn_command inn_command_check;
extern const struct inn_command inn_command_compare;
extern const struct inn_command inn_command_eval;
extern const struct inn_command inn_command_export;
extern const struct inn_command inn_command_info;
extern const struct inn_command inn_command_ops;
extern const struct inn_command inn_command_run;

/* Runs inn-convert in place of this process; returns only if that fails. */
int inn_exec_convert(int argc, char **argv);

#endif
