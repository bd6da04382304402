"""The places for Socket.IO connections of one process, below its threads in number, and who may have how many."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import TooManyRequests, Unavailable

PLACE = "clip_browser.place"  # in the environment of a connection's first request
RETRY_AFTER_S = 5


@dataclass(eq=False)
class Place:
    """A thread that a connection or a poll holds. who: None until it has said so."""

    address: str
    who: str | None = None


class SocketPlaces:
    """The places of one process, below its threads in number. Thread-safe.

    count: of all connections. of_one: of a person. strangers: of those that have not said who they are, half of
    them for one address.
    """

    def __init__(self, threads: int) -> None:
        self.count = threads * 3 // 4
        self.of_one = max(16, threads // 4)
        self.strangers = max(4, threads // 16)
        self._places: set[Place] = set()
        self._lock = threading.Lock()

    def take(self, address: str, who: str | None) -> Place:
        """A place, until it is given back. Raises Unavailable and TooManyRequests."""
        place = Place(address, who)
        with self._lock:
            if len(self._places) >= self.count:
                raise _full("connections are open to this process", self.count)
            if who is not None:
                _require_share(self._places, who, self.of_one)
            else:
                _require_few_strangers(self._places, address, self.strangers)
            self._places.add(place)
        return place

    def give_back(self, place: Place) -> None:
        """The connection has ended."""
        with self._lock:
            self._places.discard(place)

    def sign_in(self, place: Place, who: str, lines: Sequence[Place]) -> None:
        """A connection says who it is. lines: those of all that are open. Raises TooManyRequests."""
        with self._lock:
            if place.who != who:
                _require_share(self._places, who, self.of_one)
                _require_share(lines, who, 2 * self.of_one)
                place.who = who

    def require_lines(self, lines: Sequence[Place], address: str, who: str | None) -> None:
        """Whether one more connection fits to those that are open, which poll now and then and hold no place.

        Twice as many as there are places, of each kind. Raises Unavailable and TooManyRequests.
        """
        if len(lines) >= 2 * self.count:
            raise _full("connections are open to this process", len(lines))
        if who is not None:
            _require_share(lines, who, 2 * self.of_one)
        else:
            _require_few_strangers(lines, address, 2 * self.strangers)


def _require_share(held: Iterable[Place], who: str, most: int) -> None:
    mine = sum(place.who == who for place in held)
    if mine >= most:
        raise TooManyRequests(
            f"You have {mine} connections open, as many as one person may have.",
            remedy="Close some tabs or scripts, then try again.",
            details={"retry_after_s": RETRY_AFTER_S},
        )


def _require_few_strangers(held: Iterable[Place], address: str, most: int) -> None:
    unknown = Counter(place.address for place in held if place.who is None)
    if unknown.total() >= most or unknown[address] >= most // 2:
        raise _full("connections have not said yet who they are", unknown.total())


def _full(what: str, count: int) -> Unavailable:
    return Unavailable(
        f"{count} {what}, as many as there may be.",
        remedy="Try again in a few seconds; a script that sends its token in the header "
        "'Authorization: Bearer TOKEN' waits for no stranger.",
        details={"retry_after_s": RETRY_AFTER_S},
    )


def place_of(environ: dict[str, Any]) -> Place | None:
    """The place of the connection that began with this request."""
    found: Place | None = environ.get(PLACE)
    return found
