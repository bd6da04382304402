"""The train job: the prepared captions into a child process, its model folder into the registry."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import select

from common import jobs
from common.csvfiles import read_rows
from common.errors import ClipBrowserError, NoSplit, NotFound, TrainingFailedToStart
from common.schema import Dataset, Model, now
from common.train_plan import read_params
from workers.child import run_child
from workers.gpu.images import fetch_images
from workers.model_source import model_folder
from workers.runner import JobContext
from workers.train_csv import lineage_snapshot, refresh_train_csv

CHILD = "workers.gpu.train_child"


def train_on_dataset(ctx: JobContext) -> dict[str, Any]:
    """Train as the params say and register the model.

    The best model's folder goes to `models_finetuned/<YYYYmmdd-HHMMSS>_<name>/`, TensorBoard's files
    to `runs/<job>/`. Raises NoSplit, TrainingFailedToStart, TrainingDiverged, GpuOutOfMemory.
    """
    dataset_id = str(ctx.job.dataset_id)
    ctx.report(message="reading the captions")
    refresh_train_csv(ctx.services, dataset_id)
    train, val = read_training_rows(ctx, dataset_id)
    files = fetch_images(ctx, dataset_id, [*train, *val])
    try:
        result = run_child(ctx, CHILD, _config(ctx, dataset_id, train, val, files))
    finally:
        _store_runs(ctx)
    model_id = _register(ctx, dataset_id, result)
    shutil.rmtree(ctx.work_dir, ignore_errors=True)
    kept = {key: value for key, value in result.items() if key != "model_folder"}
    return {"model_id": model_id, **kept}


def read_training_rows(
    ctx: JobContext, dataset_id: str
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """({image: captions} to train on, the same to measure with); train.csv if there is one.

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


def _captions(ctx: JobContext, dataset_id: str, names: list[str]) -> dict[str, list[str]]:
    """The captions of each image, from the first file that is there. Raises NoSplit."""
    for name in names:
        try:
            rows = read_rows(ctx.store.get_bytes(f"datasets/{dataset_id}/{name}"))
        except NotFound:
            continue
        captions: dict[str, list[str]] = {}
        for path, text in rows:
            captions.setdefault(path, []).append(text)
        return captions
    raise NoSplit("This dataset has not been split yet.")


def _config(
    ctx: JobContext,
    dataset_id: str,
    train: dict[str, list[str]],
    val: dict[str, list[str]],
    files: dict[str, Path],
) -> dict[str, Any]:
    def items(captions: dict[str, list[str]]) -> list[dict[str, Any]]:
        return [{"path": str(files[name]), "captions": texts} for name, texts in captions.items()]

    params, base = _params_and_base(ctx)
    return {
        "job_id": ctx.job.id,
        "params": params,
        "base": base,
        "train": items(train),
        "val": items(val),
        "work_dir": str(ctx.work_dir),
        "runs_dir": str(_runs_dir(ctx)),
        "weights_dir": str(ctx.settings.weights_dir),
        "device": ctx.settings.device,
        "checkpoint_every_s": ctx.settings.checkpoint_every_s,
        "lineage": _lineage(ctx, dataset_id),
    }


def _params_and_base(ctx: JobContext) -> tuple[dict[str, Any], str]:
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
    return {**params, "model": architecture}, source.reference


def _lineage(ctx: JobContext, dataset_id: str) -> dict[str, Any]:
    """Which captions it learned from: the snapshot, how they were augmented, the rows after review."""
    with ctx.reader() as session:
        done = jobs.last_succeeded(session, dataset_id, ["split", "augment"])
        dataset = session.get(Dataset, dataset_id)
    split, augment = done.get("split"), done.get("augment")
    snapshot = (split.result or {}) if split else {}
    made = (augment.result or {}) if augment else {}
    is_current = made.get("snapshot_id") == snapshot.get("snapshot_id")
    return {
        "dataset_id": dataset_id,
        "snapshot_id": snapshot.get("snapshot_id"),
        "caption_seq": snapshot.get("caption_seq"),
        "augmentation": made if is_current else None,
        "train_rows": dataset.train_rows if dataset else None,
        "base_model": ctx.job.params.get("pretrained") or None,
        "trained_by": ctx.job.created_by,
    }


def _runs_dir(ctx: JobContext) -> Path:
    """Where TensorBoard's files are written: the store's own folder where it is local."""
    here = ctx.store.local_path(f"runs/{ctx.job.id}")
    folder = here if here is not None else ctx.work_dir / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _store_runs(ctx: JobContext) -> None:
    if ctx.store.local_path(f"runs/{ctx.job.id}") is None and not ctx.lost:
        ctx.store.put_folder(f"runs/{ctx.job.id}", _runs_dir(ctx))


def _register(ctx: JobContext, dataset_id: str, result: dict[str, Any]) -> str:
    """Store the model folder, then add it to the registry; the model's id."""
    ctx.check_stop()
    folder = Path(result["model_folder"])
    model_id = _free_id(ctx, folder.name)
    key = f"models_finetuned/{model_id}"
    ctx.store.put_folder(key, folder)
    params = ctx.job.params
    row = Model(
        id=model_id,
        name=params.get("name") or model_id,
        architecture=result["architecture"],
        pretrained=str(params.get("pretrained") or ""),
        folder=key,
        dataset_id=dataset_id,
        job_id=ctx.job.id,
        params={
            **params,
            **{name: result[name] for name in ("image_size", "embed_dim", "parameters")},
        },
        metrics={name: result[name] for name in ("recall_before", "recall_after", "best_epoch")},
        created_by=ctx.job.created_by,
        created_at=now(),
    )
    with ctx.session() as session:
        session.add(row)
    return model_id


def _free_id(ctx: JobContext, name: str) -> str:
    """The folder's name, or with a number behind it when two runs ended in the same second."""
    with ctx.reader() as session:
        taken = set(session.scalars(select(Model.id).where(Model.id.startswith(name))))
    number = 1
    candidate = name
    while candidate in taken:
        number += 1
        candidate = f"{name}-{number}"
    return candidate
