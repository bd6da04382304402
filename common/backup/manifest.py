"""What a backup says of itself: its manifest, and the list of its artifacts."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from common.backup.places import Place
from common.errors import InvalidInput, NotFound
from common.store.disk import COPY_BYTES

SNAPSHOTS, OBJECTS = "snapshots", "objects"


@dataclass(frozen=True)
class Part:
    """A file of a backup: its bytes, their SHA-256, and how many rows or artifacts it has."""

    size_bytes: int
    sha256: str
    count: int


@dataclass(frozen=True)
class Artifact:
    """An artifact: its key, its content, and the etag that it had in its store."""

    key: str
    sha256: str
    size_bytes: int
    etag: str


@dataclass(frozen=True)
class Manifest:
    """A whole backup. name: also of its folder; it begins with the time, in UTC.

    revision: of the database's schema. sequences: the highest number given, by table. missing: artifacts that
    the rows name and the store had lost; damaged: images whose content was not that of their name.
    """

    name: str
    created_at: str
    app_version: str
    revision: str
    database: str
    store: str
    tables: dict[str, Part]
    objects: Part
    sequences: dict[str, int]
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def path(self, part: str) -> str:
        """Where one of its files lies: a table's, or `objects.jsonl.gz`."""
        return f"{SNAPSHOTS}/{self.name}/{part}"

    def to_json(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """Raises InvalidInput."""
        try:
            found = json.loads(data)
            tables = {name: Part(**part) for name, part in found.pop("tables").items()}
            return cls(tables=tables, objects=Part(**found.pop("objects")), **found)
        except (ValueError, TypeError, KeyError, AttributeError) as bad:
            raise InvalidInput(
                f"A backup's manifest cannot be read: {bad}", remedy="Use another backup."
            ) from bad


TABLES, LIST, MANIFEST = "tables", "objects.jsonl.gz", "manifest.json"


def table_part(name: str) -> str:
    """The file of a table, within a backup's folder."""
    return f"{TABLES}/{name}.jsonl.gz"


def object_name(sha256: str) -> str:
    """Where the content of an artifact lies."""
    return f"{OBJECTS}/{sha256[:2]}/{sha256}"


def read_manifests(place: Place) -> list[Manifest]:
    """All whole backups of a place, the oldest first. Raises InvalidInput when one cannot be read."""
    names = [name for name, _ in place.list(SNAPSHOTS) if name.endswith(f"/{MANIFEST}")]
    found = [Manifest.from_json(place.get_bytes(name)) for name in names]
    # A name has whole seconds: of two of the same second only this says which is the newer one.
    return sorted(found, key=lambda each: (each.created_at, each.name))


def choose_manifest(place: Place, name: str | None) -> Manifest:
    """A backup by its name or the beginning of that; the newest one without. Raises NotFound."""
    found = read_manifests(place)
    fitting = [each for each in found if name is None or each.name.startswith(name)]
    if not fitting:
        listed = ", ".join(each.name for each in found[-5:]) or "none that is whole"
        raise NotFound(
            f"There is no backup {name or ''} in {place.describe()}.".replace("  ", " "),
            remedy=f"There is: {listed}.",
        )
    return fitting[-1]


def write_list(path: Path, artifacts: Iterable[Artifact]) -> int:
    """Write the list of artifacts; how many."""
    count = 0
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=4) as file:
        for each in artifacts:
            line = [each.key, each.sha256, each.size_bytes, each.etag]
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return count


def read_list(place: Place, manifest: Manifest) -> Iterator[Artifact]:
    """The artifacts of a backup. Raises NotFound, InvalidInput when the list is not what was written."""
    name = manifest.path(LIST)
    data = place.get_bytes(name)
    if hashlib.sha256(data).hexdigest() != manifest.objects.sha256:
        raise damaged_part(name)
    for line in gzip.decompress(data).decode().splitlines():
        yield Artifact(*json.loads(line))


def damaged_part(name: str) -> InvalidInput:
    """The error for a file that is not what was written."""
    return InvalidInput(
        f"'{name}' is damaged: its SHA-256 is not that of the manifest.",
        remedy="Use another backup: 'clip-browser backup list' shows them.",
    )


def hash_stream(stream: BinaryIO) -> tuple[str, int]:
    """(SHA-256, bytes) of what is left of a stream."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(COPY_BYTES):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size
