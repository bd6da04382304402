"""Split the captioned images into a training and a validation part, without a leak between them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from common.errors import InvalidInput, NoCaptions
from workers.cpu.near_duplicates import NearDuplicates, find_near_duplicates

MIN_IMAGES = 100  # for basic fine-tuning
GOOD_IMAGES = 1000  # from here on results are good


@dataclass(frozen=True)
class Split:
    """Which image ids train and which validate, each ascending.

    groups: ids of near-duplicates that were kept on one side. pairs: (id, id, bits of the
    perceptual hash that differ), the closest ones. warnings: what the user should know.
    """

    train_ids: list[int]
    val_ids: list[int]
    groups: list[list[int]] = field(default_factory=list)
    pairs: list[tuple[int, int, int]] = field(default_factory=list)
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
) -> Split:
    """Split (image id, fingerprint) items; the same ids and seed give the same split.

    An image's side hangs on the seed and its own id, so that most images keep theirs when the
    dataset grows. Near-duplicates are on one side; val_fraction is met as nearly as that permits,
    and neither side is empty. Raises NoCaptions without items, InvalidInput for a single one, for
    an id given twice, or unless 0 < val_fraction < 1.
    """
    _check(items, val_fraction)
    ordered = sorted(items)
    found = NearDuplicates([], [])
    if group_near_duplicates:
        found = find_near_duplicates([mark for _, mark in ordered])
    groups = [[ordered[at][0] for at in group] for group in found.groups]
    pairs = [(ordered[i][0], ordered[j][0], bits) for i, j, bits in found.pairs]
    ids = [image_id for image_id, _ in ordered]
    val = _choose(_units(ids, groups), len(ids), val_fraction, seed)
    train_ids = [image_id for image_id in ids if image_id not in val]
    warnings = _warnings(len(ids), len(val), val_fraction, groups)
    return Split(train_ids, sorted(val), groups, pairs, warnings)


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


def _choose(units: list[list[int]], number: int, val_fraction: float, seed: int) -> set[int]:
    """Fill the validation part in an order drawn from the seed, passing over what is too large."""
    target = min(max(1, round(number * val_fraction)), number - 1)
    order = sorted(units, key=lambda unit: _draw(seed, unit[0]))
    val: set[int] = set()
    left = []
    for unit in order:
        if len(val) + len(unit) <= target:
            val.update(unit)
        else:
            left.append(unit)
    missing = target - len(val)
    smallest = min(left, key=len)
    if not val or (len(smallest) - missing < missing and len(left) > 1):
        val.update(smallest)
    return val


def _draw(seed: int, image_id: int) -> bytes:
    return hashlib.blake2b(f"{seed} {image_id}".encode(), digest_size=8).digest()


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
