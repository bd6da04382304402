"""Ways to sign in, and identities at a provider: what requests and answers hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from api.answer import Answer, Moment, Page, Problem
from api.request import Id, OptionalBody, Request


class Start(Request):
    """Where to go afterwards, within the dashboard."""

    next: Annotated[str, Field(max_length=2000)] = "/"


class Callback(Request):
    """What the provider sends the browser back with; providers add to it what they like."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    state: str = Field("", max_length=200)
    code: str = Field("", max_length=4000)
    iss: str | None = Field(None, max_length=400)
    error: str = Field("", max_length=200)
    error_description: str = Field("", max_length=2000)


class NoBody(OptionalBody):
    """Nothing."""


class ProviderName(Answer):
    """An OpenID provider. name: as the button says it."""

    name: str


class Ways(Answer):
    """How one may sign in here. problem: why the sign-in before this page failed; it is told once."""

    password: bool
    provider: ProviderName | None
    problem: Problem | None


class Elsewhere(Answer):
    """An address to send the browser to."""

    address: str


class IdentityPath(Request):
    """An identity by its id."""

    identity_id: Id


class IdentityOut(Answer):
    """Who one is at a provider. used_at: the last sign-in by it."""

    id: int
    issuer: str
    shown: str
    created_at: Moment
    used_at: Moment


class IdentityList(Page):
    """The caller's identities, and the groups that the provider named at the last sign-in."""

    items: list[IdentityOut]
    groups: list[str]
