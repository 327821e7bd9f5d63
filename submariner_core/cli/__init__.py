"""The command line: each command thin, each importing its room only when it runs."""
