"""Who wants to sign in, as far as it can be told before: the client, and a browser that is known.

A browser in which somebody has signed in gets a cookie that says so, signed. It lets nobody in; it
keeps whoever has it apart from those who guess, even at the same address ("device cookies", OWASP).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network

from flask import Response, request
from itsdangerous import BadData, URLSafeSerializer

from api.trusted_proxies import read_address
from common.settings import Settings

COOKIE = "clip_browser_known"
KEPT_S = 180 * 86400
MAX_NAMES = 8  # people who share a browser
NETWORK_BITS = 64  # of an IPv6 address: what one client is given at least


@dataclass(frozen=True)
class Visitor:
    """client: an IPv4 address or an IPv6 network. browser: the id of a browser that is known, else None."""

    client: str
    browser: str | None = None


def read_visitor(settings: Settings, name: str) -> Visitor:
    """Who sends this request and wants to sign in as `name`."""
    browser, names = _known(settings)
    return Visitor(client_of(request.remote_addr or ""), browser if name in names else None)


def client_of(address: str) -> str:
    """What failures are counted by: whoever has an IPv6 address has 2^64 of them."""
    found = read_address(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, NETWORK_BITS), strict=False))
    return str(found or "unknown")


def remember_browser(response: Response, settings: Settings, name: str) -> None:
    """`name` has signed in with this browser."""
    browser, names = _known(settings)
    names = [name, *(each for each in names if each != name)][:MAX_NAMES]
    response.set_cookie(
        COOKIE,
        str(_serializer(settings).dumps([browser or secrets.token_hex(8), names])),
        max_age=KEPT_S,
        httponly=True,
        secure=settings.cookie_secure or request.is_secure,
        samesite="Lax",
        path="/api/v1/auth",
    )


def _known(settings: Settings) -> tuple[str | None, list[str]]:
    try:
        browser, names = _serializer(settings).loads(request.cookies.get(COOKIE, ""))
    except (BadData, ValueError):
        return None, []
    return str(browser), [str(name) for name in names]


def _serializer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret_key, salt="clip-browser-known-browser")
