"""An import in a process of its own: `python -m workers.gpu.models.import_child CONFIG.json`.

It proves that plain open_clip loads the folder and that the model embeds; only then is it taken.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from common.archives import ArchiveLimits, list_names, unpack_file
from common.errors import InvalidInput
from workers.models.source import CONFIG_FILE, WEIGHTS_FILE
from workers.runtime import child_io
from workers.runtime.child_io import Emitter, Stopped

GIB = 2**30
# Weights are hardly smaller when they are packed: what unpacks to far more is no model.
LIMITS = ArchiveLimits(
    max_entry_bytes=16 * GIB, max_total_bytes=16 * GIB, max_entries=1000, max_ratio=20
)
# What loading takes: torch 1 GB, then the weights twice (measured: ViT-B-32, 0.6 GB, took 2.1 GB in all),
# four times where the file has them in 16 bits. The rest is room.
LEAST_BYTES = 4 * GIB
TIMES_WEIGHTS = 5
RECORDS = ("training.json", "metrics.jsonl", "README.md")  # taken along if they are there
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
FORMAT_REMEDY = f"Send a zip of a folder with {CONFIG_FILE} and {WEIGHTS_FILE}, as the download of a model gives it."


class ImportConfig(BaseModel):
    """A whole import. archive: the zip; archive_name: what people call it."""

    model_config = ConfigDict(extra="forbid")

    archive: Path
    archive_name: str
    name: str | None = None
    imported_by: str
    job_id: str
    work_dir: Path


def run(emitter: Emitter, raw: dict[str, Any]) -> dict[str, Any]:
    """Unpack, check, load and write the model folder; what the registry needs of it.

    Raises InvalidInput that says what is wrong with the folder, DiskFull, child_io.Stopped.
    """
    config = ImportConfig.model_validate(raw)
    emitter.progress(0, 4, "stages", "unpacking")
    inner, folder = unpack(config.archive, config.work_dir / "unpacked")
    _end_if_asked()
    os.environ["HF_HUB_OFFLINE"] = "1"  # all of a model must be in its folder
    emitter.progress(1, 4, "stages", "loading torch")
    from workers.gpu.data.host_memory import limited_to_free
    from workers.gpu.models.imported_model import write_imported
    from workers.models.memory import is_out_of_memory

    weights_bytes = (folder / WEIGHTS_FILE).stat().st_size
    try:
        with limited_to_free("cpu", LEAST_BYTES + TIMES_WEIGHTS * weights_bytes):
            return write_imported(
                emitter,
                folder,
                config.work_dir,
                job_id=config.job_id,
                asked_name=config.name,
                usual_name=inner.rsplit("/", 1)[-1] or Path(config.archive_name).stem,
                origin={"imported_from": config.archive_name, "imported_by": config.imported_by},
            )
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        raise InvalidInput(
            f"The model needs more memory than {WEIGHTS_FILE} of {weights_bytes:,} bytes may take here.",
            remedy="Import a smaller one, or check that the configuration is that of these weights.",
        ) from problem


def unpack(archive: Path, folder: Path) -> tuple[str, Path]:
    """(the model's folder within the zip, "" for its root; where its files were written).

    Raises InvalidInput when the zip is unsafe or damaged, or holds no model or several.
    """
    names = list_names(archive, LIMITS)
    inner = _find_model(names)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in (CONFIG_FILE, WEIGHTS_FILE, *RECORDS):
        if inner + name in names:
            unpack_file(archive, inner + name, folder / name, LIMITS)
    return inner.rstrip("/"), folder


def _find_model(names: list[str]) -> str:
    """The path of the one model in a zip, with a slash at its end, or ""."""
    found = [name.removesuffix(CONFIG_FILE) for name in names if _file(name) == CONFIG_FILE]
    if len(found) > 1:
        shown = ", ".join(sorted(place or "the root" for place in found)[:3])
        raise InvalidInput(
            f"The zip holds {len(found)} models ({shown}).", remedy="Send a zip for each."
        )
    if found and found[0] + WEIGHTS_FILE in names:
        return found[0]
    pickles = [name for name in names if name.lower().endswith(PICKLES)]
    if pickles:
        raise InvalidInput(
            f"The weights are in {_file(pickles[0])}, a kind of file that can run code when it is read, so "
            "it is not opened.",
            remedy="Write them as safetensors where you trust the file: "
            'safetensors.torch.save_file(torch.load("..."), '
            f'"{WEIGHTS_FILE}"), and send that in its place.',
        )
    if found:
        raise InvalidInput(f"Beside {CONFIG_FILE} is no {WEIGHTS_FILE}.", remedy=FORMAT_REMEDY)
    held = ", ".join(sorted({_file(name) for name in names})[:4]) or "nothing"
    raise InvalidInput(f"The zip has no {CONFIG_FILE}; it holds {held}.", remedy=FORMAT_REMEDY)


def _file(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _end_if_asked() -> None:
    if child_io.stop_event().is_set():
        raise Stopped


if __name__ == "__main__":
    child_io.main(run)
