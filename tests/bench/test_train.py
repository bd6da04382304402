"""The measurement of training runs, with numbers too small to mean anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

from bench.train import BARE, SAME_EPOCHS, SAME_PAIRS, verdict
from bench.train_sets import draw_set, write_tables

RECALL = {f"{way}_r{cut}": 0.5 for way in ("t2i", "i2t") for cut in (1, 5, 10)}


def test_drawn_images_cost_what_photographs_cost(tmp_path: Path) -> None:
    made = draw_set(tmp_path / "large", (1920, 1080), images=3, val_images=1)
    assert (len(made.train), len(made.val), made.pairs) == (3, 1, 12)
    assert 300 < made.mean_kib < 900
    assert Image.open(made.train[0][0]).size == (1920, 1080)
    assert not {path for path, _ in made.train} & {path for path, _ in made.val}
    train, val = write_tables(made, tmp_path)
    assert len(train.read_text().splitlines()) == 13
    assert len(val.read_text().splitlines()) == 2


def test_both_trainers_are_run_timed_and_measured(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "bench.train", "--sets", "small", "--rounds", "1", "--images", "24",
            "--val-images", "8", "--epochs", "1", "--batch-size", "8", "--workers", "0",
        ],
        capture_output=True, text=True, cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # other tests may run beside this one
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])["small"]
    assert (report[BARE]["pairs"], report[SAME_PAIRS]["pairs"], report[SAME_EPOCHS]["pairs"]) == (
        96, 96, 24,
    )  # fmt: skip
    for what, epochs in ((BARE, {"last epoch"}), (SAME_PAIRS, {"last epoch", "best epoch"})):
        assert set(report[what]["recall"]) == epochs
        assert report[what]["pairs_per_second"] > 0
    assert report[SAME_PAIRS]["times_the_bare"] > 0
    assert sum(report[SAME_EPOCHS]["parts_s"].values()) > 0
    assert "pairs a second (target 1.5)" in done.stdout


def test_a_target_is_met_only_with_the_speed_and_the_recall() -> None:
    def made(times: float, recall: float) -> dict[str, object]:
        row = {"times_the_bare": times, "recall": {"last epoch": {**RECALL, "t2i_r1": recall}}}
        return {BARE: {"recall": {"last epoch": RECALL}}, SAME_PAIRS: row, SAME_EPOCHS: row}

    for times, recall, word in ((4.0, 0.5, "MET"), (3.9, 0.5, "MISSED"), (4.1, 0.49, "MISSED")):
        lines = verdict("large", made(times, recall))
        assert len(lines) == 2
        assert all(line.startswith(f"{word} (") for line in lines)
