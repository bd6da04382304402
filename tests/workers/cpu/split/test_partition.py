"""The split into training and validation images."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InvalidInput, NoCaptions
from workers.cpu.split.partition import split_by_image


def apart(number: int, seed: int = 0) -> list[tuple[int, str]]:
    """Items that are all unlike each other."""
    rng = random.Random(seed)
    return [(image_id, f"{rng.getrandbits(112):028x}") for image_id in range(1, number + 1)]


def test_eighty_percent_train_and_twenty_validate() -> None:
    split = split_by_image(apart(1000))
    assert (len(split.train_ids), len(split.val_ids)) == (800, 200)
    assert set(split.train_ids) | set(split.val_ids) == set(range(1, 1001))
    assert split.warnings == []


def test_the_same_seed_gives_the_same_split_in_whatever_order_the_images_come() -> None:
    items = apart(300)
    again = random.Random(1).sample(items, len(items))
    assert split_by_image(items, seed=3) == split_by_image(again, seed=3)
    assert split_by_image(items, seed=3).val_ids != split_by_image(items, seed=4).val_ids


def test_most_images_keep_their_side_when_the_dataset_grows() -> None:
    before = set(split_by_image(apart(500)).val_ids)
    after = set(split_by_image(apart(600)).val_ids)
    assert len(before & after) >= 0.8 * len(before)


def test_near_duplicates_stay_on_one_side() -> None:
    items = apart(100)
    items += [(image_id + 100, mark) for image_id, mark in items[:30]]
    split = split_by_image(items)
    val = set(split.val_ids)
    assert split.groups_kept_together == 30
    assert split.groups[0] == [1, 101]
    assert split.pairs[0] == (1, 101, 0)
    assert all((first in val) == (second in val) for first, second in split.groups)
    assert len(val) == 26


def test_near_duplicates_may_be_parted_when_asked() -> None:
    items = [(image_id, "0" * 28) for image_id in range(10)]
    split = split_by_image(items, group_near_duplicates=False)
    assert (len(split.val_ids), split.groups) == (2, [])


def test_groups_that_do_not_fit_are_said_so() -> None:
    items = [(image_id, "0f"[image_id % 2] * 28) for image_id in range(120)]
    split = split_by_image(items)
    assert (len(split.train_ids), len(split.val_ids)) == (60, 60)
    assert "50% instead of 20%" in " ".join(split.warnings)


def test_images_that_all_look_alike_are_split_all_the_same_and_said_so() -> None:
    split = split_by_image([(image_id, "0" * 28) for image_id in range(10)])
    assert len(split.val_ids) == 2
    assert "look alike" in " ".join(split.warnings)


@pytest.mark.parametrize(("number", "word"), [(99, "least"), (100, "recommended"), (999, "1,000")])
def test_few_images_are_warned_about(number: int, word: str) -> None:
    assert word in split_by_image(apart(number)).warnings[0]


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=40),
    st.floats(0.01, 0.99),
    st.integers(0, 3),
)
@settings(max_examples=200, deadline=None)
def test_no_side_is_ever_empty_and_no_image_is_lost(
    kinds: list[int], val_fraction: float, seed: int
) -> None:
    marks = [f"{(1 << 10 * kind) - 1:016x}{'808080' * 2}" for kind in range(6)]
    split = split_by_image([(n, marks[kind]) for n, kind in enumerate(kinds)], val_fraction, seed)
    assert split.train_ids
    assert split.val_ids
    assert sorted(split.train_ids + split.val_ids) == list(range(len(kinds)))
    if len(set(kinds)) > 1:
        val = set(split.val_ids)
        assert not {kinds[n] for n in val} & {kinds[n] for n in split.train_ids}


def test_bad_input_is_refused() -> None:
    with pytest.raises(NoCaptions):
        split_by_image([])
    with pytest.raises(InvalidInput, match="at least two"):
        split_by_image(apart(1))
    with pytest.raises(InvalidInput, match="twice"):
        split_by_image(apart(3) + apart(1))
    for val_fraction in (0, 1, -0.2, 20, float("nan")):
        with pytest.raises(InvalidInput, match="val_fraction"):
            split_by_image(apart(3), val_fraction)
