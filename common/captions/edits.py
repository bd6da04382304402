"""Editing many captions alike: find and replace, add to the beginning or the end, set, clear.

Pure: a caption in, what becomes of it out. The API uses it for the preview, a worker for the job; a pattern
that somebody typed only in a child process (`common/captions/pattern_child.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import regex

from common.captions.text import MAX_CAPTION_CHARS, normalise_caption, normalise_text
from common.errors import InvalidInput

Mode = Literal["replace", "prepend", "append", "set", "clear"]
MAX_FIND_CHARS = 500
CAPTION_BUDGET_S = 0.5  # what a pattern may take on one caption; an ordinary one takes microseconds
_LONGEST_REPLACED = 4 * MAX_CAPTION_CHARS  # stop there: a caption that long is refused anyway

# A letter of a script that puts spaces between words. Where there are none (Chinese, Thai ...)
# a word has no visible edge, so any place will do for one.
_WORD = (
    r"(?![\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}])"
    r"[\w\p{M}]"
)
_WORD_CHARACTER = regex.compile(_WORD)
_COUNTED = regex.compile(r"\\.|\{\s*([0-9]*)\s*(?:,\s*([0-9]*)\s*)?\}", regex.DOTALL)


@dataclass(frozen=True)
class CaptionEdit:
    """What is done to each caption.

    replace: each `find` becomes `text`. prepend, append: `text` goes to the beginning or the end,
    where it does not stand already. set: the caption is `text`. clear: it is taken away.
    regex: `find` is a pattern, and `text` may name its groups (\\1, \\g<name>).
    """

    mode: Mode
    find: str = ""
    text: str = ""
    match_case: bool = False
    whole_words: bool = True
    regex: bool = False


@dataclass(frozen=True)
class Edited:
    """What becomes of a caption; with a `problem` it stays as it is."""

    text: str | None
    problem: str = ""


class Editor:
    """Applies one edit to many captions; a pattern may take `budget_s` seconds of the processor for all of them.

    Raises InvalidInput when the edit itself cannot be done: an empty text, a bad pattern.
    """

    def __init__(self, edit: CaptionEdit, budget_s: float) -> None:
        self._edit = edit
        self._left_s = budget_s
        self._change: Callable[[str], str | None] = _change_of(edit, self._replace)
        if edit.mode == "replace":
            self._pattern = _compile(edit)

    def apply(self, caption: str | None) -> Edited:
        """The caption afterwards. Raises InvalidInput when the pattern takes too long."""
        if caption is None and self._edit.mode != "set":
            return Edited(None)
        try:
            changed = self._change(caption or "")
        except _TooLong:
            return Edited(caption, f"it would be longer than {MAX_CAPTION_CHARS} characters")
        if changed is None or changed == caption:
            return Edited(changed)
        try:
            return Edited(normalise_caption(changed))
        except InvalidInput as problem:
            empty = not changed.strip()
            return Edited(caption, "nothing would be left of it" if empty else problem.message)

    def apply_all(self, captions: Sequence[str | None]) -> list[Edited]:
        """The captions afterwards, in their order. Raises InvalidInput as `apply` does."""
        return [self.apply(caption) for caption in captions]

    def _replace(self, caption: str) -> str:
        """The caption with everything replaced that the pattern finds."""
        allowed_s = min(self._left_s, CAPTION_BUDGET_S)
        began = time.thread_time()
        try:
            if allowed_s <= 0:
                raise TimeoutError
            # concurrent: other threads of the process go on while a pattern runs
            return str(
                self._pattern.sub(
                    _replacement(self._edit), caption, timeout=allowed_s, concurrent=True
                )
            )
        except TimeoutError:
            raise too_slow(self._edit.find) from None
        except MemoryError:
            raise too_large(self._edit.find) from None
        except (regex.error, IndexError) as bad:  # a group that the pattern does not have
            raise _bad_replacement(self._edit.text, bad) from None
        finally:
            self._left_s -= time.thread_time() - began


class _TooLong(Exception):
    """Raised while replacing, as soon as the result cannot be a caption any more."""


def _change_of(edit: CaptionEdit, replace: Callable[[str], str]) -> Callable[[str], str | None]:
    """The change as a function of the caption, which gives None for 'taken away'."""
    if edit.mode == "replace":
        return replace
    if edit.mode == "clear":
        return lambda _: None
    try:
        text = normalise_caption(edit.text)
    except InvalidInput as problem:
        raise InvalidInput(f"text: {problem.message}", remedy="Type the text to add.") from None
    if edit.mode == "set":
        return lambda _: text
    added = normalise_text(edit.text)
    if edit.mode == "prepend":
        return lambda caption: _joined(added.lstrip(), caption, before=True)
    return lambda caption: _joined(added.rstrip(), caption, before=False)


def _joined(added: str, caption: str, *, before: bool) -> str:
    """The text before or after the caption, with a space where two words would grow together."""
    left, right = (added[-1], caption[:1]) if before else (caption[-1:], added[0])
    grows = bool(_WORD_CHARACTER.match(left) and _WORD_CHARACTER.match(right))
    space = " " if grows else ""
    if before:
        return caption if caption.startswith(added + space) else added + space + caption
    return caption if caption.endswith(space + added) else caption + space + added


def _compile(edit: CaptionEdit) -> Any:
    """The pattern to look for. Raises InvalidInput that says what is wrong and where."""
    find = normalise_text(edit.find)
    if not find:
        raise InvalidInput("find: it is empty", remedy="Type what to look for.")
    if len(find) > MAX_FIND_CHARS:
        raise InvalidInput(
            f"find: it is {len(find)} characters; the limit is {MAX_FIND_CHARS}",
            remedy="Look for less.",
        )
    if edit.regex:
        _require_short_repetitions(find)
    flags = 0 if edit.match_case else regex.IGNORECASE | regex.FULLCASE
    try:
        if edit.regex:
            regex.compile(find, flags)  # alone first, so that a position counts from its start
        compiled: Any = regex.compile(_pattern_of(edit, find), flags)
    except regex.error as bad:
        where = "" if bad.pos is None else f" at character {bad.pos + 1}"
        raise InvalidInput(
            f"find: the pattern is wrong{where}: {bad.msg}",
            remedy="Correct the pattern, or look for plain text.",
            details={"field": "find", "position": bad.pos},
        ) from None
    except (RecursionError, OverflowError):
        raise InvalidInput(
            "find: the pattern is nested too deeply", remedy="Use a simpler pattern."
        ) from None
    except MemoryError:
        raise too_large(find) from None
    return compiled


def _require_short_repetitions(find: str) -> None:
    """Raises InvalidInput for a{99999}: no caption is that long, and compiling it takes gigabytes."""
    for counted in _COUNTED.finditer(find):
        longest = max((int(number) for number in counted.groups() if number), default=0)
        if longest > MAX_CAPTION_CHARS:
            raise InvalidInput(
                f"find: {counted[0][:40]} at character {counted.start() + 1} repeats more than "
                f"{MAX_CAPTION_CHARS} times, and no caption is longer",
                remedy="Use + or * for 'as often as it is there'.",
                details={"field": "find", "position": counted.start()},
            )


def _pattern_of(edit: CaptionEdit, find: str) -> str:
    if edit.regex:
        return rf"(?<!{_WORD})(?:{find})(?!{_WORD})" if edit.whole_words else find
    pattern: str = regex.escape(find)
    if edit.whole_words and _WORD_CHARACTER.match(find[0]):
        pattern = rf"(?<!{_WORD}){pattern}"
    if edit.whole_words and _WORD_CHARACTER.match(find[-1]):
        pattern = rf"{pattern}(?!{_WORD})"
    if not edit.text:  # a word taken out takes one of the spaces around it along
        pattern = rf"(?<!\S){pattern}\s|{pattern}"
    return pattern


def _replacement(edit: CaptionEdit) -> Callable[[Any], str]:
    text = normalise_text(edit.text)
    length = 0

    def put(match: Any) -> str:
        nonlocal length
        piece = str(match.expand(text)) if edit.regex else text
        length += len(piece)
        if length > _LONGEST_REPLACED:
            raise _TooLong
        return piece

    return put


def too_slow(find: str) -> InvalidInput:
    """A pattern that takes more time than it may."""
    return InvalidInput(
        f"find: the pattern {find[:80]!r} takes too long",
        remedy="Repetitions inside repetitions, such as (a+)+, are slow: use a simpler pattern.",
    )


def too_large(find: str) -> InvalidInput:
    """A pattern that takes more memory than it may."""
    return InvalidInput(
        f"find: the pattern {find[:80]!r} takes too much memory",
        remedy="Repetitions of repetitions, such as (a{1000}){1000}, grow large: use a simpler pattern.",
    )


def _bad_replacement(text: str, bad: Exception) -> InvalidInput:
    reason = "the pattern has no such group" if isinstance(bad, IndexError) else str(bad)
    return InvalidInput(
        f"text: {text[:80]!r} cannot be put in: {reason}",
        remedy=r"Name groups of the pattern as \1 or \g<name>; write a backslash as two.",
    )
