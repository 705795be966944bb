# The program inn: one file per subcommand.
