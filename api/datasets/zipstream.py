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

from common.errors import NotFound

CHUNK_BYTES = 256 * 1024
DATE = (1980, 1, 1, 0, 0, 0)  # the same archive each time
MISSING = "MISSING.txt"
MISSING_HEAD = (
    "These files belong in this archive, but were not in the artifact store when it was made:\n\n"
)


@dataclass(frozen=True)
class Entry:
    """A file of the archive; `open` is called when its turn comes. compress: for text."""

    name: str
    open: Callable[[], BinaryIO]
    compress: bool = False


def zip_stream(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The archive's bytes, in pieces. What is not there (NotFound) is left out, and named in MISSING.txt."""
    sink = _Sink()
    missing: list[str] = []
    with zipfile.ZipFile(sink, "w", allowZip64=True) as archive:
        for entry in entries:
            try:
                source = entry.open()
            except NotFound:
                missing.append(entry.name)
                continue
            yield from _added(archive, sink, entry, source)
        if missing:
            lines = MISSING_HEAD + "".join(f"{name}\n" for name in missing)
            text = io.BytesIO(lines.encode())
            yield from _added(archive, sink, Entry(MISSING, lambda: text, compress=True), text)
    yield sink.taken()


def _added(
    archive: zipfile.ZipFile, sink: _Sink, entry: Entry, source: BinaryIO
) -> Iterator[bytes]:
    info = zipfile.ZipInfo(entry.name, DATE)
    info.compress_type = zipfile.ZIP_DEFLATED if entry.compress else zipfile.ZIP_STORED
    info.external_attr = 0o644 << 16
    with source, archive.open(info, "w", force_zip64=True) as target:
        while chunk := source.read(CHUNK_BYTES):
            target.write(chunk)
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
