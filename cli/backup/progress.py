"""How far a backup is, on stderr: a line that changes at a terminal, else one now and then."""

from __future__ import annotations

import time

from cli.terminal import open_console

AT_TERMINAL_S, ELSEWHERE_S = 0.2, 10.0


class Progress:
    """Called with what is done, how many of it, of how many."""

    def __init__(self) -> None:
        self._console = open_console(stderr=True)
        self._every_s = AT_TERMINAL_S if self._console.is_terminal else ELSEWHERE_S
        self._told_at = time.monotonic()
        self._is_open = False

    def __call__(self, what: str, done: int, total: int) -> None:
        """Tell it, if that is due."""
        if time.monotonic() - self._told_at < self._every_s:
            return
        self._told_at = time.monotonic()
        line = f"{what}: {done:,} of {total:,}"
        if self._console.is_terminal:
            self._console.print(f"\r{line:<60}", end="")
            self._is_open = True
        else:
            self._console.print(line, soft_wrap=True)

    def close(self) -> None:
        """The end of the line that changed."""
        if self._is_open:
            self._console.print()
