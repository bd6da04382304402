"""Claims: asked of the captions worker, in one transaction with the captions of the same moment.

SQLite has one writer at a time and no queue for those who wait, so a hundred captioners who claim for
themselves would keep the worker from saving. When the worker or Redis does not answer, this process
writes the claim itself: the database decides who has what, so nothing is held twice. A claim whose
message is worked off later is one more image of the same holder, until it runs out.
"""

from __future__ import annotations

from datetime import timedelta

from api.services import Services
from common.captions.asks import read_outcome
from common.captions.claims import (
    Claimed,
    Claimer,
    GiveBack,
    NextImage,
    Outcome,
    ThisImage,
    claim_next,
    claim_these,
    give_back,
    held_claim,
)
from common.db.tables import now
from common.errors import ClipBrowserError

CLOCKS_S = 1.0  # how far the worker's clock may be ahead of ours


def serve_next(services: Services, wish: NextImage) -> Claimed | None:
    """The next image for a claimer; None when none is left. Raises NotFound."""
    answer = services.group_commit.ask(wish)
    if answer is not None:
        return _claimed(read_outcome(answer))
    with services.sessions() as session:
        [outcome] = claim_next(session, [wish])
    return _claimed(outcome)


def serve_this(services: Services, wish: ThisImage) -> Claimed:
    """This image, or a claim of it renewed: one of which half is left stands as it is.

    Raises NotFound, Conflict.
    """
    with services.readers() as session:
        held = held_claim(session, wish)
    if held is not None:
        return held
    answer = services.group_commit.ask(wish)
    if answer is not None:
        claimed = _claimed(read_outcome(answer))
    else:
        with services.sessions() as session:
            [outcome] = claim_these(session, [wish])
        claimed = _claimed(outcome)
    assert claimed is not None
    return claimed


def release(services: Services, image_id: int, claimer: Claimer) -> None:
    """Give a claim back; one that this tab or token does not hold stays."""
    until = now() + timedelta(minutes=claimer.minutes, seconds=CLOCKS_S)
    given = GiveBack(image_id, claimer.name, claimer.holder, until)
    if services.group_commit.ask(given) is None:
        with services.sessions() as session:
            give_back(session, [given])


def _claimed(outcome: Outcome) -> Claimed | None:
    if isinstance(outcome, ClipBrowserError):
        raise outcome
    return outcome
