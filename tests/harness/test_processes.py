"""The registry can be killed and started again under a client's feet, and object traffic of it passes the proxy."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from .faults import Fault, FaultyProxy
from .models import differences, make_model
from .processes import RegistryProcess, bentoml, environment


def test_a_killed_registry_comes_back_on_its_port(tmp_path: Path, session: requests.Session) -> None:
    with RegistryProcess(tmp_path) as registry:
        url = f"{registry.url}/healthz"
        assert session.get(url).status_code == 200
        registry.kill()
        with pytest.raises(requests.ConnectionError):
            session.get(url)
        registry.start()
        assert session.get(url).status_code == 200


def test_the_real_client_passes_the_proxy_to_the_registry(tmp_path: Path) -> None:
    made = make_model(tmp_path / "a", "m:v1", size=6 << 20)
    with RegistryProcess(tmp_path / "data") as registry, FaultyProxy(registry.url) as proxy:
        proxy.script(Fault.unavailable(500, method="PUT"))
        for home, verb in (("a", "push"), ("b", "pull")):
            done = bentoml(verb, "m:v1", env=environment(tmp_path / home, proxy.url, registry.token))
            assert done.returncode == 0, done.stdout + done.stderr
        assert proxy.log.sent(method="PUT") >= 2 * (6 << 20)
        assert proxy.log.received() > 6 << 20
        assert proxy.errors == []
    assert differences(made, tmp_path / "b/models/m/v1") == []
