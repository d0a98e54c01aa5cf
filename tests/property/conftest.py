"""Hypothesis for a small machine: no deadlines, small sizes, nothing kept between runs."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "modelsync",
    deadline=None,
    max_examples=40,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("fast", settings.get_profile("modelsync"), max_examples=10)
settings.load_profile("modelsync")


def pytest_collection(session: pytest.Session) -> None:
    """Try fewer examples in the fast tier, before the tests read their settings."""
    settings.load_profile("fast" if session.config.getoption("fast") else "modelsync")
