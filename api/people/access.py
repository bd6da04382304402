"""What the person who asks may do, and in which datasets. What each route asks for: `api/people/rights.py`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from cachetools import LRUCache, TTLCache
from flask import g
from sqlalchemy import ColumnElement, and_, bindparam, false, or_, select, true
from sqlalchemy.orm import Session

from api.people.rights import Right
from common.db.engine import ConnectionFactory
from common.db.tables import (
    Dataset,
    Image,
    Job,
    Model,
    Token,
    TrashedImage,
    TrashedModel,
    User,
    Variant,
)
from common.people.rights import Role, Scope, capped, covers, includes
from common.people.roles import (
    Standing,
    datasets_of,
    has_role,
    read_standing,
    role_in_trash,
)

KEPT_S = 5.0  # a change at another process that was not heard of takes effect here after this
MAX_KEPT = 20_000
NOBODY = 0  # no user has this id


@dataclass(frozen=True)
class Place:
    """Where a thing belongs. dataset_id: None when it belongs to no dataset. made_by: None when unknown.

    in_trash: the dataset itself was deleted.
    """

    dataset_id: str | None
    made_by: str | None = None
    is_for_all: bool = False
    in_trash: bool = False


class Roles:
    """Who is what where, and which dataset a thing belongs to. One per process, thread-safe.

    tell: tells all of the API's processes, which forget, too, and take connections out of rooms.
    """

    def __init__(
        self, rows: ConnectionFactory, tell: Callable[[], None], kept_s: float = KEPT_S
    ) -> None:
        self._rows, self._tell = rows, tell
        self._lock = threading.Lock()
        self._standings: TTLCache[tuple[int, str], Standing] = TTLCache(MAX_KEPT, kept_s)
        self._places: LRUCache[tuple[str, Any], Place] = LRUCache(MAX_KEPT)

    def standing(self, user_id: int, dataset_id: str) -> Standing | None:
        """Of a person in a dataset; None when there is no such dataset."""
        key = (user_id, dataset_id)
        with self._lock:
            known = self._standings.get(key)
        if known is not None:
            return known
        with self._rows() as rows:
            found = read_standing(rows, user_id, dataset_id)
        if found is not None:  # a dataset that is made now is there at once
            with self._lock:
                self._standings[key] = found
        return found

    def place_of_image(self, image_id: int) -> Place | None:
        """An image never changes its dataset, so that it is asked for once."""
        with self._lock:
            known = self._places.get(("image", image_id))
        if known is None:
            with self._rows() as rows:
                dataset_id = rows.scalar(_IMAGE, {"id": image_id})
            known = None if dataset_id is None else Place(dataset_id)
            if known is not None:
                with self._lock:
                    self._places["image", image_id] = known
        return known

    def place_of(self, kind: str, key: Any) -> Place | None:
        """Of a job, a model, a variant or something in the trash, by its id; None when there is none."""
        if kind == "image":
            return self.place_of_image(key)
        with self._rows() as rows:
            found = rows.execute(_PLACES[kind], {"id": key}).one_or_none()
        return None if found is None else Place(*found)

    def is_open(self, dataset_id: str) -> bool:
        """Whether everybody sees a dataset."""
        standing = self.standing(NOBODY, dataset_id)
        return standing is not None and standing.everyone is not None

    def datasets_of(self, user_id: int) -> list[str]:
        """The datasets that a person was added to."""
        with self._rows() as rows:
            return datasets_of(rows, user_id)

    def role_in_trash(self, user_id: int, dataset_id: str) -> Role | None:
        """What a person was made in a dataset that was deleted."""
        with self._rows() as rows:
            return role_in_trash(rows, user_id, dataset_id)

    def forget(self) -> None:
        """Somebody's role has changed, or a dataset's: all processes ask the database again."""
        self.forget_here()
        self._tell()

    def forget_here(self) -> None:
        """Another process says that a role has changed."""
        with self._lock:
            self._standings.clear()


_IMAGE = select(Image.dataset_id).where(Image.id == bindparam("id"))
_THERE = Dataset.deleted_at.is_(None)
_PLACES: dict[str, Any] = {
    "job": select(Job.dataset_id, Job.created_by).where(Job.id == bindparam("id")),
    "model": select(Dataset.id, Model.created_by, Model.source == "imported")
    .outerjoin(Dataset, and_(Dataset.id == Model.dataset_id, _THERE))
    .where(Model.id == bindparam("id")),
    "variant": select(Variant.dataset_id).where(Variant.id == bindparam("id")),
    "batch": select(TrashedImage.dataset_id).where(TrashedImage.batch == bindparam("id")).limit(1),
    "trashed_model": select(Dataset.id, TrashedModel.created_by)
    .outerjoin(Dataset, and_(Dataset.id == TrashedModel.dataset_id, _THERE))
    .where(TrashedModel.id == bindparam("id")),
    "trashed_dataset": select(Dataset.id, Dataset.created_by, false(), true()).where(
        Dataset.id == bindparam("id"), ~_THERE
    ),
}


@dataclass(frozen=True)
class Access:
    """One person by one token. scope: the most that the token is for."""

    user_id: int
    name: str
    is_admin: bool
    scope: Scope
    roles: Roles = field(repr=False, compare=False)

    @classmethod
    def of(cls, user: User, token: Token, roles: Roles) -> Access:
        """Of a person who has come with this token."""
        scope = cast(Scope, token.scope)
        return cls(user.id, user.name, user.role == "admin", scope, roles)

    def role_in(self, dataset_id: str) -> Role | None:
        """What the person may be in a dataset through this token; None: there is none, or it is not seen."""
        standing = self.roles.standing(self.user_id, dataset_id)
        if standing is None:
            return None
        return capped("owner" if self.is_admin else standing.role, self.scope)

    def role_at(self, place: Place | None) -> Role | None:
        """The same of a thing: one that belongs to no dataset is its maker's, and some are for all to see."""
        if place is None:
            return None
        if place.dataset_id is not None and place.in_trash:
            was = self.roles.role_in_trash(self.user_id, place.dataset_id)
            return capped("owner" if self.is_admin else was, self.scope)
        if place.dataset_id is not None:
            return self.role_in(place.dataset_id)
        if self.is_admin or place.made_by == self.name:
            return capped("owner", self.scope)
        return "viewer" if place.is_for_all else None

    def may(self, right: Right, place: Place | None) -> bool:
        """Whether the person may do this to a thing; with None for what belongs to nothing."""
        if (right.admin and not self.is_admin) or not includes(self.scope, right.needed_scope):
            return False
        if right.role is None:
            return True
        role = self.role_at(place)
        is_maker = role is not None and right.by_maker and place and place.made_by == self.name
        return bool(is_maker) or covers(role, right.role)

    def sees(self) -> ColumnElement[bool]:
        """The condition on `Dataset` that the person sees it."""
        return _THERE & self.is_at_least("viewer")

    def is_at_least(self, least: Role) -> ColumnElement[bool]:
        """The condition on `Dataset`, in the trash or out of it, that the person has this role there."""
        return true() if self.is_admin else has_role(self.user_id, least)

    def sees_job(self) -> ColumnElement[bool]:
        """The condition on `Job` that the person sees it."""
        homeless = Job.dataset_id.is_(None) & (true() if self.is_admin else self._own(Job))
        return or_(self._of_seen(Job.dataset_id), homeless)

    def sees_model(self) -> ColumnElement[bool]:
        """The condition on `Model` that the person sees it."""
        if self.is_admin:
            return true()
        trashed = select(Dataset.id).where(~_THERE)
        homeless = Model.dataset_id.is_(None) | Model.dataset_id.in_(trashed)
        for_all = Model.dataset_id.is_(None) & (Model.source == "imported")
        return or_(self._of_seen(Model.dataset_id), homeless & self._own(Model), for_all)

    def _of_seen(self, column: Any) -> ColumnElement[bool]:
        return cast(ColumnElement[bool], column.in_(select(Dataset.id).where(self.sees())))

    def _own(self, table: type[Job] | type[Model]) -> ColumnElement[bool]:
        return table.created_by == self.name


def access() -> Access:
    """Of who makes this request."""
    found: Access = g.access
    return found


def is_seen_job(session: Session, job_id: str) -> bool:
    """Whether there is such a job and who makes this request sees it."""
    return session.scalar(select(Job.id).where(Job.id == job_id, access().sees_job())) is not None
