"""Find images that show nearly the same: the same picture scaled, compressed, or shot twice.

A fingerprint is 28 hexadecimal digits: the 64-bit perceptual hash of Zauner (pHash, by ImageHash),
the mean colour, and the colour that stands out. The hash sees brightness only, so that without the
two colours a red circle and a blue one would be the same image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

# Chosen on scaled, cropped by 2 %, brightened by 6 % and recompressed copies of the drawn sample
# (95 % of them found, none of its distinct pictures joined) and on 1,900 emoji.
MAX_HASH_BITS = 8
MAX_MEAN_STEPS = 16  # of 255, in the channel that differs most
MAX_STANDOUT_STEPS = 24

_FINGERPRINT = re.compile(r"[0-9a-f]{28}")
_BLOCK_ROWS = 256

_Hashes = npt.NDArray[np.uint64]
_Colours = npt.NDArray[np.int16]
_Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NearDuplicates:
    """Which images belong together, by position in the list given.

    groups: each of two or more, ascending. pairs: (first, second, bits that differ), the closest
    ones, at most as many as were asked for.
    """

    groups: list[list[int]]
    pairs: list[tuple[int, int, int]]


def fingerprint(picture: Image.Image) -> str:
    """The fingerprint of an RGB picture, 28 hexadecimal digits."""
    pixels = np.asarray(picture.resize((64, 64), Image.Resampling.BOX), dtype=np.float64)
    pixels = pixels.reshape(-1, 3)  # (4096, 3)
    mean = pixels.mean(axis=0)
    weight = ((pixels - np.median(pixels, axis=0)) ** 2).sum(axis=1)  # (4096,)
    total = weight.sum()
    standout = weight @ pixels / total if total > 1 else mean  # (3,)
    colours = np.rint(np.concatenate([mean, standout])).astype(np.uint8)  # (6,)
    return f"{imagehash.phash(picture)}{colours.tobytes().hex()}"


def find_near_duplicates(fingerprints: Sequence[str], max_pairs: int = 50) -> NearDuplicates:
    """Group images whose fingerprints are close, also through others between them.

    A text that is no fingerprint is like nothing else. Time grows with the square of the number:
    20,000 images take about two seconds.
    """
    known = [at for at, text in enumerate(fingerprints) if _FINGERPRINT.fullmatch(text)]
    if len(known) < 2:
        return NearDuplicates([], [])
    distinct, inverse = np.unique([fingerprints[at] for at in known], return_inverse=True)
    labels, close = _join([str(text) for text in distinct], max_pairs)
    positions = np.array(known)
    groups = _groups(labels[inverse], positions)
    pairs = _same_pairs(inverse, positions, max_pairs)
    first_of = {int(code): int(positions[at]) for at, code in reversed(list(enumerate(inverse)))}
    for i, j, bits in close:
        first, second = sorted((first_of[i], first_of[j]))
        pairs.append((first, second, bits))
    return NearDuplicates(groups, sorted(pairs, key=lambda pair: (pair[2], pair))[:max_pairs])


def _groups(labels: _Labels, positions: _Labels) -> list[list[int]]:
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    groups = [sorted(int(at) for at in part) for part in np.split(positions[order], cuts)]
    return sorted(group for group in groups if len(group) > 1)


def _same_pairs(codes: _Labels, positions: _Labels, limit: int) -> list[tuple[int, int, int]]:
    """Pairs of images with one and the same fingerprint."""
    pairs = []
    for group in _groups(codes, positions):
        pairs += [(group[0], other, 0) for other in group[1:]]
        if len(pairs) >= limit:
            break
    return pairs[:limit]


def _join(
    fingerprints: Sequence[str], max_pairs: int
) -> tuple[_Labels, list[tuple[int, int, int]]]:
    """(group number of each, the closest pairs); memory stays at one block of rows."""
    labels = np.arange(len(fingerprints))
    closest: list[tuple[int, int, int]] = []
    for first, second, bits in _close_pairs(fingerprints):
        order = np.lexsort((second, first, bits))[:max_pairs]
        found = [(int(first[at]), int(second[at]), int(bits[at])) for at in order]
        closest = sorted(closest + found, key=lambda pair: (pair[2], pair))[:max_pairs]
        labels = _merge(labels, first, second)
    return labels, closest


def _merge(labels: _Labels, first: _Labels, second: _Labels) -> _Labels:
    """Give the members of each pair, and all who share their label, the lower of their labels."""
    labels = labels.copy()
    while not np.array_equal(labels[first], labels[second]):
        low = np.minimum(labels[first], labels[second])
        np.minimum.at(labels, labels[first], low)
        np.minimum.at(labels, labels[second], low)
        while not np.array_equal(labels, labels[labels]):
            labels = labels[labels]
    return labels


def _close_pairs(fingerprints: Sequence[str]) -> Iterator[tuple[_Labels, _Labels, _Labels]]:
    """(first, second, bits that differ) of each pair that is close, first < second."""
    hashes: _Hashes = np.array([int(text[:16], 16) for text in fingerprints], dtype=np.uint64)
    raw = np.frombuffer(bytes.fromhex("".join(text[16:] for text in fingerprints)), dtype=np.uint8)
    colours: _Colours = raw.reshape(-1, 6).astype(np.int16)  # (N, 6)
    limits = np.array([MAX_MEAN_STEPS] * 3 + [MAX_STANDOUT_STEPS] * 3)
    for start in range(0, len(hashes), _BLOCK_ROWS):
        block = hashes[start : start + _BLOCK_ROWS, None] ^ hashes[None, start:]
        bits = np.bitwise_count(block)  # (rows, N - start)
        first, second = np.nonzero(bits <= MAX_HASH_BITS)
        after = second > first
        first, second = first[after], second[after]
        near = (np.abs(colours[first + start] - colours[second + start]) <= limits).all(axis=1)
        first, second = first[near], second[near]
        if len(first):
            yield first + start, second + start, bits[first, second].astype(np.int64)
