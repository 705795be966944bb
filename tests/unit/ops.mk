# The operator cases of tests/ops/, and the unit tests of runtime/ops/.
unit_tests += \
    tests/ops/run_cases \
    tests/ops/standard \
    tests/unit/test_couple \
    tests/unit/test_fold \
    tests/unit/test_hostile_ops \
    tests/unit/test_movers \
    tests/unit/test_registry \
    tests/unit/test_shapes
tests_ops_run_cases_SOURCES = \
    tests/ops/case.c tests/ops/case.h tests/ops/run_cases.c
tests_unit_test_couple_SOURCES = \
    tests/unit/net.c tests/unit/net.h tests/unit/test_couple.c
tests_unit_test_fold_SOURCES = \
    tests/unit/net.c tests/unit/net.h tests/unit/test_fold.c
tests_unit_test_shapes_SOURCES = \
    tests/unit/net.c tests/unit/net.h tests/unit/test_shapes.c
tests_unit_test_hostile_ops_SOURCES = \
    tests/ops/case.c tests/ops/case.h tests/unit/test_hostile_ops.c
