"""Near-duplicates by the embeddings of an index."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from workers.cpu.split.embedding_pairs import EXACT_UP_TO, NearPair, near_pairs

if TYPE_CHECKING:
    from workers.cpu.split.embedding_pairs import Floats


def unit(rows: Floats) -> Floats:
    made: Floats = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return made


def scattered(number: int, dim: int = 64, seed: int = 0) -> Floats:
    """Embeddings of pictures that have nothing in common."""
    return unit(np.random.default_rng(seed).normal(size=(number, dim)))


def test_two_that_are_nearly_the_same_are_found_and_the_others_are_not() -> None:
    rows = scattered(200)
    noise = np.random.default_rng(1).normal(size=(3, 64)) * 0.02
    rows[[150, 160, 170]] = unit(rows[[10, 20, 30]] + noise)
    ids = np.arange(1000, 1200)
    pairs = near_pairs(rows, ids)
    assert {pair[:2] for pair in pairs} == {(1010, 1150), (1020, 1160), (1030, 1170)}
    assert all(0.97 <= pair.cosine <= 1 for pair in pairs)
    assert pairs == sorted(pairs, key=lambda pair: -pair.cosine)


def test_embeddings_in_a_narrow_cone_are_not_all_alike() -> None:
    rows = unit(scattered(300) * 0.1 + scattered(1, seed=9))
    assert float((rows @ rows.T).min()) > 0.97
    copies = unit(rows[:5] + np.random.default_rng(2).normal(size=(5, 64)) * 0.001)
    found = near_pairs(np.concatenate([rows, copies]), np.arange(305))
    assert {pair[:2] for pair in found} == {(at, 300 + at) for at in range(5)}


def test_a_crowd_of_copies_hangs_together() -> None:
    rows = scattered(60)
    rows[20:50] = rows[20]
    pairs = near_pairs(rows, np.arange(60))
    seen = {image for pair in pairs for image in pair[:2]}
    assert seen == set(range(20, 50))
    assert isinstance(pairs[0], NearPair)


def test_one_image_or_none_has_no_pair() -> None:
    assert near_pairs(scattered(1), np.arange(1)) == []
    assert near_pairs(scattered(2)[:0], np.arange(0)) == []


def test_beyond_the_exact_search_pairs_are_still_found_in_bounded_time() -> None:
    number = EXACT_UP_TO + 4000
    rows = scattered(number, dim=32)
    copies = np.arange(0, 4000, 4)
    noise = np.random.default_rng(3).normal(size=(len(copies), 32)) * 0.01
    rows[copies + 20_000] = unit(rows[copies] + noise)
    began = time.monotonic()
    found = {pair[:2] for pair in near_pairs(rows, np.arange(number))}
    assert time.monotonic() - began < 60
    wanted = {(int(at), int(at) + 20_000) for at in copies}
    assert len(found & wanted) >= 0.99 * len(wanted)
