"""Who people are elsewhere: at an OpenID provider, in its groups, and by a second factor."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, BigId, now


class Identity(Base):
    """A person as an OpenID provider knows him: by issuer and subject, which never change hands.

    shown: what people call it by, such as an address of mail; nothing is decided by it.
    """

    __tablename__ = "identities"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    shown: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("issuer", "subject", name="uq_identities_subject"),)


class UserGroup(Base):
    """A group that a person was in at the last sign-in by the provider."""

    __tablename__ = "user_groups"
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    group_name: Mapped[str] = mapped_column(String(200), primary_key=True)


class GroupRole(Base):
    """What the people of a group are in a dataset. role: one of `common.people.rights.ROLES`, not owner."""

    __tablename__ = "group_roles"
    dataset_id: Mapped[str] = mapped_column(
        ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True
    )
    group_name: Mapped[str] = mapped_column(String(200), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    added_by: Mapped[str] = mapped_column(String(80))
    added_at: Mapped[datetime] = mapped_column(default=now)


class SecondFactor(Base):
    """A secret that a person's app makes codes of (RFC 6238). It counts once it is confirmed.

    secret: encrypted. last_step: of the newest code that was taken; it and those before are not taken again.
    wrong_codes: since the last right one.
    """

    __tablename__ = "second_factors"
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    secret: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=now)
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigId, default=0)
    wrong_codes: Mapped[int] = mapped_column(default=0)


class RecoveryCode(Base):
    """In place of a code of the app, once. Stored as its SHA-256, as it is random."""

    __tablename__ = "recovery_codes"
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
