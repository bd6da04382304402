"""Copying artifacts into a backup and back: each content once, known by its SHA-256, several at a time."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from common.backup.manifest import Artifact, hash_stream, object_name
from common.backup.places import Place
from common.errors import NotFound
from common.store import ArtifactStat, ArtifactStore
from common.store.disk import COPY_BYTES, disk_errors
from common.store.transfer import content_type_of

AT_ONCE = 8
IN_MEMORY_BYTES = 8 * 1024 * 1024  # larger ones go through a file
T = TypeVar("T")
R = TypeVar("R")


def in_parallel(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The results of work on each item, as they come; few are under way at once. The first error ends it."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running: set[Future[R]] = set()
        try:
            for item in items:
                running.add(pool.submit(work, item))
                if len(running) >= 2 * AT_ONCE:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (each.result() for each in done)
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        finally:
            for each in running:
                each.cancel()


def _is_same(before: Artifact, item: ArtifactStat) -> bool:
    return (before.etag, before.size_bytes) == (item.etag, item.size_bytes)


@dataclass
class Content:
    """Bytes on their way, in memory or in a file that `drop` removes."""

    sha256: str
    size_bytes: int
    data: bytes | None = None
    path: Path | None = None

    def drop(self) -> None:
        """No longer needed."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def of_bytes(data: bytes) -> Content:
    """What is in memory."""
    return Content(hashlib.sha256(data).hexdigest(), len(data), data=data)


class CopyIn:
    """Copies artifacts of a store into a place.

    there: the contents that the place has already; earlier: artifacts of the last backup of the same store, by
    key, whose content is known by their etag. folder: for what is too large for memory.
    """

    def __init__(
        self, store: ArtifactStore, place: Place, there: set[str], earlier: dict[str, Artifact],
        folder: Path,
    ) -> None:  # fmt: skip
        self._store, self._place, self._there = store, place, there
        self._earlier, self._folder = earlier, folder
        self.new_count = self.new_bytes = 0

    def copy(self, item: ArtifactStat) -> Artifact | None:
        """One artifact; None when it has gone since it was listed."""
        before = self._earlier.get(item.key)
        if before is not None and before.sha256 in self._there and _is_same(before, item):
            return before
        try:
            content = self._fetched(item)
        except NotFound:
            return None
        try:
            self.put(content)
        finally:
            content.drop()
        return Artifact(item.key, content.sha256, content.size_bytes, item.etag)

    def put(self, content: Content) -> None:
        """Write a content unless it is there."""
        if content.sha256 in self._there:
            return
        self._there.add(content.sha256)
        name = object_name(content.sha256)
        if content.data is not None:
            self._place.put_bytes(name, content.data)
        elif content.path is not None:
            self._place.put_file(name, content.path)
        self.new_count += 1
        self.new_bytes += content.size_bytes

    def _fetched(self, item: ArtifactStat) -> Content:
        if item.size_bytes <= IN_MEMORY_BYTES:
            return of_bytes(self._store.get_bytes(item.key))
        path = self._folder / secrets.token_hex(8)
        self._store.get_file(item.key, path)
        with path.open("rb") as stream:
            sha256, size = hash_stream(stream)
        return Content(sha256, size, path=path)


class CopyOut:
    """Copies artifacts of a backup into a store, each only if its content is what it was."""

    def __init__(self, place: Place, store: ArtifactStore, folder: Path) -> None:
        self._place, self._store, self._folder = place, store, folder

    def copy(self, artifact: Artifact) -> tuple[Artifact, bool]:
        """(the artifact, whether it is in the store now); False: the backup has lost or damaged it."""
        try:
            content = self._fetched(artifact)
        except NotFound:
            return artifact, False
        try:
            if content.sha256 != artifact.sha256:
                return artifact, False
            kind = content_type_of(artifact.key)
            if content.data is not None:
                self._store.put_bytes(artifact.key, content.data, kind)
            elif content.path is not None:
                self._store.put_file(artifact.key, content.path, kind)
        finally:
            content.drop()
        return artifact, True

    def _fetched(self, artifact: Artifact) -> Content:
        name = object_name(artifact.sha256)
        if artifact.size_bytes <= IN_MEMORY_BYTES:
            return of_bytes(self._place.get_bytes(name))
        path = self._folder / secrets.token_hex(8)
        digest, size = hashlib.sha256(), 0
        with self._place.open(name) as source, disk_errors(path), path.open("xb") as target:
            while chunk := source.read(COPY_BYTES):
                digest.update(chunk)
                target.write(chunk)
                size += len(chunk)
        return Content(digest.hexdigest(), size, path=path)
