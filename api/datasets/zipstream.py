"""A zip archive made while it is sent: nothing of it is ever whole in memory or on disk.

Ours, not zipstream-ng (1.9): that sets neither the date nor the mode of what it is given, so each
export of the same dataset would differ, and be readable by its owner alone once it is unpacked; and it
takes a fifth to a quarter more time, in twice as many pieces.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

CHUNK_BYTES = 256 * 1024
DATE = (1980, 1, 1, 0, 0, 0)  # the same archive each time


@dataclass(frozen=True)
class Entry:
    """A file of the archive; `open` is called when its turn comes. compress: for text."""

    name: str
    open: Callable[[], BinaryIO]
    compress: bool = False


def zip_stream(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The archive's bytes, in pieces."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", allowZip64=True) as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, DATE)
            info.compress_type = zipfile.ZIP_DEFLATED if entry.compress else zipfile.ZIP_STORED
            info.external_attr = 0o644 << 16
            with entry.open() as source, archive.open(info, "w", force_zip64=True) as target:
                while chunk := source.read(CHUNK_BYTES):
                    target.write(chunk)
                    yield sink.taken()
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Collects what is written until it is taken. Not seekable, so sizes follow the data."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
