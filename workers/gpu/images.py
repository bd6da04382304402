"""Image files of a dataset on this machine's disk, where child processes can open them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from workers.runner import JobContext

SAID_EVERY = 50


def fetch_images(ctx: JobContext, dataset_id: str, names: Iterable[str]) -> dict[str, Path]:
    """{name: local file} of images below `datasets/<id>/`.

    A local store's own files are used as they are; others are downloaded once a machine. A file
    that the store lacks is in the result all the same: the child names it when it cannot open it.
    """
    wanted = sorted(set(names))
    files: dict[str, Path] = {}
    for number, name in enumerate(wanted, start=1):
        ctx.check_stop()
        files[name] = _fetch(ctx, f"datasets/{dataset_id}/{name}")
        if number % SAID_EVERY == 0:
            ctx.report(done=number, total=len(wanted), unit="images", message="fetching the images")
    return files


def _fetch(ctx: JobContext, key: str) -> Path:
    here = ctx.store.local_path(key)
    if here is not None:
        return here
    path = ctx.settings.work_dir / "images" / key
    if not path.is_file() and ctx.store.exists(key):
        ctx.store.get_file(key, path)
    return path
