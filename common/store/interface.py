"""What every artifact store can do."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from common.errors import InvalidInput, NotFound
from common.store.keys import check_folder

BINARY = "application/octet-stream"


@dataclass(frozen=True)
class ArtifactStat:
    """One stored artifact. `etag` changes whenever the content is replaced; times are UTC."""

    key: str
    size_bytes: int
    modified_at: datetime
    etag: str


class ArtifactStore(ABC):
    """Named bytes. Writing replaces whole: a reader sees the old content or the new, never a part.

    A key is checked by `check_key`; it must not at the same time be the folder of another key.
    A prefix names a folder: 'a' and 'a/' hold 'a/b' but not 'ab'; '' holds everything.

    Every call raises InvalidInput on a bad key or prefix, StoreUnavailable when the store does not
    answer or refuses, DiskFull when it has no space left. One object may be used by many threads and
    after a fork.
    """

    @abstractmethod
    def put_bytes(self, key: str, data: bytes, content_type: str = BINARY) -> None:
        """Store data under key, in place of what was there."""

    @abstractmethod
    def put_file(self, key: str, path: Path, content_type: str = BINARY) -> None:
        """Store a file's content under key, streamed. Raises InvalidInput if it cannot be read."""

    @abstractmethod
    def put_stream(
        self, key: str, source: BinaryIO, size_bytes: int, content_type: str = BINARY
    ) -> None:
        """Store a seekable stream's content, of so many bytes, under key; it is read from its start."""

    @abstractmethod
    def get_bytes(self, key: str) -> bytes:
        """The whole content. Raises NotFound."""

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """The content as a seekable stream that the caller closes. Raises NotFound."""

    @abstractmethod
    def get_file(self, key: str, path: Path) -> None:
        """Write the content to a file, whole or not at all; makes its folder. Raises NotFound."""

    @abstractmethod
    def stat(self, key: str) -> ArtifactStat:
        """Size, time and etag. Raises NotFound."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[ArtifactStat]:
        """All artifacts in a folder and below, sorted by the bytes of their keys."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove one artifact; an absent one is fine."""

    @abstractmethod
    def delete_prefix(self, prefix: str) -> int:
        """Remove a folder and all below; how many artifacts that were. '' raises InvalidInput."""

    @abstractmethod
    def local_path(self, key: str) -> Path | None:
        """Where a key (or a folder of keys) lies on this machine's disk, there or not.

        None when the store is elsewhere. For reading only: write through the store.
        """

    @abstractmethod
    def check(self) -> None:
        """Make sure that the store gives back what it is given. Answers within a few seconds."""

    @abstractmethod
    def describe(self) -> str:
        """Where the store is, without its secret."""

    def sweep_unfinished(self, older_than_s: float = 86_400) -> int:
        """Remove what writers that were killed left behind, if older; how many files.

        Unfinished uploads an S3 server sweeps by itself (MinIO after a day, others by a lifecycle rule).
        """
        return 0

    def exists(self, key: str) -> bool:
        """Whether the key holds an artifact."""
        try:
            self.stat(key)
        except NotFound:
            return False
        return True

    def put_folder(self, prefix: str, folder: Path) -> int:
        """Store every file below a folder under prefix; how many. Not atomic as a whole.

        Replaces what has the same key, leaves the rest. Raises InvalidInput on links and devices.
        """
        base = check_folder(prefix)
        files = list(_files_below(folder))
        for path in files:
            relative = path.relative_to(folder).as_posix()
            self.put_file(f"{base}/{relative}" if base else relative, path)
        return len(files)

    def get_folder(self, prefix: str, folder: Path) -> int:
        """Write every artifact under prefix below a folder; how many. Raises NotFound if none."""
        base = check_folder(prefix)
        count = 0
        for item in self.list(base):
            relative = item.key[len(base) + 1 :] if base else item.key
            self.get_file(item.key, folder / relative)
            count += 1
        if not count:
            raise NotFound(f"the store holds nothing under '{base}/'")
        return count


def _files_below(folder: Path) -> Iterator[Path]:
    """Every regular file, folder by folder. Raises InvalidInput on anything else but folders."""
    if not folder.is_dir():
        raise InvalidInput(f"'{folder}' is not a folder")
    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        for path in (Path(parent) / name for name in sorted(names) + links):
            if path.is_symlink() or not path.is_file():
                raise InvalidInput(
                    f"'{path}' is neither a file nor a folder",
                    remedy="Put the file itself there in place of a link or device.",
                )
            yield path
