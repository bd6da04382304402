"""What somebody may do to a job, for the buttons beside it; the routes ask by the table themselves."""

from __future__ import annotations

from typing import Literal

from api.people.access import Access, Place
from api.people.rights import JOB, right_of
from common.db.tables import Job

Action = Literal["stop", "resume", "retry", "move"]
ROUTES: dict[Action, tuple[str, str]] = {
    "stop": ("POST", f"{JOB}/stop"),
    "resume": ("POST", f"{JOB}/resume"),
    "retry": ("POST", f"{JOB}/retry"),
    "move": ("PATCH", JOB),
}


def allowed(who: Access, job: Job) -> list[Action]:
    """What this person may do to the job, in whatever state it is."""
    place = Place(job.dataset_id, job.created_by)
    return [action for action, route in ROUTES.items() if who.may(right_of(*route), place)]
