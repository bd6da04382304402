"""A job's settings on the command line: `--epochs 3 --lr=1e-5 --group-near-duplicates false`.

Every parameter of the API can be given by its name, so that a new one needs nothing here.
"""

from __future__ import annotations

import json
import math
from typing import Any

from common.jobs.kinds import JobKind, kind_of, offered_kinds


class Misuse(Exception):
    """Raised when the command line itself does not fit; ends the program with exit code 2."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def params_help(kind: JobKind) -> str:
    """The parameters of a kind of job with their defaults, for --help."""
    told = [
        f"--{name.replace('_', '-')}" + (f" ({json.dumps(usual)})" if usual is not None else "")
        for name, usual in ((name, each.get("default")) for name, each in _schemas(kind).items())
    ]
    return f"Parameters follow as --name value; with what they are if left out: {', '.join(told)}."


def text_params() -> frozenset[str]:
    """Parameters that are texts also when they look like numbers: a run called 2024.

    Those that the jobs which people start take no number for, nor true or false.
    """
    texts: set[str] = set()
    for kind in map(kind_of, offered_kinds()):
        schemas = _schemas(kind).items()
        texts |= {name for name, schema in schemas if _types(schema) <= {"string", "null"}}
    return frozenset(texts)


def _schemas(kind: JobKind) -> dict[str, Any]:
    schemas: dict[str, Any] = kind.params_model().model_json_schema()["properties"]
    return schemas


def _types(schema: dict[str, Any]) -> set[str]:
    inner = schema.get("anyOf", [])
    return {kind for each in inner for kind in _types(each)} or {schema.get("type", "any")}


def parse_params(words: list[str]) -> dict[str, Any]:
    """{"epochs": 3, "lr": 1e-5, ...} of the words that no other option took.

    `--name value`, `--name=value`, a lone `--name` for true, and `--param name=value`.
    A value is read as JSON where it is JSON, else it is a text. Raises Misuse.
    """
    params: dict[str, Any] = {}
    texts = text_params() if words else frozenset()
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
        if not equals:
            params[name] = True
        else:
            params[name] = value if name in texts else read_value(value)
    return params


def read_value(text: str) -> Any:
    """A parameter's value; what JSON cannot hold stays a text, which the service refuses by name."""
    try:
        value = json.loads(text, parse_constant=_not_json)
    except ValueError:
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value


def _not_json(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
