"""Weights between two models of one architecture (WiSE-FT: Wortsman et al. 2022, arXiv 2109.01903).

The straight line from the untuned to the tuned weights often holds models that find as much as the
tuned one on its own data and have forgotten less. Pure functions over state dicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from common.errors import InvalidInput
from workers.gpu.proof.recall import recall_order

State = Mapping[str, torch.Tensor]
ALPHAS = tuple(round(0.1 * tenth, 1) for tenth in range(11))
# The inner ones, those first that tell most when there is no time for all.
INNER = (0.5, 0.8, 0.3, 0.7, 0.9, 0.6, 0.4, 0.2, 0.1)


def interpolate(base: State, tuned: State, alpha: float) -> dict[str, torch.Tensor]:
    """(1 - alpha) x base + alpha x tuned, computed in fp32, in the tuned one's number formats;
    tensors of its own.

    alpha: 0 (base) to 1 (tuned), both exact. Counters (BatchNorm's num_batches_tracked) are not
    between anything: they are the tuned one's. Raises InvalidInput on another alpha, or when the two
    are not of one architecture.
    """
    if not 0 <= alpha <= 1:
        raise InvalidInput(f"alpha is {alpha}; it must be from 0 (untuned) to 1 (tuned).")
    check_alike(base, tuned)
    return {name: _between(base[name], tuned[name], alpha) for name in tuned}


def _between(base: torch.Tensor, tuned: torch.Tensor, alpha: float) -> torch.Tensor:
    if not tuned.is_floating_point():
        return (tuned if alpha else base).clone()
    if alpha in (0, 1) or torch.equal(base, tuned):  # the latter keeps infinities, as in a mask
        return (tuned if alpha else base).to(tuned.dtype, copy=True)
    return torch.lerp(base.float(), tuned.float(), alpha).to(tuned.dtype)


def check_alike(base: State, tuned: State) -> None:
    """Raises InvalidInput unless both have the same tensors with the same shapes."""
    different = sorted(base.keys() ^ tuned.keys()) or [
        name for name in tuned if base[name].shape != tuned[name].shape
    ]
    if different:
        raise InvalidInput(
            f"The two models are not of one architecture: {len(different)} of their weights differ in "
            f"name or shape, first {different[0]}.",
            remedy="Blend a model with the weights that it began with.",
        )


def choose_best(blends: Sequence[Mapping[str, Any]]) -> float:
    """The alpha of the best blend: by recall as epochs are, then by what it has kept, then the tuned side.

    blends: {"alpha", recalls, "forgetting": recall@1 on the control set or None} each.
    """

    def worth(blend: Mapping[str, Any]) -> tuple[tuple[float, float], float, float]:
        recalls = {name: value for name, value in blend.items() if name[:3] in ("t2i", "i2t")}
        return recall_order(recalls), blend["forgetting"] or 0.0, blend["alpha"]

    return float(max(blends, key=worth)["alpha"])
