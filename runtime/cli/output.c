/* Outputs, before they are made. */
#include "runtime/cli/output.h"

#include <string.h>
#include <sys/stat.h>

#include "runtime/base/error.h"
#include "runtime/base/write.h"

enum inn_status inn_output_check(const char *path, const char *const *inputs,
                                 size_t n, bool overwrite,
                                 struct inn_heap *heap,
                                 struct inn_error *err)
{
    struct inn_write *out;
    struct stat s, t;
    enum inn_status st;
    size_t i;

    if (strcmp(path, "-") == 0)
        return INN_OK;
    if (stat(path, &s) == 0) {
        if (!S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode))
            return INN_OK;
        for (i = 0; i < n; i++) {
            if (inputs[i] != NULL && stat(inputs[i], &t) == 0 &&
                s.st_dev == t.st_dev && s.st_ino == t.st_ino)
                return inn_fail(err, INN_ERR_ARGUMENT, "is the input: give "
                                "the output another name");
        }
    }
    /* What can be opened leaves nothing behind. */
    st = inn_write_open(&out, path, overwrite, heap, err);
    inn_write_close(out);
    return st;
}
