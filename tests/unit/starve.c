/* Requests that fail one after the other, and what has to hold of each. */
#include "tests/unit/starve.h"

#include <check.h>

struct starve starve(struct inn_heap *heap, size_t least, size_t most)
{
    return (struct starve){.heap = heap, .used = inn_heap_used(heap),
                           .least = least, .most = most};
}

/* Whether the round's request was made, and so failed. */
static bool judge(const struct starve *s)
{
    bool failed = inn_heap_fail_left(s->heap) == 0;
    size_t used = inn_heap_used(s->heap);

    inn_heap_fail_at(s->heap, 0);
    ck_assert_msg(used == s->used, "request %zu: %zu bytes in use, not %zu",
                  s->n, used, s->used);
    ck_assert_msg(s->st == (failed ? INN_ERR_MEMORY : INN_OK),
                  "request %zu %s: status %d: %s", s->n,
                  failed ? "failed" : "was not made", (int)s->st,
                  s->err != NULL ? s->said.message : "nobody listens");
    if (failed && s->err != NULL)
        ck_assert_msg(s->said.status == s->st && s->said.message[0] != '\0',
                      "request %zu: the error is %d: %s", s->n,
                      (int)s->said.status, s->said.message);
    return failed;
}

bool starving(struct starve *s)
{
    if (s->n > 0 && !judge(s)) {
        ck_assert_msg(s->met >= s->least, "%zu requests, not %zu or more",
                      s->met, s->least);
        return false;
    }
    ck_assert_msg(s->n <= s->most, "more than %zu requests", s->most);
    if (s->err != NULL && !s->heard) {
        s->err = NULL;
    } else {
        s->met = s->n;
        s->n += 1 + (s->apart != 0 ? s->n / s->apart : 0);
        s->said = (struct inn_error){INN_OK, ""};
        s->err = &s->said;
    }
    starve_now(s);
    return true;
}

void starve_later(struct starve *s)
{
    inn_heap_fail_at(s->heap, 0);
}

void starve_now(struct starve *s)
{
    inn_heap_fail_at(s->heap, s->n);
}
