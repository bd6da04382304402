"""Claims: asked of the captions worker, in one transaction with the captions of the same moment.

SQLite has one writer at a time and no queue for those who wait, so a hundred captioners who claim for
themselves would keep the worker from saving. When the worker or Redis does not answer, this process
writes the claim itself: the database decides who has what, so nothing is held twice. A claim whose
message is worked off later is one more image of the same holder, until it runs out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from sqlalchemy.orm import Session

from api.services import Services
from common.captions.asks import read_outcome
from common.captions.claims import (
    Claimed,
    Claimer,
    GiveBack,
    NextImages,
    ThisImage,
    claim_next,
    claim_these,
    give_back,
    held_claim,
    latest_end,
)
from common.errors import ClipBrowserError

T = TypeVar("T", Claimed, list[Claimed])


def serve_next(services: Services, wish: NextImages) -> list[Claimed]:
    """The next images for a claimer; none when none is left. Raises NotFound."""
    return _asked(services, wish, lambda session: claim_next(session, [wish])[0])


def serve_this(services: Services, wish: ThisImage) -> Claimed:
    """This image, or a claim of it renewed: one of which half is left stands as it is.

    Raises NotFound, Conflict.
    """
    with services.rows() as connection:
        held = held_claim(connection, wish)
    return held or _asked(services, wish, lambda session: claim_these(session, [wish])[0])


def release(services: Services, image_id: int, claimer: Claimer) -> None:
    """Give a claim back; one that this tab or token does not hold stays."""
    with services.rows() as connection:
        until = latest_end(connection, claimer.minutes)
    given = GiveBack(image_id, claimer.name, claimer.holder, until)
    if services.group_commit.ask(given) is None:
        with services.sessions() as session:
            give_back(session, [given])


def _asked(
    services: Services,
    wish: NextImages | ThisImage,
    write: Callable[[Session], T | ClipBrowserError],
) -> T:
    """What the worker gives; without one, what `write` does. Raises what it gives as an error."""
    answer = services.group_commit.ask(wish)
    if answer is not None:
        outcome = cast(T | ClipBrowserError, read_outcome(answer))
    else:
        with services.sessions() as session:
            outcome = write(session)
    if isinstance(outcome, ClipBrowserError):
        raise outcome
    return outcome
