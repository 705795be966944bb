/*
 * Steps that run a row's own kernel. Rows of INN_OP_FLOAT see f32 where the
 * network has another float: the conversions are steps of their own, made by
 * inn_build_plain, so they happen once per value and have planned memory.
 * Short floats thus round where their bytes are asked for, not at each op.
 */
#include "runtime/base/error.h"
#include "runtime/exec/exec.h"

/* The tensor a kernel writes: in f32 if the row wants that. */
static enum inn_status out_tensor(struct inn_tensor *out,
                                  const struct inn_tensor *known,
                                  const struct inn_op *op,
                                  struct inn_error *err)
{
    enum inn_type type = op->types == INN_OP_FLOAT
                             ? inn_work_type(known->type)
                             : known->type;

    return inn_tensor_init(out, type, known->rank, known->dims, err);
}

static enum inn_status add_outputs(struct inn_builder *b, int step,
                                   const struct inn_work *w,
                                   struct inn_error *err)
{
    const struct inn_node *node = w->node;
    struct inn_step *st = &b->s->steps[step];
    enum inn_status status;
    int i;

    for (i = 0; i < node->n_outputs; i++) {
        int v = node->outputs[i];
        const struct inn_tensor *known =
            v >= 0 ? inn_shapes_get(&b->s->shapes, v) : NULL;

        if (known == NULL)
            continue;
        status = out_tensor(&st->out_tensors[i], known, w->op, err);
        if (status != INN_OK)
            return status;
        if (b->remaining[v] == 0 && !b->s->keep_all)
            continue;
        status = inn_build_slot(b, &st->out[i], INN_SLOT_BUFFER, v,
                                &st->out_tensors[i], err);
        if (status != INN_OK)
            return status;
    }
    return INN_OK;
}

enum inn_status inn_build_reference(struct inn_builder *b,
                                    const struct inn_work *w,
                                    struct inn_error *err)
{
    const struct inn_node *node = w->node;
    enum inn_status status;
    int *in, step, i;

    in = inn_arena_alloc(&b->scratch, (size_t)node->n_inputs, sizeof(*in),
                         err);
    if (in == NULL)
        return inn_refused(err);
    /* Inputs first: bringing them into form adds steps before this one. */
    for (i = 0; i < node->n_inputs; i++) {
        int v = node->inputs[i];
        const struct inn_tensor *known;

        in[i] = -1;
        if (v < 0)
            continue;
        known = inn_shapes_get(&b->s->shapes, v);
        status = inn_build_plain(b, &in[i], v,
                                 w->op->types == INN_OP_FLOAT
                                     ? inn_work_type(known->type)
                                     : known->type,
                                 err);
        if (status != INN_OK)
            return status;
    }
    status = inn_build_step(b, &step, INN_STEP_RUN, node->n_inputs,
                            node->n_outputs, err);
    if (status != INN_OK)
        return status;
    b->s->steps[step].node = node;
    b->s->steps[step].op = w->op;
    b->s->steps[step].in_tensors =
        inn_arena_alloc(&b->s->arena, (size_t)node->n_inputs,
                        sizeof(struct inn_tensor *), err);
    b->s->steps[step].out_tensors =
        inn_arena_alloc(&b->s->arena, (size_t)node->n_outputs,
                        sizeof(struct inn_tensor), err);
    if (b->s->steps[step].in_tensors == NULL ||
        b->s->steps[step].out_tensors == NULL)
        return inn_refused(err);
    for (i = 0; i < node->n_inputs; i++)
        b->s->steps[step].in[i] = in[i];
    return add_outputs(b, step, w, err);
}

enum inn_status inn_run_reference(struct inn_schedule *s,
                                  const struct inn_step *step,
                                  struct inn_error *err)
{
    struct inn_run run = {step->node,  step->in_tensors, step->out_tensors,
                          step->n_in,  step->n_out,      s->threads,
                          err};

    return step->op->run(&run);
}
