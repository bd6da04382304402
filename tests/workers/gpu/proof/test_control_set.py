from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from workers.gpu.data.views import shrink
from workers.gpu.proof.control_set import (
    FIGURES,
    FOLDER,
    make_control_set,
    read_pictures,
    say_forgetting,
)
from workers.gpu.proof.evaluation import evaluate
from workers.models.clip_model import LoadedClip, create_clip, cut_text


@pytest.fixture(scope="module")
def small() -> LoadedClip:
    return create_clip("clip-browser-small", None)


def test_the_probe_is_200_different_pictures_with_different_names() -> None:
    pictures = list(read_pictures())
    assert len(pictures) == 200
    assert len({name for name, _ in pictures}) == 200
    assert len({picture.tobytes() for _, picture in pictures}) == 200
    for name, picture in pictures:
        assert picture.size == (64, 64), name
        assert np.asarray(picture).std() > 10, f"{name} is blank"


def test_the_probe_is_small_and_comes_with_its_licence_and_origin() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 600_000
    listed = json.loads((FOLDER / "pictures.json").read_text())
    assert "Apache License 2.0" in listed["licence"]
    assert "Google" in listed["pictures"]
    assert "Apache License" in (FOLDER / "LICENSE.txt").read_text()


def test_the_probe_is_part_of_the_package() -> None:
    import tomllib

    root = Path(__file__).parents[4]
    data = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"][
        "package-data"
    ]
    shipped = {
        path for pattern in data["workers.gpu.proof"] for path in FOLDER.parent.glob(pattern)
    }
    assert {path.name for path in shipped} == {path.name for path in FOLDER.iterdir()}


def test_a_picture_has_its_own_name() -> None:
    pictures = dict(read_pictures())
    apple = np.asarray(pictures["a red apple"], dtype=int)[16:48, 16:48].mean(axis=(0, 1))
    berries = np.asarray(pictures["blueberries"], dtype=int)[16:48, 16:48].mean(axis=(0, 1))
    assert apple[0] > apple[1] + 60
    assert berries[2] > berries[0] + 60


def test_a_model_that_knows_nothing_finds_about_nothing(small: LoadedClip) -> None:
    from contextlib import nullcontext

    cut = partial(cut_text, small.model)
    measured = evaluate(small.model, make_control_set(small), "cpu", nullcontext, cut)
    assert set(FIGURES) < set(measured)
    assert all(measured[name] < 0.1 for name in FIGURES)


def test_pictures_are_shrunk_by_the_models_own_preprocessing(small: LoadedClip) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 255, (90, 130, 3), dtype=np.uint8))
    config = small.model.visual.preprocess_cfg
    mean, std = (np.array(config[key])[:, None, None] for key in ("mean", "std"))
    pixels = shrink(small, image)
    assert pixels.shape == (64, 64, 3)
    normalised = (pixels.transpose(2, 0, 1) / 255 - mean) / std
    assert np.allclose(normalised, small.preprocess(image).numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [(0.62, 0.48, "fell from 62 % to 48 %"), (0.5, 0.52, "rose from 50 % to 52 %"),
     (0.62, 0.621, "stayed at 62 %")],
)  # fmt: skip
def test_forgetting_is_said_in_words(before: float, after: float, said: str) -> None:
    found: dict[str, Any] = {"before": {"t2i_r1": before}, "after": {"t2i_r1": after}}
    assert say_forgetting(found) == f"General knowledge: recall on the probe {said}."
