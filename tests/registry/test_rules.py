"""The rules without a server: searches, ranges, signatures, layouts, sending by the kernel."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelsync_jupyter.core.errors import IntegrityError, UnsafeArchive
from modelsync_jupyter.core.parts import from_sizes
from modelsync_jupyter.registry.archives.contents import Contents, read_contents
from modelsync_jupyter.registry.archives.reader import ArchiveReader
from modelsync_jupyter.registry.blobs.folder import FolderBlobs
from modelsync_jupyter.registry.errors import BadRequest, Forbidden
from modelsync_jupyter.registry.lane.sending import Unsatisfiable, parse_range
from modelsync_jupyter.registry.search import LabelTerm, Search, parse
from modelsync_jupyter.registry.security.signing import Signer

from . import pushing


class TestSearch:
    def test_words_and_filters(self) -> None:
        found = parse("cat  label:a=1,b label:c -label:d creator:@me sort:size-asc in:description", "dog")
        assert found == Search(
            words=("dog", "cat"),
            fields=("description",),
            creators=("@me",),
            labels=((LabelTerm("a", "1"), LabelTerm("b")), (LabelTerm("c"),)),
            excluded=(LabelTerm("d"),),
            sort="size",
            descending=False,
        )

    def test_nothing_restricts_nothing(self) -> None:
        assert parse("") == Search()

    @pytest.mark.parametrize(
        ("q", "bound"),
        [
            ("a " * 11, "10 words"),
            ("in:name in:description " + "a " * 6, "any other as 2 `in:description`"),
            ("text:a " * 2 + "label:a " * 2 + "a", "`text:` counts as 3"),
            (f"label:{'a,' * 40} -label:{'b,' * 40}", "64 labels"),
        ],
    )
    def test_searches_that_would_take_long_are_refused_with_the_bound(self, q: str, bound: str) -> None:
        with pytest.raises(BadRequest, match=bound):
            parse(q)

    def test_order_and_status_do_not_count_as_words(self) -> None:
        assert len(parse("sort:name in:name status:any " + "a " * 10).words) == 10
        assert len(parse("in:description " + "a " * 5).words) == 5

    @pytest.mark.parametrize("q", ["color:red", "sort:color", "sort:size-up", "in:files", "status:maybe"])
    def test_unknown_words_are_refused(self, q: str) -> None:
        with pytest.raises(BadRequest):
            parse(q)


class TestRanges:
    @given(size=st.integers(1, 500), start=st.integers(0, 600), length=st.integers(1, 600))
    def test_range_is_the_slice(self, size: int, start: int, length: int) -> None:
        header = f"bytes={start}-{start + length - 1}"
        if start >= size:
            with pytest.raises(Unsatisfiable):
                parse_range(header, size)
        else:
            assert parse_range(header, size) == (start, min(start + length, size))

    @given(st.text("bytes=-0123456789, ", max_size=30))
    def test_any_text_gives_a_slice_inside_or_none(self, header: str) -> None:
        try:
            span = parse_range(header, 100)
        except Unsatisfiable:
            return
        assert span is None or 0 <= span[0] < span[1] <= 100


class TestSigner:
    def test_signature_holds_for_method_path_and_time(self) -> None:
        time = 1000.0
        signer = Signer(b"key", 60, clock=lambda: time)
        query = dict(pair.split("=") for pair in signer.sign("PUT", "/a", 7).split("&"))
        signer.check("PUT", "/a", query)
        for method, place, forged in (
            ("GET", "/a", query),
            ("PUT", "/b", query),
            ("PUT", "/a", {**query, "expires": "9" * 12}),
            ("PUT", "/a", {}),
            ("PUT", "/a", {**query, "signature": "é"}),
        ):
            with pytest.raises(Forbidden, match="signature"):
                signer.check(method, place, forged)
        time = 1061.0
        with pytest.raises(Forbidden, match="expired"):
            signer.check("PUT", "/a", query)


def add_yaml(archive: tarfile.TarFile) -> None:
    """Make a tar that of a model."""
    content = pushing.model_yaml("m", "v")
    member = tarfile.TarInfo("model.yaml")
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


class TestContents:
    def test_layout_of_long_names_links_and_folders(self, tmp_path: Path) -> None:
        long = "d/" * 60 + "ü" * 150
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:", format=tarfile.PAX_FORMAT) as tar:
            for name, kind, target in (
                (".", tarfile.DIRTYPE, ""),
                ("./d", tarfile.DIRTYPE, ""),
                (f"./{long}", tarfile.REGTYPE, ""),
                ("./link", tarfile.SYMTYPE, "d/x"),
            ):
                member = tarfile.TarInfo(name)
                member.type, member.linkname, member.mode = kind, target, 0o755
                member.size = 3 if kind == tarfile.REGTYPE else 0
                tar.addfile(member, io.BytesIO(b"abc"))
            add_yaml(tar)
        found = self.read_in_parts(tmp_path, archive.getvalue(), 700)
        layout = found.described().layout
        assert layout is not None
        assert [(entry["path"], entry["kind"], entry["target"]) for entry in layout] == [
            ("d", "dir", ""),
            (long, "file", ""),
            ("link", "link", "d/x"),
            ("model.yaml", "file", ""),
        ]
        entry = layout[1]
        assert archive.getvalue()[entry["offset"] :][: entry["size"]] == b"abc"
        assert found.size == 3 + layout[-1]["size"]

    @pytest.mark.parametrize(
        ("name", "kind", "target"),
        [
            ("x", tarfile.FIFOTYPE, ""),
            ("x", tarfile.BLKTYPE, ""),
            ("../x", tarfile.REGTYPE, ""),
            ("x", tarfile.SYMTYPE, "../y"),
            ("x", tarfile.LNKTYPE, "later"),
            ("model", tarfile.REGTYPE, ""),
            ("model/x", tarfile.REGTYPE, ""),
        ],
    )
    def test_what_no_client_would_install_is_refused(self, tmp_path: Path, name: str, kind: bytes, target: str) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:") as tar:
            tar.addfile(tarfile.TarInfo("model"))
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            tar.addfile(member)
        with pytest.raises(UnsafeArchive):
            self.read_in_parts(tmp_path, archive.getvalue(), 10_000)

    def test_hard_links_have_a_digest_but_no_layout_on_the_wire(self, tmp_path: Path) -> None:
        digests = []
        for kind in (tarfile.LNKTYPE, tarfile.REGTYPE):
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w:") as tar:
                for name, content in (("a", b"abc"), ("b", b"abc")):
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    if name == "b":
                        member.type, member.linkname = kind, "a"
                        member.size = len(content) if kind == tarfile.REGTYPE else 0
                    tar.addfile(member, io.BytesIO(content))
                add_yaml(tar)
            found = self.read_in_parts(tmp_path / kind.decode(), archive.getvalue(), 10_000)
            digests.append(found.digest)
            assert (found.described().layout is None) == (kind == tarfile.LNKTYPE)
        assert digests[0] == digests[1] != ""

    @pytest.mark.parametrize("keep", [700, 1024, 2000])
    def test_tar_that_breaks_off(self, tmp_path: Path, keep: int) -> None:
        archive = pushing.tar({"model": b"x" * 1000})
        with pytest.raises(IntegrityError):
            self.read_in_parts(tmp_path, archive[:keep], 300)

    def test_header_that_asks_for_gigabytes_is_not_read(self, tmp_path: Path) -> None:
        member = tarfile.TarInfo("x")
        member.type, member.size = tarfile.XHDTYPE, 1 << 32
        with pytest.raises(UnsafeArchive, match="longer than"):
            self.read_in_parts(tmp_path, member.tobuf() + bytes(4096), 1 << 20)

    @staticmethod
    def read_in_parts(folder: Path, archive: bytes, size: int) -> Contents:
        """Store the archive in parts and read it from there."""
        blobs = FolderBlobs(folder)
        blobs.prepare()
        stored = [blobs.receive(io.BytesIO(part), len(part)) for part in pushing.cut(archive, size)]
        parts = from_sizes([blob.size for blob in stored], [blob.digest for blob in stored])
        with ArchiveReader(blobs, parts) as file:
            assert file.read(len(archive) + 1) == archive
        return read_contents(blobs, parts)
