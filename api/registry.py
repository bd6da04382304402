"""The registry of models: the catalogue and the fine-tuned ones, under one kind of id."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.shapes import iso
from common import catalogue
from common.catalogue import CATALOGUE, SMALL_MODEL, UNTRAINED, CatalogueModel
from common.errors import InvalidInput, NotFound
from common.schema import Model, SearchIndex

LISTED = 12  # fine-tuned models named in an error, newest first


def resolve_model(session: Session, wanted: str) -> str:
    """The id of a model named by id, by its own name, or by its architecture alone.

    Raises InvalidInput that lists the models.
    """
    if session.get(Model, wanted) is not None or catalogue.is_reference(wanted):
        return wanted
    known = catalogue.find_model(wanted)
    if known is not None and known.tags:
        return f"{known.name}/{known.default_pretrained}"
    named = session.scalar(
        select(Model.id).where(Model.name == wanted).order_by(Model.created_at.desc()).limit(1)
    )
    if named is not None:
        return named
    raise InvalidInput(
        f"model: there is no model {wanted[:160]!r}.",
        remedy=f"Choose one of: {', '.join(model_ids(session))}.",
        details={"fields": [{"field": "model", "reason": "unknown", "value": wanted[:160]}]},
    )


def model_ids(session: Session) -> list[str]:
    """Ids that can be indexed and searched with: fine-tuned ones first."""
    own = session.scalars(select(Model.id).order_by(Model.created_at.desc()).limit(LISTED))
    tags = [f"{known.name}/{tag.tag}" for known in CATALOGUE for tag in known.tags]
    return [*own, *tags, f"{SMALL_MODEL}/{UNTRAINED}"]


def list_models(session: Session, weights_dir: Path) -> list[dict[str, Any]]:
    """Fine-tuned models newest first, then the architectures of the catalogue with their tags."""
    indexed = _indexed(session)
    own = session.scalars(select(Model).order_by(Model.created_at.desc(), Model.id.desc())).all()
    shapes = [finetuned_shape(model, indexed) for model in own]
    return shapes + [_architecture_shape(known, weights_dir, indexed) for known in CATALOGUE]


def get_model(session: Session, model_id: str, weights_dir: Path) -> dict[str, Any]:
    """One model: fine-tuned, an architecture, or one of its tags. Raises NotFound."""
    model = session.get(Model, model_id)
    if model is not None:
        return finetuned_shape(model, _indexed(session))
    architecture = catalogue.find_model(model_id)
    if architecture is not None:
        return _architecture_shape(architecture, weights_dir, _indexed(session))
    known, tag = catalogue.split_reference(model_id)
    state = "none" if tag == UNTRAINED else catalogue.weights_state(known.name, tag, weights_dir)
    shape = _architecture_shape(known, weights_dir, {})
    own = {"id": model_id, "name": model_id, "pretrained": "" if tag == UNTRAINED else tag}
    return shape | own | {"weights": state, "indexes": _indexed(session).get(model_id, [])}


def find_own(session: Session, model_id: str) -> Model:
    """A fine-tuned model. Raises NotFound; InvalidInput for one of the catalogue."""
    model = session.get(Model, model_id)
    if model is not None:
        return model
    if catalogue.is_reference(model_id):
        raise InvalidInput(
            f"{model_id} is a model of the catalogue.",
            remedy="Only fine-tuned models can be changed, deleted or downloaded.",
        )
    raise NotFound(f"There is no model {model_id[:160]!r}.", remedy="Look at the list of models.")


def finetuned_shape(model: Model, indexed: dict[str, list[str]]) -> dict[str, Any]:
    """A model that was trained here."""
    known = catalogue.find_model(model.architecture)
    return {
        **_facts(known),
        "id": model.id,
        "name": model.name,
        "kind": "finetuned",
        "architecture": model.architecture,
        "pretrained": model.pretrained,
        "weights": "own",
        "recommended": False,
        "description": f"{model.architecture} fine-tuned by {model.created_by}.",
        "dataset_id": model.dataset_id,
        "job_id": model.job_id,
        "metrics": model.metrics or {},
        "params": model.params or {},
        "created_at": iso(model.created_at),
        "note": model.note,
        "folder": model.folder,
        "indexes": indexed.get(model.id, []),
    }


def _architecture_shape(
    known: CatalogueModel, weights_dir: Path, indexed: dict[str, list[str]]
) -> dict[str, Any]:
    """An architecture with all its tags; cached when the weights of one of them are here."""
    tags = [tag.tag for tag in known.tags]
    states = {catalogue.weights_state(known.name, tag, weights_dir) for tag in tags} or {"none"}
    datasets = {
        each for tag in tags or [UNTRAINED] for each in indexed.get(f"{known.name}/{tag}", [])
    }
    return {
        **_facts(known),
        "id": known.name,
        "name": known.name,
        "kind": "catalogue",
        "architecture": known.name,
        "pretrained": tags,
        "weights": "cached" if "cached" in states else states.pop(),
        "recommended": known.recommended,
        "description": known.description,
        "dataset_id": None,
        "job_id": None,
        "metrics": {},
        "params": {},
        "created_at": None,
        "note": "",
        "folder": None,
        "indexes": sorted(datasets),
    }


def _facts(known: CatalogueModel | None) -> dict[str, Any]:
    return {
        "parameters": known.parameters if known else None,
        "image_size": known.image_size if known else None,
        "embed_dim": known.embed_dim if known else None,
    }


def _indexed(session: Session) -> dict[str, list[str]]:
    """Datasets with an index, by model."""
    by_model: dict[str, list[str]] = defaultdict(list)
    for model_id, dataset_id in session.execute(
        select(SearchIndex.model_id, SearchIndex.dataset_id).order_by(SearchIndex.dataset_id)
    ):
        by_model[model_id].append(dataset_id)
    return by_model
