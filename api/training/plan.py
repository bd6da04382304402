"""The plan of a training: facts of the dataset and of the machine for `common.training.plan`."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from api.datasets.facts import find_dataset, read_facts
from api.datasets.steps import counts_of
from api.jobs.params import check_training, complete_training
from api.live.machines import training_machine
from api.services import Services
from api.training.schemas import TrainPlanOut
from common.db.tables import Dataset, Model
from common.errors import NoSplit
from common.training.pace import with_pace
from common.training.params import TrainParams
from common.training.plan import DataSize, TrainPlan
from common.training.planning import plan_training


def plan_for(services: Services, dataset_id: str, given: dict[str, Any]) -> TrainPlanOut:
    """The answer of `train-plan`. Raises NotFound, NoSplit, InvalidInput."""
    with services.readers() as session:
        dataset = find_dataset(session, dataset_id)
        size = size_of(session, dataset)
        params = check_training(session, dataset, given)
        shape = make_plan(services, session, size, params).to_dict()
        usual = complete_training(session, dataset, {})
    if (dataset.defaults or {}).get("train"):
        shape["defaults"] = {name: usual[name] for name in shape["defaults"]}
        shape["defaults_why"] = f"set for {dataset.name}"
        if not isinstance(given.get("epochs"), int) and params.epochs == usual["epochs"]:
            shape["settings"]["epochs"] |= {"auto": True, "why": shape["defaults_why"]}
    return TrainPlanOut(**shape)


def make_plan(
    services: Services, session: Session, size: DataSize, params: TrainParams
) -> TrainPlan:
    """The plan of checked parameters on the machine that the workers have. Raises InvalidInput."""
    own = session.get(Model, params.pretrained) if params.pretrained else None
    parameters = (own.params or {}).get("parameters") if own else None
    plan = plan_training(params, size, training_machine(services), parameters)
    return with_pace(session, plan, params)


def size_of(session: Session, dataset: Dataset) -> DataSize:
    """How much there is to learn from. Raises NoSplit."""
    counts = counts_of(read_facts(session, dataset))
    if not counts.train:
        raise NoSplit(f"The captions of '{dataset.name}' have not been split yet.")
    return DataSize(counts.train_rows, counts.train, counts.val)
