from __future__ import annotations

import numpy as np
import pytest

from workers.gpu.recall import find_truth, measure_recall, recall_at


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def by_hand(queries: np.ndarray, candidates: np.ndarray, right: list[list[int]], k: int) -> float:
    found = 0
    for query, own in zip(queries, right, strict=True):
        order = sorted(range(len(candidates)), key=lambda c: -float(query @ candidates[c]))
        found += any(candidate in own for candidate in order[:k])
    return found / len(queries)


def test_recall_with_several_captions_of_an_image_is_what_counting_by_hand_gives() -> None:
    rng = np.random.default_rng(0)
    captions = [[f"caption {i}-{j}" for j in range(1 + i % 4)] for i in range(60)]
    captions[3][0] = captions[7][0] = "the same words"
    truth = find_truth(captions)
    images = unit(rng.normal(size=(60, 8)))
    near = [images[own[0]] + 0.6 * rng.normal(size=8) for own in truth.images_of]
    texts = unit(np.stack(near))
    measured = measure_recall(images, texts, truth)
    for k in (1, 5, 10):
        assert measured[f"t2i_r{k}"] == pytest.approx(by_hand(texts, images, truth.images_of, k))
        assert measured[f"i2t_r{k}"] == pytest.approx(by_hand(images, texts, truth.texts_of, k))


def test_four_captions_of_an_image_do_not_cap_recall_at_a_quarter() -> None:
    images = unit(np.eye(5))
    truth = find_truth([[f"{i} {j}" for j in range(4)] for i in range(5)])
    texts = np.stack([images[own[0]] for own in truth.images_of])
    assert measure_recall(images, texts, truth)["i2t_r1"] == 1.0
    assert measure_recall(images, texts, truth)["t2i_r1"] == 1.0


def test_a_caption_that_two_images_share_is_right_for_both() -> None:
    truth = find_truth([["A red circle"], ["a red circle ", "a disc"]])
    assert truth.texts == ["A red circle", "a disc"]
    assert truth.images_of == [[0, 1], [1]]
    assert truth.texts_of == [[0], [0, 1]]


def test_a_model_that_embeds_everything_alike_finds_nothing() -> None:
    same = unit(np.ones((20, 4)))
    right = [[i] for i in range(20)]
    assert recall_at(same, same, right) == {1: 0.0, 5: 0.0, 10: 0.0}
