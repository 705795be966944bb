libinncore_la_SOURCES += \
    runtime/exec/build.c \
    runtime/exec/copy.c \
    runtime/exec/cpu.c \
    runtime/exec/cpu.h \
    runtime/exec/crowd.c \
    runtime/exec/crowd.h \
    runtime/exec/dnnl_exec.h \
    runtime/exec/exec.h \
    runtime/exec/exponential.h \
    runtime/exec/feed.h \
    runtime/exec/fuse.c \
    runtime/exec/interpreter.c \
    runtime/exec/interpreter.h \
    runtime/exec/map.c \
    runtime/exec/memory.c \
    runtime/exec/memory.h \
    runtime/exec/needed.c \
    runtime/exec/normalise.c \
    runtime/exec/peak.c \
    runtime/exec/peak.h \
    runtime/exec/plan.c \
    runtime/exec/reduce.c \
    runtime/exec/reference.c \
    runtime/exec/session.c \
    runtime/exec/session.h \
    runtime/exec/strided.c \
    runtime/exec/strided.h \
    runtime/exec/sums.c \
    runtime/exec/sums.h \
    runtime/exec/winograd.c \
    runtime/exec/winograd.h \
    runtime/exec/winograd_body.inc \
    runtime/exec/workers.c \
    runtime/exec/workers.h \
    runtime/exec/works.c \
    runtime/exec/zoom.c
if HAVE_DNNL
libinncore_la_SOURCES += \
    runtime/exec/dnnl.c \
    runtime/exec/dnnl_choose.c \
    runtime/exec/dnnl_conv.c \
    runtime/exec/dnnl_conv.h \
    runtime/exec/dnnl_desc.c \
    runtime/exec/dnnl_layout.c \
    runtime/exec/dnnl_matmul.c \
    runtime/exec/dnnl_post.c \
    runtime/exec/dnnl_priv.h \
    runtime/exec/dnnl_simple.c \
    runtime/exec/dnnl_subpixel.c \
    runtime/exec/dnnl_tune.c \
    runtime/exec/dnnl_winograd.c
else
libinncore_la_SOURCES += \
    runtime/exec/no_dnnl.c
endif
EXTRA_DIST += runtime/exec/no_dnnl.c
