"""Tags follow BentoML's rules, which are asked of `bentoml.Tag` itself."""

from __future__ import annotations

import json
import re

import pytest

from modelsync_jupyter.core.errors import InvalidTag
from modelsync_jupyter.core.tags import Tag, new_version
from tests.harness import zygote
from tests.harness.processes import environment

GOOD = ["a", "9", "a:1", "name:version", "a.b_c-d:1.0-rc.1_2", "a--b..c__d:v", "a" * 63, "a:" + "v" * 63, "x:0", "0:x"]
FOLDED = ["Name", "NAME:Version", "a:ABC", "\u212aelvin:v1"]  # the Kelvin sign folds to an ASCII k
BAD = [
    *("", ":", ":v", "a:", "a:v:", "a:b:c", "-a", "a-", ".a", "a.", "_a", "a_", "a:-v", "a:v-", "a:."),
    *("a" * 64, "a:" + "v" * 64, "a b", "a:b c", "a/b", "a:b/c", "a\\b", "../a", "a:..", "..", "a\0", "a:\nb", "a\tb"),
    *("naïve", "a:ü", "模型", "a:\u0661", "İ", "ß", "a@b", "a+b", "a:v#", "a%2fb"),
]
ASK = """
import json, logging, sys
logging.disable(logging.CRITICAL)
from bentoml import Tag
from bentoml.exceptions import BentoMLException
def ask(text):
    try:
        tag = Tag.from_str(text)
    except (ValueError, BentoMLException):
        return None
    return [tag.name, tag.version]
print(json.dumps([ask(text) for text in json.load(sys.stdin)]))
"""


@pytest.fixture(scope="module")
def by_bentoml(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str | None] | None]:
    """What `bentoml.Tag` makes of each text; None where it refuses."""
    texts = [*GOOD, *FOLDED, *BAD]
    done = zygote.run("bentoml", ["-c", ASK], environment(tmp_path_factory.mktemp("bentoml")), json.dumps(texts))
    assert done.returncode == 0, done.stderr
    return dict(zip(texts, json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.mark.processes
@pytest.mark.parametrize("text", [*GOOD, *FOLDED])
def test_what_bentoml_takes_means_the_same(text: str, by_bentoml: dict[str, list[str | None] | None]) -> None:
    tag = Tag.parse(text)
    assert [tag.name, tag.version] == by_bentoml[text]


@pytest.mark.processes
@pytest.mark.parametrize("text", BAD)
def test_what_bentoml_refuses_is_refused(text: str, by_bentoml: dict[str, list[str | None] | None]) -> None:
    assert by_bentoml[text] is None
    with pytest.raises(InvalidTag):
        Tag.parse(text)


@pytest.mark.parametrize("text", ["iris", "iris:latest", "iris:LATEST", " iris:latest\n"])
def test_latest_is_no_version_of_its_own(text: str) -> None:
    tag = Tag.parse(text)
    assert (tag, tag.is_latest, str(tag)) == (Tag("iris"), True, "iris:latest")


def test_the_message_quotes_what_was_written() -> None:
    with pytest.raises(InvalidTag, match=re.escape("`Iris Model:v1`".lower().partition(":")[0])):
        Tag.parse("Iris Model:v1")
    with pytest.raises(InvalidTag, match="`iris:` has no version"):
        Tag.parse("iris:")
    with pytest.raises(InvalidTag, match="64 characters"):
        Tag.parse("iris:" + "v" * 64)


def test_a_version_of_a_model() -> None:
    assert Tag("iris").at("V2") == Tag("iris", "v2")
    with pytest.raises(InvalidTag):
        Tag("iris").at("../evil")


def test_fresh_versions_look_like_bentomls_and_differ() -> None:
    versions = {new_version() for _ in range(500)}
    assert len(versions) == 500
    assert all(re.fullmatch("[a-z2-7]{16}", version) and Tag("m").at(version) for version in versions)
