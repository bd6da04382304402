"""Checkpoints of a run: written whole or not at all, the newest two kept, often enough."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch

from common.errors import CannotResume, ClipBrowserError, DiskFull

KEPT = 2
FORMAT = 1
SAVE_SHARE = 20  # writing checkpoints costs at most about this part of the time ...
LOST_AT_MOST_S = 120.0  # ... unless more than this would be lost
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SAID_FULL = tuple(os.strerror(each) for each in _FULL)


def is_disk_full(problem: BaseException | None) -> bool:
    """Whether an exception means a full disk.

    safetensors wraps what the system said; torch raises another one while it handles it.
    """
    while problem is not None:
        if isinstance(problem, OSError) and problem.errno in _FULL:
            return True
        if any(words in str(problem) for words in _SAID_FULL):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


@contextmanager
def disk_full_told(folder: Path) -> Iterator[None]:
    """Turns what a full disk raises, in many libraries' words, into DiskFull."""
    try:
        yield
    except Exception as problem:
        if isinstance(problem, ClipBrowserError) or not is_disk_full(problem):
            raise
        raise DiskFull(f"No space left on the disk of {folder} for the trained model.") from problem


class Checkpoints:
    """The checkpoints in a folder. `fingerprint` tells runs with other settings or data apart."""

    def __init__(self, folder: Path, fingerprint: str, log: Callable[[str], None]) -> None:
        self._folder = folder
        self._fingerprint = fingerprint
        self._log = log
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob("*.part"):  # of a run that was killed while it wrote
            part.unlink()

    def files(self) -> list[Path]:
        """The checkpoints, oldest first."""
        return sorted(self._folder.glob("step_*.pt"))

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write a checkpoint by a temporary file, fsync and rename.

        Where the disk is full the older one of two makes room. Raises OSError or RuntimeError when
        there is no room even so; the newest one before stays.
        """
        path = self._folder / f"step_{step:09d}.pt"
        whole = {"format": FORMAT, "fingerprint": self._fingerprint, **state}
        try:
            self._write(path, whole)
        except (OSError, RuntimeError) as problem:
            older = [each for each in self.files() if each != path][:-1]
            if not (older and is_disk_full(problem)):
                raise
            older[0].unlink()
            self._write(path, whole)
        for old in self.files()[:-KEPT]:
            old.unlink()
        return path

    def _write(self, path: Path, whole: dict[str, Any]) -> None:
        part = path.with_suffix(".part")
        try:
            with part.open("wb") as out:
                torch.save(whole, out)
                out.flush()
                os.fsync(out.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        _sync_folder(self._folder)

    def load(self) -> dict[str, Any] | None:
        """The newest checkpoint that can be read and is of this run; None when there is none.

        Raises CannotResume when those that can be read are of another run: nobody wants to begin from
        the start without being asked.
        """
        others = ""
        for path in reversed(self.files()):
            try:
                state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            except Exception as problem:  # torch raises many kinds for a truncated file
                first_line = (
                    str(problem).splitlines()[0] if str(problem) else type(problem).__name__
                )
                self._log(
                    f"Checkpoint {path.name} cannot be read ({first_line}); trying the one before."
                )
                path.unlink()
                continue
            known = isinstance(state, dict) and state.get("format") == FORMAT
            if known and state.get("fingerprint") == self._fingerprint:
                return state
            others = "other settings, data or precision" if known else "another version"
        if others:
            raise CannotResume(
                f"The checkpoint is of {others}, so the training cannot go on from it."
            )
        return None


class SavePace:
    """When the next checkpoint is due. All times are of a clock that only goes forward, in seconds.

    every_s: wanted between two; 0 for one at each chance. Longer where writing is slow, so that it
    costs little, but never so long that more than two minutes (or `every_s`) of work could be lost.
    """

    def __init__(self, every_s: float, moment: float) -> None:
        self._every_s = self._interval_s = every_s
        self._longest_s = max(every_s, LOST_AT_MOST_S)
        self._saved_at = moment
        self._took_s = 0.0

    def is_due(self, moment: float, coming_s: float = 0.0, share: float = 1.0) -> bool:
        """Whether to save now. coming_s: how long until the next chance; share: of the interval."""
        since_s = moment - self._saved_at
        if since_s >= self._interval_s * share:
            return True
        return since_s + coming_s + self._took_s > self._longest_s

    def note_saved(self, began: float, ended: float) -> None:
        """A checkpoint of the state at `began` was written by `ended`."""
        self._saved_at, self._took_s = began, ended - began
        if self._every_s:
            wanted = max(self._every_s, SAVE_SHARE * self._took_s)
            self._interval_s = min(wanted, self._longest_s)


class CheckpointSaver:
    """Writes a run's checkpoints when they are due. saving: entered meanwhile, with the step."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        every_s: float,
        saving: Callable[[int], AbstractContextManager[Any]],
        log: Callable[[str], None],
    ) -> None:
        self._checkpoints, self._saving, self._log = checkpoints, saving, log
        self._pace = SavePace(every_s, time.monotonic())

    @property
    def has_saved(self) -> bool:
        """Whether there is one to go on from."""
        return bool(self._checkpoints.files())

    def is_due(self, coming_s: float, share: float = 1.0) -> bool:
        """As `SavePace.is_due`, now."""
        return self._pace.is_due(time.monotonic(), coming_s, share)

    def save(self, step: int, steps: int, snapshot: Callable[[], dict[str, Any]], why: str) -> None:
        """Write one. A full disk is said and does not end the run: the one before is kept."""
        began = time.monotonic()
        try:
            with self._saving(step):
                self._checkpoints.save(step, snapshot())
            self._log(f"Checkpoint at step {step} of {steps} ({why}).")
        except (OSError, RuntimeError, MemoryError) as problem:  # torch wraps what the file raises
            self._log(f"Error: the checkpoint at step {step} was not written: {problem}")
        self._pace.note_saved(began, time.monotonic())


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut (fsync of the folder; not offered on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
