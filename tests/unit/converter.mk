unit_tests += tests/unit/test_grids
tests_unit_test_grids_SOURCES = \
    tests/unit/grid_model.c \
    tests/unit/grid_model.h \
    tests/unit/test_grids.c
tests_unit_test_grids_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_groups
tests_unit_test_groups_SOURCES = \
    tests/unit/net.c \
    tests/unit/net.h \
    tests/unit/test_groups.c
tests_unit_test_groups_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_order
tests_unit_test_order_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_fit
tests_unit_test_fit_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_factor
tests_unit_test_factor_SOURCES = \
    tests/unit/dense.h \
    tests/unit/test_factor.c
tests_unit_test_factor_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_metric
tests_unit_test_metric_SOURCES = \
    tests/unit/dense.h \
    tests/unit/test_metric.c
tests_unit_test_metric_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_nested
tests_unit_test_nested_SOURCES = \
    tests/unit/dense.h \
    tests/unit/test_nested.c
tests_unit_test_nested_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_gather
tests_unit_test_gather_SOURCES = \
    tests/unit/dense.h \
    tests/unit/test_gather.c
tests_unit_test_gather_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_interpret
tests_unit_test_interpret_SOURCES = \
    tests/unit/dense.h \
    tests/unit/net.c \
    tests/unit/net.h \
    tests/unit/test_interpret.c
tests_unit_test_interpret_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_pictures
tests_unit_test_pictures_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_prior
tests_unit_test_prior_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_laws
tests_unit_test_laws_SOURCES = \
    tests/unit/net.c \
    tests/unit/net.h \
    tests/unit/test_laws.c
tests_unit_test_laws_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_inputs
tests_unit_test_inputs_SOURCES = \
    tests/unit/net.c \
    tests/unit/net.h \
    tests/unit/test_inputs.c
tests_unit_test_inputs_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_gain
tests_unit_test_gain_SOURCES = \
    tests/unit/net.c \
    tests/unit/net.h \
    tests/unit/test_gain.c
tests_unit_test_gain_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_restore
tests_unit_test_restore_SOURCES = \
    tests/unit/net.c \
    tests/unit/net.h \
    tests/unit/test_restore.c
tests_unit_test_restore_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_propagate
tests_unit_test_propagate_SOURCES = \
    tests/unit/net.c \
    tests/unit/net.h \
    tests/unit/test_propagate.c
tests_unit_test_propagate_LDADD = libinnconvert.la $(LDADD)
