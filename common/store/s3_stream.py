"""An object of an S3 server as a stream."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from common.store.interface import ArtifactStat

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class ObjectStream(io.RawIOBase):
    """An object's content, fetched from where one reads; asks anew after a seek.

    fetch: the response whose body is the content of a key from an offset on. errors: within it the
    client's errors of a key become the project's.
    """

    def __init__(
        self,
        facts: ArtifactStat,
        fetch: Callable[[str, int], Any],
        errors: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        super().__init__()
        self._facts, self._fetch, self._errors = facts, fetch, errors
        self._position = 0
        self._response: Any = None

    def readable(self) -> bool:
        """As of any reader."""
        return True

    def seekable(self) -> bool:
        """As of any reader."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any reader."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._facts.size_bytes}
        target = max(0, base[whence] + offset)
        if target != self._position:
            self._drop()
            self._position = target
        return target

    def readinto(self, buffer: WriteableBuffer) -> int:
        """As of any reader."""
        view = memoryview(buffer).cast("B")
        if self._position >= self._facts.size_bytes or not len(view):
            return 0
        if self._response is None:
            self._response = self._fetch(self._facts.key, self._position)
        with self._errors(self._facts.key):
            data = self._response.read(len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """As of any reader."""
        self._drop()
        super().close()

    def _drop(self) -> None:
        """Close the connection: what is left of the body may be large, reading it off is waste."""
        if self._response is not None:
            self._response.close()
            self._response.release_conn()
            self._response = None
