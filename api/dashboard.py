"""The built dashboard. Every address that is neither a file nor the API's is a page of it."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, request, send_file
from werkzeug.exceptions import NotFound as NoRoute
from werkzeug.security import safe_join

from api.errors import answer
from common.errors import NotFound

_CHECKOUT = Path(__file__).resolve().parents[1] / "web" / "dist"
_WHEEL = Path(__file__).resolve().parent / "built_dashboard"  # see setup.py
BUILT = _WHEEL if _WHEEL.is_dir() else _CHECKOUT
NOT_PAGES = ("/api/", "/socket.io", "/assets/")
FOR_EVER = "public, max-age=31536000, immutable"  # Vite puts the content's hash into the name


def serve_dashboard(app: Flask, folder: Path) -> None:
    """Answer GETs that no route takes with a file of `folder`, or with its index.html."""

    def page(_: NoRoute) -> Response:
        if request.method in ("GET", "HEAD"):
            found = _file(folder, request.path)
            if found is not None:
                return _send(found, folder)
        return answer(_absent(folder))

    app.register_error_handler(NoRoute, page)


def _file(folder: Path, path: str) -> Path | None:
    joined = safe_join(str(folder), path.lstrip("/"))
    if joined is not None and "\x00" not in joined and Path(joined).is_file():
        return Path(joined)
    index = folder / "index.html"
    return index if not path.startswith(NOT_PAGES) and index.is_file() else None


def _send(path: Path, folder: Path) -> Response:
    response = send_file(path, conditional=True)
    hashed = path.parent == folder / "assets"
    response.headers["Cache-Control"] = FOR_EVER if hashed else "no-cache"
    return response


def _absent(folder: Path) -> NotFound:
    if request.path.startswith(NOT_PAGES) or (folder / "index.html").is_file():
        return NotFound(f"There is nothing at {request.path[:200]}.", remedy="Check the address.")
    return NotFound(
        "The dashboard is not built.",
        remedy="Run `make up`, which builds it; the API works without it.",
    )
