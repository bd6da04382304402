"""Signing in, under attack as well: limits, a short line, hashing behind it, and what was refused is counted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import redis as redis_client
from prometheus_client import Counter

from api.people.sign_in.limit import SignInLimit
from api.people.sign_in.line import SignInLine
from api.people.sign_in.visitor import Visitor
from common.db.engine import SessionFactory
from common.db.tables import User
from common.errors import SecondFactorNeeded, TooManyRequests, Unauthorized
from common.people.credentials import check_password, hash_password, redeem_link, require_link
from common.people.second_factors import SecondFactors

MAX_PLACES = 48
HASHED_AT_ONCE = 2  # for strangers; and one for browsers that are known


class SignIns:
    """One per process, thread-safe. threads: how many the server has for everything.

    refused: sign-ins that were, by reason: `wrong`, `failures` (too many before), `line` (too many at once).
    """

    def __init__(
        self,
        readers: SessionFactory,
        sessions: SessionFactory,
        redis: redis_client.Redis,
        threads: int,
        second_factors: SecondFactors,
    ) -> None:
        self._readers, self._sessions = readers, sessions
        self._second_factors = second_factors
        self._limit = SignInLimit(redis)
        places = min(MAX_PLACES, max(2, threads // 8))
        self._strangers = SignInLine(places, HASHED_AT_ONCE)
        self._known = SignInLine(max(2, places // 2), 1)
        self.refused = Counter(
            "clip_browser_sign_ins_refused", "Sign-ins refused.", ["reason"], registry=None
        )

    def by_password(self, visitor: Visitor, name: str, password: str, code: str = "") -> User:
        """The user. code: of the second factor, for those who have one.

        Raises Unauthorized, SecondFactorNeeded, and TooManyRequests before anything is hashed.
        """
        line = self._strangers if visitor.browser is None else self._known
        with (
            self._counting_refusals(),
            line.place(visitor.client),
            self._limit.count(visitor, name) as one,
        ):
            found = check_password(self._readers, self._sessions, name, password, line.in_turn)
            try:
                self._second_factors.require(found.id, code)
            except SecondFactorNeeded:
                one.given_back = True  # the password was right
                raise
            one.given_back = True
            return found

    def by_link(self, visitor: Visitor, secret: str) -> User:
        """The user of a one-time link. Raises Unauthorized, and TooManyRequests before anything is looked up.

        A link that nobody made is refused by a look: changing something, on SQLite, waits for all
        who save, and they would wait for whoever sends nonsense.
        """
        with self._counting_refusals(), self._limit.count_link(visitor) as one:
            with self._readers() as session:
                require_link(session, secret)
            with self._sessions() as session:
                found = redeem_link(session, secret)
            one.given_back = True
            return found

    def hash(self, visitor: Visitor, password: str) -> str:
        """A new password of somebody who has signed in, hashed in the same line."""
        with self._known.place(visitor.client):
            return self._known.in_turn(lambda: hash_password(password))

    @contextlib.contextmanager
    def _counting_refusals(self) -> Iterator[None]:
        try:
            yield
        except SecondFactorNeeded:
            raise  # half way in
        except Unauthorized:
            self.refused.labels("wrong").inc()
            raise
        except TooManyRequests as refused:
            self.refused.labels((refused.details or {})["reason"]).inc()
            raise
