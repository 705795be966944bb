/*
 * For programs: how they end where a library ends them.
 */
#ifndef INN_CLI_ENDING_H
#define INN_CLI_ENDING_H

#include <stdbool.h>

/*
 * From now on a library that finds no memory, or no threads, and ends the
 * process by itself ends it with INN_EXIT_MEMORY, one line that begins with
 * program (borrowed), and no temporary file left.
 */
void inn_ending_watch(const char *program);
/* The command is done: what ends the process now is the program's own. */
void inn_ending_expected(void);

#endif
