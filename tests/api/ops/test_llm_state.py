"""Whether a language model can be used, as GET /system tells it before a job is started."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.ops.llm_state import llm_state
from common.settings import load_settings
from tests.api.conftest import Caller, Service


def gpu_worker(vllm: bool, here: bool) -> dict[str, Any]:
    return {"name": "w@here", "host": "here", "pid": 1, "queues": ["gpu"], "concurrency": 1,
            "llm": {"vllm": vllm, "here": here}}  # fmt: skip


def test_without_vllm_it_names_the_command() -> None:
    state = llm_state(load_settings(), [gpu_worker(vllm=False, here=True)])
    assert not state.available
    assert "vLLM is not installed" in state.message
    assert "make llm" in state.remedy
    assert "synonyms" in state.remedy


def test_without_a_gpu_worker_it_says_so() -> None:
    cpu = {"name": "c@here", "queues": ["cpu"], "llm": None}
    state = llm_state(load_settings(), [cpu])
    assert (state.available, state.how) == (False, None)
    assert "No GPU worker" in state.message


@pytest.mark.parametrize("here", [True, False])
def test_with_vllm_it_says_whether_the_model_is_here(here: bool) -> None:
    state = llm_state(load_settings(), [gpu_worker(True, here), gpu_worker(False, not here)])
    assert (state.available, state.how, state.here) == (True, "vllm", here)
    assert ("downloaded" in state.message) is not here


def test_an_endpoint_needs_nothing_on_the_workers() -> None:
    settings = load_settings(llm_base_url="http://127.0.0.1:9/v1", llm_model="big")
    state = llm_state(settings, [gpu_worker(False, False)])
    assert (state.available, state.how, state.model) == (True, "endpoint", "big")
    assert state.message == ""


def test_the_page_of_workers_tells_it(service: Service, call: Caller) -> None:
    redis = service.services.queue.redis
    redis.set("clip-browser:worker:w@here", json.dumps(gpu_worker(True, True)))
    assert call("GET", "/system")["llm"]["how"] == "vllm"
