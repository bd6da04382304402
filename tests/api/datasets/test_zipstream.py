"""Archives that are made while they are sent."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from functools import partial

from api.datasets.zipstream import CHUNK_BYTES, Entry, zip_stream

TEXT = "ein Hund, 犬\n".encode() * 1000
PICTURE = bytes(range(256)) * 4096  # 1 MiB


def entries() -> Iterator[Entry]:
    yield Entry("index.csv", partial(io.BytesIO, TEXT), compress=True)
    yield Entry("images/狗.jpg", partial(io.BytesIO, PICTURE))
    yield Entry("images/empty.jpg", io.BytesIO)


def test_an_archive_holds_what_it_was_given_and_anybody_may_read_it() -> None:
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_stream(entries())))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["index.csv", "images/狗.jpg", "images/empty.jpg"]
        assert archive.read("index.csv") == TEXT
        assert archive.read("images/狗.jpg") == PICTURE
        assert archive.read("images/empty.jpg") == b""
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o644}
        assert archive.getinfo("index.csv").compress_size < len(TEXT) / 10
        assert archive.getinfo("images/狗.jpg").compress_type == zipfile.ZIP_STORED


def test_the_same_files_make_the_same_archive() -> None:
    assert b"".join(zip_stream(entries())) == b"".join(zip_stream(entries()))


def test_no_piece_holds_much_and_a_file_is_opened_when_its_turn_comes() -> None:
    opened = []

    def open_one(number: int) -> io.BytesIO:
        opened.append(number)
        return io.BytesIO(PICTURE)

    pieces = zip_stream(Entry(f"{number}.jpg", partial(open_one, number)) for number in range(3))
    most = 0
    for piece in pieces:
        most = max(most, len(piece))
        if sum(opened) == 0:
            assert opened == [0]
    assert opened == [0, 1, 2]
    assert most < CHUNK_BYTES + 1000


def test_sizes_are_written_so_that_a_file_of_more_than_4_gib_fits() -> None:
    header = next(zip_stream([Entry("a.jpg", partial(io.BytesIO, b"x"))]))[: 30 + 5 + 20]
    assert header[18:26] == b"\xff" * 8  # both sizes stand in the zip64 field
    assert header[35:39] == b"\x01\x00\x10\x00"
