"""The people of a dataset: what requests and answers hold."""

from __future__ import annotations

from typing import Literal

from api.answer import Answer, Moment, Page
from api.datasets.schemas import DatasetPath
from api.request import Body, UserName
from common.people.rights import Role


class MemberPath(DatasetPath):
    """A person of a dataset, by name."""

    name: UserName


class MemberRole(Body):
    """What somebody is to be in the dataset."""

    role: Role


class Everyone(Body):
    """What every member of the service is to be in the dataset; null: only who was added sees it."""

    role: Literal["viewer", "captioner", "manager"] | None


class MemberOut(Answer):
    """Somebody who was added to a dataset."""

    name: str
    role: Role
    added_by: str
    added_at: Moment


class MemberList(Page):
    """Who was added to a dataset, and what every member of the service is in it."""

    everyone: Role | None
    items: list[MemberOut]
