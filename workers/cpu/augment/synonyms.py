"""Variants of many captions by synonyms, reproducible by a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from common.augment.synonym_exchange import augment_caption
from common.augment.synonym_index import SynonymMap
from common.augment.synonym_map import MAX_PER_CAPTION
from common.errors import InvalidInput

_Key = TypeVar("_Key")
_REPORT_EVERY = 200


@dataclass(frozen=True)
class Augmentation(Generic[_Key]):
    """Variants of captions, in the order of the rows.

    short: (key, variants found) of each caption that has fewer than were asked for. stopped:
    whether it was asked to stop before the last row.
    """

    variants: list[tuple[_Key, list[str]]]
    short: list[tuple[_Key, int]]
    stopped: bool = False


def augment_captions(
    rows: Iterable[tuple[_Key, str]],
    synonyms: SynonymMap,
    per_caption: int = 3,
    seed: int = 0,
    report: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Augmentation[_Key]:
    """Vary each (key, caption); a caption's variants hang on the seed, its key and its text only.

    report gets the number of captions done, every 200; should_stop is asked as often, and what is
    done is returned. Raises InvalidInput unless 1 <= per_caption <= MAX_PER_CAPTION.
    """
    check_per_caption(per_caption)
    result: Augmentation[_Key] = Augmentation([], [])
    rng = random.Random()
    for done, (key, caption) in enumerate(rows):
        if done % _REPORT_EVERY == 0:
            if report:
                report(done)
            if should_stop and should_stop():
                return Augmentation(result.variants, result.short, stopped=True)
        rng.seed(f"{seed} {key} {caption}")
        variants = augment_caption(caption, synonyms, per_caption, rng)
        result.variants.append((key, variants))
        if len(variants) < per_caption:
            result.short.append((key, len(variants)))
    if report:
        report(len(result.variants))
    return result


def check_per_caption(number: int) -> None:
    """Raises InvalidInput unless so many variants of a caption can be asked for."""
    if not 1 <= number <= MAX_PER_CAPTION:
        raise InvalidInput(
            f"per_caption is {number}; it must lie between 1 and {MAX_PER_CAPTION}",
            remedy="Three variants a caption are a good start.",
        )
