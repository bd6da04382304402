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

from sqlalchemy import Connection, bindparam, or_, select
from sqlalchemy.orm import Session

from common.captions.heads import Head, group_by_image, heads_by_image
from common.db.clock import read_clock
from common.db.rows import run, update_rows
from common.db.tables import Caption, Dataset, Image
from common.errors import ClipBrowserError, Conflict, NotFound
from common.people.roles import no_dataset


class Claimer(NamedTuple):
    """Who claims: a person, the tab or token they hold it with, and for how many minutes."""

    name: str
    holder: str
    minutes: float


class NextImages(NamedTuple):
    """Somebody wants `at_most` other images of a dataset, the first ones or those behind `after`."""

    dataset_id: str
    claimer: Claimer
    after: int | None = None
    at_most: int = 1


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


Outcome = Claimed | list[Claimed] | ClipBrowserError

# Built once: to build them anew is a good part of the time that a claim takes.
_ROWS = select(*(getattr(Image, name) for name in ClaimedRow._fields)).order_by(Image.id)
_THESE = _ROWS.where(Image.id.in_(bindparam("ids", expanding=True))).with_for_update()
# PostgreSQL: what another transaction is at is passed over; SQLite has one writer at a time
_UNCAPTIONED = _ROWS.where(~Image.is_captioned).with_for_update(skip_locked=True)
# Of all datasets: with the dataset named, SQLite reads all that waits there to find what a few hold.
_HELD = _UNCAPTIONED.where(
    Image.claim_holder.in_(bindparam("holders", expanding=True)),
    Image.claim_holder.is_not(None),  # as the index says it
    Image.claim_until >= bindparam("moment"),
)
_HELD_SURELY = (
    _ROWS.add_columns(*(getattr(Caption, name) for name in Head._fields))
    .outerjoin(Caption, Caption.image_id == Image.id)
    .where(
        Image.id == bindparam("id"),
        Image.claimed_by == bindparam("name"),
        Image.claim_holder == bindparam("holder"),
        Image.claim_until >= bindparam("moment"),
    )
    .order_by(Caption.slot)
)
_FREE = _UNCAPTIONED.where(
    Image.dataset_id == bindparam("dataset_id"),
    or_(Image.claimed_by.is_(None), Image.claim_until < bindparam("moment")),
    Image.id > bindparam("behind"),
).limit(bindparam("count"))


def claim_next(session: Session, wishes: Sequence[NextImages]) -> list[list[Claimed] | NotFound]:
    """The next uncaptioned images that nobody else holds, for each, as many as there are.

    Without `after` what the claimer already holds comes first. With `after` the images behind it
    come first, then the free ones before it: what the claimer holds there may be on its way to be
    saved, and is not served twice. NotFound stands where there is no such dataset.
    """
    moment = read_clock(session)
    by_dataset: dict[str, list[int]] = defaultdict(list)
    for at, wish in enumerate(wishes):
        by_dataset[wish.dataset_id].append(at)
    given: dict[int, list[ClaimedRow]] = {}
    gone: dict[int, NotFound] = {}
    for dataset_id, places in sorted(by_dataset.items()):
        serving = _Serving(session, dataset_id, moment, [wishes[at] for at in places])
        # ascending, so that what is free is read once from the front to the back
        for at in sorted(places, key=lambda place: wishes[place].after or 0):
            given[at] = serving.serve(wishes[at])
        serving.restart()
        for at in places:
            given[at] += serving.serve_from_start(wishes[at], len(given[at]))
        if not all(given[at] for at in places) and session.get(Dataset, dataset_id) is None:
            gone |= {at: no_dataset(dataset_id) for at in places if not given[at]}
    rows = [row for own in given.values() for row in own]
    _write(session, rows)
    shown = _with_heads(session, rows)
    return [gone.get(at) or [shown[row.id] for row in given[at]] for at in range(len(wishes))]


def claim_these(session: Session, wishes: Sequence[ThisImage]) -> list[Claimed | ClipBrowserError]:
    """Each image, captioned or not, also from another tab of the same person.

    NotFound or Conflict (says who holds it) stands where it could not be given.
    """
    moment = read_clock(session)
    ids = sorted({wish.image_id for wish in wishes})
    rows = _rows(run(session, _THESE, {"ids": ids}))
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


def held_claim(connection: Connection, wish: ThisImage) -> Claimed | None:
    """The image, if exactly this tab holds it and at least half of its time is left.

    Then there is nothing to write: a tab that renews every minute writes once in three minutes.
    """
    found = connection.execute(
        _HELD_SURELY,
        {
            "id": wish.image_id,
            "name": wish.claimer.name,
            "holder": wish.claimer.holder,
            "moment": read_clock(connection) + timedelta(minutes=wish.claimer.minutes / 2),
        },
    ).all()
    if not found:
        return None
    width = len(ClaimedRow._fields)
    heads = (Head(*row[width:]) for row in found if row[width] is not None)
    own = group_by_image([wish.image_id], heads)[wish.image_id]
    return Claimed(ClaimedRow(*found[0][:width]), own)


def latest_end(connection: Connection, minutes: float) -> datetime:
    """When a claim of so many minutes that has been made before now ends at the latest."""
    return read_clock(connection) + timedelta(minutes=minutes)


def give_back(session: Session, claims: Sequence[GiveBack]) -> None:
    """Free images; a claim that this tab or token does not hold, or a newer one of it, stays."""
    ids = sorted({claim.image_id for claim in claims})
    rows = _rows(run(session, _THESE, {"ids": ids}))
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
    run(session, _THESE, {"ids": sorted(set(image_ids))}).all()


class _Serving:
    """Gives images of one dataset to several claimers, each image to one of them."""

    def __init__(
        self, session: Session, dataset_id: str, moment: datetime, wishes: Sequence[NextImages]
    ) -> None:
        self._session, self._moment = session, moment
        self._of_dataset = {"dataset_id": dataset_id, "moment": moment}
        self._count = sum(wish.at_most for wish in wishes)
        holders = sorted({wish.claimer.holder for wish in wishes})
        held = run(session, _HELD, {"moment": moment, "holders": holders})
        self._mine: dict[tuple[str | None, str | None], dict[int, ClaimedRow]] = defaultdict(dict)
        for row in _rows(held).values():
            if row.dataset_id == dataset_id:
                self._mine[row.claimed_by, row.claim_holder][row.id] = row
        self._given: set[int] = set()
        self.restart()

    def serve(self, wish: NextImages) -> list[ClaimedRow]:
        """The images for one; those with a smaller `after` must have come before."""
        served: list[ClaimedRow] = []
        last = wish.after or 0  # of what was given, which is not given twice
        while len(served) < wish.at_most:
            own = self._first_own(wish.claimer, last)
            if own is None or wish.after is not None:
                free = self._next_free(0 if wish.after is None else last)
                found = min((row for row in (own, free) if row), key=_id, default=None)
            else:
                found = own
            if found is None:
                break
            last = max(last, found.id)
            served.append(self._give(found, wish.claimer))
        return served

    def restart(self) -> None:
        """What is free is read from the front again."""
        self._waiting: deque[ClaimedRow] = deque()
        self._read_to, self._is_exhausted = 0, False

    def serve_from_start(self, wish: NextImages, has: int) -> list[ClaimedRow]:
        """The first images that are free, for one who has found too few behind `after`."""
        served: list[ClaimedRow] = []
        while wish.after is not None and has + len(served) < wish.at_most:
            found = self._next_free(0)
            if found is None:
                break
            served.append(self._give(found, wish.claimer))
        return served

    def _first_own(self, claimer: Claimer, behind: int) -> ClaimedRow | None:
        own = self._mine[claimer.name, claimer.holder].values()
        return min((row for row in own if row.id > behind), key=_id, default=None)

    def _give(self, row: ClaimedRow, claimer: Claimer) -> ClaimedRow:
        self._given.add(row.id)
        given = _given(row, claimer, self._moment)
        self._mine[claimer.name, claimer.holder][row.id] = given
        return given

    def _next_free(self, behind: int) -> ClaimedRow | None:
        """The first free one behind an id."""
        while True:
            waiting = self._waiting
            while waiting and (waiting[0].id <= behind or waiting[0].id in self._given):
                waiting.popleft()
            if waiting or self._is_exhausted:
                return waiting[0] if waiting else None
            at = {"behind": max(behind, self._read_to), "count": self._count}
            found = _rows(run(self._session, _FREE, {**self._of_dataset, **at}))
            self._waiting.extend(found.values())
            self._is_exhausted = len(found) < self._count
            self._read_to = max(found, default=behind)


def _id(row: ClaimedRow) -> int:
    return row.id


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


def _held_by_another(row: ClaimedRow) -> Conflict:
    return Conflict(
        f"{row.claimed_by} is captioning image {row.id}.",
        remedy="Take another image, or try again when the claim has run out.",
        details={"claimed_by": row.claimed_by, "lease_expires_at": str(row.claim_until)},
    )
