/* --help, out of the tables that options are read by. */
#include <string.h>

#include "runtime/cli/cli.h"

#define WIDTH 79
#define HELP_AT 27 /* where explanations begin, if the option leaves room */

/* text from column at on, wrapped, further lines below the first. */
static void print_wrapped(const char *text, int at)
{
    int column = at;

    while (*text != '\0') {
        int len = (int)strcspn(text, " ");

        if (column > at && column + 1 + len > WIDTH) {
            printf("\n%*s", at, "");
            column = at;
        } else if (column > at) {
            fputc(' ', stdout);
            column++;
        }
        printf("%.*s", len, text);
        column += len;
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', stdout);
}

static void print_option(const struct inn_option *o)
{
    char left[80];
    int n;

    if (o->letter != 0)
        n = snprintf(left, sizeof(left), "  -%c, --%s", o->letter, o->name);
    else
        n = snprintf(left, sizeof(left), "      --%s", o->name);
    if (o->argument != NULL)
        n += snprintf(left + n, sizeof(left) - (size_t)n, " %s",
                      o->argument);
    printf("%s", left);
    if (n + 2 > HELP_AT)
        printf("\n%*s", HELP_AT, "");
    else
        printf("%*s", HELP_AT - n, "");
    print_wrapped(o->help, HELP_AT);
}

/* Whether a set before this one has an option of that name. */
static bool is_hidden(const struct inn_command *command,
                      const struct inn_option_set *set, const char *name)
{
    const struct inn_option_set *s;
    const struct inn_option *o;

    for (s = command->sets; s != set; s++) {
        for (o = s->options; o->name != NULL; o++) {
            if (strcmp(o->name, name) == 0)
                return true;
        }
    }
    return false;
}

void inn_cli_help(const char *program, const struct inn_command *command)
{
    const struct inn_option_set *set;
    const struct inn_option *o;
    const char *const *example;

    printf("usage: %s%s%s %s\n\n", program, command->name != NULL ? " " : "",
           command->name != NULL ? command->name : "", command->usage);
    print_wrapped(command->about, 0);
    for (set = command->sets; set->title != NULL; set++) {
        bool any = false;

        for (o = set->options; o->name != NULL; o++) {
            if (o->help == NULL || is_hidden(command, set, o->name))
                continue;
            if (!any)
                printf("\n%s:\n", set->title);
            any = true;
            print_option(o);
        }
    }
    printf("\nExamples:\n");
    for (example = command->examples; *example != NULL; example++)
        printf("  %s\n", *example);
}
