"""How a training is planned: what `auto` makes of each setting, and why.

Pure: the API shows the plan before a run, the training child uses the same one.
"""

from __future__ import annotations

import math
from dataclasses import replace

from common.errors import InvalidInput
from common.models.catalogue import CatalogueModel, find_model
from common.training.advice import all_warnings
from common.training.memory import estimate_memory_gb, fit_batch
from common.training.params import TrainParams, resolve_pretrained, source_of, usual_epochs
from common.training.plan import DataSize, Machine, Setting, TrainPlan
from common.training.schedule import usual_warmup

# Sizes (in parameters) between the catalogue's small, B, and L and H models, for other architectures.
SMALL_PARAMETERS, BASE_PARAMETERS = 50_000_000, 200_000_000
# On a GPU a larger batch is worth it only where enough steps remain: (from so many images, at most).
LARGEST_BATCHES = ((40_000, 256), (10_000, 128), (0, 64))


def plan_training(
    params: TrainParams, size: DataSize, machine: Machine, parameters: int | None = None
) -> TrainPlan:
    """What a run with these parameters on this data will do.

    parameters: of an architecture that is not in the catalogue. Raises InvalidInput below 2 images,
    or with fewer images than GPUs.
    """
    _require_images(size, params.gpus)
    pretrained = resolve_pretrained(params.model, params.pretrained)
    source, known = source_of(params.model, pretrained), find_model(params.model)
    epochs = _choose_epochs(params, source)
    batch = _choose_batch_size(params, size, machine, known)
    steps = size.images // batch.value * epochs.value
    share = batch.value // params.gpus
    fit = fit_batch(known, share, machine.memory_gb) if known else None
    made = TrainPlan(
        params.model, pretrained, source, epochs, batch,
        _choose_lr(params, known, source, parameters), _choose_warmup(params, steps),
        size, machine, params.gpus, fit, (),
    )  # fmt: skip
    advised = _recommended_lr(known, source, parameters)
    return replace(made, warnings=all_warnings(made, params, known, advised))


def _require_images(size: DataSize, gpus: int) -> None:
    has = f"The training part has {size.images} image{'s' if size.images != 1 else ''}"
    if size.images < 2:
        raise InvalidInput(
            f"{has}; contrastive training needs at least 2.",
            remedy="Caption more images, then split again.",
        )
    if size.images < gpus:
        raise InvalidInput(
            f"{has}, and gpus is {gpus}: each GPU needs a part of every batch.",
            remedy=f"Set gpus to {size.images} or fewer.",
        )


def _choose_epochs(params: TrainParams, source: str) -> Setting:
    """As asked, else the usual ones."""
    if isinstance(params.epochs, int):
        return Setting(params.epochs, False, "as asked")
    why = (
        "training from scratch needs more passes than fine-tuning"
        if source == "scratch"
        else "the guide's; the best epoch is kept, so that more do no harm but take time"
    )
    return Setting(usual_epochs(source), True, why)


def _choose_batch_size(
    params: TrainParams, size: DataSize, machine: Machine, known: CatalogueModel | None
) -> Setting:
    """As asked, else by the images and the GPU memory; a multiple of the GPUs, which share it evenly."""
    gpus = params.gpus
    if params.batch_size == "auto":
        chosen = _automatic_batch(size, machine, known, gpus)
    elif params.batch_size > size.images:
        chosen = Setting(
            size.images, True, f"{params.batch_size} is more than the images there are"
        )
    else:
        chosen = Setting(params.batch_size, False, "as asked")
    even = max(chosen.value // gpus, 1) * gpus
    if even == chosen.value:
        return chosen
    return Setting(even, True, f"{chosen.value} cannot be shared evenly by {gpus} GPUs")


def _automatic_batch(
    size: DataSize, machine: Machine, known: CatalogueModel | None, gpus: int
) -> Setting:
    quarter = max(2, size.images // 4)
    most = next(batch for images, batch in LARGEST_BATCHES if size.images >= images)
    most = 64 if machine.device == "cpu" else most
    batch = min(most, max(8, 2 ** int(math.log2(quarter))), size.images)
    why = f"a power of two near a quarter of the {size.images:,} images, at most {most}"
    if known and machine.memory_gb:
        room = machine.memory_gb
        while batch > 2 and estimate_memory_gb(known, batch // gpus) > room:
            batch, why = batch // 2, f"what fits {room:.0f} GB of GPU memory"
    return Setting(batch, True, why)


def _recommended_lr(
    known: CatalogueModel | None, source: str, parameters: int | None = None
) -> float:
    """The learning rate that `auto` uses: the smaller the larger the model is.

    parameters: of an architecture that is not in the catalogue, None when that is not known either.
    """
    if known is not None:
        return known.scratch_lr if source == "scratch" else known.tuning_lr
    if parameters is not None and parameters < SMALL_PARAMETERS:
        return 1e-3 if source == "scratch" else 3e-4
    if source == "scratch":
        return 5e-4
    return 1e-5 if parameters is None or parameters < BASE_PARAMETERS else 5e-6


def _choose_lr(
    params: TrainParams, known: CatalogueModel | None, source: str, parameters: int | None
) -> Setting:
    """As asked, else by the size of the model and by whether it starts from scratch."""
    if params.lr != "auto":
        return Setting(params.lr, False, "as asked")
    count = known.parameters if known else parameters
    name = known.name if known else "this model"
    model = f"{name} ({count / 1e6:,.0f} million parameters)" if count else name
    what = {
        "scratch": "training from scratch",
        "own": "training on without forgetting",
        "tag": "fine-tuning without forgetting",
    }[source]
    return Setting(
        _recommended_lr(known, source, parameters), True, f"holds up for {what} with {model}"
    )


def _choose_warmup(params: TrainParams, steps: int) -> Setting:
    """As asked, else a share of the run's steps."""
    if params.warmup != "auto":
        return Setting(params.warmup, False, "as asked")
    return Setting(usual_warmup(steps), True, f"10 % of {steps:,} steps")
