from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import Normalize, RandomResizedCrop
from torchvision.transforms.functional import to_tensor

from common.errors import InvalidInput
from workers.gpu.data.batches import Augmentation, InputShape, TrainBatches, random_box
from workers.gpu.data.cache import PixelCache, decode_all, decode_shrunk

SHAPE = InputShape(16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def make(
    folder: Path,
    images: int = 22,
    batch_size: int = 5,
    limit: int = 10**9,
    seed: int = 1,
    part: Callable[[int], slice] = slice,
    device: str = "cpu",
) -> TrainBatches:
    rng = np.random.default_rng(0)
    cache = PixelCache(limit, folder)
    for _ in range(images):
        cache.append(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8))
    tokens = torch.arange(images * 3).view(-1, 1).repeat(1, 4)
    owners = [range(3 * i, 3 * i + 3) for i in range(images)]
    return TrainBatches(
        cache, tokens, owners, SHAPE, batch_size=batch_size, seed=seed, part=part, device=device
    )


def first_half(count: int) -> slice:
    return slice(0, count // 2)


def second_half(count: int) -> slice:
    return slice(count // 2, count)


def test_an_epoch_has_each_image_at_most_once_with_one_of_its_own_captions(tmp_path: Path) -> None:
    batches = make(tmp_path)
    rows = [int(row) for _, texts in batches.of_epoch(0) for row in texts[:, 0]]
    images = [row // 3 for row in rows]
    assert len(rows) == batches.num_batches * 5 == 20
    assert len(set(images)) == 20
    assert len({row % 3 for row in rows}) > 1


def test_captions_take_turns_so_that_none_is_left_out_of_a_short_run(tmp_path: Path) -> None:
    batches = make(tmp_path, images=20)
    seen, firsts = Counter[int](), set()
    for epoch in range(6):
        rows = [int(row) for _, texts in batches.of_epoch(epoch) for row in texts[:, 0]]
        seen.update(rows)
        if epoch == 0:
            firsts = {row % 3 for row in rows}
    assert seen == dict.fromkeys(range(60), 2)
    assert firsts == {0, 1, 2}


def test_epochs_differ_and_the_same_seed_gives_the_same(tmp_path: Path) -> None:
    one, two = make(tmp_path), make(tmp_path)
    first = torch.cat([pixels for pixels, _ in one.of_epoch(0)])
    assert not torch.equal(first, torch.cat([pixels for pixels, _ in one.of_epoch(1)]))
    assert torch.equal(first, torch.cat([pixels for pixels, _ in two.of_epoch(0)]))


def test_a_resumed_epoch_sees_what_it_would_have(tmp_path: Path) -> None:
    whole = list(make(tmp_path).of_epoch(0))
    rest = list(make(tmp_path).of_epoch(0, first=2))
    assert len(rest) == 2
    for (pixels, texts), (same_pixels, same_texts) in zip(whole[2:], rest, strict=True):
        assert torch.equal(pixels, same_pixels)
        assert torch.equal(texts, same_texts)


def test_images_above_the_memory_limit_come_from_a_file_alike(tmp_path: Path) -> None:
    in_memory, spilled = make(tmp_path), make(tmp_path, limit=3000)
    cache = PixelCache(3000, tmp_path)
    for number in range(22):
        cache.append(np.full((20, 24, 3), number, dtype=np.uint8))
        assert cache[number].max() == number  # also while more is written
    assert cache.spilled_bytes == 20 * 1440
    assert [int(cache[number][0, 0, 0]) for number in range(22)] == list(range(22))
    assert not list(tmp_path.iterdir())  # without a name: gone with the process
    for (pixels, _), (same, _) in zip(in_memory.of_epoch(0), spilled.of_epoch(0), strict=True):
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
    pixels, _ = next(batches.of_epoch(0))
    back = ((pixels[0].permute(1, 2, 0) * 0.5 + 0.5) * 255).round().to(torch.uint8)
    assert np.array_equal(back.numpy(), picture)


def test_pixels_are_normalised_as_torch_does_it_to_the_last_bit() -> None:
    shape = InputShape(32, (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.2757771))
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    pixels[0] = np.arange(256, dtype=np.uint8).repeat(12).reshape(32, 32, 3)
    theirs = torch.stack([Normalize(shape.mean, shape.std)(to_tensor(each)) for each in pixels])
    ours = np.empty((4, 32, 32, 3), dtype=np.float32)
    for one, out in zip(pixels, ours, strict=True):
        shape.write_normalised(one, out)
    assert torch.equal(torch.from_numpy(ours).permute(0, 3, 1, 2), theirs)
    assert torch.equal(shape.normalise(pixels), theirs)


def test_batches_for_another_device_are_handed_out_on_it_as_the_model_takes_them(
    tmp_path: Path,
) -> None:
    """ "meta" stands for a GPU: tensors there have a shape, a type and a place."""
    batches = list(make(tmp_path, device="meta").of_epoch(0))
    assert len(batches) == 4
    for pixels, texts in batches:
        assert (pixels.shape, pixels.dtype) == ((5, 3, 16, 16), torch.float32)
        assert pixels.device.type == texts.device.type == "meta"


def test_parts_of_a_batch_are_what_the_whole_would_have_been(tmp_path: Path) -> None:
    whole = list(make(tmp_path, batch_size=6).of_epoch(0))
    parts = [
        list(make(tmp_path, batch_size=6, part=part).of_epoch(0))
        for part in (first_half, second_half)
    ]
    for (pixels, texts), (one, one_texts), (two, two_texts) in zip(whole, *parts, strict=True):
        assert torch.equal(pixels, torch.cat([one, two]))
        assert torch.equal(texts, torch.cat([one_texts, two_texts]))


def test_a_pass_that_is_left_early_leaves_nothing_running(tmp_path: Path) -> None:
    before = threading.active_count()
    for _ in make(tmp_path).of_epoch(0):
        break
    gc.collect()
    assert threading.active_count() == before


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
    assert not isinstance(large, InvalidInput)
    assert large.shape == (64, 128, 3)
    assert not isinstance(small, InvalidInput)
    assert small.shape == (12, 10, 3)
    assert Counter(small.ravel().tolist()) == {255: 360}  # transparent lies on white
    assert isinstance(broken, InvalidInput)
    assert isinstance(missing, InvalidInput)
