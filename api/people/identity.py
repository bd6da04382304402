"""Who asks, and whether he may: before every view, by the table in `api/people/rights.py`."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from itsdangerous import BadSignature, Signer

from api.people.access import Access, Place, access
from api.people.rights import Right, is_before_second_factor, is_open, listed, right_of
from api.request import MAX_ID, MAX_KEY
from api.services import Services, app_services
from common.db.tables import Token, User
from common.errors import ClipBrowserError, Forbidden, InvalidInput, NotFound, Unauthorized
from common.jobs.states import no_such_job
from common.logs import name_user
from common.people.credentials import NOWHERE, Beginning, issue_token
from common.people.rights import METRICS, Role, includes
from common.people.roles import no_dataset
from common.settings import Settings
from common.trash.images import nothing_there

COOKIE = "clip_browser_session"
MAX_OPEN_BODY_BYTES = 16_384  # nobody sends more before he has signed in
TARGETS = (
    "dataset_id",
    "image_id",
    "job_id",
    "model_id",
    "variant_id",
    "trashed_dataset_id",
    "batch_id",
    "trashed_model_id",
)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def require_identity(app: Flask) -> None:
    """Ask before every view who it is and whether he may; set `g.user`, `g.token` and `g.access`."""
    app.before_request(_identify)


def require_rights(app: Flask) -> None:
    """Raises LookupError when a route of the app stands in no line of the table, or a line has no route."""
    routes = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    if routes != listed():
        raise LookupError(f"api/people/rights.py is about {sorted(routes ^ listed())}")


def user() -> User:
    """Who makes this request."""
    found: User = g.user
    return found


def token() -> Token:
    """The token or session of this request."""
    found: Token = g.token
    return found


def require_seen(dataset_id: str) -> None:
    """Where a body names a dataset: that the person sees it. Raises NotFound as if it was not there."""
    if access().role_in(dataset_id) is None:
        raise _absent("dataset_id", dataset_id)


def is_asked_by_admin() -> bool:
    """Whether an administrator asks, on a route that is open to all. Needs the database."""
    services = app_services()
    secret, _ = secret_of(services.settings)
    with contextlib.suppress(Unauthorized):  # of somebody who was disabled
        found = services.token_cache.find(secret) if secret else None
        if found is None or services.second_factor_demand.is_unmet(*found):
            return False
        who = Access.of(*found, services.roles)
        return who.is_admin and who.scope != METRICS
    return False


def start_session(
    services: Services, person: User, begun: Beginning = NOWHERE
) -> tuple[Token, str]:
    """A new sign-in of a person: (the row, its secret)."""
    with services.sessions() as session:
        lives = timedelta(days=services.settings.session_days)
        return issue_token(session, person, "session", lives=lives, begun=begun)


def set_cookie(response: Response, settings: Settings, secret: str) -> None:
    """Give the browser its session, out of reach of scripts and of other sites' forms."""
    response.set_cookie(
        COOKIE,
        _signer(settings).sign(secret).decode(),
        max_age=settings.session_days * 86400,
        httponly=True,
        secure=settings.cookie_secure or request.is_secure,
        samesite="Lax",
    )


def secret_of(settings: Settings) -> tuple[str | None, bool]:
    """(the secret this request carries, whether it came by cookie); a header goes before a cookie."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip(), False
    try:
        return _signer(settings).unsign(request.cookies.get(COOKIE, "")).decode(), True
    except (BadSignature, UnicodeDecodeError):
        return None, False


def same_origin(settings: Settings, origin: str | None, host: str) -> bool:
    """Whether a request comes from our own pages: no Origin, or the host asked, or PUBLIC_URL's."""
    if origin is None:
        return True
    try:
        asked_from = urlsplit(origin).netloc
    except ValueError:  # such as http://[
        return False
    return asked_from in (host, urlsplit(settings.address).netloc)


def _signer(settings: Settings) -> Signer:
    return Signer(settings.secret_key, salt="clip-browser-session")


def _identify() -> None:
    rule = request.url_rule
    if rule is None:
        return  # 404 and 405 follow
    services = app_services()
    secret, by_cookie = secret_of(services.settings)
    if request.method not in SAFE_METHODS and (by_cookie or secret is None):
        _refuse_foreign(services.settings)
    if request.method == "OPTIONS":
        return
    if is_open(request.method, rule.rule):
        request.max_content_length = MAX_OPEN_BODY_BYTES
        return
    if secret is None:
        raise Unauthorized("This needs a sign-in.")
    found = services.token_cache.find(secret)
    if found is None:
        raise Unauthorized("The token or session is unknown or has ended.")
    if not is_before_second_factor(request.method, rule.rule):
        services.second_factor_demand.require_met(*found)
    g.user, g.token = found
    g.by_cookie = by_cookie
    name_user(g.user.name)
    g.access = Access.of(*found, services.roles)
    _require(right_of(request.method, rule.rule), request.view_args or {})


def _require(right: Right, named: dict[str, Any]) -> None:
    """Raises NotFound for what the person does not see, Forbidden for what he may not do."""
    who = access()
    if who.scope == METRICS and right.scope != METRICS:
        raise _refusal(right, who, None)  # whatever is asked for, and whether it is there
    if right.role is None:
        if not who.may(right, None):
            raise _refusal(right, who, None)
        return
    kind = next(name for name in TARGETS if name in named)
    _require_fit(kind, named[kind])
    place = _place(kind, named[kind])
    if place is None and kind == "model_id":
        return  # one of the catalogue, or none: its view says so
    g.dataset_id = place and place.dataset_id
    if not who.may(right, place):
        role = who.role_at(place)
        raise _absent(kind, named[kind]) if role is None else _refusal(right, who, role)


def _require_fit(kind: str, key: str | int) -> None:
    """Raises InvalidInput for what no database takes as a key."""
    fits = 0 < key <= MAX_ID if isinstance(key, int) else len(key) <= MAX_KEY and "\x00" not in key
    if not fits:
        raise InvalidInput(
            f"{kind}: there is none like {ascii(key)[:40]}", remedy=f"Correct {kind}."
        )


def _place(kind: str, key: Any) -> Place | None:
    if kind == "dataset_id":
        return Place(key)
    return access().roles.place_of(kind.removesuffix("_id"), key)


def _refusal(right: Right, who: Access, role: Role | None) -> Forbidden:
    """Says which of the three is missing."""
    if right.admin and not who.is_admin and who.scope != METRICS:
        return Forbidden(f"{who.name} is not an administrator.")
    if not includes(who.scope, right.needed_scope):
        return Forbidden(
            f"This token is for '{who.scope}', and this needs one for '{right.needed_scope}'.",
            remedy="Make another token in the settings, or sign in.",
            details={"scope": who.scope, "needed": right.needed_scope},
        )
    return Forbidden(
        f"You are a {role} of this dataset, and this needs a {right.role}.",
        remedy="Ask an owner of the dataset for another role.",
        details={"role": role, "needed": right.role},
    )


def _absent(kind: str, key: Any) -> ClipBrowserError:
    """The same for what is not there and for what is not seen."""
    if kind == "job_id":
        return no_such_job(key)
    if kind == "model_id":
        return NotFound(f"There is no model {key[:160]!r}.", remedy="Look at the list of models.")
    if kind == "dataset_id":
        return no_dataset(key)
    if kind in ("trashed_dataset_id", "batch_id", "trashed_model_id"):
        return nothing_there()
    return NotFound(
        f"There is no {kind.removesuffix('_id')} {key}.", remedy="It may have been deleted."
    )


def _refuse_foreign(settings: Settings) -> None:
    origin = request.headers.get("Origin")
    if not same_origin(settings, origin, request.host):
        raise Forbidden(
            f"The request comes from {str(origin)[:120]}, not from this service's own pages.",
            remedy="Open CLIP Browser itself, or use a token; behind a proxy set CLIP_BROWSER_PUBLIC_URL.",
        )
