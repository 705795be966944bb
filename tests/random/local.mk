# Random networks; tests/random/run checks 300 of them.
check_PROGRAMS += tests/random/random
tests_random_random_SOURCES = \
    tests/random/emit.c \
    tests/random/laws.c \
    tests/random/pieces.c \
    tests/random/print.c \
    tests/random/random.c \
    tests/random/random.h \
    tests/random/recipe.c \
    tests/random/shrink.c \
    tests/random/steps_layers.c \
    tests/random/steps_math.c \
    tests/random/steps_moves.c
tests_random_random_LDADD = libinnconvert.la $(LDADD)
EXTRA_DIST += tests/random/run
