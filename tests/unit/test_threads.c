/* Threads that can't be had: a child that is granted a few, as another user. */
#define _GNU_SOURCE /* setresuid */
#include <check.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/threads.h"
#include "tests/unit/suite.h"

#define PARTS 200

static void count(void *context, size_t part)
{
    int *done = context;

    done[part]++;
}

/* 0 where every part was done once. */
static int loops_are_whole(int threads)
{
    int done[PARTS] = {0}, i;

    inn_parallel(threads, PARTS, count, done);
    for (i = 0; i < PARTS; i++) {
        if (done[i] != 1)
            return 1;
    }
    return 0;
}

START_TEST(what_can_be_had_is_granted)
{
    ck_assert_int_eq(inn_threads_granted(1), 1);
#ifdef _OPENMP
    ck_assert_int_eq(inn_threads_granted(3), 3);
    ck_assert_int_eq(inn_threads_granted(0), inn_threads_available());
    ck_assert_int_eq(inn_threads_granted(5), 5);
#endif
    ck_assert_int_eq(loops_are_whole(4), 0);
}
END_TEST

#ifdef _OPENMP

/* A user of whom there is nobody: a limit counts what runs of that user. */
#define NOBODY 54321

/* Only n threads for this process from now on. True: the limit holds. */
static int limit(int n)
{
    struct rlimit r = {(rlim_t)n, (rlim_t)n};

    return setrlimit(RLIMIT_NPROC, &r) == 0 && setresuid(NOBODY + (uid_t)n,
                                                         NOBODY + (uid_t)n,
                                                         NOBODY + (uid_t)n)
                                                   == 0;
}

/* 77: there is no way to test it here. */
static int with_limit(int n)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        if (!limit(n))
            _exit(77);
        /* A sanitizer may have taken one of them. */
        if (inn_threads_granted(4) > n)
            _exit(1);
        _exit(2 * loops_are_whole(4) + 4 * loops_are_whole(3));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(fewer_threads_do_the_work_where_fewer_are_granted)
{
    int status = with_limit(_i);

    if (status != 77)
        ck_assert_int_eq(status, 0);
}
END_TEST

#endif

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *t = tcase_create("threads");

#ifdef _OPENMP
    /* First: a child has no use of threads that its parent has begun. */
    tcase_add_loop_test(t, fewer_threads_do_the_work_where_fewer_are_granted,
                        1, 6);
#endif
    tcase_add_test(t, what_can_be_had_is_granted);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
