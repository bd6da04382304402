"""Trainings whose dataset, images, base model or numbers are not what they should be, as real jobs."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from sqlalchemy import delete, select

from common.db.tables import Dataset, Image, Job, Model
from tests.workers.conftest import Backstage, wait_until
from tests.workers.trainings import (
    OVER,
    SMALL,
    add_dataset,
    children_of,
    log_of,
    open_training_stage,
    run,
    start,
    trained,
    wait_for_steps,
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: Any) -> Iterator[Backstage]:
    """A dataset 'shapes' of 40 images, and a worker for it."""
    with open_training_stage(tmp_path_factory.mktemp("bad-input"), images=40) as opened:
        yield opened


def remove_dataset(stage: Backstage, dataset: str) -> None:
    """As the API deletes it: its jobs are asked to end, its files go, then its row and theirs."""
    from common.jobs import states

    with stage.services.sessions() as session:
        active = select(Job.id).where(Job.dataset_id == dataset, Job.state.in_(states.ACTIVE))
        for job_id in session.scalars(active).all():
            states.request_stop(session, job_id, "kill")
    for kind in ("datasets", "indexes", "maps"):
        stage.services.store.delete_prefix(f"{kind}/{dataset}")
    with stage.services.sessions() as session:
        session.execute(delete(Dataset).where(Dataset.id == dataset))


def known_files(stage: Backstage, *words: str) -> list[str]:
    return [
        item.key for item in stage.services.store.list() if any(word in item.key for word in words)
    ]


def test_a_dataset_deleted_while_its_run_is_queued_leaves_nothing(stage: Backstage) -> None:
    add_dataset(stage, "queued", 12)
    before = start(stage, "train", **SMALL, epochs=200, batch_size=16)
    wait_for_steps(stage, before, 1)  # the only worker is busy
    waiting = start(stage, "train", "queued", **SMALL, epochs=1)
    remove_dataset(stage, "queued")
    stop_it(stage, before)
    after = run(stage, "train", **SMALL, epochs=1, batch_size=16)
    trained(stage, after)  # the worker goes on with what comes
    with stage.services.readers() as session:
        assert session.get(Job, waiting) is None
    assert known_files(stage, waiting, "datasets/queued") == []
    assert not (stage.settings.work_dir / waiting).exists()


def stop_it(stage: Backstage, job_id: str) -> None:
    from common.jobs import states

    with stage.services.sessions() as session:
        states.request_stop(session, job_id, "kill")
    stage.wait_for(job_id, "stopped")


def test_a_dataset_deleted_while_its_run_trains_ends_the_run_and_leaves_nothing(
    stage: Backstage,
) -> None:
    add_dataset(stage, "running", 24)
    job_id = start(stage, "train", "running", **SMALL, epochs=300, batch_size=8)
    wait_for_steps(stage, job_id, 3)
    removed = time.monotonic()
    remove_dataset(stage, "running")
    wait_until(lambda: not children_of(job_id), 10, "the end of the child")
    assert time.monotonic() - removed < 5
    folder = stage.settings.work_dir / job_id
    wait_until(lambda: not folder.exists(), 10, "the removal of its folder")
    assert known_files(stage, job_id, "datasets/running", "running") == []
    with stage.services.readers() as session:
        assert session.scalars(select(Model).where(Model.job_id == job_id)).all() == []


def test_a_model_stays_when_its_dataset_is_deleted(stage: Backstage) -> None:
    add_dataset(stage, "gone", 24)
    model_id = trained(stage, run(stage, "train", "gone", **SMALL, epochs=1))["model_id"]
    remove_dataset(stage, "gone")
    with stage.services.readers() as session:
        assert session.get_one(Model, model_id).dataset_id is None
    assert stage.services.store.exists(f"models_finetuned/{model_id}/open_clip_model.safetensors")
    on = run(stage, "train", model=SMALL["model"], pretrained=model_id, epochs=1)
    assert trained(stage, on)["model_id"] != model_id


def test_images_missing_from_the_store_are_left_out_and_said(stage: Backstage) -> None:
    add_dataset(stage, "holes", 24)
    images = [
        item.key
        for item in stage.services.store.list("datasets/holes/images")
        if stage.services.store.get_bytes("datasets/holes/train_original.csv").find(
            item.key.rsplit("/", 1)[-1].encode()
        ) > 0
    ]  # fmt: skip
    for key in images[:3]:
        stage.services.store.delete(key)
    done = run(stage, "train", "holes", **SMALL, epochs=1)
    trained(stage, done)
    assert any("3 of" in note and "could not be read" in note for note in done.notes), done.notes


def test_images_that_are_damaged_or_too_long_are_named_and_left_out_of_training_and_index(
    stage: Backstage,
) -> None:
    add_dataset(stage, "spoilt", 24)
    with stage.services.readers() as session:
        found = select(Image).where(Image.dataset_id == "spoilt").order_by(Image.id)
        broken, long, *_ = session.scalars(found).all()
    strip = io.BytesIO()
    Pillow.new("L", (1, 150_000)).save(strip, "PNG")
    stage.services.store.put_bytes(broken.key, b"\x89PNG\r\n\x1a\nno more")
    stage.services.store.put_bytes(long.key, strip.getvalue())
    names = {broken.filename, long.filename}
    done = run(stage, "train", "spoilt", **SMALL, epochs=1)
    result = trained(stage, done)
    assert result["skipped_count"] == 2
    assert {each["name"] for each in result["skipped"]} == names
    assert any("1 x 150000" in each["reason"] for each in result["skipped"])
    indexed = run(stage, "index", "spoilt", model=result["model_id"])
    assert trained(stage, indexed)["images"] == 22
    assert {each["name"] for each in trained(stage, indexed)["skipped"]} == names
    assert all(name in indexed.notes[0] for name in names)


def test_a_dataset_without_any_image_in_the_store_says_so(stage: Backstage) -> None:
    add_dataset(stage, "empty", 12)
    stage.services.store.delete_prefix("datasets/empty/images")
    failed = run(stage, "train", "empty", **SMALL, epochs=1)
    assert failed.error is not None, failed.state
    assert failed.error["code"] == "training_failed_to_start"
    assert "None of the" in failed.error["message"]
    assert "artifact store" in failed.error["remedy"]


def test_a_base_model_whose_folder_is_gone_says_so(stage: Backstage) -> None:
    base = trained(stage, run(stage, "train", **SMALL, epochs=1))["model_id"]
    stage.services.store.delete_prefix(f"models_finetuned/{base}")
    failed = run(stage, "train", model=SMALL["model"], pretrained=base, epochs=1)
    assert failed.error is not None, failed.state
    assert failed.error["code"] == "training_failed_to_start"
    assert base in failed.error["message"]
    assert failed.error["remedy"]


def test_a_run_that_diverges_keeps_its_last_good_weights_as_a_model(stage: Backstage) -> None:
    add_dataset(stage, "diverging", 20)
    # Without validation images the newest epoch counts as the best: some epoch is, for certain.
    for line in (
        stage.services.store.get_bytes("datasets/diverging/val.csv").decode().splitlines()[1:]
    ):
        stage.services.store.delete(f"datasets/diverging/{line.split(chr(9))[0]}")
    params = {"epochs": 60, "batch_size": 8, "lr": 1.0, "warmup": 10, "weight_decay": 10.0}
    failed = run(stage, "train", "diverging", **{**SMALL, **params})
    assert failed.error is not None, log_of(stage, failed.id)[-2000:]
    assert failed.error["code"] == "training_diverged"
    details = failed.error["details"]
    assert set(details) == {"best_epoch", "model_id"}
    assert details["best_epoch"] >= 1
    with stage.services.readers() as session:
        row = session.get_one(Model, details["model_id"])
    assert row.metrics["best_epoch"] == details["best_epoch"]
    assert row.lineage is not None
    assert row.lineage["snapshot_sha256"].startswith(row.lineage["snapshot_id"])
    assert row.lineage["caption_revisions"]["captions"] == 20
    assert stage.services.store.exists(f"{row.folder}/open_clip_model.safetensors")
    assert any(details["model_id"] in note for note in failed.notes)


def test_folders_of_jobs_that_are_gone_are_swept(stage: Backstage) -> None:
    left: Path = stage.settings.work_dir / "0123456789ab"
    other = stage.settings.work_dir / "models"
    for folder in (left, other):
        folder.mkdir(exist_ok=True)
        (folder / "file").write_bytes(b"x")
    done = run(stage, "train", **SMALL, epochs=1)
    assert done.state in OVER
    assert not left.exists()
    assert (other / "file").exists()
    shutil.rmtree(other)
