"""Connections end with the session or token that opened them, or when these need a second factor first.

One look at the tokens of all connections of this process each second, in place of messages from whoever
ends a session: it finds a sign-out, a token deleted, a person disabled or removed, and a session that has expired,
in every process, with or without Redis. With Redis it looks at once when somebody tells of a change.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.exc import SQLAlchemyError

from api.services import Services
from common.db.tables import SecondFactor, Token, User, now
from common.errors import Unauthorized

log = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0
# Built once: every process looks each second.
_LIVE = (
    select(Token.id, User.id.label("user_id"), User.name, User.role, Token.scope)
    .add_columns(Token.kind, Token.origin, SecondFactor.confirmed_at)
    .join(User, User.id == Token.user_id)
    .outerjoin(SecondFactor, SecondFactor.user_id == User.id)
    .where(
        Token.id.in_(bindparam("ids", expanding=True)),
        User.disabled_at.is_(None),
        or_(Token.expires_at.is_(None), Token.expires_at > bindparam("moment")),
    )
)


class SessionWatch:
    """Of one process. Looks from the first connection on.

    server: python-socketio's. tokens: for each connection that has signed in, by its id, the id of its token.
    renew: called with the rows of _LIVE by the id of the token: who came by it, as he is now.
    """

    def __init__(
        self,
        services: Services,
        server: Any,
        tokens: Callable[[], Mapping[str, int]],
        renew: Callable[[Mapping[int, Any]], None],
    ) -> None:
        self._rows, self._demand = services.rows, services.second_factor_demand
        self._server, self._tokens, self._renew = server, tokens, renew
        self._begun = threading.Lock()
        take_in = server.eio.handlers["connect"]

        def take_in_and_watch(*given: Any) -> Any:
            if self._begun.acquire(blocking=False):
                threading.Thread(target=self._watch, name="session-watch", daemon=True).start()
            return take_in(*given)

        server.eio.on("connect", take_in_and_watch)

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(LOOK_EVERY_S):
            self.look()

    def look(self) -> None:
        """End the connections whose tokens have ended, and renew what is known of the others."""
        with contextlib.suppress(SQLAlchemyError):  # a database that is away ends no session
            self._end_sessions()

    def _end_sessions(self) -> None:
        tokens = self._tokens()
        if not tokens:
            return
        with self._rows() as connection:
            asked = {"ids": [*set(tokens.values())], "moment": now()}
            known = {row.id: row for row in connection.execute(_LIVE, asked)}
        why = Unauthorized("Your sign-in has ended.", remedy="Sign in again.").to_dict()
        for sid, token_id in tokens.items():
            if token_id not in known:
                self._server.emit("session_ended", why, to=sid, ignore_queue=True)
                self._server.disconnect(sid, ignore_queue=True)
            elif self._needs_factor(known[token_id]):
                # it comes again, and is told why not
                self._server.disconnect(sid, ignore_queue=True)
        self._renew(known)

    def _needs_factor(self, row: Any) -> bool:
        return row.confirmed_at is None and self._demand.is_asked(row.role, row.kind, row.origin)
