"""vLLM as the child uses it, in this process, with a real model on the CPU."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from common.errors import LlmFailed
from tests.llm.conftest import MODEL
from workers.gpu.llm.prompts import make_messages
from workers.gpu.llm.questions import Answer, Question
from workers.gpu.llm.vllm_engine import Vllm

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def engine() -> Vllm:
    os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
    return Vllm("SmolLM2-135M-Instruct", MODEL)


def collect(engine: Vllm, count: int) -> list[Answer]:
    answers: list[Answer] = []
    end = time.monotonic() + 240
    while len(answers) < count and time.monotonic() < end:
        answers += engine.collect(0.5)
    return answers


def question(caption: str, strings: int, max_tokens: int = 200) -> Question:
    return Question(caption, make_messages(caption, strings), strings, max_tokens, 7)


def test_answers_come_as_they_are_done_and_are_lists_of_as_many_texts(engine: Vllm) -> None:
    engine.ask(question("a red circle on a white background", 1))
    engine.ask(question("two dogs that run along a beach at sunset", 3))
    (first,) = collect(engine, 1)
    assert first.key == "a red circle on a white background"
    (second,) = collect(engine, 1)
    for answer, strings in ((first, 1), (second, 3)):
        texts = json.loads(answer.text)
        assert len(texts) == strings
        assert all(isinstance(text, str) and text for text in texts)


def test_the_same_seed_gives_the_same_answer(engine: Vllm) -> None:
    answers = []
    for _ in range(2):
        engine.ask(question("a blue square", 2, 60))
        answers += collect(engine, 1)
    assert answers[0].text == answers[1].text


def test_more_captions_than_one_step_reads_are_answered(engine: Vllm) -> None:
    captions = [f"{number} brown dogs on a beach" for number in range(60)]
    for caption in captions:
        engine.ask(question(caption, 1, 8))
    answers = collect(engine, 60)
    assert sorted(answer.key for answer in answers) == sorted(captions)
    assert all(answer.problem is None for answer in answers)


@pytest.mark.parametrize(
    "caption",
    ["Katze", "собака бежит по снегу", "一只狗在雪地里奔跑", "word " * 120, '"]} <|im_end|>'],
)
def test_captions_of_any_kind_get_an_answer(engine: Vllm, caption: str) -> None:
    engine.ask(question(caption, 2, 40))
    (answer,) = collect(engine, 1)
    assert answer.problem is None


def test_a_caption_longer_than_the_model_reads_is_refused_alone(engine: Vllm) -> None:
    engine.ask(question("word " * 5000, 2))
    engine.ask(question("a green star", 1, 40))
    refused, answered = sorted(collect(engine, 2), key=lambda answer: answer.key, reverse=True)
    assert refused.problem is not None
    assert answered.text


def test_a_damaged_model_is_named_with_what_to_do(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((MODEL / name).read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(LlmFailed, match="could not load broken") as failed:
        Vllm("broken", tmp_path)
    assert "synonyms" in failed.value.remedy
