"""Whatever order people, workers, the reaper and clocks act in: one holder, no stuck job, no orphan.

A model-based test: hypothesis tries orders of submit, claim, extend, finish, lose, reap, stop, resume,
retry and delete, with two workers that live and others that come back from the dead, and time that
passes and jumps. After each step the rows themselves are looked at; at the end two healthy workers
must be able to bring every job to its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from common.db.clock import read_clock
from common.db.engine import open_engine, session_factory
from common.db.tables import Dataset, Job
from common.errors import ClipBrowserError, Internal
from common.jobs import chains, leases, states
from common.jobs.leases import Lease
from common.jobs.reports import Reports, write_reports
from common.settings import Settings, load_settings
from tests.migrated import migrate_new

# Where a job may be after a step, by where it was before; None: it was not there, or is no more.
# A step is one person's, worker's or reaper's; with it the followers of what has failed end.
DIAGRAM: dict[str | None, set[str | None]] = {
    None: {"queued"},
    "queued": {"running", "stopped", "failed", None},
    "running": {"stopping", "succeeded", "failed", "stopped", "queued", None},
    "stopping": {"succeeded", "failed", "stopped", None},
    "succeeded": {None},
    "failed": {"queued", None},
    "stopped": {"queued", None},
}
QUEUE = "cpu"
KIND = "split"
WORKERS = ("first", "second")
MAX_ATTEMPTS = 2
STEPS = 40
SHARE = 0.2  # of the examples of hypothesis' profile: `--hypothesis-profile long` has many


@dataclass
class Runner:
    """A worker's hold on a job. silent_s: since it last extended its lease; it may come back."""

    lease: Lease
    silent_s: float = 0.0

    def believes(self, service: Settings) -> bool:
        """Whether it still works on the job; then it ends by itself (`leases.GIVE_UP_SHARE`)."""
        return self.silent_s < service.lease_s * leases.GIVE_UP_SHARE


class JobMachine(RuleBasedStateMachine):
    """Steps of people, workers, the reaper and clocks on one database."""

    jobs = Bundle("jobs")
    url = ""  # of the database, set by the test

    def __init__(self) -> None:
        super().__init__()
        self.engine = open_engine(self.url)
        self.sessions = session_factory(self.engine)
        self.service = load_settings(max_attempts=MAX_ATTEMPTS, secret_key="k" * 32)
        self.alive: dict[str, Runner] = {}  # by worker
        self.gone: list[Runner] = []  # killed, frozen or cut off
        self.before: dict[str, tuple[str, int]] = {}  # state and seq of each job, a step ago
        with self.sessions() as session:
            session.execute(delete(Dataset))
            session.execute(delete(Job))

    def teardown(self) -> None:
        """Whatever happened: healthy workers bring every job to its end."""
        self.gone += self.alive.values()
        self.alive.clear()
        for _ in range(3):
            self.pass_time(self.service.lease_s)
            self.reap()
        while (lease := self._take("last")) is not None:
            self._finish(lease, "succeeded")
        with self.sessions() as session:
            for job in session.scalars(select(Job)):
                assert job.state in states.FINISHED or self._waits_for_stopped(session, job), (
                    f"{job.id} is stuck: {job.state}, attempt {job.attempt}"
                )
        self.engine.dispose()

    def _waits_for_stopped(self, session: Session, job: Job) -> bool:
        """A stopped job may be resumed, so what follows it goes on waiting."""
        if job.state != "queued" or job.after_job_id is None:
            return False
        before = states.get_job(session, job.after_job_id)
        return before.state == "stopped" or self._waits_for_stopped(session, before)

    @contextmanager
    def asked(self) -> Iterator[Session]:
        """A person's wish, which may be refused with a reason."""
        with suppress(ClipBrowserError), self.sessions() as session:
            yield session

    # -- people

    @initialize(target=jobs)
    def a_chain_and_another(self) -> Any:
        first = self._submit("a", "anna", None)
        return multiple(first, self._submit("b", "anna", first), self._submit("b", "ben", None))

    @rule(target=jobs, dataset=st.sampled_from("ab"), person=st.sampled_from(("anna", "ben")))
    def submit(self, dataset: str, person: str) -> str:
        return self._submit(dataset, person, None)

    @rule(target=jobs, before=jobs, dataset=st.sampled_from("ab"))
    def submit_after(self, before: str, dataset: str) -> Any:
        try:
            return self._submit(dataset, "anna", before)
        except ClipBrowserError:
            return multiple()

    def _submit(self, dataset: str, person: str, after: str | None) -> str:
        with self.sessions() as session:
            if session.get(Dataset, dataset) is None:
                session.add(Dataset(id=dataset, name=dataset, created_by="anna"))
                session.flush()
            job = states.create_job(
                session, KIND, dataset_id=dataset, params={}, created_by=person,
                after_job_id=after, max_attempts=MAX_ATTEMPTS,
            )  # fmt: skip
            return job.id

    @rule(job=jobs, mode=st.sampled_from(("save", "kill")))
    def stop(self, job: str, mode: str) -> None:
        with self.asked() as session:
            states.request_stop(session, job, mode)

    @rule(job=jobs, fresh=st.booleans())
    def resume_or_retry(self, job: str, fresh: bool) -> None:
        with self.asked() as session:
            states.requeue(session, job, fresh=fresh)

    @precondition(lambda self: len(self.before) > 3)
    @rule(dataset=st.sampled_from("ab"))
    def delete_dataset(self, dataset: str) -> None:
        with self.sessions() as session:
            delete_jobs_of(session, dataset)

    # -- workers

    @precondition(lambda self: len(self.alive) < len(WORKERS))
    @rule()
    def claim(self) -> None:
        worker = next(name for name in WORKERS if name not in self.alive)
        if (lease := self._take(worker)) is not None:
            self.alive[worker] = Runner(lease)

    def _take(self, worker: str) -> Lease | None:
        with self.sessions() as session:
            return leases.take_next(session, QUEUE, (KIND,), worker, self.service.lease_s)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), state=st.sampled_from(states.FINISHED))
    def finish(self, data: st.DataObject, state: str) -> None:
        self._finish(self._one_of_the_living(data).lease, state)

    def _one_of_the_living(self, data: st.DataObject) -> Runner:
        return self.alive.pop(data.draw(st.sampled_from(sorted(self.alive))))

    def _finish(self, lease: Lease, state: str) -> bool:
        problem = Internal("It failed.") if state == "failed" else None
        with self.sessions() as session:
            return bool(leases.finish(session, lease, state, error=problem))

    @rule(state=st.sampled_from(states.FINISHED))
    def work_one_off(self, state: str) -> None:
        if (lease := self._take("quick")) is not None:
            self.rows_make_sense()
            self._finish(lease, state)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), counts=st.booleans(), pause_s=st.sampled_from((0.0, 30.0)))
    def hand_back(self, data: st.DataObject, counts: bool, pause_s: float) -> None:
        """Its child was killed or the store was silent (counts), or it shuts down in order."""
        runner = self._one_of_the_living(data)
        with self.sessions() as session:
            back = leases.release(
                session, runner.lease, counts=counts, pause_s=pause_s if counts else 0.0
            )
        if not back:
            self._finish(runner.lease, "failed" if counts else "stopped")

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), steps=st.integers(1, 5))
    def move_on(self, data: st.DataObject, steps: int) -> None:
        """It keeps a checkpoint: where that is further than any before, its attempts count anew."""
        lease = self.alive[data.draw(st.sampled_from(sorted(self.alive)))].lease
        with self.sessions() as session:
            job = session.get(Job, lease.job_id)
            further = job is not None and job.reached < steps
            leases.advance(session, lease, steps)
        if further:
            with self.sessions() as session:
                job = states.get_job(session, lease.job_id)
                assert job.max_attempts - job.attempt == MAX_ATTEMPTS

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """It is killed, frozen, or its line is cut: nobody knows, and it may come back."""
        self.gone.append(self._one_of_the_living(data))

    @precondition(lambda self: self.gone)
    @rule(data=st.data(), state=st.sampled_from(states.FINISHED))
    def come_back(self, data: st.DataObject, state: str) -> None:
        """One that was given up says what it has to say, however late."""
        runner = self.gone.pop(data.draw(st.integers(0, len(self.gone) - 1)))
        with self.sessions() as session:
            held, _ = leases.read_stop(session, runner.lease)
            said = Reports(
                {"done": 1},
                [{"name": "loss", "step": 1, "value": 1.0, "epoch": None}],
                ["late\n"],
                ["late"],
            )
            assert (write_reports(session, runner.lease, said) is not None) == held
        assert self._finish(runner.lease, state) == held

    # -- the reaper and its clock

    @rule()
    def reap(self) -> None:
        with self.sessions() as session:
            leases.reap(session, self.service)

    @rule(seconds=st.sampled_from((1.0, 6.0, 20.0, 40.0)))
    def pass_time(self, seconds: float) -> None:
        """Time passes: what the rows say lies so much further back. Who lives extends its lease."""
        with self.sessions() as session:
            for job in session.scalars(select(Job).where(Job.state.not_in(states.FINISHED))):
                set_back(job, timedelta(seconds=seconds))
        for runner in self.gone:
            runner.silent_s += seconds
        self._extend_all()

    @precondition(lambda self: not any(each.believes(self.service) for each in self.gone))
    @rule(hours=st.sampled_from((-1, 1)))
    def jump(self, hours: int) -> None:
        """The clock is an hour off for two looks; nobody who extends its lease loses a job by it.

        A jump while a worker is silent for two looks robs it before it gives up by itself: no look
        can tell the two apart. What it then writes is refused (`come_back`).
        """
        for _ in range(2):
            with self.sessions() as session:
                leases.reap(session, self.service, read_clock(session) + timedelta(hours=hours))
            self.pass_time(self.service.reap_every_s)

    def _extend_all(self) -> None:
        for worker, runner in list(self.alive.items()):
            with self.sessions() as session:
                mine, _ = leases.extend_lease(session, runner.lease, self.service.lease_s)
                there = session.get(Job, runner.lease.job_id) is not None
            assert mine or not there, "a living worker has lost its job"
            if not mine:
                del self.alive[worker]

    # -- after each step

    @invariant()
    def rows_make_sense(self) -> None:
        with self.sessions() as session:
            rows = {job.id: job for job in session.scalars(select(Job))}
        for job in rows.values():
            running = job.state in leases.UNDER_WAY
            assert (job.lease_owner is not None) == (job.lease_until is not None) == running
            assert (job.finished_at is not None) == (job.state in states.FINISHED)
            assert job.attempt <= job.max_attempts == MAX_ATTEMPTS + job.counted_from
            assert job.state != "queued" or job.attempt < job.max_attempts, "it never begins"
            if job.state == "queued" and job.after_job_id is not None:
                before = rows.get(job.after_job_id)
                assert before is not None, "it waits for one that is not there"
                assert before.state != "failed", "it waits for ever"
        self._check_steps(rows)
        self._check_holders(rows)

    def _check_steps(self, rows: dict[str, Job]) -> None:
        for job_id in {*rows, *self.before}:
            was, seq = self.before.get(job_id, (None, -1))
            job = rows.get(job_id)
            state = job.state if job else None
            assert state == was or state in DIAGRAM[was], f"{was} became {state}"
            assert job is None or job.seq > seq or state == was, "a change without a new seq"
            assert job is None or job.seq >= seq
        self.before = {job.id: (job.state, job.seq) for job in rows.values()}

    def _check_holders(self, rows: dict[str, Job]) -> None:
        """At most one works on a job, and it is the one whose name is in its row."""
        working = [
            *self.alive.values(),
            *(each for each in self.gone if each.believes(self.service)),
        ]
        by_job: dict[str, list[str]] = {}
        for runner in working:
            by_job.setdefault(runner.lease.job_id, []).append(runner.lease.owner)
        for job_id, owners in by_job.items():
            assert len(owners) == 1, f"{owners} work on {job_id}"
            if job_id in rows and rows[job_id].state in leases.UNDER_WAY:
                assert rows[job_id].lease_owner == owners[0]


def set_back(job: Job, back: timedelta) -> None:
    """As if this row had been written so much earlier."""
    if job.not_before is not None:
        job.not_before -= back
    if job.lease_until is not None:
        job.lease_until -= back
    if job.suspect_lease is not None:
        owner, until, seen = job.suspect_lease.rsplit(" ", 2)
        shifted = (datetime.fromisoformat(stamp) - back for stamp in (until, seen))
        job.suspect_lease = " ".join([owner, *(stamp.isoformat() for stamp in shifted)])


def delete_jobs_of(session: Session, dataset: str) -> None:
    """As the API deletes a dataset."""
    chains.let_go(session, set(session.scalars(select(Job.id).where(Job.dataset_id == dataset))))
    session.execute(delete(Dataset).where(Dataset.id == dataset))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_jobs_hold_in_every_order_of_steps(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    sqlite = f"sqlite:///{tmp_path / 'jobs.db'}"
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else sqlite
    migrate_new(url)
    machine = type("JobMachineHere", (JobMachine,), {"url": url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(settings().max_examples * SHARE), stateful_step_count=STEPS,
            deadline=None, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
