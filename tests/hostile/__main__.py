"""Everything hostile, generated from a seed: `python -m tests.hostile --count 1500 [--seed 7] [KIND ...]`.

Each case must end in being taken or in a refusal with a reason, within its time and with the memory that
this process may have; anything else is printed with what makes it again, and the exit code is 1. Files and names
are taken by what takes them in the service, in this process; requests and sockets by a running API.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
import traceback
import types
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from common.errors import InvalidInput
from tests.hostile import archives, models, names, pictures, requests, sockets, tables
from tests.hostile.served import served

FILES: dict[str, types.ModuleType] = {
    "pictures": pictures, "archives": archives, "tables": tables, "models": models, "names": names,
}  # fmt: skip
SERVED: dict[str, types.ModuleType] = {"requests": requests, "sockets": sockets}
MOST_S = 5.0  # of the processor, a case; of waiting, where another process takes it
MOST_BYTES = 3 * 2**30  # private memory of this process, torch's included
SHARES = {"pictures": 1.0, "archives": 0.7, "tables": 0.7, "models": 1.0, "names": 2.0,
          "requests": 1.5, "sockets": 1.0}  # fmt: skip


@dataclass
class Tally:
    """What became of the cases of one kind."""

    taken: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    wall_s: float = 0.0
    faults: list[str] = field(default_factory=list)


def run(
    kind: str, module: types.ModuleType, take: Callable[[bytes], Any], clock: Callable[[], float],
    count: int, seed: int,
) -> Tally:  # fmt: skip
    """Make and take `count` cases of a kind."""
    tally = Tally()
    started = time.monotonic()
    cases = islice(module.make(random.Random(f"{kind} {seed}")), count)
    for number, (what, data) in enumerate(cases):
        began = clock()
        try:
            take(data)
            tally.taken += 1
        except InvalidInput as refusal:
            tally.refused += 1
            if not refusal.message:
                tally.faults.append(f"{kind} {number} ({what}): refused without a reason")
        except BaseException as problem:
            last = traceback.extract_tb(problem.__traceback__)[-1]
            told = f"{type(problem).__name__}: {str(problem)[:200]} at {last.name}:{last.lineno}"
            tally.faults.append(f"{kind} {number} of seed {seed} ({what}): {told}")
        took_s = clock() - began
        tally.slowest_s = max(tally.slowest_s, round(took_s, 2))
        if took_s > MOST_S:
            tally.faults.append(f"{kind} {number} of seed {seed} ({what}): took {took_s:.1f} s")
    tally.wall_s = round(time.monotonic() - started, 1)
    return tally


def run_files(kinds: list[str], count: int, seed: int) -> bool:
    """Those that this process takes; whether all were well."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    faulty = False
    for kind in kinds:
        module = FILES[kind]
        tally = run(kind, module, module.take, time.process_time, round(count * SHARES[kind]), seed)
        faulty |= bool(tally.faults)
        tell(kind, tally, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    return not faulty


def run_served(kinds: list[str], count: int, seed: int) -> bool:
    """Those that a running API takes, which is as well afterwards as it was before."""
    faulty = False
    with served() as target:
        for kind in kinds:
            module = SERVED[kind]
            take = partial(module.take, target)
            tally = run(kind, module, take, time.monotonic, round(count * SHARES[kind]), seed)
            try:
                target.require_well()
            except Exception as unwell:
                tally.faults.append(f"after the {kind} of seed {seed}: {unwell!r}")
            faulty |= bool(tally.faults)
            tell(kind, tally, target.most_bytes)
    return not faulty


def tell(kind: str, tally: Tally, most_bytes: int) -> None:
    """One JSON line."""
    print(json.dumps({"kind": kind, **asdict(tally), "peak_mb": most_bytes // 2**20}), flush=True)


def main() -> None:
    """One JSON line a kind, then the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=[*FILES, *SERVED])
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    served_kinds = [kind for kind in asked.kinds if kind in SERVED]
    file_kinds = [kind for kind in asked.kinds if kind in FILES]
    # the API first: it would inherit this process's limit
    is_well = not served_kinds or run_served(served_kinds, asked.count, asked.seed)
    is_well &= run_files(file_kinds, asked.count, asked.seed)
    sys.exit(not is_well)


if __name__ == "__main__":
    main()
