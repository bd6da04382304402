"""Signing in by an OpenID provider, and linking an identity there to the account one has here."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Response, request
from sqlalchemy import select

from api.answer import Problem, as_response
from api.capability import PREFIX, make_blueprint
from api.people.audited import note_act, note_actor, note_details
from api.people.devices import where_from
from api.people.identity import secret_of, set_cookie, start_session, user
from api.people.oidc.flow import (
    Flow,
    drop_flow,
    drop_problem,
    keep_flow,
    keep_problem,
    new_flow,
    read_flow,
    read_problem,
)
from api.people.oidc.schemas import (
    Callback,
    Elsewhere,
    IdentityList,
    IdentityOut,
    IdentityPath,
    NoBody,
    ProviderName,
    Start,
    Ways,
)
from api.people.sign_in.visitor import client_of, remember_browser
from api.people.sign_in.ways import require_session
from api.services import app_services
from common.db.tables import UserGroup
from common.errors import ClipBrowserError, Forbidden, NotFound, Unauthorized
from common.people.identities import ProvidedPerson, enter, link, read_identities, unlink

if TYPE_CHECKING:
    from api.people.oidc.provider import Provider

oidc = make_blueprint("oidc", __name__, "people", f"{PREFIX}/auth")
MAX_SAID = 200  # of what a provider says about a refusal


@oidc.get("/ways", responses={200: Ways})
def ways() -> Response:
    """How one may sign in here, and why the sign-in before this failed."""
    services = app_services()
    found = read_problem(services.settings)
    name = services.settings.oidc_name
    response = as_response(
        Ways(
            password=not services.settings.oidc_only,
            provider=None if services.provider is None else ProviderName(name=name),
            problem=None if found is None else Problem(**found),
        )
    )
    if found is not None:
        drop_problem(response)
    return response


@oidc.get("/oidc/start", responses={302: None, 404: Problem})
def start(query: Start) -> Response:
    """Send the browser to the provider."""
    provider = app_services().require_provider()
    flow = new_flow(query.next)
    try:
        return _kept(flow, _to(_address(provider, flow)))
    except ClipBrowserError as problem:
        return _back(flow, problem)


@oidc.post("/oidc/link", responses={200: Elsewhere, 403: Problem, 404: Problem, 503: Problem})
def begin_link(body: NoBody) -> Response:
    """Begin to link an identity to one's own account: where to send this browser."""
    require_session()
    flow = new_flow("/settings", user().id)
    address = _address(app_services().require_provider(), flow)
    return _kept(flow, as_response(Elsewhere(address=address)))


@oidc.get("/oidc/callback", responses={302: None, 404: Problem})
def callback(query: Callback) -> Response:
    """Where the provider sends the browser back to."""
    provider = app_services().require_provider()
    flow = read_flow(app_services().settings)
    try:
        response = _finish(provider, _matching(flow, query), query.code)
    except ClipBrowserError as problem:
        if isinstance(problem, Forbidden):
            note_act("session.refuse")
        note_details(by="oidc", reason=problem.message)
        response = _back(flow, problem)
    drop_flow(response)
    return response


@oidc.get("/oidc/sign-out", responses={302: None, 404: Problem})
def sign_out() -> Response:
    """Send the browser to where the provider ends its own sign-in, if it has such a place."""
    provider, settings = app_services().require_provider(), app_services().settings
    try:
        with provider.place(client_of(request.remote_addr or "")):
            address = provider.sign_out_address()
    except ClipBrowserError as problem:
        return _back(None, problem)
    if address is not None:
        return _to(address)
    nowhere = NotFound(
        f"{settings.oidc_name} cannot be signed out of from here.",
        remedy=f"Sign out at {urlsplit(settings.oidc_issuer).netloc}, or close the browser.",
    )
    return _back(None, nowhere)


@oidc.get("/identities", responses={200: IdentityList})
def list_identities() -> IdentityList:
    """Who one is at the provider."""
    with app_services().readers() as session:
        groups = select(UserGroup.group_name).where(UserGroup.user_id == user().id)
        return IdentityList(
            items=[IdentityOut.of(each) for each in read_identities(session, user().id)],
            groups=sorted(session.scalars(groups)),
        )


@oidc.delete("/identities/<int:identity_id>", responses={204: None, 404: Problem, 409: Problem})
def delete_identity(path: IdentityPath) -> tuple[str, int]:
    """Do not come by an identity any more."""
    require_session()
    with app_services().sessions() as session:
        shown = unlink(session, user().id, path.identity_id)
    note_details(shown=shown)
    _people_changed()
    return "", 204


def _address(provider: Provider, flow: Flow) -> str:
    with provider.place(client_of(request.remote_addr or "")):
        return provider.address(flow)


def _matching(flow: Flow | None, query: Callback) -> Flow:
    """The flow that this browser began. Raises Unauthorized when it began none, or the provider refused."""
    settings = app_services().settings
    if flow is None or not query.state or query.state != flow.state:
        raise Unauthorized(
            "This sign-in was not begun in this browser, or it took too long.",
            remedy=f"Begin again at {settings.address}.",
        )
    if query.iss is not None and query.iss != settings.oidc_issuer:  # RFC 9207
        raise Unauthorized("The answer is another provider's.", remedy="Begin again.")
    if query.error or not query.code:
        raise Unauthorized(_said(settings.oidc_name, query), remedy="Begin again.")
    return flow


def _said(name: str, query: Callback) -> str:
    if query.error == "access_denied":
        return f"{name} did not let you in, or you went back."
    more = f": {query.error_description}" if query.error_description else ""
    said = f"{query.error or 'no code'}{more}"[:MAX_SAID]
    return f"{name} refused: {''.join(letter for letter in said if letter.isprintable())}"


def _finish(provider: Provider, flow: Flow, code: str) -> Response:
    services = app_services()
    with provider.place(client_of(request.remote_addr or "")):
        given = provider.person(flow, code)
    # From here on a refusal is noted, as above where somebody known there may not come in here. Answers that
    # nobody vouches for are not: any stranger could fill the log with them.
    note_act("session.refuse")
    note_details(by="oidc", shown=given.shown)
    if flow.person_id is not None:
        return _link(flow, flow.person_id, given)
    with services.sessions() as session:
        found = enter(session, given)
    _people_changed()
    note_act("session.begin")
    note_actor(found.name)
    response = _to(flow.next)
    set_cookie(response, services.settings, start_session(services, found, where_from("oidc"))[1])
    remember_browser(response, services.settings, found.name)
    return response


def _link(flow: Flow, person_id: int, given: ProvidedPerson) -> Response:
    """Into the account of whoever began it, while he is still signed in here."""
    services = app_services()
    secret, _ = secret_of(services.settings)
    found = None if secret is None else services.token_cache.find(secret)
    if found is None or found[0].id != person_id:
        raise Unauthorized("Somebody else has signed in meanwhile.", remedy="Begin again.")
    note_actor(found[0].name)
    with services.sessions() as session:
        link(session, person_id, given)
    _people_changed()
    note_act("identity.link")
    return _to(flow.next)


def _people_changed() -> None:
    """Groups and roles are others now: all processes ask the database again."""
    app_services().roles.forget_here()
    app_services().token_cache.forget()


def _kept(flow: Flow, response: Response) -> Response:
    keep_flow(response, app_services().settings, flow)
    return response


def _back(flow: Flow | None, problem: ClipBrowserError) -> Response:
    """To the page that says what went wrong."""
    page = "/signin" if flow is None or flow.person_id is None else flow.next
    response = _to(page)
    keep_problem(response, app_services().settings, problem)
    return response


def _to(address: str) -> Response:
    return Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})
