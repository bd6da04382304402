"""One artifact from store to store, or read through: streamed, with the SHA-256 of what went by."""

from __future__ import annotations

import hashlib
import io
import mimetypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from common.errors import ArtifactDamaged
from common.store.interface import BINARY, ArtifactStore

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

READ_BYTES = 1024 * 1024
# Python's own table alone: what a machine has in /etc must not change what is stored.
_TYPES = mimetypes.MimeTypes(filenames=())
_TYPES.add_type("image/webp", ".webp")
_TYPES.add_type("application/jsonl", ".jsonl")


@dataclass(frozen=True)
class Copied:
    """What an artifact holds: its size, and the SHA-256 of its content as 64 hex digits."""

    size_bytes: int
    sha256: str


class HashedReader(io.RawIOBase):
    """A seekable stream read from its start on, which tells at the end what went through it."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._begin()

    @property
    def seen(self) -> Copied:
        """Of what was read since the start."""
        return Copied(self._size_bytes, self._hash.hexdigest())

    def readable(self) -> bool:
        """As of any reader."""
        return True

    def seekable(self) -> bool:
        """To its start alone."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Begin again. Raises UnsupportedOperation on another place than the start."""
        if (offset, whence) != (0, io.SEEK_SET):
            raise io.UnsupportedOperation(f"seek to {offset}: only the start can be read from")
        self._source.seek(0)
        self._begin()
        return 0

    def readinto(self, buffer: WriteableBuffer) -> int:
        """As of any reader."""
        view = memoryview(buffer).cast("B")
        data = self._source.read(len(view))
        view[: len(data)] = data
        self._hash.update(data)
        self._size_bytes += len(data)
        return len(data)

    def _begin(self) -> None:
        self._hash = hashlib.sha256()
        self._size_bytes = 0


def read_through(store: ArtifactStore, key: str) -> Copied:
    """What an artifact holds, from reading all of it. Raises NotFound."""
    with store.open(key) as stream:
        reader = HashedReader(stream)
        buffer = bytearray(READ_BYTES)
        while reader.readinto(buffer):
            pass
    return reader.seen


def copy_object(
    source: ArtifactStore, target: ArtifactStore, key: str, target_key: str | None = None
) -> Copied:
    """Copy one artifact, and read it back from where it went: what arrived is what was read.

    target_key: its key there, if it is another. Raises NotFound when the source has none, and
    ArtifactDamaged when the target gives back something else.
    """
    there = target_key or key
    size_bytes = source.stat(key).size_bytes
    with source.open(key) as stream:
        reader = HashedReader(stream)
        target.put_stream(there, cast(BinaryIO, reader), size_bytes, content_type_of(there))
        sent = reader.seen
    arrived = read_through(target, there)
    if arrived != sent or sent.size_bytes != size_bytes:
        raise ArtifactDamaged(
            f"'{there}' came out of {target.describe()} with {arrived.size_bytes:,} bytes of SHA-256 "
            f"{arrived.sha256[:12]}; {sent.size_bytes:,} of {sent.sha256[:12]} were sent, of {size_bytes:,}"
        )
    return arrived


def content_type_of(key: str) -> str:
    """The content type that a key's ending stands for."""
    return _TYPES.guess_type(key)[0] or BINARY
