"""A job's settings on the command line: `--epochs 3 --lr=1e-5 --group-near-duplicates false`.

Every parameter of the API can be given by its name, so that a new one needs nothing here.
"""

from __future__ import annotations

import json
import math
from typing import Any


class Misuse(Exception):
    """Raised when the command line itself does not fit; ends the program with exit code 2."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


# These are texts also when they look like numbers: a run called 2024, an empty `pretrained`.
TEXTS = frozenset(["name", "model", "pretrained", "method", "llm_model"])


def parse_params(words: list[str]) -> dict[str, Any]:
    """{"epochs": 3, "lr": 1e-5, ...} of the words that no other option took.

    `--name value`, `--name=value`, a lone `--name` for true, and `--param name=value`.
    A value is read as JSON where it is JSON, else it is a text. Raises Misuse.
    """
    params: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or len(word) < 3:
            raise Misuse(
                f"'{word}' belongs to no parameter.", remedy="Write parameters as --name value."
            )
        name, equals, value = word[2:].partition("=")
        if not equals and rest and not rest[0].startswith("--"):
            value, equals = rest.pop(0), "="
        if name == "param":
            name, equals, value = value.partition("=")
        name = name.replace("-", "_")
        params[name] = read_value(name, value) if equals else True
    return params


def read_value(name: str, text: str) -> Any:
    """A parameter's value; what JSON cannot hold stays a text, which the service refuses by name."""
    if name in TEXTS:
        return text
    try:
        value = json.loads(text, parse_constant=_not_json)
    except ValueError:
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value


def _not_json(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
