unit_tests += tests/unit/test_grids
tests_unit_test_grids_SOURCES = \
    tests/unit/grid_model.c \
    tests/unit/grid_model.h \
    tests/unit/test_grids.c
tests_unit_test_grids_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_groups
tests_unit_test_groups_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_order
tests_unit_test_order_LDADD = libinnconvert.la $(LDADD)
unit_tests += tests/unit/test_fit
tests_unit_test_fit_LDADD = libinnconvert.la $(LDADD)
