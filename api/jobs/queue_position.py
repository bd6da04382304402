"""Where jobs stand in their queues, why they wait, and when they will begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.jobs.durations import Durations
from api.jobs.forecast import Ahead, Line, Times, forecast
from api.services import Services
from common.db.tables import Job, now
from common.jobs.kinds import JOB_QUEUES
from common.jobs.order import WaitingJob
from common.jobs.queues import QueueState, read_queue
from common.messaging.broker import GPU
from common.messaging.live_workers import count_places

FACTS = (
    Job.id, Job.kind, Job.state, Job.dataset_id, Job.params, Job.progress, Job.checkpoint,
    Job.attempt, Job.started_at,
)  # fmt: skip


class QueuePositions:
    """Of one request: each queue is read once, and only when one of its jobs is shown."""

    def __init__(self, services: Services, session: Session) -> None:
        self._services, self._session = services, session
        self._states: dict[str, QueueState] = {}
        self._moment = now()

    def state(self, queue: str) -> QueueState:
        """The queue as it stands."""
        if queue not in self._states:
            self._states[queue] = read_queue(self._session, queue)
        return self._states[queue]

    def places(self, queue: str) -> int:
        """How many jobs of a queue the workers that are there can run at once."""
        return count_places(self._workers, queue)

    def of_job(self, job: Job) -> dict[str, Any]:
        """`{queue_position, queue_reason, estimated_start, estimated_end}`, None where it has none."""
        waits = job.state == "queued"
        start = end = None
        if waits or job.state in ("running", "stopping"):
            times = self._times.get(job.id, Times())
            start = self._at(times.start_s) if waits else job.started_at
            end = self._at(times.end_s)
        state = self.state(job.queue) if waits else None
        return {
            "queue_position": state.position(job.id) if state else None,
            "queue_reason": self._reason(state, job.id) if state else None,
            "estimated_start": start,
            "estimated_end": end,
        }

    def _at(self, seconds: float | None) -> Any:
        return None if seconds is None else self._moment + timedelta(seconds=seconds)

    @cached_property
    def _workers(self) -> list[dict[str, Any]]:
        return self._services.live_workers.read()

    def _reason(self, state: QueueState, job_id: str) -> str | None:
        if state.paused is not None:
            why = f": {state.paused.reason}" if state.paused.reason else ""
            return f"Paused by {state.paused.paused_by}{why}"
        at = next((at for at, job in enumerate(state.waiting) if job.id == job_id), None)
        if at is None:
            return None
        job = state.waiting[at]
        if job.after is not None:
            return f"Waits for job {job.after}" + (", which was stopped" if job.stalled else "")
        if job.pausing:
            return "Tried again in a while: something did not answer"
        places = self.places(state.name)
        if not places:
            return "No worker takes jobs of this queue now"
        ahead = len(state.running) + sum(other.may_begin for other in state.waiting[:at])
        word = "run" if state.name == GPU else "job"
        return None if ahead < places else f"Behind {ahead} {word}{'' if ahead == 1 else 's'}"

    @cached_property
    def _times(self) -> dict[str, Times]:
        durations = Durations(self._services, self._session)
        return forecast({name: self._line(name, durations) for name in JOB_QUEUES})

    def _line(self, name: str, durations: Durations) -> Line:
        state = self.state(name)
        facts = self._facts(state.ids)
        running = [
            self._under_way(facts[job.id], durations) for job in state.running if job.id in facts
        ]
        waiting = [
            self._ahead(job, facts[job.id], durations) for job in state.waiting if job.id in facts
        ]
        places = max(self.places(name), sum(job.places for job in running))
        return Line(places, running, waiting, state.paused is not None)

    def _under_way(self, facts: Any, durations: Durations) -> Ahead:
        left_s = durations.left_s(facts, self._moment)
        return Ahead(facts.id, left_s, places=self._width(facts))

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

    def _facts(self, ids: Sequence[str]) -> dict[str, Any]:
        if not ids:
            return {}
        rows = self._session.execute(select(*FACTS).where(Job.id.in_(ids)))
        return {row.id: row for row in rows}
