"""One's own account: the password, sessions and API tokens."""

from __future__ import annotations

from datetime import datetime, timedelta

from api.answer import Problem
from api.capability import make_blueprint
from api.people.audited import note_details
from api.people.devices import where_from
from api.people.identity import token, user
from api.people.schemas import (
    NewPassword,
    NewToken,
    NewTokenOut,
    SessionList,
    TokenList,
    TokenPath,
)
from api.people.sign_in.visitor import read_visitor
from api.people.tokens import end_tokens, needs_current, read_sessions, read_tokens
from api.services import app_services
from common.db.tables import User, now
from common.errors import Forbidden, InvalidInput, NotFound, Unauthorized
from common.people.accounts import require_password, store_password
from common.people.credentials import issue_token
from common.people.rights import Scope, includes

account = make_blueprint("account", __name__, "people")


@account.put(
    "/auth/password",
    responses={204: None, 400: Problem, 403: Problem, 429: Problem},
)
def put_password(body: NewPassword) -> tuple[str, int]:
    """Set or change one's own password; all other sessions end, and links that were not used."""
    services, person = app_services(), user()
    visitor = read_visitor(services.settings, person.name)
    password = require_password(body.password, person.name)
    if needs_current(person, token()):
        try:
            services.sign_ins.by_password(visitor, person.name, body.current or "")
        except Unauthorized:
            raise Forbidden(
                "The current password is wrong.",
                remedy="If it is lost, ask an administrator for a link, and sign in by that.",
            ) from None
    hashed = services.sign_ins.hash(visitor, password)
    with services.sessions() as session:
        store_password(session, session.get_one(User, person.id), hashed, kept=token().id)
    services.token_cache.forget()
    return "", 204


@account.get("/sessions", responses={200: SessionList})
def list_sessions() -> SessionList:
    """Where one is signed in."""
    with app_services().readers() as session:
        return SessionList(items=read_sessions(session, user().id, token().id))


@account.delete("/sessions/<int:token_id>", responses={204: None, 404: Problem})
def end_session(path: TokenPath) -> tuple[str, int]:
    """End one of one's own sessions."""
    if not end_tokens(user().id, "session", path.token_id):
        raise NotFound(
            f"You have no session {path.token_id}.", remedy="Look at the list of sessions."
        )
    return "", 204


@account.delete("/sessions", responses={204: None})
def end_other_sessions() -> tuple[str, int]:
    """End all of one's own sessions but this one."""
    end_tokens(user().id, "session", but=token().id)
    return "", 204


@account.get("/tokens", responses={200: TokenList})
def list_tokens() -> TokenList:
    """One's own API tokens, without their secrets."""
    with app_services().readers() as session:
        return TokenList(items=read_tokens(session, user().id))


@account.post("/tokens", responses={201: NewTokenOut, 400: Problem, 403: Problem})
def make_token(body: NewToken) -> tuple[NewTokenOut, int]:
    """A new API token, which may do no more, and no longer, than what it is made with; its secret is in this answer only."""
    scope, expires_at = _no_more_than_mine(body), _no_longer_than_mine(body.days)
    with app_services().sessions() as session:
        row, secret = issue_token(
            session, user(), "api", name=body.name, scope=scope, begun=where_from()
        )
        row.expires_at = expires_at
        note_details(name=row.name, scope=scope, days=body.days)
        return NewTokenOut.of(row, token=secret), 201


def _no_more_than_mine(body: NewToken) -> Scope:
    mine: Scope = token().scope  # type: ignore[assignment]
    scope = body.scope or mine
    if not includes(mine, scope):
        raise Forbidden(
            f"A token for '{mine}' makes none for '{scope}'.", remedy="Sign in, and make it then."
        )
    return scope


def _no_longer_than_mine(days: int | None) -> datetime | None:
    """When a new token ends: those that a session makes outlive it, those that a token makes do not."""
    wanted = None if days is None else now() + timedelta(days=days)
    limit = token().expires_at if token().kind == "api" else None
    if limit is not None and wanted is not None and wanted > limit:
        raise InvalidInput(
            f"This token ends in {(limit - now()).days} days, and makes none that lasts {days}.",
            remedy="Sign in, and make it then.",
        )
    return wanted or limit


@account.delete("/tokens/<int:token_id>", responses={204: None, 404: Problem})
def delete_token(path: TokenPath) -> tuple[str, int]:
    """Make one of one's own API tokens invalid."""
    if not end_tokens(user().id, "api", path.token_id):
        raise NotFound(f"You have no token {path.token_id}.", remedy="Look at the list of tokens.")
    return "", 204
