"""The commands of the command line, by purpose; headrace.cli puts them together."""
