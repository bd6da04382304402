"""`clip-browser doctor`: looks at everything, and says what to do. Changes nothing.

    clip-browser doctor --data-dir data
    docker compose exec api clip-browser doctor --json

Exit code 0 when nothing is wrong (there may be warnings), 1 when something is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict

from rich.table import Table

from cli.doctor.clocks import look_at_clocks
from cli.doctor.database_looks import look_at_database
from cli.doctor.file_looks import look_at_files
from cli.doctor.findings import Finding, worst
from cli.doctor.gpu import look_at_gpus
from cli.doctor.host import look_at_disks, look_at_memory, look_at_shared_memory
from cli.doctor.model_looks import look_at_language_model, look_at_weights
from cli.doctor.place import Place, open_place
from cli.doctor.redis_looks import look_at_redis
from cli.doctor.store_looks import look_at_store
from cli.doctor.versions import look_at_versions
from cli.doctor.worker_looks import look_at_workers
from cli.terminal import open_console
from common.version import VERSION

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
LOOKS: tuple[Callable[[Place], Iterator[Finding]], ...] = (
    look_at_versions,
    look_at_disks,
    look_at_memory,
    look_at_shared_memory,
    look_at_gpus,
    look_at_database,
    look_at_redis,
    look_at_store,
    look_at_clocks,
    look_at_workers,
    look_at_files,
    look_at_weights,
    look_at_language_model,
)


def examine(arguments: argparse.Namespace) -> int:
    """Print what was found; 1 when something fails. Raises InvalidInput on settings that do not fit."""
    with open_place(arguments.data_dir) as place:
        findings = [finding for look in LOOKS for finding in look(place)]
    state = worst(findings)
    if arguments.json:
        shape = {"version": VERSION, "state": state, "findings": [asdict(one) for one in findings]}
        print(json.dumps(shape, ensure_ascii=False, indent=2), flush=True)
    else:
        open_console().print(_table(findings))
        open_console().print(_summary(findings), soft_wrap=True)
    return 1 if state == "fail" else 0


def _table(findings: Iterable[Finding]) -> Table:
    shown = Table(box=None, pad_edge=False, show_header=False)
    for name in ("state", "check"):
        shown.add_column(name, no_wrap=True)
    shown.add_column("found", overflow="fold")
    for one in findings:
        shown.add_row(one.state, one.check, one.found, style=_style(one))
        if one.remedy:
            shown.add_row("", "", f"-> {one.remedy}")
    return shown


def _style(finding: Finding) -> str:
    return "" if finding.state == "ok" else COLOURS[finding.state]


def _summary(findings: list[Finding]) -> str:
    counts = {name: sum(one.state == name for one in findings) for name in COLOURS}
    if counts["fail"]:
        return f"{counts['fail']} wrong, {counts['warn']} to look at, {counts['ok']} well."
    if counts["warn"]:
        return f"Nothing is wrong; {counts['warn']} to look at, {counts['ok']} well."
    return f"All is well ({counts['ok']} looks)."
