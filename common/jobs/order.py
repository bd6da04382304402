"""In which order the waiting jobs of a queue begin. Pure: workers, the dashboard and the forecast use it.

1. Priority: 0 goes first, 9 last.
2. What an administrator put in a place, and what was interrupted in the middle, stands there.
3. Fair between people: the next goes to the person with the fewest jobs under way. Of several, to the
   one who has waited longest: since the job was queued or, if later, since that person's last one
   ended. So each person's next job begins before anyone's second, and people take turns.
4. A person's own jobs begin in the order in which they were queued.

A job that waits for another one stands behind it; one that waits for a stopped job stands last.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

Stamp = tuple[int, float]
Rank = tuple[int, Stamp, datetime, str]


@dataclass(frozen=True)
class WaitingJob:
    """A queued job. place: below 0 ahead of those in turn, above 0 behind them, None in turn.

    after: the job that must succeed first, None when it waits for none. stalled: that job was stopped.
    pausing: something did not answer, and it is tried again in a while.
    """

    id: str
    kind: str
    person: str
    priority: int
    queued_at: datetime
    place: float | None = None
    after: str | None = None
    stalled: bool = False
    pausing: bool = False

    @property
    def may_begin(self) -> bool:
        """Whether a worker may take it now."""
        return self.after is None and not self.pausing


@dataclass(frozen=True)
class RunningJob:
    """A job under way."""

    id: str
    person: str
    started_at: datetime
    kind: str = ""


@dataclass(frozen=True)
class UnderWay:
    """How many jobs of a person run, and when the last of them began."""

    count: int
    began_at: datetime


def gather(running: Iterable[RunningJob]) -> dict[str, UnderWay]:
    """Of each person what is under way."""
    found: dict[str, UnderWay] = {}
    for job in running:
        before = found.get(job.person, UnderWay(0, job.started_at))
        found[job.person] = UnderWay(before.count + 1, max(before.began_at, job.started_at))
    return found


@dataclass(frozen=True)
class Level:
    """The waiting jobs of one priority. What is only iterated over may be read while it is needed.

    ahead, behind: those with a place, in its order. lines: of each person the others, the first one
    first. last_ends: when the last job of each person ended.
    """

    ahead: Iterable[WaitingJob]
    lines: Mapping[str, Iterator[WaitingJob]]
    behind: Iterable[WaitingJob]
    last_ends: Mapping[str, datetime]


def order_jobs(
    waiting: Sequence[WaitingJob],
    running: Sequence[RunningJob] = (),
    last_ends: Mapping[str, datetime] | None = None,
) -> list[WaitingJob]:
    """The waiting jobs in the order in which they will begin.

    last_ends: when the last job of each person ended.
    """
    by_priority: dict[int, list[WaitingJob]] = {}
    for job in waiting:
        by_priority.setdefault(job.priority, []).append(job)
    levels = (_level(jobs, last_ends or {}) for _, jobs in sorted(by_priority.items()))
    return _behind_others(list(in_turn(levels, gather(running))))


def in_turn(levels: Iterable[Level], under_way: Mapping[str, UnderWay]) -> Iterator[WaitingJob]:
    """The waiting jobs as their turns come, whether they may begin or wait for another one.

    levels: the first priority first. Those that may begin come in the order of `order_jobs`, which puts
    only the others further behind; so the first of them is the next to begin.
    """
    turns = _Turns(under_way)
    for level in levels:
        yield from map(turns.note, level.ahead)
        yield from _take_turns(level, turns)
        yield from map(turns.note, level.behind)


class _Turns:
    """Who has how many jobs under way, and whose turn it is."""

    def __init__(self, under_way: Mapping[str, UnderWay]) -> None:
        self._count = Counter({person: one.count for person, one in under_way.items()})
        self._begun: dict[str, Stamp] = {
            person: (0, one.began_at.timestamp()) for person, one in under_way.items()
        }
        self._taken = 0

    def note(self, job: WaitingJob) -> WaitingJob:
        """This job begins next."""
        self._taken += 1
        self._count[job.person] += 1
        self._begun[job.person] = (1, float(self._taken))
        return job

    def rank(self, head: WaitingJob, last_end: datetime | None) -> Rank:
        """The lowest is next. head: the first waiting job of a person, whose last one ended then."""
        count = self._count[head.person]
        if count:
            return count, self._begun[head.person], head.queued_at, head.id
        since = (0, max(head.queued_at, last_end or head.queued_at).timestamp())
        return count, since, head.queued_at, head.id


def _level(jobs: list[WaitingJob], last_ends: Mapping[str, datetime]) -> Level:
    placed = sorted(
        (job for job in jobs if job.place is not None),
        key=lambda job: (job.place or 0.0, job.queued_at, job.id),
    )
    lines: dict[str, list[WaitingJob]] = {}
    for job in sorted(jobs, key=lambda job: (job.queued_at, job.id)):
        if job.place is None:
            lines.setdefault(job.person, []).append(job)
    return Level(
        [job for job in placed if (job.place or 0.0) < 0],
        {person: iter(line) for person, line in lines.items()},
        [job for job in placed if (job.place or 0.0) >= 0],
        last_ends,
    )


def _take_turns(level: Level, turns: _Turns) -> Iterator[WaitingJob]:
    """Of all persons' first jobs the one whose turn it is, again and again.

    A turn changes the rank of nobody but the person who had it, so the others' stay in the heap.
    """
    heads: list[tuple[Rank, str]] = []
    first: dict[str, WaitingJob] = {}

    def bring_up(person: str) -> None:
        head = next(level.lines[person], None)
        if head is not None:
            first[person] = head
            heapq.heappush(heads, (turns.rank(head, level.last_ends.get(person)), person))

    for person in level.lines:
        bring_up(person)
    while heads:
        _, person = heapq.heappop(heads)
        yield turns.note(first[person])
        bring_up(person)


def _behind_others(ordered: list[WaitingJob]) -> list[WaitingJob]:
    """Each job directly behind the one that it waits for, unless it stands behind it anyway."""
    here = {job.id for job in ordered}
    held_back: dict[str, list[WaitingJob]] = {}
    done: dict[str, WaitingJob] = {}

    def take(job: WaitingJob) -> None:
        todo = [job]
        while todo:
            each = todo.pop()
            done[each.id] = each
            todo += reversed(held_back.pop(each.id, []))

    for job in [each for each in ordered if not each.stalled] + [
        each for each in ordered if each.stalled
    ]:
        if job.after in here and job.after not in done:
            held_back.setdefault(str(job.after), []).append(job)
        else:
            take(job)
    return list(done.values())


@dataclass(frozen=True)
class Spot:
    """What decides where a job stands: what a move writes."""

    priority: int
    place: float | None
    queued_at: datetime


def swap_own(ordered: Sequence[WaitingJob], job_id: str, before: str) -> dict[str, Spot]:
    """The new spots when a person moves a job among their own: they take each other's spots.

    Nobody else's turn changes. before: the job to go ahead of, "" for the last of one's own.
    """
    moved = next(job for job in ordered if job.id == job_id)
    own = [job for job in ordered if job.person == moved.person]
    left = [job for job in own if job.id != job_id]
    at = next((number for number, job in enumerate(left) if job.id == before), len(left))
    left.insert(at, moved)
    return {
        job.id: Spot(spot.priority, spot.place, spot.queued_at)
        for job, spot in zip(left, own, strict=True)
        if job.id != spot.id
    }


def put_before(ordered: Sequence[WaitingJob], job_id: str, before: str) -> dict[str, Spot]:
    """The new spots when an administrator puts a job before any other, or last ("").

    What stood ahead of it keeps its place, so that the order is the one that was seen.
    """
    left = [job for job in ordered if job.id != job_id]
    moved = next(job for job in ordered if job.id == job_id)
    if not left:
        return {}
    target = next((job for job in left if job.id == before), None)
    level = [job for job in left if job.priority == (target or left[-1]).priority]
    if target is None or (target.place or 0.0) > 0:
        line = [job for job in level if (job.place or 0.0) > 0]
        line.insert(line.index(target) if target else len(line), moved)
        places = range(1, len(line) + 1)
    else:
        first = level[: level.index(target)]
        ahead = [job for job in level if job not in first and (job.place or 0.0) < 0]
        line = [*first, moved, *ahead]
        places = range(-len(line), 0)
    return {
        job.id: Spot(level[0].priority, float(place), job.queued_at)
        for job, place in zip(line, places, strict=True)
    }
