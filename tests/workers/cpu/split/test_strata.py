"""The mix of folders or tags in both parts of a split."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.cpu.split.embedding_pairs import NearPair
from workers.cpu.split.partition import merge_groups, split_by_image
from workers.cpu.split.strata import NO_FOLDER, NO_TAG, stratum_of, val_targets


def apart(number: int) -> list[tuple[int, str]]:
    """Items that are all unlike each other."""
    rng = random.Random(7)
    return [(image_id, f"{rng.getrandbits(112):028x}") for image_id in range(1, number + 1)]


def test_a_stratum_is_the_folder_inside_the_upload_or_the_tag() -> None:
    assert stratum_of("birds/owls/1.png", "night", "folder") == "birds/owls"
    assert stratum_of("1.png", None, "folder") == NO_FOLDER
    assert stratum_of("birds/1.png", "night", "tag") == "night"
    assert stratum_of("birds/1.png", None, "tag") == NO_TAG
    assert stratum_of("birds/1.png", "night", "none") == ""


def test_each_stratum_gets_its_share() -> None:
    strata = {image_id: "common" if image_id <= 400 else "rare" for image_id in range(1, 451)}
    split = split_by_image(apart(450), strata=strata)
    assert [tuple(count) for count in split.strata] == [("common", 320, 80), ("rare", 40, 10)]
    plain = {image_id for image_id in split_by_image(apart(450)).val_ids if image_id > 400}
    assert len(split.val_ids) == 90
    assert len(plain) != 10  # without it the share of what is rare is left to chance


def test_a_group_is_not_parted_for_the_sake_of_the_mix() -> None:
    strata = {image_id: "a" if image_id % 2 else "b" for image_id in range(1, 101)}
    near = [NearPair(image_id, image_id + 1, 0.99) for image_id in range(1, 60, 2)]
    split = split_by_image(apart(100), near=near, strata=strata, seed=5)
    val = set(split.val_ids)
    assert all((pair.first in val) == (pair.second in val) for pair in near)
    assert [count.val for count in split.strata] == [10, 10]


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 50), min_size=1),
    st.floats(0.01, 0.99),
    st.integers(0, 5),
)
@settings(max_examples=200, deadline=None)
def test_targets_are_the_exact_shares_rounded_and_add_up(
    sizes: dict[str, int], fraction: float, seed: int
) -> None:
    total = sum(sizes.values())
    target = round(total * fraction)
    targets = val_targets(sizes, target, seed)
    assert sum(targets.values()) == target
    for name, size in sizes.items():
        assert abs(targets[name] - size * target / total) < 1


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6)), min_size=2, max_size=40),
    st.floats(0.05, 0.95),
)
@settings(max_examples=200, deadline=None)
def test_no_side_is_empty_and_no_group_is_parted_whatever_the_strata(
    kinds: list[tuple[str, int]], fraction: float
) -> None:
    items = apart(len(kinds))
    strata = {image_id: kinds[image_id - 1][0] for image_id, _ in items}
    first_of: dict[int, int] = {}
    near = []
    for image_id, _ in items:
        group = kinds[image_id - 1][1]
        if group and group in first_of:
            near.append(NearPair(first_of[group], image_id, 0.98))
        first_of.setdefault(group, image_id)
    split = split_by_image(items, fraction, strata=strata, near=near)
    assert split.train_ids
    assert split.val_ids
    assert sorted(split.train_ids + split.val_ids) == list(range(1, len(kinds) + 1))
    val = set(split.val_ids)
    if split.near:
        assert all((pair.first in val) == (pair.second in val) for pair in split.near)


def test_groups_and_pairs_that_hang_together_become_one_group() -> None:
    near = [NearPair(3, 8, 0.99), NearPair(9, 10, 0.98)]
    assert merge_groups([[1, 2, 3], [8, 12]], near) == [[1, 2, 3, 8, 12], [9, 10]]
    assert merge_groups([], []) == []


@pytest.mark.parametrize("grouped", [True, False])
def test_pairs_by_embedding_are_kept_on_one_side_only_when_groups_are(grouped: bool) -> None:
    near = [NearPair(1, 2, 0.99), NearPair(3, 4711, 0.99)]
    split = split_by_image(apart(50), group_near_duplicates=grouped, near=near)
    assert split.groups == ([[1, 2]] if grouped else [])
    assert split.near == (near[:1] if grouped else [])


def test_a_model_that_sees_everything_alike_is_not_followed() -> None:
    near = [NearPair(1, other, 0.99) for other in range(2, 41)]
    split = split_by_image(apart(50), near=near)
    assert (split.groups, split.near, len(split.val_ids)) == ([], [], 10)
    assert "more than half" in " ".join(split.warnings)
