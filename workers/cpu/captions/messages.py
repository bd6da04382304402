"""A message with captions: written in one transaction, answered at once, told to every dashboard."""

from __future__ import annotations

import time
from typing import Any

from common.errors import CaptionConflict, ClipBrowserError
from workers.cpu.captions.saving import Save, Saved, save_captions
from workers.runtime.services import Services

TELL_EVERY_S = 1.0
_told: dict[str, float] = {}  # dataset id -> when this process said last that it has changed


def save_and_tell(services: Services, saves: list[Save], reply: str) -> None:
    """Write the captions; `reply` gets `{client_id: {...} | {"error": {...}}}` once they are durable."""
    with services.sessions() as session:
        outcomes = save_captions(session, saves)
    pairs = list(zip(saves, outcomes, strict=True))
    services.replies.give(reply, {save.client_id: _answer(outcome) for save, outcome in pairs})
    for save, outcome in pairs:
        if isinstance(outcome, Saved):
            services.events.caption(outcome.dataset_id, outcome.event())
        elif isinstance(outcome, CaptionConflict) and outcome.details:
            told = {"client_id": save.client_id, "current": outcome.details["current"]}
            services.events.caption_conflict(outcome.details["dataset_id"], told)
    for dataset_id in {done.dataset_id for done in outcomes if isinstance(done, Saved)}:
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
