"""What a training may be asked for, each setting with the values that it takes. Pure."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from common.errors import InvalidInput
from common.models.catalogue import find_model

Auto = Literal["auto"]
EPOCHS, SCRATCH_EPOCHS = 10, 30
DEFAULT_PATIENCE = 3
MAX_GPUS = 16
SHOWN_CHARACTERS = 60


def _number(value: Any) -> Any:
    """A text or a yes is no number, though Python and pydantic would take them for one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise ValueError("no number")
    return value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the largest float
        return False


def _patience(value: Any) -> Any:
    if value is True:
        return DEFAULT_PATIENCE
    return 0 if value is None or value is False else _number(value)


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a character that cannot be printed")
    return text.strip()


Number = BeforeValidator(_number)
Line = AfterValidator(_one_line)


class TrainParams(BaseModel):
    """What a train job may be asked for. None and "auto" are filled in by `plan_training`.

    batch_size: of one optimizer step, over all GPUs. gpus: of one machine; without a GPU as many
    processes. The descriptions say which values a setting takes; errors quote them.
    """

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: Annotated[str, Line] = Field(
        "ViT-B-32", max_length=160, description="the name of a model of at most 160 characters"
    )
    pretrained: Annotated[str, Line] | None = Field(
        None,
        max_length=160,
        description='a tag of the model, the id of a model of the registry, or "" for none',
    )
    epochs: Annotated[int, Field(ge=1, le=1000), Number] | Auto | None = Field(
        None, description="a whole number from 1 to 1,000, or auto"
    )
    batch_size: Annotated[int, Field(ge=2, le=8192), Number] | Auto = Field(
        32, description="a whole number from 2 to 8,192, or auto"
    )
    lr: Annotated[float, Field(gt=0, le=1), Number] | Auto = Field(
        "auto", description="a number above 0 and at most 1, or auto"
    )
    warmup: Annotated[int, Field(ge=0, le=10_000_000), Number] | Auto = Field(
        "auto", description="a whole number of steps from 0 to 10,000,000, or auto"
    )
    weight_decay: Annotated[float, Field(ge=0, le=10), Number] = Field(
        0.1, description="a number from 0 to 10"
    )
    precision: Literal["auto", "fp32", "amp", "amp_bf16"] = Field(
        "auto", description="one of auto, fp32, amp and amp_bf16"
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1), Number] = Field(
        0, description="a whole number from 0 to 2,147,483,647"
    )
    early_stopping: Annotated[int, Field(ge=0, le=1000), BeforeValidator(_patience)] = Field(
        0, description="a number of epochs from 0 (off) to 1,000, true or false"
    )
    gpus: Annotated[int, Field(ge=1, le=MAX_GPUS), Number] = Field(
        1, description=f"a whole number from 1 to {MAX_GPUS}"
    )
    name: Annotated[str, Line] | None = Field(
        None, max_length=60, description="a text of one line and at most 60 characters"
    )


def read_params(params: dict[str, Any]) -> TrainParams:
    """The checked parameters of a train job.

    Raises InvalidInput, naming the first that is wrong, its value and the values that it takes;
    details.fields lists all of them.
    """
    try:
        return TrainParams.model_validate(params)
    except ValidationError as bad:
        faults = {
            str(error["loc"][0]): str(error["type"]) for error in bad.errors() if error["loc"]
        }
        told = [_fault(field, params.get(field)) for field in faults]
        first = told[0]
        said = (
            f"{first['field']} is {first['value']}; it must be {first['reason']}."
            if first["field"] in TrainParams.model_fields
            else f"{first['field']}: there is no such setting of a training."
        )
        raise InvalidInput(said, remedy=_remedy(first), details={"fields": told}) from bad


def _fault(field: str, value: Any) -> dict[str, str]:
    known = TrainParams.model_fields.get(field)
    reason = str(known.description) if known else "there is no such setting"
    return {"field": field, "value": _shown(value), "reason": reason}


def _remedy(fault: dict[str, str]) -> str:
    if fault["field"] in TrainParams.model_fields:
        return f"Set {fault['field']} to {fault['reason']}, or leave it out for the default."
    return f"Choose among: {', '.join(TrainParams.model_fields)}."


def _shown(value: Any) -> str:
    """A value as it was sent, cut to a readable length."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (
        TypeError,
        ValueError,
    ):  # a whole number of thousands of digits cannot be written either
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


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


def usual_epochs(source: str) -> int:
    """How many epochs `auto` makes."""
    return SCRATCH_EPOCHS if source == "scratch" else EPOCHS
