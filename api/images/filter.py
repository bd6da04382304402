"""The images that fit a filter: as a query, as a number, and those around one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import Select, case, func
from sqlalchemy.orm import Session

from api.people.identity import user
from common.db.tables import Image
from common.images import filter
from common.images.filter import ImageFilter

Wanted = TypeVar("Wanted", bound=ImageFilter)


def resolved(wanted: Wanted) -> Wanted:
    """The filter with `by=me` as the name of who asks: so it can be kept, as in a job's params."""
    return wanted.model_copy(update={"by": user().name}) if wanted.by == "me" else wanted


def filtered(dataset_id: str, wanted: ImageFilter) -> Select[Image]:
    """The images of a dataset that fit, by id."""
    return filter.filtered(dataset_id, resolved(wanted))


def count(session: Session, fitting: Select[Image]) -> int:
    """How many images a query of `filtered` has."""
    only = fitting.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    return session.execute(only).scalar_one()


def around(
    session: Session, fitting: Select[Image], image_id: int, before: int, after: int
) -> Sequence[Image]:
    """The nearest fitting images before and behind one, by id; that one too, if it fits."""
    earlier = session.scalars(
        fitting.where(Image.id < image_id).order_by(None).order_by(Image.id.desc()).limit(before)
    ).all()
    here = session.scalars(fitting.where(Image.id == image_id)).all()
    later = session.scalars(fitting.where(Image.id > image_id).limit(after)).all()
    return [*reversed(earlier), *here, *later]


def place(session: Session, fitting: Select[Image], image_id: int) -> tuple[int, int]:
    """(how many fitting images have this id or a smaller one, how many there are)."""
    behind = func.coalesce(func.sum(case((Image.id <= image_id, 1), else_=0)), 0)
    counted = fitting.with_only_columns(behind, func.count(), maintain_column_froms=True)
    position, total = session.execute(counted.order_by(None)).one()
    return int(position), int(total)
