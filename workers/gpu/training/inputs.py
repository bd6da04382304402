"""What a training is asked to do: captions and images of a split, settings, and where it comes from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from common.captions.csv_files import read_rows
from common.datasets.snapshots import load_snapshot
from common.db.tables import Dataset, Job, Model
from common.errors import CannotResume, ClipBrowserError, NoSplit, NotFound, TrainingFailedToStart
from common.jobs import states
from common.training.params import read_params
from workers.augment.train_csv import lineage_snapshot
from workers.gpu.data.fetching import fetch_images
from workers.gpu.data.skipped import read_names
from workers.models.source import WEIGHTS_FILE, model_folder
from workers.runtime.job_context import JobContext

Captions = dict[str, list[str]]  # {image: its captions}


@dataclass(frozen=True)
class Inputs:
    """What a run learns from and is measured with, as it was when the run began.

    missing: images whose files were not there then. lineage: where the captions came from.
    """

    train: Captions
    val: Captions
    missing: list[str]
    lineage: dict[str, Any]


def take_inputs(ctx: JobContext, dataset_id: str) -> tuple[Inputs, dict[str, Path]]:
    """(what this run learns from, {image: its file}); a run that goes on has what it began with.

    They are kept as `runs/<job>/inputs.json`, whatever becomes of the dataset's captions and split. Raises
    NoSplit; CannotResume when they are gone, or images that it began with.
    """
    begun_with = (ctx.job.checkpoint or {}).get("inputs")
    if begun_with is not None:
        inputs = _kept_inputs(ctx, begun_with)
        files = fetch_images(ctx, dataset_id, [*inputs.train, *inputs.val])
        _require_images(inputs, files)
        return inputs, files
    train, val = read_training_rows(ctx, dataset_id)
    lineage = _lineage(ctx, dataset_id)
    files = fetch_images(ctx, dataset_id, [*train, *val])
    inputs = Inputs(train, val, [name for name in files if not files[name].is_file()], lineage)
    data = json.dumps(asdict(inputs), ensure_ascii=False).encode()
    ctx.store.put_bytes(_inputs_key(ctx), data, "application/json")
    ctx.save_checkpoint({"begun": True, "inputs": hashlib.sha256(data).hexdigest()})
    return inputs, files


def _inputs_key(ctx: JobContext) -> str:
    return f"runs/{ctx.job.id}/inputs.json"


def _kept_inputs(ctx: JobContext, sha256: str) -> Inputs:
    try:
        data = ctx.store.get_bytes(_inputs_key(ctx))
    except NotFound:
        data = b""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise CannotResume(
            f"The captions that this run began with ({_inputs_key(ctx)}) are no longer in the store."
        )
    return Inputs(**json.loads(data))


def _require_images(inputs: Inputs, files: dict[str, Path]) -> None:
    gone = [name for name in files if not files[name].is_file() and name not in inputs.missing]
    if gone:
        raise CannotResume(
            f"{len(gone)} of the {len(files)} images that this run began with were deleted since "
            f"({gone[0]}), so it cannot go on from its checkpoint."
        )


def read_training_rows(ctx: JobContext, dataset_id: str) -> tuple[Captions, Captions]:
    """(captions to train on, captions to measure with); those of train.csv if there is one.

    Raises NoSplit.
    """
    while True:
        snapshot_id = _snapshot_id(ctx, dataset_id)
        made_from = lineage_snapshot(ctx.services, dataset_id)
        names = ["train.csv"] if made_from in (None, snapshot_id) else []
        train = _captions(ctx, dataset_id, [*names, "train_original.csv"])
        val = _captions(ctx, dataset_id, ["val.csv"])
        if _snapshot_id(ctx, dataset_id) == snapshot_id:
            return train, val


def _snapshot_id(ctx: JobContext, dataset_id: str) -> str | None:
    """Changes when a split parts the captions anew: what was read before may be validation now."""
    with ctx.reader() as session:
        return session.scalar(select(Dataset.snapshot_id).where(Dataset.id == dataset_id))


def _captions(ctx: JobContext, dataset_id: str, names: list[str]) -> Captions:
    """The captions of each image, from the first file that is there. Raises NoSplit."""
    for name in names:
        try:
            rows = read_rows(ctx.store.get_bytes(f"datasets/{dataset_id}/{name}"))
        except NotFound:
            continue
        captions: Captions = {}
        for path, text in rows:
            captions.setdefault(path, []).append(text)
        return captions
    raise NoSplit("This dataset has not been split yet.")


def make_config(
    ctx: JobContext,
    inputs: Inputs,
    files: dict[str, Path],
    runs_dir: Path,
) -> dict[str, Any]:
    """What the child is told (`workers/gpu/config.py`). Raises TrainingFailedToStart."""

    def items(captions: Captions) -> list[dict[str, Any]]:
        return [
            {"path": str(files[path]), "captions": texts, "name": called.get(path, "")}
            for path, texts in captions.items()
        ]

    called = read_names(ctx, str(ctx.job.dataset_id))
    params, base = params_and_base(ctx)
    return {
        "job_id": ctx.job.id,
        "params": params,
        "base": base,
        "train": items(inputs.train),
        "val": items(inputs.val),
        "work_dir": str(ctx.work_dir),
        "runs_dir": str(runs_dir),
        "weights_dir": str(ctx.settings.weights_dir),
        "device": ctx.settings.device,
        "checkpoint_every_s": ctx.settings.checkpoint_every_s,
        "memory_gb": ctx.settings.train_memory_gb,
        "lineage": inputs.lineage,
    }


def params_and_base(ctx: JobContext) -> tuple[dict[str, Any], str]:
    """The params as the child takes them; "local-dir:..." when a model of one's own is trained on.

    Raises TrainingFailedToStart when that model is gone.
    """
    params = read_params(ctx.job.params).model_dump()
    pretrained = str(params.get("pretrained") or "")
    with ctx.reader() as session:
        own = session.get(Model, pretrained) if pretrained else None
        architecture = own.architecture if own else ""
    if own is None:
        return params, ""
    try:
        source = model_folder(ctx.services, pretrained)
    except ClipBrowserError as problem:
        raise TrainingFailedToStart(problem.message, remedy=problem.remedy) from problem
    if not (Path(source.reference.removeprefix("local-dir:")) / WEIGHTS_FILE).is_file():
        raise TrainingFailedToStart(
            f"The weights of the model {pretrained} are missing from the artifact store.",
            remedy="Bring the folder back from a backup, or begin with another model.",
        )
    return {**params, "model": architecture}, source.reference


def _lineage(ctx: JobContext, dataset_id: str) -> dict[str, Any]:
    """Which captions it learned from: the snapshot, how they were augmented, the rows after review."""
    with ctx.reader() as session:
        done = states.last_succeeded(session, dataset_id, ["split", "augment"])
        dataset = session.get(Dataset, dataset_id)
    snapshot, made = _result(done.get("split")), _result(done.get("augment"))
    is_current = made.get("snapshot_id") == snapshot.get("snapshot_id")
    return {
        "dataset_id": dataset_id,
        "snapshot_id": snapshot.get("snapshot_id"),
        "snapshot_sha256": snapshot.get("sha256"),
        "caption_seq": snapshot.get("caption_seq"),
        "caption_revisions": _count_revisions(ctx, dataset_id, snapshot.get("snapshot_id")),
        "augmentation": made if is_current else None,
        "train_rows": dataset.train_rows if dataset else None,
        "base_model": ctx.job.params.get("pretrained") or None,
        "trained_by": ctx.job.created_by,
    }


def _result(job: Job | None) -> dict[str, Any]:
    return (job.result or {}) if job else {}


def _count_revisions(
    ctx: JobContext, dataset_id: str, snapshot_id: str | None
) -> dict[str, int] | None:
    """{captions, revised, newest}: how many captions were frozen, how many of them had been changed
    since they were first written, and the largest revision; each one's stands in the snapshot.
    """
    if snapshot_id is None:
        return None
    try:
        frozen = load_snapshot(ctx.store, dataset_id, snapshot_id)
    except NotFound:
        return None
    revisions = [caption.revision for caption in frozen]
    revised = sum(revision > 1 for revision in revisions)
    return {"captions": len(frozen), "revised": revised, "newest": max(revisions, default=0)}
