"""How fast a registry with many versions is searched: `python -m tests.benchmarks.queries`.

Fills a catalog in SQLite and one in PostgreSQL, where that is installed, serves each, and prints for each question the
median and the p95 of the time in which a client on this machine has the whole answer, and what it costs the server.
`--most` fails where a p95 is above so many milliseconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from modelsync_jupyter.archive.layout import CUT
from modelsync_jupyter.registry import Settings
from modelsync_jupyter.registry.catalog import tables
from modelsync_jupyter.registry.catalog.database import new_uid, now
from modelsync_jupyter.registry.catalog.tokens import add_token
from modelsync_jupyter.registry.catalog.users import add_user
from modelsync_jupyter.registry.catalog.words import Role, UploadStatus
from modelsync_jupyter.registry.service import Registry
from tests.harness.postgresql import find_postgresql, postgresql
from tests.harness.processes import TOKEN
from tests.registry.server import Client

from .crowd import cpu, registry

GUEST = "token-of-a-guest-who-reads"
QUESTIONS = {
    "page 1": "/models?count=50",
    "page 1, guest": "/models?count=50",
    "start=9000": "/models?count=50&start=9000",
    "sort:size": "/models?count=50&q=sort:size-desc",
    "sort:name": "/models?count=50&q=sort:name-asc",
    "sort:downloads": "/models?count=50&q=sort:downloads-desc",
    "word": "/models?count=50&q=forest",
    "word, nothing": "/models?count=50&q=nosuchword",
    "text": "/models?count=50&q=text:churn",
    "text, nothing": "/models?count=50&q=text:nosuchword",
    "text, guest": "/models?count=50&q=text:churn",
    "label": "/models?count=50&q=label:stage=production",
    "no label": "/models?count=50&q=-label:stage=production",
    "size": "/models?count=50&q=size:>100MB",
    "digest": "/models?count=50&q=digest:00000000",
    "creator": "/models?count=50&q=creator:@me",
    "since": "/models?count=50&q=since:2026-01-31 until:2026-02-28",
    "any status": "/models?count=50&q=status:any",
    "repositories": "/model_repositories?count=50",
    "repositories, guest": "/model_repositories?count=50",
    "of one": "/model_repositories/forest-0/models?count=50",
    "latest of one": "/model_repositories/forest-0/models?count=10",
    "events": "/current_org/events?count=50",
    "default page": "/models",
    "default page, guest": "/models",
    "default page, behind": "/models?start=9000",
    "repositories, most in a page": "/model_repositories",
    "most labels": f"/models?count=50&q={' '.join(f'label:stage,x{number}' for number in range(5))}",
    "most texts": "/models?count=50&q=text:Tra text:rai text:ain ine",
    "most words": "/models?count=50&q=r R v V - e n t s 1",
    "most words, descriptions": "/models?count=50&q=in:description Tra rai ain ine not",
}


def main() -> int:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=60, help="how often each question is asked")
    parser.add_argument("--most", type=float, help="milliseconds that each p95 may take at most")
    parser.add_argument("--only", default="", help="only questions with this in their name")
    args = parser.parse_args()
    slow = []
    for name, url in catalogs():
        with tempfile.TemporaryDirectory(prefix="modelsync-queries-") as folder:
            settings = Settings(Path(folder, "data"), db=url)
            fill(settings, args.versions)
            options = ["--log", "none", *(["--db", url] if url else [])]
            with registry(sys.executable, Path(folder), options) as (address, pid):
                for question, path in QUESTIONS.items():
                    if args.only in question:
                        client = Client(address, GUEST if "guest" in question else TOKEN)
                        before = cpu(pid)
                        middle, p95 = ask(client, path, args.rounds)
                        used = (cpu(pid) - before) / args.rounds * 1000
                        times = f"median {middle:6.1f} ms  p95 {p95:6.1f} ms  server's processor {used:5.1f} ms"
                        print(f"{name:10} {question:28} {times}", flush=True)
                        slow += [question] if args.most and p95 > args.most else []
    if slow:
        print(f"slower than {args.most} ms: {', '.join(slow)}")
    return bool(slow)


def catalogs() -> Iterator[tuple[str, str | None]]:
    """Yield a name and a URL of each kind of catalog."""
    yield "sqlite", None
    if find_postgresql():
        with postgresql(durable=True) as url:
            yield "postgresql", url


def ask(client: Client, path: str, rounds: int) -> tuple[float, float]:
    """Ask so often; returns median and p95 in milliseconds."""
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        client.ok("GET", path)
        seconds.append(time.perf_counter() - begin)
    seconds.sort()
    return seconds[len(seconds) // 2] * 1000, seconds[int(len(seconds) * 0.95)] * 1000


def fill(settings: Settings, versions: int) -> None:
    """Write a catalog as a team has it after years: half of the repositories small, one with a tenth of all."""
    here = Registry.open(settings)
    kinds = ("forest", "churn", "resnet", "bert", "ranking")
    moment, frameworks = now() - timedelta(days=700), ("bentoml.sklearn", "bentoml.pytorch", "bentoml.xgboost")
    names = [f"{kind}-{number}" for number in range(max(1, versions // 100)) for kind in kinds]
    with here.database.write() as connection:
        people = [add_user(connection, f"person-{number}", Role.DEVELOPER).id for number in range(20)]
        guest = add_user(connection, "guest", Role.GUEST)
        add_token(connection, guest.id, "guest", value=GUEST)
        facts = {"created_at": moment, "updated_at": moment}
        rows: dict[Any, list[dict[str, Any]]] = {}

        def add(table: Any, **columns: Any) -> None:
            rows.setdefault(table, []).append(columns)

        for number, name in enumerate(names, 1):
            add(
                tables.repositories,
                id=number,
                uid=new_uid(),
                name=name,
                description=f"What {name} is about",
                labels="[]",
                creator_id=people[number % 20],
                private=number % 10 == 0,
                **facts,
            )
        for number in range(1, versions + 1):
            when = moment + timedelta(seconds=number * 5000)
            repository = 1 if number % 10 == 0 else number * 7919 % len(names) + 1
            labels = [
                {"key": "stage", "value": ("production", "staging", "none")[number % 3]},
                {"key": "team", "value": f"t{number % 7}"},
            ]
            size = number * 7919 % 1000 * 1_000_000
            manifest = {
                "module": frameworks[number % 3],
                "api_version": "v1",
                "bentoml_version": "1.4.39",
                "size_bytes": size,
                "metadata": {"accuracy": number / versions, "notes": "x" * 1000},
                "context": {"framework_name": "sklearn", "framework_versions": {"scikit-learn": "1.5"}},
                "options": {},
            }
            digest = f"blake3:{number:064x}"
            add(tables.archives, id=number, uid=new_uid(), digest=digest, size=size, content_digest=digest, cut=CUT)
            rows[tables.archives][-1] |= {"layout": "[]" + " " * 2000, "base": 0, "created_at": when}
            for part in (1, 2):
                add(
                    tables.archive_parts, archive_id=number, number=part, start=0, stop=1, digest=f"{digest}{part}"[:80]
                )
            add(
                tables.models,
                id=number,
                uid=new_uid(),
                repository_id=repository,
                version=f"v{number}",
                description=f"Trained on the data of day {number}, see the notebook",
                labels=json.dumps(labels),
                manifest=json.dumps(manifest),
                module=frameworks[number % 3],
                size_bytes=size,
                build_at=when,
                ordered_at=when,
                archive_id=number,
                creator_id=people[number % 20],
                pushed_by_id=people[number % 20],
                upload_status=UploadStatus.FAILED if number % 50 == 0 else UploadStatus.SUCCESS,
                upload_finished_reason="",
                downloads=number * 31 % 1000,
                created_at=when,
                updated_at=when,
            )
            for label in labels:
                add(tables.model_labels, owner_id=number, **label)
            for operation in ("created", "upload-started", "pushed"):
                add(
                    tables.events,
                    uid=new_uid(),
                    created_at=when,
                    user_id=people[number % 20],
                    token_name="t",
                    operation=operation,
                    resource_type="model",
                    resource_name=f"{names[repository - 1]}:v{number}",
                    info="{}",
                    repository_id=repository,
                )
        for table in tables.metadata.sorted_tables:
            if table in rows:
                connection.execute(insert(table), rows[table])
    with here.database.read() as connection:
        if connection.dialect.name == "postgresql":  # as it does by itself within a minute
            connection.execute(text("VACUUM ANALYZE"))
    here.database.close()


if __name__ == "__main__":
    sys.exit(main())
