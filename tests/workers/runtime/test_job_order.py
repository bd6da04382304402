"""Real workers take jobs in the order of the queue, whatever messages say; and let a paused queue be."""

from __future__ import annotations

import time

import pytest

from common.db.tables import Dataset, Job
from common.jobs.queues import pause_queue, resume_queue
from common.messaging.broker import CPU
from tests.workers.conftest import Backstage, wait_until
from workers.runtime.reaper import wake_idle


def ended(stage: Backstage, ids: list[str]) -> bool:
    with stage.services.readers() as session:
        return all(session.get_one(Job, job_id).state == "succeeded" for job_id in ids)


def test_one_message_is_enough_for_all_jobs_which_begin_in_the_order_of_the_queue(
    any_stage: Backstage,
) -> None:
    anna = [any_stage.make(send=False) for _ in range(3)]
    ben = [any_stage.make(send=False, person="ben") for _ in range(2)]
    urgent = any_stage.make(send=False, person="ben", priority=0)
    any_stage.services.queue.send_job(any_stage.job(anna[2]), any_stage.services.sessions)
    any_stage.start_worker("cpu")
    wait_until(lambda: ended(any_stage, [*anna, *ben, urgent]), what="all jobs' end")
    assert any_stage.begun() == [urgent, anna[0], ben[0], anna[1], ben[1], anna[2]]
    assert any_stage.services.queue.depth(CPU) == 0


def test_a_worker_of_two_queues_ends_all_jobs_of_one_message_too(stage: Backstage) -> None:
    ids = [stage.make(send=False, steps=1) for _ in range(3)]
    stage.services.queue.wake(CPU)
    stage.start_worker("gpu,cpu")
    wait_until(lambda: ended(stage, ids), what="all jobs' end")
    assert stage.begun() == ids


def test_workers_with_too_many_messages_do_each_job_once(any_stage: Backstage) -> None:
    ids = [any_stage.make(steps=1) for _ in range(12)]
    for _ in range(20):
        any_stage.services.queue.wake(CPU)
    any_stage.start_worker("cpu")
    any_stage.start_worker("cpu")
    wait_until(lambda: ended(any_stage, ids), what="all jobs' end")
    wait_until(lambda: any_stage.services.queue.depth(CPU) == 0, what="the messages' end")
    assert sorted(any_stage.begun()) == sorted(ids)


@pytest.mark.timed
def test_of_a_paused_queue_nothing_begins_what_runs_goes_on_and_resuming_is_quick(
    any_stage: Backstage,
) -> None:
    any_stage.start_worker("cpu")
    first = any_stage.make(waits=True)
    any_stage.wait_for(first, "running")
    with any_stage.services.sessions() as session:
        pause_queue(session, CPU, "anna", "moving the rack")
    second = any_stage.make()
    any_stage.open_gate()
    any_stage.wait_for(first, "succeeded", "failed")
    time.sleep(1.0)
    assert any_stage.job(second).state == "queued"
    assert wake_idle(any_stage.services) == 0
    with any_stage.services.sessions() as session:
        resume_queue(session, CPU)
    any_stage.services.queue.wake(CPU)
    resumed = time.monotonic()
    any_stage.wait_for(second, "succeeded", "failed")
    assert time.monotonic() - resumed < 3


def test_lost_messages_are_sent_again_for_idle_workers_alone(stage: Backstage) -> None:
    waiting = [stage.make(send=False) for _ in range(5)]
    assert wake_idle(stage.services) == 0  # nobody is there: what waits is taken when a worker is
    stage.start_worker("cpu")
    assert wake_idle(stage.services) == 1
    wait_until(lambda: ended(stage, waiting), what="all jobs' end")
    long = stage.make(waits=True)
    stage.wait_for(long, "running")
    stage.make(send=False)
    # One message where the worker found the long job as it looked for the next one by itself.
    before = stage.services.queue.depth(CPU)
    assert [wake_idle(stage.services) for _ in range(3)] == [0, 0, 0]
    assert stage.services.queue.depth(CPU) == before <= 1


def test_a_queued_job_of_a_deleted_dataset_vanishes_and_the_next_one_runs(
    any_stage: Backstage,
) -> None:
    with any_stage.services.sessions() as session:
        session.add(Dataset(id="cats", name="Cats", created_by="anna", defaults={}))
    gone, stays = any_stage.make(), any_stage.make()
    with any_stage.services.sessions() as session:
        session.get_one(Job, gone).dataset_id = "cats"
    with any_stage.services.sessions() as session:
        session.delete(session.get_one(Dataset, "cats"))
    any_stage.start_worker("cpu")
    any_stage.wait_for(stays, "succeeded", "failed")
    with any_stage.services.readers() as session:
        assert session.get(Job, gone) is None
    assert any_stage.begun() == [stays]
