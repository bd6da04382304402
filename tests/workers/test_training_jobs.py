"""Training and indexing as jobs of a real GPU-queue worker (on the CPU), with the small model."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from sqlalchemy import select

from common import job_reports, jobs
from common.schema import Dataset, Image, Job, Model, SearchIndex
from tests.workers.conftest import Backstage, kill_hard, open_backstage, wait_until
from workers.search import Searcher

SMALL = {"model": "clip-browser-small", "pretrained": ""}
RECALLS = {f"{way}_r{k}" for way in ("t2i", "i2t") for k in (1, 5, 10)}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: Any) -> Iterator[Backstage]:
    """A drawn, split dataset 'shapes' of 60 images, and a worker for it."""
    with open_backstage(
        tmp_path_factory.mktemp("training"), "", lease_s=10.0, checkpoint_every_s=2.0
    ) as opened:
        opened.start_beat()
        opened.start_worker("maintenance")
        opened.start_worker("cpu")
        opened.start_worker("gpu")
        with opened.parts.sessions() as session:
            session.add(Dataset(id="shapes", name="Shapes", created_by="anna", defaults={}))
        for kind, params in (("sample", {"count": 60}), ("split", {}), ("augment", {})):
            assert run(opened, kind, **params).state == "succeeded"
        yield opened


def start(stage: Backstage, kind: str, dataset: str = "shapes", **params: Any) -> str:
    with stage.parts.sessions() as session:
        job = jobs.create_job(session, kind, dataset_id=dataset, params=params, created_by="anna")
    stage.parts.queue.send_job(job, stage.parts.sessions)
    return job.id


def run(stage: Backstage, kind: str, dataset: str = "shapes", **params: Any) -> Job:
    job_id = start(stage, kind, dataset, **params)
    return stage.wait_for(job_id, "succeeded", "failed", "stopped", timeout_s=150)


def log_of(stage: Backstage, job_id: str) -> str:
    with stage.parts.readers() as session:
        return job_reports.read_log(session, job_id, 0)[0]


def series_of(stage: Backstage, job_id: str) -> dict[str, list[dict[str, Any]]]:
    with stage.parts.readers() as session:
        return job_reports.read_metrics(session, job_id)


def trained(stage: Backstage, job: Job) -> dict[str, Any]:
    assert job.state == "succeeded", f"{job.error}\n{log_of(stage, job.id)[-3000:]}"
    assert job.result is not None
    return job.result


@pytest.fixture(scope="module")
def finished(stage: Backstage) -> Job:
    """A training of six epochs."""
    return run(stage, "train", **SMALL, epochs=6, batch_size=16, name="six epochs")


def test_a_training_ends_with_a_model_that_plain_open_clip_loads(
    stage: Backstage, finished: Job, tmp_path: Path
) -> None:
    import open_clip

    result = trained(stage, finished)
    stage.parts.store.get_folder(f"models_finetuned/{result['model_id']}", tmp_path / "m")
    files = {path.name for path in (tmp_path / "m").iterdir()}
    assert files == {
        "open_clip_config.json", "open_clip_model.safetensors", "training.json", "metrics.jsonl",
        "README.md",
    }  # fmt: skip
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'm'}")
    assert model.visual.image_size == (64, 64) or model.visual.image_size == 64
    assert "64" in str(preprocess)
    written = json.loads((tmp_path / "m/training.json").read_text())
    assert written["job_id"] == finished.id
    assert written["lineage"]["snapshot_id"]
    with stage.parts.readers() as session:
        row = session.get_one(Model, result["model_id"])
    assert (row.name, row.architecture, row.job_id) == (
        "six epochs", "clip-browser-small", finished.id,
    )  # fmt: skip


def test_the_untuned_model_is_measured_first_and_every_series_is_there(
    stage: Backstage, finished: Job
) -> None:
    result = trained(stage, finished)
    assert set(result["recall_before"]) == set(result["recall_after"]) == RECALLS
    series = series_of(stage, finished.id)
    assert [point["epoch"] for point in series["val/t2i_r10"]] == list(range(7))
    assert series["val/t2i_r10"][0]["value"] == result["recall_before"]["t2i_r10"]
    losses = [point["value"] for point in series["train/loss"]]
    assert losses[-1] < losses[0]
    steps = [point["step"] for point in series["train/lr"]]
    assert steps == sorted(set(steps))
    assert list((stage.settings.data_dir / "runs" / finished.id).glob("events.out.tfevents.*"))


def test_a_stopped_training_goes_on_from_its_checkpoint_to_the_same_number_of_steps(
    stage: Backstage,
) -> None:
    params = {**SMALL, "epochs": 30, "batch_size": 16}
    job_id = start(stage, "train", **params)
    wait_until(lambda: len(series_of(stage, job_id).get("train/loss", [])) >= 5, 60, "five steps")
    with stage.parts.sessions() as session:
        jobs.request_stop(session, job_id, "save")
    asked = time.monotonic()
    stopped = stage.wait_for(job_id, "stopped", "succeeded", "failed")
    assert stopped.state == "stopped", log_of(stage, job_id)[-2000:]
    assert time.monotonic() - asked < 10
    with stage.parts.sessions() as session:
        job = jobs.requeue(session, job_id, fresh=False)
    stage.parts.queue.send_job(job, stage.parts.sessions)
    done = stage.wait_for(job_id, "succeeded", "failed", timeout_s=150)
    result = trained(stage, done)
    assert "Going on after step" in log_of(stage, job_id)
    assert result["epochs_done"] == 30
    steps = [point["step"] for point in series_of(stage, job_id)["train/lr"]]
    assert steps == sorted(set(steps))
    assert result["steps"] == max(steps) + 1 or result["steps"] == max(steps)


def test_a_training_whose_child_is_killed_goes_on_by_itself(stage: Backstage) -> None:
    job_id = start(stage, "train", **SMALL, epochs=20, batch_size=16)
    checkpoints = stage.settings.work_dir / job_id / "checkpoints"
    wait_until(lambda: any(checkpoints.glob("*.pt")), 90, "the first checkpoint")
    child = next(
        process for process in psutil.process_iter(["cmdline"])
        if "workers.gpu.train_child" in " ".join(process.info["cmdline"] or [])
        and job_id in " ".join(process.info["cmdline"] or [])
    )  # fmt: skip
    kill_hard(child.pid)
    done = stage.wait_for(job_id, "succeeded", "failed", timeout_s=150)
    assert trained(stage, done)["epochs_done"] == 20
    assert done.attempt == 2
    assert "Going on after step" in log_of(stage, job_id)


def test_a_batch_larger_than_the_rows_is_made_smaller_and_said_so(stage: Backstage) -> None:
    done = run(stage, "train", **SMALL, epochs=1, batch_size=4096)
    assert trained(stage, done)["steps"] >= 1
    assert any("4096" in note or "4,096" in note for note in done.notes), done.notes


def test_weights_that_are_nowhere_fail_at_once_and_say_where_to_place_them(
    stage: Backstage,
) -> None:
    began = time.monotonic()
    failed = run(stage, "train", model="ViT-B-32", pretrained="openai", epochs=1)
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error["code"] == "training_failed_to_start"
    assert str(stage.settings.weights_dir) in failed.error["remedy"]
    assert time.monotonic() - began < 30


def test_training_before_the_split_says_no_split(stage: Backstage) -> None:
    with stage.parts.sessions() as session:
        session.add(Dataset(id="bare", name="Bare", created_by="anna", defaults={}))
    failed = run(stage, "train", "bare", **SMALL)
    assert failed.error is not None
    assert failed.error["code"] == "no_split"


def test_training_goes_on_from_a_tuned_model(stage: Backstage, finished: Job) -> None:
    base = trained(stage, finished)
    params = {"model": "clip-browser-small", "pretrained": base["model_id"]}
    done = run(stage, "train", **params, epochs=1, lr=1e-5)
    assert trained(stage, done)["recall_before"] == pytest.approx(base["recall_after"], abs=0.001)


def test_an_index_finds_images_and_a_new_one_takes_its_place(
    stage: Backstage, finished: Job
) -> None:
    model_id = trained(stage, finished)["model_id"]
    first = run(stage, "index", model=model_id)
    assert first.result is not None, first.error
    assert (first.result["images"], first.result["skipped"]) == (60, [])
    answer = Searcher(stage.parts).answer(
        {"dataset_id": "shapes", "model_id": model_id, "q": "a red circle", "k": 5, "reply": "x"}
    )
    assert len(answer["hits"]) == 5
    with stage.parts.readers() as session:
        old = session.scalar(select(SearchIndex.prefix))
        missing = session.scalars(select(Image)).first()
    assert missing is not None
    assert old is not None
    vectors = np.load(stage.settings.data_dir / old / "embeddings.npy")
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    data = stage.parts.store.get_bytes(missing.key)
    stage.parts.store.put_bytes(missing.key, data[:50])
    second = run(stage, "index", model=model_id)
    stage.parts.store.put_bytes(missing.key, data)
    assert second.result is not None, second.error
    assert [entry["image_id"] for entry in second.result["skipped"]] == [missing.id]
    assert not stage.parts.store.exists(f"{old}/index.faiss")
