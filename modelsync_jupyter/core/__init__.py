"""Values and rules: no I/O, standard library only."""
