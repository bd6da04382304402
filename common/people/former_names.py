"""What people were called before: what was begun under such a name still ends as theirs."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.tables import FormerName, User


def current_names(session: Session, names: Iterable[str]) -> dict[str, str]:
    """Of those of the names that somebody had before: what that person is called now."""
    found = session.execute(
        select(FormerName.name, User.name.label("current"))
        .join(User, User.id == FormerName.user_id)
        .where(FormerName.name.in_(set(names)))
    )
    return {row.name: row.current for row in found}


def read_former_names(session: Session, user_id: int) -> list[str]:
    """What somebody was called before, in order."""
    names = select(FormerName.name).where(FormerName.user_id == user_id)
    return list(session.scalars(names.order_by(FormerName.given_up_at)))
