"""A small API in memory, for tests of what the faces make of its answers and errors."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from modelsync_jupyter.core.errors import ModelNotFound, ModelSyncError, TransferNotFound
from modelsync_jupyter.core.info import ModelInfo
from modelsync_jupyter.core.outcome import Options, Outcome
from modelsync_jupyter.core.progress import Progress
from modelsync_jupyter.core.tags import Tag

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
V1 = Tag("iris", "v1")


@dataclass
class FakeModel:
    tag: Tag
    path: Path = Path("/store/iris/v1")
    size: int = 1_500_000

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(self.tag, THEN, "bentoml.sklearn", labels={"stage": "prod"}, metadata={"accuracy": 0.93})

    def to_dict(self) -> dict[str, Any]:
        return {"tag": str(self.tag), "size": self.size, "labels": dict(self.info.labels), "creation_time": str(THEN)}


@dataclass
class FakeRemoteModel:
    tag: Tag
    size: int = 1_500_000
    creation_time: datetime | None = THEN
    upload_status: str = "success"
    creator: str = "ana"
    labels: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"tag": str(self.tag), "size": self.size, "labels": self.labels, "creation_time": str(THEN)}


@dataclass
class FakeRecord:
    id: str = "p7k2m9qa"
    direction: str = "push"
    tag: str = "iris:v1"
    state: str = "running"
    done: int = 500_000
    total: int = 1_000_000
    rate: float = 250_000.0
    started: float = THEN.timestamp()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class FakeTransfer:
    record: FakeRecord = field(default_factory=FakeRecord)

    @property
    def id(self) -> str:
        return self.record.id


@dataclass
class FakeOperation:
    verb: str
    subject: str
    reason: str
    size: int = 0


@dataclass
class FakePlan:
    direction: str
    tag: Tag
    action: str = "push"
    reason: str = "It is not in the registry."
    operations: tuple[FakeOperation, ...] = (FakeOperation("send", "part 1", "is not there", 1_000_000),)
    size: int = 1_000_000

    def to_dict(self) -> dict[str, Any]:
        return {"tag": str(self.tag), "action": self.action}


@dataclass
class FakeContext:
    name: str = "default"
    endpoint: str = "http://registry.test"
    email: str = "ana@registry.test"
    current: bool = True

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class FakeApi:
    """Answers as told and notes each call.

    Attributes:
        calls: Name and arguments of each call.
        error: Raised by the next transfer, if set.
        outcome: What transfers return.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.error: BaseException | None = None
        self.outcome = Outcome("push", V1, "pushed", "", size=1_500_000, moved=1_000_000, reused=500_000, seconds=2.0)
        self.models = [FakeModel(V1), FakeModel(Tag("iris", "v2"))]
        self.known = [FakeContext()]
        self.tokens: list[str] = []

    def run(self, direction: str, tag: Tag, options: Options, *, sink: Any, home: Any, on_wait: Any) -> Outcome:
        self.calls.append(("run", direction, str(tag), options, home))
        if self.error:
            raise self.error
        if sink:
            sink(Progress("sending", 500_000, 1_500_000, 500_000))
            sink(Progress("sending", 1_500_000, 1_500_000, 500_000))
        return self.outcome

    def start(self, direction: str, tag: Tag, options: Options, *, home: Any) -> FakeTransfer:
        self.calls.append(("start", direction, str(tag), options, home))
        return FakeTransfer()

    def plan(self, direction: str, tag: Tag, **options: Any) -> FakePlan:
        self.calls.append(("plan", direction, str(tag), options))
        return FakePlan(direction, V1)

    def transfers(self, *, home: Any = None) -> list[FakeTransfer]:
        return [FakeTransfer()]

    def attach(self, id: str, *, sink: Any, home: Any) -> Outcome:
        if self.error:
            raise self.error
        return self.outcome

    def cancel(self, id: str, *, home: Any) -> FakeTransfer:
        if id != "p7k2m9qa":
            raise TransferNotFound(f"There is no transfer `{id}`.")
        return FakeTransfer(FakeRecord(state="cancelled"))

    def resume(self, id: str, *, sink: Any, background: bool, home: Any) -> Outcome | FakeTransfer:
        return FakeTransfer() if background else self.outcome

    def list_models(self, name: str | None = None, *, home: Any = None) -> list[FakeModel]:
        return [model for model in self.models if name in (None, model.tag.name)]

    def list_remote(self, search: str | None = None, **options: Any) -> list[FakeRemoteModel]:
        self.calls.append(("list_remote", search, options))
        return [FakeRemoteModel(Tag("iris", "v3"))]

    def get(self, tag: Any, *, home: Any = None) -> FakeModel:
        for model in self.models:
            if str(tag) in (str(model.tag), model.tag.name):
                return model
        raise ModelNotFound(f"There is no model `{tag}` here.")

    def save(self, name: str, source: Path, *, labels: Any, metadata: Any, home: Any) -> FakeModel:
        self.calls.append(("save", name, source, labels, metadata))
        return self.models[0]

    def delete(self, tag: str, *, home: Any) -> list[Tag]:
        self.calls.append(("delete", tag))
        return [Tag.parse(tag)]

    def login(self, endpoint: str, token: str, *, name: str, home: Any) -> FakeContext:
        self.calls.append(("login", endpoint, name))
        self.tokens.append(token)
        return FakeContext(name, endpoint)

    def logout(self, name: str | None, *, home: Any) -> str:
        return name or "default"

    def contexts(self, *, home: Any = None) -> list[FakeContext]:
        return self.known

    def use_context(self, name: str, *, home: Any) -> FakeContext:
        if name not in [context.name for context in self.known]:
            raise ModelSyncError(f"There is no context `{name}`.", step="See `modelsync contexts`.")
        return self.known[0]
