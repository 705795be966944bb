/* Damaged and hostile .inn files: refused, and nothing else happens. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/port.h"
#include "runtime/file/layout.h"
#include "runtime/grid/moments.h"
#include "tests/unit/suite.h"
#include "tests/unit/tiny_model.h"

/* Opens bytes as a file; the model is freed again, its grids loaded first. */
static enum inn_status try_open(const uint8_t *bytes, size_t len, bool trust,
                                struct inn_error *err)
{
    struct inn_model *m = NULL;
    enum inn_status st;
    int i;

    tiny_store(tiny_other, bytes, len);
    st = inn_file_open(&m, tiny_other, trust, tiny_heap, err);
    ck_assert_int_eq(st == INN_OK, m != NULL);
    for (i = 0; m != NULL && i < m->n_weights; i++) {
        void *data = malloc(m->weights[i].grid.bytes + 1);
        enum inn_status load = m->source.load(m->source.state, i, data, err);

        ck_assert(load == INN_OK || load == INN_ERR_FORMAT);
        free(data);
    }
    inn_model_free(m);
    return st;
}

START_TEST(every_cut_is_refused)
{
    struct inn_error err;
    size_t len, i;
    uint8_t *bytes;
    int codec;

    for (codec = 0; codec < 2; codec++) {
        tiny_write_new((enum inn_codec)codec, 0, true);
        bytes = tiny_read(tiny_path, &len);
        ck_assert_int_eq(try_open(bytes, len, false, NULL), INN_OK);
        for (i = 0; i < len; i++) {
            ck_assert_int_eq(try_open(bytes, i, false, &err),
                             INN_ERR_FORMAT);
            ck_assert_int_eq(err.status, INN_ERR_FORMAT);
            ck_assert_int_eq(try_open(bytes, i, true, NULL), INN_ERR_FORMAT);
        }
        /* one byte more, whatever it is */
        for (i = 0; i < 256; i++) {
            bytes[len] = (uint8_t)i;
            ck_assert_int_eq(try_open(bytes, len + 1, false, NULL),
                             INN_ERR_FORMAT);
        }
        free(bytes);
    }
}
END_TEST

START_TEST(every_flipped_bit_is_refused)
{
    size_t len, i;
    uint8_t *bytes;
    int codec, bit;

    for (codec = 0; codec < 2; codec++) {
        tiny_write_new((enum inn_codec)codec, 0, true);
        bytes = tiny_read(tiny_path, &len);
        for (i = 0; i < len; i++) {
            /* all bits under one codec, one of each byte under the other */
            for (bit = 0; bit < (codec == INN_CODEC_ZSTD ? 8 : 1); bit++) {
                uint8_t mask = (uint8_t)(1 << (i + (size_t)bit) % 8);

                bytes[i] ^= mask;
                ck_assert_int_eq(try_open(bytes, len, false, NULL),
                                 INN_ERR_FORMAT);
                bytes[i] ^= mask;
            }
        }
        free(bytes);
    }
}
END_TEST

/*
 * Without checksums a damaged message reaches the unpacker: whatever it says,
 * the file is opened or refused, and nothing else happens.
 */
START_TEST(damaged_bytes_of_a_trusted_file_do_no_harm)
{
    static const uint8_t masks[] = {0x01, 0x80, 0x7f, 0xff, 0x08};
    size_t len, i, k, opened = 0, refused = 0;
    uint8_t *bytes;
    int codec;

    for (codec = 0; codec < 2; codec++) {
        tiny_write_new((enum inn_codec)codec, 0, true);
        bytes = tiny_read(tiny_path, &len);
        for (i = 0; i < len; i++) {
            for (k = 0; k < sizeof(masks); k++) {
                bytes[i] ^= masks[k];
                if (try_open(bytes, len, true, NULL) == INN_OK)
                    opened++;
                else
                    refused++;
                bytes[i] ^= masks[k];
            }
        }
        free(bytes);
    }
    ck_assert_uint_gt(opened, 0);
    ck_assert_uint_gt(refused, opened);
}
END_TEST

/* Puts the right checksums back after a change to section i's bytes. */
static void seal(uint8_t *bytes, size_t len, size_t n)
{
    uint8_t *tail = bytes + len - INN_TAIL_BYTES;
    size_t dir_len = n * INN_ENTRY_BYTES;
    uint8_t *dir = tail - dir_len;

    inn_put_u64(tail + 24, XXH3_64bits(dir, dir_len));
    inn_put_u64(tail + 56, XXH3_64bits(tail, 56));
    inn_put_u64(bytes + 56, XXH3_64bits(bytes, 56));
}

/* The file with u64 (or u32) at byte at of entry changed, then as before. */
static enum inn_status with(uint8_t *bytes, size_t len, size_t n,
                            size_t entry, size_t at, int size,
                            uint64_t value, struct inn_error *err)
{
    uint8_t *to = bytes + len - INN_TAIL_BYTES -
                  (n - entry) * INN_ENTRY_BYTES + at;
    uint64_t before = size == 8 ? inn_get_u64(to) : inn_get_u32(to);
    enum inn_status st;

    if (size == 8)
        inn_put_u64(to, value);
    else
        inn_put_u32(to, (uint32_t)value);
    seal(bytes, len, n);
    st = try_open(bytes, len, false, err);
    if (size == 8)
        inn_put_u64(to, before);
    else
        inn_put_u32(to, (uint32_t)before);
    seal(bytes, len, n);
    return st;
}

START_TEST(directories_that_lie_are_refused)
{
    static const uint64_t lies[] = {0,          1,
                                    63,         65,
                                    64,         4096,
                                    1u << 31,   (uint64_t)1 << 32,
                                    (uint64_t)1 << 62, UINT64_MAX - 63,
                                    UINT64_MAX};
    static const size_t fields[] = {8, 16, 24};
    enum { SECTIONS = 10 };
    size_t len, e, f, k;
    uint8_t *bytes;
    int codec;

    for (codec = 0; codec < 2; codec++) {
        tiny_write_new((enum inn_codec)codec, 0, true);
        bytes = tiny_read(tiny_path, &len);
        ck_assert_uint_eq(inn_get_u64(bytes + len - 56),
                          SECTIONS * INN_ENTRY_BYTES);
        for (e = 0; e < SECTIONS; e++) {
            /* moments and its factors: none of them can go alone */
            bool optional = e == 4 || e >= 8;

            for (f = 0; f < 3; f++) {
                for (k = 0; k < INN_COUNT(lies); k++) {
                    const uint8_t *is = bytes + len - INN_TAIL_BYTES -
                                        (SECTIONS - e) * INN_ENTRY_BYTES +
                                        fields[f];
                    if (inn_get_u64(is) != lies[k])
                        ck_assert_int_eq(with(bytes, len, SECTIONS, e,
                                              fields[f], 8, lies[k], NULL),
                                         INN_ERR_FORMAT);
                }
            }
            /* codecs, types, flags and kinds that don't exist */
            ck_assert_int_eq(with(bytes, len, SECTIONS, e, 32, 4, 7, NULL),
                             INN_ERR_UNSUPPORTED);
            ck_assert_int_eq(with(bytes, len, SECTIONS, e, 36, 4, 8, NULL),
                             INN_ERR_FORMAT);
            ck_assert_int_eq(with(bytes, len, SECTIONS, e, 36, 4, UINT32_MAX,
                                  NULL), INN_ERR_FORMAT);
            ck_assert_int_eq(with(bytes, len, SECTIONS, e, 4, 4, 2, NULL),
                             INN_ERR_UNSUPPORTED);
            ck_assert_int_eq(with(bytes, len, SECTIONS, e, 0, 4, 99, NULL),
                             optional ? INN_ERR_FORMAT : INN_ERR_UNSUPPORTED);
            ck_assert_int_eq(with(bytes, len, SECTIONS, e, 40, 4, 1, NULL),
                             INN_ERR_FORMAT);
            /* optional is no harm where the kind is known */
            ck_assert_int_eq(with(bytes, len, SECTIONS, e, 4, 4, !optional,
                                  NULL), INN_OK);
        }
        /* meta (3) as a second groups section, and as none */
        ck_assert_int_eq(with(bytes, len, SECTIONS, 3, 0, 4, 2, NULL),
                         INN_ERR_FORMAT);
        free(bytes);
    }
}
END_TEST

START_TEST(bgr_is_of_version_2_alone)
{
    struct inn_model *m = tiny_build(0);
    struct inn_error err = {INN_OK, ""};
    size_t len;
    uint8_t *bytes;

    ck_assert_ptr_nonnull(m);
    m->prep.bgr = true;
    ck_assert_int_eq(tiny_write(m, tiny_path, INN_STORE_F32, INN_CODEC_ZSTD,
                                1), INN_OK);
    inn_model_free(m);
    bytes = tiny_read(tiny_path, &len);
    ck_assert_int_eq(bytes[8], 2);
    ck_assert_int_eq(try_open(bytes, len, false, NULL), INN_OK);
    bytes[8] = 1;
    seal(bytes, len, 7);
    ck_assert_int_eq(try_open(bytes, len, false, &err), INN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.message,
                                 "input is BGR in a file of version 1"));
    free(bytes);
    /* What has no such field is of version 1, as ever. */
    tiny_write_new(INN_CODEC_ZSTD, 0, false);
    bytes = tiny_read(tiny_path, &len);
    ck_assert_int_eq(bytes[8], 1);
    free(bytes);
}
END_TEST

START_TEST(other_versions_and_tails_are_refused)
{
    struct inn_error err = {INN_OK, ""};
    size_t len;
    uint8_t *bytes;

    tiny_write_new(INN_CODEC_ZSTD, 0, false);
    bytes = tiny_read(tiny_path, &len);
    bytes[8] = 3;
    seal(bytes, len, 7);
    ck_assert_int_eq(try_open(bytes, len, false, &err),
                     INN_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.message,
                     "a .inn file of version 3, we know versions 1 to 2");
    bytes[8] = 2;
    seal(bytes, len, 7);
    ck_assert_int_eq(try_open(bytes, len, false, NULL), INN_OK);
    bytes[8] = 1;
    bytes[20] = 1;
    seal(bytes, len, 7);
    ck_assert_int_eq(try_open(bytes, len, false, NULL), INN_ERR_FORMAT);
    bytes[20] = 0;
    inn_put_u64(bytes + len - 64, UINT64_MAX - 63); /* directory offset */
    seal(bytes, len, 7);
    ck_assert_int_eq(try_open(bytes, len, false, NULL), INN_ERR_FORMAT);
    inn_put_u64(bytes + len - 64, len - 64); /* a directory of nothing */
    inn_put_u64(bytes + len - 56, 0);
    inn_put_u64(bytes + len - 40, XXH3_64bits(bytes, 0));
    inn_put_u64(bytes + len - 8, XXH3_64bits(bytes + len - 64, 56));
    ck_assert_int_eq(try_open(bytes, len, false, NULL), INN_ERR_FORMAT);
    free(bytes);
    ck_assert_int_eq(try_open((const uint8_t *)"", 0, false, NULL),
                     INN_ERR_FORMAT);
}
END_TEST

/* A section of a new kind, of len bytes, put behind the others. */
static uint8_t *extended(const uint8_t *bytes, size_t *len, size_t n,
                         uint32_t flags)
{
    size_t dir = *len - INN_TAIL_BYTES - n * INN_ENTRY_BYTES;
    uint8_t *out = calloc(1, *len + 128), *at;
    struct inn_section s = {.kind = 1000, .flags = flags, .offset = dir,
                            .stored_bytes = 5, .raw_bytes = 77, .codec = 9,
                            .type = 3, .hash = XXH3_64bits("hello", 5)};

    memcpy(out, bytes, dir);
    memcpy(out + dir, "hello", 5);
    at = out + dir + 64;
    memcpy(at, bytes + dir, n * INN_ENTRY_BYTES);
    inn_pack_entry(at + n * INN_ENTRY_BYTES, &s);
    n++;
    inn_pack_tail(at + n * INN_ENTRY_BYTES, dir + 64, n * INN_ENTRY_BYTES,
                  XXH3_64bits(at, n * INN_ENTRY_BYTES));
    *len += 128;
    return out;
}

START_TEST(unknown_sections_are_skipped_if_optional)
{
    size_t len, longer;
    uint8_t *bytes, *more;

    tiny_write_new(INN_CODEC_ZSTD, 0, false);
    bytes = tiny_read(tiny_path, &len);
    longer = len;
    more = extended(bytes, &longer, 7, INN_SECTION_OPTIONAL);
    ck_assert_int_eq(try_open(more, longer, false, NULL), INN_OK);
    free(more);
    longer = len;
    more = extended(bytes, &longer, 7, 0);
    ck_assert_int_eq(try_open(more, longer, false, NULL),
                     INN_ERR_UNSUPPORTED);
    free(more);
    free(bytes);
}
END_TEST

/* What a model must not say; each is written and has to be refused. */
static void spoil(struct inn_model *m, int how)
{
    static int64_t repeated[] = {0, 1, 1, 3}, wide[] = {0, 1, 2, 4},
                   uneven[] = {0, 2, 3};
    static const struct inn_span half[] = {{0, 0, 0, 1}, {-1, 0, 1, 1}},
                                 fixed[] = {{-1, 0, 4, 1}},
                                 far[] = {{0, 0, 0, 1}, {0, 2, 0, 1}},
                                 none[] = {{0, 0, 0, 0}, {0, 1, 0, 1}},
                                 long_[] = {{0, 0, 0, (int64_t)1 << 47},
                                            {0, 1, 0, (int64_t)1 << 47}},
                                 group[] = {{2, 0, 0, 1}, {0, 1, 0, 1}};
    static const struct inn_span *const spans[] = {half, far, none, long_,
                                                   group};

    switch (how) {
    case 0: m->groups[0].order = repeated; break;
    case 1: m->groups[0].order = wide; break;
    case 2: m->groups[0].l1_rank = repeated; break;
    case 3: m->groups[0].first = uneven; break;
    case 4: m->groups[0].nodes = 5; break;
    case 5: m->groups[0].nodes = 0; break;
    case 6: m->groups[0].nodes = 3; break; /* grids have 4 */
    case 7: m->groups[1].name = "g"; break;
    case 8: m->groups[1].name = ""; break;
    case 9: m->axes[2].axis = 4; break;
    case 10: m->axes[1].axis = 0; break; /* twice */
    case 11: m->axes[2].role = (enum inn_role)3; break;
    case 12: m->axes[2].axis = 1; break; /* 3 channels long */
    case 13: m->pinned[0].axis = 9; break;
    case 14: m->weights[0].residual = NAN; break;
    case 15: m->weights[1].value = m->weights[0].value; break;
    case 16: m->kernel = (enum inn_kernel)3; break;
    case 17: m->edge = (enum inn_edge)2; break;
    case 18: m->n_weights = 2; break; /* b1 has no data then */
    case 19: m->prep.n = 0; break;
    case 20: m->prep.std[1] = 0; break;
    case 21: m->stats[0].mean.bytes = 12; break;
    case 22: m->bindings[0].rank = -2; break;
    case 23: m->bindings[1].dims[0] = -1; break;
    case 24:
        m->axes[4].n_spans = 1;
        m->axes[4].spans = (struct inn_span *)fixed;
        break;
    case 30: m->bindings[0].name = "nobody"; break;
    case 31: /* of x[1,3,8,8] */
        m->bindings[0].name = "x";
        m->bindings[0].rank = 3;
        break;
    default:
        m->axes[4].spans = (struct inn_span *)spans[how - 25];
    }
}

START_TEST(models_that_make_no_sense_are_refused)
{
    enum { WAYS = 32 };
    int how;

    for (how = 0; how < WAYS; how++) {
        struct inn_error err = {INN_OK, ""};
        struct inn_model *m = tiny_build(0), *b = NULL;
        enum inn_status st;

        ck_assert_ptr_nonnull(m);
        spoil(m, how);
        /* b1's own data, which the graph has, would go into the file */
        m->graph->values[inn_graph_find(m->graph, "b1")].init->data = NULL;
        st = tiny_write(m, tiny_path, INN_STORE_F32, INN_CODEC_NONE, 1);
        inn_model_free(m);
        if (st != INN_OK)
            continue;
        st = inn_file_open(&b, tiny_path, false, tiny_heap, &err);
        ck_assert_msg(st == INN_ERR_FORMAT || st == INN_ERR_UNSUPPORTED,
                      "case %d: %d %s", how, (int)st, err.message);
        ck_assert_msg(strlen(err.message) > 10, "case %d", how);
    }
}
END_TEST

/* The same of moments, and what is said. */
static const char *spoil_moments(struct inn_model *m, int how)
{
    static int64_t repeated[] = {0, 1, 1, 3};
    struct inn_moments *x = &m->moments[1];
    struct inn_consumer *c = &m->consumers[0];

    switch (how) {
    case 0:
        m->groups[0].nested = repeated;
        return "group 'g': the moments partition is no permutation: entry 2 "
               "is 1";
    case 1:
        m->groups[0].nested_error = NULL;
        return "group 'g': the moments partition has 0 errors for 4 channels";
    case 2:
        m->groups[0].nested_error[1] = NAN;
        return "group 'g': the moments partition's error 1 is nan";
    case 3:
        m->groups[0].nested = NULL;
        return "moments 0: group 'g' has no moments partition";
    case 4:
        x->group = 1;
        m->groups[1].nested = m->groups[1].order;
        m->groups[1].nested_error = m->groups[0].nested_error;
        return "consumer 'w2': axis 1 is not summed over group 'h'";
    case 5:
        x->mean[3] = INFINITY;
        return "moments 1: mean 3 is inf";
    case 6:
        x->deviation[2] = 0;
        return "moments 1: deviation 2 is 0";
    case 7:
        x->deviation[2] = NAN;
        return "moments 1: deviation 2 is nan";
    case 8:
        x->factor[4] = 0x7c00; /* inf */
        return "(factor): row 2 has an entry that is not finite";
    case 9:
        x->factor[9] = 0xfe00; /* NaN */
        return "(factor): row 3 has an entry that is not finite";
    case 10:
        x->factor[2] = 0;
        return "(factor): entry 1 of the diagonal is not positive";
    case 11:
        x->factor[9] = 0xbc00; /* -1 */
        return "(factor): entry 3 of the diagonal is not positive";
    case 12:
        c->node = m->graph->values[inn_graph_find(m->graph, "c1")].producer;
        return "consumer 'w2': what makes 'c1' doesn't read it";
    case 13:
        c->axis = 0;
        return "axes 0 and 0 of 4";
    case 14:
        c->axis = 4;
        return "axes 4 and 0 of 4";
    case 15:
        c->out = 4;
        return "axes 1 and 4 of 4";
    case 16:
        c->axis = 2;
        return "axis 2 is not summed over group 'g'";
    case 17:
        m->axes[1].role = INN_ROLE_ALONG;
        return "axis 1 is not summed over group 'g'";
    case 18:
        c->bias = -2;
        return "bias is input -2, 31 is the last";
    case 19:
        c->bias = 32;
        return "bias is input 32, 31 is the last";
    case 20:
        c->bias = 1; /* the weight itself */
        return "what makes 'c2' doesn't read it";
    case 21:
        c->scale = -INFINITY;
        return "scale -inf";
    case 22:
        c->moments = 0;
        m->consumers[1] = *c;
        m->n_consumers = 2;
        return "consumer 'w2': axis 1 with group 'g' comes twice";
    case 23:
        m->extra_gain = NAN;
        return "extra gain nan";
    case 24:
        m->extra_gain = 1.75;
        return "extra gain 1.75";
    case 25:
        c->bias = -1;
        c->add = c->node; /* a convolution */
        c->add_axis = 1;
        return "consumer 'w2': nothing is added to in what makes 'c2'";
    default:
        m->groups[0].nodes = 2;
        return "group 'g': a moments partition of 2 nodes for 4 channels";
    }
}

START_TEST(moments_that_make_no_sense_are_refused)
{
    enum { WAYS = 27 };
    int how;

    for (how = 0; how < WAYS; how++) {
        struct inn_model *m = tiny_build(0), *b = NULL;
        struct inn_error err = {INN_OK, ""};
        const char *why;

        ck_assert_ptr_nonnull(m);
        ck_assert(tiny_add_moments(m));
        why = spoil_moments(m, how);
        ck_assert_int_eq(tiny_write(m, tiny_path, INN_STORE_F32,
                                    INN_CODEC_ZSTD, 1), INN_OK);
        inn_model_free(m);
        ck_assert_int_eq(inn_file_open(&b, tiny_path, false, tiny_heap, &err),
                         INN_ERR_FORMAT);
        ck_assert_msg(strstr(err.message, why) != NULL, "case %d: '%s'", how,
                      err.message);
    }
}
END_TEST

/* Bytes of the moments section that no model makes. */
START_TEST(moments_that_miss_their_factors_are_refused)
{
    static const struct {
        uint8_t from[2], to[2]; /* a field's tag and value */
        const char *why;
    } cases[] = {
        {{0x20, 8}, {0x20, 5}, "moments 0: section 5 of 10 is no factor"},
        {{0x20, 8}, {0x20, 99}, "moments 0: section 99 of 10 is no factor"},
        {{0x20, 9}, {0x20, 8}, "1 factors are read, there are 2"},
        {{0x12, 16}, {0x1a, 16}, "moments 0: 0 means for 4 channels"},
        {{0x20, 1}, {0x20, 2}, "consumer 'w2': moments 2 of 2"},
    };
    enum { SECTIONS = 10, MOMENTS = 4 };
    size_t len, at, i;
    uint8_t *bytes, *entry, *body;
    uint64_t stored;

    for (i = 0; i < INN_COUNT(cases); i++) {
        struct inn_error err = {INN_OK, ""};

        tiny_write_new(INN_CODEC_NONE, 0, true);
        bytes = tiny_read(tiny_path, &len);
        entry = bytes + len - INN_TAIL_BYTES -
                (SECTIONS - MOMENTS) * INN_ENTRY_BYTES;
        ck_assert_uint_eq(inn_get_u32(entry), INN_SECTION_MOMENTS);
        body = bytes + inn_get_u64(entry + 8);
        stored = inn_get_u64(entry + 16);
        for (at = 0; at + 2 <= stored; at++) {
            if (memcmp(body + at, cases[i].from, 2) == 0)
                break;
        }
        ck_assert_uint_lt(at + 2, stored);
        memcpy(body + at, cases[i].to, 2);
        inn_put_u64(entry + 56, XXH3_64bits(body, (size_t)stored));
        seal(bytes, len, SECTIONS);
        ck_assert_int_eq(try_open(bytes, len, false, &err), INN_ERR_FORMAT);
        ck_assert_msg(strstr(err.message, cases[i].why) != NULL,
                      "case %zu: '%s'", i, err.message);
        free(bytes);
    }
}
END_TEST

START_TEST(files_that_are_none_are_not_taken_for_one)
{
    struct inn_model *m = NULL;

    ck_assert(!inn_file_is_inn(tiny_path));
    ck_assert_int_eq(tiny_open(&m, tiny_path, false), INN_ERR_IO);
    ck_assert(!inn_file_is_inn(tiny_folder));
    ck_assert_int_eq(tiny_open(&m, tiny_folder, false), INN_ERR_IO);
    tiny_store(tiny_path, (const uint8_t *)"INN\r\n\x1a\n", 7);
    ck_assert(!inn_file_is_inn(tiny_path));
    tiny_store(tiny_path, (const uint8_t *)"INN\r\n\x1a\n", 8);
    ck_assert(inn_file_is_inn(tiny_path));
    ck_assert_int_eq(inn_file_open(&m, tiny_path, true, tiny_heap, NULL),
                     INN_ERR_FORMAT);
    ck_assert_ptr_null(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("damage");
    TCase *t = tcase_create("damage");

    tcase_add_checked_fixture(t, tiny_setup, tiny_teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, every_cut_is_refused);
    tcase_add_test(t, every_flipped_bit_is_refused);
    tcase_add_test(t, damaged_bytes_of_a_trusted_file_do_no_harm);
    tcase_add_test(t, directories_that_lie_are_refused);
    tcase_add_test(t, bgr_is_of_version_2_alone);
    tcase_add_test(t, other_versions_and_tails_are_refused);
    tcase_add_test(t, unknown_sections_are_skipped_if_optional);
    tcase_add_test(t, models_that_make_no_sense_are_refused);
    tcase_add_test(t, moments_that_make_no_sense_are_refused);
    tcase_add_test(t, moments_that_miss_their_factors_are_refused);
    tcase_add_test(t, files_that_are_none_are_not_taken_for_one);
    suite_add_tcase(s, t);
    return run_suite(s);
}
