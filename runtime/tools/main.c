/* The program inn: finds the subcommand and hands over. */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "runtime/base/threads.h"
#include "runtime/exec/cpu.h"
#include "runtime/tools/commands.h"

#ifdef HAVE_ZIP
#define ZIP_TEXT "yes"
#else
#define ZIP_TEXT "no"
#endif
#ifdef HAVE_PNG
#define PNG_TEXT "yes"
#else
#define PNG_TEXT "no"
#endif
#ifdef HAVE_JPEG
#define JPEG_TEXT "yes"
#else
#define JPEG_TEXT "no"
#endif
#ifdef HAVE_CAIRO
#define CAIRO_TEXT "yes"
#else
#define CAIRO_TEXT "no"
#endif
#ifdef _OPENMP
#define OPENMP_TEXT "OpenMP"
#else
#define OPENMP_TEXT "no OpenMP"
#endif

static const struct inn_command *const commands[] = {
    &inn_command_info,    &inn_command_export, &inn_command_run,
    &inn_command_eval,    &inn_command_bench,  &inn_command_compare,
    &inn_command_check,   &inn_command_ops,
};

#define CONVERT_SUMMARY "make an .inn of an ONNX network"

static const char usage[] =
    "usage: inn COMMAND [arguments]\n"
    "\n"
    "Integral neural networks: a pretrained ONNX network becomes a file that\n"
    "can be sampled at any width, and exported again as plain ONNX.\n"
    "\n"
    "commands:\n";

static const char examples[] =
    "\n"
    "`inn help COMMAND` says more. The usual way:\n"
    "  inn convert net.onnx -o net.inn\n"
    "  inn info net.inn\n"
    "  inn export net.inn --width 0.8 -o small.onnx\n"
    "  inn compare net.onnx small.onnx --input x.npy\n";

static void print_usage(FILE *out)
{
    size_t i;

    fputs(usage, out);
    fprintf(out, "  %-10s%s\n", "convert", CONVERT_SUMMARY);
    for (i = 0; i < INN_COUNT(commands); i++)
        fprintf(out, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "  %-10s%s\n", "help", "say more about a command");
    fputs(examples, out);
}

static void print_version(void)
{
    char kernels[128];

    printf("inn %s\n", inn_version());
    printf("%s\n", inn_kernels_text(kernels, sizeof(kernels)));
    printf("%s, %d threads; .npz: %s, .png: %s, .jpg: %s, plots: %s\n",
           OPENMP_TEXT, inn_threads_available(), ZIP_TEXT, PNG_TEXT,
           JPEG_TEXT, CAIRO_TEXT);
}

static const struct inn_command *find(const char *name)
{
    size_t i;

    for (i = 0; i < INN_COUNT(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[INN_COUNT(commands) + 2], *near;
    size_t n = 0, i;

    names[n++] = "convert";
    names[n++] = "help";
    for (i = 0; i < INN_COUNT(commands); i++)
        names[n++] = commands[i]->name;
    near = inn_nearest(name, names, n);
    fputs("inn: unknown command '", stderr);
    inn_print_clean(stderr, name);
    if (near != NULL)
        fprintf(stderr, "'; did you mean '%s'?\n", near);
    else
        fputs("'; `inn help` lists them\n", stderr);
    return INN_EXIT_USAGE;
}

static int help(int argc, char **argv)
{
    char option[] = "--help", program[] = "";
    char *convert[] = {program, option, NULL};
    const struct inn_command *command;

    if (argc < 2) {
        print_usage(stdout);
        return INN_EXIT_OK;
    }
    if (strcmp(argv[1], "convert") == 0)
        return inn_exec_convert(2, convert);
    command = find(argv[1]);
    if (command == NULL)
        return unknown(argv[1]);
    inn_cli_help("inn", command);
    return INN_EXIT_OK;
}

int main(int argc, char **argv)
{
    const struct inn_command *command;
    const char *name;

    if (argc < 2) {
        print_usage(stderr);
        return INN_EXIT_USAGE;
    }
    name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return inn_cli_finish("inn", help(1, argv));
    if (strcmp(name, "help") == 0)
        return inn_cli_finish("inn", help(argc - 1, argv + 1));
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        print_version();
        return inn_cli_finish("inn", INN_EXIT_OK);
    }
    if (strcmp(name, "convert") == 0)
        return inn_exec_convert(argc - 1, argv + 1);
    command = find(name);
    if (command == NULL)
        return unknown(name);
    return inn_cli_run("inn", command, argc - 1, argv + 1);
}
