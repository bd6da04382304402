"""Split the captioned images into a training and a validation part, without a leak between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from common.errors import InvalidInput, NoCaptions
from workers.cpu.split.embedding_pairs import NearPair
from workers.cpu.split.near_duplicates import NearDuplicates, find_near_duplicates
from workers.cpu.split.strata import choose_val

MIN_IMAGES = 100  # for basic fine-tuning
GOOD_IMAGES = 1000  # from here on results are good
_BLIND_MODEL = (
    "The model of the index sees more than half of the images alike, so near-duplicates were told "
    "by their perceptual hash only."
)


class StratumCount(NamedTuple):
    """How many images of a kind train and validate."""

    name: str
    train: int
    val: int


@dataclass(frozen=True)
class Split:
    """Which image ids train and which validate, each ascending.

    groups: ids of near-duplicates that were kept on one side. pairs: (id, id, bits of the
    perceptual hash that differ), the closest ones. near: pairs that embeddings showed, the closest
    first. strata: by size, none unless asked for. warnings: what the user should know.
    """

    train_ids: list[int]
    val_ids: list[int]
    groups: list[list[int]] = field(default_factory=list)
    pairs: list[tuple[int, int, int]] = field(default_factory=list)
    near: list[NearPair] = field(default_factory=list)
    strata: list[StratumCount] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def groups_kept_together(self) -> int:
        """How many groups of near-duplicates there are."""
        return len(self.groups)


def split_by_image(
    items: Sequence[tuple[int, str]],
    val_fraction: float = 0.2,
    seed: int = 0,
    group_near_duplicates: bool = True,
    *,
    near: Sequence[NearPair] = (),
    strata: Mapping[int, str] | None = None,
) -> Split:
    """Split (image id, fingerprint) items; the same input and seed give the same split.

    An image's side hangs on the seed and its own id, so that most images keep theirs when the
    dataset grows. Near-duplicates by fingerprint, and those in `near`, are on one side;
    val_fraction is met as nearly as that permits, in each stratum (image id -> its name) as well,
    and neither side is empty. Raises NoCaptions without items, InvalidInput for a single one, for
    an id given twice, or unless 0 < val_fraction < 1.
    """
    _check(items, val_fraction)
    ordered = sorted(items)
    ids = [image_id for image_id, _ in ordered]
    found, warnings = NearDuplicates([], []), []
    if group_near_duplicates:
        found = find_near_duplicates([mark for _, mark in ordered])
    groups = [[ids[at] for at in group] for group in found.groups]
    known = set(ids)
    near = [pair for pair in near if known.issuperset(pair[:2])] if group_near_duplicates else []
    merged = merge_groups(groups, near)
    if _largest(merged) > max(len(ids) / 2, _largest(groups)):
        near = []
        warnings.append(_BLIND_MODEL)
    else:
        groups = merged
    stratum = strata or dict.fromkeys(ids, "")
    target = min(max(1, round(len(ids) * val_fraction)), len(ids) - 1)
    val = choose_val(_units(ids, groups), stratum, target, seed)
    return Split(
        [image_id for image_id in ids if image_id not in val],
        sorted(val),
        groups,
        [(ids[i], ids[j], bits) for i, j, bits in found.pairs],
        near,
        _count_strata(ids, val, strata) if strata else [],
        _warnings(len(ids), len(val), val_fraction, groups) + warnings,
    )


def merge_groups(groups: Sequence[Sequence[int]], near: Sequence[NearPair]) -> list[list[int]]:
    """The groups joined with pairs: ids that hang together, each group ascending, by first id."""
    head: dict[int, int] = {}

    def find(image_id: int) -> int:
        while (above := head.setdefault(image_id, image_id)) != image_id:
            head[image_id] = head[above]
            image_id = above
        return image_id

    links = [(group[0], other) for group in groups for other in group[1:]]
    for first, second in links + [pair[:2] for pair in near]:
        low, high = sorted((find(first), find(second)))
        head[high] = low
    together: dict[int, list[int]] = {}
    for image_id in sorted(head):
        together.setdefault(find(image_id), []).append(image_id)
    return list(together.values())


def _largest(groups: Sequence[Sequence[int]]) -> int:
    return max(map(len, groups), default=0)


def _count_strata(ids: list[int], val: set[int], strata: Mapping[int, str]) -> list[StratumCount]:
    sizes = Counter(strata[image_id] for image_id in ids)
    kept = Counter(strata[image_id] for image_id in val)
    by_size = sorted(sizes, key=lambda name: (-sizes[name], name))
    return [StratumCount(name, sizes[name] - kept[name], kept[name]) for name in by_size]


def _check(items: Sequence[tuple[int, str]], val_fraction: float) -> None:
    if not 0 < val_fraction < 1:
        raise InvalidInput(
            f"val_fraction is {val_fraction}; it must lie between 0 and 1",
            remedy="Give the share of images to validate with, for example 0.2.",
        )
    if not items:
        raise NoCaptions("No image has a caption yet.")
    if len(items) < 2:
        raise InvalidInput(
            "a split needs at least two captioned images; there is one",
            remedy="Caption more images, then split again.",
        )
    if len({image_id for image_id, _ in items}) < len(items):
        raise InvalidInput("an image is listed twice", remedy="List each image once.")


def _units(ids: list[int], groups: list[list[int]]) -> list[list[int]]:
    """What has to stay together: each group, and each image that is in none.

    When all images are in one group, each is on its own: there has to be a split.
    """
    if groups and len(groups[0]) == len(ids):
        return [[image_id] for image_id in ids]
    grouped = {image_id for group in groups for image_id in group}
    return groups + [[image_id] for image_id in ids if image_id not in grouped]


def _warnings(
    number: int, val_number: int, val_fraction: float, groups: list[list[int]]
) -> list[str]:
    warnings = []
    if number < MIN_IMAGES:
        warnings.append(
            f"{number} captioned images are few: {MIN_IMAGES} are the least for basic "
            f"fine-tuning, {GOOD_IMAGES:,} or more are recommended."
        )
    elif number < GOOD_IMAGES:
        warnings.append(f"{number} captioned images: {GOOD_IMAGES:,} or more are recommended.")
    if groups and len(groups[0]) == number:
        warnings.append("All images look alike, so near-duplicates could not be kept together.")
    elif abs(val_number - number * val_fraction) > max(1, 0.02 * number):
        warnings.append(
            f"The validation part is {val_number / number:.0%} instead of {val_fraction:.0%}, "
            "because large groups of near-duplicates were kept together."
        )
    return warnings
