"""Where a request comes from, as people recognise it: browser, system and address."""

from __future__ import annotations

from flask import request

from common.people.credentials import Beginning

# The first that stands in `User-Agent` wins: browsers name those that they are like.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"), ("FxiOS", "Firefox"), ("Chrome/", "Chrome"), ("CriOS", "Chrome"),
    ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"),
    ("Mac OS X", "Mac"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
MAX_DEVICE, MAX_ADDRESS = 120, 64


def where_from(origin: str = "") -> Beginning:
    """Of this request."""
    told = request.headers.get("User-Agent", "")
    return Beginning(origin, (request.remote_addr or "")[:MAX_ADDRESS], name_device(told))


def name_device(told: str) -> str:
    """`Firefox on Linux`, of what a browser tells of itself; of a program its own first word."""
    system = next((name for mark, name in _SYSTEMS if mark in told), "")
    browser = next((name for mark, name in _BROWSERS if mark in told), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    first = told.partition(" ")[0][:MAX_DEVICE]
    return first if first.isprintable() else ""
