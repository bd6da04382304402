"""Find images that show nearly the same by the embeddings of an index: also cropped, mirrored or
shot a moment later, where a perceptual hash sees another picture.

Two images count as near-duplicates when the cosine of their embeddings is MIN_COSINE or more, and
still MIN_CENTRED once the mean of all embeddings is taken off. The first is the usual measure for
CLIP: SemDeDup (Abbas et al. 2023, arXiv 2303.09540) removes pairs from 0.95 on as duplicates in
meaning; 0.97 is on the careful side, since whatever is joined here cannot be parted by the split.
The second guards against models whose embeddings all lie in a narrow cone (trained on few kinds of
pictures, or hardly at all): there any two images have a cosine near 1.

NumPy alone does this, not FAISS: the image of the CPU workers goes without that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Ids = npt.NDArray[np.int64]

MIN_COSINE = 0.97
MIN_CENTRED = 0.9
NEIGHBOURS = 10  # pairs are looked for among so many nearest images of each
EXACT_UP_TO = 20_000  # beyond, only nearby cells are searched, so that time stays bounded
CELLS, PROBED = 1024, 8
BLOCK_ROWS = 1024


class NearPair(NamedTuple):
    """Two images, first < second, and the cosine of their embeddings."""

    first: int
    second: int
    cosine: float


def near_pairs(embeddings: Floats, ids: Ids) -> list[NearPair]:
    """The pairs of near-duplicates, the closest first. embeddings: (N, D) unit norm, ids: (N,).

    Of an image that has more than NEIGHBOURS near-duplicates the nearest are given: the others are
    joined through these. Beyond EXACT_UP_TO images a pair whose two ends lie in cells far from each
    other is missed, which near-duplicates hardly do.
    """
    import numpy as np

    if len(ids) < 2:
        return []
    rows = np.ascontiguousarray(embeddings, dtype=np.float32)
    mean = rows.mean(axis=0)  # (D,)
    squared = np.maximum((rows * rows).sum(1) - 2 * rows @ mean + mean @ mean, 1e-12)  # |x - mean|²
    found: dict[tuple[int, int], float] = {}
    for first, second, cosine in _neighbours(rows):
        inner = cosine - rows[first] @ mean - rows[second] @ mean + mean @ mean
        is_near = (first != second) & (
            inner >= MIN_CENTRED * np.sqrt(squared[first] * squared[second])
        )
        for one, other, value in zip(first[is_near], second[is_near], cosine[is_near], strict=True):
            pair = sorted((int(ids[one]), int(ids[other])))
            found[pair[0], pair[1]] = min(1.0, float(value))
    pairs = [NearPair(first, second, cosine) for (first, second), cosine in found.items()]
    return sorted(pairs, key=lambda pair: (-pair.cosine, pair))


def _neighbours(rows: Floats) -> Iterator[tuple[Ids, Ids, Floats]]:
    """Rows that have a cosine of MIN_COSINE or more, themselves among them, a block at a time.

    (row, its neighbour, their cosine), each (H,); of each row the nearest, in each cell.
    """
    import numpy as np

    for asking, asked in _searches(rows):
        others = rows[asked]
        for start in range(0, len(asking), BLOCK_ROWS):
            block = asking[start : start + BLOCK_ROWS]
            cosines = rows[block] @ others.T
            close = cosines >= MIN_COSINE
            for crowded in np.flatnonzero(close.sum(1) > NEIGHBOURS + 1):
                nearest = np.argpartition(-cosines[crowded], NEIGHBOURS)[: NEIGHBOURS + 1]
                close[crowded] = False
                close[crowded, nearest] = True
            at, other = np.nonzero(close)
            yield block[at], asked[other], cosines[at, other]


def _searches(rows: Floats) -> Iterator[tuple[Ids, Ids]]:
    """Which rows are compared with which: all with all, or each with those of the nearest cells."""
    import numpy as np

    if len(rows) <= EXACT_UP_TO:
        everything = np.arange(len(rows))
        yield everything, everything
        return
    probed = _nearest_cells(rows)
    for cell in range(CELLS):
        yield np.flatnonzero((probed == cell).any(1)), np.flatnonzero(probed[:, 0] == cell)


def _nearest_cells(rows: Floats) -> Ids:
    """The cells of each row, (N, PROBED), its own one first.

    Rows drawn by chance are the centres: there are more of them where there are more images, and
    what is nearly the same has nearly the same centres around it.
    """
    import numpy as np

    drawn = np.random.default_rng(1).choice(len(rows), CELLS, replace=False)
    centres = rows[drawn].T  # (D, CELLS)
    nearest = np.empty((len(rows), PROBED), dtype=np.int64)
    for start in range(0, len(rows), BLOCK_ROWS):
        far = -(rows[start : start + BLOCK_ROWS] @ centres)
        some = np.argpartition(far, PROBED, axis=1)[:, :PROBED]
        order = np.argsort(np.take_along_axis(far, some, 1), axis=1)
        nearest[start : start + BLOCK_ROWS] = np.take_along_axis(some, order, 1)
    return nearest
