"""Training and indexing as jobs of a real GPU-queue worker (on the CPU), with the small model."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from common.db.tables import Dataset, Image, Job, Model, SearchIndex
from tests.workers.conftest import Backstage, kill_hard, wait_until
from tests.workers.trainings import (
    SMALL,
    add_dataset,
    children_of,
    go_on,
    log_of,
    open_training_stage,
    run,
    series_of,
    start,
    stop,
    trained,
    wait_for_steps,
)
from workers.search.queries import Searcher

LONG = 40  # epochs: some seconds, in which a run is stopped or killed
RECALLS = {f"{way}_r{k}" for way in ("t2i", "i2t") for k in (1, 5, 10)}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: Any) -> Iterator[Backstage]:
    """A dataset 'shapes' of 60 images, and a worker for it."""
    with open_training_stage(tmp_path_factory.mktemp("training")) as opened:
        yield opened


@pytest.fixture(scope="module")
def finished(stage: Backstage) -> Job:
    """A training of six epochs."""
    return run(stage, "train", **SMALL, epochs=6, batch_size=16, name="six epochs")


def test_a_training_ends_with_a_model_that_plain_open_clip_loads(
    stage: Backstage, finished: Job, tmp_path: Path
) -> None:
    import open_clip

    result = trained(stage, finished)
    stage.services.store.get_folder(f"models_finetuned/{result['model_id']}", tmp_path / "m")
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
    with stage.services.readers() as session:
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
    job_id = start(stage, "train", **SMALL, epochs=LONG, batch_size=16)
    wait_for_steps(stage, job_id, 5)
    children = children_of(job_id)
    asked = stop(stage, job_id)
    stopped = stage.wait_for(job_id, "stopped", "succeeded", "failed")
    took_s = time.monotonic() - asked
    assert stopped.state == "stopped", log_of(stage, job_id)[-2000:]
    assert took_s < 5, took_s  # 2 s on a machine that does nothing else: see docs/benchmarks.md
    assert not any(child.is_running() for child in children)
    assert stopped.result is not None
    assert stopped.result["resumable"] is True
    go_on(stage, job_id)
    done = stage.wait_for(job_id, "succeeded", "failed", timeout_s=280)
    result = trained(stage, done)
    assert "Going on after step" in log_of(stage, job_id)
    assert result["epochs_done"] == LONG
    steps = [point["step"] for point in series_of(stage, job_id)["train/lr"]]
    assert steps == sorted(set(steps))
    assert result["steps"] == max(steps) + 1 or result["steps"] == max(steps)


def test_a_training_goes_on_with_the_captions_it_began_with_whatever_became_of_the_split(
    stage: Backstage,
) -> None:
    add_dataset(stage, "moved", 40)
    job_id = start(stage, "train", "moved", **SMALL, epochs=LONG, batch_size=16)
    wait_for_steps(stage, job_id, 5)
    stop(stage, job_id)
    stage.wait_for(job_id, "stopped")
    with stage.services.readers() as session:
        before = session.get_one(Dataset, "moved").snapshot_id
    assert run(stage, "split", "moved", seed=7, val_fraction=0.4).state == "succeeded"
    go_on(stage, job_id)
    done = stage.wait_for(job_id, "succeeded", "failed", timeout_s=280)
    assert "Going on after step" in log_of(stage, job_id)
    with stage.services.readers() as session:
        model = session.get_one(Model, trained(stage, done)["model_id"])
        assert session.get_one(Dataset, "moved").snapshot_id != before
    assert model.lineage is not None
    assert model.lineage["snapshot_id"] == before


def test_a_training_is_ended_at_once_when_somebody_says_kill(stage: Backstage) -> None:
    job_id = start(stage, "train", **SMALL, epochs=LONG, batch_size=16)
    wait_for_steps(stage, job_id, 3)
    asked = stop(stage, job_id, "kill")
    assert stage.wait_for(job_id, "stopped", "succeeded", "failed").state == "stopped"
    assert time.monotonic() - asked < 3
    assert children_of(job_id) == []


def test_a_training_that_is_retried_begins_from_the_start(stage: Backstage) -> None:
    job_id = start(stage, "train", **SMALL, epochs=LONG, batch_size=16)
    wait_for_steps(stage, job_id, 3)
    stop(stage, job_id)
    stage.wait_for(job_id, "stopped")
    go_on(stage, job_id, fresh=True)
    done = stage.wait_for(job_id, "succeeded", "failed", timeout_s=280)
    assert trained(stage, done)["epochs_done"] == LONG
    assert "Going on after step" not in log_of(stage, job_id)


def test_a_training_whose_child_is_killed_goes_on_by_itself(stage: Backstage) -> None:
    job_id = start(stage, "train", **SMALL, epochs=LONG, batch_size=16)
    checkpoints = stage.settings.work_dir / job_id / "checkpoints"
    wait_until(lambda: any(checkpoints.glob("*.pt")), 90, "the first checkpoint")
    (child,) = children_of(job_id)
    kill_hard(child.pid)
    done = stage.wait_for(job_id, "succeeded", "failed", timeout_s=280)
    assert trained(stage, done)["epochs_done"] == LONG
    assert done.attempt == 2
    assert "Going on after step" in log_of(stage, job_id)


def test_a_training_on_two_gpus_runs_as_two_processes_without_any(stage: Backstage) -> None:
    job_id = start(stage, "train", **SMALL, epochs=LONG, batch_size=17, gpus=2)
    wait_for_steps(stage, job_id, 3)
    processes = children_of(job_id)
    assert len(processes) == 3  # torchrun and two that train
    stop(stage, job_id)
    stopped = stage.wait_for(job_id, "stopped", "succeeded", "failed")
    assert stopped.state == "stopped", log_of(stage, job_id)[-2000:]
    assert not any(process.is_running() for process in processes)
    assert any("17" in note and "16" in note for note in stopped.notes), stopped.notes
    go_on(stage, job_id)
    stage.wait_for(job_id, "running")
    wait_until(lambda: "Going on after step" in log_of(stage, job_id), 60, "its going on")
    kill_hard(children_of(job_id)[-1].pid)
    done = stage.wait_for(job_id, "succeeded", "failed", timeout_s=280)
    result = trained(stage, done)
    assert (result["gpus"], result["epochs_done"], done.attempt) == (2, LONG, 2)


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
    with stage.services.sessions() as session:
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
    answer = Searcher(stage.services).answer(
        {"dataset_id": "shapes", "model_id": model_id, "q": "a red circle", "k": 5, "reply": "x"}
    )
    assert len(answer["hits"]) == 5
    with stage.services.readers() as session:
        old = session.scalar(select(SearchIndex.prefix))
        missing = session.scalars(select(Image)).first()
    assert missing is not None
    assert old is not None
    vectors = np.load(stage.settings.data_dir / old / "embeddings.npy")
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    data = stage.services.store.get_bytes(missing.key)
    stage.services.store.put_bytes(missing.key, data[:50])
    second = run(stage, "index", model=model_id)
    stage.services.store.put_bytes(missing.key, data)
    assert second.result is not None, second.error
    assert [entry["image_id"] for entry in second.result["skipped"]] == [missing.id]
    assert not stage.services.store.exists(f"{old}/index.faiss")
