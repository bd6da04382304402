"""Who asks: each route needs a token or a session, but for the few named here."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from itsdangerous import BadSignature, Signer

from api.services import Services, app_services
from common.db.tables import Token, User
from common.errors import Forbidden, Unauthorized
from common.people.credentials import issue_token
from common.settings import Settings

COOKIE = "clip_browser_session"
OPEN_ROUTES = frozenset(
    {"/healthz", "/readyz", "/openapi.json", "/api/v1/auth/login", "/api/v1/auth/link"}
)
MAX_OPEN_BODY_BYTES = 16_384  # nobody sends more before he has signed in
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def require_identity(app: Flask) -> None:
    """Ask for a token before every view; set `g.user` and `g.token`."""
    app.before_request(_identify)


def user() -> User:
    """Who makes this request."""
    found: User = g.user
    return found


def token() -> Token:
    """The token or session of this request."""
    found: Token = g.token
    return found


def is_asked_by_admin() -> bool:
    """Whether an administrator asks, on a route that is open to all. Needs the database."""
    secret, _ = secret_of(app_services().settings)
    found = app_services().token_cache.find(secret) if secret else None
    return found is not None and found[0].role == "admin"


def require_admin() -> User:
    """The user, if an administrator. Raises Forbidden."""
    if user().role != "admin":
        raise Forbidden(f"{user().name} is not an administrator.")
    return user()


def start_session(services: Services, person: User) -> str:
    """A new sign-in of a person; its secret."""
    with services.sessions() as session:
        lives = timedelta(days=services.settings.session_days)
        return issue_token(session, person, "session", lives=lives)[1]


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
    return urlsplit(origin).netloc in (host, urlsplit(settings.address).netloc)


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
    if rule.rule in OPEN_ROUTES:
        request.max_content_length = MAX_OPEN_BODY_BYTES
        return
    if secret is None:
        raise Unauthorized("This needs a sign-in.")
    found = services.token_cache.find(secret)
    if found is None:
        raise Unauthorized("The token or session is unknown or has ended.")
    g.user, g.token = found


def _refuse_foreign(settings: Settings) -> None:
    origin = request.headers.get("Origin")
    if not same_origin(settings, origin, request.host):
        raise Forbidden(
            f"The request comes from {str(origin)[:120]}, not from this service's own pages.",
            remedy="Open CLIP Browser itself, or use a token; behind a proxy set CLIP_BROWSER_PUBLIC_URL.",
        )
