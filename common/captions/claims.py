"""Claims: each captioner is served another uncaptioned image. A claim runs out.

A claim is held by one tab (or token) of a person, so that two tabs of one person, too, are served
different images. Claims come in groups, as saves do: all who want another image of a dataset share
one look at what is free and one UPDATE. Whoever calls has a transaction that writes; the database
decides who has what, also between several workers and API processes.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from common.captions.heads import Head, heads_by_image
from common.db.rows import update_rows
from common.db.tables import Dataset, Image, now
from common.errors import ClipBrowserError, Conflict, NotFound


class Claimer(NamedTuple):
    """Who claims: a person, the tab or token they hold it with, and for how many minutes."""

    name: str
    holder: str
    minutes: float


class NextImage(NamedTuple):
    """Somebody wants another image of a dataset, the first one or one behind `after`."""

    dataset_id: str
    claimer: Claimer
    after: int | None = None


class ThisImage(NamedTuple):
    """Somebody wants this image, or wants to keep it."""

    image_id: int
    claimer: Claimer


class GiveBack(NamedTuple):
    """Somebody gives up a claim, one that runs out at `until` at the latest: no newer one."""

    image_id: int
    name: str
    holder: str
    until: datetime


class ClaimedRow(NamedTuple):
    """What an answer shows of an image that is held."""

    id: int
    dataset_id: str
    sha256: str
    ext: str
    filename: str
    width: int
    height: int
    size_bytes: int
    created_at: datetime
    flagged_by: str | None
    flagged_at: datetime | None
    flag_note: str
    reviewed_by: str | None
    reviewed_at: datetime | None
    tag: str | None
    claimed_by: str | None
    claim_holder: str | None
    claim_until: datetime | None


class Claimed(NamedTuple):
    """An image that is held now, with its captions by slot."""

    image: ClaimedRow
    heads: list[Head]


Outcome = Claimed | ClipBrowserError | None

# Built once: to build them anew is a good part of the time that a claim takes.
_ROWS = select(*(getattr(Image, name) for name in ClaimedRow._fields)).order_by(Image.id)
_THESE = _ROWS.where(Image.id.in_(bindparam("ids", expanding=True)))
_THESE_LOCKED = _THESE.with_for_update()
_UNCAPTIONED = (
    _ROWS.where(Image.dataset_id == bindparam("dataset_id"), ~Image.is_captioned)
    # PostgreSQL: what another transaction is at is passed over; SQLite has one writer at a time
    .with_for_update(skip_locked=True)
)
_HELD = _UNCAPTIONED.where(
    Image.claim_holder.in_(bindparam("holders", expanding=True)),
    Image.claim_holder.is_not(None),  # as the index says it
    Image.claim_until >= bindparam("moment"),
)
_FREE = _UNCAPTIONED.where(
    or_(Image.claimed_by.is_(None), Image.claim_until < bindparam("moment")),
    Image.id > bindparam("behind"),
).limit(bindparam("count"))


def claim_next(session: Session, wishes: Sequence[NextImage]) -> list[Outcome]:
    """The next uncaptioned image that nobody else holds, for each; None when there is none.

    Without `after` an image that the claimer already holds comes first. With `after` the images
    behind it come first, then the free ones before it: what the claimer holds there may be on its
    way to be saved, and is not served twice. NotFound stands where there is no such dataset.
    """
    moment = now()
    by_dataset: dict[str, list[int]] = defaultdict(list)
    for at, wish in enumerate(wishes):
        by_dataset[wish.dataset_id].append(at)
    served: dict[int, ClaimedRow | NotFound] = {}
    for dataset_id, places in sorted(by_dataset.items()):
        queue = _Serving(session, dataset_id, moment, [wishes[at].claimer for at in places])
        # ascending, so that what is free is read once from the front to the back
        for at in sorted(places, key=lambda place: wishes[place].after or 0):
            row = queue.serve(wishes[at])
            if row is not None:
                served[at] = row
        for at in [at for at in places if at not in served and wishes[at].after is not None]:
            row = queue.serve_from_start(wishes[at].claimer)
            if row is not None:
                served[at] = row
        if any(at not in served for at in places) and session.get(Dataset, dataset_id) is None:
            served |= {at: _no_dataset(dataset_id) for at in places if at not in served}
    rows = [row for row in served.values() if isinstance(row, ClaimedRow)]
    _write(session, rows)
    shown = _with_heads(session, rows)
    outcomes = [served.get(at) for at in range(len(wishes))]
    return [shown[row.id] if isinstance(row, ClaimedRow) else row for row in outcomes]


def claim_these(session: Session, wishes: Sequence[ThisImage]) -> list[Outcome]:
    """Each image, captioned or not, also from another tab of the same person.

    NotFound or Conflict (says who holds it) stands where it could not be given.
    """
    moment = now()
    ids = sorted({wish.image_id for wish in wishes})
    rows = _rows(session.execute(_THESE_LOCKED, {"ids": ids}))
    answers: list[ClaimedRow | ClipBrowserError] = []
    changed: dict[int, ClaimedRow] = {}
    for wish in wishes:
        row = rows.get(wish.image_id)
        if row is None:
            answers.append(_no_image(wish.image_id))
        elif _is_free(row, moment) or row.claimed_by == wish.claimer.name:
            rows[row.id] = changed[row.id] = _given(row, wish.claimer, moment)
            answers.append(rows[row.id])
        else:
            answers.append(_held_by_another(row))
    _write(session, changed.values())
    shown = _with_heads(session, changed.values())
    return [shown[row.id] if isinstance(row, ClaimedRow) else row for row in answers]


def held_claim(session: Session, wish: ThisImage) -> Claimed | None:
    """The image, if exactly this tab holds it and at least half of its time is left.

    Then there is nothing to write: a tab that renews every minute writes once in three minutes.
    """
    row = _rows(session.execute(_THESE, {"ids": [wish.image_id]})).get(wish.image_id)
    mine = (wish.claimer.name, wish.claimer.holder)
    if row is None or row.claim_until is None or (row.claimed_by, row.claim_holder) != mine:
        return None
    if row.claim_until - now() < timedelta(minutes=wish.claimer.minutes / 2):
        return None
    return _with_heads(session, [row])[row.id]


def give_back(session: Session, claims: Sequence[GiveBack]) -> None:
    """Free images; a claim that this tab or token does not hold, or a newer one of it, stays."""
    ids = sorted({claim.image_id for claim in claims})
    rows = _rows(session.execute(_THESE_LOCKED, {"ids": ids}))
    free = []
    for claim in claims:
        row = rows.get(claim.image_id)
        if row is None or (row.claimed_by, row.claim_holder) != (claim.name, claim.holder):
            continue
        if row.claim_until is not None and row.claim_until <= claim.until:
            free.append(row._replace(claimed_by=None, claim_holder=None, claim_until=None))
    _write(session, free)


def lock_images(session: Session, image_ids: Sequence[int]) -> None:
    """Hold these images until the transaction ends (PostgreSQL), taken in the order of their ids."""
    session.execute(_THESE_LOCKED, {"ids": sorted(set(image_ids))}).all()


class _Serving:
    """Gives images of one dataset to several claimers, each image to one of them."""

    def __init__(
        self, session: Session, dataset_id: str, moment: datetime, claimers: Sequence[Claimer]
    ) -> None:
        self._session, self._moment = session, moment
        self._of_dataset = {"dataset_id": dataset_id, "moment": moment}
        self._count = len(claimers)
        holders = sorted({claimer.holder for claimer in claimers})
        held = session.execute(_HELD, {**self._of_dataset, "holders": holders})
        self._mine: dict[tuple[str | None, str | None], dict[int, ClaimedRow]] = defaultdict(dict)
        for row in _rows(held).values():
            self._mine[row.claimed_by, row.claim_holder][row.id] = row
        self._given: set[int] = set()
        self._restart()

    def serve(self, wish: NextImage) -> ClaimedRow | None:
        """The image for one; those with a smaller `after` must have come before."""
        behind = wish.after or 0
        mine = self._mine[wish.claimer.name, wish.claimer.holder]
        found = next((row for id, row in sorted(mine.items()) if id > behind), None)
        if found is None or wish.after is not None:
            free = self._next_free(behind)
            if free is not None and (found is None or free.id < found.id):
                found = free
        return found and self._give(found, wish.claimer)

    def serve_from_start(self, claimer: Claimer) -> ClaimedRow | None:
        """The first image that is free, for one who has found none behind `after`."""
        self._restart()
        found = self._next_free(0)
        return found and self._give(found, claimer)

    def _give(self, row: ClaimedRow, claimer: Claimer) -> ClaimedRow:
        self._given.add(row.id)
        given = _given(row, claimer, self._moment)
        self._mine[claimer.name, claimer.holder][row.id] = given
        return given

    def _restart(self) -> None:
        self._waiting: deque[ClaimedRow] = deque()
        self._read_to, self._is_exhausted = 0, False

    def _next_free(self, behind: int) -> ClaimedRow | None:
        """The first free one behind an id, which never becomes smaller but by `_restart`."""
        while True:
            waiting = self._waiting
            while waiting and (waiting[0].id <= behind or waiting[0].id in self._given):
                waiting.popleft()
            if waiting or self._is_exhausted:
                return waiting[0] if waiting else None
            at = {"behind": max(behind, self._read_to), "count": self._count}
            found = _rows(self._session.execute(_FREE, {**self._of_dataset, **at}))
            self._waiting.extend(found.values())
            self._is_exhausted = len(found) < self._count
            self._read_to = max(found, default=behind)


def _rows(found: Any) -> dict[int, ClaimedRow]:
    return {row.id: ClaimedRow(*row) for row in found}


def _is_free(row: ClaimedRow, moment: datetime) -> bool:
    return row.claimed_by is None or row.claim_until is None or row.claim_until < moment


def _given(row: ClaimedRow, claimer: Claimer, moment: datetime) -> ClaimedRow:
    until = moment + timedelta(minutes=claimer.minutes)
    return row._replace(claimed_by=claimer.name, claim_holder=claimer.holder, claim_until=until)


def _write(session: Session, rows: Iterable[ClaimedRow]) -> None:
    """Write who holds these images."""
    changes: dict[int, dict[str, Any]] = {
        row.id: {
            "id": row.id,
            "claimed_by": row.claimed_by,
            "claim_holder": row.claim_holder,
            "claim_until": row.claim_until,
        }
        for row in rows
    }
    update_rows(session, Image, list(changes.values()))


def _with_heads(session: Session, rows: Iterable[ClaimedRow]) -> dict[int, Claimed]:
    by_id = {row.id: row for row in rows}
    if not by_id:
        return {}
    heads = heads_by_image(session, sorted(by_id))
    return {id: Claimed(row, heads[id]) for id, row in by_id.items()}


def _no_image(image_id: int) -> NotFound:
    return NotFound(f"There is no image {image_id}.", remedy="It may have been deleted.")


def _no_dataset(dataset_id: str) -> NotFound:
    return NotFound(
        f"There is no dataset '{dataset_id[:80]}'.", remedy="Look at the list of datasets."
    )


def _held_by_another(row: ClaimedRow) -> Conflict:
    return Conflict(
        f"{row.claimed_by} is captioning image {row.id}.",
        remedy="Take another image, or try again when the claim has run out.",
        details={"claimed_by": row.claimed_by, "lease_expires_at": str(row.claim_until)},
    )
