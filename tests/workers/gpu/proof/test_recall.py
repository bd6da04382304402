from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.gpu.proof.recall import find_truth, measure_recall, recall_at, recall_order


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


@st.composite
def drawn(draw: st.DrawFn) -> tuple[list[list[str]], int]:
    """(captions of some images, a seed): words so few that images share captions."""
    caption = st.sampled_from([f"caption {n}" for n in range(12)] + ["Caption 1", " caption  2 "])
    captions = draw(st.lists(st.lists(caption, min_size=1, max_size=5), min_size=1, max_size=30))
    return captions, draw(st.integers(0, 2**16))


@settings(max_examples=60, deadline=None)
@given(drawn())
def test_recall_is_its_definition_for_any_captions(case: tuple[list[list[str]], int]) -> None:
    captions, seed = case
    rng = np.random.default_rng(seed)
    plain = [{" ".join(text.lower().split()) for text in own} for own in captions]
    queries = sorted(set().union(*plain))
    images = unit(rng.normal(size=(len(captions), 6)))
    vector = dict(zip(queries, unit(rng.normal(size=(len(queries), 6))), strict=True))
    truth = find_truth(captions)
    texts = np.stack([vector[" ".join(text.lower().split())] for text in truth.texts])
    measured = measure_recall(images, texts, truth)
    for k in (1, 5, 10):
        found = 0
        for text in queries:  # a query finds something when an image that it describes is among k
            nearest = sorted(range(len(images)), key=lambda i: -float(images[i] @ vector[text]))[:k]
            found += any(text in plain[i] for i in nearest)
        assert measured[f"t2i_r{k}"] == pytest.approx(found / len(queries))
        found = 0
        for i, own in enumerate(plain):  # an image, when one of all its captions is
            nearest_texts = sorted(queries, key=lambda text: -float(images[i] @ vector[text]))[:k]
            found += any(text in own for text in nearest_texts)
        assert measured[f"i2t_r{k}"] == pytest.approx(found / len(images))


def test_many_queries_are_measured_as_few_are() -> None:
    rng = np.random.default_rng(1)
    queries, candidates = unit(rng.normal(size=(2500, 4))), unit(rng.normal(size=(50, 4)))
    right = [[int(n)] for n in rng.integers(0, 50, 2500)]
    whole = recall_at(queries, candidates, right)
    parts = [
        recall_at(queries[s : s + 500], candidates, right[s : s + 500]) for s in range(0, 2500, 500)
    ]
    for k, value in whole.items():
        assert value == pytest.approx(float(np.mean([part[k] for part in parts])))


def test_merit_is_recall_at_1_of_texts_then_the_mean_of_all() -> None:
    figures = {"epoch": 3, "t2i_r1": 0.4, "i2t_r1": 0.2, "loss": 9.0}
    assert recall_order(figures) == (0.4, 0.3)
