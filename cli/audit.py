"""The audit log in the terminal."""

from __future__ import annotations

import argparse
import itertools
import json

from cli.lookups import find_dataset
from cli.terminal import Terminal, table


def show_audit(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Lines that fit, the newest first; with --out all of them as a file (.csv or .jsonl)."""
    wanted = {
        "actor": arguments.actor,
        "act": arguments.act,
        "since": arguments.since,
        "until": arguments.until,
    }
    if arguments.dataset is not None:
        wanted["dataset_id"] = find_dataset(terminal.client, arguments.dataset)["id"]
    if arguments.out is not None:
        form = "jsonl" if arguments.out.suffix == ".jsonl" else "csv"
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
            item["target"],
            item["address"],
            json.dumps(item["details"], ensure_ascii=False) if item["details"] else "",
        ]
        for item in found
    ]
    terminal.answer(found, table(["at", "who", "did", "to what", "from", "details"], rows))
    return 0
