unit_tests += \
    tests/unit/test_container \
    tests/unit/test_damage \
    tests/unit/test_planes
