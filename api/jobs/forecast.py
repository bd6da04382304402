"""When waiting jobs will begin and end: the queues are played through. Pure; all times in seconds from now."""

from __future__ import annotations

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
    while True:
        steps = [(*step, queue) for queue in queues if (step := queue.next())]
        if not steps:
            break
        # The earliest first: what a job waits for in another queue has then been played before it.
        taken, job, queue = min(steps, key=lambda step: step[0])
        queue.begin(job, taken)
    for queue in queues:
        times.update({job.id: Times() for job in queue.left})
    return times


@dataclass
class _Queue:
    line: Line
    times: dict[str, Times]
    left: list[Ahead] = field(init=False)
    _free: list[float] = field(init=False)  # when each place whose end is known becomes free

    def __post_init__(self) -> None:
        self.left = list(self.line.waiting)
        self._free = []
        for job in self.line.running:
            self.times[job.id] = Times(0.0, job.seconds)
            self._take(job, job.seconds)
        taken = sum(job.places for job in self.line.running)
        self._free += [0.0] * (self.line.places - taken)

    def next(self) -> tuple[float, Ahead] | None:
        """When the next job is taken, and which: the first in the order that may begin by then."""
        if self.line.is_paused or not self._free:
            return None
        first_free = min(self._free)
        ready = [(self._ready(job), job) for job in self.left]
        moments = [max(first_free, moment) for moment, _ in ready if moment is not None]
        if not moments:
            return None
        taken = min(moments)
        chosen = next(job for moment, job in ready if moment is not None and moment <= taken)
        return taken, chosen

    def begin(self, job: Ahead, taken: float) -> None:
        """Let the next job begin; taken: when a worker takes it."""
        self.left.remove(job)
        gathered = sorted(self._free)[: job.places]
        if len(gathered) < job.places:  # it waits for places whose end nobody knows
            self.times[job.id] = Times()
            self._free.clear()
            return
        for moment in gathered:
            self._free.remove(moment)
        start = max(taken, gathered[-1])
        end = None if job.seconds is None else start + job.seconds
        self.times[job.id] = Times(start, end)
        self._take(job, end)

    def _ready(self, job: Ahead) -> float | None:
        if job.after is None:
            return 0.0
        return self.times[job.after].end_s if job.after in self.times else None

    def _take(self, job: Ahead, end: float | None) -> None:
        if end is not None:
            self._free += [end] * job.places
