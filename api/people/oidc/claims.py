"""What a provider says of somebody, and what follows from it here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.errors import Forbidden, Unauthorized
from common.people.identities import ProvidedPerson
from common.settings import Settings

MAX_SUBJECT = 255  # OpenID Connect Core 1.0, section 2
Claims = Mapping[str, Any]


def read_person(settings: Settings, claims: Claims) -> ProvidedPerson:
    """The person of verified claims. Raises Unauthorized, and Forbidden when he is not among those let in."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
        raise Unauthorized(f"{settings.oidc_name} did not say who you are.", remedy=TELL)
    groups = groups_of(settings, claims)
    _require_let_in(settings, claims, groups)
    admins = listed(settings.oidc_admin_groups)
    return ProvidedPerson(
        issuer=settings.oidc_issuer,
        subject=subject,
        name=_wanted_name(claims),
        shown=_text(claims, "email") or _text(claims, "preferred_username") or subject,
        groups=groups,
        is_admin=bool(groups & admins) if admins else None,
    )


TELL = "Tell an administrator of this CLIP Browser; the log of the service has the details."


def groups_of(settings: Settings, claims: Claims) -> frozenset[str]:
    """The names in the claim of groups; `realm_access.roles` is one inside another."""
    found: Any = claims.get(settings.oidc_groups_claim)
    if found is None:
        found = claims
        for name in settings.oidc_groups_claim.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        found = [found]
    return frozenset(name for name in found or () if isinstance(name, str))


def listed(names: str) -> frozenset[str]:
    """The names of a setting that are separated by commas."""
    return frozenset(name.strip() for name in names.split(",") if name.strip())


def _require_let_in(settings: Settings, claims: Claims, groups: frozenset[str]) -> None:
    allowed = listed(settings.oidc_allowed_groups)
    if allowed and not groups & allowed:
        raise Forbidden(
            "You are in none of the groups that may come in here.",
            remedy=f"Ask whoever looks after the groups at {settings.oidc_name}.",
        )
    domains = {domain.lower().removeprefix("@") for domain in listed(settings.oidc_allowed_domains)}
    if not domains:
        return
    mail = _text(claims, "email")
    if claims.get("email_verified") is not True:
        raise Forbidden(
            f"{settings.oidc_name} has not verified your address of mail.",
            remedy="Verify it there, then sign in again.",
        )
    if mail.rpartition("@")[2].lower() not in domains:
        raise Forbidden(
            f"People of '{mail.rpartition('@')[2]}' are not let in here.",
            remedy="Sign in with another account.",
        )


def _wanted_name(claims: Claims) -> str:
    """preferred_username or mail, without what comes after an @; else the name people are called by."""
    for claim in ("preferred_username", "email", "nickname", "name"):
        found = _text(claims, claim).partition("@")[0].strip()
        if found:
            return found
    return ""


def _text(claims: Claims, name: str) -> str:
    found = claims.get(name)
    return found if isinstance(found, str) else ""
