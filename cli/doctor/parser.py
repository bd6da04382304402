"""The words of `clip-browser doctor`. What it looks with is imported when it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

Parsers = Any  # argparse's subparsers action has no public type


def add_parser(parsers: Parsers) -> None:
    """Add the subcommand."""
    text = "look at everything that the service stands on, and say what to do"
    doctor = parsers.add_parser("doctor", help=text, description=f"{text[0].upper()}{text[1:]}.")
    doctor.add_argument(
        "--data-dir", type=Path, metavar="DIR",
        help="data folder of a service that `clip-browser up` has started (default ./data)",
    )  # fmt: skip
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(run=_examine)


def _examine(arguments: argparse.Namespace) -> int:
    from cli.doctor.commands import examine

    return examine(arguments)
