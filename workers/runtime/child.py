"""Running part of a job in a child process of its own: CUDA, training and language models.

The child is a session leader, so its whole process group can be ended; it dies with this process
(PR_SET_PDEATHSIG, see `workers/runtime/child_io.py`), and a worker that starts sweeps what is left over. While
this process is frozen it loses its lease: a child that hears nothing of it ends before that.
Several processes of one job are started by torchrun, which then is the child: see
`workers/gpu/training/launch.py`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import psutil

from common.errors import Internal, error_from_dict
from common.jobs.leases import GIVE_UP_SHARE
from common.logs import Event, tell
from common.processes import (
    count_memory_kills,
    describe_end,
    end_group,
    is_of_a_cluster,
    step_back,
)
from workers.runtime.job_context import ChildLost, JobContext, JobStopped, LeaseLost

log = logging.getLogger(__name__)
POLL_S = 0.05
HEARD_EVERY_S = 0.5  # how often the child hears that the job is still this worker's
LEAST_SILENCE_S = 5.0  # a busy machine may keep a worker waiting for so long
ASK_AGAIN_S = 1.0  # a process that was just starting may have missed the first SIGTERM
SAVE_LIMIT_S = 600.0  # however large the checkpoint, it is not waited for any longer
# A training takes what the people at work leave, and a tenth of a core beside others who compute all the time. At 19
# it would be a seventieth: a few other programs, and nothing would ever be trained, and a GPU not be fed.
NICE = 10
EventHandler = Callable[[dict[str, Any]], None]


def run_child(
    ctx: JobContext,
    module: str,
    config: dict[str, Any],
    on_event: EventHandler | None = None,
    grace_s: float | None = None,
    processes: int = 1,
    gpus: Sequence[str] = (),
) -> dict[str, Any]:
    """Run `python -m module config.json` to its end and give back its result event.

    Progress, metrics, log and notes go to the job; other events to `on_event`. A stop with mode
    "save" sends SIGTERM to the child and waits `grace_s` seconds before SIGKILL to its group; while
    the child says that it is writing a checkpoint it is waited for, SAVE_LIMIT_S seconds at most.
    processes: more than 1 are started by torchrun. gpus: those it may use, if not the worker's own.
    Raises the child's own error, JobStopped, LeaseLost, or ChildLost when it was killed.
    """
    path = ctx.work_dir / f"{module.rsplit('.', 1)[-1]}.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    process = subprocess.Popen(
        _command(module, path, processes),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, env=_environment(ctx, processes, gpus), text=True, errors="replace",
    )  # fmt: skip
    step_back(process.pid, NICE)
    telling = _Telling(module, process)
    reader = _Reader(ctx, process, on_event)
    with _recorded(ctx.settings.work_dir, process.pid):
        try:
            patience_s = ctx.settings.stop_grace_s if grace_s is None else grace_s
            _supervise(ctx, process, reader, patience_s)
        finally:
            end_group(process.pid, grace_s=0)
            process.wait()
            reader.join()
            assert process.stdin is not None
            process.stdin.close()
            telling.tell_end(process.returncode)
    return _outcome(ctx, process, reader)


class _Telling:
    """The lines of the worker's log about a child: begun, ended, or killed, and whether memory was short."""

    def __init__(self, module: str, process: subprocess.Popen[str]) -> None:
        self._module, self._pid = module, process.pid
        self._began, self._kills = time.monotonic(), count_memory_kills()
        tell(log, Event.CHILD_STARTED, f"{module} has started", child=module, pid=process.pid)

    def tell_end(self, code: int) -> None:
        """What its exit code says."""
        facts = {
            "child": self._module, "pid": self._pid, "exit_code": code,
            "seconds": round(time.monotonic() - self._began, 1),
        }  # fmt: skip
        if code >= 0:
            level = logging.WARNING if code else logging.INFO
            message = f"{self._module} has ended with exit code {code}"
            tell(log, Event.CHILD_ENDED, message, level, **facts)
            return
        kills = count_memory_kills()
        short = None if kills is None or self._kills is None else kills > self._kills
        message = f"{self._module} was ended by {describe_end(code)}"
        tell(log, Event.CHILD_KILLED, message, logging.ERROR, memory_short=short, **facts)


def _command(module: str, config: Path, processes: int) -> list[str]:
    if processes == 1:
        return [sys.executable, "-m", module, str(config)]
    return [
        sys.executable,
        "-m",
        "workers.gpu.training.launch",
        str(processes),
        module,
        str(config),
    ]


def _environment(ctx: JobContext, processes: int, gpus: Sequence[str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not is_of_a_cluster(name)}
    if gpus:
        kept["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    if processes > 1:
        kept.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    silence_s = max(LEAST_SILENCE_S, ctx.settings.lease_s * GIVE_UP_SHARE)
    return {
        **kept,
        "PYTHONUNBUFFERED": "1",
        "CLIP_BROWSER_PARENT_PID": str(os.getpid()),
        "CLIP_BROWSER_SILENCE_S": str(silence_s),
    }


def _supervise(
    ctx: JobContext, process: subprocess.Popen[str], reader: _Reader, grace_s: float
) -> None:
    """Wait for the end of the child; pass on a stop, and end it when it takes too long."""
    asked: float | None = None
    signalled = patient_from = heard = 0.0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
            return
        wish, moment = ctx.stop_requested, time.monotonic()
        if moment - heard >= HEARD_EVERY_S and not ctx.lost:
            heard = moment
            _be_heard(process)
        if wish == "kill":
            return
        if wish != "save":
            continue
        if asked is None:
            asked = patient_from = moment
        if moment - signalled >= ASK_AGAIN_S:
            signalled = moment
            process.send_signal(signal.SIGTERM)
        if reader.saving:
            patient_from = moment
        if moment > min(patient_from + grace_s, asked + SAVE_LIMIT_S):
            ctx.log(f"The process did not end within {moment - asked:.0f} s and was killed.")
            return


def _be_heard(process: subprocess.Popen[str]) -> None:
    """One byte to the child's stdin; it may be ending, or not read for hours as it is frozen itself."""
    assert process.stdin is not None
    handle = process.stdin.fileno()
    os.set_blocking(handle, False)
    with contextlib.suppress(OSError):
        os.write(handle, b".")


def _outcome(ctx: JobContext, process: subprocess.Popen[str], reader: _Reader) -> dict[str, Any]:
    """The result event, or the exception that fits how the child ended."""
    closing = reader.closing
    if ctx.lost:
        raise LeaseLost
    if closing and closing["event"] == "result":
        return {key: value for key, value in closing.items() if key != "event"}
    if closing and closing["event"] == "error":
        raise error_from_dict(closing)
    if ctx.stop_requested or (closing and closing["event"] == "stopped"):
        facts = closing or {}
        raise JobStopped({key: value for key, value in facts.items() if key != "event"} or None)
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise ChildLost(f"The process of this job was ended from outside ({name}).")
    last = reader.tail[-1] if reader.tail else "it said nothing"
    raise Internal(f"The process of this job ended with exit code {process.returncode}: {last}")


class _Reader:
    """Two threads that read a child's events and its stderr."""

    def __init__(
        self, ctx: JobContext, process: subprocess.Popen[str], on_event: EventHandler | None
    ) -> None:
        self.closing: dict[str, Any] | None = None
        self.saving = False  # whether the child is writing a checkpoint
        self.tail: deque[str] = deque(maxlen=20)
        self._ctx = ctx
        self._on_event = on_event
        self._threads = [
            threading.Thread(target=self._events, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._stderr, args=(process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until everything the child wrote has been handled."""
        for thread in self._threads:
            thread.join(timeout=10)

    def _stderr(self, stream: IO[str]) -> None:
        for line in stream:
            if line.strip():
                self.tail.append(line.strip())
                self._ctx.log(line)

    def _events(self, stream: IO[str]) -> None:
        for line in stream:
            try:
                self._handle(json.loads(line))
            except Exception as problem:
                self._ctx.log(f"Unreadable event ({problem}): {line[:200]}")

    def _handle(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        facts = {key: value for key, value in event.items() if key != "event"}
        if kind == "progress":
            metrics = facts.pop("metrics", None) or {}
            self._ctx.report(**facts, **metrics)
        elif kind == "metric":
            self._ctx.metric(**facts)
        elif kind == "log":
            self._ctx.log(facts["text"])
        elif kind == "note":
            self._ctx.note(facts["text"])
        elif kind == "saving":
            self.saving = facts["begun"]
        elif kind == "reached":
            self._ctx.reach(facts["steps"])
        elif kind in ("result", "error", "stopped"):
            if self.closing is None or self.closing["event"] != "error":
                self.closing = event  # of several processes the first error is what went wrong
        elif self._on_event is not None:
            self._on_event(event)


@contextlib.contextmanager
def _recorded(work_dir: Path, pid: int) -> Iterator[None]:
    """Note the child's identity on disk while it lives, for `sweep_orphans`."""
    folder = work_dir / "children"
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / f"{pid}@{socket.gethostname()}.json"
    identity = {
        "pid": pid,
        "born": _born(pid),
        "parent": os.getpid(),
        "parent_born": _born(os.getpid()),
    }
    record.write_text(json.dumps(identity), encoding="utf-8")
    try:
        yield
    finally:
        record.unlink(missing_ok=True)


def _born(pid: int) -> float | None:
    """When the process started (seconds since 1970): a pid alone may have been given out again."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def sweep_orphans(work_dir: Path) -> int:
    """End children of this host whose worker is gone; how many. Called when a worker starts."""
    swept = 0
    for record in (work_dir / "children").glob(f"*@{socket.gethostname()}.json"):
        try:
            known = json.loads(record.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if known["parent_born"] is not None and _born(known["parent"]) == known["parent_born"]:
            continue
        if known["born"] is not None and _born(known["pid"]) == known["born"]:
            end_group(known["pid"], grace_s=0)
            swept += 1
        record.unlink(missing_ok=True)
    return swept
