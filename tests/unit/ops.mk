# The operator cases of tests/ops/, and the unit tests of runtime/ops/.
unit_tests += \
    tests/ops/run_cases \
    tests/ops/standard \
    tests/unit/test_couple \
    tests/unit/test_fold \
    tests/unit/test_hostile_ops \
    tests/unit/test_movers \
    tests/unit/test_registry \
    tests/unit/test_schema \
    tests/unit/test_shapes \
    tests/unit/test_sizes
