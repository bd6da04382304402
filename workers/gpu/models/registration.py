"""Model folders into the registry: trained, blended and imported ones alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common.db.tables import Model, now
from common.people.former_names import current_names
from workers.runtime.job_context import JobContext, LeaseLost

Keep = Callable[[JobContext, Session, dict[str, Any]], None]
FACTS = ("image_size", "embed_dim", "parameters")
# What the registry keeps of a model's figures; all of them stand in its training.json.
METRICS = ("recall_before", "recall_after", "best_epoch", "forgetting", "blends", "best_alpha")


def store_model(
    ctx: JobContext,
    folder: Path,
    result: dict[str, Any],
    *,
    name: str | None,
    source: str,
    dataset_id: str | None,
    params: dict[str, Any],
    keep: Keep = JobContext.keep_result,
) -> dict[str, Any]:
    """Store a model folder under `models_finetuned/`, then add it to the registry: once, even if the
    worker is lost right afterwards.

    Its architecture, figures and lineage are those of its training.json, the lineage with the versions
    of the code that made it. result: the job's, which is returned with the model's id; keep: writes
    it down with the registry's row. source: "trained", "blended" or "imported"; params: what it was
    made with. Raises LeaseLost, StoreUnavailable.
    """
    if ctx.lost:  # a mere stop comes too late: the model is there
        raise LeaseLost
    training = json.loads((folder / "training.json").read_text("utf-8"))
    model_id = _free_id(ctx, folder.name)
    key = f"models_finetuned/{model_id}"
    ctx.store.put_folder(key, folder)
    metrics = training["metrics"]
    row = Model(
        id=model_id,
        name=name or model_id,
        architecture=training["architecture"],
        pretrained=training["pretrained"] or "",
        folder=key,
        dataset_id=dataset_id,
        job_id=ctx.job.id,
        params={**params, **{fact: training[fact] for fact in FACTS}},
        metrics={figure: metrics[figure] for figure in METRICS if figure in metrics},
        source=source,
        lineage={**training["lineage"], "code_version": training.get("versions")},
        created_by=ctx.job.created_by,
        created_at=now(),
    )
    made = {"model_id": model_id, **result}
    try:
        with ctx.session() as session:
            renamed = current_names(session, [row.created_by])  # while this took hours
            row.created_by = renamed.get(row.created_by, row.created_by)
            session.add(row)
            keep(ctx, session, made)
    except (IntegrityError, LeaseLost):  # the former: the dataset was deleted, and the job with it
        ctx.store.delete_prefix(key)
        raise LeaseLost from None
    return made


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
