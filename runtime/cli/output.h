/*
 * Whether a command may write where it is told to: asked before the work, so
 * that hours of it are not lost at the end.
 */
#ifndef INN_CLI_OUTPUT_H
#define INN_CLI_OUTPUT_H

#include <stddef.h>

#include "runtime/base/heap.h"

/*
 * INN_ERR_ARGUMENT: path is one of the n inputs (NULL: none), by whatever
 * name or link. INN_ERR_IO: it exists and overwrite is false, its folder is
 * not there or can't be written to. "-", devices and pipes are fine.
 */
enum inn_status inn_output_check(const char *path, const char *const *inputs,
                                 size_t n, bool overwrite,
                                 struct inn_heap *heap,
                                 struct inn_error *err);

#endif
