"""What to ask a language model for, and which of its answers are fit as captions. Pure text."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable

from common.captions import normalise_caption
from common.errors import InvalidInput

MAX_TOKENS = 77  # CLIP's context length
TOKENS_PER_WORD = 1.4  # of CLIP's tokeniser on captions, rounded up
START_AND_END = 2
LONGEST_RATIO, LONGEST_EXTRA = 3, 40  # a variant has at most 3 x the caption's characters + 40

_SYSTEM = "You rewrite captions of images. You keep every fact and answer with a JSON list only."
_NUMBERS = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
    "couple": "2", "pair": "2", "dozen": "12",
}  # fmt: skip
_ONE = {"1"}  # "a dog" and "one dog" say the same
_COLOURS = frozenset(
    [
        "red", "orange", "yellow", "green", "blue", "purple", "violet", "pink", "brown", "black",
        "white", "grey", "gray", "gold", "golden", "silver", "turquoise", "teal", "cyan",
        "magenta", "beige",
    ]
)  # fmt: skip
_SAME_COLOUR = {"gray": "grey", "golden": "gold", "violet": "purple"}
_STOP_WORDS = frozenset(
    [
        "a", "an", "the", "of", "in", "on", "at", "to", "and", "or", "with", "by", "for", "from",
        "is", "are", "be", "it", "its", "this", "that", "there", "some", "as",
    ]
)  # fmt: skip
_CHATTER = re.compile(
    r"^(sure|certainly|of course|okay|here (is|are)|here's|note\b|i |i'|as an|the caption|caption\b|"
    r"paraphrase|variation|variant|rewrit|output|answer|json)|"
    r"\b(paraphras|language model|original caption|rewrite)|[:{}\[\]<>`]|https?://",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.):])\s+")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def make_messages(caption: str, count: int) -> list[dict[str, str]]:
    """The conversation that asks for `count` paraphrases, in the form of OpenAI's chat API."""
    asked = (
        f"Write {count} different short captions that say the same as the caption below. Keep all "
        "objects, numbers, colours and positions. Answer with a JSON list of "
        f"{count} strings.\nCaption: {json.dumps(caption, ensure_ascii=False)}"
    )
    return [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": asked}]


def parse_answer(answer: str) -> list[str]:
    """The strings in an answer: of a JSON list if there is one, else its lines without bullets."""
    for found in re.findall(r"\[.*?\]", answer, re.DOTALL):
        try:
            listed = json.loads(found)
        except ValueError:
            continue
        texts = [text for text in listed if isinstance(text, str)]
        if texts:
            return texts
    return [
        _BULLET.sub("", line).strip().rstrip(",") for line in answer.splitlines() if line.strip()
    ]


def keep_fit(caption: str, candidates: Iterable[str], count: int) -> list[str]:
    """At most `count` of the candidates: those that are captions and keep the caption's facts."""
    kept: list[str] = []
    seen = {_key(caption)}
    for candidate in candidates:
        if len(kept) == count:
            break
        text = tidy(candidate)
        if text and _key(text) not in seen and why_unfit(caption, text) is None:
            seen.add(_key(text))
            kept.append(text)
    return kept


def tidy(candidate: str) -> str:
    """One clean line without bullets and quotes around it; "" when nothing is left."""
    text = _BULLET.sub("", candidate.strip()).strip().strip("\"'“”‘’").strip()
    try:
        return normalise_caption(text)
    except InvalidInput:
        return ""


def why_unfit(caption: str, text: str) -> str | None:
    """Why a text is no fit paraphrase of the caption; None when it is one."""
    if not text:
        return "empty"
    if _key(text) == _key(caption):
        return "the same"
    if _CHATTER.search(text) and not _CHATTER.search(caption):
        return "chatter"
    if estimate_tokens(text) > MAX_TOKENS:
        return f"over {MAX_TOKENS} tokens"
    if len(text) > LONGEST_RATIO * len(caption) + LONGEST_EXTRA:
        return "much longer than the caption"
    if _numbers(text) != _numbers(caption):
        return "other numbers"
    if _colours(text) != _colours(caption):
        return "other colours"
    if _stems(caption) and not _stems(caption) & _stems(text):
        return "nothing in common"
    return None


def estimate_tokens(text: str) -> int:
    """About how many tokens CLIP makes of it, start and end included."""
    return math.ceil(len(_words(text)) * TOKENS_PER_WORD) + START_AND_END


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _key(text: str) -> str:
    """Texts that differ only in case and punctuation are one."""
    return " ".join(_words(text)) or text


def _numbers(text: str) -> Counter[str]:
    values = (_NUMBERS.get(word, word) for word in _words(text))
    return Counter(value for value in values if value.isdigit() and value not in _ONE)


def _colours(text: str) -> set[str]:
    return {_SAME_COLOUR.get(word, word) for word in _words(text) if word in _COLOURS}


def _stems(text: str) -> set[str]:
    """The first four letters of the words that name things: "dog" and "dogs", "ride" and "riding"."""
    plain = _STOP_WORDS | _COLOURS | _NUMBERS.keys()
    return {word[:4].rstrip("s") for word in _words(text) if word not in plain and len(word) > 2}
