unit_tests += \
    tests/unit/test_pictures \
    tests/unit/test_refit_feed \
    tests/unit/test_restore
