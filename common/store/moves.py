"""A whole store into another one: artifact by artifact, verified, and taken up again where it was broken off.

What was verified is noted in a file: an artifact that has changed on neither side since is not read again.
Without that file all is compared by content, so that a move begun on another machine goes on as well.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from common.errors import ArtifactDamaged, InvalidInput, NotFound
from common.store.interface import ArtifactStat, ArtifactStore
from common.store.transfer import Copied, copy_object, read_through

Outcome = Literal["copied", "replaced", "same", "missing", "differs", "gone", "failed"]
AT_ONCE = 8
AHEAD = 4 * AT_ONCE  # artifacts that wait for a thread: a store's list is not held in memory


@dataclass(frozen=True)
class Step:
    """What became of one artifact. `missing` and `differs` are what a comparison alone says."""

    key: str
    outcome: Outcome
    size_bytes: int
    reason: str = ""


@dataclass
class Moved:
    """What became of all: how many artifacts and bytes by outcome, and the keys that somebody should look at."""

    counts: dict[Outcome, int] = field(default_factory=dict)
    sizes_bytes: dict[Outcome, int] = field(default_factory=dict)
    noted: list[Step] = field(default_factory=list)
    only_in_target: list[str] = field(default_factory=list)

    def add(self, step: Step) -> None:
        """Count one."""
        self.counts[step.outcome] = self.counts.get(step.outcome, 0) + 1
        self.sizes_bytes[step.outcome] = self.sizes_bytes.get(step.outcome, 0) + step.size_bytes
        if step.outcome not in ("copied", "same"):
            self.noted.append(step)

    @property
    def is_whole(self) -> bool:
        """Whether the target now has, and was seen to have, all that the source has."""
        return not any(self.counts.get(bad) for bad in _BAD)


_BAD: tuple[Outcome, ...] = ("missing", "differs", "failed")


class Journal:
    """The file of what was verified: a line each, `{key, source, target}` with the etags of both sides."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = dict(_read(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writing = threading.Lock()
        self._file = path.open("a", encoding="utf-8")

    def holds(self, source: ArtifactStat, target: ArtifactStat) -> bool:
        """Whether just these two were seen to be the same."""
        return self._known.get(source.key) == (source.etag, target.etag)

    def note(self, source: ArtifactStat, target: ArtifactStat) -> None:
        """They are the same. Written at once: a run that is killed loses nothing of it."""
        line = {"key": source.key, "source": source.etag, "target": target.etag}
        with self._writing:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self) -> None:
        """At the end."""
        self._file.close()


def _read(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """The last line may be half of one."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                noted = json.loads(line)
                yield noted["key"], (noted["source"], noted["target"])
            except (ValueError, KeyError, TypeError):
                continue


@dataclass(frozen=True)
class Move:
    """From one store to another. only_compare: nothing is written."""

    source: ArtifactStore
    target: ArtifactStore
    journal: Journal
    only_compare: bool = False

    def run(self, tell: Callable[[Step], None]) -> Moved:
        """Do it; tell hears of each artifact, in the order of the keys. Raises StoreUnavailable when a store goes away."""
        moved = Moved()
        waiting: deque[Future[Step]] = deque()
        with ThreadPoolExecutor(AT_ONCE, "move") as pool:
            try:
                for item, there in self._pairs(moved):
                    waiting.append(pool.submit(self._take, item, there))
                    if len(waiting) >= AHEAD:
                        self._finish(waiting.popleft(), moved, tell)
                while waiting:
                    self._finish(waiting.popleft(), moved, tell)
            finally:
                for left in waiting:
                    left.cancel()
        return moved

    def _finish(self, begun: Future[Step], moved: Moved, tell: Callable[[Step], None]) -> None:
        step = begun.result()
        moved.add(step)
        tell(step)

    def _pairs(self, moved: Moved) -> Iterator[tuple[ArtifactStat, ArtifactStat | None]]:
        """Each artifact of the source with what the target has under its key; both lists are sorted alike."""
        others = self.target.list()
        other = next(others, None)
        for item in self.source.list():
            while other is not None and other.key.encode() < item.key.encode():
                moved.only_in_target.append(other.key)
                other = next(others, None)
            if other is not None and other.key == item.key:
                yield item, other
                other = next(others, None)
            else:
                yield item, None
        while other is not None:
            moved.only_in_target.append(other.key)
            other = next(others, None)

    def _take(self, item: ArtifactStat, there: ArtifactStat | None) -> Step:
        """Raises StoreUnavailable and DiskFull, which end the whole."""
        try:
            return Step(item.key, self._outcome(item, there), item.size_bytes)
        except NotFound:
            return Step(item.key, "gone", item.size_bytes, "deleted meanwhile")
        except (ArtifactDamaged, InvalidInput) as problem:
            return Step(item.key, "failed", item.size_bytes, problem.message)

    def _outcome(self, item: ArtifactStat, there: ArtifactStat | None) -> Outcome:
        if there is not None and self.journal.holds(item, there):
            return "same"
        if there is not None and there.size_bytes == item.size_bytes and self._are_same(item):
            self.journal.note(item, there)
            return "same"
        if self.only_compare:
            return "missing" if there is None else "differs"
        copy_object(self.source, self.target, item.key)
        self.journal.note(item, self.target.stat(item.key))
        return "copied" if there is None else "replaced"

    def _are_same(self, item: ArtifactStat) -> bool:
        here: Copied = read_through(self.source, item.key)
        return here == read_through(self.target, item.key)
