"""What a command writes with: answers go to stdout, everything about the way there to stderr."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from cli.client import Client

PIPED_WIDTH = 400  # a table in a pipe is not cut at 80 columns
MAX_LINES = 20


@dataclass(frozen=True)
class Terminal:
    """A client of the service and the two streams. `json`: the answer is printed as JSON alone."""

    client: Client
    json: bool
    out: Console
    err: Console

    def answer(self, value: Any, human: str | Table | None = None) -> None:
        """Print an answer: `value` with --json, else `human`."""
        if self.json:
            print(json.dumps(value, ensure_ascii=False, indent=2), flush=True)
        elif human is not None:
            self.out.print(human, soft_wrap=isinstance(human, str))

    def say(self, text: str) -> None:
        """A line about what goes on."""
        self.err.print(text, soft_wrap=True)


def open_terminal(client: Client, as_json: bool) -> Terminal:
    """The terminal of this process."""
    return Terminal(client, as_json, open_console(), open_console(stderr=True))


def open_console(stderr: bool = False) -> Console:
    """One of the two streams."""
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()
) -> Table:
    """A plain table; columns named in `right` are aligned to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*["" if cell is None else str(cell) for cell in row])
    return made


def show_error(message: str, remedy: str) -> None:
    """What went wrong and what to do, on stderr."""
    console = open_console(stderr=True)
    console.print(f"Error: {message}", style="red", soft_wrap=True)
    if remedy:
        console.print(remedy, soft_wrap=True)


def figures(result: dict[str, Any], indent: str = "  ") -> str:
    """A job's result as lines `name: value`; of a list the first entries."""
    lines: list[str] = []
    for name, value in result.items():
        title = name.replace("_", " ")
        if isinstance(value, dict):
            inner = "  ".join(f"{key} {_short(entry)}" for key, entry in value.items())
            lines.append(f"{indent}{title}: {inner}")
        elif isinstance(value, list):
            lines += _listed(title, value, indent)
        else:
            lines.append(f"{indent}{title}: {_short(value)}")
    return "\n".join(lines)


def _listed(title: str, entries: list[Any], indent: str) -> list[str]:
    if not entries:
        return []
    lines = [f"{indent}{title}:"]
    for entry in entries[:MAX_LINES]:
        shown = entry
        if isinstance(entry, dict):
            shown = ": ".join(str(value) for value in entry.values() if value is not None)
        lines.append(f"{indent}  {shown}")
    if len(entries) > MAX_LINES:
        lines.append(f"{indent}  and {len(entries) - MAX_LINES} more (--json lists them)")
    return lines


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
