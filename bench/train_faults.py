"""`python -m bench.train_faults`: how long stopping a training takes, and what a crash costs.

python -m bench.train_faults [--rounds 5] [--crashes 2] [--checkpoint-every 5]

A real stack with the small model in training. Stop: from the request to the state `stopped` as the API
tells it, with the child gone. Crash: `kill -9` of the child, of its worker, of all workers; from there
to the next step of the same job, and how many seconds of steps had to be made again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from bench.stack import Stack, running_stack

CHILD = "workers.gpu.training.child"
POLL_S = 0.02
TRAIN = {"model": "clip-browser-small", "pretrained": "", "epochs": 1000, "batch_size": 32}
WAIT_S = 300.0


class Run:
    """A training of a running stack, and its child process."""

    def __init__(self, stack: Stack, dataset: str) -> None:
        self._stack = stack
        self.id = str(stack.start_job(dataset, "train", **TRAIN)["id"])

    def job(self) -> dict[str, Any]:
        """As the API tells it."""
        job: dict[str, Any] = self._stack.call("GET", f"/jobs/{self.id}")
        return job

    def step(self) -> int:
        """Steps done."""
        return int(self.job()["progress"]["done"] or 0)

    def is_stepping(self) -> bool:
        """Whether it says that it is in an epoch, and not that it loads or evaluates something."""
        return str(self.job()["progress"]["message"]).startswith("epoch ")

    def child(self) -> psutil.Process | None:
        """The process that trains, if there is one."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                line = process.cmdline()
                if CHILD in line and any(self.id in word for word in line):
                    return process
        return None

    def checkpoints(self) -> list[Path]:
        """Its checkpoint files, oldest first."""
        work = self._stack.data_dir / "work" / self.id
        return sorted(work.glob("checkpoints/step_*.pt"))

    def wait(self, what: str, fits: Callable[[], bool]) -> float:
        """Seconds until it is so. Raises TimeoutError."""
        began = time.monotonic()
        while not fits():
            if time.monotonic() - began > WAIT_S:
                raise TimeoutError(f"{what}: not within {WAIT_S:.0f} s; {self.job()}")
            time.sleep(POLL_S)
        return time.monotonic() - began

    def wait_for_steps(self, more: int) -> None:
        """Until it trains and has made so many more steps."""
        self.wait("running", lambda: self.job()["state"] == "running" and self.child() is not None)
        first = self.step()
        self.wait("steps", lambda: self.step() >= first + more)

    def request(self, action: str, **body: Any) -> None:
        """POST /jobs/<id>/<action>."""
        self._stack.call("POST", f"/jobs/{self.id}/{action}", json=body)


def main() -> None:
    """Start a stack in a temporary folder, measure, print a table and JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="stops of each kind")
    parser.add_argument("--crashes", type=int, default=2, help="of each kind, at most 6")
    parser.add_argument(
        "--checkpoint-every", type=float, default=5.0, metavar="S",
        help="CLIP_BROWSER_CHECKPOINT_EVERY_S; its default of 60 s makes crashes take long to measure",
    )  # fmt: skip
    arguments = parser.parse_args()
    settings = {
        "CLIP_BROWSER_CHECKPOINT_EVERY_S": str(arguments.checkpoint_every),
        "CLIP_BROWSER_MAX_ATTEMPTS": "20",  # one job is killed again and again
    }
    with tempfile.TemporaryDirectory(prefix="clip-browser-faults-") as folder:
        with running_stack(Path(folder) / "data", **settings) as stack:
            threading.Thread(target=_drain, args=(stack,), daemon=True).start()
            report = measure(stack, arguments)
    for name, figures in report.items():
        print(f"{name:42} {figures}")
    print(json.dumps(report))


def measure(stack: Stack, arguments: argparse.Namespace) -> dict[str, Any]:
    """{what: figures}."""
    run = Run(stack, _dataset(stack))
    run.wait_for_steps(10)
    report: dict[str, Any] = {}
    for mode in ("save", "kill"):
        stops = []
        for number in range(arguments.rounds):
            stops.append(_stop(run, mode))
            _say(f"stop ({mode}) {number + 1}: {stops[-1]}")
            run.request("resume")
            run.wait_for_steps(3)
        report[f"stop ({mode})"] = _medians(stops)
    for victim in ("child", "worker", "all workers"):
        crashes = []
        for number in range(arguments.crashes):
            run.wait("a checkpoint", lambda: bool(run.checkpoints()))
            run.wait_for_steps(20)
            crashes.append(_crash(run, victim, stack))
            _say(f"kill -9 of the {victim} {number + 1}: {crashes[-1]}")
        report[f"kill -9 ({victim})"] = _medians(crashes)
    run.request("stop", mode="kill")
    run.wait("stopped", lambda: run.job()["state"] == "stopped")
    return report


def _dataset(stack: Stack) -> str:
    made = stack.call("POST", "/datasets/sample", json={})
    stack.succeeded(made["job"]["id"])
    dataset = str(made["dataset"]["id"])
    stack.run_job(dataset, "split")
    return dataset


def _stop(run: Run, mode: str) -> dict[str, float]:
    """One stop. checkpoint: 1 when the newest one holds the last step that was made."""
    child = run.child()
    assert child is not None
    began = time.monotonic()
    run.request("stop", mode=mode)
    gone_s = run.wait("the child's end", lambda: not child.is_running())
    run.wait("stopped", lambda: run.job()["state"] == "stopped")
    stopped_s = time.monotonic() - began
    kept = run.checkpoints()
    made = {
        "child_gone_s": gone_s,
        "stopped_s": stopped_s,
        "resumable": float(run.job()["resumable"]),
    }
    if mode == "save":
        made["checkpoint_of_last_step"] = float(bool(kept) and _step_of(kept[-1]) >= run.step())
    return made


def _crash(run: Run, victim: str, stack: Stack) -> dict[str, float]:
    child = run.child()
    assert child is not None
    rate = _steps_per_second(run)
    step = run.step()
    began = time.monotonic()
    for process in _victims(child, victim, stack):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    attempt = run.job()["attempt"]
    run.wait("another child", lambda: (new := run.child()) is not None and new.pid != child.pid)
    found_s = time.monotonic() - began
    kept = run.checkpoints()
    resumed_at = _step_of(kept[-1]) if kept else 0
    # Until the new child speaks, the record holds what the old one said last.
    run.wait("its first word", lambda: not run.is_stepping())
    run.wait("its first step", lambda: run.is_stepping() and run.step() > resumed_at)
    return {
        "running_again_s": found_s,
        "next_step_s": time.monotonic() - began,
        "steps_lost": float(max(0, step - resumed_at)),
        "work_lost_s": max(0, step - resumed_at) / rate,
        "attempts": float(run.job()["attempt"] - attempt),
    }


def _victims(child: psutil.Process, victim: str, stack: Stack) -> list[psutil.Process]:
    """The child alone; the processes of its worker; the whole fleet, root first."""
    if victim == "child":
        return [child]
    above = child.parents()
    fleet = [each for each in above if "fleet" in each.cmdline() and each.pid != stack.process.pid]
    if victim == "worker":
        return fleet[:-1] or fleet
    return [fleet[-1], *fleet[-1].children(recursive=True)]


def _steps_per_second(run: Run) -> float:
    began, first = time.monotonic(), run.step()
    run.wait("steps", lambda: run.step() >= first + 5)
    return (run.step() - first) / (time.monotonic() - began)


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.stem.removeprefix("step_"))


def _medians(made: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(each[name] for each in made), 2) for name in made[0]}


def _say(line: str) -> None:
    print(line, flush=True)


def _drain(stack: Stack) -> None:
    """Read what the stack prints, or it would stop when the pipe is full."""
    assert stack.process.stdout is not None
    for line in stack.process.stdout:
        stack.printed.append(line.rstrip())


if __name__ == "__main__":
    main()
