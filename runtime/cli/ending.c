/*
 * oneDNN is C++ and lets std::bad_alloc out of its C functions, which ends the
 * process by SIGABRT: C can't catch it, but operator new asks a handler first.
 * GNU's OpenMP calls exit(1) where it gets neither memory nor a thread. Both
 * are the last resort: runtime/base/threads.h and exec/ ask before whether
 * there is what these libraries need.
 */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "runtime/cli/ending.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/write.h"
#include "runtime/cli/cli.h"

/* Handlers get no argument, so what they need is here. */
static const char *ending_program;
static volatile sig_atomic_t is_watching;

static void say(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));

    (void)n; /* nothing is left to be done about it */
}

static void end(const char *what)
{
    inn_write_forget_all();
    say(ending_program);
    say(what);
    _exit(INN_EXIT_MEMORY);
}

static void no_memory(void)
{
    end(": out of memory\n");
}

static void at_exit(void)
{
    if (is_watching)
        end(": a library ended the program: no memory, or no threads\n");
}

/* std::set_new_handler, where a C++ library is loaded at all. */
static void watch_new(void)
{
    typedef void handler_fn(void);
    typedef handler_fn *set_fn(handler_fn *);
    void *found = dlsym(RTLD_DEFAULT, "_ZSt15set_new_handlerPFvvE");
    set_fn *set;

    if (found == NULL)
        return;
    memcpy(&set, &found, sizeof(set));
    set(no_memory);
}

void inn_ending_watch(const char *program)
{
    ending_program = program;
    is_watching = 1;
    watch_new();
    (void)atexit(at_exit);
}

void inn_ending_expected(void)
{
    is_watching = 0;
}
