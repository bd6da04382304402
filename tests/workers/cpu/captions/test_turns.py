"""A long import on the only CPU worker: others have their turn, it stops at once, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from common.captions.csv_files import write_rows
from common.db.tables import Caption, CaptionRevision, Dataset, Image, Job
from common.jobs import states
from tests.captions import save_one
from tests.workers.conftest import Backstage, open_backstage, wait_until
from workers.cpu.captions.saving import Save
from workers.runtime.job_context import SLICE_S

IMAGES = {"large": 1500, "stopped": 3000, "shared": 3000, "small": 0}  # of each dataset
EACH = 10  # captions of an image


def table(dataset: str) -> list[tuple[str, str]]:
    return [
        (f"set/{number}.png", f"a picture of thing {number} seen {place} times")
        for number in range(IMAGES[dataset])
        for place in range(EACH)
    ]


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backstage]:
    """One worker for the CPU queue; datasets of many images, and an empty one."""
    with open_backstage(tmp_path_factory.mktemp("turns"), "") as opened:
        fill(opened)
        opened.start_worker("cpu")
        yield opened


def fill(stage: Backstage) -> None:
    with stage.services.sessions() as session:
        for name in IMAGES:
            session.add(Dataset(id=name, name=name, created_by="anna", defaults={}))
        session.flush()
        session.add_all(
            Image(
                dataset_id=name, sha256=f"{number:064x}", ext="png", filename=f"set/{number}.png",
                width=1, height=1, size_bytes=1, phash="0" * 40,
            )
            for name, count in IMAGES.items()
            for number in range(count)
        )  # fmt: skip


def queued(session: Session, kind: str, dataset: str, person: str, **params: Any) -> Job:
    return states.create_job(session, kind, dataset_id=dataset, params=params, created_by=person)


def send_table(stage: Backstage, dataset: str) -> str:
    """Anna's import; the job's id."""
    upload = {"key": f"uploads/{dataset}/0/all.csv", "name": "all.csv"}
    stage.services.store.put_bytes(upload["key"], write_rows(table(dataset)))
    with stage.services.sessions() as session:
        job = queued(session, "import_captions", dataset, "anna", upload=upload)
    stage.services.queue.send_job(job, stage.services.sessions)
    return job.id


def written(stage: Backstage, dataset: str) -> int:
    found = select(func.count()).select_from(CaptionRevision).join(Image)
    with stage.services.readers() as session:
        return session.scalar(found.where(Image.dataset_id == dataset)) or 0


def test_somebody_elses_small_job_has_its_turn_while_a_table_is_imported(
    worked: Backstage,
) -> None:
    worked.hold_jobs("captions", 0)
    long = send_table(worked, "large")
    wait_until(lambda: worked.job(long).progress.get("message") == "saving captions")
    # It has read its table, and its slice is over before its first portion, however fast the machine.
    time.sleep(SLICE_S)
    with worked.services.sessions() as session:
        last = session.scalars(
            select(Image).where(Image.dataset_id == "large").order_by(Image.id.desc()).limit(1)
        ).one()
        assert written(worked, "large") == 0
        save_one(session, Save(last.id, "typed by hand", 0, "by-hand", "ben"))
        job = queued(session, "sample", "small", "ben", count=2)
    worked.services.queue.send_job(job, worked.services.sessions)
    worked.let_go()
    small = job.id
    assert worked.wait_for(small, "succeeded", "failed").state == "succeeded"
    done = worked.wait_for(long, "succeeded", "failed")
    assert done.state == "succeeded", done.error
    first = worked.job(small).finished_at
    assert first is not None
    assert done.finished_at is not None
    assert first < done.finished_at
    assert done.attempt == 1
    assert done.result is not None
    assert done.result["rejected_count"] == 1
    assert done.result["rejected"][0]["name"] == f"set/{IMAGES['large'] - 1}.png"
    assert done.result["written"] == IMAGES["large"] * EACH - 1
    with worked.services.readers() as session:
        heads = dict(session.execute(
            select(Caption.revision, func.count()).join(Image).where(Image.dataset_id == "large")
            .group_by(Caption.revision)
        ).all())  # fmt: skip
        typed = session.scalar(
            select(Caption.text).where(Caption.image_id == last.id, Caption.slot == 0)
        )
    assert heads == {1: IMAGES["large"] * EACH}
    assert typed == "typed by hand"


def portions_s(stage: Backstage, dataset: str) -> float:
    """Seconds between the first portion that was written and the last."""
    found = select(func.min(CaptionRevision.created_at), func.max(CaptionRevision.created_at))
    with stage.services.readers() as session:
        first, last = session.execute(found.join(Image).where(Image.dataset_id == dataset)).one()
    return float((last - first).total_seconds())


def test_who_writes_beside_an_import_does_not_wait_for_its_end(worked: Backstage) -> None:
    job_id = send_table(worked, "shared")
    waits_s = []
    while worked.job(job_id).state in states.ACTIVE:
        asked = time.monotonic()
        with worked.services.sessions() as session:
            session.execute(update(Dataset).where(Dataset.id == "small").values(name=f"{asked}"))
        waits_s.append(time.monotonic() - asked)
        time.sleep(0.05)
    assert worked.job(job_id).state == "succeeded"
    assert max(waits_s) < portions_s(worked, "shared") / 2


@pytest.mark.timed
def test_an_import_that_is_to_stop_begins_no_further_portion(worked: Backstage) -> None:
    worked.hold_jobs("captions", 1)
    job_id = send_table(worked, "stopped")
    wait_until(lambda: worked.job(job_id).progress.get("message") == "saving captions")
    wait_until(lambda: worked.job(job_id).progress["done"] > 0, what="the first portion")
    before = written(worked, "stopped")
    assert 0 < before < IMAGES["stopped"] * EACH
    with worked.services.sessions() as session:
        states.request_stop(session, job_id, "save")
    asked = time.monotonic()
    assert worked.wait_for(job_id, "stopped", "succeeded").state == "stopped"
    assert time.monotonic() - asked < 5  # a second of an idle machine
    assert written(worked, "stopped") == before
