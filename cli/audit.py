"""The audit log in the terminal."""

from __future__ import annotations

import argparse
import itertools
import json
from datetime import datetime

from cli.client import Client
from cli.jobs.params import Misuse
from cli.lookups import find_dataset
from cli.terminal import Terminal, table
from common.errors import InvalidInput, NotFound

FORMS = {".csv": "csv", ".jsonl": "jsonl"}


def show_audit(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Lines that fit, the newest first; with --out all of them as a file (.csv or .jsonl)."""
    for option in ("since", "until"):
        _require_time(option, getattr(arguments, option))
    wanted = {
        "actor": arguments.actor,
        "act": arguments.act,
        "since": arguments.since,
        "until": arguments.until,
    }
    if arguments.dataset is not None:
        wanted["dataset_id"] = _dataset_id(terminal.client, arguments.dataset)
    if arguments.out is not None:
        form = FORMS.get(arguments.out.suffix.lower())
        if form is None:
            raise Misuse(
                f"{arguments.out} ends neither in .csv nor in .jsonl.", remedy="Choose one of them."
            )
        terminal.client.download(
            "/audit/export", arguments.out, lambda *_: None, format=form, **wanted
        )
        facts = {"file": str(arguments.out), "size_bytes": arguments.out.stat().st_size}
        terminal.answer(facts, f"{arguments.out}: {facts['size_bytes']:,} bytes")
        return 0
    found = list(itertools.islice(terminal.client.items("/audit", **wanted), arguments.limit))
    rows = [
        [
            item["at"][:19].replace("T", " "),
            item["actor"] or "-",
            item["act"],
            item["target"] or (f"dataset:{item['dataset_id']}" if item["dataset_id"] else ""),
            item["address"],
            json.dumps(item["details"], ensure_ascii=False) if item["details"] else "",
        ]
        for item in found
    ]
    columns = ["at", "who", "did", "to what", "from", "details"]
    terminal.answer(found, table(columns, rows) if rows else _nothing(terminal.client, wanted))
    return 0


def _require_time(option: str, text: str | None) -> None:
    """Raises InvalidInput."""
    try:
        datetime.fromisoformat(text or "2026-03-01")
    except ValueError:
        raise InvalidInput(
            f"--{option} is '{text}', which is no time.",
            remedy="Write 2026-03-01, or 2026-03-01T12:00Z.",
        ) from None


def _dataset_id(client: Client, name: str) -> str:
    """Of one that is there, else of one in the trash, else as it was typed: the log outlives what it is about."""
    try:
        return str(find_dataset(client, name)["id"])
    except NotFound:
        trashed = [item for item in client.items("/trash") if item["kind"] == "dataset"]
        found = {item["key"] for item in trashed if name in (item["key"], item["name"])}
        return found.pop() if len(found) == 1 else name


def _nothing(client: Client, wanted: dict[str, str | None]) -> str:
    """Also which acts there are, where none begins so."""
    act, known = wanted["act"], client.get("/audit", limit=1)["acts"]
    if act is None or any(f"{each}.".startswith(f"{act}.") for each in known):
        return "No line fits."
    return f"Nothing is noted as '{act}'. There are: {', '.join(known)}."
