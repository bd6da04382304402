"""The paraphrasing child as a real process, against a real (small) chat endpoint."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workers.conftest import wait_until
from tests.workers.gpu.children import Child, run_child
from tests.workers.gpu.llm.chat_server import ChatServer, Reply, chat_server
from workers.gpu.llm.paraphrasing import ROUNDS
from workers.paraphrase.answers_file import Done, Written, read_done

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
        "model": "probe/probe",
        "base_url": server.address if server else "",
        "private_addresses": True,  # the test server is on this machine
        "done_file": str(folder / "done.jsonl"),
        **changed,
    }


def test_each_caption_gets_its_fit_paraphrases(tmp_path: Path, chat: ChatServer) -> None:
    key = {"CLIP_BROWSER_LLM_API_KEY": "sesame"}
    result = run_child("llm.child", settings(tmp_path, chat), tmp_path, key).closing
    assert result["event"] == "result"
    assert chat.keys == {"Bearer sesame"}
    assert (result["captions"], result["variants"]) == (40, 80)
    assert result["rejected_for"]["the same as the caption"] == 40
    assert sum(result["rejected_for"].values()) == 80
    done = read_done(tmp_path / "done.jsonl")[CAPTIONS[7]]
    fit = ["there is a dog on street 7", "a picture of a dog on street 7"]
    assert [each.text for each in done.variants] == fit


def test_what_was_written_before_a_stop_is_not_asked_for_again(
    tmp_path: Path, chat: ChatServer
) -> None:
    chat.most_answers = 30
    child = Child("llm.child", settings(tmp_path, chat), tmp_path)
    child.wait_for(lambda event: event["event"] == "progress" and (event["done"] or 0) > 0)
    child.stop()
    assert child.finish().closing["event"] == "stopped"
    before = len(read_done(tmp_path / "done.jsonl"))
    assert 0 < before < 40
    with chat_server() as later:
        assert run_child("llm.child", settings(tmp_path, later), tmp_path).closing["captions"] == 40
        assert len(later.asked) == 40 - before


def test_a_stop_does_not_wait_for_a_slow_endpoint(tmp_path: Path, chat: ChatServer) -> None:
    """One that does not answer at all: its questions are still open when the child has ended."""
    chat.most_answers = 0
    child = Child("llm.child", settings(tmp_path, chat), tmp_path)
    child.wait_for(lambda event: event["event"] == "progress" and event["total"] == 40)
    wait_until(lambda: chat.asked, what="the first question")
    child.stop()
    assert child.finish().closing["event"] == "stopped"
    assert chat.under_way > 0


def test_a_kill_between_two_rounds_leads_to_the_next_round_only(
    tmp_path: Path, chat: ChatServer
) -> None:
    chat.texts = ["there is a dog on street 0"]  # one fit paraphrase of the two, for one caption
    config = settings(tmp_path, chat, captions=CAPTIONS[:1])
    chat.most_answers = 1
    child = Child("llm.child", config, tmp_path)
    done = tmp_path / "done.jsonl"
    wait_until(lambda: done.exists() and done.read_text(), what="the end of the first round")
    child.kill()
    assert len(chat.asked) <= 2
    with chat_server() as later:
        later.texts = ["a picture of a dog on street 0"]
        config = settings(tmp_path, later, captions=CAPTIONS[:1])
        assert run_child("llm.child", config, tmp_path).closing["variants"] == 2
        assert len(later.asked) == 1
    done = read_done(tmp_path / "done.jsonl")[CAPTIONS[0]]
    assert done.rounds == 2


def test_a_caption_is_asked_for_again_a_bounded_number_of_times(
    tmp_path: Path, chat: ChatServer
) -> None:
    chat.about[CAPTIONS[3]] = Reply(
        body=json.dumps({"choices": [{"message": {"content": "[]"}}]}).encode()
    )
    result = run_child("llm.child", settings(tmp_path, chat), tmp_path).closing
    assert result["variants"] == 78
    assert chat.asked.count(CAPTIONS[3]) == ROUNDS
    assert chat.asked.count(CAPTIONS[4]) == 1


def test_a_caption_that_two_images_share_is_sent_once(tmp_path: Path, chat: ChatServer) -> None:
    config = settings(tmp_path, chat, captions=[*CAPTIONS[:3], *CAPTIONS[:3]])
    assert run_child("llm.child", config, tmp_path).closing["captions"] == 3
    assert sorted(chat.asked) == CAPTIONS[:3]


def test_one_caption_without_an_answer_does_not_fail_the_others(
    tmp_path: Path, chat: ChatServer
) -> None:
    chat.about[CAPTIONS[5]] = Reply(400, b'{"error": {"message": "too long"}}')
    child = run_child("llm.child", settings(tmp_path, chat), tmp_path)
    assert child.closing["variants"] == 78
    (note,) = child.named("note")
    assert "1 captions got no answer" in note["text"]
    assert "too long" in note["text"]
    assert CAPTIONS[5] not in read_done(tmp_path / "done.jsonl")  # a retry asks for it


def test_an_endpoint_that_dies_midway_fails_the_job_and_keeps_what_is_done(
    tmp_path: Path, chat: ChatServer
) -> None:
    for caption in CAPTIONS[20:]:
        chat.about[caption] = Reply(200, b"<html>Bad gateway</html>")
    error = run_child("llm.child", settings(tmp_path, chat), tmp_path).closing
    assert error["code"] == "llm_failed"
    assert "<html>" in error["message"]
    assert len(read_done(tmp_path / "done.jsonl")) == 20
    assert len(set(chat.asked)) < 40  # it gave up


def test_as_many_requests_run_at_once_as_the_setting_says(tmp_path: Path, chat: ChatServer) -> None:
    chat.delay_s, chat.least_at_once = 0.5, 7
    env = {"CLIP_BROWSER_LLM_REQUESTS": "7"}
    run_child("llm.child", settings(tmp_path, chat, captions=CAPTIONS[:14]), tmp_path, env)
    assert chat.most_under_way == 7


def test_a_line_that_a_kill_cut_short_is_left_out_and_the_last_line_counts(tmp_path: Path) -> None:
    file = tmp_path / "done.jsonl"
    line = '{"caption": "a", "written": [%s], "rounds": %d, "first_tries": 2, "first_kept": 0}\n'
    text = '{"text": "b", "score": 0.5, "reasons": []}'
    file.write_text(line % ("", 1) + line % (text, 2) + '{"caption": "c", "writ', encoding="utf-8")
    expected = {"a": Done("a", [Written("b", 0.5)], 2, 2, 0)}
    assert read_done(file) == expected
    assert len(file.read_text("utf-8").splitlines()) == 1
    assert read_done(file) == expected


def test_an_endpoint_that_is_not_there_fails_with_llm_failed(tmp_path: Path) -> None:
    config = settings(tmp_path, None, base_url="http://127.0.0.1:9/v1")
    error = run_child("llm.child", config, tmp_path).closing
    assert error["code"] == "llm_failed"
    assert "synonyms" in error["remedy"]


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_it_fails_within_seconds_and_names_the_command(tmp_path: Path) -> None:
    began = time.monotonic()
    error = run_child("llm.child", settings(tmp_path, None), tmp_path).closing
    assert error["code"] == "llm_failed"
    assert "make llm" in error["remedy"]
    assert "synonyms" in error["remedy"]
    assert time.monotonic() - began < 20
