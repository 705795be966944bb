/* Bytes of protobuf messages, well and badly formed, against inn.proto. */
#include <check.h>
#include <string.h>

#include "proto/inn.pb-c.h"
#include "runtime/base/port.h"
#include "runtime/base/wire.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static struct inn_heap *heap;
static struct inn_error err;

static void setup(void)
{
    heap = inn_heap_new(0);
}

static void teardown(void)
{
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

struct wire_case {
    const char *bytes;
    size_t len;
    const char *says; /* NULL: it is read */
};

/* Of Group: name is 1, size 2, nodes 3, blocks (a list) 4. */
static const struct wire_case group_cases[] = {
    {"", 0, NULL},
    {"\x0a\x01g\x10\x05", 5, NULL},
    {"\x22\x02\x01\x02", 4, NULL},               /* packed */
    {"\x20\x01\x20\x02", 4, NULL},               /* one by one */
    {"\x22\x01\x01\x20\x02\x22\x00", 7, NULL},   /* both */
    {"\x22\x00", 2, NULL},                       /* none of them */
    {"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, NULL},
    {"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, "does not end"},
    {"\x22\x02\x01\x80", 4, "Group 'blocks' is of the wrong kind"},
    {"\x22\x03\x01\x02", 4, "claims 3 bytes, 2 are left"},
    {"\x12\x01\x01", 3, "Group 'size' is of the wrong kind"},
    {"\x08\x01", 2, "Group 'name' is of the wrong kind"},
    {"\x0a\x02g\0", 4, "Group 'name' has a zero byte"},
    {"\x10\x05\x10\x05", 4, "byte 3: Group 'size' is there twice"},
    {"\xf8\x01\x05", 3, NULL},                   /* field 31 is unknown */
    {"\xfa\x01\x05x", 4, "claims 5 bytes, 1 are left"},
    {"\xfb\x01", 2, "unknown kind"},
    {"\xf9\x01\x01\x02\x03", 5, "cut off"},
    {"\xf8\xff\xff\xff\x0f\x01", 6, NULL},       /* the largest number */
    {"\xf8\xff\xff\xff\x1f\x01", 6, "valid number"},
};

/* Of Partition: error 4 is a list of floats. */
static const struct wire_case partition_cases[] = {
    {"\x22\x08\0\0\0\0\0\0\x80\x3f", 10, NULL},
    {"\x22\x07\0\0\0\0\0\0\x80", 9, "Partition 'error' is of the wrong kind"},
};

static void try_case(const ProtobufCMessageDescriptor *type,
                     const struct wire_case *c)
{
    struct inn_arena arena;
    ProtobufCMessage *message;
    enum inn_status st;

    inn_arena_init(&arena, heap);
    st = inn_wire_unpack(&message, type, (const uint8_t *)c->bytes, c->len,
                         &arena, &err);
    ck_assert((st == INN_OK) == (message != NULL));
    if (c->says == NULL) {
        ck_assert_msg(st == INN_OK, "%s", err.message);
    } else {
        ck_assert_int_eq(st, INN_ERR_FORMAT);
        ck_assert_msg(strstr(err.message, c->says) != NULL,
                      "'%s' lacks '%s'", err.message, c->says);
    }
    inn_arena_free(&arena);
}

START_TEST(well_formed_messages_are_read_and_others_say_where)
{
    size_t i;

    for (i = 0; i < INN_COUNT(group_cases); i++)
        try_case(&inn__group__descriptor, &group_cases[i]);
    for (i = 0; i < INN_COUNT(partition_cases); i++)
        try_case(&inn__partition__descriptor, &partition_cases[i]);
}
END_TEST

START_TEST(a_message_of_more_than_two_gigabytes_is_refused_unread)
{
    ck_assert_int_eq(inn_wire_scan(&inn__group__descriptor,
                                   (const uint8_t *)"",
                                   INN_WIRE_MAX_BYTES + 1, &err),
                     INN_ERR_LIMIT);
    ck_assert_msg(strstr(err.message, "2147483648 bytes of Group") != NULL,
                  "%s", err.message);
}
END_TEST

START_TEST(every_failed_allocation_is_told_from_damage)
{
    static const char bytes[] =
        "\x0a\x0c\x0a\x01g\x10\x02\x22\x01\x02\x2a\x02\x00\x01"
        "\x12\x04\x0a\x02xy";
    struct starve s = starve(heap, 1, 100);
    struct inn_arena arena;
    ProtobufCMessage *message;

    while (starving(&s)) {
        inn_arena_init(&arena, heap);
        s.st = inn_wire_unpack(&message, &inn__groups__descriptor,
                               (const uint8_t *)bytes, sizeof(bytes) - 1,
                               &arena, s.err);
        ck_assert_int_eq(message != NULL, s.st == INN_OK);
        inn_arena_free(&arena);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wire");
    TCase *t = tcase_create("wire");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, well_formed_messages_are_read_and_others_say_where);
    tcase_add_test(t, a_message_of_more_than_two_gigabytes_is_refused_unread);
    tcase_add_test(t, every_failed_allocation_is_told_from_damage);
    suite_add_tcase(s, t);
    return run_suite(s);
}
