"""The registry of models: the catalogue and the models of one's own, under one kind of id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.models.schemas import ModelOut
from api.people.access import access
from common.db.tables import Dataset, Model, SearchIndex
from common.errors import InvalidInput, NotFound
from common.models import catalogue
from common.models.catalogue import CATALOGUE, SMALL_MODEL, UNTRAINED, CatalogueModel

LISTED = 12  # fine-tuned models named in an error, newest first


def resolve_model(session: Session, wanted: str) -> str:
    """The id of a model named by id, by its own name, or by its architecture alone.

    Raises InvalidInput that lists the models.
    """
    if find_seen(session, wanted) is not None or catalogue.is_reference(wanted):
        return wanted
    known = catalogue.find_model(wanted)
    if known is not None and known.tags:
        return f"{known.name}/{known.default_pretrained}"
    named = session.scalar(
        select(Model.id)
        .where(Model.name == wanted, access().sees_model())
        .order_by(Model.created_at.desc())
        .limit(1)
    )
    if named is not None:
        return named
    raise InvalidInput(
        f"model: there is no model {wanted[:160]!r}.",
        remedy=f"Choose one of: {', '.join(model_ids(session))}.",
        details={"fields": [{"field": "model", "reason": "unknown", "value": wanted[:160]}]},
    )


def find_seen(session: Session, model_id: str) -> Model | None:
    """A fine-tuned model that the person who asks sees."""
    return session.scalar(select(Model).where(Model.id == model_id, access().sees_model()))


def model_ids(session: Session) -> list[str]:
    """Ids that can be indexed and searched with: fine-tuned ones first."""
    seen = select(Model.id).where(access().sees_model())
    own = session.scalars(seen.order_by(Model.created_at.desc()).limit(LISTED))
    tags = [f"{known.name}/{tag.tag}" for known in CATALOGUE for tag in known.tags]
    return [*own, *tags, f"{SMALL_MODEL}/{UNTRAINED}"]


@dataclass(frozen=True)
class Uses:
    """Datasets by the id of a model: that have an index by it, that are searched with it by choice.

    trashed: the datasets that were deleted.
    """

    indexed: Mapping[str, list[str]]
    chosen: Mapping[str, list[str]]
    trashed: frozenset[str] = frozenset()

    @classmethod
    def read(cls, session: Session) -> Uses:
        """Of all models, in the datasets that the person who asks sees."""
        indexed, chosen = defaultdict(list), defaultdict(list)
        for model_id, dataset_id in session.execute(
            select(SearchIndex.model_id, SearchIndex.dataset_id)
            .join(Dataset, Dataset.id == SearchIndex.dataset_id)
            .where(access().sees())
            .order_by(SearchIndex.dataset_id)
        ):
            indexed[model_id].append(dataset_id)
        for dataset in session.execute(
            select(Dataset.model_id, Dataset.id)
            .where(Dataset.model_id.is_not(None), access().sees())
            .order_by(Dataset.id)
        ):
            chosen[str(dataset.model_id)].append(dataset.id)
        trashed = session.scalars(select(Dataset.id).where(Dataset.deleted_at.is_not(None)))
        return cls(indexed, chosen, frozenset(trashed))

    def of(self, *model_ids: str) -> dict[str, list[str]]:
        """{"indexes", "is_default_for"} of these models together."""
        return {
            "indexes": sorted({each for one in model_ids for each in self.indexed.get(one, [])}),
            "is_default_for": sorted(
                {each for one in model_ids for each in self.chosen.get(one, [])}
            ),
        }


def list_models(
    session: Session, weights_dir: Path, tag: str | None = None, words: str | None = None
) -> list[ModelOut]:
    """Models of one's own newest first, then the architectures of the catalogue with their tags.

    tag: only those with this tag. words: only those that have all of them in what they are called.
    """
    uses = Uses.read(session)
    seen = select(Model).where(access().sees_model())
    own = session.scalars(seen.order_by(Model.created_at.desc(), Model.id.desc())).all()
    found = [answer_own(model, uses) for model in own]
    if tag is None:
        found += [_answer_architecture(known, weights_dir, uses) for known in CATALOGUE]
    else:
        found = [model for model in found if tag.casefold() in _folded(model.tags)]
    return [model for model in found if _has_words(model, words or "")]


def _folded(texts: Iterable[str]) -> set[str]:
    return {text.casefold() for text in texts}


def _has_words(model: ModelOut, words: str) -> bool:
    names = ("id", "name", "architecture", "note", "dataset_id", "created_by", "base")
    text = " ".join([*(str(getattr(model, name) or "") for name in names), *model.tags]).casefold()
    return all(word in text for word in words.casefold().split())


def get_model(session: Session, model_id: str, weights_dir: Path) -> ModelOut:
    """One model: of one's own, an architecture, or one of its tags. Raises NotFound."""
    model, uses = find_seen(session, model_id), Uses.read(session)
    if model is not None:
        return answer_own(model, uses)
    architecture = catalogue.find_model(model_id)
    if architecture is not None:
        return _answer_architecture(architecture, weights_dir, uses)
    known, tag = catalogue.split_reference(model_id)
    state = "none" if tag == UNTRAINED else catalogue.weights_state(known.name, tag, weights_dir)
    own = {"id": model_id, "name": model_id, "pretrained": "" if tag == UNTRAINED else tag}
    answer = _answer_architecture(known, weights_dir, uses)
    return answer.model_copy(update={**own, "weights": state, **uses.of(model_id)})


def find_own(session: Session, model_id: str) -> Model:
    """A fine-tuned model. Raises NotFound; InvalidInput for one of the catalogue."""
    model = find_seen(session, model_id)
    if model is not None:
        return model
    if catalogue.is_reference(model_id):
        raise InvalidInput(
            f"{model_id} is a model of the catalogue.",
            remedy="Only models that were trained or brought in here can be changed, deleted, blended or downloaded.",
        )
    raise NotFound(f"There is no model {model_id[:160]!r}.", remedy="Look at the list of models.")


def base_of(model: Model) -> str:
    """What a model began with: "ViT-B-32/openai", the id of a model of one's own, or ""."""
    known = catalogue.find_model(model.architecture)
    if known is not None and known.find_tag(model.pretrained):
        return f"{known.name}/{model.pretrained}"
    return model.pretrained


def answer_own(model: Model, uses: Uses) -> ModelOut:
    """A model that was trained, blended or brought in here."""
    made = {"blended": "blended", "imported": "brought in"}.get(model.source, "fine-tuned")
    params = model.params or {}
    known = _facts(catalogue.find_model(model.architecture))
    return ModelOut.of(
        model,
        **{name: params.get(name) or known[name] for name in known},
        dataset_id=None if model.dataset_id in uses.trashed else model.dataset_id,
        kind="finetuned",
        weights="own",
        recommended=False,
        description=f"{model.architecture} {made} by {model.created_by}.",
        metrics=model.metrics or {},
        params=params,
        tags=model.tags or [],
        base=base_of(model),
        **uses.of(model.id),
    )


def _answer_architecture(known: CatalogueModel, weights_dir: Path, uses: Uses) -> ModelOut:
    """An architecture with all its tags; cached when the weights of one of them are here."""
    tags = [tag.tag for tag in known.tags]
    states = {catalogue.weights_state(known.name, tag, weights_dir) for tag in tags} or {"none"}
    named = [f"{known.name}/{tag}" for tag in tags or [UNTRAINED]]
    facts: dict[str, Any] = {**_facts(known), **uses.of(*named)}
    return ModelOut(
        id=known.name,
        name=known.name,
        kind="catalogue",
        architecture=known.name,
        pretrained=tags,
        weights="cached" if "cached" in states else states.pop(),
        recommended=known.recommended,
        description=known.description,
        **facts,
    )


def _facts(known: CatalogueModel | None) -> dict[str, Any]:
    names = ("parameters", "image_size", "embed_dim")
    return {name: getattr(known, name, None) for name in names}
