"""What a plan warns of before a run starts: numbers that would waste it. Pure."""

from __future__ import annotations

from common.models.catalogue import SMALL_MODEL, CatalogueModel
from common.training.memory import nearest_smaller_batch
from common.training.params import TrainParams
from common.training.plan import TrainPlan
from common.training.schedule import cosine_lr, usual_warmup

MINIMUM_IMAGES, RECOMMENDED_IMAGES = 100, 1000  # the user's guide
# Above this many times the recommended rate, fine-tuning has been seen to destroy what was learned.
HIGH_LR_FACTOR = 5
LONG_WARMUP = 0.5  # of the steps


def all_warnings(
    plan: TrainPlan, params: TrainParams, known: CatalogueModel | None, advised_lr: float
) -> tuple[str, ...]:
    """Everything to say about a plan, the batch first."""
    return (
        *_batch_warnings(plan, params),
        *_data_warnings(plan, known),
        *_rate_warnings(plan, advised_lr),
        *_warmup_warnings(plan),
        *_machine_warnings(plan, known),
    )


def _batch_warnings(plan: TrainPlan, params: TrainParams) -> list[str]:
    asked, images, made = params.batch_size, plan.size.images, plan.batch_size.value
    said = []
    if asked != "auto" and asked > images:
        said.append(
            f"Batch size {asked} is more than the {images} training images, so that no step would be "
            f"made; it was set to {made}."
        )
    elif asked != "auto" and asked != made:
        said.append(
            f"Batch size {asked} cannot be shared evenly by {plan.gpus} GPUs; it was set to {made}."
        )
    return said


def _data_warnings(plan: TrainPlan, known: CatalogueModel | None) -> list[str]:
    said, images = [], plan.size.images
    if images < MINIMUM_IMAGES:
        said.append(
            f"{images} training images are few: {MINIMUM_IMAGES} are the minimum for basic "
            f"fine-tuning, {RECOMMENDED_IMAGES:,} or more give good results."
        )
    elif images < RECOMMENDED_IMAGES:
        said.append(
            f"{images} training images will do; {RECOMMENDED_IMAGES:,} or more give good results."
        )
    if plan.size.val_images == 0:
        said.append("There are no validation images: the last epoch is kept, not the best one.")
    if plan.source == "scratch" and known is not None and known.name != SMALL_MODEL:
        said.append(
            f"{known.name} from scratch learns little from {images} images: choose pretrained "
            f"weights, or train {SMALL_MODEL}."
        )
    return said


def _rate_warnings(plan: TrainPlan, advised_lr: float) -> list[str]:
    if plan.source == "scratch" or plan.lr.value <= HIGH_LR_FACTOR * advised_lr:
        return []
    return [
        f"A learning rate of {plan.lr.value:g} often destroys what the pretrained model knows; auto "
        f"uses {advised_lr:g}."
    ]


def _warmup_warnings(plan: TrainPlan) -> list[str]:
    lr, warmup, steps = plan.lr.value, plan.warmup.value, plan.steps
    if plan.warmup.auto or warmup <= LONG_WARMUP * steps:
        return []
    if warmup < steps:
        return [
            f"A warmup of {warmup:,} steps takes {warmup / steps:.0%} of a run of {steps:,}. Auto uses "
            f"{usual_warmup(steps):,}."
        ]
    peak = cosine_lr(lr, warmup, steps, steps - 1)
    return [
        f"A warmup of {warmup:,} steps never ends in a run of {steps:,}: the learning rate would only "
        f"reach {peak:.2g} of {lr:g}. Auto uses {usual_warmup(steps):,}."
    ]


def _machine_warnings(plan: TrainPlan, known: CatalogueModel | None) -> list[str]:
    machine, said = plan.machine, []
    if machine.gpus is not None and plan.gpus > max(machine.gpus, 1):
        there = (
            f"{machine.gpus} GPU{'s' if machine.gpus != 1 else ''}" if machine.gpus else "no GPU"
        )
        said.append(
            f"The run asks for {plan.gpus} GPUs, and no machine that is known has more than {there}: "
            "it would not start there."
            if machine.gpus
            else f"The run asks for {plan.gpus} GPUs, and there is {there}: it would run as "
            f"{plan.gpus} processes on the CPU, which is slower than one."
        )
    if known is None:
        return said
    if machine.device == "cpu" and known.name != SMALL_MODEL:
        said.append(
            f"Without a GPU {known.name} is slow: expect seconds for each step, hours for a run."
        )
    if machine.memory_gb and plan.fit is not None and not plan.fit.fits:
        fits = nearest_smaller_batch(known, plan.batch_size.value, machine.memory_gb)
        way = f"use a batch size of {fits}" if fits else "use a smaller model"
        said.append(
            f"{known.name} needs about {plan.fit.memory_gb:g} GB of GPU memory even in the smallest "
            f"parts, and there are {machine.memory_gb:.0f} GB: {way}."
        )
    return said
