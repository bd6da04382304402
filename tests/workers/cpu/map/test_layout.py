"""The map's pure core on clusters that are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from workers.cpu.map import layout

THINGS = ["a red circle", "two blue squares", "a green star in the sky"]


def clustered(per_cluster: int, clusters: int = 3, dim: int = 32) -> npt.NDArray[np.float32]:
    """Unit vectors around random centres, (per_cluster * clusters, dim), cluster after cluster."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(clusters, dim))
    rows = np.repeat(centres, per_cluster, axis=0) + 0.1 * rng.normal(
        size=(per_cluster * clusters, dim)
    )
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_sixty_images_of_three_kinds_become_three_named_groups() -> None:
    places = layout.place(clustered(20), seed=0)
    assert places.shape == (60, 2)
    assert np.abs(places).max() <= 1.0001
    clusters = layout.find_clusters(places, seed=0)
    kinds = np.repeat(np.arange(3), 20)
    groups = [set(clusters[kinds == kind].tolist()) for kind in range(3)]
    assert all(len(group) == 1 for group in groups)
    assert len(set.union(*groups)) == 3
    labels = layout.name_clusters([THINGS[kind] for kind in kinds], clusters)
    assert [set(labels[groups[kind].pop()].split(", ")) for kind in range(3)] == [
        {"red", "circle"},
        {"blue", "squares"},
        {"green", "star", "sky"},
    ]


def test_the_same_seed_gives_the_same_map() -> None:
    rows = clustered(8)
    assert np.array_equal(layout.place(rows, seed=3), layout.place(rows, seed=3))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 14])
def test_a_handful_of_images_is_placed_without_umap(count: int) -> None:
    places = layout.place(clustered(count, clusters=1), seed=0)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    clusters = layout.find_clusters(places, seed=0)
    assert clusters.min() == 0


def test_the_same_image_many_times_is_placed() -> None:
    places = layout.place(np.repeat(clustered(1, clusters=1), 30, axis=0), seed=0)
    assert np.isfinite(places).all()
    assert layout.find_clusters(places, seed=0).shape == (30,)


def test_groups_are_numbered_from_the_largest() -> None:
    rng = np.random.default_rng(0)
    small, large = rng.normal(size=(10, 2)) * 0.01, rng.normal(size=(30, 2)) * 0.01 + 1
    clusters = layout.find_clusters(np.concatenate([small, large]).astype(np.float32), seed=0)
    assert np.bincount(clusters).tolist() == [30, 10]


def test_a_group_without_captions_still_has_a_name() -> None:
    clusters = np.array([0, 0, 1, 1])
    assert layout.name_clusters(["", "", "", ""], clusters) == ["group 1", "group 2"]
    assert layout.name_clusters(["a dog", "dogs", "", ""], clusters)[1] == "group 2"


def test_captions_of_filler_words_alone_are_named_by_them() -> None:
    (label,) = layout.name_clusters(["the of and"], np.array([0]))
    assert set(label.split(", ")) == {"the", "of", "and"}
