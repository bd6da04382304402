"""Alembic's entry: runs the migrations on the URL that `common.db.engine.migrate` hands over."""

from alembic import context
from sqlalchemy import text

from common.db.engine import open_engine
from common.db.tables import Base

MIGRATION_LOCK = 7_226_001  # any number, the same in every process

url = context.config.attributes.get("url") or context.config.get_main_option("sqlalchemy.url")
engine = open_engine(str(url))
with engine.connect() as connection, connection.begin():
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        transactional_ddl=True,
        on_version_apply=context.config.attributes.get("on_step", ()),
    )
    context.run_migrations()
engine.dispose()
