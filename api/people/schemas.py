"""Signing in, API tokens and the people of the service: what requests and answers hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from api.answer import Answer, Moment, Page
from api.request import Body, Id, Request, UserName, no_nul

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


class NewToken(Body):
    """A name for a token, such as the script that will use it."""

    name: UserName


class NewUser(Body):
    """A person to let in."""

    name: UserName
    role: Role = "member"


class Person(Answer):
    """Somebody who signs in."""

    name: str
    role: Role
    created_at: Moment


class SignedIn(Answer):
    """A session: the token is in the cookie too."""

    token: str
    user: Person


class Me(Answer):
    """Who makes this request. origin: how the session began, `password`, `link` or `oidc`; empty: not known."""

    user: Person
    origin: str


class TokenOut(Answer):
    """An API token without its secret."""

    id: int
    name: str
    created_at: Moment


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
