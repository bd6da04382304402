"""How many images of each kind are kept for validation, so that both parts have the same mix."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from math import floor
from typing import Literal

Stratify = Literal["none", "folder", "tag"]
NO_FOLDER, NO_TAG = "(no folder)", "(no tag)"


def stratum_of(filename: str, tag: str | None, by: Stratify) -> str:
    """The kind of picture an image is: its folder inside the upload, its tag, or one for all."""
    if by == "folder":
        return filename.rpartition("/")[0] or NO_FOLDER
    return (tag or NO_TAG) if by == "tag" else ""


def draw(seed: int, name: Hashable) -> bytes:
    """A place in an order drawn from the seed that does not hang on what else is drawn."""
    return hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()


def val_targets(sizes: Mapping[str, int], target: int, seed: int) -> dict[str, int]:
    """Share `target` images out to the strata by their sizes (largest remainders; ties by the seed).

    Each stratum gets its exact share rounded down or up, and all together `target`.
    """
    total = sum(sizes.values())
    shares = {name: size * target / total for name, size in sizes.items()}
    targets = {name: floor(share) for name, share in shares.items()}
    order = sorted(sizes, key=lambda name: (targets[name] - shares[name], draw(seed, name)))
    for name in order[: target - sum(targets.values())]:
        targets[name] += 1
    return targets


def choose_val(
    units: Sequence[Sequence[int]], stratum: Mapping[int, str], target: int, seed: int
) -> set[int]:
    """Fill the validation part with units in an order drawn from the seed.

    A unit that is larger than what its strata still want is passed over; then, for each stratum
    that is short, one more unit is taken if the mix is nearer to the targets with it. At least one
    unit is taken and one is left.
    """
    sizes = Counter(stratum[image_id] for unit in units for image_id in unit)
    wanted = Counter(val_targets(sizes, target, seed))
    val: set[int] = set()
    left = []
    for unit in sorted(units, key=lambda unit: draw(seed, unit[0])):
        kinds = Counter(stratum[image_id] for image_id in unit)
        if kinds <= wanted:
            val.update(unit)
            wanted.subtract(kinds)
        else:
            left.append(unit)
    for name in sorted(sizes):
        fitting = [unit for unit in left if stratum[unit[0]] == name]
        if wanted[name] > 0 and fitting and len(left) > 1:
            smallest = min(fitting, key=len)
            kinds = Counter(stratum[image_id] for image_id in smallest)
            if _miss(wanted, kinds) < _miss(wanted, Counter()):
                val.update(smallest)
                wanted.subtract(kinds)
                left.remove(smallest)
    first = min(left, key=len)
    return val or set(first)


def _miss(wanted: Counter[str], taken: Counter[str]) -> int:
    """How far the mix would be from the targets."""
    return sum(abs(wanted[name] - taken[name]) for name in wanted)
