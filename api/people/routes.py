"""API tokens of one's own, and the users of the service."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from sqlalchemy import delete, select

from api.answers import NewUserOut, Problem, TokenList, TokenOut, UserList
from api.people.identity import require_admin, user
from api.schemas import NewToken, NewUser, TokenPath
from api.services import parts
from api.shapes import PREFIX, person, token_shape
from common.db.tables import Token, User
from common.errors import NotFound
from common.people.credentials import issue_token, make_sign_in_link, make_user

people = APIBlueprint("people", __name__, url_prefix=PREFIX, abp_tags=[Tag(name="people")])


@people.get("/tokens", responses={200: TokenList})
def list_tokens() -> dict[str, Any]:
    """One's own API tokens, without their secrets."""
    with parts().readers() as session:
        found = session.scalars(
            select(Token).where(Token.user_id == user().id, Token.kind == "api").order_by(Token.id)
        )
        return {"items": [token_shape(token) for token in found], "next_cursor": None}


@people.post("/tokens", responses={201: TokenOut, 400: Problem})
def make_token(body: NewToken) -> tuple[dict[str, Any], int]:
    """A new API token; its secret is in this answer only."""
    with parts().sessions() as session:
        row, secret = issue_token(session, user(), "api", name=body.name)
        return {**token_shape(row), "token": secret}, 201


@people.delete("/tokens/<int:token_id>", responses={204: None, 404: Problem})
def delete_token(path: TokenPath) -> tuple[str, int]:
    """Make one of one's own API tokens invalid."""
    with parts().sessions() as session:
        gone = session.execute(
            delete(Token)
            .where(Token.id == path.token_id, Token.user_id == user().id, Token.kind == "api")
            .returning(Token.id)
        ).first()
    if gone is None:
        raise NotFound(f"You have no token {path.token_id}.", remedy="Look at the list of tokens.")
    parts().tokens.forget()
    return "", 204


@people.get("/users", responses={200: UserList})
def list_users() -> dict[str, Any]:
    """Everybody who can sign in."""
    with parts().readers() as session:
        found = session.scalars(select(User).order_by(User.name))
        return {"items": [person(each) for each in found], "next_cursor": None}


@people.post("/users", responses={201: NewUserOut, 403: Problem, 409: Problem})
def invite(body: NewUser) -> tuple[dict[str, Any], int]:
    """Let somebody in (administrators only): the link signs them in once."""
    require_admin()
    with parts().sessions() as session:
        new = make_user(session, body.name, body.role)
        return {"user": person(new), "link": make_sign_in_link(session, parts().settings, new)}, 201
