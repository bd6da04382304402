"""How fast this service's machines train: read from the newest fitting run or probe in the database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.tables import Dataset, Job
from common.errors import InvalidInput
from common.jobs import states
from common.training.params import TrainParams, read_params
from common.training.plan import DataSize, Machine, Pace, TrainPlan
from common.training.planning import plan_training

MEASURED_BY = {"train": "run", "probe": "probe"}
LOOKED_AT = 50  # jobs, newest first


def plain_device(words: str) -> str:
    """A device's words without what differs from day to day: "NVIDIA H100 (80 GB)" -> "NVIDIA H100"."""
    return words.partition(" (")[0].strip()


def with_pace(session: Session, plan: TrainPlan, params: TrainParams) -> TrainPlan:
    """The plan with the newest measurement of its architecture, device, GPUs and precision, if any.

    Of the fitting ones, one with the same batch size is preferred: small batches use a GPU badly.
    """
    fitting = list(_fitting(session, params, plan.machine))
    same = [pace for pace in fitting if pace.batch_size == plan.batch_size.value]
    pace = next(iter(same or fitting), None)
    return replace(plan, machine=replace(plan.machine, pace=pace))


def _fitting(session: Session, params: TrainParams, machine: Machine) -> Iterator[Pace]:
    recent = session.execute(
        select(Job.id, Job.kind, Job.params, Job.result, Job.finished_at)
        .where(Job.kind.in_(MEASURED_BY), Job.state == "succeeded")
        .order_by(Job.finished_at.desc())
        .limit(LOOKED_AT)
    )
    for row in recent:
        result = row.result or {}
        if _same_setting(row.params, result, params) and _on(
            machine, str(result.get("device", ""))
        ):
            yield Pace(
                samples_per_second=float(result["samples_per_second"]),
                overhead_s=float(result.get("overhead_s") or 0.0),
                peak_memory_gb=result.get("peak_memory_gb") or result.get("memory_gb"),
                batch_size=result.get("batch_size") or row.params.get("batch_size"),
                source=MEASURED_BY[row.kind],
                job_id=row.id,
                device=str(result.get("device_name") or result["device"]),
                at=row.finished_at.isoformat(),
            )


def _same_setting(measured: dict[str, Any], result: dict[str, Any], wanted: TrainParams) -> bool:
    """Whether the measurement is of the same optimisation, as far as it costs time."""
    if not result.get("samples_per_second"):
        return False
    models = {
        str(name).removesuffix("-quickgelu") for name in (measured.get("model"), wanted.model)
    }
    return (
        len(models) == 1
        and int(result.get("gpus") or measured.get("gpus") or 1) == wanted.gpus
        and wanted.precision in (measured.get("precision", "auto"), result.get("precision"))
    )


def _on(machine: Machine, device: str) -> bool:
    """Whether a measurement's device is the machine's: by name, or both no GPU."""
    measured = plain_device(device)
    if machine.device == "cpu":
        return measured == "the CPU"
    return bool(machine.name) and measured == plain_device(machine.name)


def estimate_training_s(
    session: Session, machine: Machine, dataset_id: str, params: dict[str, Any]
) -> float | None:
    """Seconds that a train job with these complete parameters will take on that machine.

    None when nothing fitting was measured there, or when the captions are not split.
    """
    size = read_size(session, dataset_id)
    if size is None:
        return None
    with contextlib.suppress(InvalidInput):
        checked = read_params(params)
        return with_pace(session, plan_training(checked, size, machine), checked).estimated_s
    return None


def read_size(session: Session, dataset_id: str) -> DataSize | None:
    """How much the newest split left to learn from; None before the first."""
    split = states.last_succeeded(session, dataset_id, ["split"]).get("split")
    result = (split.result or {}) if split else {}
    if not result.get("train_images"):
        return None
    dataset = session.get(Dataset, dataset_id)
    rows = (dataset.train_rows if dataset else None) or result.get("train_rows") or 0
    return DataSize(int(rows), int(result["train_images"]), int(result.get("val_images") or 0))
