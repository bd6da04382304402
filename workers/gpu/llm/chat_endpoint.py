"""Any server that speaks OpenAI's chat completions, also one that is busy, slow or out of its mind."""

from __future__ import annotations

import json
import queue
import threading
import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from common.augment.language_models import FALLBACK
from common.errors import LlmFailed
from workers.gpu.llm.questions import TEMPERATURE, TOP_P, Answer, Question

CONNECT_TIMEOUT_S = 5.0
TRIES = 5  # of a server that is away or busy
NONSENSE_TRIES = 2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0  # doubled from try to try, unless Retry-After says more
LONGEST_ANSWER_BYTES = 1024 * 1024
BUSY = (408, 409, 425, 429)  # and every status from 500 on: worth another try
REFUSED = (401, 403, 404, 405)  # the same for every caption
CHECK = "Check CLIP_BROWSER_LLM_BASE_URL, _LLM_MODEL and _LLM_API_KEY,"


class _NoAnswer(Exception):
    """Raised when a try brought no text: worth `tries` in all, after `pause_s` if the server said so."""

    def __init__(self, why: str, tries: int = TRIES, pause_s: float = 0.0) -> None:
        super().__init__(why)
        self.tries, self.pause_s = tries, pause_s


class Endpoint:
    """`at_once` requests under way, each with `timeout_s` seconds in all for one question.

    Its threads are daemons: a child that is told to stop does not wait for a slow server.
    """

    def __init__(
        self, model: str, base_url: str, api_key: str, at_once: int, timeout_s: float
    ) -> None:
        self.at_once = at_once
        self._model = model
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._timeout_s = timeout_s
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            limits=httpx.Limits(max_connections=at_once),
        )
        self._rest_until = 0.0  # all requests wait when the server asked one to
        self._questions: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        for _ in range(at_once):
            threading.Thread(target=self._work, daemon=True).start()

    def ask(self, question: Question) -> None:
        """See LanguageModel."""
        self._questions.put(question)

    def collect(self, wait_s: float) -> list[Answer]:
        """See LanguageModel."""
        found = []
        try:
            found.append(self._answers.get(timeout=wait_s))
            while True:
                found.append(self._answers.get_nowait())
        except queue.Empty:
            return found

    def _work(self) -> None:
        while True:
            self._answers.put(self._answer(self._questions.get()))

    def _answer(self, question: Question) -> Answer:
        """The question's answer after at most TRIES tries and `timeout_s` seconds."""
        deadline = time.monotonic() + self._timeout_s
        why, pause_s = "", FIRST_PAUSE_S
        for number in range(1, TRIES + 1):
            time.sleep(max(0.0, min(self._rest_until, deadline) - time.monotonic()))
            try:
                return Answer(question.key, self._request(question, deadline))
            except LlmFailed as problem:
                return Answer(question.key, problem=problem, final=True)
            except _NoAnswer as none:
                why = str(none)
                self._rest(none.pause_s)
                if number >= none.tries:
                    break
                pause = max(pause_s, none.pause_s)
            if time.monotonic() + pause >= deadline:
                why = f"{why}; {self._timeout_s:g} s are not enough for one caption"
                break
            time.sleep(pause)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return Answer(question.key, problem=self._failed(why))

    def _rest(self, pause_s: float) -> None:
        if pause_s:
            self._rest_until = max(self._rest_until, time.monotonic() + pause_s)

    def _request(self, question: Question, deadline: float) -> str:
        """The text of one reply. Raises _NoAnswer, LlmFailed."""
        body = {
            "model": self._model, "messages": question.chat, "max_tokens": question.max_tokens,
            "seed": question.seed, "temperature": TEMPERATURE, "top_p": TOP_P,
        }  # fmt: skip
        left_s = max(0.1, deadline - time.monotonic())
        timeout = httpx.Timeout(left_s, connect=min(left_s, CONNECT_TIMEOUT_S))
        try:
            with self._client.stream("POST", self._url, json=body, timeout=timeout) as reply:
                content = _read(reply, deadline)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as problem:
            raise self._failed(str(problem)) from problem
        except httpx.TimeoutException as problem:
            raise _NoAnswer(f"no reply in time ({type(problem).__name__})") from problem
        except httpx.HTTPError as problem:
            raise _NoAnswer(str(problem) or type(problem).__name__) from problem
        return self._text(reply, content)

    def _text(self, reply: httpx.Response, content: bytes) -> str:
        status = reply.status_code
        if status in BUSY or status >= 500:
            raise _NoAnswer(f"status {status}", pause_s=_retry_after_s(reply))
        if status in REFUSED:
            meaning = {401: ": it does not know this key", 403: ": this key may not use it"}
            what = meaning.get(status, f": there is no such address, or no model {self._model}")
            raise self._failed(f"status {status}{what}{_said(content)}")
        if status >= 300:
            raise _NoAnswer(f"status {status}{_said(content)}", tries=1)
        try:
            return str(json.loads(content)["choices"][0]["message"]["content"] or "")
        except (ValueError, KeyError, IndexError, TypeError) as problem:
            start = content[:60].decode("utf-8", "replace")
            raise _NoAnswer(
                f"its reply is no chat completion but {start!r}", tries=NONSENSE_TRIES
            ) from problem

    def _failed(self, why: str) -> LlmFailed:
        return LlmFailed(
            f"The language model at {self._url} does not answer: {why}",
            remedy=f"{CHECK} {FALLBACK}",
        )


def _read(reply: httpx.Response, deadline: float) -> bytes:
    """The body, unless it comes too slowly or never ends. Raises _NoAnswer."""
    content = b""
    for block in reply.iter_bytes():
        content += block
        if time.monotonic() > deadline:
            raise _NoAnswer("the reply came too slowly")
        if len(content) > LONGEST_ANSWER_BYTES:
            raise _NoAnswer(f"the reply is longer than {LONGEST_ANSWER_BYTES:,} bytes")
    return content


def _retry_after_s(reply: httpx.Response) -> float:
    """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3); 0 without."""
    told = reply.headers.get("Retry-After", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0


def _said(content: bytes) -> str:
    """What an error's body says, in OpenAI's shape; "" for any other."""
    try:
        told: Any = json.loads(content)["error"]
        text = told["message"] if isinstance(told, dict) else told
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({str(text)[:200]})"
