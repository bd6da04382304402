"""Where jobs stand in their queues, why they wait, and when they will begin and end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import case, literal_column, select
from sqlalchemy.orm import Session

from api.jobs.durations import ASKED, Durations
from api.jobs.forecast import Ahead, Line, Times, forecast
from api.services import Services
from common.db.tables import Job, now
from common.jobs.kinds import JOB_QUEUES
from common.jobs.limits import WHOLE
from common.jobs.order import WaitingJob
from common.jobs.queues import Mark, QueueState, read_mark, read_queue
from common.jobs.states import ACTIVE
from common.messaging.broker import GPU
from common.messaging.live_workers import count_places

FACTS = (
    Job.id, Job.kind, Job.state, Job.dataset_id, Job.progress, Job.checkpoint, Job.attempt,
    Job.started_at,
    # An upload's may name thousands of files.
    case((Job.kind.in_(ASKED), Job.params), else_=literal_column("'{}'")).label("params"),
)  # fmt: skip
MOMENT_S = 2.0  # a forecast is made anew after this, also when nothing has changed
FEW = 200  # jobs that wait and run: their queues are read for each request, which costs little


@dataclass(frozen=True)
class Forecast:
    """The times of all jobs, counted from a moment."""

    moment: datetime
    times: dict[str, Times]

    def at(self, seconds: float | None) -> datetime | None:
        """A moment of `times` as a time."""
        return None if seconds is None else self.moment + timedelta(seconds=seconds)


class QueuePositions:
    """Of one request. Queues and forecast are read when one of their jobs is shown, and where they
    are many once for all requests for as long as nothing changes, at most 5 % of the time.
    """

    def __init__(self, services: Services, session: Session) -> None:
        self._services, self._session = services, session

    def state(self, queue: str) -> QueueState:
        """The queue as it stands."""
        return self._states[queue]

    def places(self, queue: str) -> int:
        """How many jobs of a queue the workers that are there can run at once."""
        return count_places(self._workers, queue)

    def of_job(self, job: Job) -> dict[str, Any]:
        """`{queue_position, queue_reason, estimated_start, estimated_end}`, None where it has none."""
        waits = job.state == "queued"
        start = end = None
        if waits or job.state in ("running", "stopping"):
            times = self._forecast.times.get(job.id, Times())
            start = self._forecast.at(times.start_s) if waits else job.started_at
            end = self._forecast.at(times.end_s)
        state = self.state(job.queue) if waits else None
        return {
            "queue_position": state.position(job.id) if state else None,
            "queue_reason": self._reason(state, job.id) if state else None,
            "estimated_start": start,
            "estimated_end": end,
        }

    @cached_property
    def _mark(self) -> Mark:
        return read_mark(self._session)

    @cached_property
    def _are_few(self) -> bool:
        waits, runs, *_ = self._mark
        return bool(sum(row[1] for row in waits) + len(runs) <= FEW)

    @cached_property
    def _states(self) -> dict[str, QueueState]:
        if self._are_few:
            return self._read_states()
        return self._services.response_cache.get("queues", self._mark, self._read_states)

    def _read_states(self) -> dict[str, QueueState]:
        return {name: read_queue(self._session, name) for name in JOB_QUEUES}

    @cached_property
    def _workers(self) -> list[dict[str, Any]]:
        return self._services.live_workers.read()

    def _reason(self, state: QueueState, job_id: str) -> str | None:
        if state.paused is not None:
            why = f": {state.paused.reason}" if state.paused.reason else ""
            return f"Paused by {state.paused.paused_by}{why}"
        position = state.position(job_id)
        if position is None:
            return None
        job = state.waiting[position - 1]
        if job.after is not None:
            return f"Waits for job {job.after}" + (", which was stopped" if job.stalled else "")
        if job.pausing:
            return "Tried again in a while: something did not answer"
        places = self.places(state.name)
        if not places:
            return "No worker takes jobs of this queue now"
        limited = self._limit_reason(state, job.kind)
        if limited is not None:
            return limited
        ahead = len(state.running) + state.startable_before[position - 1]
        word = "run" if state.name == GPU else "job"
        return None if ahead < places else f"Behind {ahead} {word}{'' if ahead == 1 else 's'}"

    def _limit_reason(self, state: QueueState, kind: str) -> str | None:
        """That as many run as may: of this kind, or of the queue."""
        for limited, most in state.limits.items():
            running = [each for each in state.running if limited in (WHOLE, each.kind)]
            if limited in (WHOLE, kind) and len(running) >= most:
                of_kind = f" of kind {kind}" if limited else f" of the queue {state.name}"
                return f"At most {most} job{'' if most == 1 else 's'}{of_kind} may run at once"
        return None

    @cached_property
    def _forecast(self) -> Forecast:
        if self._are_few:
            return self._play_through()
        places = tuple(self.places(name) for name in JOB_QUEUES)
        state = (self._mark, places, self._has_gpus, time.monotonic() // MOMENT_S)
        return self._services.response_cache.get("forecast", state, self._play_through)

    def _play_through(self) -> Forecast:
        durations, moment = Durations(self._services, self._session), now()
        lines = {name: self._line(name, durations, moment) for name in JOB_QUEUES}
        return Forecast(moment, forecast(lines))

    def _line(self, name: str, durations: Durations, moment: datetime) -> Line:
        state, facts = self.state(name), self._facts(name)
        running = [
            Ahead(
                job.id, durations.left_s(facts[job.id], moment), places=self._width(facts[job.id])
            )
            for job in state.running
            if job.id in facts
        ]
        waiting = [
            self._ahead(job, facts[job.id], durations) for job in state.waiting if job.id in facts
        ]
        most = min(self.places(name), state.limits.get(WHOLE, self.places(name)))
        places = max(most, sum(job.places for job in running))
        return Line(places, running, waiting, state.paused is not None)

    def _ahead(self, job: WaitingJob, facts: Any, durations: Durations) -> Ahead:
        return Ahead(job.id, durations.waiting_s(facts), job.after, self._width(facts))

    def _width(self, facts: Any) -> int:
        """The workers' places it takes: a run on several GPUs has those of other workers as well."""
        if facts.kind != "train" or not self._has_gpus:
            return 1
        return int(facts.params.get("gpus") or 1)

    @cached_property
    def _has_gpus(self) -> bool:
        return any(one.get("gpu") for one in self._workers if GPU in one["queues"])

    def _facts(self, queue: str) -> dict[str, Any]:
        wanted = select(*FACTS).where(Job.queue == queue, Job.state.in_(ACTIVE))
        return {row.id: row for row in self._session.execute(wanted)}
