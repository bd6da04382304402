"""Copies of a run's checkpoints in the artifact store, so that another machine can go on.

    checkpoints/<job>/<execution>/<file>        the newest checkpoint and the weights needed to finish
    checkpoints/<job>/<execution>/newest.json   which files belong together, with their sizes

A store replaces an artifact whole, and the list is written after what it lists: an upload that was
torn is never used. Each execution of a job writes into a folder of its own, so one that is still
copying spoils nothing of the next. Where the store is this machine's own disk nothing is copied.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from common.errors import ClipBrowserError, NotFound
from common.store import ArtifactStore

LOOK_EVERY_S = 0.5
CLOSE_S = 1.0  # a user who stops a run does not wait longer for the copy; it goes on meanwhile
LIST = "newest.json"
JSON = "application/json"


class Copy(NamedTuple):
    """What one execution left in the store. checkpoint: its name; files: their sizes in bytes."""

    checkpoint: str
    prefix: str
    files: dict[str, int]


def copies_prefix(job_id: str) -> str:
    """Where the copies of a job lie in the store."""
    return f"checkpoints/{job_id}"


class CheckpointCopies:
    """The copies of one job's checkpoints. folder: the job's, with `checkpoints/` and best weights.

    lost: whether another execution owns the job now; then nothing is written any more.
    """

    def __init__(
        self,
        store: ArtifactStore,
        job_id: str,
        folder: Path,
        log: Callable[[str], None],
        lost: Callable[[], bool],
    ) -> None:
        self._store, self._folder, self._log, self._lost = store, folder, log, lost
        self._all = copies_prefix(job_id)
        self._own = f"{self._all}/{secrets.token_hex(4)}"
        self._elsewhere = store.local_path(self._all) is None
        self._copied: set[str] = set()
        self._said = False
        self._unneeded = self._closing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="checkpoint copies")

    def fetch(self) -> None:
        """Bring the newest copied checkpoint here, unless a newer one is here.

        Raises StoreUnavailable.
        """
        if not self._elsewhere:
            return
        here = newest_checkpoint(self._folder)
        for copy in sorted(self._copies(), reverse=True):
            if here is not None and here.name >= copy.checkpoint:
                return
            if self._fetch(copy):
                return

    def _copies(self) -> list[Copy]:
        found = []
        for item in self._store.list(self._all):
            if item.key.endswith(f"/{LIST}"):
                with contextlib.suppress(NotFound, ValueError, KeyError, TypeError):
                    listed = json.loads(self._store.get_bytes(item.key))
                    prefix = item.key.removesuffix(f"/{LIST}")
                    found.append(Copy(str(listed["checkpoint"]), prefix, dict(listed["files"])))
        return found

    def _fetch(self, copy: Copy) -> bool:
        """Whether it was whole. The checkpoint comes last: then all that it needs is here."""
        began = time.monotonic()
        for name in sorted(copy.files, key=lambda name: name.endswith(copy.checkpoint)):
            path = self._folder / name
            try:
                self._store.get_file(f"{copy.prefix}/{name}", path)
                whole = path.stat().st_size == copy.files[name]
            except NotFound:
                whole = False
            if not whole:
                path.unlink(missing_ok=True)
                self._log(f"The copy of {name} in the artifact store is not whole; it is not used.")
                return False
        self._log(
            f"The newest checkpoint ({sum(copy.files.values()) / 1e6:,.0f} MB) was fetched from the "
            f"artifact store in {time.monotonic() - began:.1f} s."
        )
        return True

    def begin(self) -> None:
        """Copy each new checkpoint from now on, in the background."""
        if self._elsewhere:
            self._thread.start()

    def close(self, *, wait: bool) -> None:
        """Copy the last checkpoint. wait: until it is done; else for a moment, while it goes on."""
        self._closing = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(None if wait else CLOSE_S)

    def remove(self) -> None:
        """The run needs them no more. Raises StoreUnavailable."""
        self._unneeded = True
        self.close(wait=True)
        self.remove_old()

    def remove_old(self) -> None:
        """Nothing that executions before copied is used any more. Raises StoreUnavailable."""
        if self._elsewhere:
            self._store.delete_prefix(self._all)

    def _watch(self) -> None:
        while True:
            self._wake.wait(LOOK_EVERY_S)
            closing = self._closing  # before the look: what is there now is copied for certain
            try:
                self._copy_new()
            except (ClipBrowserError, OSError) as problem:
                if not self._said:
                    self._said = True
                    self._log(f"Error: the checkpoint was not copied to the store: {problem}")
            if closing:
                return

    def _ended(self) -> bool:
        return self._unneeded or self._lost()

    def _copy_new(self) -> None:
        newest = newest_checkpoint(self._folder)
        if newest is None or newest.name in self._copied or self._ended():
            return
        held = self._folder / f"copying-{secrets.token_hex(4)}"
        held.mkdir()
        try:
            links = {path: _hold(path, held) for path in _needed(self._folder, newest)}
            files = self._upload(links)
        except FileNotFoundError:
            return  # the run has removed one of them: newer ones are there
        finally:
            shutil.rmtree(held, ignore_errors=True)
        if files is None:
            return
        listed = json.dumps({"checkpoint": newest.name, "files": files}).encode()
        self._store.put_bytes(f"{self._own}/{LIST}", listed, JSON)
        self._copied, self._said = {Path(name).name for name in files}, False
        kept = {f"{self._own}/{name}" for name in [*files, LIST]}
        for item in list(self._store.list(self._all)):
            if item.key not in kept:
                self._store.delete(item.key)

    def _upload(self, links: dict[Path, Path]) -> dict[str, int] | None:
        """{file: bytes}; None when they are not wanted any more."""
        files: dict[str, int] = {}
        for path, link in links.items():
            if self._ended():
                return None
            name = path.relative_to(self._folder).as_posix()
            files[name] = link.stat().st_size
            if path.name not in self._copied:
                self._store.put_file(f"{self._own}/{name}", link)
        return None if self._ended() else files


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of a job's folder with the most steps; None when there is none."""
    return max((folder / "checkpoints").glob("step_*.pt"), default=None)


def _needed(folder: Path, newest: Path) -> list[Path]:
    """A checkpoint and what a run needs to go on from it and to finish.

    Two of the best weights: the newer may have been written after the checkpoint. And those of epoch
    0, which the proof compares with.
    """
    best = sorted(folder.glob("best_*.safetensors"))
    wanted = [folder / "probe_before.json", *best[:1], *best[1:][-2:]]
    return [*(path for path in wanted if path.is_file()), newest]


def _hold(path: Path, folder: Path) -> Path:
    """Another name of the same file, so that it stays while it is copied. Raises FileNotFoundError."""
    held = folder / path.name
    os.link(path, held)
    return held


def clear_training(folder: Path) -> None:
    """Remove what an earlier run of a job left in its folder: this one begins from the start."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    for path in [*folder.glob("best_*"), *folder.glob("copying-*"), folder / "probe_before.json"]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
