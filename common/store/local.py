"""Artifacts as plain files below one folder; a key is the path."""

from __future__ import annotations

import os
import secrets
import shutil
import stat as modes
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from common.errors import InvalidInput, NotFound, StoreUnavailable
from common.store.disk import copy_whole, disk_errors, remove_folder, write_whole
from common.store.interface import BINARY, ArtifactStat, ArtifactStore
from common.store.keys import TEMPORARY_PREFIX, check_folder, check_key, key_fault

ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalStore(ArtifactStore):
    """A folder on this machine's disk, made on first use. Several processes may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put_bytes(self, key: str, data: bytes, content_type: str = BINARY) -> None:
        """See ArtifactStore. The content type is the name's ending; it is not stored."""
        path = self._path(key)
        with disk_errors(path):
            write_whole(path, lambda target: target.write(data))

    def put_file(self, key: str, path: Path, content_type: str = BINARY) -> None:
        """See ArtifactStore."""
        target = self._path(key)
        with open_source(path) as source, disk_errors(target):
            copy_whole(source, target)

    def put_stream(
        self, key: str, source: BinaryIO, size_bytes: int, content_type: str = BINARY
    ) -> None:
        """See ArtifactStore."""
        target = self._path(key)
        with disk_errors(target):
            copy_whole(source, target)

    def get_bytes(self, key: str) -> bytes:
        """See ArtifactStore."""
        with self.open(key) as stream, disk_errors(self._path(key)):
            return stream.read()

    def open(self, key: str) -> BinaryIO:
        """See ArtifactStore."""
        path = self._path(key)
        with disk_errors(path):
            try:
                return open(path, "rb")
            except ABSENT as error:
                raise absent(key) from error

    def get_file(self, key: str, path: Path) -> None:
        """See ArtifactStore."""
        with self.open(key) as source, disk_errors(path):
            copy_whole(source, path)

    def stat(self, key: str) -> ArtifactStat:
        """See ArtifactStore."""
        path = self._path(key)
        with disk_errors(path):
            try:
                facts = os.stat(path)
            except ABSENT as error:
                raise absent(key) from error
        if not modes.S_ISREG(facts.st_mode):
            raise absent(key)
        return _stat(key, facts)

    def list(self, prefix: str = "") -> Iterator[ArtifactStat]:
        """See ArtifactStore. Names that are no valid keys, and unfinished files, are left out."""
        folder = check_folder(prefix)
        return self._walk(self._root / folder, f"{folder}/" if folder else "")

    def delete(self, key: str) -> None:
        """See ArtifactStore. Folders that become empty go too."""
        path = self._path(key)
        with disk_errors(path):
            try:
                path.unlink()
            except (*ABSENT, PermissionError):
                if path.is_file():
                    raise
                return
        self._prune(path.parent)

    def delete_prefix(self, prefix: str) -> int:
        """See ArtifactStore. The folder vanishes at once: it is renamed first, then removed."""
        folder = check_folder(prefix)
        if not folder:
            raise InvalidInput("the whole store cannot be deleted; name a folder")
        path = self._path(folder)
        doomed = path.with_name(TEMPORARY_PREFIX + secrets.token_hex(8))
        with disk_errors(path):
            if not path.is_dir():
                return 0
            os.rename(path, doomed)
            count = sum(1 for _ in self._walk(doomed, ""))
            remove_folder(doomed)
        self._prune(path.parent)
        return count

    def local_path(self, key: str) -> Path | None:
        """See ArtifactStore."""
        return self._path(key)

    def sweep_unfinished(self, older_than_s: float = 86_400) -> int:
        """See ArtifactStore."""
        count, before = 0, time.time() - older_than_s
        for path in self._root.rglob(f"{TEMPORARY_PREFIX}*"):
            with disk_errors(path), suppress(FileNotFoundError):
                if path.lstat().st_mtime < before:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                    count += 1
        return count

    def check(self) -> None:
        """See ArtifactStore."""
        probe = self._root / (TEMPORARY_PREFIX + "check-" + secrets.token_hex(8))
        written = secrets.token_bytes(32)
        with disk_errors(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            try:
                probe.write_bytes(written)
                read = probe.read_bytes()
            finally:
                probe.unlink(missing_ok=True)
        if read != written:
            raise StoreUnavailable(
                f"the store ({self.describe()}) gives back something else than was written",
                remedy="Check the disk and how the folder is mounted.",
            )

    def describe(self) -> str:
        """See ArtifactStore."""
        return f"folder {self._root}"

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _walk(self, folder: Path, prefix: str) -> Iterator[ArtifactStat]:
        with disk_errors(folder):
            entries = _sorted_entries(folder)
        for name, entry in entries:
            if name.endswith("/"):
                yield from self._walk(Path(entry.path), prefix + name)
            else:
                try:
                    yield _stat(prefix + name, entry.stat())
                except FileNotFoundError:
                    continue  # deleted since

    def _prune(self, folder: Path) -> None:
        """Remove folders that are empty now, upwards; the store's own folder stays."""
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


def open_source(path: Path) -> BinaryIO:
    """A file that is to be stored. Raises InvalidInput when it cannot be read."""
    try:
        return open(path, "rb")
    except OSError as error:
        raise InvalidInput(f"'{path}' cannot be read: {error.strerror}") from error


def absent(key: str) -> NotFound:
    """The error for a key that holds nothing."""
    return NotFound(f"artifact '{key}' does not exist")


def _sorted_entries(folder: Path) -> list[tuple[str, os.DirEntry[str]]]:
    """Names in S3's order: a folder sorts as if its name ended with '/', and here it does."""
    try:
        with os.scandir(folder) as scanned:
            entries = [entry for entry in scanned if key_fault(entry.name) is None]
    except ABSENT:
        return []
    named = [(entry.name + "/" * entry.is_dir(), entry) for entry in entries]
    return sorted(named, key=lambda pair: pair[0].encode())


def _stat(key: str, facts: os.stat_result) -> ArtifactStat:
    """An etag of inode, time and size: each put makes a new file, so it changes with each."""
    return ArtifactStat(
        key=key,
        size_bytes=facts.st_size,
        modified_at=datetime.fromtimestamp(facts.st_mtime, UTC),
        etag=f"{facts.st_ino:x}-{facts.st_mtime_ns:x}-{facts.st_size:x}",
    )
