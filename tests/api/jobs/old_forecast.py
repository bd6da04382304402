"""The forecast as it was first written, plainly: what a quicker one is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from api.jobs.forecast import Ahead, Line, Times


def forecast_plainly(lines: Mapping[str, Line]) -> dict[str, Times]:
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
