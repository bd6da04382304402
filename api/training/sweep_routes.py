"""Runs made from others: a clone with changed settings, and a sweep over learning rates."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy.orm import Session

from api.answer import Problem
from api.capability import make_blueprint
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.jobs.params import complete_params
from api.jobs.schemas import JobOut, JobPath
from api.jobs.submission import dispatch, shown, submit
from api.people.identity import user
from api.services import app_services
from api.training.plan import plan_for
from api.training.schemas import Clone, NewSweep, SweepOut
from common.db.tables import Job, Model
from common.errors import Conflict
from common.jobs import states
from common.jobs.kinds import offered_kinds
from common.models import catalogue

sweeps = make_blueprint("sweeps", __name__, "training")
AUTO_FACTORS = (1 / 3, 1.0, 3.0)
MAX_NAME = 60


@sweeps.post(
    "/jobs/<job_id>/clone", responses={202: JobOut, 400: Problem, 404: Problem, 409: Problem}
)
def clone_job(path: JobPath, body: Clone) -> tuple[JobOut, int]:
    """The same job once more on the same dataset, with these params changed (null: the default)."""
    with app_services().readers() as session:
        job = _cloneable(session, path.job_id)
        dataset = find_dataset(session, str(job.dataset_id))
        params = merge_params(job.params, body.params)
        if not body.params.keys() & {"model", "pretrained"}:
            _require_base(session, job)
        complete = complete_params(session, dataset, job.kind, params, None)
    cloned = submit(
        app_services(), job.kind, complete, dataset_id=job.dataset_id, created_by=user().name
    )
    return cloned, 202


@sweeps.post(
    "/datasets/<dataset_id>/sweep",
    responses={202: SweepOut, 400: Problem, 404: Problem, 409: Problem},
)
def start_sweep(path: DatasetPath, body: NewSweep) -> tuple[SweepOut, int]:
    """One training for each learning rate, otherwise alike: 2 to 8 of them, or `auto`."""
    services, group_id = app_services(), secrets.token_hex(6)
    rates = body.lr
    if rates == "auto":
        plan = plan_for(services, path.dataset_id, {**body.params, "lr": "auto"})
        rates = [float(f"{plan.settings.lr.value * factor:.2g}") for factor in AUTO_FACTORS]
    with services.sessions() as session:
        dataset = find_dataset(session, path.dataset_id)
        created = [
            states.create_job(
                session, "train",
                dataset_id=dataset.id,
                params=complete_params(session, dataset, "train", _with_rate(body.params, rate), None),
                created_by=user().name,
                max_attempts=services.settings.max_attempts,
                group_id=group_id,
            )
            for rate in rates
        ]  # fmt: skip
    for job in created:
        dispatch(services, job)
    return SweepOut(group_id=group_id, jobs=[shown(services, job.id) for job in created]), 202


def merge_params(params: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A job's params with changes; another model starts from its own default weights."""
    merged = {**params, **changes}
    if changes.get("model", params.get("model")) != params.get("model"):
        merged["pretrained"] = changes.get("pretrained")
    return {name: value for name, value in merged.items() if value is not None}


def _with_rate(params: dict[str, Any], rate: float) -> dict[str, Any]:
    suffix = f"lr {rate:g}"
    name = str(params.get("name") or "")[: MAX_NAME - len(suffix) - 1]
    return {**params, "lr": rate, "name": f"{name} {suffix}".strip()}


def _cloneable(session: Session, job_id: str) -> Job:
    job = states.get_job(session, job_id)
    if job.kind not in offered_kinds() or job.dataset_id is None:
        raise Conflict(
            f"A job of kind {job.kind} cannot be cloned.",
            remedy=f"Clone one of these: {', '.join(offered_kinds())}.",
        )
    return job


def _require_base(session: Session, job: Job) -> None:
    """Raises Conflict when the model that the job works with is no longer there."""
    field = "pretrained" if job.kind == "train" else "model"
    base = str(job.params.get(field) or "")
    if not base or session.get(Model, base) is not None:
        return
    if job.kind == "train":
        known = catalogue.find_model(str(job.params.get("model")))
        is_there = known is not None and known.find_tag(base) is not None
    else:
        is_there = "/" in base
    if not is_there:
        raise Conflict(
            f"The model {base}, with which job {job.id} began, is no longer there.",
            remedy=f"Name another one: params.{field}.",
        )
