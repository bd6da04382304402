"""A training of two processes on the CPU, started with torchrun as on two GPUs."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import safetensors.torch
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from common.errors import GpuOutOfMemory
from tests.workers.conftest import wait_until
from tests.workers.gpu import tiny_clip
from tests.workers.gpu.children import Child, run_child
from workers.gpu.config import TrainConfig
from workers.gpu.training.memory import BatchLayout, LessMemoryNeeded, memory_shortage_told

IMAGES, VAL, BATCH, EPOCHS = 44, 8, 8, 3
STEPS = (IMAGES - VAL) // BATCH * EPOCHS


@pytest.fixture(scope="module")
def data(tmp_path_factory: Any) -> tuple[Path, list[dict[str, Any]]]:
    """(a tiny ViT's folder, pictures with captions). It has no BatchNorm: a step is exact."""
    folder = tmp_path_factory.mktemp("data")
    return tiny_clip.make_model_folder(folder), tiny_clip.draw_items(folder / "images", IMAGES)


def settings(
    folder: Path, data: tuple[Path, list[dict[str, Any]]], gpus: int, **changed: Any
) -> dict[str, Any]:
    base, items = data
    (folder / "work").mkdir(parents=True, exist_ok=True)
    params = {
        "model": tiny_clip.NAME, "pretrained": "tiny", "epochs": EPOCHS, "batch_size": BATCH,
        "lr": 1e-3, "warmup": 2, "gpus": gpus, **changed.pop("params", {}),
    }  # fmt: skip
    return {
        "job_id": "several", "params": params, "base": f"local-dir:{base}",
        "train": items[VAL:], "val": items[:VAL], "work_dir": str(folder / "work"),
        "runs_dir": str(folder / "runs"), "weights_dir": str(folder / "weights"), "device": "cpu",
        **changed,
    }  # fmt: skip


def losses(folder: Path) -> list[float]:
    """The loss of each step, of all executions."""
    found: dict[int, float] = {}
    for file in sorted((folder / "runs").glob("events.*"), key=lambda path: path.stat().st_mtime):
        events = EventAccumulator(str(file)).Reload()
        if "train/loss" in events.Tags()["scalars"]:
            found.update({point.step: point.value for point in events.Scalars("train/loss")})
    return [found[step] for step in sorted(found)]


def weights(child: Child) -> dict[str, torch.Tensor]:
    folder = Path(child.closing["model_folder"])
    return dict(safetensors.torch.load_file(folder / "open_clip_model.safetensors"))


def succeeded(child: Child, folder: Path) -> Child:
    errors = (folder / "training.child.stderr").read_text()
    assert child.closing["event"] == "result", f"{child.events[-5:]}\n{errors[-4000:]}"
    return child


@pytest.fixture(scope="module")
def alone(tmp_path_factory: Any, data: Any) -> tuple[Path, Child]:
    """The run in one process."""
    folder = tmp_path_factory.mktemp("alone")
    return folder, succeeded(run_child("training.child", settings(folder, data, 1), folder), folder)


def assert_same_run(folder: Path, child: Child, alone: tuple[Path, Child]) -> None:
    assert losses(folder) == pytest.approx(losses(alone[0]), abs=2e-5)
    theirs = weights(alone[1])
    for name, tensor in weights(child).items():
        assert torch.allclose(tensor, theirs[name], atol=2e-4), name


def test_two_processes_make_the_same_steps_as_one(
    data: Any, alone: tuple[Path, Child], tmp_path: Path
) -> None:
    child = succeeded(
        run_child("training.child", settings(tmp_path, data, 2), tmp_path, processes=2), tmp_path
    )
    assert len(losses(tmp_path)) == STEPS
    assert_same_run(tmp_path, child, alone)
    assert child.closing["steps"] == STEPS
    assert child.closing["recall_after"] == alone[1].closing["recall_after"]
    assert child.closing["gpus"] == 2
    assert len(child.named("result")) == 1
    assert not list((tmp_path / "work").glob("images.*"))


def test_two_processes_with_micro_batches_make_the_same_steps_too(
    data: Any, alone: tuple[Path, Child], tmp_path: Path
) -> None:
    config = settings(tmp_path, data, 2, rung=[2, True])
    child = succeeded(run_child("training.child", config, tmp_path, processes=2), tmp_path)
    assert (child.closing["micro_batch"], child.closing["accumulation"]) == (2, 2)
    assert_same_run(tmp_path, child, alone)


def after_steps(child: Child, count: int) -> None:
    child.wait_for(lambda event: event["event"] == "progress" and (event["done"] or 0) >= count)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: Any, data: Any) -> Callable[[int], Path]:
    """The folder of a run of so many processes that was stopped midway: each is made once, to be copied."""

    @functools.cache
    def stop_one(processes: int) -> Path:
        folder = Path(tmp_path_factory.mktemp("stopped"))
        config = settings(folder, data, processes)
        child = Child("training.child", config, folder, processes=processes, slow=True)
        after_steps(child, 3)
        child.stop()
        child.finish()
        assert child.closing["event"] == "stopped", child.events[-3:]
        assert child.closing["resumable"] is True
        assert 0 < child.closing["step"] < STEPS
        return folder

    return stop_one


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (2, 2)])
def test_a_stopped_run_goes_on_with_another_number_of_processes(
    data: Any, alone: tuple[Path, Child], stopped: Callable[[int], Path], tmp_path: Path,
    before: int, after: int,
) -> None:  # fmt: skip
    shutil.copytree(stopped(before), tmp_path, dirs_exist_ok=True)
    config = settings(tmp_path, data, after)
    again = succeeded(run_child("training.child", config, tmp_path, processes=after), tmp_path)
    assert any("Going on after step" in each["text"] for each in again.named("log"))
    assert_same_run(tmp_path, again, alone)


def ranks_of(child: Child) -> list[psutil.Process]:
    return psutil.Process(child.process.pid).children()


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_takes_the_others_along_and_the_run_goes_on_from_its_checkpoint(
    data: Any, alone: tuple[Path, Child], tmp_path: Path, rank: int
) -> None:
    config = settings(tmp_path, data, 2, checkpoint_every_s=0.0)
    child = Child("training.child", config, tmp_path, processes=2, slow=True)
    after_steps(child, 4)
    ranks = ranks_of(child)
    killed = time.monotonic()
    of_rank = {int(process.environ()["RANK"]): process for process in ranks}
    os.kill(of_rank[rank].pid, signal.SIGKILL)
    child.finish()
    assert time.monotonic() - killed < 15
    assert child.process.returncode == -signal.SIGKILL
    wait_until(lambda: not any(process.is_running() for process in ranks), what="their end")
    assert not child.named("error")
    again = succeeded(run_child("training.child", config, tmp_path, processes=2), tmp_path)
    assert any("Going on after step" in each["text"] for each in again.named("log"))
    assert_same_run(tmp_path, again, alone)


def test_early_stopping_and_the_best_epoch_are_the_same_in_all_processes(
    data: Any, tmp_path: Path
) -> None:
    params = {"epochs": 30, "early_stopping": 1, "lr": 0.02}
    config = settings(tmp_path, data, 2, params=params)
    child = succeeded(run_child("training.child", config, tmp_path, processes=2), tmp_path)
    assert child.closing["stopped_early"] is True
    assert child.closing["epochs_done"] < 30
    record = json.loads((Path(child.closing["model_folder"]) / "training.json").read_text())
    assert record["params"]["gpus"] == 2


def test_images_that_cannot_be_read_are_left_out_by_all_processes(
    data: Any, tmp_path: Path
) -> None:
    base, items = data
    shutil.copytree(Path(items[0]["path"]).parent, tmp_path / "images")
    moved = [{**item, "path": str(tmp_path / "images" / Path(item["path"]).name)} for item in items]
    Path(moved[VAL + 3]["path"]).write_bytes(b"no picture")
    config = settings(tmp_path, (base, moved), 2, params={"epochs": 1})
    child = succeeded(run_child("training.child", config, tmp_path, processes=2), tmp_path)
    assert [note["text"] for note in child.named("note") if "1 of 36" in note["text"]]
    assert child.closing["steps"] == (IMAGES - VAL - 1) // BATCH


def test_what_cannot_begin_says_so_once(data: Any, tmp_path: Path) -> None:
    config = settings(tmp_path, data, 2, params={"pretrained": "nowhere"}, base="")
    child = run_child("training.child", config, tmp_path, processes=2)
    (error,) = child.named("error")
    assert error["code"] == "training_failed_to_start"
    assert child.process.returncode == 1


def test_memory_that_ran_out_in_one_process_says_with_what_to_begin_again(
    data: Any, tmp_path: Path
) -> None:
    config = TrainConfig.model_validate(settings(tmp_path, data, 2))
    with pytest.raises(GpuOutOfMemory) as raised, memory_shortage_told(config):
        raise LessMemoryNeeded(BatchLayout(4, True))
    assert raised.value.details == {"rung": [4, True]}
