"""Accounts: let somebody in, give another name or role, a password, a link; disable, enable, remove.

Each in the session's transaction. Whoever calls tells the API's processes afterwards (`Events.people`).
"""

from __future__ import annotations

from sqlalchemy import Column, delete, select, text, update
from sqlalchemy.orm import Session

from common.db.engine import hold
from common.db.tables import Base, FormerName, Member, Token, User, now
from common.errors import Conflict, InvalidInput
from common.names import name_key, require_choosable
from common.people.credentials import make_sign_in_link, make_user, require_free
from common.people.former_names import read_former_names
from common.settings import Settings

MIN_PASSWORD, MAX_PASSWORD = 10, 1000
MAX_FORMER_NAMES = 20  # each is kept from everybody else
_WHO = ("author", "reviewer")
_AS_IT_WAS = ("audit_events",)  # what a log says stays


def named_columns() -> list[Column[str]]:
    """The columns of all tables that hold a person by name."""
    return [
        column
        for table in Base.metadata.sorted_tables
        if table.name not in _AS_IT_WAS
        for column in table.columns
        if column.name.endswith("_by") or column.name in _WHO
    ]


def invite(session: Session, name: str, role: str) -> User:
    """A new person, without a password. Raises InvalidInput, Conflict."""
    return make_user(session, require_choosable(name), role)


def rename(session: Session, user: User, name: str) -> str:
    """Give another name, in all that was done under the one before, which is returned and stays reserved.

    Raises InvalidInput, Conflict.
    """
    name, before = require_choosable(name), user.name
    if name == before:
        return before
    require_free(session, name, user.id)
    _require_few_names(session, user)
    if session.get_bind().dialect.name == "postgresql":
        # Captions are saved, and images claimed, under a lock on their images: what has begun ends first,
        # and what begins afterwards finds the new name.
        session.execute(text("LOCK TABLE images IN EXCLUSIVE MODE"))
    session.execute(delete(FormerName).where(FormerName.name == name))  # of the same person
    session.add(FormerName(name=before, user_id=user.id))
    user.name, user.name_key = name, name_key(name)
    session.flush()
    for column in named_columns():
        session.execute(
            update(column.table).where(column == before).values({column.name: name}),
        )
    return before


def _require_few_names(session: Session, user: User) -> None:
    had = read_former_names(session, user.id)
    if len(had) >= MAX_FORMER_NAMES:
        raise Conflict(
            f"{user.name} has had {len(had)} other names, and each is kept.",
            remedy="Choose one of them.",
            details={"names": had},
        )


def change_role(session: Session, user: User, role: str) -> str:
    """Make an administrator or a member; the role before. Raises Conflict."""
    if role != "admin":
        _require_another_admin(session, user)
    before, user.role = user.role, role
    return before


def disable(session: Session, user: User) -> None:
    """Nobody comes in as this person, by any token; sessions end. Raises Conflict."""
    _require_another_admin(session, user)
    user.disabled_at = user.disabled_at or now()
    end_sessions(session, user)


def enable(session: Session, user: User) -> None:
    """The opposite: tokens that have not expired meanwhile work again. Raises Conflict for who was removed."""
    if user.removed_at is not None:
        raise Conflict(f"{user.name} was removed.", remedy="Let the person in under another name.")
    user.disabled_at = None


def remove(session: Session, user: User) -> None:
    """For good. Captions, datasets and jobs stay, and the name on them stays reserved. Raises Conflict."""
    _require_another_admin(session, user)
    user.removed_at = user.disabled_at = now()
    user.password_hash, user.role = None, "member"
    session.execute(delete(Token).where(Token.user_id == user.id))
    session.execute(delete(Member).where(Member.user_id == user.id))


def _require_another_admin(session: Session, user: User) -> None:
    """Of two administrators who take each other's role one is refused."""
    hold(session, "administrators")
    session.refresh(user)
    others = select(User.id).where(
        User.role == "admin",
        User.disabled_at.is_(None),
        User.removed_at.is_(None),
        User.id != user.id,
    )
    if user.role == "admin" and session.scalar(others.limit(1)) is None:
        raise Conflict(
            f"{user.name} is the last administrator.",
            remedy="Make somebody else an administrator first.",
        )


def require_password(password: str, name: str) -> str:
    """The password, if it may be one. Raises InvalidInput."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidInput(
            f"The password has {len(password)} characters; it needs {MIN_PASSWORD} to {MAX_PASSWORD}.",
            remedy="Take some words that belong together for nobody but you.",
        )
    if password.casefold() == name.casefold():
        raise InvalidInput("The password is the name.", remedy="Choose another.")
    return password


def store_password(session: Session, user: User, hashed: str, kept: int | None = None) -> None:
    """Another password: what it was hashed to. All sessions but the one of this token's id end, and links."""
    user.password_hash = hashed
    session.execute(delete(Token).where(Token.user_id == user.id, Token.kind == "link"))
    end_sessions(session, user, kept)


def renew_link(session: Session, settings: Settings, user: User) -> str:
    """An address that signs in once, within a day; those made before end. Raises Conflict."""
    if user.disabled_at is not None:
        raise Conflict(f"{user.name} is disabled.", remedy="Enable the account first.")
    session.execute(delete(Token).where(Token.user_id == user.id, Token.kind == "link"))
    return make_sign_in_link(session, settings, user)


def end_sessions(session: Session, user: User, kept: int | None = None) -> int:
    """End this person's sessions, but the one of this id; how many."""
    gone = session.execute(
        delete(Token)
        .where(Token.user_id == user.id, Token.kind == "session", Token.id != (kept or 0))
        .returning(Token.id)
    )
    return len(gone.all())
