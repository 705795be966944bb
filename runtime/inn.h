/*
 * libinn: open an integral neural network (.inn) or an ONNX network, sample
 * it at any width, run it, write it as a plain ONNX file.
 *
 * Conventions. A call that can fail returns enum inn_status and fills err,
 * which may be NULL. Handles are opaque; an output handle is NULL after a
 * failure; freeing NULL is a no-op. An open inn_file is const and may be
 * shared by threads; an inn_net belongs to one thread at a time.
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
    size_t memory_bytes; /* default: 16 GiB, or 3/4 of the machine's */
    int threads; /* default: one per core; fewer where none can be had */
};

/* An open .inn file. Const after inn_open: threads may share it. */
struct inn_file;

/* An ordinary network: sampled from a file, or read from ONNX. */
struct inn_net;

/* Skips the checksums: for a file this process has just written. */
#define INN_OPEN_TRUST 1u

/*
 * Opens the .inn file at path; own, inn_close. limits may be NULL; flags 0
 * or INN_OPEN_TRUST. INN_ERR_IO, INN_ERR_FORMAT (damaged), INN_ERR_MEMORY,
 * INN_ERR_LIMIT.
 */
INN_API enum inn_status inn_open(struct inn_file **file, const char *path,
                                 const struct inn_limits *limits,
                                 unsigned flags, struct inn_error *err);
INN_API void inn_close(struct inn_file *file);

/* Number of channel groups, each of which has a width of its own. */
INN_API int inn_group_count(const struct inn_file *file);
/* Name (borrowed) and full width of group i; NULL and 0 out of range. */
INN_API const char *inn_group_name(const struct inn_file *file, int i);
INN_API int64_t inn_group_size(const struct inn_file *file, int i);

/*
 * Widths of all groups at one factor, 0 < factor <= 4: widths has room for
 * inn_group_count entries. round: multiples of it, 0 for the default (8 for
 * groups of 64 and more). INN_ERR_RANGE.
 */
INN_API enum inn_status inn_widths_scale(const struct inn_file *file,
                                         int64_t *widths, double factor,
                                         int64_t round,
                                         struct inn_error *err);

/*
 * How channels are chosen and sums are weighted. UNIFORM: evenly along their
 * order. L1: those of the largest weights. WEIGHTS: what loses less where
 * nothing is known of activations (doc/results.md): L1 for a group that only
 * matrices sum over, UNIFORM for one that convolutions do. MOMENTS: the nested
 * order and, with INN_QUAD_MOMENTS, the least-squares quadrature that the
 * file's moments give; a group that has none is sampled as by WEIGHTS, with
 * INN_QUAD_MOMENTS by Gauss's quadrature. Widths above the full one are always
 * sampled uniformly.
 */
enum inn_partition {
    INN_PARTITION_UNIFORM = 0,
    INN_PARTITION_L1 = 1,
    INN_PARTITION_MOMENTS = 2,
    INN_PARTITION_WEIGHTS = 3
};

enum inn_quadrature {
    INN_QUAD_TRAPEZOID = 0,
    INN_QUAD_LEFT = 1,
    INN_QUAD_RIGHT = 2,
    INN_QUAD_MIDPOINT = 3,
    INN_QUAD_SIMPSON = 4,
    INN_QUAD_GAUSS = 5,
    INN_QUAD_MOMENTS = 6 /* with INN_PARTITION_MOMENTS only */
};

/*
 * Samples the network at widths[inn_group_count], each from 1 to 4 times the
 * group's full width, or 1 where that is 1; own, inn_net_free. Borrows file,
 * which must outlive *net. INN_ERR_RANGE: a width out of range.
 * INN_ERR_ARGUMENT: no such rule, or not with that partition.
 * INN_ERR_LIMIT: the weights would pass the file's memory limit.
 */
INN_API enum inn_status inn_sample(const struct inn_file *file,
                                   struct inn_net **net,
                                   const int64_t *widths,
                                   enum inn_partition partition,
                                   enum inn_quadrature quadrature,
                                   struct inn_error *err);

/*
 * Fits every layer of a net from inn_sample, in closed form, to what the full
 * network gives there on some inputs, from what the sampled one itself feeds
 * it: much of what a cut loses comes back, without labels or gradients, in
 * seconds to minutes (doc/results.md). data: a folder of pictures, .npz or
 * .npy; NULL: the inputs that the file keeps, else drawn ones where the
 * network's BatchNormalization left its statistics. samples: at most so many;
 * 0: the default. Nothing at full width. Same bits on any number of threads.
 * After a failure the net is as it was. INN_ERR_ARGUMENT: net was read from
 * ONNX; INN_ERR_UNSUPPORTED: without data there is nothing to go by, or the
 * network can't be run on these inputs; as reading data fails.
 */
INN_API enum inn_status inn_net_refit(struct inn_net *net, const char *data,
                                      int64_t samples, struct inn_error *err);

/* Reads an ONNX file; own, inn_net_free. */
INN_API enum inn_status inn_net_read(struct inn_net **net, const char *path,
                                     const struct inn_limits *limits,
                                     struct inn_error *err);
INN_API void inn_net_free(struct inn_net *net);

/*
 * Writes plain ONNX atomically; INN_ERR_IO if path exists, unless overwrite.
 * A network of more than 2 GiB has its weights beside it, in path and
 * ".data"; these are renamed into place first, the network after them.
 */
INN_API enum inn_status inn_net_write(const struct inn_net *net,
                                      const char *path, bool overwrite,
                                      struct inn_error *err);

INN_API int inn_net_input_count(const struct inn_net *net);
INN_API int inn_net_output_count(const struct inn_net *net);
/* Names, borrowed; NULL out of range. */
INN_API const char *inn_net_input_name(const struct inn_net *net, int i);
INN_API const char *inn_net_output_name(const struct inn_net *net, int i);
/* Type and shape as declared; -1 for sizes chosen at run time. data NULL. */
INN_API enum inn_status inn_net_input(const struct inn_net *net, int i,
                                      struct inn_tensor *shape,
                                      struct inn_error *err);

enum inn_precision {
    INN_PRECISION_F32 = 0,
    /* Convolutions take bf16 and sum in f32. */
    INN_PRECISION_BF16 = 1
};

/* How a network is run. A zero field means the default. */
struct inn_run_options {
    enum inn_precision precision; /* default: f32 */
    /*
     * A file: convolutions are timed in all ways there are, and which was
     * fastest is kept there; results then depend on what was measured. A file
     * of something else is left alone. Default, NULL: nothing is timed.
     */
    const char *tune;
};

/*
 * For the runs from now on; options are copied, NULL: the defaults. Outputs
 * of the last run are gone. INN_ERR_ARGUMENT: no such precision. That the
 * processor has no bf16 is said by the next run, INN_ERR_UNSUPPORTED.
 */
INN_API enum inn_status inn_net_configure(struct inn_net *net,
                                          const struct inn_run_options *options,
                                          struct inn_error *err);

/*
 * Runs the network on in[n], in the order of its inputs. On success *out
 * points to inn_net_output_count tensors, borrowed until the next run or
 * until the net is freed. Not for two threads at once on one net. While others
 * keep the cores busy, runs of less than 20 ms go by one thread, with the same
 * outputs; the first such run makes a second plan, in the limits of memory.
 * INN_ERR_RANGE: a number of inputs, type or size the network does not take.
 * INN_ERR_ARGUMENT: an input's bytes are not those of its type and shape.
 * INN_ERR_UNSUPPORTED: how many graph nodes can't be run, the first of them
 * and why.
 */
INN_API enum inn_status inn_net_run(struct inn_net *net,
                                    const struct inn_tensor **out,
                                    const struct inn_tensor *in, int n,
                                    struct inn_error *err);

#ifdef __cplusplus
}
#endif
#endif
