"""One training as a whole process, ours or the bare trainer's, timed from start to end."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.train_sets import TrainSet, write_tables
from common.models.catalogue import SMALL_MODEL, get_model

WARMUP_SHARE = 0.1
WEIGHT_DECAY = 0.1
SCRUBBED = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Task:
    """What both train: the same set, model, batch size and seed, for so many epochs."""

    data: TrainSet
    folder: Path
    epochs: int
    batch_size: int = 32
    seed: int = 0
    workers: int = 2  # of the bare trainer's loader
    model: str = SMALL_MODEL

    @property
    def lr(self) -> float:
        """The catalogue's rate for a model from scratch."""
        return get_model(self.model).scratch_lr


@dataclass
class Timed:
    """A finished run. weights: {what: file or folder}; recall: {what: figures of our evaluation}.

    weights: {of which epoch: file or folder}; recall: {of which epoch: figures of our evaluation}.
    steady: pairs a second while it trains, without start-up and evaluation; None when not told.
    parts_s: where the seconds went.
    """

    wall_s: float
    cpu_s: float  # of all its processes: says more than wall_s on a machine that others use too
    pairs: int
    passes: float  # over the distinct training images
    steady: float | None
    weights: dict[str, str] = field(default_factory=dict)
    recall: dict[str, dict[str, float]] = field(default_factory=dict)
    parts_s: dict[str, float] = field(default_factory=dict)

    @property
    def pairs_per_second(self) -> float:
        """Over the whole run, start-up included."""
        return self.pairs / self.wall_s


class Lines:
    """A process's lines, each with the second at which it came. Raises RuntimeError if it fails."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.lines: list[tuple[float, str]] = []
        began, cpu_began_s = time.monotonic(), _cpu_of_children_s()
        with log.open("wb") as errors:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env=_environment(),
                errors="replace",
            )  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                self.lines.append((time.monotonic() - began, line.rstrip()))
            code = process.wait()
        self.wall_s = time.monotonic() - began
        self.cpu_s = _cpu_of_children_s() - cpu_began_s  # its own processes' included
        if code:
            tail = log.read_text(errors="replace")[-1500:]
            raise RuntimeError(f"{' '.join(command)}: exit code {code}\n{tail}")


def _cpu_of_children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in SCRUBBED}


def run_ours(task: Task) -> Timed:
    """`python -m workers.gpu.training.child`, as a worker starts it."""
    work = task.folder
    work.mkdir(parents=True)
    config = work / "config.json"
    config.write_text(json.dumps(_our_config(task)), encoding="utf-8")
    ran = Lines([sys.executable, "-m", "workers.gpu.training.child", str(config)], work / "log")
    result = json.loads(ran.lines[-1][1])
    if result["event"] != "result":
        raise RuntimeError(f"our trainer ended with {result}")
    pairs = result["steps"] * task.batch_size
    passes = pairs / len(task.data.train)
    made = Timed(ran.wall_s, ran.cpu_s, pairs, passes, result["samples_per_second"])
    folder = Path(result["model_folder"])
    made.weights["best epoch"] = f"local-dir:{folder}"
    # A finished run keeps the best weights alone; of the last it keeps what they were measured to be.
    made.recall["last epoch"] = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    ready_s = next(at for at, line in ran.lines if "untuned model" in line)
    trained_s = float(result["trained_s"])
    made.parts_s = {
        "until the model and all images are there": ready_s,
        "training steps": trained_s,
        "evaluation, files, end": ran.wall_s - ready_s - trained_s,
    }
    return made


def _our_config(task: Task) -> dict[str, Any]:
    def items(part: list[tuple[Path, list[str]]]) -> list[dict[str, Any]]:
        return [{"path": str(path), "captions": captions} for path, captions in part]

    return {
        "job_id": "bench",
        "params": {
            "model": task.model, "pretrained": "", "epochs": task.epochs, "seed": task.seed,
            "batch_size": task.batch_size, "lr": task.lr, "weight_decay": WEIGHT_DECAY,
        },
        "train": items(task.data.train), "val": items(task.data.val),
        "work_dir": str(task.folder), "runs_dir": str(task.folder / "runs"),
        "weights_dir": str(task.folder / "weights"),
    }  # fmt: skip


def run_bare(task: Task) -> Timed:
    """open_clip's own trainer with the flags of its README: evaluation, TensorBoard and a checkpoint
    after each epoch; the same learning rate, weight decay, share of warmup and precision as ours.
    """
    task.folder.mkdir(parents=True)
    train, val = write_tables(task.data, task.folder)
    steps = task.data.pairs // task.batch_size * task.epochs
    asked = {
        "--train-data": train, "--val-data": val, "--dataset-type": "csv", "--model": task.model,
        "--epochs": task.epochs, "--batch-size": task.batch_size, "--lr": task.lr,
        "--wd": WEIGHT_DECAY, "--warmup": round(steps * WARMUP_SHARE), "--workers": task.workers,
        "--seed": task.seed, "--precision": _precision(), "--device": _device(),
        "--logs": task.folder, "--name": "bare", "--report-to": "tensorboard",
        "--save-frequency": 1, "--val-frequency": 1,
    }  # fmt: skip
    flags = [str(part) for pair in asked.items() for part in pair]
    command = [sys.executable, "-u", "-m", "bench.train_bare", *flags]
    ran = Lines(["sh", "-c", 'exec "$@" 2>&1', "sh", *command], task.folder / "log")
    last = task.folder / "bare" / "checkpoints" / f"epoch_{task.epochs}.pt"
    if not last.is_file():
        said = "\n".join(line for _, line in ran.lines[-20:])
        raise RuntimeError(f"the bare trainer made no {last.name}:\n{said}")
    pairs = steps * task.batch_size
    passes = pairs / len(task.data.train)
    made = Timed(ran.wall_s, ran.cpu_s, pairs, passes, _steady(ran, pairs // task.epochs))
    made.weights["last epoch"] = str(last)
    begun_s = next(at for at, line in ran.lines if "Start epoch" in line)
    made.parts_s = {"until the first epoch": begun_s, "epochs and evaluation": ran.wall_s - begun_s}
    return made


def _steady(ran: Lines, pairs_per_epoch: int) -> float | None:
    """From "Start epoch N" to the line of the epoch's last batch."""
    begun = [at for at, line in ran.lines if "Start epoch" in line]
    ended = [at for at, line in ran.lines if "Train Epoch" in line and "(100%)" in line]
    spans = [end - begin for begin, end in zip(begun[1:], ended[1:], strict=True)]
    return pairs_per_epoch / statistics.median(spans) if spans else None


def _has_gpu() -> bool:
    return subprocess.run(["sh", "-c", "nvidia-smi -L"], capture_output=True).returncode == 0


def _device() -> str:
    return "cuda" if _has_gpu() else "cpu"


def _precision() -> str:
    return "amp_bf16" if _has_gpu() else "fp32"
