"""One file of a zip that strangers made, written to a disk."""

from __future__ import annotations

import random
import stat
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from common.archives import ArchiveLimits, list_names, unpack_file
from common.errors import InvalidInput

MIB = 1024 * 1024


def make_zip(path: Path, files: list[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def test_the_names_are_those_of_the_files_that_are_not_hidden(tmp_path: Path) -> None:
    archive = make_zip(
        tmp_path / "a.zip",
        [("m/", b""), ("m\\b.json", b"1"), ("m/.DS_Store", b"2"), ("__MACOSX/m/._b.json", b"3")],
    )
    assert list_names(archive, ArchiveLimits()) == ["m/b.json"]


@pytest.mark.parametrize("name", ["../x", "/x", "C:/x", "a/../../x", "a\\..\\..\\x", "a/\x07b"])
def test_a_zip_with_an_unsafe_path_is_refused_as_a_whole(tmp_path: Path, name: str) -> None:
    archive = make_zip(tmp_path / "a.zip", [("good.json", b"1"), (name, b"2")])
    with pytest.raises(InvalidInput):
        list_names(archive, ArchiveLimits())
    with pytest.raises(InvalidInput):
        unpack_file(archive, "good.json", tmp_path / "good.json", ArchiveLimits())


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", [(f"{n}.txt", b"") for n in range(12)])
    with pytest.raises(InvalidInput, match="12 files; the limit is 10"):
        list_names(archive, ArchiveLimits(max_entries=10))


def test_a_file_is_written_whole_without_being_whole_in_memory(tmp_path: Path) -> None:
    data = random.Random(0).randbytes(24 * MIB)
    archive = make_zip(tmp_path / "a.zip", [("m/weights", data)])
    tracemalloc.start()
    unpack_file(archive, "m/weights", tmp_path / "out", ArchiveLimits())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "out").read_bytes() == data
    assert peak < 8 * MIB


def test_an_absent_file_and_one_that_is_there_twice_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        archive = make_zip(tmp_path / "a.zip", [("twice", b"1"), ("twice", b"2")])
    for name, count in (("twice", 2), ("absent", 0)):
        with pytest.raises(InvalidInput, match=f"{count} files of the name"):
            unpack_file(archive, name, tmp_path / "out", ArchiveLimits())


def test_a_link_a_bomb_and_a_file_over_the_limit_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    archive = make_zip(
        tmp_path / "a.zip",
        [
            (link, b"/etc/passwd"),
            ("bomb", bytes(8 * MIB)),
            ("large", random.Random(1).randbytes(2 * MIB)),
        ],
    )
    limits = ArchiveLimits(max_entry_bytes=9 * MIB)
    for name, said in (("link", "link"), ("bomb", "zip bomb")):
        with pytest.raises(InvalidInput, match=said):
            unpack_file(archive, name, tmp_path / "out", limits)
    with pytest.raises(InvalidInput, match=r"2\.0 MiB; the limit"):
        unpack_file(archive, "large", tmp_path / "out", ArchiveLimits(max_entry_bytes=MIB))


def test_a_file_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    data = random.Random(2).randbytes(MIB)
    archive = make_zip(tmp_path / "a.zip", [("m", data)])
    raw = bytearray(archive.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    archive.write_bytes(bytes(raw))
    with pytest.raises(InvalidInput, match="damaged"):
        unpack_file(archive, "m", tmp_path / "out", ArchiveLimits())
