"""Zips that strangers made."""

from __future__ import annotations

import contextlib
import io
import random
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.archives import ArchiveLimits, count_entries, read_archive, safe_name
from common.errors import InvalidInput

MIB = 1024 * 1024


def make_zip(files: list[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()


def reasons_of(data: bytes, limits: ArchiveLimits | None = None) -> dict[str, str]:
    entries = read_archive(io.BytesIO(data), limits or ArchiveLimits())
    return {entry.name: entry.reason for entry in entries}


def link_to(target: str, name: str) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target.encode()


def test_folders_hidden_files_and_notes_of_systems_are_left_out_without_a_word() -> None:
    data = make_zip(
        [
            ("set/", b""), ("set/a.png", b"1"), ("set/.DS_Store", b"2"), ("__MACOSX/set/._a", b"3"),
            (".git/config", b"4"), ("set/Thumbs.db", b"5"), ("desktop.ini", b"6"),
        ]
    )  # fmt: skip
    assert reasons_of(data) == {"set/a.png": ""}
    assert count_entries(io.BytesIO(data), ArchiveLimits()) == 1


def test_unsafe_entries_are_refused_one_by_one_and_the_rest_goes_in() -> None:
    encrypted = zipfile.ZipInfo("secret.png")
    data = bytearray(
        make_zip(
            [
                ("/abs.png", b"x"), ("C:\\abs.png", b"x"), ("../out.png", b"x"),
                ("a/../../out2.png", b"x"), ("a\\..\\..\\out3.png", b"x"), link_to("/etc", "link"),
                ("inner.zip", b"x"), ("disguised.png", make_zip([("x", b"y")])),
                (encrypted, b"x"), ("fine.png", b"x"), ("two\nlines.png", b"x"),
            ]
        )
    )  # fmt: skip
    at = data.rfind(b"secret.png") - 46  # the entry in the central directory
    struct.pack_into("<H", data, at + 8, 1)
    reasons = reasons_of(bytes(data))
    assert [name for name, reason in reasons.items() if not reason] == ["fine.png"]
    assert "absolute" in reasons["/abs.png"]
    assert "absolute" in reasons["C:\\abs.png"]
    assert all("leaves" in reasons[name] for name in ("../out.png", "a/../../out2.png"))
    assert "leaves" in reasons["a\\..\\..\\out3.png"]
    assert "link" in reasons["link"]
    assert "archive inside" in reasons["inner.zip"]
    assert "archive inside" in reasons["disguised.png"]
    assert "encrypted" in reasons["secret.png"]
    assert "control characters" in reasons["two\nlines.png"]


def test_a_bomb_is_stopped_before_it_is_unpacked() -> None:
    data = make_zip([("bomb.png", b"\0" * (30 * MIB)), ("fine.png", b"x")])
    tracemalloc.start()
    reasons = reasons_of(data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "bomb" in reasons["bomb.png"]
    assert reasons["fine.png"] == ""
    assert peak_bytes < 4 * MIB


def test_an_entry_larger_than_it_claims_is_stopped() -> None:
    noise = random.Random(0).randbytes(3 * MIB)
    data = bytearray(make_zip([("liar.png", noise), ("fine.png", b"x")]))
    at = data.rfind(b"liar.png") - 46
    struct.pack_into("<L", data, at + 24, 10)  # uncompressed size
    reasons = reasons_of(bytes(data), ArchiveLimits(max_entry_bytes=MIB))
    assert "damaged" in reasons["liar.png"]
    assert reasons["fine.png"] == ""


def test_limits_of_size_and_number_leave_out_what_comes_after() -> None:
    data = make_zip([(f"{n}.png", random.Random(n).randbytes(1000)) for n in range(5)])
    over_total = reasons_of(data, ArchiveLimits(max_total_bytes=2500))
    assert list(over_total) == ["0.png", "1.png", "2.png", "3.png"]
    assert "left out" in over_total["3.png"]
    over_number = reasons_of(data, ArchiveLimits(max_entries=2))
    assert list(over_number) == ["0.png", "1.png", "2.png"]
    assert "limit of 2 files" in over_number["2.png"]
    over_size = reasons_of(data, ArchiveLimits(max_entry_bytes=999))
    assert all("limit for one file" in reason for reason in over_size.values())


def test_a_list_of_contents_too_large_for_memory_is_refused_unread() -> None:
    data = make_zip([("a.png", b"x")])
    with pytest.raises(InvalidInput, match="list of files"):
        reasons_of(data, ArchiveLimits(max_directory_bytes=10))


def test_a_name_given_twice_is_taken_once() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", b"first")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.png", b"second")
    entries = list(read_archive(io.BytesIO(buffer.getvalue()), ArchiveLimits()))
    assert [(entry.data, bool(entry.reason)) for entry in entries] == [
        (b"first", False),
        (b"", True),
    ]


def test_names_that_macos_wrote_without_saying_utf_8_are_read_right() -> None:
    data = make_zip([("grün.png", b"x")])
    plain = data.replace(struct.pack("<H", 0x800), struct.pack("<H", 0))
    assert plain != data
    assert list(reasons_of(plain)) == ["grün.png"]


def test_a_damaged_entry_is_refused_and_the_rest_goes_in() -> None:
    data = bytearray(make_zip([("bad.png", b"hello world" * 50), ("fine.png", b"x")]))
    data[45] ^= 0xFF
    reasons = reasons_of(bytes(data))
    assert "damaged" in reasons["bad.png"]
    assert reasons["fine.png"] == ""


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\3\4 no zip", make_zip([("a.png", b"x" * 99)])[:-30]],
    ids=["empty", "a zip's first bytes", "cut off"],
)
def test_a_file_that_is_no_zip_is_refused_as_a_whole(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        reasons_of(data)


@given(st.integers(0, 400), st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_no_flipped_byte_makes_the_reader_fail_with_anything_but_invalid_input(
    at: int, flip: int
) -> None:
    data = bytearray(make_zip([("a.png", b"hello" * 30), ("b/c.png", b"x" * 70)]))
    data[at % len(data)] ^= flip
    with contextlib.suppress(InvalidInput):
        reasons_of(bytes(data))


def test_a_large_zip_is_read_one_entry_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(40):
            archive.writestr(f"{number}.png", random.Random(number).randbytes(MIB))
    tracemalloc.start()
    read = sum(len(entry.data) for entry in read_archive(path, ArchiveLimits()))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read == 40 * MIB
    assert peak_bytes < 8 * MIB


def test_a_safe_name_is_relative_composed_and_has_plain_slashes() -> None:
    assert safe_name("./set\\cafe\u0301//a.png") == "set/caf\u00e9/a.png"
    with pytest.raises(InvalidInput, match="limit is 500"):
        safe_name("x" * 501)
