"""`make bench-train`: our trainer against `python -m open_clip_train.main`, whole processes in turn.

python -m bench.train [--sets large small] [--rounds 3] [--limit-s 360] [--images 300] [--epochs 5]

Both train the small model from scratch on the same images with four captions each, with the same batch
size, learning rate, weight decay and share of warmup, with another seed in each round. An epoch is not
the same for both: the bare trainer sees each image four times in it, once with each caption; ours once,
with one of the four. So ours runs twice: with the same number of epochs, and with four times as many,
in which it trains on as many image-caption pairs. The target is judged by the second.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.train_runs import Task, Timed, run_bare, run_ours
from bench.train_sets import FORMS, TrainSet, draw_set

SIZES = {"large": (1920, 1080), "small": (64, 64)}
TARGETS = {"large": 4.0, "small": 1.5}  # times the bare trainer's pairs a second, whole run
BARE, SAME_PAIRS, SAME_EPOCHS = "bare trainer", "ours, same pairs", "ours, same epochs"
RECALLS = [f"{way}_r{cut}" for way in ("t2i", "i2t") for cut in (1, 5, 10)]


@dataclass
class Compared:
    """All runs on one set of images, by what ran, in the order of the rounds."""

    name: str
    data: TrainSet
    runs: dict[str, list[Timed]]
    round_s: float = 0.0


def main() -> None:
    """Draw the images, run the rounds, print tables and JSON."""
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="clip-browser-train-") as folder:
        root = Path(folder)
        sets = [_draw(root, name, arguments) for name in arguments.sets]
        _run_rounds(root, sets, arguments)
        for each in sets:
            _measure(each, arguments)
            _print(each, arguments)
        print(json.dumps({each.name: summary(each) for each in sets}))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--images", type=int, default=300, help="to train on")
    parser.add_argument("--val-images", type=int, default=60, help="to measure with")
    parser.add_argument("--epochs", type=int, default=5, help="of the bare trainer")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2, help="of the bare trainer's loader")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--limit-s", type=float, default=360.0,
        help="no further round is begun that would not end in time; each set has at least one",
    )  # fmt: skip
    return parser


def _draw(root: Path, name: str, arguments: argparse.Namespace) -> Compared:
    size = SIZES[name]
    data = draw_set(root / name, size, arguments.images, arguments.val_images)
    print(
        f"{name}: {len(data.train)} + {len(data.val)} JPEG images of {size[0]}x{size[1]}, "
        f"{data.mean_kib:.0f} KiB each, {len(FORMS)} captions each",
        flush=True,
    )
    return Compared(name, data, {BARE: [], SAME_PAIRS: [], SAME_EPOCHS: []})


def _run_rounds(root: Path, sets: list[Compared], arguments: argparse.Namespace) -> None:
    until = time.monotonic() + arguments.limit_s
    for number in range(arguments.rounds):
        for each in sets:
            if number == 0 or time.monotonic() + each.round_s < until:
                _run_round(root / f"{each.name}-{number}", each, number, arguments)


def _run_round(folder: Path, each: Compared, number: int, arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    task = Task(
        each.data, folder, arguments.epochs, arguments.batch_size, number, arguments.workers
    )
    longer = arguments.epochs * len(FORMS)
    turns: list[tuple[str, Callable[[Task], Timed], Task]] = [
        (SAME_EPOCHS, run_ours, replace(task, folder=folder / "epochs")),
        (BARE, run_bare, replace(task, folder=folder / "bare")),
        (SAME_PAIRS, run_ours, replace(task, folder=folder / "pairs", epochs=longer)),
    ]
    for what, run, own in turns if number % 2 == 0 else reversed(turns):
        timed = run(own)
        for epoch, weights in timed.weights.items():
            timed.weights[epoch] = _kept(weights, folder / f"{what} {epoch}")
        shutil.rmtree(own.folder)
        each.runs[what].append(timed)
        print(
            f"{each.name}, round {number + 1}, {what}: {timed.wall_s:.1f} s, "
            f"{timed.pairs_per_second:.0f} pairs/s (load {os.getloadavg()[0]:.1f})",
            flush=True,
        )
    each.round_s = time.monotonic() - began


def _kept(weights: str, place: Path) -> str:
    """Move weights out of a run's folder, which takes hundreds of MB; their new name."""
    prefix = "local-dir:" if weights.startswith("local-dir:") else ""
    shutil.move(weights.removeprefix(prefix), place)
    return f"{prefix}{place}"


def _measure(each: Compared, arguments: argparse.Namespace) -> None:
    from bench.train_recall import measure_recall  # torch: only once the clocks have stopped
    from common.models.catalogue import SMALL_MODEL

    for timed in (run for runs in each.runs.values() for run in runs):
        for epoch, weights in timed.weights.items():
            timed.recall[epoch] = measure_recall(
                weights, each.data, SMALL_MODEL, arguments.batch_size
            )


def summary(each: Compared) -> dict[str, Any]:
    """Medians of each way over the rounds, and the ratios to the bare trainer, pair by pair."""
    made: dict[str, Any] = {"rounds": len(each.runs[BARE])}
    for what, runs in each.runs.items():
        ratios = [
            mine.pairs_per_second / bare.pairs_per_second
            for mine, bare in zip(runs, each.runs[BARE], strict=True)
        ]
        steady = [run.steady for run in runs if run.steady is not None]
        made[what] = {
            "wall_s": _median(run.wall_s for run in runs),
            "cpu_s": _median(run.cpu_s for run in runs),
            "pairs": runs[0].pairs,
            "pairs_per_second": _median(run.pairs_per_second for run in runs),
            "times_the_bare": _median(ratios),
            "ratios": [round(ratio, 2) for ratio in ratios],
            "times_the_bare_by_cpu": _median(
                mine.pairs / mine.cpu_s / (bare.pairs / bare.cpu_s)
                for mine, bare in zip(runs, each.runs[BARE], strict=True)
            ),
            "image_passes_per_second": _median(run.passes / run.wall_s for run in runs),
            "steady_pairs_per_second": _median(steady) if steady else None,
            "parts_s": {
                part: _median(run.parts_s[part] for run in runs) for part in runs[0].parts_s
            },
            "recall": {epoch: _mean_recall(runs, epoch) for epoch in runs[0].recall},
        }
    return made


def _median(values: Any) -> float:
    return round(float(statistics.median(values)), 3)


def _mean_recall(runs: list[Timed], epoch: str) -> dict[str, float]:
    return {
        name: round(statistics.mean(run.recall[epoch][name] for run in runs), 4) for name in RECALLS
    }


def _print(each: Compared, arguments: argparse.Namespace) -> None:
    made = summary(each)
    print(f"\n{each.name} images, medians of {made['rounds']} rounds; recall is their mean")
    heads = ("wall s", "cpu s", "pairs", "pairs/s", "x bare", "by cpu", "steady/s", "passes/s")
    print(f"{'':20}" + "".join(f"{head:>10}" for head in heads))
    for what in each.runs:
        row = made[what]
        print(
            f"{what:20}{row['wall_s']:>10.1f}{row['cpu_s']:>10.1f}{row['pairs']:>10}"
            f"{row['pairs_per_second']:>10.1f}{row['times_the_bare']:>10.2f}"
            f"{row['times_the_bare_by_cpu']:>10.2f}{row['steady_pairs_per_second'] or 0:>10.1f}"
            f"{row['image_passes_per_second']:>10.3f}"
        )
    for what in each.runs:
        parts = ", ".join(
            f"{part} {took_s:.1f} s" for part, took_s in made[what]["parts_s"].items()
        )
        print(f"{what}: {parts}")
    print(f"{'recall':38}" + "".join(f"{name:>9}" for name in RECALLS))
    for what in each.runs:
        for epoch, recall in made[what]["recall"].items():
            shown = "".join(f"{100 * recall[name]:>8.1f}%" for name in RECALLS)
            print(f"{f'{what}, {epoch}':38}{shown}")
    for line in verdict(each.name, made):
        print(line)


def verdict(name: str, made: dict[str, Any]) -> list[str]:
    """Whether the target is met, said for each way of reading it."""
    target, lines = TARGETS[name], []
    bare = made[BARE]["recall"]["last epoch"]["t2i_r1"]
    for what in (SAME_PAIRS, SAME_EPOCHS):
        row = made[what]
        for epoch, recall in row["recall"].items():
            fast = row["times_the_bare"] >= target
            good = recall["t2i_r1"] >= bare
            lines.append(
                f"{'MET' if fast and good else 'MISSED'} ({what}, {epoch}): {row['times_the_bare']:.2f} "
                f"times the bare trainer's pairs a second (target {target:g}), text-to-image recall@1 "
                f"{100 * recall['t2i_r1']:.1f} % against {100 * bare:.1f} %"
            )
    return lines


if __name__ == "__main__":
    main()
