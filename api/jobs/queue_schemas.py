"""What requests about queues may hold, and their answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from api.answers import Answer, JobOut
from api.schemas import Body, Key, OptionalBody, Request, Text

SWEEP_RUNS = 2, 8


def _distinct(rates: list[float]) -> list[float]:
    if len(set(rates)) != len(rates):
        raise ValueError("a learning rate is named twice")
    return rates


Rate = Annotated[float, Field(gt=0, le=1)]
Rates = Annotated[
    list[Rate],
    Field(min_length=SWEEP_RUNS[0], max_length=SWEEP_RUNS[1]),
    AfterValidator(_distinct),
]


class QueuePath(Request):
    """A queue by its name."""

    name: Key


class Pause(OptionalBody):
    """Why, for those who wonder."""

    reason: Annotated[Text, Field(max_length=300)] = ""


class Move(Body):
    """Where a waiting job goes. priority: 0 first, 9 last. before: a job, or "" for last."""

    priority: int | None = Field(None, ge=0, le=9)
    before: Annotated[Text, Field(max_length=160)] | None = None


class Clone(OptionalBody):
    """What differs from the job that is cloned; null takes the default."""

    params: dict[str, Any] = Field(default_factory=dict)


class NewSweep(Body):
    """Trainings that differ in the learning rate alone. auto: a third of auto's, auto's, three times."""

    params: dict[str, Any] = Field(default_factory=dict)
    lr: Rates | Literal["auto"] = "auto"


class Paused(Answer):
    """Who paused a queue, when and why."""

    by: str
    at: str
    reason: str


class QueueOut(Answer):
    """A queue. workers: how many of its jobs can run at once. waiting: in the order they begin."""

    name: str
    paused: Paused | None
    workers: int
    running: list[JobOut]
    waiting: list[JobOut]
    may_pause: bool


class SweepOut(Answer):
    """The runs of a sweep; group_id stands in each."""

    group_id: str
    jobs: list[JobOut]
