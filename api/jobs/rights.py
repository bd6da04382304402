"""Who may change whose job: one rule, for every route that stops, resumes, retries or moves one.

A job is its creator's, and an administrator's. Everybody sees all jobs, their logs and what they made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from common.db.tables import Job
from common.errors import Forbidden

Action = Literal["stop", "resume", "retry", "move"]
# A name on the hub is downloaded, and a path is looked for: on the workers' machine, by its user.
SET_BY_ADMINISTRATORS = {"augment": ("llm_model",)}
ACTIONS: tuple[Action, ...] = ("stop", "resume", "retry", "move")


class Actor(Protocol):
    """A person who asks: a row of `User`, or what a connection knows of one."""

    @property
    def name(self) -> str:
        """As in `created_by`."""

    @property
    def role(self) -> str:
        """admin or member."""


def allowed(who: Actor, job: Job) -> list[Action]:
    """What this person may do to the job, in whatever state it is."""
    return list(ACTIONS) if who.role == "admin" or job.created_by == who.name else []


def require_right(who: Actor, job: Job, action: Action) -> None:
    """Raises Forbidden when this person may not do that to the job."""
    if action not in allowed(who, job):
        raise Forbidden(
            f"Job {job.id} is {job.created_by}'s.",
            remedy=f"{job.created_by} or an administrator may {action} it.",
        )


def require_settable(
    who: Actor, kind: str, params: Mapping[str, Any], before: Mapping[str, Any]
) -> None:
    """Raises Forbidden when a param that administrators choose is set, other than it was before."""
    for name in SET_BY_ADMINISTRATORS.get(kind, ()):
        if who.role != "admin" and params.get(name) not in (None, before.get(name)):
            raise Forbidden(
                f"params.{name} is for administrators to set.",
                remedy=f"Leave out {name}: the model that the service is set up with is taken.",
            )
