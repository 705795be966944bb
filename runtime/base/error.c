/*
 * Error messages: one line, bounded, never with control characters that a
 * hostile name could smuggle to a terminal. What is bounded is the names: a
 * line that is too long loses the middle of its longest, never its end, which
 * is where reasons stand.
 */
#include "runtime/base/error.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The last two bytes of a message, behind its 0, say what it is about: the
 * public struct has no other room, and its size is part of the ABI.
 */
#define AT_KIND (sizeof(((struct inn_error *)NULL)->message) - 1)
#define AT_FILE (AT_KIND - 1)
/* Bytes of text, its 0 included. */
#define ROOM AT_FILE

/* Of a name that is shortened this much stays, and the mark in its middle. */
#define LEAST 24
static const char mark[] = "\xe2\x80\xa6"; /* … */
#define MARK (sizeof(mark) - 1)

/* A line longer than this is cut at its end: names of a megabyte. */
#define LONGEST ((size_t)1 << 20)

static void clean(char *s)
{
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
    }
}

/* Inside a UTF-8 sequence, where text must not be cut. */
static bool is_inside(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || ((unsigned char)c & 0x80) != 0;
}

/* The quote that ends the name after text[from], or len. */
static size_t closing_quote(const char *text, size_t from, size_t len)
{
    size_t i;

    for (i = from; i < len; i++) {
        if (text[i] == '\'' && !is_word(text[i + 1]))
            return i;
    }
    return len;
}

/* An apostrophe stands between letters; a quote doesn't follow one. */
static bool is_opening(const char *text, size_t i)
{
    return text[i] == '\'' && (i == 0 || !is_word(text[i - 1]));
}

/* The longest name in text: what stands in quotes, or a word (a path). */
static size_t longest_name(const char *text, size_t len, size_t *at)
{
    size_t i = 0, from, most = 0;

    *at = 0;
    while (i < len) {
        bool quoted = is_opening(text, i);

        from = quoted ? i + 1 : i;
        if (quoted)
            i = closing_quote(text, from, len);
        while (!quoted && i < len && text[i] != ' ' && !is_opening(text, i))
            i++;
        if (i - from > most) {
            most = i - from;
            *at = from;
        }
        if (quoted || text[i] == ' ')
            i++;
    }
    return most;
}

/* Takes the middles out of the longest names until text has most bytes. */
static void shorten(char *text, size_t most)
{
    size_t len = strlen(text), at, n, from, to;

    while (len > most) {
        n = longest_name(text, len, &at);
        if (n <= LEAST + MARK)
            break;
        /* What is too much, or down to the least: then another one's turn. */
        to = len - most + MARK;
        to = to > n - LEAST ? n - LEAST : to;
        from = at + (n - to) / 2;
        to += from;
        while (from > at && is_inside(text[from]))
            from--;
        while (to < at + n && is_inside(text[to]))
            to++;
        memcpy(text + from, mark, MARK);
        memmove(text + from + MARK, text + to, len - to + 1);
        len -= to - from - MARK;
    }
    if (len > most) {
        for (len = most; len > 0 && is_inside(text[len]); len--)
            ;
        text[len] = '\0';
    }
}

/* Writes format into out[ROOM], shortened where it is longer. */
static void print(char *out, const char *format, va_list args)
{
    char *whole = NULL;
    va_list again;
    size_t len;
    int n;

    va_copy(again, args);
    n = vsnprintf(out, ROOM, format, args);
    len = n > 0 ? (size_t)n : 0;
    if (len >= ROOM && len <= LONGEST)
        whole = malloc(len + 1);
    if (whole != NULL) {
        vsnprintf(whole, len + 1, format, again);
        shorten(whole, ROOM - 1);
        memcpy(out, whole, strlen(whole) + 1);
        free(whole);
    } else if (len >= ROOM) {
        shorten(out, ROOM - 1 - MARK);
        strcat(out, mark);
    }
    va_end(again);
    clean(out);
}

enum inn_status inn_fail_list(struct inn_error *err, enum inn_status status,
                              const char *format, va_list args)
{
    if (err == NULL)
        return status;
    err->status = status;
    print(err->message, format, args);
    err->message[AT_KIND] = err->message[AT_FILE] = 0;
    return status;
}

enum inn_status inn_fail(struct inn_error *err, enum inn_status status,
                         const char *format, ...)
{
    va_list args;

    va_start(args, format);
    inn_fail_list(err, status, format, args);
    va_end(args);
    return status;
}

/* Puts prefix and ": " before the message. */
static void put_before(struct inn_error *err, const char *prefix)
{
    char both[2 * sizeof(err->message) + 2];

    snprintf(both, sizeof(both), "%s: %s", prefix, err->message);
    shorten(both, ROOM - 1);
    memcpy(err->message, both, strlen(both) + 1);
}

void inn_error_prefix(struct inn_error *err, const char *format, ...)
{
    char prefix[sizeof(err->message)];
    va_list args;

    if (err == NULL)
        return;
    va_start(args, format);
    print(prefix, format, args);
    va_end(args);
    put_before(err, prefix);
    err->message[AT_FILE] = 0;
}

void inn_error_file(struct inn_error *err, const char *path)
{
    if (err == NULL || err->message[AT_FILE] != 0)
        return;
    inn_error_prefix(err, "%s", path);
    err->message[AT_FILE] = 1;
}

bool inn_error_has_file(const struct inn_error *err)
{
    return err->message[AT_FILE] != 0;
}

void inn_error_set_kind(struct inn_error *err, enum inn_error_kind kind)
{
    if (err != NULL)
        err->message[AT_KIND] = (char)kind;
}

enum inn_error_kind inn_error_kind(const struct inn_error *err)
{
    return (enum inn_error_kind)err->message[AT_KIND];
}

enum inn_status inn_errno_status(void)
{
    return errno == ENOMEM ? INN_ERR_MEMORY : INN_ERR_IO;
}

enum inn_status inn_no_memory(struct inn_error *err, size_t bytes)
{
    return inn_fail(err, INN_ERR_MEMORY, "out of memory: %zu bytes", bytes);
}

enum inn_status inn_exists_already(struct inn_error *err)
{
    inn_fail(err, INN_ERR_IO, "exists already");
    inn_error_set_kind(err, INN_KIND_EXISTS);
    return INN_ERR_IO;
}
