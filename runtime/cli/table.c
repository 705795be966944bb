/* Tables: cells are kept as text, columns measured when all is there. */
#include "runtime/cli/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/error.h"

#define MOST_COLUMNS 16

const char *inn_int_text(char text[INN_INT_TEXT], int64_t value)
{
    char digits[INN_INT_TEXT];
    int n = snprintf(digits, sizeof(digits), "%lld", (long long)value);
    int sign = value < 0, at = 0, i;

    for (i = 0; i < n; i++) {
        if (i > sign && (n - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

void inn_table_init(struct inn_table *table, struct inn_arena *arena,
                    const char *heads)
{
    const char *p;

    memset(table, 0, sizeof(*table));
    table->arena = arena;
    table->heads = heads;
    table->n_columns = 1;
    for (p = heads; *p != '\0'; p++)
        table->n_columns += *p == '|' && table->n_columns < MOST_COLUMNS;
}

/* Control characters, also the eight-bit ones of UTF-8's U+0080 … U+009F. */
static void clean(char *text)
{
    unsigned char *p = (unsigned char *)text;

    for (; *p != '\0'; p++) {
        if (*p < ' ' || *p == 0x7f)
            *p = '?';
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
            p[0] = p[1] = '?';
    }
}

void inn_table_text(struct inn_table *table, const char *text)
{
    char *copy;

    if (table->why.status != INN_OK)
        return;
    if (table->n_cells == table->capacity) {
        size_t more = table->capacity != 0 ? table->capacity * 2 : 64;
        const char **cells = inn_arena_alloc(table->arena, more,
                                             sizeof(*cells),
                                             &table->why);

        if (cells == NULL)
            return;
        if (table->n_cells > 0)
            memcpy(cells, table->cells, table->n_cells * sizeof(*cells));
        table->cells = cells;
        table->capacity = more;
    }
    copy = inn_arena_strdup(table->arena, text, &table->why);
    if (copy == NULL)
        return;
    clean(copy);
    table->cells[table->n_cells++] = copy;
}

void inn_table_printf(struct inn_table *table, const char *format, ...)
{
    va_list args;
    char *text;
    int len;

    if (table->why.status != INN_OK)
        return;
    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    text = inn_arena_alloc(table->arena, len > 0 ? (size_t)len + 1 : 1, 1,
                           &table->why);
    if (text == NULL)
        return;
    va_start(args, format);
    vsnprintf(text, len > 0 ? (size_t)len + 1 : 1, format, args);
    va_end(args);
    inn_table_text(table, text);
}

void inn_table_int(struct inn_table *table, int64_t value)
{
    char text[INN_INT_TEXT];

    inn_table_text(table, inn_int_text(text, value));
}

void inn_table_number(struct inn_table *table, double value, int digits)
{
    if (isfinite(value))
        inn_table_printf(table, "%.*g", digits, value);
    else
        inn_table_text(table, "-");
}

void inn_table_fixed(struct inn_table *table, double value, int decimals)
{
    /* Not "-0.00". */
    if (fabs(value) < 0.5 * pow(10, -decimals))
        value = 0;
    if (isfinite(value))
        inn_table_printf(table, "%.*f", decimals, value);
    else
        inn_table_text(table, "-");
}

/* Characters, not bytes: those that don't continue one in UTF-8. */
static int columns_of(const char *text, size_t len)
{
    size_t i;
    int n = 0;

    for (i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

/* Spaces owed before the next text: none end a line. */
static void put(FILE *out, int *owed, const char *text, size_t len, int width,
                bool right, bool last)
{
    int pad = width - columns_of(text, len);

    if (right)
        *owed += pad;
    if (len > 0) {
        fprintf(out, "%*s", *owed, "");
        fwrite(text, 1, len, out);
        *owed = 0;
    }
    *owed += (right ? 0 : pad) + 2;
    if (last)
        fputc('\n', out);
}

struct column {
    const char *head;
    size_t len;
    bool right;
    int width;
};

static void measure(const struct inn_table *table, struct column *columns)
{
    const char *p = table->heads;
    size_t i;
    int c;

    for (c = 0; c < table->n_columns; c++) {
        size_t len = strcspn(p, "|");
        bool right = len > 0 && p[len - 1] == '>';

        columns[c].head = p;
        columns[c].len = len - right;
        columns[c].right = right;
        columns[c].width = columns_of(p, len - right);
        p += len + (p[len] == '|');
    }
    for (i = 0; i < table->n_cells; i++) {
        const char *cell = table->cells[i];
        int width = columns_of(cell, strlen(cell));

        c = (int)(i % (size_t)table->n_columns);
        if (width > columns[c].width)
            columns[c].width = width;
    }
}

enum inn_status inn_table_print(const struct inn_table *table, FILE *out,
                                int indent, struct inn_error *err)
{
    struct column columns[MOST_COLUMNS];
    bool bold = out == stdout && isatty(STDOUT_FILENO) &&
                getenv("NO_COLOR") == NULL;
    int n = table->n_columns, owed = indent, c;
    size_t i;

    measure(table, columns);
    if (bold)
        fputs("\033[1m", out);
    for (c = 0; c < n; c++)
        put(out, &owed, columns[c].head, columns[c].len, columns[c].width,
            columns[c].right, c == n - 1);
    if (bold)
        fputs("\033[0m", out);
    for (i = 0; i < table->n_cells; i++) {
        c = (int)(i % (size_t)n);
        if (c == 0)
            owed = indent;
        put(out, &owed, table->cells[i], strlen(table->cells[i]),
            columns[c].width, columns[c].right, c == n - 1);
    }
    if (table->why.status != INN_OK && err != NULL)
        *err = table->why;
    return table->why.status;
}
