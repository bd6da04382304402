"""The client of chat endpoints, against a real (small) server that misbehaves."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from email.utils import formatdate
from types import SimpleNamespace

import pytest

from tests.workers.gpu.llm.chat_server import ChatServer, Reply, chat_server
from workers.gpu.llm import chat_endpoint
from workers.gpu.llm.chat_endpoint import NONSENSE_TRIES, TRIES, Endpoint
from workers.gpu.llm.questions import Answer, Question

CAPTION = "a dog on a street"


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a tenth, for who counts tries and not seconds."""
    monkeypatch.setattr(chat_endpoint, "FIRST_PAUSE_S", chat_endpoint.FIRST_PAUSE_S / 10)


def ask(
    server: ChatServer | str, *captions: str, at_once: int = 1, timeout_s: float = 30
) -> list[Answer]:
    address = server if isinstance(server, str) else server.address
    endpoint = Endpoint("probe", address, "", at_once, timeout_s)
    for caption in captions or (CAPTION,):
        chat = [{"role": "user", "content": f"Caption: {json.dumps(caption)}"}]
        endpoint.ask(Question(caption, chat, 2, 100, 0))
    answers: list[Answer] = []
    end = time.monotonic() + 60
    while len(answers) < (len(captions) or 1) and time.monotonic() < end:
        answers += endpoint.collect(0.5)
    return answers


def problem_of(answer: Answer) -> str:
    assert answer.problem is not None
    assert answer.problem.code == "llm_failed"
    assert "synonyms" in answer.problem.remedy
    return answer.problem.message


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_server_is_asked_again_after_growing_pauses(
    chat: ChatServer, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    clock = SimpleNamespace(monotonic=time.monotonic, time=time.time, sleep=pauses.append)
    monkeypatch.setattr(chat_endpoint, "time", clock)
    chat.first.extend([Reply(status), Reply(status)])
    (answer,) = ask(chat)
    assert "there is" in answer.text
    first, second = (pause for pause in pauses if pause)
    assert 0.4 < first < second


@pytest.mark.parametrize("how", ["seconds", "date"])
def test_retry_after_is_honoured_by_all_requests(chat: ChatServer, how: str) -> None:
    date = int(time.time() + 3)
    told = "2" if how == "seconds" else formatdate(date, usegmt=True)
    chat.first.append(Reply(429, headers={"Retry-After": told}))
    answers = ask(chat, CAPTION, "a cat", "a cow")
    assert all("there is" in answer.text for answer in answers)
    if how == "seconds":
        assert chat.times[1] - chat.times[0] > 1.8
    else:
        asked_again = time.time() - (time.monotonic() - chat.times[1])
        assert asked_again > date - 0.2


@pytest.mark.timed
def test_a_retry_after_beyond_the_time_limit_is_not_waited_for(chat: ChatServer) -> None:
    chat.always = Reply(429, headers={"Retry-After": "3600"})
    began = time.monotonic()
    (answer,) = ask(chat, timeout_s=5)
    assert "5 s are not enough" in problem_of(answer)
    assert time.monotonic() - began < 3


@pytest.mark.usefixtures("hasty")
def test_a_server_that_stays_busy_is_given_up_after_a_bounded_number_of_tries(
    chat: ChatServer,
) -> None:
    chat.always = Reply(500)
    (answer,) = ask(chat)
    assert "status 500" in problem_of(answer)
    assert not answer.final
    assert len(chat.asked) == TRIES


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "body",
    [
        b"<html>Hello</html>",
        b"",
        b"[]",
        b'{"choices": []}',
        b'{"choices": [{"message": null}]}',
        b'{"object": "list"}',
        b"\xff\xfe\x00",
    ],
)
def test_nonsense_is_no_answer(chat: ChatServer, body: bytes) -> None:
    chat.always = Reply(body=body)
    (answer,) = ask(chat)
    assert "no chat completion" in problem_of(answer)
    assert len(chat.asked) == NONSENSE_TRIES


@pytest.mark.usefixtures("hasty")
def test_nonsense_once_is_asked_again(chat: ChatServer) -> None:
    chat.first.append(Reply(body=b"<html>"))
    (answer,) = ask(chat)
    assert "there is" in answer.text


@pytest.mark.parametrize(
    ("status", "said"), [(401, "does not know this key"), (403, "may not"), (404, "no model probe")]
)
def test_a_refusal_is_final_and_says_what_to_check(
    chat: ChatServer, status: int, said: str
) -> None:
    chat.always = Reply(status, b'{"error": {"message": "nope"}}')
    (answer,) = ask(chat)
    assert answer.final
    assert said in problem_of(answer)
    assert "nope" in problem_of(answer)
    assert answer.problem is not None
    assert "_LLM_API_KEY" in answer.problem.remedy
    assert len(chat.asked) == 1


def test_a_bad_request_concerns_one_caption_and_is_not_repeated(chat: ChatServer) -> None:
    chat.about["a cat"] = Reply(400)
    answers = {answer.key: answer for answer in ask(chat, "a cat", "a cow")}
    assert "status 400" in problem_of(answers["a cat"])
    assert not answers["a cat"].final
    assert answers["a cow"].problem is None
    assert chat.asked.count("a cat") == 1


@pytest.mark.timed
def test_an_answer_that_does_not_come_in_time_is_given_up(chat: ChatServer) -> None:
    chat.delay_s = 30
    began = time.monotonic()
    (answer,) = ask(chat, timeout_s=1)
    assert "in time" in problem_of(answer)
    assert time.monotonic() - began < 3


@pytest.mark.timed
def test_an_answer_that_drips_is_given_up_after_the_time_limit(chat: ChatServer) -> None:
    chat.always = Reply(body=b" " * 1000, drip_s=0.1)
    began = time.monotonic()
    (answer,) = ask(chat, timeout_s=1)
    assert "too slowly" in problem_of(answer)
    assert time.monotonic() - began < 3


@pytest.mark.usefixtures("hasty")
def test_an_endless_answer_is_given_up(chat: ChatServer) -> None:
    chat.always = Reply(body=b" " * 3_000_000)
    (answer,) = ask(chat, timeout_s=10)
    assert "longer than" in problem_of(answer)


def test_an_address_that_is_none_is_final(chat: ChatServer) -> None:
    (answer,) = ask("localhost:8000/v1")
    assert answer.final
    problem_of(answer)
