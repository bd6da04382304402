"""Jobs that exist for tests alone, run by real worker processes: `celery -A tests.workers.probe_jobs`."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from celery import signals

from common.errors import GpuOutOfMemory, NoCaptions
from common.jobs.kinds import CPU
from tests.workers.probe_kinds import PROBES
from workers.runtime import child_io
from workers.runtime.app import app
from workers.runtime.child import run_child
from workers.runtime.job_bodies import register_bodies
from workers.runtime.job_context import JobContext

celery_app = app
register_bodies(CPU, {name: f"tests.workers.probe_jobs:{name}" for name in PROBES})


@signals.worker_ready.connect
def hang_when_told(**_: object) -> None:
    """SIGUSR2 lets the worker's loop hang, as a fault in it would; its threads go on."""
    signal.signal(signal.SIGUSR2, lambda *_: time.sleep(60))


@app.task(name="probe.sleep")
def sleep_for(seconds: float) -> None:
    """A message that takes long, as a search does whose model is loaded."""
    time.sleep(seconds)


def practice(ctx: JobContext) -> dict[str, Any]:
    """Notes each execution in a file, then does what its params say."""
    with Path(ctx.job.params["marks"]).open("a", encoding="utf-8") as marks:
        marks.write(f"begin {os.getpid()} {ctx.job.attempt} {ctx.job.id}\n")
    steps = int(ctx.job.params.get("steps", 3))
    for step in range(steps):
        ctx.check_stop()
        ctx.report(done=step + 1, total=steps, unit="steps", message="probing", depth=step)
        ctx.metric("probe/depth", step, float(step))
        ctx.log(f"step {step}")
        time.sleep(float(ctx.job.params.get("step_s", 0.01)))
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
    """The child: one step each 50 ms, the count on disk after each."""
    counter = Path(config["counter"] + os.environ.get("RANK", ""))
    start = int(counter.read_text()) if counter.exists() else 0
    Path(config["pids"]).open("a").write(f"{os.getpid()}\n")
    print("a stray line on stdout")
    for step in range(start, int(config["steps"])):
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


if __name__ == "__main__":
    child_io.main(count)
