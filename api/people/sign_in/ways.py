"""Which ways lead in: what CLIP_BROWSER_OIDC_ONLY closes, and what a token is not for."""

from __future__ import annotations

from api.people.identity import token
from common.db.tables import User
from common.errors import Forbidden
from common.settings import Settings


def require_passwords(settings: Settings) -> None:
    """Nothing, while passwords are taken. Raises Forbidden."""
    if settings.oidc_only:
        raise Forbidden(
            f"Here one signs in by {settings.oidc_name} alone.",
            remedy="Use the button of the sign-in page; an administrator may come by a link.",
        )


def require_link_for(settings: Settings, person: User) -> None:
    """Nothing, when this person may come by a link. Raises Forbidden."""
    if person.role != "admin":
        require_passwords(settings)


def require_session() -> None:
    """Nothing, when a person sits at a browser. Raises Forbidden for an API token, which may be lost."""
    if token().kind != "session":
        raise Forbidden(
            "An API token cannot change how somebody signs in.",
            remedy="Sign in in a browser, and do it in the settings.",
        )
