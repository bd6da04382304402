"""Reading a place of backups once over: is everything there, and as it was written?"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from zipfile import BadZipFile

from common.backup.artifacts import in_parallel
from common.backup.making import Report, quiet
from common.backup.manifest import (
    LIST,
    Manifest,
    hash_stream,
    object_name,
    read_list,
    read_manifests,
    table_part,
)
from common.backup.places import Place
from common.errors import ClipBrowserError, NotFound


@dataclass
class Verdict:
    """What was looked at. names: of the backups. wrong: {file: what is wrong with it}."""

    names: list[str] = field(default_factory=list)
    objects: int = 0
    size_bytes: int = 0
    wrong: dict[str, str] = field(default_factory=dict)


def verify(place: Place, report: Report = quiet) -> Verdict:
    """Read every file of all backups of a place and compare it with its SHA-256. Raises NotFound when there is none."""
    verdict = Verdict()
    manifests = read_manifests(place)
    if not manifests:
        raise NotFound(f"There is no whole backup in {place.describe()}.")
    wanted: dict[str, int] = {}
    for manifest in manifests:
        verdict.names.append(manifest.name)
        for name, sha256 in _parts(manifest):
            _compare(place, verdict, name, sha256)
        try:
            wanted.update((each.sha256, each.size_bytes) for each in read_list(place, manifest))
        except ClipBrowserError as problem:
            verdict.wrong[manifest.path(LIST)] = problem.message
    for done, (sha256, found) in enumerate(
        in_parallel(lambda sha256: (sha256, _hash(place, object_name(sha256))), sorted(wanted)), 1
    ):
        report("files", done, len(wanted))
        verdict.objects += 1
        verdict.size_bytes += wanted[sha256]
        _judge(verdict, object_name(sha256), sha256, found)
    return verdict


def _parts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for name, part in manifest.tables.items():
        yield manifest.path(table_part(name)), part.sha256
    yield manifest.path(LIST), manifest.objects.sha256


def _compare(place: Place, verdict: Verdict, name: str, sha256: str) -> None:
    _judge(verdict, name, sha256, _hash(place, name))


def _judge(verdict: Verdict, name: str, wanted: str, found: str | None) -> None:
    if found is None:
        verdict.wrong[name] = "is missing"
    elif found != wanted:
        verdict.wrong[name] = "is damaged"


def _hash(place: Place, name: str) -> str | None:
    """The SHA-256 of a file; None when it is not there. One that cannot be read is not what was written."""
    try:
        with place.open(name) as stream:
            return hash_stream(stream)[0]
    except NotFound:
        return None
    except (zlib.error, EOFError, BadZipFile):
        return "cannot be read"
