"""Alembic migrations, applied in order at start."""
