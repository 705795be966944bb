/* Mapping files, walking below folders, writing atomically. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/write.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static char folder[] = "/tmp/inn-file-XXXXXX";

/* A path inside the test's folder; the four last results stay valid. */
static const char *in(const char *name)
{
    static char text[4][256];
    static int at;

    at = (at + 1) % 4;
    snprintf(text[at], sizeof(text[at]), "%s/%s", folder, name);
    return text[at];
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, strlen(text), f), strlen(text));
    ck_assert_int_eq(fclose(f), 0);
}

static void expect(const char *path, const char *text)
{
    struct inn_bytes b;

    ck_assert_int_eq(inn_file_map(&b, path, NULL), INN_OK);
    ck_assert_uint_eq(b.len, strlen(text));
    if (b.len > 0)
        ck_assert(memcmp(b.data, text, b.len) == 0);
    inn_file_unmap(&b);
}

/* Files in the folder whose name begins with a dot: temporary ones. */
static int leftovers(void)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    int n = 0;

    while ((e = readdir(d)) != NULL)
        n += strncmp(e->d_name, ".inn-", 5) == 0;
    closedir(d);
    return n;
}

static void setup(void)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(only_regular_files_are_mapped)
{
    struct inn_error err = {INN_OK, ""};
    struct inn_bytes b;

    put(in("a"), "hello");
    put(in("empty"), "");
    expect(in("a"), "hello");
    expect(in("empty"), "");
    ck_assert_int_eq(inn_file_map(&b, in("none"), &err), INN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "No such file"));
    ck_assert_int_eq(inn_file_map(&b, folder, &err), INN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "folder"));
    ck_assert_int_eq(mkfifo(in("pipe"), 0600), 0);
    ck_assert_int_eq(inn_file_map(&b, in("pipe"), &err), INN_ERR_IO);
    ck_assert_ptr_null(b.data);
    inn_file_unmap(&b);
}
END_TEST

static enum inn_status beneath(const char *also, const char *relative,
                               const char *expected)
{
    char dir[256];
    struct inn_bytes b;
    enum inn_status st;

    snprintf(dir, sizeof(dir), "%s/model", folder);
    st = inn_file_map_beneath(&b, dir, also, relative, NULL);
    if (st == INN_OK) {
        ck_assert_uint_eq(b.len, strlen(expected));
        ck_assert(memcmp(b.data, expected, b.len) == 0);
    }
    inn_file_unmap(&b);
    return st;
}

START_TEST(paths_stay_below_the_folder)
{
    mkdir(in("model"), 0700);
    mkdir(in("model/sub"), 0700);
    mkdir(in("outside"), 0700);
    put(in("model/w"), "weights");
    put(in("model/sub/w"), "sub");
    put(in("outside/w"), "secret");
    ck_assert_int_eq(beneath(NULL, "w", "weights"), INN_OK);
    ck_assert_int_eq(beneath(NULL, "./sub//w", "sub"), INN_OK);
    ck_assert_int_eq(beneath(NULL, "../outside/w", ""), INN_ERR_FORMAT);
    ck_assert_int_eq(beneath(NULL, "sub/../w", ""), INN_ERR_FORMAT);
    ck_assert_int_eq(beneath(NULL, "sub/..", ""), INN_ERR_FORMAT);
    ck_assert_int_eq(beneath(NULL, "/etc/passwd", ""), INN_ERR_FORMAT);
    ck_assert_int_eq(beneath(NULL, "", ""), INN_ERR_FORMAT);
    ck_assert_int_eq(beneath(NULL, "sub/", ""), INN_ERR_FORMAT);
    ck_assert_int_eq(beneath(NULL, "none", ""), INN_ERR_IO);
    ck_assert_int_eq(beneath(NULL, "w/x", ""), INN_ERR_FORMAT);
    ck_assert_int_eq(beneath(NULL, "sub", ""), INN_ERR_IO);
}
END_TEST

START_TEST(links_are_followed_only_to_allowed_roots)
{
    char also[256];

    mkdir(in("model"), 0700);
    mkdir(in("blobs"), 0700);
    put(in("blobs/b"), "blob");
    put(in("model/w"), "weights");
    ck_assert_int_eq(symlink("../blobs/b", in("model/out")), 0);
    ck_assert_int_eq(symlink("w", in("model/inside")), 0);
    ck_assert_int_eq(symlink("../blobs", in("model/dir")), 0);
    ck_assert_int_eq(symlink("loop", in("model/loop")), 0);
    snprintf(also, sizeof(also), "%s/blobs", folder);
    ck_assert_int_eq(beneath(NULL, "inside", "weights"), INN_OK);
    ck_assert_int_eq(beneath(NULL, "out", ""), INN_ERR_FORMAT);
    ck_assert_int_eq(beneath(also, "out", "blob"), INN_OK);
    ck_assert_int_eq(beneath(also, "dir/b", ""), INN_ERR_FORMAT);
    ck_assert_int_eq(beneath(also, "loop", ""), INN_ERR_FORMAT);
}
END_TEST

START_TEST(hard_linked_external_data_is_refused)
{
    mkdir(in("model"), 0700);
    put(in("other"), "secret");
    ck_assert_int_eq(link(in("other"), in("model/w")), 0);
    ck_assert_int_eq(beneath(NULL, "w", ""), INN_ERR_FORMAT);
}
END_TEST

/* Writes text in pieces; whether to commit. */
static enum inn_status write_text(const char *path, const char *text,
                                  size_t repeat, bool overwrite, bool commit,
                                  struct inn_heap *heap)
{
    struct inn_write *w;
    enum inn_status st = inn_write_open(&w, path, overwrite, heap, NULL);
    size_t i;

    for (i = 0; i < repeat && st == INN_OK; i++)
        st = inn_write_bytes(w, text, strlen(text), NULL);
    if (st == INN_OK)
        ck_assert_uint_eq(inn_write_position(w), repeat * strlen(text));
    if (st == INN_OK && commit)
        st = inn_write_commit(w, NULL);
    inn_write_close(w);
    return st;
}

START_TEST(nothing_shows_before_commit_and_nothing_stays_after_failure)
{
    struct inn_heap *heap = inn_heap_new(0);

    ck_assert_int_eq(write_text(in("f"), "x", 1, false, false, heap), INN_OK);
    ck_assert_int_ne(access(in("f"), F_OK), 0);
    ck_assert_int_eq(leftovers(), 0);
    ck_assert_int_eq(write_text(in("f"), "one", 1, false, true, heap),
                     INN_OK);
    expect(in("f"), "one");
    ck_assert_int_eq(write_text(in("f"), "two", 1, false, true, heap),
                     INN_ERR_IO);
    expect(in("f"), "one");
    ck_assert_int_eq(write_text(in("f"), "two", 1, true, true, heap), INN_OK);
    expect(in("f"), "two");
    ck_assert_int_eq(write_text(folder, "x", 1, true, true, heap),
                     INN_ERR_IO);
    ck_assert_int_eq(write_text(in("no/f"), "x", 1, true, true, heap),
                     INN_ERR_IO);
    ck_assert_int_eq(leftovers(), 0);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(long_files_pass_the_buffer_whole)
{
    struct inn_heap *heap = inn_heap_new(0);
    char piece[100001];
    struct inn_bytes b;

    memset(piece, 'p', sizeof(piece) - 1);
    piece[sizeof(piece) - 1] = '\0';
    ck_assert_int_eq(write_text(in("a"), "0123456789abc", 20000, false, true,
                                heap), INN_OK);
    ck_assert_int_eq(inn_file_map(&b, in("a"), NULL), INN_OK);
    ck_assert_uint_eq(b.len, 260000);
    ck_assert(memcmp(b.data + 259987, "0123456789abc", 13) == 0);
    inn_file_unmap(&b);
    ck_assert_int_eq(write_text(in("b"), piece, 3, false, true, heap),
                     INN_OK);
    ck_assert_int_eq(inn_file_map(&b, in("b"), NULL), INN_OK);
    ck_assert_uint_eq(b.len, 300000);
    inn_file_unmap(&b);
    inn_heap_free(heap);
}
END_TEST

START_TEST(name_that_appears_meanwhile_is_not_replaced)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_write *w;

    ck_assert_int_eq(inn_write_open(&w, in("f"), false, heap, NULL), INN_OK);
    put(in("f"), "theirs");
    ck_assert_int_eq(inn_write_commit(w, NULL), INN_ERR_IO);
    inn_write_close(w);
    expect(in("f"), "theirs");
    ck_assert_int_eq(leftovers(), 0);
    inn_heap_free(heap);
}
END_TEST

/* Reads what is under way, and has the opinion it is given. */
struct opinion {
    enum inn_status status;
    char text[16];
    int asked;
};

static enum inn_status look(void *state, const char *path,
                            struct inn_error *err)
{
    struct opinion *o = state;
    struct inn_bytes bytes;

    o->asked++;
    ck_assert_int_eq(inn_file_map(&bytes, path, NULL), INN_OK);
    ck_assert_uint_lt(bytes.len, sizeof(o->text));
    memcpy(o->text, bytes.data, bytes.len);
    inn_file_unmap(&bytes);
    return o->status == INN_OK ? INN_OK
                               : inn_fail(err, o->status, "not so");
}

static enum inn_status write_looked_at(const char *path, struct opinion *o,
                                       struct inn_heap *heap,
                                       struct inn_error *err)
{
    const struct inn_reread again = {look, o};
    struct inn_write *w;
    enum inn_status st = inn_write_open(&w, path, true, heap, err);

    if (st == INN_OK)
        st = inn_write_bytes(w, "new", 3, err);
    if (st == INN_OK)
        st = inn_write_reread(w, &again, err);
    if (st == INN_OK)
        st = inn_write_commit(w, err);
    inn_write_close(w);
    return st;
}

START_TEST(what_is_read_back_and_refused_replaces_nothing)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct opinion good = {INN_OK, "", 0}, bad = {INN_ERR_FORMAT, "", 0};
    struct inn_error err = {INN_OK, ""};

    put(in("f"), "old");
    ck_assert_int_eq(write_looked_at(in("f"), &bad, heap, &err),
                     INN_ERR_FORMAT);
    ck_assert_str_eq(err.message, "read back: not so");
    ck_assert_str_eq(bad.text, "new");
    expect(in("f"), "old");
    ck_assert_int_eq(leftovers(), 0);
    ck_assert_int_eq(write_looked_at(in("f"), &good, heap, NULL), INN_OK);
    expect(in("f"), "new");
    /* Nothing to look at. */
    ck_assert_int_eq(write_looked_at("/dev/null", &bad, heap, NULL), INN_OK);
    ck_assert_int_eq(bad.asked, 1);
    inn_heap_free(heap);
}
END_TEST

START_TEST(full_device_is_an_error)
{
    struct inn_heap *heap = inn_heap_new(0);

    if (access("/dev/full", W_OK) == 0)
        ck_assert_int_eq(write_text("/dev/full", "x", 1, false, true, heap),
                         INN_ERR_IO);
    ck_assert_int_eq(write_text("/dev/null", "x", 1, false, true, heap),
                     INN_OK);
    inn_heap_free(heap);
}
END_TEST

START_TEST(every_failed_allocation_is_clean)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct starve s = starve(heap, 3, 50);

    while (starving(&s)) {
        struct inn_write *w;

        s.st = inn_write_open(&w, in("f"), true, heap, s.err);
        if (s.st == INN_OK)
            s.st = inn_write_bytes(w, "x", 1, s.err);
        if (s.st == INN_OK)
            s.st = inn_write_commit(w, s.err);
        inn_write_close(w);
        ck_assert_int_eq(leftovers(), 0);
    }
    expect(in("f"), "x");
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("file");
    TCase *t = tcase_create("file");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, only_regular_files_are_mapped);
    tcase_add_test(t, paths_stay_below_the_folder);
    tcase_add_test(t, links_are_followed_only_to_allowed_roots);
    tcase_add_test(t, hard_linked_external_data_is_refused);
    tcase_add_test(t,
                   nothing_shows_before_commit_and_nothing_stays_after_failure);
    tcase_add_test(t, long_files_pass_the_buffer_whole);
    tcase_add_test(t, name_that_appears_meanwhile_is_not_replaced);
    tcase_add_test(t, what_is_read_back_and_refused_replaces_nothing);
    tcase_add_test(t, full_device_is_an_error);
    tcase_add_test(t, every_failed_allocation_is_clean);
    suite_add_tcase(s, t);
    return run_suite(s);
}
