"""Users, their tokens, their roles in datasets, and what they did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Index,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, BigId, now


class User(Base):
    """A person. `password_hash` is None for people who come by link only.

    name_key: what names that look alike have in common (`common.names`); None for those that looked
    like another before that was refused. disabled_at: since then nobody comes in as this person. removed_at:
    for good; the row stays, so that the name and what was done under it stay this person's.
    """

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    role: Mapped[str] = mapped_column(String(16), default="member")
    name_key: Mapped[str | None] = mapped_column(String(320), unique=True, index=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=now)
    disabled_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]


class FormerName(Base):
    """What a person was called before: nobody else may be called so, and what still comes under it is theirs."""

    __tablename__ = "former_names"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    given_up_at: Mapped[datetime] = mapped_column(default=now)


class Token(Base):
    """A bearer secret, stored as its SHA-256. kind: api (named), session (cookie), link (once).

    scope: the most that it may be used for, one of `common.people.rights.SCOPES`. used_at: of a link when
    it was used up, of the others when they were used last (to some minutes). origin: how a session began:
    password, link, oidc or "" (before that was noted). address, device: where a session began, or a token was made.
    """

    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(80), default="")
    scope: Mapped[str] = mapped_column(String(16), default="admin", server_default="admin")
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    origin: Mapped[str] = mapped_column(String(16), default="", server_default="")
    address: Mapped[str] = mapped_column(String(64), default="", server_default="")
    device: Mapped[str] = mapped_column(String(120), default="", server_default="")


class Member(Base):
    """What a person is in a dataset. role: one of `common.people.rights.ROLES`."""

    __tablename__ = "members"
    dataset_id: Mapped[str] = mapped_column(
        ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str] = mapped_column(String(16))
    added_by: Mapped[str] = mapped_column(String(80))
    added_at: Mapped[datetime] = mapped_column(default=now)


class AuditEvent(Base):
    """Something that somebody did. It outlives who did it and what it was done to, so it names both.

    actor: a name; "" when nobody had signed in. act: such as `dataset.delete`. target: what it was done to.
    via: session, api (a token) or service. address: where the request came from.
    """

    __tablename__ = "audit_events"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    actor: Mapped[str] = mapped_column(String(80))
    act: Mapped[str] = mapped_column(String(40))
    target: Mapped[str] = mapped_column(String(200), default="")
    dataset_id: Mapped[str | None] = mapped_column(String(80))
    via: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(String(64), default="")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    __table_args__ = (
        Index("ix_audit_events_at", "at"),
        Index("ix_audit_events_dataset", "dataset_id", "id"),
        Index("ix_audit_events_actor", "actor", "id"),
    )
