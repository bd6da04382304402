"""What is kept no longer is listed first, and goes in small portions; what is needed stays."""

from __future__ import annotations

import os
import time
from datetime import timedelta

from sqlalchemy import select, update

from common.db.tables import Job, JobLog, JobMetric, Model, now
from common.retention import trim_rows
from tests.api.conftest import Caller, Service

LONG_AGO = timedelta(days=400)


def age(service: Service, key: str) -> None:
    """As if a file of the store had been written long ago."""
    path = service.services.store.local_path(key)
    moment = time.time() - LONG_AGO.total_seconds()
    os.utime(str(path), (moment, moment))


def put(service: Service, key: str, *, old: bool = True) -> None:
    service.services.store.put_bytes(key, b"12345")
    if old:
        age(service, key)


def keys(service: Service) -> list[str]:
    return [item.key for item in service.services.store.list("")]


def test_old_jobs_go_but_not_what_a_model_or_a_follower_needs(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    named = {
        name: any_service.finished(dataset, kind, {}, state)
        for name, kind, state in (
            ("edit", "edit_captions", "succeeded"), ("failed", "train", "failed"),
            ("trained", "train", "succeeded"), ("of a model", "train", "failed"),
            ("before", "split", "failed"), ("young", "edit_captions", "succeeded"),
        )
    }  # fmt: skip
    old = [job_id for name, job_id in named.items() if name != "young"]
    with any_service.services.sessions() as session:
        session.execute(update(Job).where(Job.id.in_(old)).values(finished_at=now() - LONG_AGO))
        session.add(
            Model(
                id="m", name="m", architecture="a", folder="models_finetuned/m", created_by="ada",
                job_id=named["of a model"],
            )
        )  # fmt: skip
        session.flush()
        for job_id in named.values():
            session.add(JobLog(job_id=job_id, start=0, text="said"))
            session.add(JobMetric(job_id=job_id, name="train/loss", step=1, value=1.0))
    follower = any_service.finished(dataset, "train", {})
    with any_service.services.sessions() as session:
        session.execute(update(Job).where(Job.id == follower).values(after_job_id=named["before"]))
    told = {one["what"]: one for one in call_any("GET", "/retention")["totals"]}
    assert (told["jobs"]["count"], told["logs"]["count"]) == (2, 5)
    assert "metrics" not in told  # for ever, as the settings are
    with any_service.services.sessions() as session:
        assert session.query(Job).count() == 7  # a list removes nothing
        trim_rows(session, any_service.settings, now())
        left = set(session.scalars(select(Job.id)))
        assert set(named.values()) - left == {named["edit"], named["failed"]}
        assert list(session.scalars(select(JobLog.job_id))) == [named["young"]]
        assert session.query(JobMetric).count() == 4
        assert trim_rows(session, any_service.settings, now()) == 0
    forever = any_service.settings.model_copy(update={"keep_logs_days": 0, "keep_jobs_days": 0})
    with any_service.services.sessions() as session:
        session.execute(update(Job).values(finished_at=now() - LONG_AGO))
        assert trim_rows(session, forever, now()) == 0


def test_files_that_nothing_names_are_listed_with_their_bytes_and_removed_by_a_job(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    assert image_id
    for key in keys(service):
        age(service, key)
    kept = keys(service)
    run = service.finished(dataset, "train", {})
    needed = [f"runs/{run}/events", "models_finetuned/by-hand/training.json"]
    gone = [
        "uploads/aa/0/a.zip", "runs/0123456789ab/events", "datasets/deleted/images/1.png",
        f"datasets/{dataset}/images/{'0' * 64}.png", "models_finetuned/half/config.json",
    ]  # fmt: skip
    for key in [*needed, *gone]:
        put(service, key)
    young = ["uploads/bb/0/a.zip", "runs/ba9876543210/events", f"datasets/{dataset}/images/1.png"]
    for key in young:  # somebody may be at it
        put(service, key, old=False)
    told = call("GET", "/retention")
    assert sum(one["size_bytes"] for one in told["totals"]) == 5 * len(gone)
    assert len(told["items"]) == len(gone)
    assert len(keys(service)) == len(kept) + len([*needed, *gone, *young])
    service.person("eve")("GET", "/retention", 403)
    call("POST", "/retention", 202)
    service.work_off()
    assert sorted(keys(service)) == sorted([*kept, *needed, *young])
    assert call("GET", "/retention")["items"] == []


def test_an_upload_that_a_waiting_job_still_reads_stays(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    put(service, "uploads/cc/0/a.png")
    with service.services.sessions() as session:
        session.add(
            Job(
                id="waits", kind="ingest", queue="cpu", state="queued", dataset_id=dataset,
                params={"uploads": [{"key": "uploads/cc/0/a.png", "name": "a.png"}]},
                progress={}, created_by="ada", notes=[],
            )
        )  # fmt: skip
    assert call("GET", "/retention")["items"] == []
