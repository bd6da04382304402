from __future__ import annotations

from typing import Any

from workers.gpu.report.trends import find_trends

SAME = {"t2i_r5": 0.6, "t2i_r10": 0.7, "i2t_r1": 0.4, "i2t_r5": 0.6, "i2t_r10": 0.7}


def epochs(
    recall: list[float] | None = None,
    loss: list[float] | None = None,
    trained: list[float] | None = None,
) -> list[dict[str, Any]]:
    """Records of epoch 0 and on; epoch 0 has no training loss."""
    count = max(len(recall or []), len(loss or []), len(trained or []) + 1)
    made: list[dict[str, Any]] = []
    for epoch in range(count):
        record: dict[str, Any] = {"epoch": epoch, "step": epoch * 5}
        if recall:
            record |= {"t2i_r1": recall[epoch], **SAME}
        if loss:
            record["loss"] = loss[epoch]
        if trained and epoch:
            record["train_loss"] = trained[epoch - 1]
        made.append(record)
    return made


def test_recall_that_has_not_grown_for_three_epochs_is_a_plateau() -> None:
    grown = [0.1, 0.3, 0.42]
    assert not find_trends(epochs(recall=[*grown, 0.42, 0.41]))
    words = find_trends(epochs(recall=[*grown, 0.42, 0.41, 0.42]))["plateau"]
    assert "since epoch 2" in words
    assert "42.0%" in words
    assert "stop here" in words
    assert "lower learning rate" in words


def test_a_run_that_never_beats_the_untuned_model_is_told_so() -> None:
    words = find_trends(epochs(recall=[0.5, 0.4, 0.3, 0.45]))["plateau"]
    assert "untuned model" in words
    assert "lower learning rate" in words


def test_a_validation_loss_that_rises_while_the_training_loss_falls_is_overfitting() -> None:
    falling = [3.0, 2.0, 1.5, 1.0, 0.5]
    words = find_trends(epochs(loss=[3.2, 2.5, 2.0, 2.1, 2.2, 2.4], trained=falling))
    assert list(words) == ["overfitting"]
    assert "since epoch 2" in words["overfitting"]
    assert "by heart" in words["overfitting"]


def test_a_loss_that_wavers_is_nothing_to_speak_of() -> None:
    falling = [3.0, 2.0, 1.5, 1.4, 1.3]
    assert not find_trends(epochs(loss=[3.2, 2.5, 2.0, 2.3, 2.0, 2.1], trained=falling))
    assert not find_trends(epochs(loss=[3.2, 2.5, 2.0, 2.01, 2.02, 2.03], trained=falling))
    assert not find_trends(epochs(trained=[2.0, 1.8, 1.9, 1.7, 1.8]))
    assert not find_trends([])
    assert not find_trends(epochs(trained=[2.0]))


def test_a_training_loss_that_rises_means_too_high_a_rate() -> None:
    words = find_trends(epochs(loss=[3.0, 3.1, 3.3, 3.5], trained=[2.0, 2.3, 2.9]))
    assert list(words) == ["rising"]
    assert "2.000 to 2.900" in words["rising"]
    assert "too high" in words["rising"]
