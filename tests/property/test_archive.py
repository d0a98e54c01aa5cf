"""Any folder, any cut, any order: the same bytes and the same files."""

from __future__ import annotations

import io
import random
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.archive.layout import Layout
from modelsync_jupyter.archive.stage import Stage
from modelsync_jupyter.core.parts import Part, from_sizes
from tests.harness.cutting import cut_folder
from tests.harness.models import differences
from tests.unit.archives import MTIME, pack, read, unpack_bytes

from .trees import TREES, Tree, scratch, write


def cut_at(data: bytes, seed: int, count: int) -> tuple[Part, ...]:
    """Parts with boundaries anywhere."""
    marks = random.Random(seed).sample(range(1, len(data)), min(count, len(data) - 1))
    ends = [*sorted(marks), len(data)]
    return from_sizes(stop - start for start, stop in zip([0, *ends], ends, strict=False))


SEEDS = st.integers(0, 1 << 30)


@given(TREES)
def test_what_we_pack_tarfile_unpacks(tree: Tree) -> None:
    with scratch() as top:
        made = write(tree, top / "made")
        with tarfile.open(fileobj=io.BytesIO(pack(made)), mode="r:") as archive:
            archive.extractall(top / "out", filter="data")
        (top / "out").mkdir(exist_ok=True)
        assert differences(made, top / "out") == []


@given(TREES, st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]), SEEDS, st.booleans())
def test_what_tarfile_packs_we_unpack(tree: Tree, format: int, seed: int, dotted: bool) -> None:
    with scratch() as top:
        made, file = write(tree, top / "made"), io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=format) as archive:
            for path in [made] if dotted else sorted(made.iterdir()):
                archive.add(path, path.relative_to(made))
        data = file.getvalue()
        unpack_bytes(data, top / "out", parts=cut_at(data, seed, 8))
        assert differences(made, top / "out") == []


@given(st.dictionaries(st.from_regex("[a-z]{1,90}", fullmatch=True), st.binary(max_size=1500), max_size=5))
def test_what_tarfile_packs_as_ustar_we_unpack(files: dict[str, bytes]) -> None:
    with scratch() as top:
        made, file = write({"d" * 60: files}, top / "made"), io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            archive.add(made, ".")
        unpack_bytes(file.getvalue(), top / "out")
        assert differences(made, top / "out") == []


@given(TREES, SEEDS, st.integers(0, 20))
def test_parts_in_any_order_and_cut_anywhere_make_the_folder(tree: Tree, seed: int, count: int) -> None:
    with scratch() as top:
        made = write(tree, top / "made")
        source = FolderArchive.scan(made, MTIME)
        data = read(source)
        stage = Stage(top / "out")
        layout = Layout.from_json([entry.to_json() for entry in source.layout.entries], len(data))
        for entry in layout.entries:
            stage.add(entry)
        parts = list(cut_at(data, seed, count))
        random.Random(seed).shuffle(parts)
        for part in parts:
            stage.write(part.start, memoryview(data)[part.start : part.stop])
        stage.seal()
        assert differences(made, top / "out") == []


@given(TREES, SEEDS, st.integers(0, 20), st.integers(1, 3000))
def test_unpacking_does_not_depend_on_cuts_or_blocks(tree: Tree, seed: int, count: int, block: int) -> None:
    with scratch() as top:
        made = write(tree, top / "made")
        data = pack(made)
        stage, handed, found = unpack_bytes(data, top / "out", parts=cut_at(data, seed, count), block=block)
        assert differences(made, top / "out") == []
        assert [entry.path for entry in found] == [
            entry.path for entry in FolderArchive.scan(made, MTIME).layout.entries
        ]
        assert all(stage.within_one(part.start, part.stop) for part in handed)


@given(TREES)
def test_equal_folders_give_equal_bytes_and_parts(tree: Tree) -> None:
    with scratch() as top:
        one, other = write(tree, top / "one"), write(tree, top / "other", backwards=True)
        assert pack(one) == pack(other)
        cuts = [cut_folder(FolderArchive.scan(folder, MTIME)) for folder in (one, other)]
        assert cuts[0] == cuts[1]


@given(TREES, st.data())
def test_any_range_is_the_slice(tree: Tree, data: st.DataObject) -> None:
    with scratch() as top:
        source = FolderArchive.scan(write(tree, top / "made"), MTIME)
        whole = read(source)
        assert len(whole) == source.layout.size
        for _ in range(5):
            start, block = data.draw(st.integers(0, source.layout.size)), data.draw(st.integers(1, 5000))
            stop = min(source.layout.size, start + data.draw(st.integers(0, 200 * block)))
            assert read(source, start, stop, block=block) == whole[start:stop]


@given(TREES)
def test_layouts_of_folders_survive_the_wire(tree: Tree) -> None:
    with scratch() as top:
        layout = FolderArchive.scan(write(tree, top / "made"), MTIME).layout
        again = Layout.from_json([entry.to_json() for entry in layout.entries], layout.size)
        assert [entry.to_json() for entry in again.entries] == [entry.to_json() for entry in layout.entries]
        assert again.size == layout.size
