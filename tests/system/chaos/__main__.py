"""`python -m tests.system.chaos`: the story alone, as long as one likes."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.system.chaos.stage import Plan
from tests.system.chaos.story import play


def main() -> int:
    """0 when nothing was lost; else 1, and the folder with data and logs is kept."""
    parser = argparse.ArgumentParser(prog="make chaos ARGS=...")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long there are accidents")
    parser.add_argument("--seed", default="", help="repeats the accidents of an earlier run")
    parser.add_argument("--postgres", action="store_true", help="and two captions workers")
    parser.add_argument(
        "--everything", action="store_true", help="PostgreSQL, S3, every kind of job and accident"
    )
    chosen = parser.parse_args()
    seed = chosen.seed or secrets.token_hex(3)
    folder = Path(tempfile.mkdtemp(prefix="clip-browser-chaos-"))
    print(f"seed {seed}, data in {folder}", flush=True)
    report = play(Plan(chosen.seconds, seed, chosen.postgres, chosen.everything), folder)
    print(report.summary)
    if report.problems:
        print(f"\n{len(report.problems)} problems with --seed {seed} (logs below {folder}):")
        print("\n".join(report.problems[:100]))
        return 1
    shutil.rmtree(folder)
    print("\nNothing was lost.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
