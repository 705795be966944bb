/*
 * libinn: open an integral neural network (.inn) or an ONNX network, sample
 * it at any width, run it, write it as a plain ONNX file.
 *
 * Conventions. A call that can fail returns enum inn_status and fills err,
 * which may be NULL. Handles are opaque; an output handle is NULL after a
 * failure; freeing NULL is a no-op. An open inn_model is const and may be
 * shared by threads; an inn_session belongs to one thread at a time.
 * "borrow": valid until the owner is freed. "own": the caller frees it.
 * Every call that reads a file may be given hostile bytes.
 */
#ifndef INN_H
#define INN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(INN_BUILDING) && defined(__GNUC__)
#define INN_API __attribute__((visibility("default")))
#else
#define INN_API
#endif

/* Most axes a tensor may have. */
#define INN_MAX_RANK 8

/* Stable numbers; new ones are appended. */
enum inn_status {
    INN_OK = 0,
    INN_ERR_ARGUMENT = 1,    /* a call or option makes no sense */
    INN_ERR_RANGE = 2,       /* a width, size or name outside what there is */
    INN_ERR_IO = 3,          /* a file can't be read or written */
    INN_ERR_FORMAT = 4,      /* not a valid file of its kind */
    INN_ERR_UNSUPPORTED = 5, /* valid, but not something we can do */
    INN_ERR_MEMORY = 6,      /* the system gave no memory */
    INN_ERR_LIMIT = 7        /* a limit of struct inn_limits was met */
};

/* One line for the user, without a trailing newline. */
struct inn_error {
    enum inn_status status;
    char message[512];
};

/* Element types; the numbers are those of ONNX TensorProto.DataType. */
enum inn_type {
    INN_UNDEFINED = 0,
    INN_F32 = 1,
    INN_U8 = 2,
    INN_I8 = 3,
    INN_U16 = 4,
    INN_I16 = 5,
    INN_I32 = 6,
    INN_I64 = 7,
    INN_STRING = 8,
    INN_BOOL = 9,
    INN_F16 = 10,
    INN_F64 = 11,
    INN_U32 = 12,
    INN_U64 = 13,
    INN_BF16 = 16
};

/*
 * A dense row-major tensor. data may be NULL where only type and shape are
 * meant. bytes is the size of data: type × dims, checked.
 */
struct inn_tensor {
    enum inn_type type;
    int rank;
    int64_t dims[INN_MAX_RANK];
    size_t bytes;
    void *data;
};

/* "0.1.0"; static. */
INN_API const char *inn_version(void);

/* What a file or a network may cost. A zero field means the default. */
struct inn_limits {
    size_t memory_bytes; /* default: 16 GiB */
    int threads;         /* default: one per core the process may use */
};

#ifdef __cplusplus
}
#endif
#endif
