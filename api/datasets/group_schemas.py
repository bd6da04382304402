"""The groups of a dataset: what requests and answers hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from api.answer import Answer, Moment, Page
from api.datasets.schemas import DatasetPath
from api.request import Body, one_line
from common.people.identities import MAX_GROUP_NAME

GroupName = Annotated[str, Field(min_length=1, max_length=MAX_GROUP_NAME), AfterValidator(one_line)]
GivenRole = Literal["viewer", "captioner", "manager"]


class GroupPath(DatasetPath):
    """A group that an OpenID provider names, such as `staff` or `/museum/curators`."""

    name: GroupName


class NewGroupRole(Body):
    """What the people of a group are to be in the dataset. An owner is a person."""

    role: GivenRole


class GroupOut(Answer):
    """A group that has a role in a dataset. people: how many of it have signed in here."""

    name: str
    role: GivenRole
    people: int
    added_by: str
    added_at: Moment


class GroupList(Page):
    """The groups that have a role in a dataset."""

    items: list[GroupOut]
