"""A search worker as `clip-browser up` starts it: one process with one thread, asked over Redis."""

from __future__ import annotations

import time
from typing import Any

from common.messaging.broker import SEARCH, SEARCH_QUERY
from tests.workers import search_data
from tests.workers.conftest import PATIENCE_S, Backstage

UNTRAINED = "clip-browser-small/untrained"


def ask(stage: Backstage, name: str, **request: Any) -> dict[str, Any]:
    message = {
        "dataset_id": search_data.DATASET,
        "model_id": None,
        "k": 3,
        "reply": name,
        **request,
    }
    stage.services.queue.send(SEARCH_QUERY, [message], SEARCH)
    answer = stage.services.replies.wait(name, timeout_s=PATIENCE_S)
    assert answer is not None
    return answer


def test_a_search_worker_answers_queries_and_errors_and_stays_warm(stage: Backstage) -> None:
    search_data.add_dataset(stage.services, 8)
    stage.start_worker(SEARCH, "-P", "threads")
    assert ask(stage, "one", q="a red circle")["error"]["code"] == "no_index"
    search_data.add_index(stage.services, UNTRAINED, UNTRAINED)
    first = ask(stage, "two", q="a red circle")
    assert len(first["hits"]) == 3
    # Whatever the machine does: of some queries the one that had least to wait.
    again_ms = [ask(stage, f"again {n}", q=f"{n} blue squares")["took_ms"] for n in range(5)]
    assert min(again_ms) < first["took_ms"] / 5


def test_a_search_that_nobody_waits_for_any_more_is_dropped(stage: Backstage) -> None:
    search_data.add_dataset(stage.services, 2)
    late = {"dataset_id": search_data.DATASET, "model_id": None, "k": 1, "q": "x", "reply": "late"}
    stage.services.queue.send(SEARCH_QUERY, [late], SEARCH, expires_s=0.2)
    time.sleep(0.3)
    stage.start_worker(SEARCH, "-P", "threads")
    assert ask(stage, "in time", q="x")["error"]["code"] == "no_index"
    assert stage.services.replies.wait("late", 0.1) is None
