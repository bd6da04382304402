"""The plan of a training: facts of the dataset and of the machine for `common.train_plan`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.dataset_facts import find_dataset, read_facts
from api.gpus import read_gpus
from api.params import complete_training
from api.parts import Parts
from api.steps import counts_of
from common.errors import NoSplit
from common.schema import Job, JobMetric
from common.train_plan import DataSize, Machine, plan_training, read_params

RATE = "train/samples_per_second"


def plan_for(made: Parts, dataset_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """The shape of `train-plan`. Raises NotFound, NoSplit, InvalidInput."""
    with made.readers() as session:
        dataset = find_dataset(session, dataset_id)
        counts = counts_of(read_facts(session, dataset))
        if not counts["train"]:
            raise NoSplit(f"The captions of '{dataset.name}' have not been split yet.")
        complete = complete_training(session, dataset, given)
        usual = complete_training(session, dataset, {})
        rate = _measured_rate(session, complete["model"])
        own_defaults = bool((dataset.defaults or {}).get("train"))
    size = DataSize(counts["train_rows"], counts["train"], counts["val"])
    plan = plan_training(read_params(complete), size, _machine(made, rate)).to_dict()
    if own_defaults:
        plan["defaults"] = {name: usual[name] for name in plan["defaults"]}
        plan["defaults_why"] = f"set for {dataset.name}"
    return plan


def _machine(made: Parts, rate: float | None) -> Machine:
    wanted = made.settings.device
    gpus = [] if wanted == "cpu" else read_gpus()
    if gpus:
        return Machine("cuda", gpus[0]["memory_gb"], rate)
    return Machine("cpu" if wanted == "auto" else wanted, None, rate)


def _measured_rate(session: Session, model: str) -> float | None:
    """Samples a second of the newest training of this architecture; None when there was none."""
    recent = session.execute(
        select(Job.id, Job.params)
        .where(Job.kind == "train", Job.state == "succeeded")
        .order_by(Job.finished_at.desc())
        .limit(20)
    ).all()
    job_id = next((row.id for row in recent if row.params.get("model") == model), None)
    if job_id is None:
        return None
    average = session.scalar(
        select(func.avg(JobMetric.value)).where(JobMetric.job_id == job_id, JobMetric.name == RATE)
    )
    return float(average) if average else None
