"""What requests may hold. Unknown fields, wrong types and values out of range are `invalid_input`."""

from __future__ import annotations

from typing import Annotated, Any

from flask_openapi3.models import RawModel
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from api.openapi import KnownSchema

MAX_ID = 2**63 - 1
MAX_KEY = 160


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


Name = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(one_line)]
UserName = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(one_line)]
Key = Annotated[str, Field(min_length=1, max_length=MAX_KEY), AfterValidator(no_nul)]
Holder = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(one_line)]
Text = Annotated[str, AfterValidator(no_nul)]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Limit = Annotated[int, Field(ge=1, le=200)]
Cursor = Annotated[str, Field(pattern=r"^[0-9]{0,18}$")]  # `next_cursor` of the page before


class Request(KnownSchema):
    """Base of bodies, queries and paths: what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Body(Request):
    """Base of JSON bodies: a number is not taken for a text, nor a text for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OptionalBody(Body):
    """Base of bodies that may be left out."""

    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]

    @model_validator(mode="before")
    @classmethod
    def _absent_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value


class Upload(RawModel):
    """A multipart body, read piece by piece."""

    mimetypes = ["multipart/form-data"]  # noqa: RUF012 - as flask-openapi3 declares it


class ImageUpload(RawModel):
    """Images or zips as a multipart body, or the ids of uploads that are whole as JSON."""

    mimetypes = ["multipart/form-data", "application/json"]  # noqa: RUF012 - as flask-openapi3 declares it


class Chunk(RawModel):
    """Bytes of an upload."""

    mimetypes = ["application/octet-stream"]  # noqa: RUF012 - as flask-openapi3 declares it
