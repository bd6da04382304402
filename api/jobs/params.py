"""What each kind of job may be asked for, and whether its dataset is far enough for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.errors import invalid
from api.models.registry import find_seen, resolve_model
from api.people.access import is_seen_job
from api.search.indexes import newest_index
from common.db.tables import Dataset, Image, Job, Model
from common.errors import Conflict, InvalidInput, NoCaptions, NoIndex, NoSplit
from common.jobs import states
from common.jobs.kinds import KINDS, Ground, JobKind, kind_of
from common.models import catalogue
from common.models.registry import newest_model
from common.training.params import (
    TrainParams,
    read_params,
    resolve_pretrained,
    source_of,
    usual_epochs,
)

MAX_CHAIN = 20


def complete_params(
    session: Session, dataset: Dataset, kind: str, given: dict[str, Any], after_job_id: str | None
) -> dict[str, Any]:
    """The parameters a job is stored with, nothing left open.

    A step that comes earlier in the job's own chain counts as done. Raises InvalidInput,
    NoCaptions, NoSplit, NoIndex, Conflict (no images).
    """
    known, coming = kind_of(kind), _kinds_before(session, dataset.id, after_job_id)
    _require_ground(session, dataset, known, coming)
    if kind == "train":
        return complete_training(session, dataset, given)
    try:
        params = known.params_model().model_validate(given).model_dump(exclude_none=True)
    except ValidationError as bad:
        raise invalid(bad, "params") from bad
    if kind == "index":
        params["model"] = _model_to_index(session, dataset.id, params.get("model"), coming)
    if kind == "map":
        params["model"] = _model_to_map(session, dataset, params.get("model"), coming)
    return {name: value for name, value in params.items() if value is not None}


def complete_training(session: Session, dataset: Dataset, given: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a training: as given, else the dataset's defaults, else the contract's."""
    return fill_epochs(check_training(session, dataset, given)).model_dump(exclude_none=True)


def fill_epochs(params: TrainParams) -> TrainParams:
    """With a number of epochs, as a job is stored."""
    if isinstance(params.epochs, int):
        return params
    epochs = usual_epochs(source_of(params.model, str(params.pretrained)))
    return params.model_copy(update={"epochs": epochs})


def check_training(session: Session, dataset: Dataset, given: dict[str, Any]) -> TrainParams:
    """As `complete_training`, with epochs still open where nothing was said. Raises InvalidInput."""
    usual = (dataset.defaults or {}).get("train") or {}
    if given.get("model", usual.get("model")) != usual.get("model"):
        usual = {}  # they were made for another model
    params = read_params({**usual, **given})
    own = find_seen(session, params.pretrained) if params.pretrained else None
    if own is not None:
        params = _of_own_model(params, own, given)
    elif not catalogue.find_model(params.model):
        catalogue.get_model(params.model)  # raises, listing the models
    elif params.pretrained:
        _require_tag(params.model, params.pretrained)
    pretrained = resolve_pretrained(params.model, params.pretrained)
    return params.model_copy(update={"pretrained": pretrained})


def _of_own_model(params: TrainParams, own: Model, given: dict[str, Any]) -> TrainParams:
    """Training goes on from a model of the registry, whose architecture is the only one that fits."""
    architecture = own.architecture.removesuffix("-quickgelu")
    if "model" in given and params.model.removesuffix("-quickgelu") != architecture:
        raise InvalidInput(
            f"pretrained: {own.id} is a {architecture}, not a {params.model}.",
            remedy=f"Set model to {architecture}, or choose other weights.",
        )
    return params.model_copy(update={"model": architecture})


def _require_tag(model: str, pretrained: str) -> None:
    try:
        catalogue.get_tag(model, pretrained)
    except InvalidInput as unknown:
        raise InvalidInput(
            f"pretrained: {unknown.message}",
            remedy=f"{unknown.remedy} Or name a fine-tuned model by its id.",
        ) from unknown


def _require_ground(session: Session, dataset: Dataset, kind: JobKind, coming: set[str]) -> None:
    """Raises NoCaptions, NoSplit or Conflict when the dataset lacks what a job of this kind needs."""
    services = {ground for name in coming if name in KINDS for ground in KINDS[name].makes}
    for ground in kind.needs:
        if ground not in services:
            _REQUIRE[ground](session, dataset)


def _require_images(session: Session, dataset: Dataset) -> None:
    if not _count(session, dataset.id, Image.id > 0):
        raise Conflict(
            f"'{dataset.name}' has no images.", remedy="Upload images first, then build the index."
        )


def _require_captions(session: Session, dataset: Dataset) -> None:
    if not _count(session, dataset.id, Image.is_captioned):
        raise NoCaptions(f"No index.csv found: '{dataset.name}' has no captions yet.")


def _require_split(session: Session, dataset: Dataset) -> None:
    if "split" not in states.last_succeeded(session, dataset.id, ["split"]):
        raise NoSplit(f"The captions of '{dataset.name}' have not been split yet.")


_REQUIRE: dict[Ground, Callable[[Session, Dataset], None]] = {
    "images": _require_images,
    "captions": _require_captions,
    "split": _require_split,
}


def _model_to_index(
    session: Session, dataset_id: str, wanted: str | None, coming: set[str]
) -> str | None:
    if wanted is not None:
        return resolve_model(session, wanted)
    if "train" in coming:
        return None  # the model that this training makes, when the job runs
    newest = newest_model(session, dataset_id)
    if newest is None:
        raise InvalidInput(
            "params.model: it is missing, and no model was trained on this dataset yet.",
            remedy="Name a model, such as ViT-B-32/openai.",
        )
    return newest


def _model_to_map(
    session: Session, dataset: Dataset, wanted: str | None, coming: set[str]
) -> str | None:
    if wanted is not None:
        return resolve_model(session, wanted)
    index = newest_index(session, dataset.id)
    if index is None and "index" not in coming:
        raise NoIndex(
            f"'{dataset.name}' has no index.",
            remedy="Build the index first; the map is drawn from it.",
        )
    return None  # the newest when the job runs


def _kinds_before(session: Session, dataset_id: str, after_job_id: str | None) -> set[str]:
    """Kinds of this dataset's jobs that will have succeeded before one that follows.

    Raises NotFound, also for a job that the person does not see.
    """
    if after_job_id is not None and not is_seen_job(session, after_job_id):
        raise states.no_such_job(after_job_id)
    kinds: set[str] = set()
    for _ in range(MAX_CHAIN):
        job = session.get(Job, after_job_id) if after_job_id else None
        if job is None:
            break
        if job.dataset_id == dataset_id:
            kinds.add(job.kind)
        after_job_id = job.after_job_id
    return kinds


def _count(session: Session, dataset_id: str, condition: Any) -> int:
    return int(
        session.scalar(
            select(func.count(Image.id)).where(Image.dataset_id == dataset_id, condition)
        )
        or 0
    )
