"""A job's series as charts need them: few enough points to draw, with every peak and dip kept."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from common.db.tables import JobMetric

POINTS = 2000
READ = 50_000  # rows read at once
FETCHED = 500  # rows asked for by id at once; SQLite takes some thousand
LOAD = "system/"  # series of the machine: by time, several points at one step


@dataclass(frozen=True)
class Series:
    """points: `{name: [{step, epoch, value, time}]}`. last: ask with since=last for what comes next."""

    points: dict[str, list[dict[str, Any]]]
    last: int


@dataclass
class _Column:
    """A series as it was written: ids, steps and values side by side."""

    ids: array[int] = field(default_factory=lambda: array("q"))
    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add(self, point_id: int, step: int, value: float, replace: bool) -> None:
        """replace: a run that was resumed says again what comes from this step on, and that counts."""
        if replace and self.steps and step <= self.steps[-1]:
            kept = bisect_left(self.steps, step)
            del self.ids[kept:], self.steps[kept:], self.values[kept:]
        self.ids.append(point_id)
        self.steps.append(step)
        self.values.append(value)

    def thinned(self, points: int) -> list[int]:
        """The ids of at most so many (3 or more): the first, the last, and each part's extremes."""
        count = len(self.ids)
        if count <= points:
            return list(self.ids)
        parts = (points - 2) // 2
        chosen = {0, count - 1}
        if parts == 0:  # of three the highest
            chosen.add(max(range(count), key=self.values.__getitem__))
        for part in range(parts):
            inside = range(part * count // parts, (part + 1) * count // parts)
            chosen.add(min(inside, key=self.values.__getitem__))
            chosen.add(max(inside, key=self.values.__getitem__))
        return [self.ids[index] for index in sorted(chosen)]


def read_series(session: Session, job_id: str, points: int = POINTS, since: int = 0) -> Series:
    """The series of a job, each in its order and of at most `points` (3 or more) points.

    since: only what was written behind that point (see `Series.last`).
    """
    columns: dict[str, _Column] = {}
    last = since
    for point_id, name, step, value in _written(session, job_id, since):
        last = point_id
        if math.isfinite(value):  # JSON knows no other numbers
            column = columns.get(name) or columns.setdefault(name, _Column())
            column.add(point_id, step, value, not name.startswith(LOAD))
    chosen = {name: column.thinned(points) for name, column in sorted(columns.items())}
    ids = [point_id for each in chosen.values() for point_id in each]
    found = dict(_points(session, ids))
    kept = {name: [found[one] for one in each if one in found] for name, each in chosen.items()}
    return Series(kept, last)


def _written(session: Session, job_id: str, since: int) -> Iterator[Row[int, str, int, float]]:
    """(id, name, step, value) of each point in the order of writing, some ten thousand at once."""
    while True:
        rows = session.execute(
            select(JobMetric.id, JobMetric.name, JobMetric.step, JobMetric.value)
            .where(JobMetric.job_id == job_id, JobMetric.id > since)
            .order_by(JobMetric.id)
            .limit(READ)
        ).all()
        yield from rows
        if len(rows) < READ:
            return
        since = rows[-1].id


def _points(session: Session, ids: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    for start in range(0, len(ids), FETCHED):
        rows = session.execute(
            select(
                JobMetric.id, JobMetric.step, JobMetric.epoch, JobMetric.value, JobMetric.time
            ).where(JobMetric.id.in_(ids[start : start + FETCHED]))
        )
        for point_id, step, epoch, value, time in rows:
            yield (
                point_id,
                {"step": step, "epoch": epoch, "value": value, "time": time.isoformat()},
            )
