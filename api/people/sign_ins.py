"""Signing in, under attack as well: limits, a short line, hashing behind it, and what was refused is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import redis as redis_client
from prometheus_client import Counter

from api.people.sign_in_limit import SignInLimit
from api.people.sign_in_line import SignInLine
from api.people.visitor import Visitor
from common.db.engine import SessionFactory
from common.db.tables import User
from common.errors import SecondFactorNeeded, TooManyRequests, Unauthorized
from common.people.credentials import check_password, redeem_link, require_link
from common.people.second_factors import SecondFactors

T = TypeVar("T")
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
        try:
            with line.place(visitor.client):
                return self._check(line, visitor, name, password, code)
        except SecondFactorNeeded:
            raise  # half way in
        except Unauthorized:
            self.refused.labels("wrong").inc()
            raise
        except TooManyRequests as refused:
            self.refused.labels((refused.details or {})["reason"]).inc()
            raise

    def by_link(self, secret: str) -> User:
        """The user of a one-time link. Raises Unauthorized.

        A link that nobody made is refused by a look: changing something, on SQLite, waits for all
        who save, and they would wait for whoever sends nonsense.
        """
        try:
            with self._readers() as session:
                require_link(session, secret)
            with self._sessions() as session:
                return redeem_link(session, secret)
        except Unauthorized:
            self.refused.labels("wrong").inc()
            raise

    def _check(
        self, line: SignInLine, visitor: Visitor, name: str, password: str, code: str
    ) -> User:
        self._require_allowed(visitor, name)

        def in_turn(work: Callable[[], T]) -> T:
            return line.in_turn(lambda: self._if_allowed(visitor, name, work))

        try:
            found = check_password(self._readers, self._sessions, name, password, in_turn)
            self._second_factors.require(found.id, code)
        except SecondFactorNeeded:
            raise
        except Unauthorized:
            self._limit.note_failure(visitor, name)
            raise
        self._limit.note_success(visitor, name)
        return found

    def _if_allowed(self, visitor: Visitor, name: str, work: Callable[[], T]) -> T:
        """Look again: others who stood in the line have failed meanwhile."""
        self._require_allowed(visitor, name)
        return work()

    def _require_allowed(self, visitor: Visitor, name: str) -> None:
        wait_s = self._limit.wait_s(visitor, name)
        if wait_s:
            raise TooManyRequests(
                "Too many sign-ins have failed.",
                remedy=f"Try again in {wait_s} s, in a browser that has signed in before, or by a link.",
                details={"reason": "failures", "retry_after_s": wait_s},
            )
