"""The engine: a plan first, then its execution, resumed where it stopped."""
