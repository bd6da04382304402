"""What a look has found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]
ORDER: tuple[State, ...] = ("ok", "warn", "fail")


@dataclass(frozen=True)
class Finding:
    """One line. found: what was seen, with its value; remedy: what to do, "" when nothing is to be done."""

    check: str
    state: State
    found: str
    remedy: str = ""


def worst(findings: Iterable[Finding]) -> State:
    """The state of all together; ok when there are none."""
    return max((one.state for one in findings), key=ORDER.index, default="ok")


def unknown(check: str, why: str) -> Finding:
    """What could not be looked at, since something else is away."""
    return Finding(check, "warn", f"not looked at: {why}", "Mend that first, then look again.")
