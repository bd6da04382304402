"""A message with captions and claims: written in one transaction, answered at once, told to all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from common.captions.asks import KINDS, Ask, read_ask, write_outcome
from common.captions.claims import (
    GiveBack,
    NextImages,
    Outcome,
    ThisImage,
    claim_next,
    claim_these,
    give_back,
    lock_images,
)
from common.errors import CaptionConflict, ClipBrowserError
from common.messaging.broker import CAPTIONS, SAVE_CAPTIONS
from workers.cpu.captions.saving import Save, Saved, save_captions
from workers.runtime.services import Services

TELL_EVERY_S = 1.0
PUT_BACK_S = 1.0
TRIES = 2  # of a message that the database did not take: a deadlock, a connection that was cut
_told: dict[str, float] = {}  # dataset id -> when this process said last that it has changed
Answers = dict[str, dict[str, Any]]
SavedOnes = list[tuple[Save, Saved | ClipBrowserError]]


def commit_and_tell(services: Services, entries: list[dict[str, Any]], reply: str) -> None:
    """Write captions and claims; `reply` gets each one's answer by its key once all is durable.

    entries: the fields of a `Save`, whose key is its client_id; or what `write_ask` writes, and
    `key`. A caption's answer is `{...} | {"error": {...}}`, a claim's that of `write_outcome`.
    """
    saves = [Save(**entry) for entry in entries if "ask" not in entry]
    asked = [(entry["key"], read_ask(entry)) for entry in entries if entry.get("ask") in KINDS]
    greeted = [entry["key"] for entry in entries if entry.get("ask", "next") not in KINDS]
    try:
        outcomes, answers = _commit(services, saves, asked)
    except OperationalError:
        _put_back(services, [entry for entry in entries if "ask" not in entry], reply)
        raise
    answers |= {save.client_id: _answer(outcome) for save, outcome in outcomes}
    answers |= {key: {} for key in greeted}
    services.replies.give(reply, answers)
    _tell(services, outcomes)


def _put_back(services: Services, saves: list[dict[str, Any]], reply: str) -> None:
    """Captions that the database does not take now (its disk is full, say) were told to be queued: so they are."""
    if saves:
        time.sleep(PUT_BACK_S)
        services.queue.send(SAVE_CAPTIONS, [saves, reply], CAPTIONS)


def _commit(
    services: Services, saves: list[Save], asked: list[tuple[str, Ask]]
) -> tuple[SavedOnes, Answers]:
    """One transaction; tried again, since each save counts once and a claim may be another image."""
    for attempt in range(1, TRIES + 1):
        try:
            with services.sessions() as session:
                _lock(session, saves, asked)
                outcomes = save_captions(session, saves) if saves else []
                answers = _claim(session, asked)
            return list(zip(saves, outcomes, strict=True)), answers
        except OperationalError:
            if attempt == TRIES:
                raise
    raise AssertionError("unreachable")


def _lock(session: Session, saves: list[Save], asked: list[tuple[str, Ask]]) -> None:
    """All images that are named, in the order of their ids: of two workers none waits for ever."""
    named = [ask.image_id for _, ask in asked if not isinstance(ask, NextImages)]
    if named and saves:
        lock_images(session, [*named, *(save.image_id for save in saves)])


def _claim(session: Session, asked: Sequence[tuple[str, Ask]]) -> Answers:
    """After the saves, which free claims: first what is given back, then what is wanted by name."""
    back = [(key, ask) for key, ask in asked if isinstance(ask, GiveBack)]
    these = [(key, ask) for key, ask in asked if isinstance(ask, ThisImage)]
    others = [(key, ask) for key, ask in asked if isinstance(ask, NextImages)]
    answers: Answers = {key: {} for key, _ in back}
    if back:
        give_back(session, [ask for _, ask in back])
    outcomes: list[Outcome] = []
    if these:
        outcomes += claim_these(session, [ask for _, ask in these])
    if others:
        outcomes += claim_next(session, [ask for _, ask in others])
    keys = [key for key, _ in (*these, *others)]
    return answers | {key: write_outcome(one) for key, one in zip(keys, outcomes, strict=True)}


def _tell(services: Services, outcomes: SavedOnes) -> None:
    """The events of what was saved, and of what was not."""
    changed = set()
    for save, outcome in outcomes:
        if isinstance(outcome, Saved):
            services.events.caption(outcome.dataset_id, outcome.event())
            changed.add(outcome.dataset_id)
        elif isinstance(outcome, CaptionConflict) and outcome.details:
            told = {"client_id": save.client_id, "current": outcome.details["current"]}
            services.events.caption_conflict(outcome.details["dataset_id"], told)
    for dataset_id in changed:
        _tell_dataset(services, dataset_id)


def _answer(outcome: Saved | ClipBrowserError) -> dict[str, Any]:
    if isinstance(outcome, ClipBrowserError):
        return {"error": outcome.to_dict()}
    return outcome.event()


def _tell_dataset(services: Services, dataset_id: str) -> None:
    """Say that the counts have changed, once a second at most: a refresh of index.csv says it last."""
    moment = time.monotonic()
    if moment - _told.get(dataset_id, -TELL_EVERY_S) >= TELL_EVERY_S:
        _told[dataset_id] = moment
        services.events.dataset(dataset_id)
