"""Find images that show nearly the same by the embeddings of an index: also cropped, mirrored or
shot a moment later, where a perceptual hash sees another picture.

Two images count as near-duplicates when the cosine of their embeddings is MIN_COSINE or more, and
still MIN_CENTRED once the mean of all embeddings is taken off. The first is the usual measure for
CLIP: SemDeDup (Abbas et al. 2023, arXiv 2303.09540) removes pairs from 0.95 on as duplicates in
meaning; 0.97 is on the careful side, since whatever is joined here cannot be parted by the split.
The second guards against models whose embeddings all lie in a narrow cone (trained on few kinds of
pictures, or hardly at all): there any two images have a cosine near 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Ids = npt.NDArray[np.int64]

MIN_COSINE = 0.97
MIN_CENTRED = 0.9
NEIGHBOURS = 10  # pairs are looked for among so many nearest images of each
EXACT_UP_TO = 20_000  # beyond, only nearby cells are searched, so that time stays bounded
CELLS, PROBED, TRAINED_ON = 1024, 8, 50_000
BLOCK_ROWS = 4096


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
    index = _index(rows)
    for start in range(0, len(rows), BLOCK_ROWS):
        cosines, others = index.search(
            rows[start : start + BLOCK_ROWS], min(NEIGHBOURS + 1, len(ids))
        )
        at, rank = np.nonzero((cosines >= MIN_COSINE) & (others >= 0))
        first, second = at + start, others[at, rank]
        cosine = cosines[at, rank]
        inner = cosine - rows[first] @ mean - rows[second] @ mean + mean @ mean
        is_near = (first != second) & (
            inner >= MIN_CENTRED * np.sqrt(squared[first] * squared[second])
        )
        for one, other, value in zip(first[is_near], second[is_near], cosine[is_near], strict=True):
            pair = sorted((int(ids[one]), int(ids[other])))
            found[pair[0], pair[1]] = min(1.0, float(value))
    pairs = [NearPair(first, second, cosine) for (first, second), cosine in found.items()]
    return sorted(pairs, key=lambda pair: (-pair.cosine, pair))


def _index(rows: Floats) -> Any:
    import faiss

    size, dim = rows.shape
    flat = faiss.IndexFlatIP(dim)
    if size <= EXACT_UP_TO:
        flat.add(rows)
        return flat
    cells = faiss.IndexIVFFlat(flat, dim, CELLS, faiss.METRIC_INNER_PRODUCT)
    cells.cp.niter, cells.cp.seed = 8, 1
    cells.train(rows[:: max(1, size // TRAINED_ON)])
    cells.add(rows)
    cells.nprobe = PROBED
    return cells
