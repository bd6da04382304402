"""What the params of all kinds of jobs have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
ModelId = Annotated[str, Field(min_length=1, max_length=160)]


class Params(BaseModel):
    """Base: unknown names are refused, and a text or a yes where a number is asked for."""

    model_config = ConfigDict(extra="forbid", strict=True)


class StoredUpload(Params):
    """A file that was sent: where it lies in the store, and what it was called."""

    key: str = Field(min_length=1, max_length=700)
    name: str = Field(max_length=500)
