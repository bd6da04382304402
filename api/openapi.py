"""What /openapi.json says: schemas made once a class, and of each operation how it may refuse.

flask-openapi3 asks for schemas at each request and for each route. Of refusals a route names those of
its own; those that follow from what it is (has a body, changes something, needs a sign-in) stand here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from http import HTTPStatus
from typing import Any, cast

from pydantic import BaseModel


class KnownSchema(BaseModel):
    """A model that remembers its JSON schema. Nobody may change what it gives."""

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As pydantic's; made once for each way of asking."""
        return _schema(cls, args, tuple(sorted(kwargs.items())))


@cache
def _schema(cls: type[BaseModel], args: tuple[Any, ...], kwargs: Any) -> dict[str, Any]:
    make = cast(Any, BaseModel.model_json_schema).__func__
    return cast(dict[str, Any], make(cls, *args, **dict(kwargs)))


METHODS = ("get", "put", "post", "delete", "patch")
SECURITY: list[dict[str, list[str]]] = [{"token": []}, {"session": []}]  # one of them
UNWATCHED = "/healthz"  # needs neither database nor anything else
JSON, PROBLEM = "application/json", {"$ref": "#/components/schemas/Problem"}


def complete_operations(spec: dict[str, Any], open_routes: Collection[str]) -> None:
    """Add to each operation who may call it, and how it refuses whoever may not or asks wrongly.

    open_routes: the addresses that need no sign-in.
    """
    for address, item in spec["paths"].items():
        for method in METHODS:
            if method in item:
                _complete(address, method, item[method], address in open_routes)


def _complete(address: str, method: str, operation: dict[str, Any], is_open: bool) -> None:
    operation["security"] = [] if is_open else SECURITY
    answers: dict[str, Any] = operation["responses"]
    answers.pop("400", None)  # flask-openapi3 names it everywhere, and as a list
    for status in _refusals(address, method, operation, is_open):
        known = answers.setdefault(str(int(status)), {"description": status.phrase})
        known.setdefault("content", {JSON: {"schema": PROBLEM}})


def _refusals(
    address: str, method: str, operation: dict[str, Any], is_open: bool
) -> Iterator[HTTPStatus]:
    body = (operation.get("requestBody") or {}).get("content", {})
    if operation.get("parameters") or body or method != "get":
        yield HTTPStatus.BAD_REQUEST
    if not is_open:
        yield HTTPStatus.UNAUTHORIZED
    if not is_open or method != "get":
        yield HTTPStatus.FORBIDDEN  # one's role, the scope of one's token, a page of somebody else
    if "{" in address:
        yield HTTPStatus.NOT_FOUND
    if method != "get":  # a body that says it is JSON is read, also where none is taken
        yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if body:
        yield HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    if body.keys() - {JSON}:
        yield HTTPStatus.INSUFFICIENT_STORAGE
    if address != UNWATCHED:
        yield HTTPStatus.SERVICE_UNAVAILABLE
