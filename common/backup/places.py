"""Where backups lie: a folder, a bucket, or one zip. Names are separated by '/', as keys of the store.

clip-browser-backup.json                 what this is
objects/<ab>/<sha256>                    the content of artifacts, each once
snapshots/<time>-<id>/tables/<name>.jsonl.gz
snapshots/<time>-<id>/objects.jsonl.gz   which artifact has which content
snapshots/<time>-<id>/manifest.json      written last: without it there is no snapshot
"""

from __future__ import annotations

import io
import json
import os
import secrets
import threading
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import BinaryIO, cast

from common.errors import InvalidInput, NotFound
from common.store import ArtifactStore, LocalStore, open_store
from common.store.disk import COPY_BYTES, disk_errors

MARK = "clip-browser-backup.json"
FORMAT = 1
REMEDY = "Name a folder, a file that ends with .zip, or a bucket: s3://KEY:SECRET@HOST/BUCKET."


class Place(ABC):
    """Named bytes that are written once. keeps_many: whether several backups may lie here."""

    keeps_many = True

    @abstractmethod
    def put_bytes(self, name: str, data: bytes) -> None:
        """Write data under name. Several threads may."""

    @abstractmethod
    def put_file(self, name: str, path: Path) -> None:
        """Write a file's content under name. Several threads may."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """The content, which the caller closes. Several threads may. Raises NotFound."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """(name, bytes) of everything below a prefix, sorted."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove one; an absent one is fine."""

    @abstractmethod
    def describe(self) -> str:
        """Where it is, without a secret."""

    def get_bytes(self, name: str) -> bytes:
        """The whole content. Raises NotFound."""
        with self.open(name) as stream:
            return stream.read()

    @abstractmethod
    def close(self, is_whole: bool = True) -> None:
        """The end; what was begun and did not become whole is dropped."""


class StorePlace(Place):
    """A folder or a bucket."""

    def __init__(self, store: ArtifactStore) -> None:
        self.store = store

    def put_bytes(self, name: str, data: bytes) -> None:
        """See Place."""
        self.store.put_bytes(name, data)

    def put_file(self, name: str, path: Path) -> None:
        """See Place."""
        self.store.put_file(name, path)

    def open(self, name: str) -> BinaryIO:
        """See Place."""
        return self.store.open(name)

    def get_bytes(self, name: str) -> bytes:
        """See Place."""
        return self.store.get_bytes(name)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """See Place."""
        return ((item.key, item.size_bytes) for item in self.store.list(prefix))

    def delete(self, name: str) -> None:
        """See Place."""
        self.store.delete(name)

    def describe(self) -> str:
        """See Place."""
        return self.store.describe()

    def close(self, is_whole: bool = True) -> None:
        """See Place: there is nothing to do."""


class ZipToWrite(Place):
    """A new zip, without compression: its parts are compressed, or pictures. It gets its name when it is whole."""

    keeps_many = False

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise InvalidInput(
                f"'{path}' is there already.",
                remedy="A zip holds one backup: give another name. A folder or a bucket takes one after the other.",
            )
        self._path = path
        self._unfinished = path.with_name(f".tmp-{path.name}-{secrets.token_hex(4)}")
        self._lock = threading.Lock()
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._unfinished.open("xb")
        self._zip = zipfile.ZipFile(self._stream, "w", zipfile.ZIP_STORED, allowZip64=True)

    def put_bytes(self, name: str, data: bytes) -> None:
        """See Place."""
        with self._lock, disk_errors(self._path):
            self._zip.writestr(name, data)

    def put_file(self, name: str, path: Path) -> None:
        """See Place."""
        with self._lock, disk_errors(self._path):
            self._zip.write(path, name)

    def open(self, name: str) -> BinaryIO:
        """See Place: nothing is read while it is written."""
        raise NotFound(f"'{name}' is not in this zip.")

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """See Place."""
        return iter(())

    def delete(self, name: str) -> None:
        """See Place: nothing is taken out."""

    def describe(self) -> str:
        """See Place."""
        return f"file {self._path}"

    def close(self, is_whole: bool = True) -> None:
        """See Place."""
        with disk_errors(self._path):
            try:
                with nullcontext() if is_whole else suppress(OSError):
                    self._zip.close()
                if is_whole:
                    self._stream.flush()
                    os.fsync(self._stream.fileno())
                    os.link(self._unfinished, self._path)
            finally:
                self._stream.close()
                self._unfinished.unlink(missing_ok=True)


class ZipToRead(Place):
    """A zip that is there. Only for reading."""

    keeps_many = False

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk_errors(path):
            try:
                self._zip = zipfile.ZipFile(path)
            except zipfile.BadZipFile as bad:
                raise InvalidInput(
                    f"'{path}' is no whole zip: {bad}.",
                    remedy="Copy it once more, or take another backup.",
                ) from bad
        self._sizes = {info.filename: info.file_size for info in self._zip.infolist()}

    def put_bytes(self, name: str, data: bytes) -> None:
        """See Place."""
        raise InvalidInput(f"'{self._path}' is only read.")

    def put_file(self, name: str, path: Path) -> None:
        """See Place."""
        raise InvalidInput(f"'{self._path}' is only read.")

    def open(self, name: str) -> BinaryIO:
        """See Place."""
        if name not in self._sizes:
            raise NotFound(f"'{name}' is not in {self.describe()}.")
        return cast(BinaryIO, io.BufferedReader(self._zip.open(name), COPY_BYTES))

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """See Place."""
        begins = f"{prefix.rstrip('/')}/" if prefix else ""
        return iter(sorted(each for each in self._sizes.items() if each[0].startswith(begins)))

    def delete(self, name: str) -> None:
        """See Place."""
        raise InvalidInput(f"'{self._path}' is only read.")

    def describe(self) -> str:
        """See Place."""
        return f"file {self._path}"

    def close(self, is_whole: bool = True) -> None:
        """See Place."""
        self._zip.close()


def open_target(text: str) -> Place:
    """Where a backup is to go. Raises InvalidInput, also for a folder or bucket that holds something else."""
    if _is_file(text):
        return ZipToWrite(Path(text))
    place = StorePlace(_store_of(text))
    if _mark(place) is None and next(place.list(""), None) is not None:
        raise InvalidInput(
            f"There is something in {place.describe()} that is no backup.",
            remedy="Name an empty or a new place, or one with backups.",
        )
    return place


def open_source(text: str) -> Place:
    """Where backups are. Raises NotFound when there is none, InvalidInput for those of a later form."""
    if _is_file(text):
        if not Path(text).is_file():
            raise NotFound(f"There is no file '{text}'.", remedy=REMEDY)
        place: Place = ZipToRead(Path(text))
    else:
        place = StorePlace(_store_of(text))
    if _mark(place) is None:
        raise NotFound(f"There is no backup in {place.describe()}.", remedy=REMEDY)
    return place


def mark(place: Place) -> None:
    """Say what this place is for, if it does not say so yet."""
    if not place.keeps_many or _mark(place) is None:
        place.put_bytes(MARK, json.dumps({"format": FORMAT}).encode())


def _mark(place: Place) -> int | None:
    try:
        found = json.loads(place.get_bytes(MARK))
    except NotFound:
        return None
    except ValueError:
        found = {}
    form = found.get("format") if isinstance(found, dict) else None
    if form != FORMAT:
        raise InvalidInput(
            f"The backups in {place.describe()} are of form {form}; this version reads form {FORMAT}.",
            remedy="Use the version of CLIP Browser that made them, or a later one.",
        )
    return FORMAT


def _is_file(text: str) -> bool:
    if "://" in text:
        return False
    if Path(text).suffix.lower() in (".tar", ".tgz", ".gz"):
        raise InvalidInput(f"'{text}' is no form that is written.", remedy=REMEDY)
    return text.lower().endswith(".zip")


def _store_of(text: str) -> ArtifactStore:
    if "://" in text:
        return open_store(text)
    folder = Path(text).expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"'{folder}' is a file, and no .zip.", remedy=REMEDY)
    return LocalStore(folder)
