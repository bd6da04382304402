"""The outbox of a browser tab: the same rules as `web/src/state/captions/outbox.ts`. Pure.

An entry stays until its revision is confirmed. A later entry of the same caption waits for the
earlier one; if it was typed on top of that, it then builds on its revision. None is sent behind a
conflict.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple


class Version(NamedTuple):
    """A revision of one caption, and its text (None: there is none)."""

    revision: int
    text: str | None


@dataclass(frozen=True)
class Entry:
    """A caption that was typed on top of a version.

    after: the entry it was typed on top of, whose revision will be the base. current: what met it,
    in a conflict.
    """

    client_id: str
    image_id: int
    slot: int
    text: str | None
    base_revision: int
    base_text: str | None
    after: str | None = None
    attempts: int = 0
    current: Version | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Which caption it is: (image, slot)."""
        return self.image_id, self.slot


def sendable(entries: Sequence[Entry]) -> list[Entry]:
    """Of each caption the oldest entry, unless that is in conflict."""
    first: dict[tuple[int, int], Entry] = {}
    for entry in entries:
        first.setdefault(entry.place, entry)
    return [entry for entry in first.values() if entry.current is None]


def after_saved(entries: Sequence[Entry], client_id: str, revision: int) -> list[Entry]:
    """Without the saved one; what was typed on top of it builds on its revision."""
    saved = next((entry for entry in entries if entry.client_id == client_id), None)
    if saved is None:
        return list(entries)
    return [
        replace(entry, base_revision=revision, base_text=saved.text, after=None)
        if entry.after == client_id
        else entry
        for entry in entries
        if entry.client_id != client_id
    ]


def after_conflict(entries: Sequence[Entry], client_id: str, current: Version) -> list[Entry]:
    """The entry waits for the person's decision."""
    return [
        replace(entry, current=current) if entry.client_id == client_id else entry
        for entry in entries
    ]


def without(entries: Sequence[Entry], client_id: str) -> list[Entry]:
    """The person takes the other caption, or the server refused this one for good."""
    return [entry for entry in entries if entry.client_id != client_id]


def on_top(entries: Sequence[Entry], client_id: str, new_client_id: str) -> list[Entry]:
    """The person keeps their own: it is sent again on top of the other one, as another save."""
    return [_again(entry, client_id, new_client_id) for entry in entries]


def _again(entry: Entry, client_id: str, new_client_id: str) -> Entry:
    if entry.after == client_id:
        return replace(entry, after=new_client_id)
    if entry.client_id != client_id or entry.current is None:
        return entry
    base = replace(entry, base_revision=entry.current.revision, base_text=entry.current.text)
    return replace(base, client_id=new_client_id, after=None, attempts=0, current=None)


def counted(entries: Sequence[Entry], client_id: str) -> list[Entry]:
    """The entry was tried once more."""
    return [
        replace(entry, attempts=entry.attempts + 1) if entry.client_id == client_id else entry
        for entry in entries
    ]


def retry_delay_s(attempts: int) -> float:
    """Seconds until the next try: a tenth of the browser's, 0.1 s, 0.2 s ... at most 3 s."""
    return float(min(3.0, 0.1 * 2 ** max(0, attempts - 1)))


def load_entries(path: Path) -> list[Entry]:
    """What a tab finds when it is opened again, oldest first."""
    if not path.exists():
        return []
    entries = [Entry(**stored) for stored in json.loads(path.read_text("utf-8"))]
    return [
        replace(entry, current=Version(*entry.current)) if entry.current else entry
        for entry in entries
    ]


def store_entries(path: Path, entries: Sequence[Entry]) -> None:
    """Whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps([asdict(entry) for entry in entries]), "utf-8")
    os.replace(fresh, path)
