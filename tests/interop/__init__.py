"""The real `bentoml` from PyPI, its command line and its API, beside ours: one registry, one store, one login."""
