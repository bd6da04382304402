"""What every answer is made of. A field stands in its answer's class and nowhere else.

Views return answers; the app writes them as JSON, and /openapi.json is made from the same classes.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Self

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticSerializationError

from api.openapi import KnownSchema


def _iso(moment: datetime) -> str:
    """ISO-8601 in UTC."""
    return moment.isoformat()


def _is_none(value: object) -> bool:
    return value is None


def _require_all(schema: dict[str, Any], answer: type[BaseModel]) -> None:
    """A field with a default is sent as well, and is so described.

    pydantic has a setting for that, which makes the keys of a TypedDict inside required too.
    """
    fields = answer.model_fields.items()
    schema["required"] = [name for name, field in fields if field.exclude_if is None]


Moment = Annotated[
    datetime,
    PlainSerializer(_iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Number = Annotated[int | float, WithJsonSchema({"type": "number"})]  # 3 stays 3, not 3.0


class Answer(KnownSchema):
    """Base of all answers: nothing is sent that does not stand here, and all that does is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_require_all)

    @classmethod
    def of(cls, row: object, **more: Any) -> Self:
        """The answer of a row of the database. more: what is not simply the row's value of that name."""
        # SQLAlchemy's attributes look there first as well, but took a third of the time of a list
        there = getattr(row, "__dict__", {})
        for name in cls.model_fields:
            if name not in more:
                more[name] = there[name] if name in there else getattr(row, name)
        return cls(**more)

    def to_json(self) -> bytes:
        """As it goes over the wire, in UTF-8."""
        try:
            return self.model_dump_json().encode()
        except PydanticSerializationError:  # half of a character, which only JSON's \ud800 can say
            return json.dumps(self.model_dump()).encode()


class CurrentCaption(Answer):
    """The caption that stands where somebody wanted to save another one."""

    image_id: int
    slot: int
    revision: int
    text: str | None
    by: str | None


class Problem(Answer):
    """Every error. `current` only with `caption_conflict`."""

    code: str
    message: str
    remedy: str
    details: dict[str, Any] | None = Field(None, exclude_if=_is_none)
    current: CurrentCaption | None = Field(None, exclude_if=_is_none)


class Page(Answer):
    """Base of lists. next_cursor: asks for what comes next; null: that was all."""

    next_cursor: str | None = None


def as_response(answer: Answer) -> Response:
    """An answer as the app sends it."""
    return Response(answer.to_json(), mimetype="application/json")
