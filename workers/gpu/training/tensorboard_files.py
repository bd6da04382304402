"""TensorBoard's files of a run: written on this machine, and copied to a store that lies elsewhere."""

from __future__ import annotations

import time
from pathlib import Path

from common.errors import ClipBrowserError
from workers.runtime.job_context import JobContext

PAUSES_S = (1.0, 4.0, 15.0)  # before each further try


def folder_of(ctx: JobContext) -> Path:
    """Where they are written, and where `clip-browser tensorboard` looks for them: in the store's own
    folder where it is local, else in a folder that stays when they are stored as well.
    """
    folder = ctx.store.local_path(f"runs/{ctx.job.id}") or copies_here(ctx) / ctx.job.id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def copies_here(ctx: JobContext) -> Path:
    """The folder of all runs on this machine."""
    return ctx.settings.data_dir / "runs"


def store(ctx: JobContext) -> None:
    """Copy them to a store that lies elsewhere; no run fails for want of them, it gets a note."""
    if ctx.store.local_path(f"runs/{ctx.job.id}") is not None:
        return
    problem: Exception | None = None
    for pause_s in (0.0, *PAUSES_S):
        time.sleep(pause_s)
        if ctx.lost:
            return
        try:
            ctx.store.put_folder(f"runs/{ctx.job.id}", folder_of(ctx))
            return
        except (ClipBrowserError, OSError) as met:
            problem = met
        if ctx.stop_requested:
            break  # somebody waits for its end
    ctx.note(
        f"TensorBoard's files could not be stored: {problem} They are on the worker's machine, in "
        f"{folder_of(ctx)}; the charts of this page have all of it."
    )
