"""The child's side of a job that runs in a process of its own (see `workers/runtime/child.py`).

A child is `python -m MODULE CONFIG.json`. It speaks JSON lines on what was its stdout:
`{"event": "progress" | "metric" | "log" | "note" | "saving" | "reached" | "item" | "result" | "error" | "stopped",
...}`. Whatever it or a library prints goes to stderr and ends in the job's log.

Of several processes that torchrun started for one job the first alone speaks; the others only say
what error they end with. torchrun ends them with SIGTERM when one of them failed, so that they are
asked to stop by SIGUSR1 (`workers/gpu/training/launch.py`).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from common.errors import ClipBrowserError, DiskFull
from common.processes import die_in_silence, die_with_parent

Run = Callable[["Emitter", dict[str, Any]], dict[str, Any]]
ENOSPC = 28


class Stopped(Exception):
    """Raised by a child that was asked to stop, after its checkpoint is written."""

    def __init__(self, **facts: Any) -> None:
        super().__init__("stopped")
        self.facts = facts


class Emitter:
    """Writes events to the supervisor, one JSON line each; safe from several threads.

    quiet: nothing but errors.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._lock = threading.Lock()

    def emit(self, event: str, **facts: Any) -> None:
        """Send one event; when nobody listens any more the child has no reason to go on."""
        if self._quiet and event != "error":
            return
        line = json.dumps({"event": event, **facts}, default=str)
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()

    def progress(
        self,
        done: int | None = None,
        total: int | None = None,
        unit: str | None = None,
        message: str | None = None,
        **metrics: float,
    ) -> None:
        """How far it is: `done` of `total` `unit`s."""
        self.emit("progress", done=done, total=total, unit=unit, message=message, metrics=metrics)

    def metric(self, name: str, step: int, value: float, epoch: float | None = None) -> None:
        """A point of a series."""
        self.emit("metric", name=name, step=step, value=float(value), epoch=epoch)

    def log(self, text: str) -> None:
        """A line of the job's log."""
        self.emit("log", text=text)

    def note(self, text: str) -> None:
        """Something the user should know though it is no error (a corrected setting, say)."""
        self.emit("note", text=text)

    @contextmanager
    def saving(self, reached: int = 0) -> Iterator[None]:
        """While a checkpoint is written: a supervisor that asked to stop waits longer meanwhile.

        reached: the step that a later attempt goes on from once it is written.
        """
        self.emit("saving", begun=True)
        try:
            yield
            if reached:
                self.reached(reached)
        finally:
            self.emit("saving", begun=False)

    def reached(self, steps: int) -> None:
        """What was done up to this step is kept: a later attempt goes on from there."""
        self.emit("reached", steps=steps)

    def result(self, **facts: Any) -> None:
        """The end of a child that succeeded."""
        self.emit("result", **facts)

    def stopped(self, **facts: Any) -> None:
        """The end of a child that was stopped and has saved what it had."""
        self.emit("stopped", **facts)

    def error(self, problem: ClipBrowserError) -> None:
        """The end of a child that failed."""
        self.emit("error", **problem.to_dict())


_stop = threading.Event()


def stop_event() -> threading.Event:
    """Set once the supervisor has asked this child to stop."""
    return _stop


def is_one_of_several() -> bool:
    """Whether torchrun started this process, with RANK and WORLD_SIZE in its environment."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def follow_parent() -> None:
    """End with the worker, and before another one may take a job over from a frozen one.

    `workers/runtime/child.py` sets the variables, and writes to stdin as long as the job is the worker's.
    """
    parent = os.environ.get("CLIP_BROWSER_PARENT_PID")
    die_with_parent(int(parent) if parent else None)
    silence_s = os.environ.pop("CLIP_BROWSER_SILENCE_S", None)
    if silence_s is not None:
        die_in_silence(float(silence_s))


def start() -> Emitter:
    """Tie this process to its parent, catch what asks it to stop, keep stdout for events alone."""
    follow_parent()
    several = is_one_of_several()
    signal.signal(signal.SIGUSR1 if several else signal.SIGTERM, lambda *_: _stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return Emitter(stream, quiet=several and os.environ["RANK"] != "0")


def main(run: Run, leave: Callable[[int], Any] = sys.exit) -> None:
    """`if __name__ == "__main__": child_io.main(run)`: config in, one closing event out, exit.

    leave: `leave_at_once` for a child that has closed all it opened.
    """
    emitter = start()
    config = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    try:
        emitter.result(**run(emitter, config))
    except Stopped as stopped:
        emitter.stopped(**stopped.facts)
    except ClipBrowserError as problem:
        emitter.error(problem)
        leave(1)
    except OSError as problem:
        traceback.print_exc()
        if problem.errno == ENOSPC:
            emitter.error(DiskFull(f"No space left on the disk while writing {problem.filename}."))
        leave(1)
    leave(0)


def leave_at_once(code: int) -> None:
    """End the process without clearing Python's modules away: with torch that takes over a second,
    in which the GPU's memory is still taken.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
