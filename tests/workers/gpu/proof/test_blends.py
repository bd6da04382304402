from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidInput
from workers.gpu.proof.blends import ALPHAS, INNER, choose_best, interpolate

RECALLS = [f"{way}_r{cut}" for way in ("t2i", "i2t") for cut in (1, 5, 10)]


def state(seed: int) -> dict[str, torch.Tensor]:
    made = torch.Generator().manual_seed(seed)
    return {
        "weight": torch.randn(3, 4, generator=made),
        "half": torch.randn(5, generator=made).half(),
        "running_var": torch.rand(4, generator=made) + 0.1,
        "num_batches_tracked": torch.tensor(10 * seed),
        "mask": torch.tensor([0.0, float("-inf")]),
    }


def blend(alpha: float, recall: float, forgetting: float | None) -> dict[str, float | None]:
    return {"alpha": alpha, **dict.fromkeys(RECALLS, recall), "forgetting": forgetting}


@given(st.floats(0, 1))
def test_every_number_is_on_the_line_between_the_two(alpha: float) -> None:
    base, tuned = state(1), state(2)
    made = interpolate(base, tuned, alpha)
    for name in ("weight", "half", "running_var"):
        a, b = (each[name].double().numpy() for each in (base, tuned))
        step = 1e-3 if name == "half" else 1e-6
        assert np.allclose(made[name].double().numpy(), (1 - alpha) * a + alpha * b, atol=5 * step)
        assert made[name].dtype == tuned[name].dtype
    assert (made["running_var"] > 0).all()
    assert made["mask"].tolist() == [0.0, float("-inf")]


def test_the_ends_are_exactly_the_two_models() -> None:
    base, tuned = state(1), state(2)
    for alpha, end in ((0, base), (1, tuned)):
        made = interpolate(base, tuned, alpha)
        assert all(torch.equal(made[name], end[name]) for name in end)


def test_counters_are_the_tuned_ones_and_nothing_is_shared_with_the_models() -> None:
    base, tuned = state(1), state(2)
    made = interpolate(base, tuned, 0.5)
    assert made["num_batches_tracked"] == 20
    for tensor in made.values():
        tensor.zero_()
    assert torch.equal(tuned["mask"], state(2)["mask"])
    assert tuned["num_batches_tracked"] == 20


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_an_alpha_that_is_not_between_is_refused(alpha: float) -> None:
    with pytest.raises(InvalidInput, match="alpha"):
        interpolate(state(1), state(2), alpha)


def test_models_of_two_architectures_are_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="first mask"):
        interpolate(state(1), {**state(2), "mask": torch.zeros(3)}, 0.5)
    with pytest.raises(InvalidInput, match="first other"):
        interpolate(state(1), {**state(2), "other": torch.zeros(3)}, 0.5)


def test_the_best_blend_is_the_one_with_most_recall() -> None:
    found = [blend(0, 0.2, 0.9), blend(0.5, 0.6, 0.8), blend(1, 0.5, 0.1)]
    assert choose_best(found) == 0.5


def test_at_a_tie_the_best_blend_is_the_one_that_forgot_least_then_the_tuned_model() -> None:
    assert choose_best([blend(0.3, 0.6, 0.7), blend(0.4, 0.6, 0.8), blend(1, 0.6, 0.5)]) == 0.4
    assert choose_best([blend(0.3, 0.6, None), blend(1, 0.6, None)]) == 1


def test_the_mean_of_all_recalls_counts_before_forgetting() -> None:
    better = {**blend(0.4, 0.5, 0.1), "i2t_r10": 0.9}
    assert choose_best([blend(0.3, 0.5, 0.8), better]) == 0.4


def test_eleven_alphas_and_the_inner_ones_all_but_the_ends() -> None:
    assert ALPHAS == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
    assert set(INNER) == set(ALPHAS) - {0, 1}
