"""A worker tells what somebody reads: its presence, and log lines that name job and request; nothing else."""

from __future__ import annotations

from common.logs import begin_request, end_request
from tests.workers.conftest import PATIENCE_S, Backstage, wait_until
from workers.runtime.alive import sign_file


def test_a_worker_sends_no_events_of_celery_and_names_job_and_request_in_its_log(
    stage: Backstage,
) -> None:
    heard = stage.services.queue.redis.pubsub()
    heard.psubscribe("*celeryev*")
    assert heard.get_message(timeout=PATIENCE_S) is not None  # that it listens
    stage.start_worker("cpu")
    begin_request("r-17")
    try:
        job_id = stage.make(steps=1)
    finally:
        end_request()
    stage.wait_for(job_id, "succeeded", "failed")
    stage.services.queue.revoke("nobody")
    assert heard.get_message(timeout=0.1) is None  # else at least that a worker has come
    told = (stage.folder / "w0.log").read_text
    wait_until(lambda: " worker job_ended " in told(), what="its last line about the job")
    log = told()
    begun, ended = (
        next(line for line in log.splitlines() if f" worker {event} " in line)
        for event in ("job_begun", "job_ended")
    )
    for line in (begun, ended):
        assert f" workers.runtime.job_runs job={job_id} request=r-17 worker=w0@test " in line
    assert "practice begins" in begun
    assert " state=succeeded " in ended


def test_a_worker_signs_while_it_takes_messages_and_not_after_its_end(stage: Backstage) -> None:
    worker = stage.start_worker("cpu")
    signed = sign_file(stage.settings.work_dir, "w0@test")
    wait_until(signed.exists, what="the first sign")
    began = signed.stat().st_mtime_ns
    wait_until(lambda: signed.stat().st_mtime_ns > began, what="the next sign")
    worker.terminate()
    worker.wait(PATIENCE_S)
    assert not signed.exists()
