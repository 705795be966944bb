unit_tests += \
    tests/unit/test_container \
    tests/unit/test_damage \
    tests/unit/test_planes
tests_unit_test_container_SOURCES = \
    tests/unit/test_container.c \
    tests/unit/tiny_model.c \
    tests/unit/tiny_model.h
tests_unit_test_damage_SOURCES = \
    tests/unit/test_damage.c \
    tests/unit/tiny_model.c \
    tests/unit/tiny_model.h
