"""What happened, as an observer notes it, and what the service holds at the end."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from tests.system.chaos.outbox import Entry, Version

Outcome = Literal["open", "saved", "dropped", "replaced", "same", "refused"]


@dataclass
class Attempt:
    """One client_id: a caption that somebody typed, and what became of it.

    bases: each (revision, text) that it was sent on top of; one, unless the outbox is wrong.
    revision: what it was confirmed as. After a conflict: dropped, replaced (sent again on top of
    the other one under another client_id), or same (the other one has the same text).
    """

    client_id: str
    image_id: int
    slot: int
    text: str | None
    author: str
    bases: list[Version] = field(default_factory=list)
    outcome: Outcome = "open"
    revision: int | None = None
    typed_s: float = 0.0
    settled_s: float | None = None
    sends: int = 0


@dataclass(frozen=True)
class Claim:
    """Seconds (since the epoch) between which somebody rightly believed to hold an image alone.

    asked_s: when the claim was asked for; it was granted between then and since_s.
    """

    image_id: int
    holder: str
    asked_s: float
    since_s: float
    until_s: float


@dataclass(frozen=True)
class Revision:
    """A row of `caption_revisions`. saved_s: when it was written, in seconds since the epoch."""

    image_id: int
    slot: int
    revision: int
    text: str | None
    author: str
    client_id: str
    saved_s: float = 0.0


@dataclass(frozen=True)
class Head:
    """The newest caption of a slot, as `captions` has it."""

    image_id: int
    slot: int
    revision: int
    text: str | None
    author: str | None


@dataclass(frozen=True)
class Holdings:
    """What the service holds when all is calm again.

    paths: image id to its path in index.csv. stored, served: the rows (path, caption) of index.csv
    in the artifact store and as the API gives it. index_lag_s: seconds from the last save until
    the stored file was right. stuck: claims that nobody will ever end, in words. captioned:
    the images that are marked so, and are never served to captioners.
    """

    revisions: list[Revision]
    heads: list[Head]
    paths: dict[int, str]
    stored: list[tuple[str, str]]
    served: list[tuple[str, str]]
    index_lag_s: float
    stuck: list[str] = field(default_factory=list)
    captioned: frozenset[int] = frozenset()


class History:
    """Notes of all tabs; thread-safe. It survives the crash of a tab, as an observer does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts: dict[str, Attempt] = {}
        self.claims: list[Claim] = []
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []
        self.told_by: Counter[str] = Counter()
        self.longest_outage_s = 0.0
        self.crashes = 0
        self.over_s = 0.0  # when people stopped typing
        self.is_calm = False

    @property
    def attempts(self) -> list[Attempt]:
        """All that was typed, in the order of typing."""
        with self._lock:
            return list(self._attempts.values())

    def typed(self, entry: Entry, author: str) -> None:
        """An entry is in somebody's outbox."""
        made = Attempt(entry.client_id, entry.image_id, entry.slot, entry.text, author)
        made.typed_s = time.time()
        with self._lock:
            self._attempts[entry.client_id] = made

    def sent(self, entry: Entry) -> None:
        """It was sent, perhaps not for the first time."""
        base = Version(entry.base_revision, entry.base_text)
        with self._lock:
            attempt = self._attempts[entry.client_id]
            attempt.sends += 1
            if base not in attempt.bases:
                attempt.bases.append(base)

    def settled(self, client_id: str, outcome: Outcome, revision: int | None, how: str) -> None:
        """It has left its outbox, or was refused for good. how: `answer`, `event` or a reason."""
        with self._lock:
            attempt = self._attempts[client_id]
            attempt.outcome, attempt.revision = outcome, revision
            attempt.settled_s = time.time()
            if outcome == "saved":
                self.told_by[how] += 1
            if outcome == "refused":
                self.faults.append(f"{client_id} was refused: {how}")

    def claimed(self, claim: Claim) -> None:
        """Somebody held an image."""
        with self._lock:
            self.claims.append(claim)

    def answered(self, what: str, status: int, body: str) -> None:
        """An answer came. A 500 is never right, a 503 not once every part is there again."""
        with self._lock:
            self.answers[str(status)] += 1
            if status == 500 or (status > 500 and self.is_calm):
                self.faults.append(f"{what} was answered with {status}: {body[:300]}")

    def unanswered(self, problem: Exception) -> None:
        """No answer came."""
        with self._lock:
            self.answers[type(problem).__name__] += 1

    def outage(self, seconds: float) -> None:
        """For so long a tab got no answer at all."""
        with self._lock:
            self.longest_outage_s = max(self.longest_outage_s, seconds)

    def crashed(self) -> None:
        """A tab has ended without notice."""
        with self._lock:
            self.crashes += 1
