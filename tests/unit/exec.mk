unit_tests += \
    tests/unit/test_session \
    tests/unit/test_workspace
