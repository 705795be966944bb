/*
 * What every program of ours shares on the command line: options read by a
 * table that is also the help text, errors as one line, exit codes. Knows no
 * subcommand.
 */
#ifndef INN_CLI_CLI_H
#define INN_CLI_CLI_H

#include "runtime/base/arena.h"
#include "runtime/base/port.h"
#include "runtime/cli/progress.h"

enum inn_exit {
    INN_EXIT_OK = 0,
    INN_EXIT_NO = 1, /* a comparison or a check says no */
    INN_EXIT_USAGE = 2,
    INN_EXIT_IO = 3,
    INN_EXIT_FORMAT = 4,
    INN_EXIT_UNSUPPORTED = 5,
    INN_EXIT_MEMORY = 6 /* out of it, or over a limit */
};

/* What an option's value is, and what it is stored as. */
enum inn_option_kind {
    INN_OPT_FLAG,     /* none: bool, set to true */
    INN_OPT_TEXT,     /* const char *, borrowed from argv */
    INN_OPT_LIST,     /* struct inn_cli_list; the option may be repeated */
    INN_OPT_INT,      /* int64_t from lo to hi */
    INN_OPT_SIZE,     /* the same; K, M, G, T after it count 1024 upwards */
    INN_OPT_NUMBER,   /* double from lo to hi */
    INN_OPT_POSITIVE, /* double above lo, up to hi */
    INN_OPT_NUMBERS,  /* struct inn_cli_numbers: separated by commas */
    INN_OPT_CHOICE    /* int: which of the words in argument, a|b|c */
};

struct inn_cli_list {
    const char **items;
    size_t n;
};

struct inn_cli_numbers {
    double *items;
    size_t n;
};

struct inn_option {
    const char *name; /* without the dashes; NULL ends a table */
    char letter;      /* short form, or 0 */
    enum inn_option_kind kind;
    size_t offset; /* of the value in the struct of this table */
    const char *argument; /* as help shows it; NULL for flags */
    double lo, hi;        /* both 0: any */
    const char *help; /* a clause or two, no final stop; NULL: not shown */
};

/*
 * A table and where its struct lies in the command's values. Of options of
 * one name the first set's counts.
 */
struct inn_option_set {
    const char *title; /* NULL ends the list */
    const struct inn_option *options;
    size_t base;
};

/* Options of every command: inn_common_options stores them here. */
struct inn_common {
    bool json, quiet, verbose, force;
    int64_t threads; /* 0: all */
    int64_t seed;
    int64_t memory; /* bytes; 0: the default */
    int progress;   /* enum inn_progress_mode */
    struct inn_cli_list shapes;
    const char *external_dir; /* or NULL */
};
extern const struct inn_option inn_common_options[];

struct inn_cli;

struct inn_command {
    const char *name;    /* of the subcommand; NULL: the program itself */
    const char *summary; /* half a line for the list of commands */
    const char *usage;   /* what follows the name: "FILE.inn -o OUT.onnx" */
    const char *about;   /* a paragraph for its help */
    int min_operands, max_operands; /* max -1: any number */
    const struct inn_option_set *sets;
    size_t values_size;
    const void *defaults; /* values_size bytes to start from, or NULL: 0 */
    size_t common_offset; /* of struct inn_common in the values */
    const char *const *examples; /* ends with NULL */
    /* Returns the exit code; has printed its own error. */
    int (*run)(struct inn_cli *cli, const void *values);
};

/* What run gets. */
struct inn_cli {
    const char *program; /* "inn" */
    const struct inn_command *command;
    struct inn_heap *heap;  /* --memory is its ceiling */
    struct inn_arena arena; /* lives as long as the command */
    const struct inn_common *common;
    const char **operands;
    size_t n_operands;
    struct inn_progress progress;
};

/*
 * Parses argv[1 …] (argv[0] is the program or subcommand), runs the command,
 * flushes stdout and tells of its errors. Returns the exit code.
 */
int inn_cli_run(const char *program, const struct inn_command *command,
                int argc, char **argv);

/*
 * The same with all memory from heap, whatever --memory says: tests let its
 * requests fail, and see what is left of it.
 */
int inn_cli_run_in(struct inn_heap *heap, const char *program,
                   const struct inn_command *command, int argc, char **argv);

/* --help of a command, on stdout. */
void inn_cli_help(const char *program, const struct inn_command *command);

enum inn_exit inn_exit_code(enum inn_status status);

/*
 * "inn: FILE: message" on stderr, once; file may be NULL. Returns the exit
 * code of err's status.
 */
int inn_cli_error(const struct inn_cli *cli, const char *file,
                  const struct inn_error *err);

/* "inn: command: message"; returns INN_EXIT_USAGE. */
int inn_cli_usage(const struct inn_cli *cli, const char *format, ...)
    INN_PRINTF(2, 3);

/* "inn: message" for what is no error; nothing with -q. */
void inn_cli_note(const struct inn_cli *cli, const char *format, ...)
    INN_PRINTF(2, 3);

/*
 * text on out, control characters as '?': names out of a file must not speak
 * to the user's terminal.
 */
void inn_print_clean(FILE *out, const char *text);

/* The candidate nearest to word if it is near enough to be meant, or NULL. */
const char *inn_nearest(const char *word, const char *const *candidates,
                        size_t n);

/* Flushes stdout; INN_EXIT_IO with a message where that fails, else code. */
int inn_cli_finish(const char *program, int code);

#endif
