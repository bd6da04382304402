"""The name of the worker that a process belongs to; its pool processes, forked later, know it too."""

from __future__ import annotations

_own: list[str] = []


def set_own_name(name: str) -> None:
    """Said once, before anything is forked."""
    _own[:] = [name]


def own_name() -> str | None:
    """None outside a worker."""
    return _own[0] if _own else None
