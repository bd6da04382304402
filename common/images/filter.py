"""Which images of a dataset are meant: one filter for lists, for walks from image to image, and for edits."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import Boolean, ColumnElement, Select, exists, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.functions import FunctionElement

from common.db.tables import Caption, Image, Suggestion

MAX_TOKENS_ASKED = 10_000
_SPECIAL = re.compile("[%_/]")  # in a pattern of LIKE, once / is its escape


def storable(text: str) -> str:
    """The text, if a database can look for it. Raises ValueError."""
    if "\x00" in text:
        raise ValueError("it has a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it has half of a character (a lone surrogate)")
    return text


class ImageFilter(BaseModel):
    """Conditions that an image must fit, all of them; None asks for nothing.

    q: a text in one of its captions or in its file name. by: who wrote one of its captions.
    longer_than: one of its captions has more CLIP tokens (start and end included).
    has: several captions, or a suggestion that was neither dismissed nor taken. ids: numbers, comma separated.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    status: Literal["captioned", "uncaptioned"] | None = None
    q: Annotated[str, Field(max_length=200), AfterValidator(storable)] | None = None
    by: Annotated[str, Field(min_length=1, max_length=80), AfterValidator(storable)] | None = None
    flagged: bool | None = None
    reviewed: bool | None = None
    longer_than: Annotated[int, Field(ge=0, le=MAX_TOKENS_ASKED)] | None = None
    has: Literal["several", "suggestion"] | None = None
    ids: str | None = Field(None, max_length=20_000, pattern=r"^[0-9]{1,18}(,[0-9]{1,18})*$")


def filtered(dataset_id: str, wanted: ImageFilter) -> Select[Image]:
    """The images of a dataset that fit, by id. `wanted.by` is a name: `me` is known to the API only."""
    return (
        select(Image).where(Image.dataset_id == dataset_id, *_conditions(wanted)).order_by(Image.id)
    )


def _conditions(wanted: ImageFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    captioned = None if wanted.status is None else wanted.status == "captioned"
    for noted, asked in (
        (Image.is_captioned.expression, captioned),
        (Image.flagged_by.is_not(None), wanted.flagged),
        (Image.reviewed_by.is_not(None), wanted.reviewed),
    ):
        if asked is not None:
            found.append(noted if asked else ~noted)
    if wanted.q:
        found.append(
            or_(holds(Image.filename, wanted.q), _first_that(holds(Caption.text, wanted.q)))
        )
    if wanted.by:
        found.append(_has(Caption.author == wanted.by))
    if wanted.longer_than is not None:
        found.append(_has(Caption.tokens > wanted.longer_than))
    if wanted.has == "several":
        found.append(_HasFurther())
    if wanted.has == "suggestion":
        taken = exists().where(
            Caption.image_id == Suggestion.image_id, Caption.text == Suggestion.text
        )
        found.append(
            exists().where(
                Suggestion.image_id == Image.id, Suggestion.dismissed_by.is_(None), ~taken
            )
        )
    if wanted.ids:
        found.append(Image.id.in_({int(part) for part in wanted.ids.split(",")}))
    return found


def _has(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the image has a caption that fits."""
    return exists().where(Caption.image_id == Image.id, Caption.text.is_not(None), *conditions)


def _first_that(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """As `_has`, asked image by image: so a page ends at its last row.

    An EXISTS within an OR is answered by PostgreSQL from a list of all captions that fit.
    """
    own = select(Caption.slot).where(
        Caption.image_id == Image.id, Caption.text.is_not(None), *conditions
    )
    return own.limit(1).scalar_subquery().is_not(None)


def holds(column: InstrumentedAttribute[Any], text: str) -> ColumnElement[bool]:
    """Whether a text occurs, in small letters or capitals.

    SQLite knows the capitals of ASCII only, so for other letters the usual spellings are tried.
    """
    text = unicodedata.normalize("NFC", text)
    spellings = {text}
    if not text.isascii():
        spellings |= {text.lower(), text.upper(), text.title(), text.capitalize()}
    patterns = (f"%{_SPECIAL.sub(_escaped, each)}%" for each in sorted(spellings))
    return or_(*(_Like(column, pattern) for pattern in patterns))


def _escaped(special: re.Match[str]) -> str:
    return f"/{special[0]}"


class _Like(FunctionElement[bool]):
    """LIKE that knows no capitals. SQLite's does not; a `lower` around both would cost a third more."""

    type = Boolean()
    inherit_cache = True


@compiles(_Like)
def _ilike(element: _Like, compiler: Any, **options: Any) -> str:
    column, pattern = element.clauses
    return f"({compiler.process(column.ilike(pattern, escape='/'), **options)})"


@compiles(_Like, "sqlite")
def _like(element: _Like, compiler: Any, **options: Any) -> str:
    column, pattern = element.clauses
    return f"({compiler.process(column.like(pattern, escape='/'), **options)})"


class _HasFurther(ColumnElement[bool]):
    """Whether the image has a caption beyond its first.

    SQLite takes the small index of those only when told to, which SQLAlchemy cannot say.
    """

    type = Boolean()
    inherit_cache = True


@compiles(_HasFurther)
def _has_further(_element: _HasFurther, _compiler: Any, **_options: Any) -> str:
    return _further_of("captions")


@compiles(_HasFurther, "sqlite")
def _has_further_by_index(_element: _HasFurther, _compiler: Any, **_options: Any) -> str:
    return _further_of("captions INDEXED BY ix_captions_further")


def _further_of(source: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM {source} WHERE captions.image_id = images.id "
        "AND captions.slot > 0 AND captions.text IS NOT NULL)"
    )
