"""Checkpoints of a run: written whole or not at all, the newest two kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

KEPT = 2
FORMAT = 1


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
        """Write a checkpoint by a temporary file, fsync and rename. Raises OSError (disk full)."""
        path = self._folder / f"step_{step:09d}.pt"
        part = path.with_suffix(".part")
        whole = {"format": FORMAT, "fingerprint": self._fingerprint, **state}
        try:
            with part.open("wb") as out:
                torch.save(whole, out)
                out.flush()
                os.fsync(out.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        _sync_folder(self._folder)
        for old in self.files()[:-KEPT]:
            old.unlink()
        return path

    def load(self) -> dict[str, Any] | None:
        """The newest checkpoint that can be read and is of this run; None when there is none."""
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
            if state.get("format") == FORMAT and state.get("fingerprint") == self._fingerprint:
                return state
            self._log(f"Checkpoint {path.name} is of other settings or data; it is not used.")
        return None

    def clear(self) -> None:
        """Remove them all."""
        for path in self.files():
            path.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut (fsync of the folder; not offered on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
