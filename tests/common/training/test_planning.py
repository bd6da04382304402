from __future__ import annotations

from typing import Any

import pytest

from common.errors import InvalidInput
from common.models.catalogue import get_model
from common.training.memory import estimate_memory_gb, fit_batch
from common.training.params import TrainParams, read_params
from common.training.plan import DataSize, Machine, Pace, TrainPlan
from common.training.planning import plan_training
from common.training.schedule import cosine_lr, lr_curve


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
    ("images", "batch"),
    [(2, 2), (7, 7), (40, 8), (320, 64), (130, 32), (9_999, 64), (10_000, 128), (100_000, 256)],
)
def test_an_automatic_batch_is_a_power_of_two_near_a_quarter(images: int, batch: int) -> None:
    assert plan(images, batch_size="auto").batch_size.value == batch
    assert plan(images, Machine("cpu"), batch_size="auto").batch_size.value == min(batch, 64)


def test_an_automatic_batch_fits_the_gpu() -> None:
    made = plan(5000, Machine("cuda", 12.0), model="ViT-L-14", batch_size="auto")
    assert made.memory_gb is not None
    assert made.memory_gb <= 12
    assert made.batch_size.value == 16


def test_a_batch_that_does_not_fit_whole_is_kept_and_said_to_be_parted() -> None:
    made = plan(5000, Machine("cuda", 12.0), model="ViT-L-14", batch_size=64)
    assert made.batch_size.value == 64
    assert made.fit is not None
    assert made.fit.gradient_checkpointing
    assert made.memory_gb is not None
    assert made.memory_gb <= 12
    assert "gradient checkpointing: the same result, more slowly" in str(made.memory_note)
    assert not any("GB" in warning for warning in made.warnings)


def test_a_model_that_does_not_fit_in_any_way_is_warned_of() -> None:
    made = plan(5000, Machine("cuda", 12.0), model="ViT-H-14", batch_size=64)
    assert made.fit is not None
    assert (made.fit.fits, made.fit.micro_batch, made.fit.accumulation) == (False, 1, 64)
    assert any("use a smaller model" in warning for warning in made.warnings)
    assert "Not even single images" in str(made.memory_note)


@pytest.mark.parametrize("batch", [2, 3, 24, 32, 1000])
@pytest.mark.parametrize("memory_gb", [7.0, 7.5, 8.0, 9.0, 12.0, 40.0])
def test_micro_batches_make_up_the_whole_batch(batch: int, memory_gb: float) -> None:
    fit = fit_batch(get_model("ViT-L-14"), batch, memory_gb)
    assert fit.micro_batch * fit.accumulation >= batch
    assert fit.micro_batch * (fit.accumulation - 1) < batch + fit.accumulation
    assert fit.fits == (fit.memory_gb <= memory_gb)


def test_a_batch_is_shared_evenly_by_the_gpus() -> None:
    made = plan(1000, Machine("cuda", 80.0, gpus=4), batch_size=30, gpus=4)
    assert (made.batch_size.value, made.gpus) == (28, 4)
    assert any("cannot be shared evenly by 4 GPUs" in warning for warning in made.warnings)
    assert made.fit is not None
    assert made.fit.micro_batch == 7
    with pytest.raises(InvalidInput, match="gpus is 4"):
        plan(3, gpus=4)


def test_more_gpus_than_any_machine_has_are_warned_of() -> None:
    asked = plan(1000, Machine("cuda", 80.0, gpus=2), gpus=4)
    assert any("asks for 4 GPUs" in warning for warning in asked.warnings)
    asked = plan(1000, Machine("cpu", gpus=0), gpus=2)
    assert any("there is no GPU" in warning for warning in asked.warnings)
    assert not any("GPUs" in w for w in plan(1000, Machine("cuda", 80.0, gpus=4), gpus=4).warnings)


def test_vit_b_32_at_batch_32_needs_the_guides_4_gb() -> None:
    made = plan(1000)
    assert made.memory_gb == pytest.approx(4.0, abs=0.3)
    assert estimate_memory_gb(get_model("ViT-B-32"), 32) == made.memory_gb


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


def test_the_time_is_estimated_from_the_measured_pace_and_what_comes_on_top() -> None:
    made = plan(1000, Machine("cuda", 80.0, Pace(500.0, overhead_s=12.0)))
    assert made.estimated_s == pytest.approx(310 * 32 / 500 + 12, abs=0.1)
    assert plan(1000).estimated_s is None


def test_a_measured_peak_counts_more_than_the_estimate_if_the_batch_is_the_same() -> None:
    pace = Pace(500.0, peak_memory_gb=3.3, batch_size=32)
    assert plan(1000, Machine("cuda", 80.0, pace)).memory_gb == 3.3
    other = plan(1000, Machine("cuda", 80.0, pace), batch_size=64)
    assert other.memory_gb == estimate_memory_gb(get_model("ViT-B-32"), 64)


def test_the_guides_hours_are_given_as_they_stand_and_for_this_run() -> None:
    guide = plan(500, model="ViT-L-14", epochs=4).guide
    assert guide is not None
    assert (guide.hours, guide.memory_gb) == ((3, 4), 8)
    assert (guide.images, guide.epochs) == (1000, 10)
    assert guide.scaled_hours == (0.6, 0.8)
    assert plan(500, model="clip-browser-small").guide is None


def test_epochs_are_auto_with_a_reason_and_as_asked_otherwise() -> None:
    assert plan(1000, epochs="auto").epoch_setting.auto
    assert "the best epoch is kept" in plan(1000).epoch_setting.why
    asked = plan(1000, epochs=3)
    assert (asked.epochs, asked.epoch_setting.auto) == (3, False)


def test_the_rate_goes_by_size_for_models_that_the_catalogue_does_not_know() -> None:
    def rate(parameters: int | None) -> float:
        size = DataSize(400, 100, 20)
        params = read_params({"model": "ViT-X-9", "pretrained": "20261123-101010_mine"})
        return float(plan_training(params, size, Machine(), parameters).lr.value)

    assert [rate(count) for count in (8_000_000, 150_000_000, 430_000_000, None)] == [
        3e-4, 1e-5, 5e-6, 1e-5,
    ]  # fmt: skip


def test_a_warmup_of_most_of_the_run_is_warned_of() -> None:
    assert any("81% of a run of 310" in warning for warning in plan(1000, warmup=250).warnings)
    assert not any("warmup" in warning.lower() for warning in plan(1000, warmup=100).warnings)


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


NO_NUMBERS = ["", "many", "12", True, False, [1], {"a": 1}, [], float("nan"), float("inf")]
HUGE = [10**30, 10**400, -(10**400), 1e308, -1, -1e308, -float("inf")]
OUT_OF_RANGE: dict[str, list[Any]] = {
    "epochs": [*NO_NUMBERS, *HUGE, 0, 1001, 2.5],
    "batch_size": [*NO_NUMBERS, *HUGE, None, 0, 1, 8193, 2.5],
    "lr": [*NO_NUMBERS, *HUGE, None, 0, 0.0, -0.0, 1.01],
    "warmup": [*NO_NUMBERS, *HUGE, None, 10_000_001, 0.5],
    "weight_decay": [*NO_NUMBERS, *HUGE, None, 10.1],
    "precision": [*NO_NUMBERS, None, 16, "fp8", "bf16"],
    "seed": [*NO_NUMBERS, *HUGE, None, 2**31, 0.5],
    "early_stopping": [*(bad for bad in NO_NUMBERS if not isinstance(bad, bool)), *HUGE, 1001],
    "gpus": [*NO_NUMBERS, *HUGE, None, 0, 17, 1.5],
    "model": [None, True, 5, ["ViT-B-32"], "x" * 161, "a\x00b", "a\nb"],
    "pretrained": [True, 5, ["openai"], "x" * 161, "a\x00b"],
    "name": [True, 2024, ["a"], "x" * 61, "a\x00b", "a\nb"],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in OUT_OF_RANGE.items() for value in values],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_out_of_range_is_refused_by_name_with_value_and_range(
    field: str, value: Any
) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_params({field: value})
    problem = caught.value
    allowed = str(TrainParams.model_fields[field].description)
    assert problem.message.startswith(f"{field} is ")
    assert allowed in problem.message
    assert allowed in problem.remedy
    assert len(problem.message) < 300
    assert problem.details is not None
    assert problem.details["fields"][0]["field"] == field


def test_every_setting_is_in_the_table_of_what_is_refused() -> None:
    assert OUT_OF_RANGE.keys() == TrainParams.model_fields.keys()


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        ("epochs", None, None), ("epochs", "auto", "auto"), ("epochs", 3.0, 3), ("epochs", 1000, 1000),
        ("batch_size", 2, 2), ("batch_size", "auto", "auto"), ("lr", 1, 1.0), ("lr", 1e-300, 1e-300),
        ("warmup", 0, 0), ("warmup", 10_000_000, 10_000_000), ("weight_decay", 0, 0.0),
        ("seed", 2**31 - 1, 2**31 - 1), ("gpus", 16, 16), ("pretrained", "", ""), ("name", " a ", "a"),
        ("name", None, None),
    ],
)  # fmt: skip
def test_the_ends_of_the_ranges_are_taken(field: str, value: Any, read: Any) -> None:
    assert getattr(read_params({field: value}), field) == read


def test_an_unknown_setting_is_answered_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="wings: there is no such setting") as caught:
        read_params({"wings": 2})
    assert "warmup" in caught.value.remedy


def test_one_image_is_not_enough_to_train() -> None:
    with pytest.raises(InvalidInput):
        plan(1)


def test_early_stopping_is_a_number_of_epochs_or_yes() -> None:
    assert read_params({"early_stopping": True}).early_stopping == 3
    assert read_params({"early_stopping": False}).early_stopping == 0
    assert read_params({"early_stopping": 5}).early_stopping == 5
