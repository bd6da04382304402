"""Whose token it is, without asking the database at each request of a busy captioner."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from cachetools import TTLCache
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from common.db.engine import SessionFactory
from common.db.tables import Token, User, now
from common.people.credentials import token_hash, user_of_token

KEPT_S = 5.0  # a sign-out at another process that was not heard of takes effect here after this
MAX_KEPT = 10_000
NOTED_EVERY = timedelta(minutes=5)  # that a token is in use


class TokenCache:
    """The tokens seen within `kept_s` seconds. One per process, thread-safe.

    sessions: to note, aside, that a token is in use. tell: tells the API's other processes to forget, too.
    """

    def __init__(
        self,
        readers: SessionFactory,
        sessions: SessionFactory,
        tell: Callable[[], None],
        kept_s: float = KEPT_S,
    ) -> None:
        self._readers, self._sessions, self._tell = readers, sessions, tell
        self._aside = ThreadPoolExecutor(1, "token-use")  # nobody waits for the one who writes
        self._lock = threading.Lock()
        self._known: TTLCache[str, tuple[User, Token]] = TTLCache(MAX_KEPT, kept_s)
        self._used: set[int] = set()  # ids of tokens whose use is not yet noted

    def find(self, secret: str) -> tuple[User, Token] | None:
        """Like `common.people.credentials.user_of_token`. Raises Unauthorized as that does."""
        key = token_hash(secret)
        with self._lock:
            known = self._known.get(key)
        if known is not None:
            expires_at = known[1].expires_at
            if expires_at is None or expires_at > now():
                return known
        with self._readers() as session:
            found = user_of_token(session, secret)
        if found is not None:
            with self._lock:
                self._known[key] = found
            if found[1].used_at is None or now() - found[1].used_at > NOTED_EVERY:
                self._note_use(found[1].id)
        return found

    def _note_use(self, token_id: int) -> None:
        with self._lock:
            is_awaited = bool(self._used)
            self._used.add(token_id)
        if not is_awaited:
            self._aside.submit(self._write_use)

    def _write_use(self) -> None:
        """Of all that came while the writer was at the ones before: one statement, however many come at once."""
        with self._lock:
            used, self._used = self._used, set()
        with contextlib.suppress(SQLAlchemyError), self._sessions() as session:
            session.execute(
                update(Token)
                .where(Token.id.in_(used))
                .where(Token.used_at.is_(None) | (Token.used_at < now() - NOTED_EVERY))
                .values(used_at=now()),
                execution_options={"synchronize_session": False},
            )

    def forget(self) -> None:
        """A token or a person has changed: all processes ask the database again."""
        self.forget_here()
        self._tell()

    def forget_here(self) -> None:
        """Another process says that a token or a person has changed."""
        with self._lock:
            self._known.clear()
