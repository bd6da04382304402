"""Sessions and API tokens of a person: listed and ended."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Select, delete, or_, select
from sqlalchemy.orm import Session

from api.people.schemas import SessionOut, TokenOut
from api.services import app_services
from common.db.tables import Token, User, now

LINK_COUNTS_FOR = timedelta(
    hours=1
)  # who came by a link may set a password without the one there is


def needs_current(person: User, by: Token) -> bool:
    """Whether a new password asks for the one there is: not from whoever has just come by a link."""
    came_by_link = by.origin == "link" and now() - by.created_at < LINK_COUNTS_FOR
    return person.password_hash is not None and not came_by_link


def read_sessions(session: Session, user_id: int, current: int) -> list[SessionOut]:
    """The newest first. current: the token of who asks."""
    return [
        SessionOut.of(each, is_current=each.id == current)
        for each in session.scalars(_lasting(user_id, "session").order_by(Token.id.desc()))
    ]


def read_tokens(session: Session, user_id: int) -> list[TokenOut]:
    """In the order in which they were made; those that have ended too, so that nobody wonders."""
    mine = select(Token).where(Token.user_id == user_id, Token.kind == "api").order_by(Token.id)
    return [TokenOut.of(each) for each in session.scalars(mine)]


def end_tokens(user_id: int, kind: str | None, token_id: int | None = None, but: int = 0) -> int:
    """End a person's tokens of a kind (None: sessions and API tokens), or the one of this id; how many."""
    mine = delete(Token).where(Token.user_id == user_id, Token.id != but)
    kinds = ("session", "api") if kind is None else (kind,)
    chosen = mine.where(Token.kind.in_(kinds))
    if token_id is not None:
        chosen = chosen.where(Token.id == token_id)
    with app_services().sessions() as session:
        ended = len(session.execute(chosen.returning(Token.id)).all())
    app_services().token_cache.forget()
    return ended


def _lasting(user_id: int, kind: str) -> Select[Token]:
    return select(Token).where(
        Token.user_id == user_id,
        Token.kind == kind,
        or_(Token.expires_at.is_(None), Token.expires_at > now()),
    )
