"""Where `clip-browser user` works: the database, the running service that is to hear of it, and who is meant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cli.credentials import EMBEDDED_FILE
from common.db.engine import open_engine, session_factory
from common.db.tables import FormerName, User
from common.errors import NotFound, Unavailable
from common.names import looks
from common.people.roles import find_user
from common.settings import Settings, load_settings


def read_settings(data_dir: Path | None) -> Settings:
    """Those of the environment; beside a database of `clip-browser up` with its address and its Redis.

    Its port and its Redis may be others at each start, so `up` leaves them in the data folder.
    """
    settings = load_settings(**({} if data_dir is None else {"data_dir": data_dir}))
    if settings.database_url:
        return settings
    running = _read_embedded(settings.data_dir / EMBEDDED_FILE)
    known = {"public_url": running.get("url"), "redis_url": running.get("redis_url")}
    if settings.public_url:
        del known["public_url"]
    return settings.model_copy(update={name: value for name, value in known.items() if value})


def _read_embedded(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def open_database(settings: Settings) -> Iterator[Session]:
    """One transaction. Raises NotFound when there is no database, Unavailable when it does not answer."""
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise NotFound(
            f"There is no database {url.database}.",
            remedy="Name the data folder with --data-dir, or set CLIP_BROWSER_DATABASE_URL.",
        )
    engine = open_engine(settings.database)
    try:
        with session_factory(engine)() as session:
            yield session
    except SQLAlchemyError as problem:
        raise Unavailable(
            f"The database does not do it: {str(problem).splitlines()[0][:200]}",
            remedy="Run 'clip-browser migrate' when it is of an earlier version; look whether it answers.",
        ) from problem
    finally:
        engine.dispose()


def find_person(session: Session, name: str) -> User:
    """A person, by name. Raises NotFound that says who may be meant."""
    try:
        return find_user(session, name)
    except NotFound as absent:
        raise NotFound(absent.message, remedy=_remedy(session, name)) from None


def _remedy(session: Session, name: str) -> str:
    now_called = session.scalar(
        select(User.name).join(FormerName).where(FormerName.name == name, User.removed_at.is_(None))
    )
    if now_called is not None:
        return f"The name is '{now_called}' now."
    like = [one for one in session.scalars(select(User)) if looks(one.name) & looks(name)]
    if any(one.removed_at is None for one in like):
        meant = next(one.name for one in like if one.removed_at is None)
        return f"Is '{meant}' meant?"
    if like:
        return "That one was removed, which is for good: let the person in under another name."
    return (
        "'clip-browser user list' shows everybody, 'clip-browser user add NAME' lets somebody in."
    )
