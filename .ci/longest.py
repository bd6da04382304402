"""The longest modules and functions of each room; fails when one is longer than people can read.

    python .ci/longest.py

Limits stand below: somewhat above what STYLE aims at (files of three hundred lines, functions of ten),
so that what is long is seen each time and what is too long does not come in. A folder holds no more
modules than one can take in at a glance; the tests' are not counted, since each mirrors one.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MAX_MODULE_LINES = 380
MAX_FUNCTION_LINES = {".py": 60, ".ts": 100, ".tsx": 100}  # a component holds its markup
MAX_MODULES = 16
SHOWN = 5
ROOMS = ("workers/gpu", "workers/cpu", "workers", "api", "common", "cli", "bench", "web", "tests")
MADE = ("web/src/api/schema.d.ts",)  # by a program, from the API's document
MANY = ("common/db/migrations/versions", "common/db/migrations/versions")  # one a change, for ever
_FUNCTION = re.compile(
    r"^(\s*)(?:export )?(?:default )?(?:async )?(?:function\*? (\w+)|const (\w+) = .*=> \{$)"
)


class Length(NamedTuple):
    """How many lines something has, and its name."""

    lines: int
    name: str


def main() -> int:
    """Print the five longest of each room; 1 when a limit is passed."""
    modules = list(_modules())
    too_much = []
    for room in ROOMS:
        paths = [path for path in modules if _room(path) == room]
        lengths = sorted((_module(path) for path in paths), reverse=True)
        functions = sorted((each for path in paths for each in _functions(path)), reverse=True)
        total = sum(length.lines for length in lengths)
        print(f"{room}: {total:,} lines in {len(paths)} modules")
        print(f"  modules    {_shown(lengths)}")
        print(f"  functions  {_shown(functions)}")
        too_much += [
            _said(each, MAX_MODULE_LINES) for each in lengths if each.lines > MAX_MODULE_LINES
        ]
        too_much += [_said(each, _limit(each)) for each in functions if each.lines > _limit(each)]
    too_much += _full_folders(modules)
    print(*too_much, sep="\n", end="\n" if too_much else "")
    return 1 if too_much else 0


def _modules() -> Iterator[str]:
    """Paths of all modules under version control, or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.py", "*.ts", "*.tsx"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for path in sorted(set(listed.stdout.split("\0")) - {""}):
        if path not in MADE and Path(path).exists():
            yield path


def _room(path: str) -> str:
    return next((room for room in ROOMS if path.startswith(f"{room}/")), "")


def _module(path: str) -> Length:
    return Length(len(_lines(path)), path)


def _lines(path: str) -> list[str]:
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def _functions(path: str) -> Iterator[Length]:
    """Of a migration none: each is written once and never read as a whole."""
    if path.startswith(MANY):
        return
    lines = _lines(path)
    found = _python(lines) if path.endswith(".py") else _typescript(lines)
    for length in found:
        yield Length(length.lines, f"{path}:{length.name}")


def _python(lines: list[str]) -> Iterator[Length]:
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Length((node.end_lineno or node.lineno) - node.lineno + 1, node.name)


def _typescript(lines: list[str]) -> Iterator[Length]:
    """A function ends at the first line that begins with a brace where it itself began."""
    for number, line in enumerate(lines):
        begun = _FUNCTION.match(line)
        if begun is None or line.endswith("}"):
            continue
        end = f"{begun[1]}}}"
        ends = (at for at in range(number + 1, len(lines)) if lines[at].startswith(end))
        yield Length(next(ends, number) - number + 1, begun[2] or begun[3])


def _shown(lengths: list[Length]) -> str:
    return " · ".join(f"{name} {lines}" for lines, name in lengths[:SHOWN])


def _limit(function: Length) -> int:
    return MAX_FUNCTION_LINES[Path(function.name.partition(":")[0]).suffix]


def _said(length: Length, limit: int) -> str:
    return f"{length.name}: {length.lines} lines; {limit} at most"


def _full_folders(modules: list[str]) -> list[str]:
    counts = Counter(
        str(Path(path).parent)
        for path in modules
        if not path.endswith("__init__.py") and not path.startswith("tests/")
    )
    return [
        f"{folder}: {count} modules; {MAX_MODULES} at most"
        for folder, count in sorted(counts.items())
        if count > MAX_MODULES and folder not in MANY
    ]


if __name__ == "__main__":
    sys.exit(main())
