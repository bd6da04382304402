from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import RandomResizedCrop

from workers.gpu.batches import Augmentation, InputShape, TrainBatches, random_box
from workers.gpu.pixel_cache import PixelCache, decode_all, decode_shrunk

SHAPE = InputShape(16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def make(
    folder: Path, images: int = 22, batch_size: int = 5, limit: int = 10**9, seed: int = 1
) -> TrainBatches:
    rng = np.random.default_rng(0)
    cache = PixelCache(limit, folder / "cache")
    for _ in range(images):
        cache.append(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8))
    tokens = torch.arange(images * 3).view(-1, 1).repeat(1, 4)
    owners = [range(3 * i, 3 * i + 3) for i in range(images)]
    return TrainBatches(cache, tokens, owners, SHAPE, batch_size=batch_size, seed=seed)


def test_an_epoch_has_each_image_at_most_once_with_one_of_its_own_captions(tmp_path: Path) -> None:
    batches = make(tmp_path)
    rows = [int(row) for _, texts in batches for row in texts[:, 0]]
    images = [row // 3 for row in rows]
    assert len(rows) == batches.num_samples == 20
    assert len(set(images)) == 20
    assert len({row % 3 for row in rows}) > 1


def test_epochs_differ_and_the_same_seed_gives_the_same(tmp_path: Path) -> None:
    one, two = make(tmp_path), make(tmp_path)
    first = torch.cat([pixels for pixels, _ in one])
    one.set_value(1)
    assert not torch.equal(first, torch.cat([pixels for pixels, _ in one]))
    assert torch.equal(first, torch.cat([pixels for pixels, _ in two]))


def test_a_resumed_epoch_sees_what_it_would_have(tmp_path: Path) -> None:
    whole = list(make(tmp_path))
    batches = make(tmp_path)
    batches.skip(2)
    rest = list(batches)
    assert len(rest) == 2
    for (pixels, texts), (same_pixels, same_texts) in zip(whole[2:], rest, strict=True):
        assert torch.equal(pixels, same_pixels)
        assert torch.equal(texts, same_texts)


def test_images_above_the_memory_limit_come_from_a_file_alike(tmp_path: Path) -> None:
    in_memory, spilled = make(tmp_path), make(tmp_path, limit=3000)
    assert (tmp_path / "cache").stat().st_size > 20_000
    for (pixels, _), (same, _) in zip(in_memory, spilled, strict=True):
        assert torch.equal(pixels, same)


def test_without_augmentation_a_square_image_of_the_right_size_is_left_as_it_is() -> None:
    cache = PixelCache(10**6, Path("unused"))
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    cache.append(picture)
    cache.append(picture)
    batches = TrainBatches(
        cache, torch.zeros(2, 4), [[0], [1]], SHAPE, batch_size=2, seed=0,
        augmentation=Augmentation((1.0, 1.0)),
    )  # fmt: skip
    pixels, _ = next(iter(batches))
    back = ((pixels[0].permute(1, 2, 0) * 0.5 + 0.5) * 255).round().to(torch.uint8)
    assert np.array_equal(back.numpy(), picture)


@pytest.mark.parametrize("size", [(64, 64), (300, 100), (90, 640)])
def test_random_crops_are_drawn_as_torchvision_draws_them(size: tuple[int, int]) -> None:
    width, height = size
    rng = np.random.default_rng(0)
    image = Image.new("RGB", size)
    ours = [random_box(width, height, (0.5, 1.0), rng) for _ in range(2000)]
    torch.manual_seed(0)
    theirs = [RandomResizedCrop.get_params(image, [0.5, 1.0], [3 / 4, 4 / 3]) for _ in range(2000)]
    widths, heights = [b[2] - b[0] for b in ours], [b[3] - b[1] for b in ours]
    assert np.mean(widths) == pytest.approx(np.mean([t[3] for t in theirs]), rel=0.03)
    assert np.mean(heights) == pytest.approx(np.mean([t[2] for t in theirs]), rel=0.03)
    assert min(b[0] for b in ours) >= 0
    assert max(b[2] for b in ours) <= width
    assert max(b[3] for b in ours) <= height


def test_a_large_image_is_shrunk_a_small_one_kept_and_a_broken_one_left_out(tmp_path: Path) -> None:
    Image.new("RGB", (1200, 600), "red").save(tmp_path / "large.jpg")
    Image.new("RGBA", (10, 12), (0, 0, 0, 0)).save(tmp_path / "small.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    paths = [tmp_path / name for name in ("large.jpg", "small.png", "broken.png", "missing.png")]
    large, small, broken, missing = decode_all(paths, lambda path: decode_shrunk(path, 56))
    assert large is not None
    assert large.shape == (64, 128, 3)
    assert small is not None
    assert small.shape == (12, 10, 3)
    assert Counter(small.ravel().tolist()) == {255: 360}  # transparent lies on white
    assert broken is None
    assert missing is None
