"""When waiting jobs will begin and end: the queues are played through. Pure; all times in seconds from now."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ahead:
    """A job that runs or waits. seconds: how long it still takes, None when nobody can tell.

    after: the job that must have ended first. places: how many workers' GPUs it needs.
    """

    id: str
    seconds: float | None
    after: str | None = None
    places: int = 1


@dataclass(frozen=True)
class Line:
    """A queue: its workers' places, what runs in them, and what waits in which order."""

    places: int
    running: Sequence[Ahead] = ()
    waiting: Sequence[Ahead] = ()
    is_paused: bool = False


@dataclass(frozen=True)
class Times:
    """Of a job: None where it cannot be told, as behind a job of unknown length."""

    start_s: float | None = None
    end_s: float | None = None


def forecast(lines: Mapping[str, Line]) -> dict[str, Times]:
    """The times of all jobs of all queues, by id."""
    times: dict[str, Times] = {}
    queues = [_Queue(line, times) for line in lines.values()]
    _join(queues)
    while True:
        steps = [(*step, queue) for queue in queues if (step := queue.next())]
        if not steps:
            break
        # The earliest first: what a job waits for in another queue has then been played before it.
        taken, at, queue = min(steps, key=lambda step: step[0])
        queue.begin(at, taken)
    for queue in queues:
        times.update({job.id: Times() for job in queue.line.waiting if job.id not in times})
    return times


Followers = dict[str, list[tuple["_Queue", int]]]  # by the job that they wait for


def _join(queues: Sequence[_Queue]) -> None:
    """Tell each queue what may begin from the start on, and who is to be told when a job has ended."""
    followers: Followers = {}
    for queue in queues:
        queue.followers = followers
        for at, job in enumerate(queue.line.waiting):
            if job.after is None:
                queue.may_begin(at, 0.0)
            else:
                followers.setdefault(job.after, []).append((queue, at))
    for queue in queues:
        for job in queue.line.running:
            queue.tell_followers(job.id)


@dataclass
class _Queue:
    """Jobs are known by their place `at` in the line's order. All three lists are heaps."""

    line: Line
    times: dict[str, Times]
    followers: Followers = field(default_factory=dict)
    _free: list[float] = field(init=False)  # when each place whose end is known becomes free
    _ready: list[int] = field(default_factory=list)  # what may begin when the next place is free
    _later: list[tuple[float, int]] = field(default_factory=list)  # and what only from a moment on

    def __post_init__(self) -> None:
        self._free = []
        for job in self.line.running:
            self.times[job.id] = Times(0.0, job.seconds)
            self._take(job, job.seconds)
        taken = sum(job.places for job in self.line.running)
        self._free += [0.0] * (self.line.places - taken)
        heapq.heapify(self._free)

    def may_begin(self, at: int, moment: float) -> None:
        """The job at this place waits for no other one from that moment on."""
        heapq.heappush(self._later, (moment, at))

    def next(self) -> tuple[float, int] | None:
        """When the next job is taken, and which: the first in the order that may begin by then."""
        if self.line.is_paused or not self._free:
            return None
        first_free = self._free[0]  # never earlier than at the last call
        while self._later and self._later[0][0] <= first_free:
            heapq.heappush(self._ready, heapq.heappop(self._later)[1])
        if self._ready:
            return first_free, self._ready[0]
        return self._later[0] if self._later else None

    def begin(self, at: int, taken: float) -> None:
        """Let the next job begin; taken: when a worker takes it."""
        if self._ready:
            heapq.heappop(self._ready)
        else:
            heapq.heappop(self._later)
        job = self.line.waiting[at]
        if len(self._free) < job.places:  # it waits for places whose end nobody knows
            self.times[job.id] = Times()
            self._free.clear()
            return
        gathered = [heapq.heappop(self._free) for _ in range(job.places)]
        start = max(taken, gathered[-1])
        end = None if job.seconds is None else start + job.seconds
        self.times[job.id] = Times(start, end)
        self._take(job, end)
        self.tell_followers(job.id)

    def tell_followers(self, job_id: str) -> None:
        """What waits for this job may begin when it ends."""
        end = self.times[job_id].end_s
        if end is not None:
            for queue, at in self.followers.get(job_id, ()):
                queue.may_begin(at, end)

    def _take(self, job: Ahead, end: float | None) -> None:
        if end is not None:
            for _ in range(job.places):
                heapq.heappush(self._free, end)
