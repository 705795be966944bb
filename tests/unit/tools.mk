unit_tests += \
    tests/unit/test_crop \
    tests/unit/test_pace \
    tests/unit/test_plot \
    tests/unit/test_quality \
    tests/unit/test_times

tests_unit_test_pace_SOURCES = \
    tests/unit/grid_model.c \
    tests/unit/grid_model.h \
    tests/unit/test_pace.c
