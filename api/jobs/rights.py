"""Who may change whose job: one rule, for every route that stops, resumes, retries or moves one.

A job is its creator's, and an administrator's. Everybody sees all jobs, their logs and what they made.
"""

from __future__ import annotations

from typing import Literal, Protocol

from common.db.tables import Job
from common.errors import Forbidden

Action = Literal["stop", "resume", "retry", "move"]
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
