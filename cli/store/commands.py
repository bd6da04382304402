"""`clip-browser store copy FROM TO`: all artifacts of one store into another.

Works on the stores themselves, whether the service runs or not, and needs no sign-in: who has the keys may do it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from cli.terminal import open_console
from common.errors import InvalidInput
from common.settings import load_settings
from common.store import ArtifactStore, open_store
from common.store.moves import Journal, Move, Moved, Step

Parsers = Any  # argparse's subparsers action has no public type
CURRENT = "current"
JOURNALS = Path(".local/state/clip-browser/copies")
MAX_SHOWN = 20


def add_store_parser(parsers: Parsers) -> None:
    """Add `store` and what can be done."""
    store = parsers.add_parser("store", help="copy the artifact store to another place")
    actions = store.add_subparsers(dest="action", metavar="ACTION", required=True)
    copy = actions.add_parser(
        "copy", allow_abbrev=False, help="copy all artifacts, each verified by its hash",
        description="Copies what TO lacks or has otherwise, reads each artifact back and compares its SHA-256. What only TO "
        "has is listed and left alone. Run it again when it was broken off, or after the service was stopped: it goes on, and "
        "reads only what has changed since. Exit code 0: TO has all that FROM has.",
        epilog=f"FROM and TO: file:///folder, s3://key:secret@host:port/bucket?secure=0, '{CURRENT}' for the store that "
        "the settings name (CLIP_BROWSER_STORE_URL), or @FILE for a file with the URL in it, which other people of the "
        "machine do not see in the list of processes.",
    )  # fmt: skip
    copy.add_argument("source", metavar="FROM")
    copy.add_argument("target", metavar="TO")
    copy.add_argument("--compare", action="store_true", help="write nothing, say what differs")
    copy.add_argument(
        "--journal", type=Path, metavar="FILE", help="where it notes what was verified (default ~/.local/state/clip-browser)"
    )  # fmt: skip
    copy.add_argument("--json", action="store_true", help="print JSON")
    copy.set_defaults(run=copy_store)


def copy_store(words: argparse.Namespace) -> int:
    """Copy, or compare. 0: the target has all; 1: it has not. Raises InvalidInput, StoreUnavailable, DiskFull."""
    source, target = open_named(words.source), open_named(words.target)
    if source.describe() == target.describe():
        raise InvalidInput(
            f"FROM and TO are the same: {source.describe()}.", remedy="Name two stores."
        )
    journal = Journal(words.journal or Path.home() / JOURNALS / _name_of(source, target))
    err = open_console(stderr=True)
    try:
        with _bar(err, source) as bar:
            moved = Move(source, target, journal, words.compare).run(bar)
    finally:
        journal.close()
    _answer(moved, source, target, as_json=words.json)
    return 0 if moved.is_whole else 1


def open_named(name: str) -> ArtifactStore:
    """The store of a URL, of a file with one in it, or of the settings. Raises InvalidInput."""
    if name == CURRENT:
        return open_store(load_settings().store)
    if not name.startswith("@"):
        return open_store(name)
    try:
        return open_store(Path(name[1:]).read_text("utf-8").strip())
    except OSError as problem:
        raise InvalidInput(
            f"'{name[1:]}' cannot be read: {problem.strerror}",
            remedy="Write the store's URL into it.",
        ) from problem


def _name_of(source: ArtifactStore, target: ArtifactStore) -> str:
    """Of the journal of these two."""
    both = f"{source.describe()}\n{target.describe()}"
    return f"{hashlib.sha256(both.encode()).hexdigest()[:16]}.jsonl"


@contextmanager
def _bar(err: Console, source: ArtifactStore) -> Iterator[Callable[[Step], None]]:
    """A bar over the bytes of a store; call what it gives with each step."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(),
        TransferSpeedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    total = sum(item.size_bytes for item in source.list()) if err.is_terminal else None
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task("copying", total=total)
        yield lambda step: bar.update(task, advance=step.size_bytes)


def _answer(moved: Moved, source: ArtifactStore, target: ArtifactStore, *, as_json: bool) -> None:
    if as_json:
        noted = [{"key": s.key, "outcome": s.outcome, "reason": s.reason} for s in moved.noted]
        told = {
            "from": source.describe(), "to": target.describe(), "is_whole": moved.is_whole,
            "counts": moved.counts, "bytes": moved.sizes_bytes, "noted": noted,
            "only_in_target": moved.only_in_target,
        }  # fmt: skip
        print(json.dumps(told, ensure_ascii=False, indent=2), flush=True)
        return
    out = open_console()
    for outcome, count in moved.counts.items():
        out.print(f"{outcome:9} {count:>10,}  {moved.sizes_bytes[outcome] / 1e6:>14,.1f} MB")
    _show(out, [f"{s.outcome}: {s.key} {s.reason}".rstrip() for s in moved.noted])
    _show(out, [f"only in {target.describe()}: {key}" for key in moved.only_in_target])
    whole = "has all that" if moved.is_whole else "does NOT have all that"
    out.print(f"{target.describe()} {whole} {source.describe()} has.", soft_wrap=True)


def _show(out: Console, lines: list[str]) -> None:
    for line in lines[:MAX_SHOWN]:
        out.print(line, soft_wrap=True)
    if len(lines) > MAX_SHOWN:
        out.print(f"and {len(lines) - MAX_SHOWN:,} more (--json lists them)")
