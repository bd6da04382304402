"""Image files of a dataset on this machine's disk, where child processes can open them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from common.errors import NotFound
from workers.runtime.job_context import JobContext

SAID_EVERY = 50
AT_ONCE = 8  # each download waits for the network most of its time


def fetch_images(ctx: JobContext, dataset_id: str, names: Iterable[str]) -> dict[str, Path]:
    """{name: local file} of images below `datasets/<id>/`.

    A local store's own files are used as they are; others are downloaded once a machine. A file
    that the store lacks is in the result all the same: the child names it when it cannot open it.
    Raises JobStopped, LeaseLost, StoreUnavailable.
    """
    wanted = sorted(set(names))
    here = ctx.store.local_path(f"datasets/{dataset_id}")
    if here is not None:
        return {name: here / name for name in wanted}
    files: dict[str, Path] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for start in range(0, len(wanted), SAID_EVERY):  # in portions: a stop is heard between them
            ctx.check_stop()
            portion = wanted[start : start + SAID_EVERY]
            paths = pool.map(partial(_fetch, ctx, dataset_id), portion)
            files.update(zip(portion, paths, strict=True))
            ctx.report(
                done=len(files), total=len(wanted), unit="images", message="fetching the images"
            )
    return files


def _fetch(ctx: JobContext, dataset_id: str, name: str) -> Path:
    key = f"datasets/{dataset_id}/{name}"
    path = ctx.settings.work_dir / "images" / key
    if not path.is_file():
        with contextlib.suppress(NotFound):
            ctx.store.get_file(key, path)
    return path
