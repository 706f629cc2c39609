"""A judge that nobody can flatter: truth is the environment itself, stepped with the same seed and
actions. See `command` for how it is called and `report` for what it prints."""
