"""Downloads of language models from a real (small) server that breaks off, and onto a full disk."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.augment.language_models import find_language_model, is_whole
from common.errors import LlmFailed
from tests.small_disk import mounted
from tests.workers.paraphrase.hub_server import MODEL, HubServer, hub_server
from workers.paraphrase import model_download
from workers.paraphrase.model_download import obtain_language_model

WEIGHTS = random.Random(0).randbytes(6_000_000)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    files = {
        "README.md": b"# A model",
        "config.json": b"{}",
        "tokenizer.json": b"{}",
        "model.safetensors": WEIGHTS,
        "onnx/model.onnx": b"x" * 1000,
    }
    with hub_server(files) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setattr(model_download, "SPARE_BYTES", 0)
        yield server


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MB."""
    with mounted(tmp_path / "disk", "4m") as folder:
        yield folder


def test_a_model_is_downloaded_once_with_progress(hub: HubServer, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = obtain_language_model(MODEL, tmp_path, lambda done, total: told.append((done, total)))
    assert folder == tmp_path / MODEL
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert not (folder / "README.md").exists()
    assert not (folder / "onnx").exists()
    assert told == sorted(told)
    assert told[-1] == (len(WEIGHTS) + 4, len(WEIGHTS) + 4)
    assert len(told) > 4
    asked = len(hub.asked)
    assert obtain_language_model(MODEL, tmp_path) == folder
    assert len(hub.asked) == asked


def test_a_download_that_breaks_off_goes_on_where_it_was(hub: HubServer, tmp_path: Path) -> None:
    hub.breaks_after = 2_500_000
    folder = obtain_language_model(MODEL, tmp_path)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    starts = [start for name, start in hub.asked if name == "model.safetensors"]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert len(starts) == 3
    assert hub.sent < 1.1 * len(WEIGHTS)


def test_a_download_that_was_killed_goes_on_where_it_was(hub: HubServer, tmp_path: Path) -> None:
    code = (
        "import os; from pathlib import Path; from workers.paraphrase import model_download as m; "
        "m.SPARE_BYTES = 0; m.BLOCK_BYTES = 100_000; "
        f"m.obtain_language_model({MODEL!r}, Path({str(tmp_path)!r}), "
        "lambda done, _: os.kill(os.getpid(), 9) if done > 3_000_000 else None)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    part = tmp_path / MODEL / "model.safetensors.part"
    here = part.stat().st_size
    assert here > 1_000_000
    assert find_language_model(MODEL, tmp_path) is None
    obtain_language_model(MODEL, tmp_path)
    assert hub.asked[-1] == ("model.safetensors", here)


def test_a_server_that_sends_nothing_more_is_given_up(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_download, "LONGEST_PAUSE_S", 0.1)
    hub.breaks_after = 0
    with pytest.raises(LlmFailed, match=r"config.json broke off 6 times") as failed:
        obtain_language_model(MODEL, tmp_path)
    assert "synonyms" in failed.value.remedy


def test_damaged_weights_are_found_and_fetched_anew(hub: HubServer, tmp_path: Path) -> None:
    hub.digest = "0" * 64
    with pytest.raises(LlmFailed, match="damaged on its way"):
        obtain_language_model(MODEL, tmp_path)
    hub.digest = None
    obtain_language_model(MODEL, tmp_path)
    assert hub.asked[-1] == ("model.safetensors", 0)


def test_too_little_room_is_said_before_anything_is_downloaded(
    hub: HubServer, small_disk: Path
) -> None:
    with pytest.raises(LlmFailed, match=r"no room .* 0.0 GB are free") as failed:
        obtain_language_model(MODEL, small_disk)
    assert "disk space" in failed.value.remedy
    assert "synonyms" in failed.value.remedy
    assert hub.asked == []


def test_a_disk_that_fills_up_midway_keeps_the_part_and_a_larger_one_finishes_it(
    hub: HubServer, small_disk: Path
) -> None:
    hub.tells_sizes = False  # so that it is not known beforehand
    with pytest.raises(LlmFailed, match="disk became full") as failed:
        obtain_language_model(MODEL, small_disk)
    assert "Free disk space" in failed.value.remedy
    part = small_disk / MODEL / "model.safetensors.part"
    here = part.stat().st_size
    assert here > 1_000_000
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    assert is_whole(obtain_language_model(MODEL, small_disk))
    assert hub.asked[-1] == ("model.safetensors", here)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_model_that_is_not_open_is_named_with_its_remedy(
    hub: HubServer, tmp_path: Path, status: int
) -> None:
    hub.status = status
    with pytest.raises(LlmFailed, match=f"status {status}") as failed:
        obtain_language_model(MODEL, tmp_path)
    assert "HF_TOKEN" in failed.value.remedy


@pytest.mark.parametrize("how", ["offline", "unreachable"])
def test_without_a_network_it_says_where_to_place_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1" if how == "offline" else "0")
    began = time.monotonic()
    with pytest.raises(LlmFailed, match="cannot be downloaded") as failed:
        obtain_language_model(MODEL, tmp_path)
    assert time.monotonic() - began < 16
    assert str(tmp_path / MODEL) in failed.value.remedy
    assert "make llm" in failed.value.remedy
    assert not (tmp_path / "probe").exists()


def test_a_folder_placed_by_hand_and_the_hubs_cache_are_found(tmp_path: Path) -> None:
    placed = tmp_path / "weights" / MODEL
    placed.mkdir(parents=True)
    (placed / "config.json").write_text("{}")
    (placed / "tokenizer.json").write_text("{}")
    assert find_language_model(MODEL, tmp_path / "weights") is None
    (placed / "model.safetensors.index.json").write_text('{"weight_map": {"a": "one", "b": "two"}}')
    (placed / "one").touch()
    assert not is_whole(placed)
    (placed / "two").touch()
    assert find_language_model(MODEL, tmp_path / "weights") == placed
    assert find_language_model(str(placed), tmp_path) == placed
    os.rename(placed / "two", placed / "two.part")
    assert not is_whole(placed)
