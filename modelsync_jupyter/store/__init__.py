"""The local model store, in BentoML's own layout."""
