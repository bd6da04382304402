"""What a language model is asked and answers, and what every way to one can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from common.errors import LlmFailed

Messages = list[dict[str, str]]
TEMPERATURE, TOP_P = 0.8, 0.95


@dataclass(frozen=True)
class Question:
    """One conversation, (system, user) messages; the answer has at most `max_tokens`, and about `strings` texts."""

    key: str
    chat: Messages
    strings: int
    max_tokens: int
    seed: int


@dataclass(frozen=True)
class Answer:
    """What came of a question: a text, or why there is none; `final`: no other would be answered."""

    key: str
    text: str = ""
    problem: LlmFailed | None = None
    final: bool = False


class LanguageModel(Protocol):
    """Takes questions and gives answers as they are done, in any order."""

    at_once: int  # questions that may be under way

    def ask(self, question: Question) -> None:
        """Begin to answer; never waits."""
        ...

    def collect(self, wait_s: float) -> list[Answer]:
        """The answers that are there; waits for the first at most about `wait_s` seconds."""
        ...
