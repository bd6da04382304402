"""The trash in the terminal: look, bring back, remove for good."""

from __future__ import annotations

import argparse
import sys
from typing import Any
from urllib.parse import quote

from cli.jobs.params import Misuse
from cli.terminal import Terminal, table
from common.errors import Conflict, NotFound

ROOMS = {"dataset": "datasets", "images": "images", "model": "models"}


def list_trash(terminal: Terminal, _: argparse.Namespace) -> int:
    """What one may bring back, the newest first."""
    found = list(terminal.client.items("/trash"))
    rows = [
        [
            f"{item['kind']}:{item['key']}",
            _name_of(item),
            item["dataset_id"] or "",
            f"{item['size_bytes'] / 1e6:,.1f}",
            item["deleted_by"],
            item["until"][:16].replace("T", " "),
        ]
        for item in found
    ]
    columns = ["what", "name", "dataset", "MB", "deleted by", "kept until"]
    shown = (
        table(columns, rows, right=["MB"]) if rows else "There is nothing that you may bring back."
    )
    terminal.answer(found, shown)
    return 0


def _name_of(item: dict[str, Any]) -> str:
    if item["kind"] == "images" and item["count"] > 1:
        return f"{item['name']} and {item['count'] - 1:,} more"
    return str(item["name"])


def restore(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Bring one thing back."""
    what = _meant(terminal, arguments.what)
    back = terminal.client.post(f"{_path(what)}/restore")
    said = f"{what} is back."
    if back["kind"] == "images":
        said = f"{back['images']:,} image{' is' if back['images'] == 1 else 's are'} back."
    if back["left"]:
        said += f" {back['left']:,} were uploaded again meanwhile and stay in the trash."
    terminal.answer(back, said)
    return 0


def empty(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Remove one thing for good, or with --all everything that one may."""
    if (arguments.what is None) != arguments.all:
        raise Misuse(
            "Say what is to be removed for good, or --all.", remedy="clip-browser trash list"
        )
    if arguments.what is None:
        return _empty_all(terminal)
    terminal.client.delete(_path(arguments.what))
    terminal.answer({"removed": arguments.what}, f"Removed for good: {arguments.what}.")
    return 0


def _empty_all(terminal: Terminal) -> int:
    """Whoever sits at a terminal is asked; a script has said --all."""
    mine = [item for item in terminal.client.items("/trash") if item["may_remove"]]
    if not mine:
        terminal.answer({"removed": 0}, "There is nothing that you may remove.")
        return 0
    if sys.stdin.isatty() and not terminal.json:
        terminal.say("\n".join(f"{item['kind']}:{item['key']}  {_name_of(item)}" for item in mine))
        if input(f"Remove {len(mine)} for good? Type yes: ").strip().lower() != "yes":
            terminal.say("Nothing was removed.")
            return 1
    removed = terminal.client.delete("/trash")["removed"]
    terminal.answer({"removed": removed}, f"Removed for good: {removed:,}.")
    return 0


def _meant(terminal: Terminal, what: str) -> str:
    """As the list has it: by a name or an id alone as well, where that is of one thing. Raises NotFound, Conflict."""
    if ":" in what:
        return what
    found = [
        f"{item['kind']}:{item['key']}"
        for item in terminal.client.items("/trash")
        if what in (item["key"], item["name"])
    ]
    if not found:
        raise NotFound(
            f"Nothing in the trash is called '{what}'.", remedy="See clip-browser trash list."
        )
    if len(found) > 1:
        raise Conflict(
            f"{len(found)} things in the trash are called '{what}'.",
            remedy=f"Say which: {', '.join(found)}.",
        )
    return found[0]


def _path(what: str) -> str:
    kind, _, key = what.partition(":")
    if kind not in ROOMS or not key:
        raise Misuse(
            f"'{what}' is not as the list has it.",
            remedy="It is dataset:ID, images:ID or model:ID; see clip-browser trash list.",
        )
    return f"/trash/{ROOMS[kind]}/{quote(key, safe='')}"
