"""What a browser carries while its person is at the provider: in a signed cookie, so that no process has to know it.

The cookie holds `state`, `nonce` and PKCE's verifier, for ten minutes, and is taken away when the browser
comes back. What went wrong goes to the next page in one of its own: a text in an address could be anybody's.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from typing import Any

from flask import Response, request
from itsdangerous import BadData, URLSafeTimedSerializer

from common.errors import ClipBrowserError
from common.settings import Settings

COOKIE = "clip_browser_oidc"
PATH = "/api/v1/auth/oidc"
KEPT_S = 600
PROBLEM_COOKIE = "clip_browser_sign_in_problem"
PROBLEM_PATH = "/api/v1/auth"
PROBLEM_KEPT_S = 120
MAX_TEXT = 400  # of a message: a cookie holds 4 kB
MAX_NEXT = 1000
STATE_BYTES = 32


@dataclass(frozen=True)
class Flow:
    """One sign-in on its way. person_id: who links an identity to the account he has signed in with."""

    state: str
    nonce: str
    verifier: str
    next: str = "/"
    person_id: int | None = None


def new_flow(next_page: str, person_id: int | None = None) -> Flow:
    """A flow with secrets of its own."""
    state, nonce, verifier = (secrets.token_urlsafe(STATE_BYTES) for _ in range(3))
    return Flow(state, nonce, verifier, safe_next(next_page), person_id)


def safe_next(page: str) -> str:
    """An address of this dashboard, never one of another site or of the API."""
    is_path = page.startswith("/") and not page.startswith(("//", "/\\"))
    if not is_path or not page.isprintable() or len(page) > MAX_NEXT:
        return "/"
    return "/" if page.startswith(("/signin", "/api/")) else page


def keep_flow(response: Response, settings: Settings, flow: Flow) -> None:
    """Let the browser carry it."""
    value = _serializer(settings, COOKIE).dumps(asdict(flow))
    _set(response, settings, COOKIE, str(value), KEPT_S, PATH)


def read_flow(settings: Settings) -> Flow | None:
    """What this browser carries; None when there is nothing, or it is not ours, or too old."""
    found = _read(settings, COOKIE, KEPT_S)
    return None if found is None else Flow(**found)


def drop_flow(response: Response) -> None:
    """It works once."""
    response.delete_cookie(COOKIE, path=PATH)


def keep_problem(response: Response, settings: Settings, problem: ClipBrowserError) -> None:
    """Let the next page say what went wrong."""
    told = {"code": problem.code, "message": problem.message, "remedy": problem.remedy}
    cut = {name: text[:MAX_TEXT] for name, text in told.items()}
    value = _serializer(settings, PROBLEM_COOKIE).dumps(cut)
    _set(response, settings, PROBLEM_COOKIE, str(value), PROBLEM_KEPT_S, PROBLEM_PATH)


def read_problem(settings: Settings) -> dict[str, Any] | None:
    """`{code, message, remedy}` of what went wrong before this page."""
    found: dict[str, Any] | None = _read(settings, PROBLEM_COOKIE, PROBLEM_KEPT_S)
    return found


def drop_problem(response: Response) -> None:
    """It is said once."""
    response.delete_cookie(PROBLEM_COOKIE, path=PROBLEM_PATH)


def _set(
    response: Response, settings: Settings, name: str, value: str, kept_s: int, path: str
) -> None:
    response.set_cookie(
        name, value, max_age=kept_s, path=path, httponly=True, samesite="Lax",
        secure=settings.cookie_secure or request.is_secure,
    )  # fmt: skip


def _read(settings: Settings, name: str, kept_s: int) -> Any:
    try:
        return _serializer(settings, name).loads(request.cookies.get(name, ""), max_age=kept_s)
    except (BadData, ValueError):
        return None


def _serializer(settings: Settings, name: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret_key, salt=name)
