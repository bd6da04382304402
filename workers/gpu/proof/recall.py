"""Recall@k with several right answers. Pure numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
CUTS = (1, 5, 10)
RECALLS = tuple(f"{way}_r{cut}" for way in ("t2i", "i2t") for cut in CUTS)
ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Truth:
    """Which texts describe which images.

    texts: the distinct captions, each one query. images_of[t]: the images that text t is right for;
    texts_of[i]: the texts of image i. A caption that two images share is right for both.
    """

    texts: list[str]
    images_of: list[list[int]]
    texts_of: list[list[int]]


def find_truth(captions: Sequence[Sequence[str]]) -> Truth:
    """captions[i]: the captions of image i. Case and spaces do not tell captions apart: CLIP sees neither."""
    numbers: dict[str, int] = {}
    texts: list[str] = []
    images_of: list[list[int]] = []
    texts_of: list[list[int]] = []
    for image, own in enumerate(captions):
        mine: list[int] = []
        for caption in own:
            number = numbers.setdefault(" ".join(caption.lower().split()), len(texts))
            if number == len(texts):
                texts.append(caption)
                images_of.append([])
            if number not in mine:
                mine.append(number)
                images_of[number].append(image)
        texts_of.append(mine)
    return Truth(texts, images_of, texts_of)


def recall_at(
    queries: Floats, candidates: Floats, right: Sequence[Sequence[int]], cuts: Sequence[int] = CUTS
) -> dict[int, float]:
    """Share of queries with a right candidate among the first k, for each k.

    queries: (Q, D), candidates: (C, D), unit norm; right[q]: the right candidates of query q.
    A wrong candidate that scores the same as the best right one counts as better: a model that
    embeds everything alike finds nothing.
    """
    hits = dict.fromkeys(cuts, 0)
    for start in range(0, len(queries), ROWS_AT_ONCE):
        scores = queries[start : start + ROWS_AT_ONCE] @ candidates.T  # (q, C)
        for row, own in zip(scores, right[start : start + ROWS_AT_ONCE], strict=True):
            better = int((row >= row[own].max()).sum() - (row[own] >= row[own].max()).sum())
            for cut in cuts:
                hits[cut] += better < cut
    return {cut: hits[cut] / len(queries) for cut in cuts}


def measure_recall(images: Floats, texts: Floats, truth: Truth) -> dict[str, float]:
    """{"t2i_r1": ..., "i2t_r10": ...}, each 0..1. images: (I, D), texts: (T, D), unit norm."""
    to_image = recall_at(texts, images, truth.images_of)
    to_text = recall_at(images, texts, truth.texts_of)
    return {
        **{f"t2i_r{cut}": value for cut, value in to_image.items()},
        **{f"i2t_r{cut}": value for cut, value in to_text.items()},
    }


def recall_order(figures: Mapping[str, Any]) -> tuple[float, float]:
    """What models are compared by: text-to-image recall@1, then the mean of all recalls."""
    recalls = [float(value) for name, value in figures.items() if name[:3] in ("t2i", "i2t")]
    return float(figures["t2i_r1"]), round(sum(recalls) / len(recalls), 6)


def is_better(new: Mapping[str, Any], best: Mapping[str, Any] | None) -> bool:
    """Whether an epoch beats the best so far. At a tie the earlier epoch stays.

    Without validation images the newest counts.
    """
    if best is None or "t2i_r1" not in new:
        return True
    return recall_order(new) > recall_order(best)
