# Commands in one process, with every allocation failing in turn.
if CONVERTER
check_PROGRAMS += tests/memory/commands
TESTS += tests/memory/commands
tests_memory_commands_SOURCES = tests/memory/commands.c $(inn_model_commands)
tests_memory_commands_LDADD = tests/fuzz/libinside.la libinnmodels.la
endif
