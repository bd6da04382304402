"""The order of waiting jobs as it was first written, plainly: what a quicker one is compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from common.jobs.order import RunningJob, WaitingJob


def order_plainly(
    waiting: Sequence[WaitingJob],
    running: Sequence[RunningJob],
    last_ends: Mapping[str, datetime],
) -> list[WaitingJob]:
    """As `order_jobs`, without those that wait for another put behind it."""
    turns = _Turns(running, last_ends)
    ordered: list[WaitingJob] = []
    for priority in sorted({job.priority for job in waiting}):
        level = [job for job in waiting if job.priority == priority]
        ordered += _placed(level, turns, ahead=True)
        ordered += _in_turn(level, turns)
        ordered += _placed(level, turns, ahead=False)
    return ordered


class _Turns:
    def __init__(self, running: Sequence[RunningJob], last_ends: Mapping[str, datetime]) -> None:
        self._count = Counter(job.person for job in running)
        self._last_ends = last_ends
        self._begun: dict[str, tuple[int, float]] = {}
        self._taken = 0
        for job in sorted(running, key=lambda job: job.started_at):
            self._begun[job.person] = (0, job.started_at.timestamp())

    def note(self, job: WaitingJob) -> WaitingJob:
        self._taken += 1
        self._count[job.person] += 1
        self._begun[job.person] = (1, float(self._taken))
        return job

    def rank(self, head: WaitingJob) -> tuple[int, tuple[int, float], datetime, str]:
        count = self._count[head.person]
        if count:
            return count, self._begun[head.person], head.queued_at, head.id
        ended = self._last_ends.get(head.person, head.queued_at)
        since = (0, max(head.queued_at, ended).timestamp())
        return count, since, head.queued_at, head.id


def _placed(level: list[WaitingJob], turns: _Turns, *, ahead: bool) -> list[WaitingJob]:
    chosen = [job for job in level if job.place is not None and (job.place < 0) == ahead]
    chosen.sort(key=lambda job: (job.place or 0.0, job.queued_at, job.id))
    return [turns.note(job) for job in chosen]


def _in_turn(level: list[WaitingJob], turns: _Turns) -> list[WaitingJob]:
    lines: dict[str, list[WaitingJob]] = {}
    for job in sorted(level, key=lambda job: (job.queued_at, job.id), reverse=True):
        if job.place is None:
            lines.setdefault(job.person, []).append(job)
    ordered: list[WaitingJob] = []
    while lines:
        person = min(lines, key=lambda person: turns.rank(lines[person][-1]))
        ordered.append(turns.note(lines[person].pop()))
        if not lines[person]:
            del lines[person]
    return ordered
