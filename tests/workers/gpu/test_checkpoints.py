from __future__ import annotations

from pathlib import Path

import pytest
import torch

from workers.gpu.checkpoints import Checkpoints


def make(folder: Path, fingerprint: str = "a") -> tuple[Checkpoints, list[str]]:
    said: list[str] = []
    return Checkpoints(folder, fingerprint, said.append), said


def test_the_newest_checkpoint_comes_back_and_only_two_are_kept(tmp_path: Path) -> None:
    checkpoints, _ = make(tmp_path)
    for step in (1, 2, 30):
        checkpoints.save(step, {"weights": torch.full((3,), float(step))})
    assert [path.name for path in checkpoints.files()] == ["step_000000002.pt", "step_000000030.pt"]
    loaded = checkpoints.load()
    assert loaded is not None
    assert loaded["weights"].tolist() == [30.0, 30.0, 30.0]


@pytest.mark.parametrize("kept_share", [0.0, 0.5, 0.98])
def test_a_truncated_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, kept_share: float
) -> None:
    checkpoints, said = make(tmp_path)
    checkpoints.save(1, {"step": 1, "weights": torch.ones(1000)})
    newest = checkpoints.save(2, {"step": 2, "weights": torch.ones(1000)})
    newest.write_bytes(newest.read_bytes()[: int(newest.stat().st_size * kept_share)])
    loaded = checkpoints.load()
    assert loaded is not None
    assert loaded["step"] == 1
    assert "cannot be read" in said[0]


def test_a_checkpoint_of_other_settings_is_not_used(tmp_path: Path) -> None:
    make(tmp_path, "lr 1")[0].save(5, {"step": 5})
    checkpoints, said = make(tmp_path, "lr 2")
    assert checkpoints.load() is None
    assert "other settings" in said[0]


def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "step_000000009.part").write_bytes(b"half")
    checkpoints, _ = make(tmp_path)
    assert checkpoints.load() is None
    assert list(tmp_path.iterdir()) == []
