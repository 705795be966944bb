# Harnesses as a plain program that replays seeds, in make check; the same
# with libFuzzer (tests/fuzz/fuzz builds and runs it); and what runs the
# programs on mutated files (tests/fuzz/run).
#
# The commands are a library of their own: tests/memory runs them, too.
check_LTLIBRARIES += tests/fuzz/libinside.la
tests_fuzz_libinside_la_SOURCES = $(inn_commands) tests/fuzz/inside.c \
    tests/fuzz/inside.h
tests_fuzz_libinside_la_LIBADD = libinncore.la
tests_fuzz_libinside_la_CPPFLAGS = $(AM_CPPFLAGS)
if CONVERTER
tests_fuzz_libinside_la_SOURCES += $(inn_convert_commands)
tests_fuzz_libinside_la_LIBADD += libinnconvert.la
endif
fuzz_sources = \
    tests/fuzz/commands.c \
    tests/fuzz/commands.h \
    tests/fuzz/fuzz.h \
    tests/fuzz/mutate.c \
    tests/fuzz/mutate_file.c \
    tests/fuzz/mutate_message.c \
    tests/fuzz/targets.c
fuzz_cppflags = $(AM_CPPFLAGS)
fuzz_ldadd = tests/fuzz/libinside.la
if CONVERTER
fuzz_cppflags += -DFUZZ_CONVERTER
endif

check_PROGRAMS += tests/fuzz/replay
TESTS += tests/fuzz/replay
tests_fuzz_replay_SOURCES = $(fuzz_sources) tests/fuzz/replay.c
tests_fuzz_replay_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_replay_LDADD = $(fuzz_ldadd)

check_PROGRAMS += tests/fuzz/damage
tests_fuzz_damage_SOURCES = $(fuzz_sources) tests/fuzz/damage.c
tests_fuzz_damage_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_damage_LDADD = $(fuzz_ldadd)

EXTRA_PROGRAMS = tests/fuzz/fuzzer
tests_fuzz_fuzzer_SOURCES = $(fuzz_sources) tests/fuzz/libfuzzer.c
tests_fuzz_fuzzer_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_fuzzer_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzzer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

EXTRA_DIST += tests/fuzz/fuzz tests/fuzz/run tests/fuzz/seeds/expected \
    $(wildcard $(srcdir)/tests/fuzz/seeds/*/*)
