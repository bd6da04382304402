"""The learning rate over a run: open_clip's linear warmup and half cosine. Pure."""

from __future__ import annotations

import math

CURVE_POINTS = 60
WARMUP_SHARE = 0.1  # of the steps


def cosine_lr(base_lr: float, warmup: int, steps: int, step: int) -> float:
    """The learning rate at `step`: linear warmup, then half a cosine to 0 (open_clip's cosine_lr)."""
    if step < warmup:
        return base_lr * (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) * base_lr


def lr_curve(base_lr: float, warmup: int, steps: int) -> list[list[float]]:
    """[[step, learning rate], ...], at most 60 points with the first, the last and the peak."""
    if steps <= 0:
        return []
    last = steps - 1
    chosen = {round(last * part / (CURVE_POINTS - 2)) for part in range(CURVE_POINTS - 1)}
    if 0 < warmup <= last:
        chosen.add(warmup - 1)
    return [[step, cosine_lr(base_lr, warmup, steps, step)] for step in sorted(chosen)]


def usual_warmup(steps: int) -> int:
    """The steps of warmup that `auto` makes of a run's steps."""
    return max(1, round(steps * WARMUP_SHARE))
