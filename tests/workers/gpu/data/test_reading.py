"""Images that are read while the model is still being loaded, and how many are kept in memory."""

from __future__ import annotations

import io
import json
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
from open_clip.transform import image_transform
from PIL import Image

from common.models.catalogue import CATALOGUE, MODEL_CONFIG_DIR
from workers.gpu.config import TrainConfig
from workers.gpu.data.cache import decode_shrunk
from workers.gpu.data.examples import read_images
from workers.gpu.data.host_memory import available_bytes, image_limit_bytes
from workers.gpu.data.reading import ImageReading, read_early
from workers.gpu.data.views import View, decode_view, expect_view, shrink
from workers.models.clip_model import LoadedClip, create_clip
from workers.models.pixels import open_rgb
from workers.runtime import child_io
from workers.runtime.child_io import Emitter

SMALL = "clip-browser-small"
QUIET = Emitter(io.StringIO())


@pytest.fixture(scope="module")
def small() -> LoadedClip:
    return create_clip(SMALL, None)


def draw(folder: Path, count: int, size: tuple[int, int] = (200, 130)) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        paths.append(folder / f"{number}.jpg")
        pixels = rng.integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize(size).save(paths[-1])
    return paths


def config(folder: Path, train: list[Path], val: list[Path], **changed: Any) -> TrainConfig:
    def items(paths: list[Path]) -> list[dict[str, Any]]:
        return [{"path": path, "captions": [path.stem]} for path in paths]

    return TrainConfig.model_validate(
        {
            "job_id": "probe", "params": {"model": SMALL}, "train": items(train),
            "val": items(val), "work_dir": folder, "runs_dir": folder, "weights_dir": folder,
            **changed,
        }
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["shortest", "squash"])
@pytest.mark.parametrize("size", [(64, 64), (333, 97), (51, 640), (65, 64), (30, 20), (1001, 667)])
def test_a_view_made_without_torch_is_the_models_own_to_the_last_bit(
    tmp_path: Path, size: tuple[int, int], mode: str
) -> None:
    preprocess = image_transform(64, is_train=False, interpolation="bicubic", resize_mode=mode)
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    theirs = shrink(
        LoadedClip(None, preprocess, lambda _: None, SMALL),  # type: ignore[arg-type,return-value]
        open_rgb(tmp_path / "image.png"),
    )
    assert np.array_equal(decode_view(tmp_path / "image.png", View(64, "bicubic", mode)), theirs)


def test_the_view_expected_of_a_catalogue_model_is_that_of_its_architecture(tmp_path: Path) -> None:
    open_clip.add_model_config(MODEL_CONFIG_DIR)
    for known in CATALOGUE:
        asked = config(tmp_path, draw(tmp_path, 1), [], params={"model": known.name})
        told = open_clip.get_model_config(known.name)
        assert expect_view(asked) == View(told["vision_cfg"]["image_size"])


def test_the_view_expected_of_a_model_of_ones_own_is_read_from_its_folder(tmp_path: Path) -> None:
    asked = config(tmp_path, draw(tmp_path, 1), [], base=f"local-dir:{tmp_path}")
    assert expect_view(asked) is None
    assert read_early(asked) is None
    told = {
        "model_cfg": {"vision_cfg": {"image_size": 96}},
        "preprocess_cfg": {"size": [96, 96], "interpolation": "bilinear", "resize_mode": "squash"},
    }
    (tmp_path / "open_clip_config.json").write_text(json.dumps(told))
    assert expect_view(asked) == View(96, "bilinear", "squash")


def test_what_was_read_early_is_what_the_loaded_model_would_have_read(
    tmp_path: Path, small: LoadedClip
) -> None:
    paths = draw(tmp_path, 12)
    paths[3].write_bytes(b"no image")
    paths[9].unlink()
    asked = config(tmp_path, paths[:8], paths[8:])
    early = read_early(asked)
    assert early is not None
    with early:
        images, notes = read_images(QUIET, asked, small, early)
    assert images is early
    assert [item.path for item in images.train] == [*paths[:3], *paths[4:8]]
    assert len(images.cache) == 7
    for number, item in enumerate(images.train):
        assert np.array_equal(images.cache[number], decode_shrunk(item.path, 64))
    assert [item.path for item in images.val] == [paths[8], *paths[10:]]
    for item, pixels in zip(images.val, images.val_pixels, strict=True):
        assert np.array_equal(pixels, shrink(small, open_rgb(item.path)))
    assert len(notes) == 2
    assert "first 3.jpg" in notes[0]


def test_images_are_read_again_when_the_model_takes_something_else(
    tmp_path: Path, small: LoadedClip
) -> None:
    paths = draw(tmp_path, 4)
    asked = config(tmp_path, paths[:2], paths[2:])
    wrong = View(32)
    with ImageReading(asked, wrong, partial(decode_view, view=wrong)) as early:
        images, _ = read_images(QUIET, asked, small, early)
    assert images is not early
    assert (len(early.cache), early.val_pixels) == (0, [])
    assert images.val_pixels[0].shape == (64, 64, 3)
    assert min(images.cache[0].shape[:2]) == 74


def test_leaving_early_ends_the_reading_and_restores_pythons_switching(tmp_path: Path) -> None:
    interval, threads = sys.getswitchinterval(), threading.active_count()
    asked = config(tmp_path, draw(tmp_path, 1) * 3000, [])
    early = read_early(asked)
    assert early is not None
    with early:
        assert sys.getswitchinterval() < interval
    assert len(early.train) < 3000
    assert sys.getswitchinterval() == interval
    assert threading.active_count() == threads


def test_a_stop_that_is_asked_for_while_images_are_read_ends_it(
    tmp_path: Path, small: LoadedClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_to_stop = threading.Event()
    monkeypatch.setattr(child_io, "_stop", asked_to_stop)
    asked = config(tmp_path, draw(tmp_path, 1) * 3000, [])
    early = read_early(asked)
    assert early is not None
    with early, pytest.raises(child_io.Stopped):
        asked_to_stop.set()
        read_images(QUIET, asked, small, early)
    assert len(early.train) < 3000


def test_images_beyond_the_limit_lie_in_a_file(tmp_path: Path, small: LoadedClip) -> None:
    said = io.StringIO()
    asked = config(tmp_path, draw(tmp_path, 5), [], image_cache_mib=0)
    images, _ = read_images(Emitter(said), asked, small, None)
    assert images.cache.spilled_bytes == sum(images.cache[number].nbytes for number in range(5))
    assert "lie in a file" in said.getvalue()


def test_no_more_than_half_of_the_free_memory_is_taken_for_images(tmp_path: Path) -> None:
    free = available_bytes(tmp_path)
    assert 0 < image_limit_bytes(2**60, cgroup=tmp_path) <= 0.6 * free
    assert image_limit_bytes(1000, cgroup=tmp_path) == 1000
    assert image_limit_bytes(2**40, memory_gb=1.0, cgroup=tmp_path) == 250_000_000


def test_a_containers_limit_counts_when_the_machine_has_more(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("300000000\n")
    (tmp_path / "memory.current").write_text("100000000\n")
    assert available_bytes(tmp_path) == 200_000_000
    assert image_limit_bytes(2**40, cgroup=tmp_path) == 100_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_bytes(tmp_path) > 200_000_000
