"""API tokens of one's own, and the users of the service."""

from __future__ import annotations

from sqlalchemy import delete, select

from api.answer import Problem
from api.capability import make_blueprint
from api.people.audited import note_details
from api.people.identity import user
from api.people.schemas import (
    NewToken,
    NewTokenOut,
    NewUser,
    NewUserOut,
    Person,
    TokenList,
    TokenOut,
    TokenPath,
    UserList,
)
from api.services import app_services
from common.db.tables import Token, User
from common.errors import NotFound
from common.people.credentials import issue_token, make_sign_in_link, make_user

people = make_blueprint("people", __name__, "people")


@people.get("/tokens", responses={200: TokenList})
def list_tokens() -> TokenList:
    """One's own API tokens, without their secrets."""
    with app_services().readers() as session:
        found = session.scalars(
            select(Token).where(Token.user_id == user().id, Token.kind == "api").order_by(Token.id)
        )
        return TokenList(items=[TokenOut.of(token) for token in found])


@people.post("/tokens", responses={201: NewTokenOut, 400: Problem})
def make_token(body: NewToken) -> tuple[NewTokenOut, int]:
    """A new API token; its secret is in this answer only."""
    with app_services().sessions() as session:
        row, secret = issue_token(session, user(), "api", name=body.name)
        note_details(token=row.id, name=row.name)
        return NewTokenOut.of(row, token=secret), 201


@people.delete("/tokens/<int:token_id>", responses={204: None, 404: Problem})
def delete_token(path: TokenPath) -> tuple[str, int]:
    """Make one of one's own API tokens invalid."""
    with app_services().sessions() as session:
        gone = session.execute(
            delete(Token)
            .where(Token.id == path.token_id, Token.user_id == user().id, Token.kind == "api")
            .returning(Token.id)
        ).first()
    if gone is None:
        raise NotFound(f"You have no token {path.token_id}.", remedy="Look at the list of tokens.")
    app_services().token_cache.forget()
    return "", 204


@people.get("/users", responses={200: UserList})
def list_users() -> UserList:
    """Everybody who can sign in."""
    with app_services().readers() as session:
        found = session.scalars(select(User).order_by(User.name))
        return UserList(items=[Person.of(each) for each in found])


@people.post("/users", responses={201: NewUserOut, 403: Problem, 409: Problem})
def invite(body: NewUser) -> tuple[NewUserOut, int]:
    """Let somebody in (administrators only): the link signs them in once."""
    with app_services().sessions() as session:
        new = make_user(session, body.name, body.role)
        link = make_sign_in_link(session, app_services().settings, new)
        note_details(name=new.name, role=new.role)
        return NewUserOut(user=Person.of(new), link=link), 201
