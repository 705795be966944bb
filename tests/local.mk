# Unit tests are Check programs, one per module; each area lists its own in a
# fragment (unit_tests += tests/unit/test_NAME is all a new one needs).
# Everything else in tests/ is run by tests/run.
unit_help =
# Check's own 4 seconds are too few under sanitizers on a busy machine.
# Fontconfig, which plots are drawn with, leaks what it caches.
AM_TESTS_ENVIRONMENT = CK_DEFAULT_TIMEOUT=60; export CK_DEFAULT_TIMEOUT; \
    LSAN_OPTIONS=print_suppressions=0:suppressions=$(leaks); \
    export LSAN_OPTIONS;
leaks = $(abs_top_srcdir)/tests/unit/leaks.supp
if HAVE_CHECK
# What several of them share; a program links what it calls of it.
check_LTLIBRARIES += tests/unit/libhelp.la
tests_unit_libhelp_la_SOURCES = \
    tests/ops/case.c \
    tests/ops/case.h \
    tests/unit/exec_graphs.c \
    tests/unit/exec_graphs.h \
    tests/unit/grid_model.c \
    tests/unit/grid_model.h \
    tests/unit/net.c \
    tests/unit/net.h \
    tests/unit/starve.c \
    tests/unit/starve.h \
    tests/unit/suite.c \
    tests/unit/suite.h \
    tests/unit/tiny_model.c \
    tests/unit/tiny_model.h
unit_help += tests/unit/libhelp.la
unit_tests =
include tests/unit/base.mk
include tests/unit/graph.mk
include tests/unit/ops.mk
include tests/unit/grid.mk
include tests/unit/file.mk
include tests/unit/exec.mk
include tests/unit/refit.mk
include tests/unit/drawn.mk
include tests/unit/tools.mk
include tests/unit/models.mk
if CONVERTER
include tests/unit/converter.mk
endif
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

include tests/fuzz/local.mk
include tests/memory/local.mk

# What the scripts of tests/run and tests/bench call.
speed_side = tests/bench/speed_side.c tests/bench/speed_side.h
check_PROGRAMS += tests/bench/speed_run
tests_bench_speed_run_SOURCES = tests/bench/speed_run.c $(speed_side)
tests_bench_speed_run_LDADD = libinncore.la
if HAVE_DNNL
check_PROGRAMS += tests/bench/speed_convs
tests_bench_speed_convs_SOURCES = tests/bench/speed_convs.c $(speed_side)
tests_bench_speed_convs_LDADD = libinncore.la
endif
if CONVERTER
check_PROGRAMS += tests/nets/permute
tests_nets_permute_LDADD = libinnconvert.la $(LDADD)
include tests/random/local.mk
endif

# By pattern, so that a new suite or case ships without being listed; not by
# folder, since those hold what builds leave. tests/run dist compares.
EXTRA_DIST += tests/format/old tests/lint/cppcheck.txt \
    $(wildcard $(srcdir)/tests/format/kept/*)
EXTRA_DIST += $(wildcard $(addprefix $(srcdir)/tests/, run */run */*.c */*.h \
    */*.case */*.md */*.py nets/ort bench/fidelity bench/figure1 bench/grow \
    bench/networks bench/paper bench/readers bench/reasons bench/refit \
    bench/rules bench/speed bench/steps bench/waiting bench/*.js \
    ops/schema.txt cli/cases/*.case \
    cli/data/*.* cli/helpers/* random/mutate unit/leaks.supp))
