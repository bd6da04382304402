"""What the people of a provider's groups are in a dataset, besides what each was made."""

from __future__ import annotations

from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.db.engine import hold
from common.db.tables import GroupRole, UserGroup, now
from common.errors import NotFound
from common.people.rights import Role


def read_groups(session: Session, dataset_id: str) -> list[GroupRole]:
    """The groups that have a role in a dataset, by name."""
    return list(
        session.scalars(
            select(GroupRole)
            .where(GroupRole.dataset_id == dataset_id)
            .order_by(GroupRole.group_name)
        )
    )


def count_people(session: Session, dataset_id: str) -> dict[str, int]:
    """How many were in each of its groups when they signed in last."""
    found = session.execute(
        select(UserGroup.group_name, func.count())
        .join(GroupRole, GroupRole.group_name == UserGroup.group_name)
        .where(GroupRole.dataset_id == dataset_id)
        .group_by(UserGroup.group_name)
    )
    return {row[0]: row[1] for row in found}


def set_group_role(
    session: Session, dataset_id: str, group: str, role: Role, by: str
) -> Role | None:
    """Give a group a role in a dataset, or another one; the role before."""
    hold(session, f"members of {dataset_id}")
    found = session.get(GroupRole, (dataset_id, group))
    if found is None:
        session.add(
            GroupRole(
                dataset_id=dataset_id, group_name=group, role=role, added_by=by, added_at=now()
            )
        )
        return None
    before, found.role = cast(Role, found.role), role
    return before


def take_group_role(session: Session, dataset_id: str, group: str) -> Role:
    """Take a group's role away; the role that was. Raises NotFound."""
    hold(session, f"members of {dataset_id}")
    found = session.get(GroupRole, (dataset_id, group))
    if found is None:
        raise NotFound(
            f"The group '{group[:80]}' has no role in this dataset.",
            remedy="Look at the list of its groups.",
        )
    session.delete(found)
    return cast(Role, found.role)
