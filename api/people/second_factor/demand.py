"""Who has to set up a second factor before anything else: what CLIP_BROWSER_REQUIRE_SECOND_FACTOR asks for.

It is asked at each request, so that sessions that were there before the setting are held to it as well. A
session by a provider is not: second factors are the provider's there. Nor is an API token: it was made in a session
that had met this, or before it was asked for, and scripts have no app; `docs/sign-in.md` says how to end those.
"""

from __future__ import annotations

import threading

from cachetools import TTLCache
from sqlalchemy import bindparam, select

from common.db.engine import ConnectionFactory
from common.db.tables import SecondFactor, Token, User
from common.errors import SecondFactorRequired
from common.settings import Settings

KEPT_S = 5.0  # somebody whose factor was reset at another process is asked for a new one after this
MAX_KEPT = 10_000
_CONFIRMED = select(SecondFactor.confirmed_at).where(SecondFactor.user_id == bindparam("user_id"))


class SecondFactorDemand:
    """One per process, thread-safe."""

    def __init__(self, settings: Settings, rows: ConnectionFactory) -> None:
        self._of, self._address, self._rows = (
            settings.require_second_factor,
            settings.address,
            rows,
        )
        self._lock = threading.Lock()
        self._met: TTLCache[int, bool] = TTLCache(MAX_KEPT, KEPT_S)

    def require_met(self, person: User, token: Token) -> None:
        """Raises SecondFactorRequired."""
        if self.is_unmet(person, token):
            raise SecondFactorRequired(
                f"{person.name} needs a second factor here, and has none yet.",
                remedy=f"Set it up at {self._address}, with an authenticator app; everything else waits for that.",
            )

    def is_unmet(self, person: User, token: Token) -> bool:
        """Whether this person, in this session, has yet to set one up."""
        if not self.is_asked(person.role, token.kind, token.origin):
            return False
        with self._lock:
            if person.id in self._met:
                return False
        with self._rows() as rows:
            is_on = rows.scalar(_CONFIRMED, {"user_id": person.id}) is not None
        if is_on:  # who has none is looked for each time, and gets on as soon as there is one
            with self._lock:
                self._met[person.id] = True
        return not is_on

    def forget(self, user_id: int) -> None:
        """This person has none any more."""
        with self._lock:
            self._met.pop(user_id, None)

    def is_asked(self, role: str, kind: str, origin: str) -> bool:
        """Whether who has this role needs one with a token of this kind and origin."""
        if kind != "session" or origin == "oidc":
            return False
        return self._of == "everyone" or (self._of == "administrators" and role == "admin")
