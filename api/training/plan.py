"""The plan of a training: facts of the dataset and of the machine for `common.training.plan`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from api.datasets.facts import find_dataset, read_facts
from api.datasets.steps import counts_of
from api.jobs.machine import training_machine
from api.jobs.params import check_training, complete_training
from api.services import Services
from api.training.schemas import (
    EstimatedFrom,
    GuideFigures,
    MemoryLayout,
    PlannedSetting,
    PlannedSettings,
    TrainPlanOut,
)
from common.db.tables import Dataset, Model
from common.errors import NoSplit
from common.training.pace import with_pace
from common.training.params import TrainParams
from common.training.plan import DataSize, Setting, TrainPlan, defaults_for
from common.training.planning import plan_training


def plan_for(services: Services, dataset_id: str, given: dict[str, Any]) -> TrainPlanOut:
    """The answer of `train-plan`. Raises NotFound, NoSplit, InvalidInput."""
    with services.readers() as session:
        dataset = find_dataset(session, dataset_id)
        params = check_training(session, dataset, given)
        plan = make_plan(services, session, size_of(services, session, dataset), params)
        usual = complete_training(session, dataset, {})
    defaults, why = defaults_for(plan.model, plan.pretrained, plan.size)
    epochs = plan.epoch_setting
    if (dataset.defaults or {}).get("train"):
        defaults, why = {name: usual[name] for name in defaults}, f"set for {dataset.name}"
        if not isinstance(given.get("epochs"), int) and params.epochs == usual["epochs"]:
            epochs = replace(epochs, auto=True, why=why)
    return _answer(plan, epochs, defaults=defaults, defaults_why=why)


def _answer(plan: TrainPlan, epochs: Setting, **more: Any) -> TrainPlanOut:
    size, machine, pace = plan.size, plan.machine, plan.machine.pace
    chosen = {"batch_size": plan.batch_size, "lr": plan.lr, "warmup": plan.warmup}
    settings = {name: PlannedSetting.of(one) for name, one in {"epochs": epochs, **chosen}.items()}
    return TrainPlanOut.of(
        plan,
        settings=PlannedSettings.of(plan, **settings),
        rows=size.rows,
        images=size.images,
        val_images=size.val_images,
        estimated_from=EstimatedFrom.of(pace) if pace else None,
        fit=MemoryLayout.of(plan.fit) if plan.fit else None,
        guide=GuideFigures.of(plan.guide) if plan.guide else None,
        device=machine.device,
        device_name=machine.name,
        **more,
    )


def make_plan(
    services: Services, session: Session, size: DataSize, params: TrainParams
) -> TrainPlan:
    """The plan of checked parameters on the machine that the workers have. Raises InvalidInput."""
    own = session.get(Model, params.pretrained) if params.pretrained else None
    parameters = (own.params or {}).get("parameters") if own else None
    plan = plan_training(params, size, training_machine(services), parameters)
    return with_pace(session, plan, params)


def size_of(services: Services, session: Session, dataset: Dataset) -> DataSize:
    """How much there is to learn from. Raises NoSplit."""
    counts = counts_of(read_facts(session, dataset, services.image_counts))
    if not counts.train:
        raise NoSplit(f"The captions of '{dataset.name}' have not been split yet.")
    return DataSize(counts.train_rows, counts.train, counts.val)
