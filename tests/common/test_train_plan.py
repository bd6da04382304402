from __future__ import annotations

from typing import Any

import pytest

from common.errors import InvalidInput
from common.train_plan import (
    DataSize,
    Machine,
    TrainPlan,
    cosine_lr,
    estimate_memory_gb,
    lr_curve,
    plan_training,
    read_params,
)


def plan(images: int = 1000, machine: Machine | None = None, **params: Any) -> TrainPlan:
    size = DataSize(rows=4 * images, images=images, val_images=images // 4)
    return plan_training(read_params(params), size, machine or Machine("cuda", 80.0))


def test_the_guides_settings_on_the_guides_data() -> None:
    made = plan(1000)
    assert (made.model, made.pretrained, made.epochs) == ("ViT-B-32", "openai", 10)
    assert (made.batch_size.value, made.steps_per_epoch, made.steps) == (32, 31, 310)
    assert (made.lr.value, made.lr.auto) == (1e-5, True)
    assert (made.warmup.value, made.warmup.auto) == (31, True)


def test_a_warmup_of_10000_is_answered_with_what_it_would_do() -> None:
    made = plan(1000, warmup=10_000, lr=1e-4)
    assert made.warmup.value == 10_000
    said = " ".join(made.warnings)
    assert "10,000 steps never ends in a run of 310" in said
    assert "3.1e-06 of 0.0001" in said
    assert "Auto uses 31" in said


def test_a_batch_larger_than_the_images_is_corrected_and_said_so() -> None:
    made = plan(20, batch_size=64)
    assert made.batch_size.value == 20
    assert made.steps_per_epoch == 1
    assert any("64 is more than the 20" in warning for warning in made.warnings)


@pytest.mark.parametrize(
    ("images", "batch"), [(2, 2), (7, 7), (40, 8), (320, 64), (130, 32), (100_000, 64)]
)
def test_an_automatic_batch_is_a_power_of_two_near_a_quarter(images: int, batch: int) -> None:
    assert plan(images, batch_size="auto").batch_size.value == batch


def test_an_automatic_batch_fits_the_gpu() -> None:
    made = plan(5000, Machine("cuda", 12.0), model="ViT-L-14", batch_size="auto")
    assert made.memory_gb is not None
    assert made.memory_gb <= 12
    assert made.batch_size.value == 16


def test_a_batch_that_does_not_fit_is_answered_with_one_that_does() -> None:
    made = plan(5000, Machine("cuda", 12.0), model="ViT-L-14", batch_size=64)
    assert any("use a batch size of 16" in warning for warning in made.warnings)


def test_vit_b_32_at_batch_32_needs_the_guides_4_gb() -> None:
    made = plan(1000)
    assert made.memory_gb == pytest.approx(4.0, abs=0.3)
    assert estimate_memory_gb.__doc__


def test_the_small_model_starts_from_scratch_with_its_own_defaults() -> None:
    made = plan(320, Machine("cpu"), model="clip-browser-small")
    assert (made.pretrained, made.source, made.epochs) == ("", "scratch", 30)
    assert made.lr.value == 1e-3
    assert not any("slow" in warning for warning in made.warnings)


def test_a_high_rate_on_pretrained_weights_is_warned_of() -> None:
    assert any("destroys" in warning for warning in plan(1000, lr=1e-4).warnings)
    assert not any("destroys" in warning for warning in plan(1000, lr=2e-5).warnings)


def test_sets_are_measured_against_the_guides_sizes() -> None:
    assert any("100 are the minimum" in warning for warning in plan(60).warnings)
    assert any("1,000 or more" in warning for warning in plan(400).warnings)
    assert not any("1,000" in warning for warning in plan(1000).warnings)


def test_the_time_is_estimated_from_the_measured_rate() -> None:
    assert plan(1000, Machine("cuda", 80.0, 500.0)).estimated_s == pytest.approx(
        310 * 32 / 500, abs=0.1
    )
    assert plan(1000).estimated_s is None


def test_the_curve_rises_to_the_rate_and_falls_to_nearly_nothing() -> None:
    curve = lr_curve(1e-3, 31, 310)
    assert len(curve) <= 60
    assert curve[0][0] == 0
    assert curve[-1][0] == 309
    assert max(value for _, value in curve) == pytest.approx(1e-3)
    assert [30, 1e-3] in curve
    assert curve[-1][1] < 1e-7


def test_the_rate_is_open_clips_own_cosine() -> None:
    from open_clip_train.scheduler import cosine_lr as theirs

    class Optimizer:
        def __init__(self) -> None:
            self.param_groups = [{"lr": 0.0}]

    for warmup, steps in ((0, 10), (5, 50), (10_000, 60)):
        set_lr = theirs(Optimizer(), 1e-3, warmup, steps)
        for step in range(steps):
            assert cosine_lr(1e-3, warmup, steps, step) == pytest.approx(set_lr(step))


@pytest.mark.parametrize(
    "params",
    [
        {"epochs": 0},
        {"epochs": 1001},
        {"batch_size": 1},
        {"lr": 0},
        {"lr": "high"},
        {"warmup": -1},
        {"precision": "fp8"},
        {"seed": -1},
        {"wings": 2},
    ],
)
def test_numbers_out_of_range_are_refused_by_name(params: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_params(params)
    assert next(iter(params)) in caught.value.message


def test_one_image_is_not_enough_to_train() -> None:
    with pytest.raises(InvalidInput):
        plan(1)


def test_early_stopping_is_a_number_of_epochs_or_yes() -> None:
    assert read_params({"early_stopping": True}).early_stopping == 3
    assert read_params({"early_stopping": False}).early_stopping == 0
    assert read_params({"early_stopping": 5}).early_stopping == 5
