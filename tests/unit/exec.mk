unit_tests += \
    tests/unit/test_crowd \
    tests/unit/test_nan \
    tests/unit/test_reason \
    tests/unit/test_session \
    tests/unit/test_session_nets \
    tests/unit/test_strided \
    tests/unit/test_tune \
    tests/unit/test_winograd \
    tests/unit/test_workspace
