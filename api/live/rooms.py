"""Which rooms there are, who may join them, and who hears what is told of jobs.

Tabs join `job:ID`, `dataset:ID` and `jobs`. Whoever joins `jobs` hears of the jobs that he sees: within the
process he is put into some of these, and what is told goes to those of them that it is for.

    jobs                  administrators
    jobs of everyone      everybody else: jobs of datasets that are for everybody
    jobs of DATASET       who was added to a dataset that is not
    jobs by NAME          whose job it is, of those that belong to no dataset
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from api.people.access import Access, Roles
from common.errors import NotFound
from common.people.rights import Role

JOBS = "jobs"
OF_EVERYONE = "jobs of everyone"
_OF_DATASET = "jobs of "
_ROOM = re.compile(r"jobs|(job|dataset):([a-z0-9._-]{1,80})")
NEEDED: Role = "viewer"  # for every room that belongs to a dataset


@dataclass(frozen=True)
class Room:
    """A room that a tab names. kind: job, dataset or jobs."""

    kind: str
    key: str = ""


def read_room(name: str) -> Room:
    """Raises NotFound."""
    found = _ROOM.fullmatch(name)
    if found is None:
        raise NotFound(
            f"There is no room {name[:100]!r}.", remedy="Use job:ID, dataset:ID or jobs."
        )
    return Room(JOBS) if found[1] is None else Room(found[1], found[2])


def may_join(who: Access, room: Room) -> bool:
    """Whether somebody may hear what is told there."""
    if room.kind == JOBS:
        return True
    if room.kind == "dataset":
        return who.role_in(room.key) is not None
    return who.role_at(who.roles.place_of("job", room.key)) is not None


def rooms_within(who: Access, name: str) -> list[str]:
    """The rooms of the process that stand for one that a tab names."""
    if name != JOBS:
        return [name]
    if who.is_admin:
        return [JOBS]
    own = [f"{_OF_DATASET}{each}" for each in who.roles.datasets_of(who.user_id)]
    return [OF_EVERYONE, f"jobs by {who.name}", *own]


class Audience:
    """Which rooms of this process hear what is told to rooms by name."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    def rooms_for(self, told: list[str]) -> list[str]:
        """Of each event the rooms, so that nobody is in two of them for the same reason."""
        return [room for name in told for room in self._heard_in(name)]

    def _heard_in(self, name: str) -> list[str]:
        if name == JOBS:
            return [JOBS, OF_EVERYONE]
        if name.startswith(_OF_DATASET):
            is_open = self._is_open(name.removeprefix(_OF_DATASET))
            return [JOBS, OF_EVERYONE if is_open else name]
        return [JOBS, name] if name.startswith("jobs by ") else [name]

    def _is_open(self, dataset_id: str) -> bool:
        try:
            return self._roles.is_open(dataset_id)
        except SQLAlchemyError:
            return False  # rather untold than told to strangers


def shown_name(room: str) -> str:
    """The name by which tabs know a room of the process."""
    return JOBS if room.startswith(JOBS) else room
