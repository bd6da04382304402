"""What a job reports, made such that both databases keep it and every reader of JSON reads it.

PostgreSQL refuses NUL and lone surrogates in a text, NaN in JSON and numbers too large for their
column; SQLite refuses some of them and keeps others, which a dashboard then cannot read. What comes
from a child process, a file or a library may hold any of it. Pure, and what is clean stays equal.
"""

from __future__ import annotations

import math
import re
from numbers import Integral, Real
from typing import Any

UNREADABLE = re.compile("[\x00\ud800-\udfff]")
MAX_INTEGER = 2**63 - 1
MAX_STEP = 2**31 - 1  # of an INTEGER column
NAME_CHARS = 64
NOTE_CHARS = 2000
MAX_DEPTH = 32


def clean_text(text: object, limit_chars: int | None = None) -> str:
    """The text with U+FFFD for what cannot be kept; at most so many characters."""
    return UNREADABLE.sub("\ufffd", str(text))[:limit_chars]


def clean_json(value: Any, depth: int = 0) -> Any:
    """The value as JSON knows it: no NaN or infinity (None), no integer over 64 bits, names that are texts."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) or depth > MAX_DEPTH:
        return clean_text(value)
    if isinstance(value, Integral):
        return max(-MAX_INTEGER, min(MAX_INTEGER, int(value)))
    if isinstance(value, Real):
        return _finite(value)
    if isinstance(value, dict):
        return {clean_text(name): clean_json(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean_json(each, depth + 1) for each in value]
    return clean_text(value)


def clean_point(point: dict[str, Any]) -> dict[str, Any] | None:
    """A point of a series as its columns keep it; None when it has no finite value or no step."""
    value, step = _finite(point.get("value")), _finite(point.get("step"))
    if value is None or step is None:
        return None
    return {
        "name": clean_text(point.get("name"), NAME_CHARS),
        "step": int(max(-MAX_STEP, min(MAX_STEP, step))),
        "value": value,
        "epoch": _finite(point.get("epoch")),
    }


def _finite(value: Any) -> float | None:
    """As a float; None for what is no number, or none that is finite."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
