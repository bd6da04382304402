"""Which versions of CLIP Browser have changed the schema."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, now


class SchemaWriter(Base):
    """The version that brought the database to a revision; an older one reads it and says so.

    Every version to come keeps this table as it is.
    """

    __tablename__ = "schema_writers"
    revision: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[str] = mapped_column(String(40))
    written_at: Mapped[datetime] = mapped_column(default=now)
