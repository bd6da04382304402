"""Before a training: its plan, and a probe that measures what the plan cannot know."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from api.answer import Problem
from api.capability import make_blueprint
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.jobs.machine import training_machine
from api.jobs.params import check_training, fill_epochs
from api.jobs.schemas import JobAnswer
from api.jobs.submission import shown, submit
from api.people.identity import user
from api.services import Services, app_services
from api.training.plan import plan_for
from api.training.schemas import NewProbe, TrainPlanOut, TrainPlanQuery
from common.db.tables import Job
from common.training.pace import read_size
from common.training.params import TrainParams
from common.training.planning import plan_training

training = make_blueprint("training", __name__, "training")
TEXTS = frozenset(["model", "pretrained", "precision"])


@training.get(
    "/datasets/<dataset_id>/train-plan",
    responses={200: TrainPlanOut, 400: Problem, 404: Problem, 409: Problem},
)
def train_plan(path: DatasetPath, query: TrainPlanQuery) -> TrainPlanOut:
    """What a training with these settings would do: steps, time, memory, learning rate."""
    given = query.model_dump(exclude_none=True)
    return plan_for(
        app_services(), path.dataset_id, {name: _value(name, given[name]) for name in given}
    )


@training.post(
    "/datasets/<dataset_id>/train-probe",
    responses={202: JobAnswer, 400: Problem, 404: Problem},
)
def train_probe(path: DatasetPath, body: NewProbe) -> tuple[JobAnswer, int]:
    """Measure samples a second and memory of a training with these params, in about 20 s.

    The GPU worker makes a few steps with the architecture's random weights on random pixels. The
    same probe that still waits or runs is given again.
    """
    services = app_services()
    with services.readers() as session:
        dataset = find_dataset(session, path.dataset_id)
        params = check_training(session, dataset, body.params)
        size = read_size(session, path.dataset_id)
        if size is not None:  # the batch that the run would have, not the one that was typed
            batch = plan_training(params, size, training_machine(services)).batch_size.value
            params = params.model_copy(update={"batch_size": batch})
    complete = _of_probe(fill_epochs(params))
    job_id = _same_probe(services, path.dataset_id, complete)
    if job_id is not None:
        return JobAnswer(job=shown(services, job_id)), 202
    job = submit(services, "probe", complete, dataset_id=path.dataset_id, created_by=user().name)
    return JobAnswer(job=job), 202


def _of_probe(params: TrainParams) -> dict[str, Any]:
    """A train job's params without what costs neither time nor memory, so that like probes are one."""
    return params.model_dump(exclude_none=True, exclude={"name", "early_stopping", "seed"})


def _same_probe(services: Services, dataset_id: str, params: dict[str, Any]) -> str | None:
    with services.readers() as session:
        waiting = session.execute(
            select(Job.id, Job.params).where(
                Job.kind == "probe",
                Job.dataset_id == dataset_id,
                Job.state.in_(("queued", "running")),
            )
        )
        return next((row.id for row in waiting if row.params == params), None)


def _value(name: str, text: str) -> Any:
    """A number, true or false where it is one; `read_params` refuses the rest by name."""
    if name in TEXTS:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
