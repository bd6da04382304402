"""What somebody may do to a job, for the buttons beside it; the routes ask by the table themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from api.people.access import Access, Place
from api.people.rights import JOB, right_of
from common.db.tables import Job
from common.errors import Forbidden

Action = Literal["stop", "resume", "retry", "move"]
ROUTES: dict[Action, tuple[str, str]] = {
    "stop": ("POST", f"{JOB}/stop"),
    "resume": ("POST", f"{JOB}/resume"),
    "retry": ("POST", f"{JOB}/retry"),
    "move": ("PATCH", JOB),
}
# A name on the hub is downloaded, and a path is looked for: on the workers' machine, by its user.
SET_BY_ADMINISTRATORS = {"augment": ("llm_model",)}


def allowed(who: Access, job: Job) -> list[Action]:
    """What this person may do to the job, in whatever state it is."""
    place = Place(job.dataset_id, job.created_by)
    return [action for action, route in ROUTES.items() if who.may(right_of(*route), place)]


def require_settable(
    who: Access, kind: str, params: Mapping[str, Any], before: Mapping[str, Any]
) -> None:
    """Raises Forbidden when a param that administrators choose is set, other than it was before."""
    for name in SET_BY_ADMINISTRATORS.get(kind, ()):
        if not who.is_admin and params.get(name) not in (None, before.get(name)):
            raise Forbidden(
                f"params.{name} is for administrators to set.",
                remedy=f"Leave out {name}: the model that the service is set up with is taken.",
            )
