"""The blend job: a model of its own from the weights between a tuned model and what it began with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from common.datasets.snapshots import load_snapshot
from common.db.tables import Model
from common.errors import ClipBrowserError, InvalidInput, NotFound
from common.models.catalogue import find_model
from common.models.params import BlendParams
from workers.gpu.data.fetching import fetch_images
from workers.gpu.data.skipped import read_names
from workers.gpu.models.registration import store_model
from workers.models.source import ModelSource, model_folder
from workers.runtime.child import run_child
from workers.runtime.job_context import JobContext

CHILD = "workers.gpu.models.blend_child"


def blend_model(ctx: JobContext) -> dict[str, Any]:
    """Blend, measure, store under `models_finetuned/` and register; the result has the model's id.

    Raises InvalidInput for a model that began from nothing known, NotFound when one of the two is
    gone.
    """
    made = ctx.result_before or _blend_and_register(ctx)
    shutil.rmtree(ctx.work_dir, ignore_errors=True)
    return made


def _blend_and_register(ctx: JobContext) -> dict[str, Any]:
    asked = read_blend(ctx.job.params)
    ctx.report(message="looking for the two models")
    row, training = _tuned(ctx, asked.model)
    base = _base(ctx, asked.model, training)
    tuned = model_folder(ctx.services, asked.model)
    result = run_child(
        ctx,
        CHILD,
        {
            "job_id": ctx.job.id,
            "name": asked.name or f"{row.name} {asked.alpha:.0%}",
            "alpha": asked.alpha,
            "tuned": tuned.to_dict(),
            "base": base.to_dict(),
            "val": _validation(ctx, training),
            "training": training,
            "history": _history(ctx, row.folder),
            "work_dir": str(ctx.work_dir),
            "device": ctx.settings.device,
        },
    )
    return store_model(
        ctx,
        Path(result.pop("model_folder")),
        result,
        name=asked.name or f"{row.name} {asked.alpha:.0%}"[:120],
        source="blended",
        dataset_id=row.dataset_id,
        params={**row.params, "alpha": asked.alpha, "blend_of": asked.model},
    )


def read_blend(params: dict[str, Any]) -> BlendParams:
    """The checked parameters of a blend job. Raises InvalidInput, naming the first that is wrong."""
    try:
        return BlendParams.model_validate(params)
    except ValidationError as bad:
        first = bad.errors()[0]
        field = str(first["loc"][0])
        raise InvalidInput(
            f"{field} is {params.get(field)!r}: {first['msg'].lower()}.",
            remedy="Name a fine-tuned model, and an alpha from 0 (untuned) to 1 (tuned).",
        ) from bad


def _tuned(ctx: JobContext, model_id: str) -> tuple[Model, dict[str, Any]]:
    """The registry's row and the content of training.json. Raises NotFound."""
    with ctx.reader() as session:
        row = session.get(Model, model_id)
    if row is None:
        raise NotFound(
            f"There is no fine-tuned model {model_id!r}.", remedy="Look at the list of models."
        )
    training: dict[str, Any] = json.loads(ctx.store.get_bytes(f"{row.folder}/training.json"))
    return row, training


def _base(ctx: JobContext, model_id: str, training: dict[str, Any]) -> ModelSource:
    """What the tuned model began with. Raises InvalidInput when that is nothing, NotFound when gone."""
    pretrained = str(training.get("pretrained") or "")
    if not pretrained:
        raise InvalidInput(
            f"{model_id} began with random weights, or with weights that nobody has named.",
            remedy="Blend a model that was trained on from pretrained weights or from a tuned model.",
        )
    known = find_model(training["architecture"])
    tag = known.find_tag(pretrained) if known else None
    reference = f"{known.name}/{tag.tag}" if known and tag else pretrained
    try:
        return model_folder(ctx.services, reference)
    except ClipBrowserError as problem:
        raise NotFound(
            f"{model_id} was trained from {reference}, which is not there any more.",
            remedy="Both are needed for a blend: import that model again, or train one from what is here.",
        ) from problem


def _validation(ctx: JobContext, training: dict[str, Any]) -> list[dict[str, Any]]:
    """The images and captions that the tuned model was measured with; [] when they are gone."""
    lineage = training.get("lineage") or {}
    dataset_id, snapshot_id = lineage.get("dataset_id"), lineage.get("snapshot_id")
    if not dataset_id or not snapshot_id:
        return []
    try:
        frozen = load_snapshot(ctx.store, dataset_id, snapshot_id)
    except (NotFound, InvalidInput):
        return []
    captions: dict[str, list[str]] = {}
    for row in frozen:
        if row.side == "val":
            captions.setdefault(row.path, []).append(row.text)
    files = fetch_images(ctx, dataset_id, captions)
    called = read_names(ctx, dataset_id)
    return [
        {"path": str(files[path]), "captions": texts, "name": called.get(path, "")}
        for path, texts in captions.items()
    ]


def _history(ctx: JobContext, folder: str) -> list[dict[str, Any]]:
    """The tuned model's figures epoch by epoch."""
    try:
        lines = ctx.store.get_bytes(f"{folder}/metrics.jsonl").splitlines()
    except NotFound:
        return []
    return [json.loads(line) for line in lines if line.strip()]
