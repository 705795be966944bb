# Commands in one process, with every allocation failing in turn.
if CONVERTER
check_PROGRAMS += tests/memory/commands
TESTS += tests/memory/commands
tests_memory_commands_SOURCES = tests/memory/commands.c $(inn_commands) \
    $(inn_convert_commands)
tests_memory_commands_LDADD = libinnconvert.la libinncore.la
endif
