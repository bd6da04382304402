from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from common.errors import CannotResume
from tests.small_disk import mounted
from workers.gpu.training.checkpoints import LOST_AT_MOST_S, Checkpoints, SavePace, is_disk_full


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


def test_a_checkpoint_of_other_settings_is_refused_and_no_run_begins_anew(tmp_path: Path) -> None:
    make(tmp_path, "lr 1")[0].save(5, {"step": 5})
    checkpoints, _ = make(tmp_path, "lr 2")
    with pytest.raises(CannotResume, match="other settings"):
        checkpoints.load()
    assert len(checkpoints.files()) == 1


def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "step_000000009.part").write_bytes(b"half")
    checkpoints, _ = make(tmp_path)
    assert checkpoints.load() is None
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_a_format_that_is_not_known_is_refused(tmp_path: Path) -> None:
    checkpoints, _ = make(tmp_path)
    for content in (
        {"format": 0, "fingerprint": "a", "step": 5},
        {"weights": torch.ones(3)},
        [1, 2],
    ):
        torch.save(content, tmp_path / "step_000000005.pt")
        with pytest.raises(CannotResume, match="another version"):
            checkpoints.load()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MB."""
    with mounted(tmp_path / "disk", "4m") as folder:
        yield folder


def test_on_a_full_disk_the_older_one_makes_room_and_the_newest_is_never_lost(
    small_disk: Path,
) -> None:
    checkpoints, _ = make(small_disk)
    for step in (1, 2, 3):  # 1.5 MB each: the third does not fit beside two
        checkpoints.save(step, {"step": step, "weights": torch.ones(375_000)})
    assert [path.name for path in checkpoints.files()] == ["step_000000002.pt", "step_000000003.pt"]
    with pytest.raises((OSError, RuntimeError)) as caught:
        checkpoints.save(4, {"step": 4, "weights": torch.ones(900_000)})
    assert is_disk_full(caught.value)
    loaded = checkpoints.load()
    assert loaded is not None
    assert loaded["step"] == 3
    assert [path.suffix for path in small_disk.iterdir()] == [".pt"]


def test_saving_costs_little_but_never_more_than_two_minutes_of_work_can_be_lost() -> None:
    pace = SavePace(10.0, 0.0)
    assert not pace.is_due(9.0)
    assert pace.is_due(10.0)
    pace.note_saved(10.0, 12.0)  # slow: 2 s
    assert not pace.is_due(45.0)  # 20 times as long is 40 s
    assert pace.is_due(50.0)
    pace.note_saved(50.0, 80.0)  # very slow
    assert not pace.is_due(80.0)
    assert pace.is_due(50.0 + LOST_AT_MOST_S)
    assert pace.is_due(110.0, coming_s=40.0)  # the next chance would be too late
    assert not pace.is_due(90.0, coming_s=20.0)
    assert SavePace(0.0, 0.0).is_due(0.0)
