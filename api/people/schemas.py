"""Signing in, API tokens and the people of the service: what requests and answers hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field

from api.answer import Answer, Moment, Page
from api.request import Body, Id, Request, UserName, no_nul
from common.people.accounts import MAX_PASSWORD
from common.people.rights import Scope

Role = Literal["admin", "member"]


class Login(Body):
    """A user name and its password. otp: a code of the second factor, or a recovery code."""

    username: Annotated[str, Field(max_length=80), AfterValidator(no_nul)]
    password: str = Field(max_length=1000)
    otp: str = Field("", max_length=40)


class LinkToken(Body):
    """The token of a one-time sign-in link."""

    token: str = Field(max_length=200)


class TokenPath(Request):
    """A token by its id."""

    token_id: Id


class PersonPath(Request):
    """A person by id, which stays when the name changes."""

    user_id: Id


class PersonTokenPath(PersonPath):
    """A session or token of a person."""

    token_id: Id


class NewToken(Body):
    """A name for a token, such as the script that will use it; what it is for, and how long.

    scope: the most it may do; without it as much as what it is made with. days: until it ends; without them
    as late as what it is made with, which for a session is never.
    """

    name: UserName
    scope: Scope | None = None
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


class NewPassword(Body):
    """A password for oneself. current: the one there is, unless a link was used to sign in lately."""

    current: str | None = Field(None, max_length=MAX_PASSWORD)
    password: str = Field(max_length=MAX_PASSWORD)


class PersonChange(Body):
    """What is to change about a person."""

    name: UserName | None = None
    role: Role | None = None
    disabled: bool | None = None


class NewUser(Body):
    """A person to let in."""

    name: UserName
    role: Role = "member"


class Person(Answer):
    """Somebody who signs in. disabled: nobody does as this person, for now."""

    id: int
    name: str
    role: Role
    created_at: Moment
    disabled: bool

    @classmethod
    def of(cls, row: Any, **more: Any) -> Self:
        """As of any row, and whether the person may come in."""
        return super().of(row, **{"disabled": row.disabled_at is not None, **more})


class SignedIn(Answer):
    """A session: the token is in the cookie too.

    needs_second_factor: it can do nothing else before one is set up.
    """

    token: str
    user: Person
    needs_second_factor: bool


class Me(Answer):
    """Who makes this request. has_password: else only a link of an administrator lets in again.

    scope: of the session or token. needs_current: a new password asks for the one there is. origin: how the
    session began, `password`, `link` or `oidc`; empty: not known. former_names: under which this browser may
    keep what was not sent. needs_second_factor: nothing else works before one is set up.
    """

    user: Person
    origin: str
    former_names: list[str]
    has_password: bool
    needs_current: bool
    needs_second_factor: bool
    scope: Scope


class TokenOut(Answer):
    """An API token without its secret. expires_at: null for never. used_at: to some minutes; null for never."""

    id: int
    name: str
    scope: Scope
    created_at: Moment
    expires_at: Moment | None
    used_at: Moment | None


class SessionOut(Answer):
    """A sign-in. device: browser and system. origin: by password or link, "" when it was not noted."""

    id: int
    device: str
    address: str
    origin: str
    created_at: Moment
    expires_at: Moment | None
    used_at: Moment | None
    is_current: bool


class SessionList(Page):
    """Somebody's sessions, the newest first."""

    items: list[SessionOut]


class PersonDetail(Answer):
    """What administrators see of somebody."""

    user: Person
    has_password: bool
    former_names: list[str]
    sessions: list[SessionOut]
    tokens: list[TokenOut]


class NewLink(Answer):
    """A one-time sign-in link to hand over; those made before no longer work."""

    link: str


class NewTokenOut(TokenOut):
    """A token that was just made; its secret is shown this once."""

    token: str


class TokenList(Page):
    """The caller's API tokens."""

    items: list[TokenOut]


class UserList(Page):
    """Everybody."""

    items: list[Person]


class NewUserOut(Answer):
    """A new person and the one-time sign-in link to hand over."""

    user: Person
    link: str
