"""What requests may hold. Unknown fields, wrong types and values out of range are `invalid_input`."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

from flask import request
from flask_openapi3.models import RawModel
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from api.openapi import KnownSchema

MAX_ID = 2**63 - 1
MAX_KEY = 160
MAX_UNKNOWN = 50
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def one_line(text: str) -> str:
    """The text without space at its ends. Raises ValueError when it is empty or not of one line."""
    if not text.strip():
        raise ValueError("it is empty")
    if not text.isprintable():
        raise ValueError("it has a control character")
    return text.strip()


def no_nul(text: str) -> str:
    """The text. Raises ValueError when it has a NUL character, which no database takes."""
    if "\x00" in text:
        raise ValueError("it has a NUL character")
    return text


def written_out(moment: Any) -> Any:
    """The text of a moment. Raises ValueError for a bare number, which pydantic takes as seconds since 1970."""
    if isinstance(moment, str) and not _DATE.match(moment):
        raise ValueError("it is no moment such as 2026-11-28T12:00:00Z")
    return moment


Name = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(one_line)]
UserName = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(one_line)]
Key = Annotated[str, Field(min_length=1, max_length=MAX_KEY), AfterValidator(no_nul)]
Holder = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(one_line)]
Text = Annotated[str, AfterValidator(no_nul)]
AskedMoment = Annotated[datetime, BeforeValidator(written_out)]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Limit = Annotated[int, Field(ge=1, le=200)]
Cursor = Annotated[str, Field(pattern=r"^[0-9]{0,18}$")]  # `next_cursor` of the page before


class Request(KnownSchema):
    """Base of bodies, queries and paths: what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Body(Request):
    """Base of JSON bodies: a number is not taken for a text, nor a text for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _few_unknown(cls, value: Any) -> Any:
        """Of 100,000 fields that nobody knows the first are refused; telling all would take seconds."""
        if not isinstance(value, dict) or len(value) <= len(cls.model_fields) + MAX_UNKNOWN:
            return value
        known = {name: value[name] for name in cls.model_fields if name in value}
        return {**dict(islice(value.items(), MAX_UNKNOWN)), **known}


class OptionalBody(Body):
    """Base of bodies that may be left out."""

    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]

    @model_validator(mode="before")
    @classmethod
    def _absent_is_empty(cls, value: Any) -> Any:
        """Left out is not the same as `null`, or as bytes that are no JSON."""
        return {} if value is None and not request.content_length else value


class Upload(RawModel):
    """A multipart body, read piece by piece."""

    mimetypes = ["multipart/form-data"]  # noqa: RUF012 - as flask-openapi3 declares it


class ImageUpload(RawModel):
    """Images or zips as a multipart body, or the ids of uploads that are whole as JSON."""

    mimetypes = ["multipart/form-data", "application/json"]  # noqa: RUF012 - as flask-openapi3 declares it


class Chunk(RawModel):
    """Bytes of an upload."""

    mimetypes = ["application/octet-stream"]  # noqa: RUF012 - as flask-openapi3 declares it
