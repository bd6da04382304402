"""A worker tells what somebody reads: its presence, and log lines that name job and request; nothing else."""

from __future__ import annotations

from common.logs import begin_request, end_request
from tests.workers.conftest import Backstage
from workers.runtime.alive import find_workers


def test_a_worker_sends_no_events_of_celery_and_names_job_and_request_in_its_log(
    stage: Backstage,
) -> None:
    heard = stage.services.queue.redis.pubsub()
    heard.psubscribe("*celeryev*")
    assert heard.get_message(timeout=5) is not None  # that it listens
    stage.start_worker("cpu")
    begin_request("r-17")
    try:
        job_id = stage.make(steps=1)
    finally:
        end_request()
    stage.wait_for(job_id, "succeeded", "failed")
    stage.services.queue.revoke("nobody")
    assert heard.get_message(timeout=0.1) is None  # else at least that a worker has come
    log = (stage.folder / "w0.log").read_text()
    assert f" INFO workers.runtime.job_runs job={job_id} request=r-17: practice begins" in log
    assert f"{job_id} succeeded" in log
    assert find_workers(stage.settings.redis_url, "test") == ["w0@test"]
