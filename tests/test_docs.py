"""What the documents for developers name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOP = ("api", "bench", "cli", "common", "docs", "tests", "web", "workers", ".ci")
TICKED = re.compile(r"`([\w./-]+)`")
ROOMS = {2: "api", 3: "common", 4: "workers", 5: "web/src/pages"}  # by the map's columns


def rows() -> list[list[str]]:
    """The rows of the map: rooms across, capabilities down."""
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    table = text.split("| word |")[1].split("\n\n")[0]
    return [line.split("|")[1:-1] for line in table.splitlines()[2:]]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_each_file_and_folder_that_is_named_exists(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    named = {path for path in TICKED.findall(text) if path.split("/")[0] in TOP and "/" in path}
    assert len(named) > 3
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_map_names_each_folder_of_the_rooms_once() -> None:
    found: dict[str, set[str]] = {room: set() for room in ROOMS.values()}
    for cells in rows():
        for column, room in ROOMS.items():
            found[room] |= {path.rstrip("/") for path in TICKED.findall(cells[column])}
    assert found["api"] == folders("api")
    assert found["web/src/pages"] == folders("web/src/pages")
    assert found["common"] | {"db", "store"} == folders("common")
    inner = {f"{room}/{name}" for room in ("cpu", "gpu") for name in folders(f"workers/{room}")}
    assert found["workers"] == folders("workers") - {"cpu", "gpu"} | inner


def folders(room: str) -> set[str]:
    return {
        path.name
        for path in (ROOT / room).iterdir()
        if path.is_dir() and not path.name.startswith(("_", "."))
    }
