/*
 * NumPy's format: a magic, a Python dictionary of three entries as text, the
 * elements. The dictionary is read by a small scanner that takes what NumPy
 * writes and nothing more; its shape is believed only once the bytes that
 * follow are as many as it says.
 */
#include "runtime/base/npy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/write.h"

#ifdef HAVE_ZIP
#include <zip.h>
#endif

#define MAGIC "\x93NUMPY"
#define MAGIC_LEN 6
/* NumPy's own are below 200 bytes; its limit for safe reading is 10000. */
#define HEADER_MOST 10000
#define PREFIX_MOST 12
/* Memory for what comes through a pipe grows with it, from here. */
#define PIPE_ROOM 65536

static const struct npy_type {
    char descr[3];
    enum inn_type type;
} npy_types[] = {
    {"f4", INN_F32}, {"f2", INN_F16}, {"f8", INN_F64}, {"u1", INN_U8},
    {"i1", INN_I8},  {"u2", INN_U16}, {"i2", INN_I16}, {"u4", INN_U32},
    {"i4", INN_I32}, {"u8", INN_U64}, {"i8", INN_I64}, {"b1", INN_BOOL},
};

struct header {
    enum inn_type type;
    int rank;
    int64_t dims[INN_MAX_RANK];
    bool fortran;
    size_t data_at; /* where the elements begin */
};

/* A place in the header's text. */
struct scan {
    const char *p, *end;
};

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t'))
        s->p++;
}

static bool take(struct scan *s, char c)
{
    skip_space(s);
    if (s->p >= s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static bool take_word(struct scan *s, const char *word)
{
    size_t len = strlen(word);

    skip_space(s);
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
        return false;
    s->p += len;
    return true;
}

/* A quoted string without escapes, into text of size bytes. */
static bool take_string(struct scan *s, char *text, size_t size)
{
    char quote;
    size_t n = 0;

    skip_space(s);
    if (s->p >= s->end || (*s->p != '\'' && *s->p != '"'))
        return false;
    quote = *s->p++;
    while (s->p < s->end && *s->p != quote) {
        if (n + 1 >= size || *s->p == '\\' || (unsigned char)*s->p < ' ')
            return false;
        text[n++] = *s->p++;
    }
    text[n] = '\0';
    return take(s, quote);
}

static bool take_number(struct scan *s, int64_t *value)
{
    int64_t v = 0;
    bool any = false;

    skip_space(s);
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9') {
        if (!inn_mul_i64(&v, v, 10) || !inn_add_i64(&v, v, *s->p - '0'))
            return false;
        s->p++;
        any = true;
    }
    if (any && s->p < s->end && *s->p == 'L') /* Python 2 wrote longs so */
        s->p++;
    *value = v;
    return any;
}

static enum inn_status take_shape(struct scan *s, struct header *h,
                                  struct inn_error *err)
{
    bool comma = true;

    h->rank = 0;
    if (!take(s, '('))
        return inn_fail(err, INN_ERR_FORMAT,
                        "the .npy header's shape is no tuple");
    while (!take(s, ')')) {
        int64_t dim;

        if (!comma || !take_number(s, &dim))
            return inn_fail(err, INN_ERR_FORMAT,
                            "the .npy header's shape can't be read");
        if (h->rank == INN_MAX_RANK)
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "the array has more than %d dimensions",
                            INN_MAX_RANK);
        h->dims[h->rank++] = dim;
        comma = take(s, ',');
    }
    return INN_OK;
}

static enum inn_status take_descr(struct scan *s, struct header *h,
                                  struct inn_error *err)
{
    char text[32];
    const char *type = text;
    size_t i;

    skip_space(s);
    if (s->p < s->end && *s->p == '[')
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "structured arrays can't be read");
    if (!take_string(s, text, sizeof(text)))
        return inn_fail(err, INN_ERR_FORMAT,
                        "the .npy header's element type can't be read");
    if (*type == '<' || *type == '|' || *type == '=' || *type == '>')
        type++;
    for (i = 0; i < INN_COUNT(npy_types); i++) {
        if (strcmp(type, npy_types[i].descr) == 0)
            break;
    }
    if (i == INN_COUNT(npy_types))
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "element type '%s' can't be read; f2 f4 f8 i1 i2 i4 "
                        "i8 u1 u2 u4 u8 b1 can", text);
    h->type = npy_types[i].type;
    if (text[0] == '>' && inn_type_size(h->type) > 1)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "element type '%s' is big-endian; save it as '<%s'",
                        text, type);
    return INN_OK;
}

static enum inn_status take_entry(struct scan *s, struct header *h,
                                  unsigned *seen, struct inn_error *err)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[32];
    unsigned i;

    if (!take_string(s, key, sizeof(key)) || !take(s, ':'))
        return inn_fail(err, INN_ERR_FORMAT,
                        "the .npy header is no dictionary");
    for (i = 0; i < INN_COUNT(keys) && strcmp(key, keys[i]) != 0; i++)
        ;
    if (i == INN_COUNT(keys) || (*seen & 1u << i))
        return inn_fail(err, INN_ERR_FORMAT,
                        "the .npy header has an unknown or repeated key '%s'",
                        key);
    *seen |= 1u << i;
    if (i == 0)
        return take_descr(s, h, err);
    if (i == 2)
        return take_shape(s, h, err);
    h->fortran = take_word(s, "True");
    if (!h->fortran && !take_word(s, "False"))
        return inn_fail(err, INN_ERR_FORMAT,
                        "the .npy header's fortran_order is neither True nor "
                        "False");
    return INN_OK;
}

static enum inn_status parse_dictionary(struct header *h, struct scan *s,
                                        struct inn_error *err)
{
    unsigned seen = 0;
    bool comma = true;

    if (!take(s, '{'))
        return inn_fail(err, INN_ERR_FORMAT,
                        "the .npy header is no dictionary");
    while (!take(s, '}')) {
        enum inn_status st;

        if (!comma)
            return inn_fail(err, INN_ERR_FORMAT,
                            "the .npy header lacks a comma");
        st = take_entry(s, h, &seen, err);
        if (st != INN_OK)
            return st;
        comma = take(s, ',');
    }
    skip_space(s);
    if (s->p != s->end || seen != 7)
        return inn_fail(err, INN_ERR_FORMAT,
                        seen != 7 ? "the .npy header lacks descr, "
                                    "fortran_order or shape"
                                  : "the .npy header goes on after its "
                                    "dictionary");
    return INN_OK;
}

/* bytes: the array's first len, enough of them for the header. */
/* What a header's first 12 bytes say of its text: where it is, how long. */
static size_t text_place(size_t *text_len, const uint8_t *bytes)
{
    *text_len = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] <= 1)
        return 10;
    *text_len |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    return PREFIX_MOST;
}

static enum inn_status parse_header(struct header *h, const uint8_t *bytes,
                                    size_t len, struct inn_error *err)
{
    size_t at, text_len;
    struct scan s;

    memset(h, 0, sizeof(*h));
    if (len < 10 || memcmp(bytes, MAGIC, MAGIC_LEN) != 0)
        return inn_fail(err, INN_ERR_FORMAT, "is no .npy array");
    if (bytes[6] < 1 || bytes[6] > 3)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "has .npy version %u.%u; 1.0 to 3.0 can be read",
                        bytes[6], bytes[7]);
    if (bytes[6] > 1 && len < PREFIX_MOST)
        return inn_fail(err, INN_ERR_FORMAT, "ends in its .npy header");
    at = text_place(&text_len, bytes);
    if (text_len > HEADER_MOST)
        return inn_fail(err, INN_ERR_FORMAT,
                        "has a .npy header of %zu bytes; at most %d are "
                        "possible", text_len, HEADER_MOST);
    if (text_len > len - at)
        return inn_fail(err, INN_ERR_FORMAT, "ends in its .npy header");
    s.p = (const char *)bytes + at;
    s.end = s.p + text_len;
    h->data_at = at + text_len;
    return parse_dictionary(h, &s, err);
}

/* Turns elements in column-major order round. */
static void from_fortran(struct inn_tensor *t, const uint8_t *in)
{
    size_t size = inn_type_size(t->type), count = inn_tensor_count(t), i;
    int64_t index[INN_MAX_RANK] = {0};
    size_t step[INN_MAX_RANK], at = 0;
    int axis;

    for (axis = 0; axis < t->rank; axis++)
        step[axis] = axis == 0 ? 1
                               : step[axis - 1] * (size_t)t->dims[axis - 1];
    for (i = 0; i < count; i++) {
        memcpy((char *)t->data + i * size, in + at * size, size);
        for (axis = t->rank - 1; axis >= 0; axis--) {
            at += step[axis];
            if (++index[axis] < t->dims[axis])
                break;
            at -= step[axis] * (size_t)t->dims[axis];
            index[axis] = 0;
        }
    }
}

/* A bool of a file may be any byte; of ours it is 0 or 1. */
static void clean_bools(struct inn_tensor *t)
{
    uint8_t *b = t->data;
    size_t i;

    if (t->type != INN_BOOL)
        return;
    for (i = 0; i < t->bytes; i++)
        b[i] = b[i] != 0;
}

/* tensor from header; have: the bytes that follow it. */
static enum inn_status check_size(struct inn_tensor *tensor,
                                  const struct header *h, uint64_t have,
                                  struct inn_error *err)
{
    char text[INN_SHAPE_TEXT];
    enum inn_status st = inn_tensor_init(tensor, h->type, h->rank, h->dims,
                                         err);

    if (st == INN_OK && tensor->bytes != have)
        st = inn_fail(err, INN_ERR_FORMAT,
                      "an array of %s %s takes %zu bytes, the file has %llu",
                      inn_shape_text(text, h->rank, h->dims),
                      inn_type_name(h->type), tensor->bytes,
                      (unsigned long long)have);
    return st;
}

enum inn_status inn_npy_parse(struct inn_tensor *tensor, const uint8_t *bytes,
                              size_t len, struct inn_arena *arena,
                              struct inn_error *err)
{
    struct header h;
    enum inn_status st;

    memset(tensor, 0, sizeof(*tensor));
    st = parse_header(&h, bytes, len, err);
    if (st == INN_OK)
        st = check_size(tensor, &h, len - h.data_at, err);
    if (st == INN_OK)
        st = inn_tensor_new(tensor, arena, h.type, h.rank, h.dims, err);
    if (st != INN_OK)
        return st;
    if (h.fortran)
        from_fortran(tensor, bytes + h.data_at);
    else if (tensor->bytes > 0)
        memcpy(tensor->data, bytes + h.data_at, tensor->bytes);
    clean_bools(tensor);
    return INN_OK;
}

enum inn_status inn_npy_read(struct inn_tensor *tensor, const char *path,
                             struct inn_arena *arena, struct inn_error *err)
{
    struct inn_bytes bytes;
    enum inn_status st;

    memset(tensor, 0, sizeof(*tensor));
    st = inn_file_map(&bytes, path, err);
    if (st != INN_OK)
        return st;
    st = inn_npy_parse(tensor, bytes.data, bytes.len, arena, err);
    inn_file_unmap(&bytes);
    return st;
}

/* Bytes out of a pipe. */
struct pipe {
    struct inn_heap *heap;
    uint8_t *bytes; /* own */
    size_t len, room;
    int fd;
};

/* Reads on until len bytes are there, or the other side has no more. */
static enum inn_status fill(struct pipe *p, size_t len, struct inn_error *err)
{
    while (p->len < len) {
        ssize_t n;

        if (p->len == p->room) {
            size_t room = p->room > len / 2 ? len : 2 * p->room;
            uint8_t *grown;

            if (room < PIPE_ROOM)
                room = PIPE_ROOM;
            grown = inn_realloc(p->heap, p->bytes, room, 1, err);
            if (grown == NULL)
                return inn_refused(err);
            p->bytes = grown;
            p->room = room;
        }
        n = read(p->fd, p->bytes + p->len,
                 (len < p->room ? len : p->room) - p->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return inn_fail(err, inn_errno_status(), "can't be read: %s",
                            strerror(errno));
        if (n == 0)
            break;
        p->len += (size_t)n;
    }
    return INN_OK;
}

/* The header, and not a byte of what follows. */
static enum inn_status fill_header(struct header *h, struct pipe *p,
                                   struct inn_error *err)
{
    enum inn_status st = fill(p, 10, err);
    size_t text_len, at;

    if (st == INN_OK && p->len == 10 && p->bytes[6] > 1 &&
        memcmp(p->bytes, MAGIC, MAGIC_LEN) == 0)
        st = fill(p, PREFIX_MOST, err);
    if (st == INN_OK && p->len >= 10 &&
        (p->bytes[6] <= 1 || p->len == PREFIX_MOST)) {
        at = text_place(&text_len, p->bytes);
        if (text_len <= HEADER_MOST)
            st = fill(p, at + text_len, err);
    }
    return st == INN_OK ? parse_header(h, p->bytes, p->len, err) : st;
}

/* All of the array and one byte more, which must not be there. */
static enum inn_status fill_array(struct pipe *p, const struct header *h,
                                  struct inn_error *err)
{
    char text[INN_SHAPE_TEXT];
    struct inn_tensor t;
    enum inn_status st = inn_tensor_init(&t, h->type, h->rank, h->dims, err);
    size_t all, most;

    if (st != INN_OK)
        return st;
    if (!inn_add_size(&all, h->data_at, t.bytes) ||
        !inn_add_size(&most, all, 1) || most > inn_heap_left(p->heap)) {
        inn_fail(err, INN_ERR_LIMIT,
                 "an array of %s %s takes %zu bytes and would pass the memory "
                 "limit", inn_shape_text(text, h->rank, h->dims),
                 inn_type_name(h->type), t.bytes);
        inn_error_set_kind(err, INN_KIND_MEMORY_LIMIT);
        return INN_ERR_LIMIT;
    }
    st = fill(p, most, err);
    if (st == INN_OK && p->len == most)
        st = inn_fail(err, INN_ERR_FORMAT,
                      "an array of %s %s takes %zu bytes, and more follow",
                      inn_shape_text(text, h->rank, h->dims),
                      inn_type_name(h->type), t.bytes);
    return st;
}

enum inn_status inn_npy_read_pipe(struct inn_tensor *tensor, int fd,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    struct pipe p = {arena->heap, NULL, 0, 0, fd};
    struct header h;
    enum inn_status st;

    memset(tensor, 0, sizeof(*tensor));
    st = fill_header(&h, &p, err);
    if (st == INN_OK)
        st = fill_array(&p, &h, err);
    if (st == INN_OK)
        st = inn_npy_parse(tensor, p.bytes, p.len, arena, err);
    inn_free(p.heap, p.bytes);
    return st;
}

static const char *npy_descr(enum inn_type type)
{
    size_t i;

    for (i = 0; i < INN_COUNT(npy_types); i++) {
        if (npy_types[i].type == type)
            return npy_types[i].descr;
    }
    return NULL;
}

/* Magic, version 1.0 and dictionary, padded to a multiple of 64. */
static size_t make_header(char out[512], const struct inn_tensor *t,
                          const char *descr)
{
    size_t n, total, text_len;
    int i;

    memset(out, ' ', 512);
    memcpy(out, MAGIC "\x01\x00", 8);
    n = 10 + (size_t)snprintf(out + 10, 502, "{'descr': '%c%s', "
                              "'fortran_order': False, 'shape': (",
                              descr[1] == '1' ? '|' : '<', descr);
    for (i = 0; i < t->rank; i++)
        n += (size_t)snprintf(out + n, 512 - n, "%lld%s",
                              (long long)t->dims[i],
                              t->rank == 1 ? ","
                              : i + 1 < t->rank ? ", " : "");
    n += (size_t)snprintf(out + n, 512 - n, "), }");
    out[n] = ' ';
    total = (n + 1 + 63) / 64 * 64;
    out[total - 1] = '\n';
    text_len = total - 10;
    out[8] = (char)(text_len & 0xff);
    out[9] = (char)(text_len >> 8);
    return total;
}

static enum inn_status write_widened(struct inn_write *w,
                                     const struct inn_tensor *t,
                                     struct inn_error *err)
{
    enum { BLOCK = 1024 };
    float block[BLOCK];
    size_t count = inn_tensor_count(t), i;
    enum inn_status st = INN_OK;

    for (i = 0; i < count && st == INN_OK; i += BLOCK) {
        size_t n = count - i < BLOCK ? count - i : BLOCK;

        inn_convert_elements(block, INN_F32, (const uint16_t *)t->data + i,
                             INN_BF16, n);
        st = inn_write_bytes(w, block, n * sizeof(*block), err);
    }
    return st;
}

enum inn_status inn_npy_write(const struct inn_tensor *tensor,
                              const char *path, bool overwrite,
                              struct inn_heap *heap, struct inn_error *err)
{
    bool widen = tensor->type == INN_BF16;
    const char *descr = npy_descr(widen ? INN_F32 : tensor->type);
    struct inn_write *w = NULL;
    char header[512];
    enum inn_status st;

    if (descr == NULL)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "element type %s has no .npy form",
                        inn_type_name(tensor->type));
    st = inn_write_open(&w, path, overwrite, heap, err);
    if (st != INN_OK)
        return st;
    st = inn_write_bytes(w, header, make_header(header, tensor, descr), err);
    if (st == INN_OK && widen)
        st = write_widened(w, tensor, err);
    else if (st == INN_OK)
        st = inn_write_bytes(w, tensor->data, tensor->bytes, err);
    if (st == INN_OK)
        st = inn_write_commit(w, err);
    inn_write_close(w);
    return st;
}

#ifdef HAVE_ZIP

/* All of len bytes, or an error that says how many there were. */
static enum inn_status read_entry(zip_file_t *entry, void *data, size_t len,
                                  struct inn_error *err)
{
    size_t done = 0;

    while (done < len) {
        zip_int64_t n = zip_fread(entry, (char *)data + done, len - done);

        if (n < 0)
            return inn_fail(err, INN_ERR_FORMAT, "is damaged: %s",
                            zip_file_strerror(entry));
        if (n == 0)
            return inn_fail(err, INN_ERR_FORMAT,
                            "ends after %zu of %zu bytes", done, len);
        done += (size_t)n;
    }
    return INN_OK;
}

/* Where the entry must end; libzip compares its checksum only here. */
static enum inn_status end_entry(zip_file_t *entry, struct inn_error *err)
{
    char more;
    zip_int64_t n = zip_fread(entry, &more, 1);

    if (n < 0)
        return inn_fail(err, INN_ERR_FORMAT, "is damaged: %s",
                        zip_file_strerror(entry));
    if (n > 0)
        return inn_fail(err, INN_ERR_FORMAT,
                        "is longer than the archive says");
    return INN_OK;
}

/* Reads just the header of an array of size bytes. */
static enum inn_status read_header(struct header *h, zip_file_t *entry,
                                   uint64_t size, struct inn_error *err)
{
    uint8_t bytes[PREFIX_MOST + HEADER_MOST];
    size_t prefix, text_len;
    enum inn_status st;

    if (size < PREFIX_MOST)
        return inn_fail(err, INN_ERR_FORMAT, "is no .npy array");
    st = read_entry(entry, bytes, 10, err);
    if (st != INN_OK)
        return st;
    prefix = bytes[6] > 1 ? PREFIX_MOST : 10;
    st = read_entry(entry, bytes + 10, prefix - 10, err);
    if (st != INN_OK)
        return st;
    text_place(&text_len, bytes);
    if (text_len <= HEADER_MOST && text_len <= size - prefix &&
        memcmp(bytes, MAGIC, MAGIC_LEN) == 0) {
        st = read_entry(entry, bytes + prefix, text_len, err);
        prefix += text_len;
    }
    return st == INN_OK ? parse_header(h, bytes, prefix, err) : st;
}

static enum inn_status read_array(struct inn_tensor *tensor,
                                  zip_file_t *entry, uint64_t size,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    void *turned = NULL;
    struct header h;
    enum inn_status st = read_header(&h, entry, size, err);

    if (st == INN_OK)
        st = check_size(tensor, &h, size - h.data_at, err);
    if (st == INN_OK)
        st = inn_tensor_new(tensor, arena, h.type, h.rank, h.dims, err);
    if (st != INN_OK)
        return st;
    if (h.fortran) {
        turned = inn_alloc_raw(arena->heap, tensor->bytes, 1, err);
        if (turned == NULL)
            return inn_refused(err);
    }
    st = read_entry(entry, turned != NULL ? turned : tensor->data,
                    tensor->bytes, err);
    if (st == INN_OK)
        st = end_entry(entry, err);
    if (st == INN_OK && turned != NULL)
        from_fortran(tensor, turned);
    if (st == INN_OK)
        clean_bools(tensor);
    inn_free(arena->heap, turned);
    return st;
}

/* "x" finds x.npy; the failure lists what there is. */
static enum inn_status find_entry(zip_int64_t *index, zip_t *archive,
                                  const char *name, struct inn_error *err)
{
    char text[200];
    zip_int64_t n = zip_get_num_entries(archive, 0), i;
    size_t used = 0;

    if (snprintf(text, sizeof(text), "%s.npy", name) < (int)sizeof(text)) {
        *index = zip_name_locate(archive, text, 0);
        if (*index >= 0)
            return INN_OK;
    }
    text[0] = '\0';
    for (i = 0; i < n; i++) {
        const char *have = zip_get_name(archive, (zip_uint64_t)i,
                                        ZIP_FL_ENC_RAW);
        size_t len = have != NULL ? strlen(have) : 0;

        if (len > 4 && strcmp(have + len - 4, ".npy") == 0)
            len -= 4;
        if (len == 0)
            continue;
        if (used + len + 8 > sizeof(text)) {
            used += (size_t)snprintf(text + used, sizeof(text) - used,
                                     ", ...");
            break;
        }
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s",
                                 used > 0 ? ", " : "", (int)len, have);
    }
    return inn_fail(err, INN_ERR_FORMAT,
                    "has no array '%s'; it has: %s", name,
                    used > 0 ? text : "none");
}

static enum inn_status read_named(struct inn_tensor *tensor, zip_t *archive,
                                  const char *name, struct inn_arena *arena,
                                  struct inn_error *err)
{
    zip_file_t *entry;
    zip_int64_t index = -1;
    zip_stat_t s;
    enum inn_status st = find_entry(&index, archive, name, err);

    if (st != INN_OK)
        return st;
    if (zip_stat_index(archive, (zip_uint64_t)index, 0, &s) != 0 ||
        !(s.valid & ZIP_STAT_SIZE))
        return inn_fail(err, INN_ERR_FORMAT, "array '%s' has no size",
                        name);
    entry = zip_fopen_index(archive, (zip_uint64_t)index, 0);
    if (entry == NULL)
        return inn_fail(err, INN_ERR_FORMAT,
                        "array '%s' can't be unpacked: %s", name,
                        zip_strerror(archive));
    st = read_array(tensor, entry, s.size, arena, err);
    if (st != INN_OK)
        inn_error_prefix(err, "array '%s'", name);
    zip_fclose(entry);
    return st;
}

enum inn_status inn_npz_read(struct inn_tensor *tensor, const char *path,
                             const char *name, struct inn_arena *arena,
                             struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    struct inn_bytes bytes;
    zip_source_t *source;
    zip_t *archive = NULL;
    zip_error_t why;
    enum inn_status st;

    memset(tensor, 0, sizeof(*tensor));
    st = inn_file_map(&bytes, path, err);
    if (st != INN_OK)
        return st;
    zip_error_init(&why);
    source = zip_source_buffer_create(bytes.data, bytes.len, 0, &why);
    if (source != NULL)
        archive = zip_open_from_source(source, ZIP_RDONLY, &why);
    if (archive == NULL) {
        zip_source_free(source);
        st = inn_fail(&local, INN_ERR_FORMAT, "is no .npz archive: %s",
                      zip_error_strerror(&why));
    } else {
        st = read_named(tensor, archive, name, arena, &local);
        zip_discard(archive);
    }
    zip_error_fini(&why);
    inn_file_unmap(&bytes);
    if (st != INN_OK) {
        memset(tensor, 0, sizeof(*tensor));
        if (err != NULL)
            *err = local;
    }
    return st;
}

#else

enum inn_status inn_npz_read(struct inn_tensor *tensor, const char *path,
                             const char *name, struct inn_arena *arena,
                             struct inn_error *err)
{
    (void)path;
    (void)name;
    (void)arena;
    memset(tensor, 0, sizeof(*tensor));
    return inn_fail(err, INN_ERR_UNSUPPORTED,
                    ".npz archives can't be read: this build has no libzip");
}

#endif
