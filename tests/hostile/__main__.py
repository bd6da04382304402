"""Everything hostile, generated from a seed: `python -m tests.hostile --count 1500 [--seed 7] [KIND ...]`.

Each case must end in being taken or in a refusal with a reason, within its time and with the memory that
this process may have; anything else is printed with what makes it again, and the exit code is 1.
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
from dataclasses import asdict, dataclass, field
from itertools import islice

from common.errors import InvalidInput
from tests.hostile import archives, models, names, pictures, tables

KINDS: dict[str, types.ModuleType] = {
    "pictures": pictures, "archives": archives, "tables": tables, "models": models, "names": names,
}  # fmt: skip
MOST_S = 5.0  # of the processor, a case
MOST_BYTES = 3 * 2**30  # private memory of this process, torch's included
SHARES = {"pictures": 1.0, "archives": 0.7, "tables": 0.7, "models": 1.0, "names": 2.0}


@dataclass
class Tally:
    """What became of the cases of one kind."""

    taken: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    faults: list[str] = field(default_factory=list)


def run(kind: str, count: int, seed: int) -> Tally:
    """Make and take `count` cases of a kind."""
    tally, module = Tally(), KINDS[kind]
    cases = islice(module.make(random.Random(f"{kind} {seed}")), count)
    for number, (what, data) in enumerate(cases):
        began = time.process_time()
        try:
            module.take(data)
            tally.taken += 1
        except InvalidInput as refusal:
            tally.refused += 1
            if not refusal.message:
                tally.faults.append(f"{kind} {number} ({what}): refused without a reason")
        except BaseException as problem:
            last = traceback.extract_tb(problem.__traceback__)[-1]
            told = f"{type(problem).__name__}: {str(problem)[:200]} at {last.name}:{last.lineno}"
            tally.faults.append(f"{kind} {number} of seed {seed} ({what}): {told}")
        took_s = time.process_time() - began
        tally.slowest_s = max(tally.slowest_s, round(took_s, 2))
        if took_s > MOST_S:
            tally.faults.append(f"{kind} {number} of seed {seed} ({what}): took {took_s:.1f} s")
    return tally


def main() -> None:
    """One JSON line a kind, then the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    faulty = False
    for kind in asked.kinds:
        tally = run(kind, round(asked.count * SHARES[kind]), asked.seed)
        faulty |= bool(tally.faults)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps({"kind": kind, **asdict(tally), "peak_mb": peak_mb}), flush=True)
    sys.exit(faulty)


if __name__ == "__main__":
    main()
