"""A registry, and people who work with `bentoml`, with us or with both in one home."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness import fixtures, zygote
from tests.harness.processes import RegistryProcess, environment, modelsync

registry = fixtures.registry


@dataclass(frozen=True)
class Person:
    """A home in which either tool may be used.

    Args:
        home: `$BENTOML_HOME`.
        url: The registry; "" to be signed in by nothing but `.yatai.yaml`.
    """

    home: Path
    url: str

    def bentoml(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `bentoml ...`; it must exit with 0."""
        return self._run(*words)

    def python(self, code: str) -> str:
        """Run code that uses the API of `bentoml`; returns what it printed."""
        return self._run("-c", f"import bentoml\n{code}").stdout

    def modelsync(self, *words: str) -> str:
        """Run `modelsync ...`; it must exit with 0. Returns what it printed."""
        done = modelsync(*words, env=environment(self.home, self.url))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tags(self) -> dict[str, list[str]]:
        """What each tool lists in the local store."""
        theirs = json.loads(self.bentoml("models", "list", "-o", "json").stdout)
        ours = json.loads(self.modelsync("list", "-o", "json"))
        return {"theirs": sorted(m["tag"] for m in theirs), "ours": sorted(m["tag"] for m in ours)}

    def folder(self, tag: str) -> Path:
        """Where a version is or would be."""
        return self.home / "models" / tag.replace(":", "/")

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = zygote.run("bentoml", words, environment(self.home, self.url))
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture
def ann(tmp_path: Path, registry: RegistryProcess) -> Person:
    """One person."""
    return Person(tmp_path / "ann", registry.url)


@pytest.fixture
def bob(tmp_path: Path, registry: RegistryProcess) -> Person:
    """Another one."""
    return Person(tmp_path / "bob", registry.url)
