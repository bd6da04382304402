"""Settings of a training: what is asked for, what `auto` makes of it, and what will come of it.

Pure: the API shows the plan before a run, the training child uses the same one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from common.catalogue import SMALL_MODEL, CatalogueModel, find_model
from common.errors import InvalidInput

Auto = Literal["auto"]
EPOCHS, SCRATCH_EPOCHS = 10, 30
WARMUP_SHARE = 0.1  # of the steps
MINIMUM_IMAGES, RECOMMENDED_IMAGES = 100, 1000  # the user's guide
OVERHEAD_GB = 0.5  # CUDA context and workspaces
CURVE_POINTS = 60
DEFAULT_PATIENCE = 3
# Above this many times the recommended rate, fine-tuning has been seen to destroy what was learned.
HIGH_LR_FACTOR = 5


def _patience(value: Any) -> Any:
    return DEFAULT_PATIENCE if value is True else value or 0


class TrainParams(BaseModel):
    """What a train job may be asked for. None and "auto" are filled in by `plan_training`."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: str = Field("ViT-B-32", max_length=160)
    pretrained: str | None = Field(None, max_length=160)
    epochs: int | None = Field(None, ge=1, le=1000)
    batch_size: Annotated[int, Field(ge=2, le=8192)] | Auto = 32
    lr: Annotated[float, Field(gt=0, le=1)] | Auto = "auto"
    warmup: Annotated[int, Field(ge=0, le=10_000_000)] | Auto = "auto"
    weight_decay: float = Field(0.1, ge=0, le=10)
    precision: Literal["auto", "fp32", "amp", "amp_bf16"] = "auto"
    seed: int = Field(0, ge=0, le=2**31 - 1)
    early_stopping: Annotated[int, BeforeValidator(_patience), Field(ge=0, le=1000)] = 0
    name: str | None = Field(None, max_length=60)


def read_params(params: dict[str, Any]) -> TrainParams:
    """The checked parameters of a train job. Raises InvalidInput, naming the first that is wrong."""
    try:
        return TrainParams.model_validate(params)
    except ValidationError as bad:
        first = bad.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else "params"
        value = params.get(field)
        raise InvalidInput(
            f"{field} is {value!r}: {first['msg'].lower()}.",
            remedy=f"Correct {field}, or leave it out for the default.",
        ) from bad


@dataclass(frozen=True)
class DataSize:
    """How much there is to learn from. rows: of train.csv; images: distinct ones among them."""

    rows: int
    images: int
    val_images: int


@dataclass(frozen=True)
class Machine:
    """What it will run on. memory_gb: of the GPU, None when unknown or on a CPU.

    samples_per_second: measured with this model before, None when it never ran here.
    """

    device: str = "cpu"
    memory_gb: float | None = None
    samples_per_second: float | None = None


@dataclass(frozen=True)
class Setting:
    """A value with where it comes from."""

    value: Any
    auto: bool
    why: str

    def to_dict(self) -> dict[str, Any]:
        """As it goes over the wire."""
        return {"value": self.value, "auto": self.auto, "why": self.why}


@dataclass(frozen=True)
class TrainPlan:
    """All that a run will do. `source`: "tag", "scratch" or "own" (a model tuned here)."""

    model: str
    pretrained: str
    source: str
    epochs: int
    batch_size: Setting
    lr: Setting
    warmup: Setting
    size: DataSize
    machine: Machine
    memory_gb: float | None
    warnings: tuple[str, ...]

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; each image comes at most once, an incomplete last batch is left out."""
        return self.size.images // int(self.batch_size.value)

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.steps_per_epoch * self.epochs

    @property
    def estimated_s(self) -> float | None:
        """Seconds the training itself will take at the measured rate."""
        rate = self.machine.samples_per_second
        return round(self.steps * int(self.batch_size.value) / rate, 1) if rate else None

    def to_dict(self) -> dict[str, Any]:
        """The shape of `GET /datasets/{id}/train-plan`."""
        defaults, why = defaults_for(self.model, self.pretrained, self.size)
        return {
            "settings": {
                "model": self.model,
                "pretrained": self.pretrained,
                "epochs": self.epochs,
                "batch_size": self.batch_size.to_dict(),
                "lr": self.lr.to_dict(),
                "warmup": self.warmup.to_dict(),
            },
            "rows": self.size.rows,
            "images": self.size.images,
            "val_images": self.size.val_images,
            "steps": self.steps,
            "steps_per_epoch": self.steps_per_epoch,
            "estimated_s": self.estimated_s,
            "memory_gb": self.memory_gb,
            "device": self.machine.device,
            "lr_curve": lr_curve(self.lr.value, self.warmup.value, self.steps),
            "warnings": list(self.warnings),
            "defaults": defaults,
            "defaults_why": why,
        }


def cosine_lr(base_lr: float, warmup: int, steps: int, step: int) -> float:
    """The learning rate at `step`: linear warmup, then half a cosine to 0 (open_clip's cosine_lr)."""
    if step < warmup:
        return base_lr * (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) * base_lr


def lr_curve(base_lr: float, warmup: int, steps: int) -> list[list[float]]:
    """[[step, learning rate], ...], at most 60 points with the first, the last and the peak."""
    if steps <= 0:
        return []
    last = steps - 1
    chosen = {round(last * part / (CURVE_POINTS - 2)) for part in range(CURVE_POINTS - 1)}
    if 0 < warmup <= last:
        chosen.add(warmup - 1)
    return [[step, cosine_lr(base_lr, warmup, steps, step)] for step in sorted(chosen)]


def estimate_memory_gb(known: CatalogueModel, batch_size: int) -> float:
    """GPU memory in GB: weights, gradients and two Adam moments in fp32, and the activations."""
    fixed = known.parameters * 16 / 1e9
    return round(fixed + known.activation_mb * batch_size / 1e3 + OVERHEAD_GB, 1)


def nearest_smaller_batch(
    known: CatalogueModel | None, batch_size: int, memory_gb: float | None
) -> int:
    """The largest power of two below `batch_size` that should fit; 0 when not even 2 does."""
    batch = 2 ** math.ceil(math.log2(max(batch_size, 2)) - 1)
    while batch > 1 and known and memory_gb and estimate_memory_gb(known, batch) > memory_gb:
        batch //= 2
    return batch if batch >= 2 else 0


def resolve_pretrained(model: str, pretrained: str | None) -> str:
    """What training starts from: the model's own default when nothing was said."""
    if pretrained is not None:
        return pretrained
    known = find_model(model)
    return known.default_pretrained if known else ""


def source_of(model: str, pretrained: str) -> str:
    """Where the first weights come from: "scratch", "tag" or "own"."""
    known = find_model(model)
    if not pretrained:
        return "scratch"
    return "tag" if known is not None and known.find_tag(pretrained) else "own"


def plan_training(params: TrainParams, size: DataSize, machine: Machine) -> TrainPlan:
    """What a run with these parameters on this data will do. Raises InvalidInput below 2 images."""
    if size.images < 2:
        raise InvalidInput(
            f"The training part has {size.images} image{'s' if size.images != 1 else ''}; "
            "contrastive training needs at least 2.",
            remedy="Caption more images, then split again.",
        )
    pretrained = resolve_pretrained(params.model, params.pretrained)
    source, known = source_of(params.model, pretrained), find_model(params.model)
    epochs = params.epochs or (SCRATCH_EPOCHS if source == "scratch" else EPOCHS)
    batch = _batch_size(params, size, machine, known)
    steps = size.images // batch.value * epochs
    lr = _learning_rate(params, known, source)
    warmup = _warmup(params, steps)
    memory_gb = estimate_memory_gb(known, batch.value) if known else None
    warnings = (
        *_batch_warnings(params, size),
        *_data_warnings(size, known, source),
        *_rate_warnings(params, known, source, lr.value, warmup.value, steps),
        *_machine_warnings(known, machine, batch.value, memory_gb),
    )
    return TrainPlan(
        params.model, pretrained, source, epochs, batch, lr, warmup, size, machine, memory_gb, warnings
    )  # fmt: skip


def _batch_size(
    params: TrainParams, size: DataSize, machine: Machine, known: CatalogueModel | None
) -> Setting:
    if params.batch_size != "auto":
        if params.batch_size > size.images:
            return Setting(
                size.images, True, f"{params.batch_size} is more than the images there are"
            )
        return Setting(params.batch_size, False, "as asked")
    quarter = max(2, size.images // 4)
    batch = min(64, max(8, 2 ** int(math.log2(quarter))), size.images)
    why = "a power of two near a quarter of the images, at most 64"
    if known and machine.memory_gb:
        while batch > 2 and estimate_memory_gb(known, batch) > machine.memory_gb:
            batch, why = batch // 2, f"what fits {machine.memory_gb:.0f} GB of GPU memory"
    return Setting(batch, True, why)


def recommended_lr(known: CatalogueModel | None, source: str) -> float:
    """The learning rate that `auto` uses."""
    if known is None:
        return 1e-5
    return known.scratch_lr if source == "scratch" else known.tuning_lr


def _learning_rate(params: TrainParams, known: CatalogueModel | None, source: str) -> Setting:
    if params.lr != "auto":
        return Setting(params.lr, False, "as asked")
    name = known.name if known else "this model"
    what = "training from scratch" if source == "scratch" else "fine-tuning without forgetting"
    return Setting(recommended_lr(known, source), True, f"holds up for {what} with {name}")


def _warmup(params: TrainParams, steps: int) -> Setting:
    if params.warmup != "auto":
        return Setting(params.warmup, False, "as asked")
    value = max(1, round(steps * WARMUP_SHARE))
    return Setting(value, True, f"10 % of {steps:,} steps")


def _batch_warnings(params: TrainParams, size: DataSize) -> list[str]:
    if params.batch_size == "auto" or params.batch_size <= size.images:
        return []
    return [
        f"Batch size {params.batch_size} is more than the {size.images} training images, so that no "
        f"step would be made; it was set to {size.images}."
    ]


def _data_warnings(size: DataSize, known: CatalogueModel | None, source: str) -> list[str]:
    said = []
    if size.images < MINIMUM_IMAGES:
        said.append(
            f"{size.images} training images are few: {MINIMUM_IMAGES} are the minimum for basic "
            f"fine-tuning, {RECOMMENDED_IMAGES:,} or more give good results."
        )
    elif size.images < RECOMMENDED_IMAGES:
        said.append(
            f"{size.images} training images will do; {RECOMMENDED_IMAGES:,} or more give good results."
        )
    if size.val_images == 0:
        said.append("There are no validation images: the last epoch is kept, not the best one.")
    if source == "scratch" and known is not None and known.name != SMALL_MODEL:
        said.append(
            f"{known.name} from scratch learns little from {size.images} images: choose pretrained "
            f"weights, or train {SMALL_MODEL}."
        )
    return said


def _rate_warnings(
    params: TrainParams,
    known: CatalogueModel | None,
    source: str,
    lr: float,
    warmup: int,
    steps: int,
) -> list[str]:
    said = []
    advised = recommended_lr(known, source)
    if source != "scratch" and lr > HIGH_LR_FACTOR * advised:
        said.append(
            f"A learning rate of {lr:g} often destroys what the pretrained model knows; auto uses "
            f"{advised:g}."
        )
    if params.warmup != "auto" and warmup >= steps:
        peak = cosine_lr(lr, warmup, steps, steps - 1)
        said.append(
            f"A warmup of {warmup:,} steps never ends in a run of {steps:,}: the learning rate would "
            f"only reach {peak:.2g} of {lr:g}. Auto uses {max(1, round(steps * WARMUP_SHARE)):,}."
        )
    return said


def _machine_warnings(
    known: CatalogueModel | None, machine: Machine, batch_size: int, memory_gb: float | None
) -> list[str]:
    if known is None:
        return []
    if machine.device == "cpu" and known.name != SMALL_MODEL:
        return [
            f"Without a GPU {known.name} is slow: expect seconds for each step, hours for a run."
        ]
    if machine.memory_gb and memory_gb and memory_gb > machine.memory_gb:
        fits = nearest_smaller_batch(known, batch_size, machine.memory_gb)
        way = f"use a batch size of {fits}" if fits else "use a smaller model"
        return [
            f"Batch size {batch_size} needs about {memory_gb:g} GB of GPU memory, and there are "
            f"{machine.memory_gb:.0f} GB: {way}."
        ]
    return []


def defaults_for(model: str, pretrained: str, size: DataSize) -> tuple[dict[str, Any], str]:
    """(the form's values for this model and data, why)."""
    source = source_of(model, pretrained)
    scratch = source == "scratch"
    values = {
        "model": model,
        "pretrained": pretrained,
        "epochs": SCRATCH_EPOCHS if scratch else EPOCHS,
        "batch_size": "auto",
        "lr": "auto",
        "warmup": "auto",
    }
    way = "from scratch" if scratch else "from pretrained weights"
    return values, f"{model} {way} on {size.images:,} images"
