"""Where a run is, and which of its epochs is the best."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from workers.gpu.proof.recall import merit


@dataclass
class Progress:
    """Where a run is. history: one dict for each evaluated epoch; best: the best of them.

    said: the kinds of trend that the user has been told of (`workers.gpu.report.trends`).
    """

    epoch: int = 0
    batches_done: int = 0  # of this epoch
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] | None = None
    trained_s: float = 0.0
    said: list[str] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are kept."""
        return int(self.best["epoch"]) if self.best else self.epoch

    @classmethod
    def from_saved(cls, saved: dict[str, Any]) -> Progress:
        """From a checkpoint, which another version may have written: what is not known is left out."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in saved.items() if name in known})


def is_better(new: dict[str, Any], best: dict[str, Any] | None) -> bool:
    """Whether an epoch beats the best so far: text-to-image recall@1, then the mean of all recalls.

    At a tie the earlier epoch stays. Without validation images the newest counts.
    """
    if best is None or "t2i_r1" not in new:
        return True
    return merit(new) > merit(best)
