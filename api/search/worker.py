"""Asking the worker that searches."""

from __future__ import annotations

import secrets
from typing import Any

from api.places import Places
from api.services import Services
from common.messaging.broker import SEARCH, SEARCH_QUERY
from common.messaging.live_workers import takes_from

MAX_WAITING = 64  # the first search with a model may take a minute


def searching_places(threads: int) -> Places:
    """Places for those who wait for a search worker: an eighth of the server's threads."""
    count = min(MAX_WAITING, max(2, threads // 8))
    return Places(count, of_one=max(1, count // 2))


def _find_search_workers(services: Services) -> list[dict[str, Any]]:
    """The records of the workers that take searches."""
    return [worker for worker in services.live_workers.read() if takes_from(worker, SEARCH)]


def has_search_worker(services: Services) -> bool:
    """Whether a worker takes searches."""
    return bool(_find_search_workers(services))


def model_loading(services: Services) -> str | None:
    """The model that the search workers load before they answer; None when one of them loads none."""
    names = [worker.get("loading") for worker in _find_search_workers(services)]
    return str(names[0]) if names and all(names) else None


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
