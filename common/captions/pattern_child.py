"""Edits by a pattern that somebody typed, in a process of their own.

A pattern of a few characters may ask for gigabytes while it is compiled (`(?:a{1000}){1000}`), which no time
limit of the library counts. The child may have MEMORY_MIB and some seconds of processor time; when it wants more
it ends, and nobody else notices. Lines of JSON: the edit, then lists of captions, and an answer to each.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from common.captions.edits import CaptionEdit, Edited, Editor, too_large, too_slow
from common.errors import ClipBrowserError, Internal, InvalidInput, error_from_dict
from common.processes import die_with_parent, step_back

MEMORY_MIB = 256  # of addresses; Python and the library take 30 of them
COMPILE_S = 2  # processor time until the pattern is ready; an ordinary one takes milliseconds
SLACK_S = 2  # processor time for what is no matching: reading and writing the captions
SILENCE_S = 30.0  # a machine may be as busy as that
PORTION = 500  # captions in one line
NICE = 10
ApplyAll = Callable[[Sequence[str | None]], list[Edited]]


@contextlib.contextmanager
def open_editor(edit: CaptionEdit, budget_s: float) -> Iterator[ApplyAll]:
    """What an edit makes of captions, in their order; a pattern may take `budget_s` seconds for all.

    Raises InvalidInput, here or from what is given, as `Editor` does.
    """
    if edit.mode == "replace" and edit.regex:
        with _Child(edit, budget_s) as child:
            yield child.apply_all
    else:
        yield Editor(edit, budget_s).apply_all


class _Child:
    """A running child, from its first answer on."""

    def __init__(self, edit: CaptionEdit, budget_s: float) -> None:
        self._find, self._budget_s = edit.find, budget_s
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        step_back(self._process.pid, NICE)
        self._rest = b""
        try:
            self._ask({"edit": vars(edit), "budget_s": budget_s})
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def apply_all(self, captions: Sequence[str | None]) -> list[Edited]:
        """What becomes of each. Raises InvalidInput when it takes too long or too much memory."""
        done: list[Edited] = []
        for start in range(0, len(captions), PORTION):
            answer = self._ask(list(captions[start : start + PORTION]))
            done += [Edited(*each) for each in answer["edited"]]
        return done

    def _ask(self, said: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(said).encode() + b"\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._line(time.monotonic() + SILENCE_S))
        except (BrokenPipeError, EOFError):
            raise self._lost() from None
        if "error" in answer:
            raise error_from_dict(answer["error"])
        return answer

    def _line(self, until: float) -> bytes:
        """The next line. Raises EOFError when the child ends, InvalidInput when it says nothing."""
        assert self._process.stdout is not None
        stdout = self._process.stdout.fileno()
        pieces = [self._rest]
        while b"\n" not in pieces[-1]:
            left_s = until + self._budget_s - time.monotonic()
            if left_s <= 0 or not select.select([stdout], [], [], left_s)[0]:
                raise too_slow(self._find)
            piece = os.read(stdout, 1 << 20)
            if not piece:
                raise EOFError
            pieces.append(piece)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        return line

    def _lost(self) -> ClipBrowserError:
        """Why it ended by itself: time and memory are all that it may lack."""
        ended_by = -self._process.wait()
        if ended_by == signal.SIGXCPU:
            return too_slow(self._find)
        return too_large(self._find)

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                _close(pipe)


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        pipe.close()


def serve(asked: IO[str], answered: IO[str]) -> None:
    """The child: answer each line until there are no more."""
    first = json.loads(asked.readline())
    _limit(COMPILE_S)
    editor: Editor | None = None
    given: Any = []
    while True:
        answer: dict[str, Any]
        try:
            if editor is None:
                editor = Editor(CaptionEdit(**first["edit"]), first["budget_s"])
                _limit(math.ceil(first["budget_s"]) + SLACK_S)
            answer = {"edited": [[one.text, one.problem] for one in editor.apply_all(given)]}
        except InvalidInput as bad:
            answer = {"error": bad.to_dict()}
        except MemoryError:
            answer = {"error": too_large(first["edit"]["find"]).to_dict()}
        except Exception as fault:
            answer = {"error": Internal(f"The pattern failed: {fault!r}"[:300]).to_dict()}
        print(json.dumps(answer), file=answered, flush=True)
        line = asked.readline()
        if not line:
            return
        given = json.loads(line)


def _limit(processor_s: int) -> None:
    """Bound the memory, and the processor time from now on. macOS bounds the time alone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit_s = math.ceil(used.ru_utime + used.ru_stime) + processor_s
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, resource.RLIM_INFINITY))
    with contextlib.suppress(ValueError, OSError):
        size = MEMORY_MIB * 1024**2
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    serve(sys.stdin, sys.stdout)
