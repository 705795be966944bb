unit_tests += \
    tests/unit/test_axis \
    tests/unit/test_kernel \
    tests/unit/test_mix \
    tests/unit/test_moments_quadrature \
    tests/unit/test_plan \
    tests/unit/test_quadrature \
    tests/unit/test_sample \
    tests/unit/test_spread
tests_unit_test_moments_quadrature_SOURCES = \
    tests/unit/dense.h \
    tests/unit/test_moments_quadrature.c
tests_unit_test_plan_SOURCES = \
    tests/unit/grid_model.c \
    tests/unit/grid_model.h \
    tests/unit/test_plan.c
tests_unit_test_sample_SOURCES = \
    tests/unit/grid_model.c \
    tests/unit/grid_model.h \
    tests/unit/test_sample.c
tests_unit_test_spread_SOURCES = \
    tests/unit/grid_model.c \
    tests/unit/grid_model.h \
    tests/unit/test_spread.c
