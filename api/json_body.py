"""JSON bodies: bounded before they are read, and what is no JSON is refused, also where none is needed.

A body is read for every call that changes something and says that it sends JSON, whether its view takes one or
not: a request that was cut in the middle, such as `{"mode":"kil`, must not do what an empty one does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from flask import Flask, Request, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from common.errors import InvalidInput, TooLarge, UnsupportedMedia

View = TypeVar("View", bound=Callable[..., Any])
MAX_JSON_BYTES = (
    2**20
)  # 20,000 ids of images, the most that anything else takes, are a third of that
MAX_DEPTH = 32  # our own bodies nest five deep; Python's reader and pydantic end at some hundreds
MAX_NODES = 50_000  # lists and objects; the largest synonym map has 20,000
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKET = bytes(sorted(set(range(256)) - set(b"[]{}")))
_OPENING = b"[{"


def takes_json_up_to(size_bytes: int) -> Callable[[View], View]:
    """For a view whose bodies are larger than others'."""

    def mark(view: View) -> View:
        view.__dict__["max_json_bytes"] = size_bytes
        return view

    return mark


class JsonRequest(Request):
    """Flask's request; its JSON is read once, within bounds."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """What the body says; None when there is none.

        Raises TooLarge, InvalidInput and UnsupportedMedia, however it is asked.
        """
        if "_said" not in self.__dict__:
            self._said = self._read()
        return self._said

    def _read(self) -> Any:
        if self.max_content_length is None:
            view = current_app.view_functions.get(self.endpoint or "")
            self.max_content_length = getattr(view, "max_json_bytes", MAX_JSON_BYTES)
        try:
            data = self.get_data()
        except RequestEntityTooLarge:
            raise too_large(self.max_content_length) from None
        if not data:
            return None
        if not self.is_json:
            raise UnsupportedMedia(
                f"The body's content type is {self.mimetype[:100] or 'missing'}.",
                remedy="Send JSON with the header 'Content-Type: application/json'.",
            )
        return _parse(data)


def read_json_always(app: Flask) -> None:
    """Refuse what says that it is JSON and is not, before any view that changes something."""
    app.request_class = JsonRequest
    app.before_request(_read_json)


def too_large(limit_bytes: int | None) -> TooLarge:
    """A body over its limit."""
    limit = "this service takes" if limit_bytes is None else f"{limit_bytes:,} bytes"
    return TooLarge(
        f"The request is larger than {limit}.",
        remedy="Send less in one request; images and files go as multipart.",
    )


def _read_json() -> None:
    if request.url_rule is not None and request.is_json and request.method not in ("GET", "HEAD"):
        request.get_json()


def _parse(data: bytes) -> Any:
    _require_shallow(data)
    try:
        said = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as bad:
        raise InvalidInput(
            f"The body is no JSON: {str(bad)[:200]}",
            remedy="Send the whole body, as JSON; leave it out where none is needed.",
        ) from None
    if isinstance(said, str):  # flask-openapi3 would read it as JSON once more
        raise InvalidInput("body: a JSON object is needed", remedy="Send a JSON object.")
    return said


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _require_shallow(data: bytes) -> None:
    """Raises InvalidInput when objects and lists lie too deep within each other."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    brackets = _TEXT.sub(b"", data).translate(None, _NO_BRACKET)
    if len(brackets) > 2 * MAX_NODES:
        raise InvalidInput(
            f"The body has {len(brackets) // 2:,} lists and objects; the limit is {MAX_NODES:,}.",
            remedy="Send less in one request.",
        )
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in _OPENING else -1
        if depth > MAX_DEPTH:
            raise InvalidInput(
                f"The body nests more than {MAX_DEPTH} lists and objects within each other.",
                remedy="/openapi.json describes what is taken.",
            )
