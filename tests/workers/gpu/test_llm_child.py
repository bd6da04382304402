"""The paraphrasing child as a real process, against a real (small) chat endpoint."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workers.gpu.chat_server import ChatServer, chat_server
from tests.workers.gpu.children import Child, run_child
from workers.paraphrase_file import read_done

CAPTIONS = [f"a dog on street {number}" for number in range(40)]


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server


def settings(folder: Path, server: ChatServer | None, **changed: Any) -> dict[str, Any]:
    return {
        "captions": CAPTIONS,
        "per_caption": 2,
        "seed": 0,
        "model": "probe",
        "base_url": server.address if server else "",
        "done_file": str(folder / "done.jsonl"),
        **changed,
    }


def test_each_caption_gets_its_fit_paraphrases(tmp_path: Path, chat: ChatServer) -> None:
    key = {"CLIP_BROWSER_LLM_API_KEY": "sesame"}
    result = run_child("llm_child", settings(tmp_path, chat), tmp_path, key).closing
    assert result["event"] == "result"
    assert chat.keys == {"Bearer sesame"}
    assert (result["captions"], result["variants"]) == (40, 80)
    done = read_done(tmp_path / "done.jsonl")
    assert done[CAPTIONS[7]] == ["there is a dog on street 7", "a dog on street 7, drawn"]


def test_what_was_written_before_a_stop_is_not_asked_for_again(
    tmp_path: Path, chat: ChatServer
) -> None:
    chat.delay_s = 0.1
    child = Child("llm_child", settings(tmp_path, chat), tmp_path)
    child.wait_for(lambda event: event["event"] == "progress" and (event["done"] or 0) > 0)
    child.stop()
    assert child.finish().closing["event"] == "stopped"
    before, chat.asked, chat.delay_s = len(read_done(tmp_path / "done.jsonl")), [], 0.0
    assert 0 < before < 40
    assert run_child("llm_child", settings(tmp_path, chat), tmp_path).closing["captions"] == 40
    assert len(chat.asked) == 40 - before


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "done.jsonl"
    file.write_text('{"caption": "a", "variants": ["b"]}\n{"caption": "c", "var', encoding="utf-8")
    assert read_done(file) == {"a": ["b"]}
    assert file.read_text("utf-8").endswith('["b"]}\n')


def test_an_endpoint_that_refuses_fails_with_llm_failed(tmp_path: Path, chat: ChatServer) -> None:
    chat.status = 401
    error = run_child("llm_child", settings(tmp_path, chat), tmp_path).closing
    assert error["code"] == "llm_failed"
    assert "synonyms" in error["remedy"]


def test_an_endpoint_that_is_not_there_fails_with_llm_failed(tmp_path: Path) -> None:
    config = settings(tmp_path, None, base_url="http://127.0.0.1:9/v1")
    assert run_child("llm_child", config, tmp_path).closing["code"] == "llm_failed"


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_it_fails_within_seconds_and_offers_synonyms(tmp_path: Path) -> None:
    began = time.monotonic()
    error = run_child("llm_child", settings(tmp_path, None), tmp_path).closing
    assert error["code"] == "llm_failed"
    assert "vllm" in error["remedy"]
    assert "synonyms" in error["remedy"]
    assert time.monotonic() - began < 20
