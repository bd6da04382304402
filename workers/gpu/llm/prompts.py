"""What to ask a language model for, and the texts in its answers. Pure text."""

from __future__ import annotations

import json
import re

_SYSTEM = "You rewrite captions of images. You keep every fact and answer with a JSON list only."


# Shown before the question: a model of 135 M parameters then writes six times as many fit paraphrases.
_EXAMPLES = (
    (
        "a brown dog runs along the beach",
        "a dog with brown fur is running on the beach",
        "on the beach, a brown dog runs",
        "a brown dog is racing along the sand of the beach",
    ),
    (
        "two women in red coats wait for a bus",
        "two women wearing red coats are waiting for a bus",
        "a pair of women dressed in red coats wait for their bus",
        "waiting for the bus are two women in red coats",
    ),
)


def make_messages(caption: str, count: int) -> list[dict[str, str]]:
    """The conversation that asks for `count` paraphrases, in the form of OpenAI's chat API.

    Its beginning is the same for all captions, so an engine with a prefix cache reads it once.
    """
    messages = [{"role": "system", "content": _SYSTEM}]
    for shown, *paraphrases in _EXAMPLES:
        some = paraphrases[:count]
        messages += [
            {"role": "user", "content": _ask_for(shown, len(some))},
            {"role": "assistant", "content": json.dumps(some)},
        ]
    return [*messages, {"role": "user", "content": _ask_for(caption, count)}]


def _ask_for(caption: str, count: int) -> str:
    return (
        f"Write {count} different captions that say the same as this one. Keep its language and all "
        f"objects, numbers, colours and positions.\nCaption: {json.dumps(caption, ensure_ascii=False)}"
    )


def parse_answer(answer: str) -> list[str]:
    """The strings in an answer: of a JSON list if there is one, else its lines."""
    for found in re.findall(r"\[.*?\]", answer, re.DOTALL):
        try:
            listed = json.loads(found)
        except ValueError:
            continue
        texts = [text for text in listed if isinstance(text, str)]
        if texts:
            return texts
    return [line.strip().rstrip(",") for line in answer.splitlines() if line.strip()]
