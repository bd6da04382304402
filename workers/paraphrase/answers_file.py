"""The file of the paraphrases that are there so far: a JSON line for each answer of the language model.

A line is the whole state of one caption (`Done`), so the last line of a caption counts, and a run that
was killed between two questions about it goes on with the second.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class Written:
    """A text that the language model wrote, and what the filter made of it.

    score: how near in meaning to its caption, -1..1. reasons: why it is unfit; none if it is kept.
    """

    text: str
    score: float | None = None
    reasons: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether the filter found nothing against it."""
        return not self.reasons


@dataclass
class Done:
    """How far a caption is: what was written for it in how many rounds of asking.

    first_tries, first_kept: texts in its first answer, and how many of them the filter kept.
    """

    caption: str
    written: list[Written] = field(default_factory=list)
    rounds: int = 0
    first_tries: int = 0
    first_kept: int = 0

    @property
    def variants(self) -> list[Written]:
        """The paraphrases that are fit."""
        return [each for each in self.written if each.kept]


def read_done(done_file: Path) -> dict[str, Done]:
    """{caption: its state} of an earlier attempt; a last line that a kill cut short is left out."""
    done: dict[str, Done] = {}
    if not done_file.is_file():
        return done
    with done_file.open(encoding="utf-8", errors="replace") as lines:
        done = {each.caption: each for each in _read(lines)}
    rewritten = done_file.with_suffix(".new")
    with rewritten.open("w", encoding="utf-8") as out:
        for each in done.values():
            write_done(out, each)
    rewritten.replace(done_file)
    return done


def write_done(out: IO[str], done: Done) -> None:
    """Append a caption's state; it is on its way to the disk when this returns."""
    out.write(json.dumps(asdict(done), ensure_ascii=False) + "\n")
    out.flush()


def _read(lines: Iterable[str]) -> Iterator[Done]:
    for line in lines:
        try:
            told = json.loads(line)
            written = [
                Written(each["text"], each["score"], tuple(each["reasons"]))
                for each in told.pop("written")
            ]
            yield Done(**told, written=written)
        except (ValueError, KeyError, TypeError):
            continue
