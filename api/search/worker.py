"""Asking the worker that searches."""

from __future__ import annotations

import secrets
from typing import Any

from api.services import Services
from common.messaging.broker import SEARCH, SEARCH_QUERY


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
