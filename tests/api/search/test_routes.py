"""Searching: what is checked here, and how a worker's answer comes back. The worker is a stand-in
that speaks the real messages; searches with real models are tests of the workers and of the system."""

from __future__ import annotations

import base64
import io
import json
import threading
from contextlib import ExitStack
from typing import Any

import pytest

from common.db.tables import SearchIndex
from tests.api.conftest import Caller, Service, wait_until

INDEX = {
    "model_id": "ViT-B-32/openai", "images": 3, "dim": 512, "job_id": None,
    "created_at": "2026-11-23T08:00:00+00:00",
}  # fmt: skip


@pytest.fixture
def dataset(service: Service, call: Caller) -> str:
    """Three images and an index by a model of the catalogue."""
    made = call.dataset()
    service.add_images(made, 3, captioned=1)
    with service.services.sessions() as session:
        session.add(
            SearchIndex(
                dataset_id=made, model_id="ViT-B-32/openai", prefix=f"indexes/{made}/x", images=3, dim=512
            )
        )  # fmt: skip
    return made


def worker_is_there(service: Service, **more: Any) -> None:
    record = {
        "name": "search@here",
        "host": "here",
        "pid": 1,
        "queues": ["search"],
        "concurrency": 1,
        **more,
    }
    service.services.queue.redis.set("clip-browser:worker:search@here", json.dumps(record), ex=30)


def answer_once(service: Service, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """A stand-in for the search worker: takes one message, gives `answer`; the request it got."""
    worker_is_there(service)
    got: list[dict[str, Any]] = []

    def serve() -> None:
        popped: Any = wait_until(
            lambda: service.services.queue.redis.blpop(["search\x06\x165"], timeout=1)
        )
        got.extend(json.loads(base64.b64decode(json.loads(popped[1])["body"]))[0])
        service.services.replies.give(got[0]["reply"], answer)

    threading.Thread(target=serve, daemon=True).start()
    return got


def test_hits_come_with_their_images(service: Service, call: Caller, dataset: str) -> None:
    ids = [item["id"] for item in call("GET", f"/datasets/{dataset}/images")["items"]]
    hits = [
        {"image_id": ids[2], "score": 0.9},
        {"image_id": 4711, "score": 0.8},
        {"image_id": ids[0], "score": 0.7},
    ]
    given = {"hits": hits, "model": "ViT-B-32/openai", "index": INDEX, "took_ms": 4.2}
    got = answer_once(service, given)
    found = call("GET", f"/datasets/{dataset}/search?q=a+red+circle&k=5")
    assert [hit["image_id"] for hit in found["hits"]] == [ids[2], ids[0]]
    assert found["hits"][1]["caption"] == "caption 0"
    assert (got[0]["q"], got[0]["k"], got[0]["model_id"]) == ("a red circle", 5, "ViT-B-32/openai")


def test_an_image_can_be_searched_with(service: Service, call: Caller, dataset: str) -> None:
    got = answer_once(service, {"hits": [], "model": "m", "index": INDEX, "took_ms": 1})
    form = {"image": (io.BytesIO(b"pixels"), "a.png")}
    call("POST", f"/datasets/{dataset}/search?k=3", data=form, content_type="multipart/form-data")
    assert base64.b64decode(got[0]["image_b64"]) == b"pixels"


def test_an_error_of_the_worker_is_the_error_of_the_call(
    service: Service, call: Caller, dataset: str
) -> None:
    problem = {"code": "no_index", "message": "gone", "remedy": "build it"}
    answer_once(service, {"error": problem})
    assert call("GET", f"/datasets/{dataset}/search?like=1", 409) == problem


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "invalid_input"), ("q=", 400, "invalid_input"), ("q=+", 400, "invalid_input"),
        ("q=a&like=1", 400, "invalid_input"), ("q=a&k=0", 400, "invalid_input"),
        ("q=a&model=nobody", 400, "invalid_input"), ("q=a&model=ViT-L-14/openai", 409, "no_index"),
        ("q=a", 503, "search_unavailable"),
    ],
)  # fmt: skip
def test_a_search_that_cannot_be_done_says_why(
    call: Caller, dataset: str, query: str, status: int, code: str
) -> None:
    assert call("GET", f"/datasets/{dataset}/search?{query}", status)["code"] == code


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"state": "loading", "loading": "ViT-B-32/openai"}, "The model ViT-B-32/openai is being loaded."),
        ({"state": "busy", "loading": None}, "The search worker did not answer in 0 s."),
        ({"state": "stuck", "loading": None}, "No search worker is there."),
    ],
)  # fmt: skip
def test_a_search_that_is_not_answered_in_time_says_what_the_worker_does(
    service: Service,
    call: Caller,
    dataset: str,
    monkeypatch: pytest.MonkeyPatch,
    record: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.setattr("api.search.routes.ANSWER_S", 0.2)
    worker_is_there(service, **record)
    answer = call.raw("GET", f"/datasets/{dataset}/search?q=cat")
    assert (answer.status_code, answer.get_json()["message"]) == (503, message)
    assert ("Retry-After" in answer.headers) == (record["state"] != "stuck")


def test_a_dataset_without_index_says_so(call: Caller) -> None:
    assert call("GET", f"/datasets/{call.dataset()}/search?q=a", 409)["code"] == "no_index"


def test_the_map_is_read_from_the_store(service: Service, call: Caller, dataset: str) -> None:
    assert call("GET", f"/datasets/{dataset}/map", 404)["remedy"] == "Build the map."
    drawn = {
        "points": [[0.5, 1.5, 0, 7]], "clusters": [{"id": 0, "label": "red", "size": 1}],
        "model": "ViT-B-32/openai", "index_job_id": "0f" * 6,
        "created_at": "2026-11-27T19:22:46.807854+00:00",
    }  # fmt: skip
    service.services.store.put_bytes(
        f"maps/{dataset}/ViT-B-32_openai.json", json.dumps(drawn).encode()
    )
    assert call("GET", f"/datasets/{dataset}/map?model=ViT-B-32/openai") == drawn
    assert call("GET", f"/datasets/{dataset}/map") == drawn


def test_those_who_wait_for_a_search_are_so_few_that_others_find_a_thread(
    service: Service, call: Caller, dataset: str
) -> None:
    worker_is_there(service)
    with ExitStack() as held:
        for number in range(64):
            who = f"person {number // 32}"
            held.enter_context(service.services.searches.place(who, "searches"))
        full = call.raw("GET", f"/datasets/{dataset}/search?q=cat")
        assert (full.status_code, full.headers["Retry-After"]) == (503, "3")
        assert full.get_json()["code"] == "unavailable"
    answer_once(service, {"hits": [], "model": INDEX["model_id"], "index": INDEX, "took_ms": 1.0})
    call("GET", f"/datasets/{dataset}/search?q=cat")
