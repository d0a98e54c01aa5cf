"""A word of a search is found in `name:version`, though names and versions are looked through apart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, insert, select

from modelsync_jupyter.registry.catalog import tables
from modelsync_jupyter.registry.catalog.models import _tag_has

NAMES = ["a", "A-b", "b", "ab.a", "b_a", "a_b", "%a"]
VERSIONS = ["a", "B", "a-b", "b_", "1.a", "ab", "%"]


@pytest.fixture(scope="module")
def catalog() -> Iterator[Connection]:
    """Every version of every name, without what a search for words does not look at."""
    engine = create_engine("sqlite://")
    tables.metadata.create_all(engine)
    repositories, models = tables.repositories, tables.models

    def filled(table: object, **columns: object) -> dict[str, object]:
        kinds = {int: 1, str: "", datetime: datetime(2026, 1, 1), bool: False}
        needed = (each for each in table.columns if not each.nullable and not each.primary_key)  # type: ignore[attr-defined]
        return {each.name: kinds.get(each.type.python_type, "") for each in needed} | columns

    with engine.begin() as connection:
        for name in NAMES:
            row = connection.execute(insert(repositories), filled(repositories, uid=name, name=name))
            (id,) = row.inserted_primary_key or (0,)
            for version in VERSIONS:
                columns = filled(models, uid=f"{name}:{version}", repository_id=id, version=version)
                connection.execute(insert(models), columns)
        yield connection
    engine.dispose()


@settings(max_examples=200)
@given(text=st.text("aAbB:-_.%1\\/", min_size=1, max_size=5))
def test_a_word_is_found_wherever_it_is_in_a_tag(text: str, catalog: Connection) -> None:
    repositories, models = tables.repositories, tables.models
    query = select(models.c.uid).join(repositories, models.c.repository_id == repositories.c.id).where(_tag_has(text))
    tags = {f"{name}:{version}" for name in NAMES for version in VERSIONS}
    assert set(catalog.execute(query).scalars()) == {tag for tag in tags if text.lower() in tag.lower()}
