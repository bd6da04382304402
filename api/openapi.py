"""JSON schemas made once a class: flask-openapi3 asks for them at each request and for each route."""

from __future__ import annotations

from functools import cache
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
