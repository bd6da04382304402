"""`make bench-augment`: how fast captions are varied, by synonyms and by a language model.

python -m bench.augment [--synonyms] [--llm] [--captions 20000] [--seconds 5]

Without a choice both are measured. Synonyms: on one core, with the project's own map, on as many
different captions as `--captions` says, put together of parts that people wrote; the map is loaded
before the clock starts, as it is once for each job.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from common.augment.synonym_files import default_map, index_with_default
from common.augment.synonym_index import SynonymMap
from common.augment.synonym_map import parse_map
from workers.cpu.augment.synonyms import Augmentation, augment_captions

NUMBERS = (3, 10)
A_MINUTE_S = 60.0
WHO = """a man in a blue jacket | two young women | a little girl with a red umbrella | an old couple
| three children | a black dog | a small orange cat | a group of people | a police officer on a
motorcycle | a chef in a white hat | the kids | an elderly man with glasses | a baby elephant | a flock
of birds | several cyclists | a tall giraffe | a boy wearing a helmet | a woman with blond hair and a
large backpack | a skier | many tourists"""
DOES = """is sitting | are standing | is walking slowly | running | is eating a slice of pizza | looking
at a phone | is riding a bike | jumping over a puddle | is talking to a friend | sleeping | is taking a
picture of the sunset | holding a plate of food | is carrying two suitcases | smiling for the camera |
is waiting for a bus | playing with a ball | is reading a newspaper | throwing a frisbee"""
WHERE = """on a bench in the park | in front of a stone house | next to a parked car | at the beach near
the ocean | on a busy street at night | under a tree | in the middle of a grassy field | beside a wooden
fence | inside a small shop | on the left side of a crowded train | on top of a snowy mountain | in a
kitchen with a refrigerator | across from the supermarket | at the airport, near a large airplane | by
the side of a dirt road in the countryside"""
ENDS = ("", ".", " with a blue sky in the background", ", seen from above", " in black and white")


def main() -> None:
    """Print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--synonyms", action="store_true", help="synonyms only")
    parser.add_argument("--llm", action="store_true", help="the language model only")
    parser.add_argument("--captions", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement, about")
    arguments = parser.parse_args()
    if arguments.synonyms or not arguments.llm:
        report = measure(list(itertools.islice(captions(), arguments.captions)), arguments.seconds)
        for name, value in report.items():
            print(f"{name:52} {value:>14,.1f}")
        print(json.dumps(report), flush=True)
    if arguments.llm or not arguments.synonyms:
        subprocess.run([sys.executable, "-m", "bench.augment_llm"], check=True)


def captions() -> Iterator[str]:
    """Captions as people write them, of photographs, all different, always in the same order."""
    parts = [[" ".join(part.split()) for part in text.split("|")] for text in (WHO, DOES, WHERE)]
    every = list(itertools.product(*parts, ENDS))
    random.Random(0).shuffle(every)
    for who, does, where, end in every:
        yield f"{who[0].upper()}{who[1:]} {does} {where}{end}"


def measure(texts: list[str], least_s: float) -> dict[str, float]:
    """Variants a minute on one core, and how many a caption has, for each of NUMBERS."""
    synonyms = index_with_default(parse_map(default_map()))
    rows = list(enumerate(texts))
    report: dict[str, float] = {
        "captions": len(rows),
        "words a caption": statistics.mean(len(text.split()) for text in texts),
    }
    augment_captions(rows[:200], synonyms, 3)
    for number in NUMBERS:
        took_s, found = _timed(rows, synonyms, number, least_s)
        made = sum(len(variants) for _, variants in found.variants)
        report[f"{number} asked for: variants a minute"] = made / took_s * A_MINUTE_S
        report[f"{number} asked for: captions with fewer (%)"] = 100 * len(found.short) / len(rows)
    return report


def _timed(
    rows: list[tuple[int, str]], synonyms: SynonymMap, number: int, least_s: float
) -> tuple[float, Augmentation[int]]:
    """(the CPU seconds of the median run, what it gave); as many runs as least_s has room for."""
    runs: list[float] = []
    while sum(runs) < least_s:
        began = time.process_time()
        found = augment_captions(rows, synonyms, number, seed=len(runs))
        runs.append(time.process_time() - began)
    return statistics.median(runs), found


if __name__ == "__main__":
    main()
