"""The trash in the terminal: look, bring back, remove for good."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import quote

from cli.jobs.params import Misuse
from cli.terminal import Terminal, table

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
    terminal.answer(found, table(columns, rows, right=["MB"]))
    return 0


def _name_of(item: dict[str, Any]) -> str:
    if item["kind"] == "images" and item["count"] > 1:
        return f"{item['name']} and {item['count'] - 1:,} more"
    return str(item["name"])


def restore(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Bring one thing back."""
    back = terminal.client.post(f"{_path(arguments.what)}/restore")
    said = f"{arguments.what} is back."
    if back["kind"] == "images":
        said = f"{back['images']:,} images are back."
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
    path = "/trash" if arguments.what is None else _path(arguments.what)
    terminal.client.delete(path)
    what = arguments.what or "all that you may remove"
    terminal.answer({"removed": what}, f"Removed for good: {what}.")
    return 0


def _path(what: str) -> str:
    kind, _, key = what.partition(":")
    if kind not in ROOMS or not key:
        raise Misuse(
            f"'{what}' is not as the list has it.",
            remedy="It is dataset:ID, images:ID or model:ID; see clip-browser trash list.",
        )
    return f"/trash/{ROOMS[kind]}/{quote(key, safe='')}"
