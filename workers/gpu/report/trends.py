"""What the figures of the epochs say, in words: no gain any more, overfitting, a rate that is too high."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from workers.gpu.proof.recall import is_better

PLATEAU_EPOCHS = 3
RISING_EPOCHS = 2  # in a row
RISE = 0.02  # of the lowest loss: less is noise


def find_trends(history: Sequence[dict[str, Any]]) -> dict[str, str]:
    """{kind: words} of what the evaluated epochs show; kinds: "plateau", "overfitting", "rising".

    history: a dict for each evaluated epoch with `epoch`, and where known `t2i_r1` (and the other
    recalls), `loss` on the validation images, `train_loss` (mean of the epoch).
    """
    found = {
        "plateau": _plateau(history),
        "overfitting": _overfitting(history),
        "rising": _rising(history),
    }
    return {kind: words for kind, words in found.items() if words}


def _plateau(history: Sequence[dict[str, Any]]) -> str:
    best: dict[str, Any] | None = None
    for record in history:
        if "t2i_r1" in record and is_better(record, best):
            best = record
    if best is None or history[-1]["epoch"] - best["epoch"] < PLATEAU_EPOCHS:
        return ""
    shown = f"{best['t2i_r1']:.1%}"
    if best["epoch"] == 0:
        return (
            f"No epoch has been better than the untuned model (recall@1 {shown}) so far: stop here, and "
            "train again with a lower learning rate or more varied captions."
        )
    return (
        f"Recall has not grown since epoch {best['epoch']} (recall@1 {shown}): stop here, or train again "
        "with a lower learning rate. The best epoch is kept either way."
    )


def _overfitting(history: Sequence[dict[str, Any]]) -> str:
    losses = [(each["epoch"], each["loss"]) for each in history if "loss" in each]
    trained = [each["train_loss"] for each in history if "train_loss" in each]
    if not _rises([loss for _, loss in losses]) or len(trained) < RISING_EPOCHS:
        return ""
    if _rises(trained) or trained[-1] >= trained[-RISING_EPOCHS]:
        return ""
    epoch, low = min(losses, key=lambda each: each[1])
    return (
        f"The validation loss has risen since epoch {epoch} ({low:.3f} to {losses[-1][1]:.3f}) while the "
        "training loss falls: the model learns the training images by heart. Stop here, or train again "
        "with fewer epochs, more images or more varied captions."
    )


def _rising(history: Sequence[dict[str, Any]]) -> str:
    trained = [each["train_loss"] for each in history if "train_loss" in each]
    if not _rises(trained):
        return ""
    return (
        f"The training loss rises ({min(trained):.3f} to {trained[-1]:.3f}): the learning rate is too "
        "high. Stop here, and train again with a third of it or a longer warmup."
    )


def _rises(losses: Sequence[float]) -> bool:
    """Whether the last epochs each lost more than the one before, and clearly more than the lowest."""
    last = losses[-RISING_EPOCHS - 1 :]
    if len(last) <= RISING_EPOCHS:
        return False
    upward = all(later > sooner for sooner, later in pairwise(last))
    return upward and last[-1] > min(losses) * (1 + RISE)
