"""The file of the paraphrases that are there so far: one JSON line `{"caption", "variants"}` each."""

from __future__ import annotations

import json
from pathlib import Path


def read_done(done_file: Path) -> dict[str, list[str]]:
    """What an earlier attempt wrote; a last line that a kill cut short is left out."""
    done: dict[str, list[str]] = {}
    if not done_file.is_file():
        return done
    whole = []
    for line in done_file.read_text("utf-8").splitlines():
        try:
            record = json.loads(line)
            done[record["caption"]] = record["variants"]
            whole.append(line + "\n")
        except (ValueError, KeyError, TypeError):
            continue
    done_file.write_text("".join(whole), encoding="utf-8")
    return done
