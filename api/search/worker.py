"""Asking the worker that searches."""

from __future__ import annotations

import secrets
from typing import Any

from api.places import Places
from api.services import Services
from common.messaging.broker import SEARCH, SEARCH_QUERY

MAX_WAITING = 64  # the first search with a model may take a minute


def searching_places(threads: int) -> Places:
    """Places for those who wait for a search worker: an eighth of the server's threads."""
    count = min(MAX_WAITING, max(2, threads // 8))
    return Places(count, of_one=max(1, count // 2))


def has_search_worker(services: Services) -> bool:
    """Whether a worker takes searches."""
    return any(SEARCH in worker["queues"] for worker in services.live_workers.read())


def ask_search_worker(
    services: Services, request: dict[str, Any], wait_s: float
) -> dict[str, Any] | None:
    """The answer (see `workers/search/queries.py`), or None when there is none in time.

    Raises QueueUnavailable.
    """
    reply = f"search:{secrets.token_hex(8)}"
    message = {**request, "reply": reply}
    services.queue.send(SEARCH_QUERY, [message], SEARCH, expires_s=2 * wait_s)
    return services.replies.wait(reply, wait_s)
