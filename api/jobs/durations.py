"""How long jobs take, from what was measured before."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.jobs.machine import training_machine
from api.services import Services
from common.db.tables import Image, Job
from common.jobs.kinds import KINDS
from common.training.pace import estimate_training_s, read_size
from common.training.plan import Machine

LOOKED_AT = 5  # the last jobs of a kind
ASKED = [kind.name for kind in KINDS.values() if kind.pace] + ["train"]  # whose params count
TrainingKey = tuple[str, str]


class Durations:
    """Of the jobs of one forecast. Each fact is read once, when it is asked for."""

    def __init__(self, services: Services, session: Session) -> None:
        self._services, self._session = services, session
        self._past: dict[str, list[Any]] = {}
        self._trainings: dict[TrainingKey, float | None] = {}
        self._sizes: dict[tuple[str | None, str], int] = {}

    def whole_s(self, job: Any) -> float | None:
        """Seconds from begin to end of a job like this one; None when none was ever measured.

        job: a row with kind, dataset_id and params.
        """
        if job.kind == "train":
            return self._training_s(job)
        per_unit = self._per_unit(job)
        if per_unit is not None:
            return per_unit
        spans = [_span_s(row) for row in self._last(job.kind)]
        return median(spans) if spans else None

    def left_s(self, job: Any, moment: datetime) -> float | None:
        """Seconds until a running job ends: as it says itself, else by what such jobs take."""
        if job.state == "stopping":
            return self._services.settings.stop_grace_s
        told = (job.progress or {}).get("eta_s")
        if told is not None:
            return float(told)
        whole = self.whole_s(job)
        if whole is None or job.started_at is None or job.attempt != 1:
            return None
        left = whole - (moment - job.started_at).total_seconds()
        return left if left > 0 else None

    def waiting_s(self, job: Any) -> float | None:
        """Seconds that a waiting job will take; one with a checkpoint goes on from there."""
        whole = self.whole_s(job)
        if whole is None or job.checkpoint is None:
            return whole
        progress = job.progress or {}
        done, total = progress.get("done") or 0, progress.get("total") or 0
        return whole * (1 - min(done / total, 1)) if total else whole

    @cached_property
    def _machine(self) -> Machine:
        return training_machine(self._services)

    def _training_s(self, job: Any) -> float | None:
        key = (str(job.dataset_id), repr(sorted(job.params.items(), key=lambda item: item[0])))
        if key not in self._trainings:
            self._trainings[key] = estimate_training_s(
                self._session, self._machine, str(job.dataset_id), job.params
            )
        return self._trainings[key]

    def _per_unit(self, job: Any) -> float | None:
        """Of what grows with its data: the last pace of the same model, times what there is to do."""
        kind = KINDS.get(job.kind)
        if kind is None or kind.pace is None or kind.queue_of(job.params) != kind.pace.queue:
            return None
        unit, names = kind.pace.unit, kind.pace.same
        same = [row for row in self._last(job.kind) if _same(row, job, *names)]
        size = self._size(job.dataset_id, unit)
        paces = [_span_s(row) / row.result[unit] for row in same if (row.result or {}).get(unit)]
        return paces[0] * size if paces and size else None

    def _size(self, dataset_id: str | None, unit: str) -> int:
        key = (dataset_id, unit)
        if key not in self._sizes:
            self._sizes[key] = self._count(dataset_id, unit)
        return self._sizes[key]

    def _count(self, dataset_id: str | None, unit: str) -> int:
        if unit == "captions":
            found = read_size(self._session, str(dataset_id))
            return found.rows if found else 0
        count = select(func.count(Image.id)).where(Image.dataset_id == dataset_id)
        return int(self._session.scalar(count) or 0)

    def _last(self, kind: str) -> list[Any]:
        """The last jobs of a kind that succeeded in one go, the newest first."""
        if kind not in self._past:
            columns = (Job.params, Job.result, Job.started_at, Job.finished_at)
            rows = self._session.execute(
                select(*columns)
                .where(Job.kind == kind, Job.state == "succeeded", Job.attempt == 1)
                .where(Job.started_at.is_not(None), Job.finished_at.is_not(None))
                .order_by(Job.finished_at.desc())
                .limit(LOOKED_AT)
            )
            self._past[kind] = list(rows)
        return self._past[kind]


def _span_s(row: Any) -> float:
    return max(float((row.finished_at - row.started_at).total_seconds()), 0.0)


def _same(row: Any, job: Any, *names: str) -> bool:
    return all(row.params.get(name) == job.params.get(name) for name in names)
