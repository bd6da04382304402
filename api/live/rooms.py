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
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from api.people.access import Access, Roles
from common.errors import InvalidInput, NotFound
from common.jobs.states import no_such_job
from common.people.rights import Role
from common.people.roles import no_dataset

MAX_ROOMS = 200
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


@dataclass
class Connection:
    """A browser tab: who it is and by which token, what it has joined, and the dataset and image open in it.

    joined: the rooms by the names that the tab gave, and whether it gets batches of them.
    """

    access: Access
    token_id: int
    joined: dict[str, bool] = field(default_factory=dict)
    dataset_id: str | None = None
    image_id: int | None = None


class Connections(dict[str, Connection]):
    """The open ones, by id, and how many each person has. Not thread-safe."""

    def __init__(self) -> None:
        super().__init__()
        self._of: Counter[str] = Counter()

    def add(self, sid: str, connection: Connection) -> None:
        """It has begun."""
        self[sid] = connection
        self._of[connection.access.name] += 1

    def take_out(self, sid: str) -> Connection | None:
        """It has ended; None: it was not there."""
        left = self.pop(sid, None)
        if left is not None:
            self._drop(left.access.name)
        return left

    def renew(self, connection: Connection, access: Access) -> None:
        """Whose it is has changed."""
        self._drop(connection.access.name)
        self._of[access.name] += 1
        connection.access = access

    def count(self, name: str) -> int:
        """How many a person has."""
        return self._of[name]

    def _drop(self, name: str) -> None:
        self._of[name] -= 1
        if not self._of[name]:
            del self._of[name]


def read_room(name: str) -> Room:
    """Raises NotFound."""
    found = _ROOM.fullmatch(name)
    if found is None:
        raise NotFound(
            f"There is no room {name[:100]!r}.", remedy="Use job:ID, dataset:ID or jobs."
        )
    return Room(JOBS) if found[1] is None else Room(found[1], found[2])


def read_rooms(wanted: Any) -> list[str]:
    """The names in what a tab has sent, as they stand there. Raises InvalidInput."""
    rooms = wanted.get("rooms") if isinstance(wanted, dict) else None
    if not isinstance(rooms, list) or not all(isinstance(room, str) for room in rooms):
        raise InvalidInput("rooms: a list of names is needed", remedy='Send {"rooms": ["jobs"]}.')
    if len(rooms) > MAX_ROOMS:
        raise InvalidInput(f"{len(rooms)} rooms; the limit is {MAX_ROOMS}", remedy="Join fewer.")
    return rooms


def nothing_at(room: Room) -> NotFound:
    """The same for what is not there and for what is not seen."""
    if room.kind == "job":
        return no_such_job(room.key)
    return no_dataset(room.key)


def may_join(who: Access, room: Room) -> bool:
    """Whether somebody may hear what is told there."""
    if room.kind == JOBS:
        return True
    if room.kind == "dataset":
        return who.role_in(room.key) is not None
    return who.role_at(who.roles.place_of("job", room.key)) is not None


def may_be_in(who: Access, dataset_id: Any) -> bool:
    """Whether somebody may say that he is in what he names as a dataset; None: in none."""
    if dataset_id is None:
        return True
    try:
        return isinstance(dataset_id, str) and may_join(who, read_room(f"dataset:{dataset_id}"))
    except NotFound:
        return False


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
