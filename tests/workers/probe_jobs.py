"""Jobs that exist for tests alone, run by real worker processes: `celery -A tests.workers.probe_jobs`."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import signals

from common.errors import GpuOutOfMemory, NoCaptions
from common.jobs.kinds import CPU
from common.settings import load_settings
from tests.workers.probe_kinds import HOLDS, LOADS, PROBES
from workers.runtime import child_io
from workers.runtime.app import app
from workers.runtime.child import run_child
from workers.runtime.fleet import activity
from workers.runtime.job_bodies import register_bodies
from workers.runtime.job_context import JobContext

celery_app = app
loading_really, report_really = activity.loading, JobContext.report


@contextmanager
def loading(name: str) -> Iterator[None]:
    """A load that takes as long as a test wants."""
    with loading_really(name):
        while (load_settings().data_dir / LOADS).exists():
            time.sleep(0.02)
        yield


def report(ctx: JobContext, done: int | None = None, *further: Any, **facts: Any) -> None:
    """A report, from which a job may not come back before it may."""
    report_really(ctx, done, *further, **facts)
    while done is not None and is_held(ctx, done):
        time.sleep(0.02)


def is_held(ctx: JobContext, done: int) -> bool:
    """Whether a test wants it to wait at this place; one that is to stop does not."""
    try:
        unit, least = (ctx.settings.data_dir / HOLDS).read_text().split()
    except FileNotFoundError:
        return False
    is_there = ctx._progress.get("unit") == unit and done >= int(least)
    return is_there and not ctx.stop_requested


activity.loading = loading
JobContext.report = report  # type: ignore[method-assign]
register_bodies(CPU, {name: f"tests.workers.probe_jobs:{name}" for name in PROBES})


@signals.worker_ready.connect
def hang_when_told(**_: object) -> None:
    """SIGUSR2 lets the worker's loop hang, as a fault in it would; its threads go on."""
    signal.signal(signal.SIGUSR2, hang)


def hang(*_: object) -> None:
    """Says so on standard error first."""
    os.write(2, b"hangs\n")
    time.sleep(600)


@app.task(name="probe.wait")
def wait_for(gate: str) -> None:
    """A message that takes long, as a search does whose model is loaded."""
    while not Path(gate).exists():
        time.sleep(0.02)


def practice(ctx: JobContext) -> dict[str, Any]:
    """Notes each execution in a file, then does what its params say.

    waits: it goes on making steps until the gate is open.
    """
    with Path(ctx.job.params["marks"]).open("a", encoding="utf-8") as marks:
        marks.write(f"begin {os.getpid()} {ctx.job.attempt} {ctx.job.id}\n")
    steps = int(ctx.job.params.get("steps", 3))
    gate = Path(ctx.job.params["gate"]) if ctx.job.params.get("waits") else None
    for step in itertools.count():
        if step >= steps and (gate is None or gate.exists()):
            break
        ctx.check_stop()
        ctx.report(
            done=step + 1, total=max(steps, step + 1), unit="steps", message="probing", depth=step
        )
        ctx.metric("probe/depth", step, float(step))
        ctx.log(f"step {step}")
        time.sleep(float(ctx.job.params.get("step_s", 0.1 if gate else 0.01)))
    if ctx.job.params.get("fail"):
        raise NoCaptions("No index.csv found: there are no captions.")
    if ctx.job.params.get("crash"):
        raise ZeroDivisionError("a fault of ours")
    return {"steps": steps}


def probe_child(ctx: JobContext) -> dict[str, Any]:
    """The same in a child process that counts, saves when stopped and goes on from there."""
    Path(ctx.job.params["marks"]).open("a").write(f"begin {os.getpid()} {ctx.job.attempt}\n")
    config = {**ctx.job.params, "counter": str(ctx.work_dir / "counter")}
    return run_child(
        ctx, "tests.workers.probe_jobs", config,
        grace_s=float(config.get("grace_s", 5.0)), processes=int(config.get("processes", 1)),
        gpus=config.get("gpus", ()),
    )  # fmt: skip


def count(emitter: child_io.Emitter, config: dict[str, Any]) -> dict[str, Any]:
    """The child: one step each 50 ms, the count on disk after each.

    waits: its last step is not made before the gate is open.
    """
    counter = Path(config["counter"] + os.environ.get("RANK", ""))
    start = int(counter.read_text()) if counter.exists() else 0
    Path(config["pids"]).open("a").write(f"{os.getpid()}\n")
    print("a stray line on stdout")
    for step in range(start, int(config["steps"])):
        while config.get("waits") and step == int(config["steps"]) - 1 and not is_free(config):
            time.sleep(0.02)
        if child_io.stop_event().is_set() and not config.get("deaf"):
            with emitter.saving():
                time.sleep(float(config.get("save_s", 0)))
            time.sleep(float(config.get("linger_s", 0)))
            raise child_io.Stopped(saved_at=step)
        part = counter.with_suffix(".part")
        part.write_text(str(step + 1))
        part.replace(counter)  # whole or not at all: a test may kill this process right here
        if config.get("keeps"):
            emitter.reached(step + 1)
        if not config.get("silent"):
            emitter.progress(done=step + 1, total=int(config["steps"]), unit="steps")
        time.sleep(0.05)
    if config.get("failing_rank") == os.environ.get("RANK", "-"):
        raise GpuOutOfMemory("It does not fit into the GPU's memory.")
    if config.get("exit_code"):
        sys.stderr.write("out of luck\n")
        sys.exit(int(config["exit_code"]))
    seen = {"gpus": os.environ["CUDA_VISIBLE_DEVICES"]} if config.get("gpus") else {}
    return {"began_at": start, "ended_at": int(config["steps"]), **seen}


def is_free(config: dict[str, Any]) -> bool:
    """Whether it need not wait any longer: for the gate, or as it was asked to stop."""
    return Path(config["gate"]).exists() or child_io.stop_event().is_set()


if __name__ == "__main__":
    child_io.main(count)
