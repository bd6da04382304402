"""Signing in and out."""

from __future__ import annotations

from flask import Response
from sqlalchemy import delete

from api.answer import Problem, as_response
from api.capability import PREFIX, make_blueprint
from api.people.access import access
from api.people.audited import note_act, note_actor
from api.people.devices import where_from
from api.people.identity import COOKIE, set_cookie, start_session, token, user
from api.people.schemas import LinkToken, Login, Me, Person, SignedIn
from api.people.sign_in.visitor import read_visitor, remember_browser
from api.people.sign_in.ways import require_link_for, require_passwords
from api.people.tokens import needs_current
from api.services import app_services
from common.db.tables import Token, User
from common.errors import SecondFactorNeeded
from common.people.former_names import read_former_names

auth = make_blueprint("auth", __name__, "people", f"{PREFIX}/auth")


@auth.post("/login", responses={200: SignedIn, 401: Problem, 403: Problem, 429: Problem})
def login(body: Login) -> Response:
    """Sign in with a user name and a password, and with a code where there is a second factor."""
    note_actor(body.username)
    require_passwords(app_services().settings)
    visitor = read_visitor(app_services().settings, body.username)
    try:
        found = app_services().sign_ins.by_password(visitor, body.username, body.password, body.otp)
    except SecondFactorNeeded:
        note_act(None)  # half way in
        raise
    return _signed_in(found, "password")


@auth.post("/link", responses={200: SignedIn, 401: Problem, 403: Problem, 429: Problem})
def link(body: LinkToken) -> Response:
    """Sign in with the token of a one-time link."""
    visitor = read_visitor(app_services().settings, "")
    found = app_services().sign_ins.by_link(visitor, body.token)
    require_link_for(app_services().settings, found)
    return _signed_in(found, "link")


@auth.post("/logout", responses={204: None})
def logout() -> Response:
    """End this session (an API token stays)."""
    if token().kind == "session":
        with app_services().sessions() as session:
            session.execute(delete(Token).where(Token.id == token().id))
        app_services().token_cache.forget()
    response = Response(status=204)
    response.delete_cookie(COOKIE)
    return response


@auth.get("/me", responses={200: Me})
def me() -> Me:
    """Who makes this request."""
    with app_services().readers() as session:
        former = read_former_names(session, user().id)
    return Me(
        user=Person.of(user()),
        origin=token().origin,
        former_names=former,
        has_password=user().password_hash is not None,
        needs_current=needs_current(user(), token()),
        needs_second_factor=app_services().second_factor_demand.is_unmet(user(), token()),
        scope=access().scope,
    )


def _signed_in(found: User, origin: str) -> Response:
    note_actor(found.name)
    session, secret = start_session(app_services(), found, where_from(origin))
    unmet = app_services().second_factor_demand.is_unmet(found, session)
    signed_in = SignedIn(token=secret, user=Person.of(found), needs_second_factor=unmet)
    response = as_response(signed_in)
    set_cookie(response, app_services().settings, secret)
    remember_browser(response, app_services().settings, found.name)
    return response
