"""What an answer lets a browser do with it: the headers that every answer carries.

Two policies. A page of the dashboard runs scripts, styles and pictures of this service alone: nothing
inline, nothing from elsewhere, no eval. Anything else (JSON, images, archives, texts that people have
uploaded) is never a page: opened as one it may run and load nothing, and has no origin.
"""

from __future__ import annotations

from functools import partial

from flask import Flask, Response, request

PAGE = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:{pictures}",  # blob: a picture that is searched with, before it is sent
        "font-src 'self'",
        "connect-src 'self'",  # Socket.IO's WebSocket included
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
NO_PAGE = "default-src 'none'; frame-ancestors 'none'; sandbox"
UNUSED = (
    "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
    "microphone", "midi", "payment", "publickey-credentials-get", "usb", "xr-spatial-tracking",
)  # fmt: skip
HSTS = "max-age=31536000"  # a year; neighbours below the same domain decide for themselves
FOR_ALL = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", ", ".join(f"{name}=()" for name in UNUSED)),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]


def protect_answers(app: Flask, pictures_from: str = "") -> None:
    """Give every answer of the app its headers. pictures_from: where else pictures come from, as `https://host`."""
    page = PAGE.format(pictures=f" {pictures_from}" if pictures_from else "")
    app.after_request(partial(_protect, page))


def _protect(page: str, response: Response) -> Response:
    headers = response.headers
    headers.extend(FOR_ALL)  # no view sets one of these
    headers["Content-Security-Policy"] = page if response.mimetype == "text/html" else NO_PAGE
    if request.is_secure:
        headers["Strict-Transport-Security"] = HSTS
    if response.mimetype == "application/json":
        headers.setdefault("Cache-Control", "no-store")
    return response
