"""Asking a language model for paraphrases of many captions, and again where too few were fit.

All captions that wait are handed over together, as many as the model takes, and each goes on its own
way: one that got too few fit paraphrases is asked for again at once, while others are still in their
first try.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from common.errors import LlmFailed
from workers.gpu.llm.prompts import make_messages, parse_answer
from workers.gpu.llm.questions import LanguageModel, Question
from workers.paraphrase.answers_file import Done

ROUNDS = 3  # a caption with too few fit paraphrases is asked for again, with another seed
STRINGS_AT_ONCE = 10  # paraphrases that are asked for in one question
TOKENS_PER_STRING = 60
FAILURES_IN_A_ROW = 5  # captions without an answer, one after the other, that fail the job
WAIT_S = 0.5

Keep = Callable[[Done, list[str], int], None]  # adds texts to `written` until so many are fit


def most_rounds(count: int) -> int:
    """How often a caption is asked for at most, for `count` paraphrases."""
    return ROUNDS - 1 + -(-count // STRINGS_AT_ONCE)


@dataclass
class Paraphrasing:
    """`count` paraphrases of each caption; `keep` chooses among what the model wrote."""

    count: int
    seed: int
    keep: Keep
    failed: dict[str, LlmFailed] = field(default_factory=dict)
    _open: dict[str, Done] = field(default_factory=dict)
    _failures: int = 0

    def is_done(self, caption: Done) -> bool:
        """Whether it has enough, or was asked for often enough."""
        return len(caption.variants) >= self.count or caption.rounds >= most_rounds(self.count)

    def run(
        self,
        model: LanguageModel,
        captions: Iterable[Done],
        save: Callable[[Done], None],
        stopped: Callable[[], bool],
    ) -> bool:
        """Ask until all are done: True; or until `stopped()`: False.

        save: told a caption whose state has changed. One without an answer goes into `failed`.
        Raises LlmFailed when the model answers nobody, or FAILURES_IN_A_ROW captions not.
        """
        waiting = deque(captions)
        while waiting or self._open:
            if stopped():
                return False
            while waiting and len(self._open) < model.at_once:
                self._ask(model, waiting.popleft())
            for answer in model.collect(WAIT_S):
                caption = self._open.pop(answer.key)
                if answer.problem is not None:
                    self._fail(caption, answer.problem, answer.final)
                    continue
                self._take(caption, answer.text)
                save(caption)
                if not self.is_done(caption):
                    self._ask(model, caption)
        return True

    def _ask(self, model: LanguageModel, caption: Done) -> None:
        strings = self.count - len(caption.variants)
        strings = min(strings + min(caption.rounds, 2), STRINGS_AT_ONCE)  # some will be unfit again
        self._open[caption.caption] = caption
        model.ask(
            Question(
                caption.caption,
                make_messages(caption.caption, strings),
                strings,
                TOKENS_PER_STRING * strings + 20,
                seed_of(self.seed, caption.caption, caption.rounds),
            )
        )

    def _take(self, caption: Done, text: str) -> None:
        self._failures = 0
        caption.rounds += 1
        self.keep(caption, parse_answer(text), self.count)
        if caption.rounds == 1:
            caption.first_tries = len(caption.written)
            caption.first_kept = len(caption.variants)

    def _fail(self, caption: Done, problem: LlmFailed, final: bool) -> None:
        self._failures += 1
        self.failed[caption.caption] = problem
        if final or self._failures >= FAILURES_IN_A_ROW:
            raise problem


def seed_of(seed: int, caption: str, round_number: int) -> int:
    """The same for the same caption and round, in whatever order captions come. 31 bits."""
    told = hashlib.sha256(f"{seed}|{round_number}|{caption}".encode()).digest()
    return int.from_bytes(told[:4], "big") >> 1
