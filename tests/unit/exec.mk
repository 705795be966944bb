unit_tests += \
    tests/unit/test_session \
    tests/unit/test_session_nets \
    tests/unit/test_strided \
    tests/unit/test_tune \
    tests/unit/test_workspace
tests_unit_test_session_SOURCES = \
    tests/unit/exec_graphs.c \
    tests/unit/exec_graphs.h \
    tests/unit/net.c \
    tests/unit/net.h \
    tests/unit/test_session.c
tests_unit_test_session_nets_SOURCES = \
    tests/unit/exec_graphs.c \
    tests/unit/exec_graphs.h \
    tests/unit/net.c \
    tests/unit/net.h \
    tests/unit/test_session_nets.c
tests_unit_test_strided_SOURCES = \
    tests/unit/exec_graphs.c \
    tests/unit/exec_graphs.h \
    tests/unit/net.c \
    tests/unit/net.h \
    tests/unit/test_strided.c
tests_unit_test_tune_SOURCES = \
    tests/unit/exec_graphs.c \
    tests/unit/exec_graphs.h \
    tests/unit/net.c \
    tests/unit/net.h \
    tests/unit/test_tune.c
