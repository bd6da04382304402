"""Who is what in which dataset: read, asked for in queries, and changed."""

from __future__ import annotations

from typing import NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from common.db.engine import hold
from common.db.tables import Dataset, GroupRole, Member, User, UserGroup
from common.errors import Conflict, NotFound
from common.people.rights import Role, higher

_ROLES = (
    select(Dataset.everyone_role, Member.role, GroupRole.role)
    .outerjoin(
        Member, and_(Member.dataset_id == Dataset.id, Member.user_id == bindparam("user_id"))
    )
    .outerjoin(
        GroupRole,
        and_(
            GroupRole.dataset_id == Dataset.id,
            GroupRole.group_name.in_(
                select(UserGroup.group_name).where(UserGroup.user_id == bindparam("user_id"))
            ),
        ),
    )
    .where(Dataset.id == bindparam("dataset_id"))
)


class Standing(NamedTuple):
    """Of a person in a dataset. everyone: what everybody is in it. own: what the person was made.

    group: the most that a group makes him.
    """

    everyone: Role | None
    own: Role | None
    group: Role | None = None

    @property
    def role(self) -> Role | None:
        """The highest one; None: does not see the dataset."""
        return higher(higher(self.own, self.group), self.everyone)


def read_standing(rows: Connection, user_id: int, dataset_id: str) -> Standing | None:
    """None when there is no such dataset."""
    found = rows.execute(_ROLES, {"user_id": user_id, "dataset_id": dataset_id}).all()
    if not found:
        return None
    everyone, own, group = (cast(Role | None, role) for role in found[0])
    for _, _, other in found[1:]:  # a row for each group
        group = higher(group, cast(Role | None, other))
    return Standing(everyone, own, group)


def no_dataset(dataset_id: str) -> NotFound:
    """The same for a dataset that is not there and for one that somebody does not see."""
    return NotFound(
        f"There is no dataset '{dataset_id[:80]}'.", remedy="Look at the list of datasets."
    )


def sees_dataset(user_id: int) -> ColumnElement[bool]:
    """The condition on `Dataset` that this person, who is no administrator, has a role in it."""
    return or_(
        Dataset.everyone_role.is_not(None),
        Dataset.id.in_(select(Member.dataset_id).where(Member.user_id == user_id)),
        Dataset.id.in_(_by_group(user_id)),
    )


def datasets_of(rows: Connection, user_id: int) -> list[str]:
    """The datasets that a person was added to, by himself or with a group."""
    added = select(Member.dataset_id).where(Member.user_id == user_id)
    return list(rows.scalars(added.union(_by_group(user_id))))


def _by_group(user_id: int) -> Select[str]:
    """The datasets in which a group of the person has a role."""
    return (
        select(GroupRole.dataset_id)
        .join(UserGroup, UserGroup.group_name == GroupRole.group_name)
        .where(UserGroup.user_id == user_id)
    )


def read_members(session: Session, dataset_id: str) -> list[tuple[Member, User]]:
    """Who was added to a dataset, by name."""
    found = session.execute(
        select(Member, User)
        .join(User, User.id == Member.user_id)
        .where(Member.dataset_id == dataset_id)
        .order_by(User.name)
    )
    return [(member, user) for member, user in found]


def set_role(session: Session, dataset_id: str, name: str, role: Role, by: str) -> Role | None:
    """Add somebody to a dataset, or give another role; the role before. Raises NotFound, Conflict."""
    user = find_user(session, name)
    hold(session, f"members of {dataset_id}")  # two owners must not both go
    member = session.get(Member, (dataset_id, user.id))
    if member is None:
        session.add(Member(dataset_id=dataset_id, user_id=user.id, role=role, added_by=by))
        return None
    before, member.role = cast(Role, member.role), role
    session.flush()
    _require_owner(session, dataset_id, before)
    return before


def take_role(session: Session, dataset_id: str, name: str) -> Role:
    """Take somebody out of a dataset; the role that was. Raises NotFound, Conflict."""
    user = find_user(session, name)
    hold(session, f"members of {dataset_id}")
    member = session.get(Member, (dataset_id, user.id))
    if member is None:
        raise NotFound(
            f"'{name}' was not added to this dataset.", remedy="Look at the list of its people."
        )
    role = cast(Role, member.role)
    session.delete(member)
    session.flush()
    _require_owner(session, dataset_id, role)
    return role


def find_user(session: Session, name: str) -> User:
    """A person, by name. Raises NotFound."""
    user = session.scalar(select(User).where(User.name == name, User.removed_at.is_(None)))
    if user is None:
        raise NotFound(
            f"There is nobody called '{name[:80]}'.",
            remedy="Look at the list of people; an administrator lets somebody in.",
        )
    return user


def _require_owner(session: Session, dataset_id: str, before: Role) -> None:
    if before != "owner":
        return
    others = select(Member.user_id).where(Member.dataset_id == dataset_id, Member.role == "owner")
    if session.scalar(others.limit(1)) is None:
        raise Conflict(
            "A dataset needs an owner, and this is its last one.",
            remedy="Make somebody else its owner first.",
        )
