"""Captions for people to look at in a spreadsheet; no program of ours reads this back.

Excel, LibreOffice and others calculate a cell that begins like a formula, also one that came from
somebody else: `=cmd|' /C calc'!A0` starts a program. So such a cell begins with an apostrophe here, and
only here: index.csv, train.csv and the like hold captions exactly as they are.

Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

COLUMNS = ("image", "caption number", "caption", "author", "date")
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BOM = "\ufeff"  # or Excel takes UTF-8 for Windows-1252


def harmless(cell: str) -> str:
    """The text as a spreadsheet shows it and never calculates it."""
    return f"'{cell}" if cell.lstrip(" \u00a0").startswith(_BEGINS_A_FORMULA) else cell


def write_spreadsheet(rows: Iterable[Iterable[str]]) -> bytes:
    """A comma separated table of COLUMNS, each cell quoted, as Excel and LibreOffice open it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return (_BOM + buffer.getvalue()).encode()
