"""What a run proves: the forgetting probe and the blends, in whole runs of a tiny ViT."""

from __future__ import annotations

import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from tests.workers.gpu.children import Child
from tests.workers.gpu.model_folders import write_tiny
from workers.cpu.images.sample import draw_sample
from workers.gpu.data.examples import input_shape
from workers.gpu.data.views import shrink
from workers.gpu.models.folder import WEIGHTS_FILE, save_weights
from workers.gpu.proof import before_after as proof_module
from workers.gpu.proof.before_after import Proof, make_evaluator
from workers.gpu.proof.blends import ALPHAS, choose_best
from workers.gpu.proof.evaluation import evaluate, make_validation
from workers.gpu.proof.recall import RECALLS
from workers.models.clip_model import LoadedClip, create_clip, cut_text
from workers.models.pixels import open_rgb
from workers.runtime import child_io
from workers.runtime.child_io import Emitter

IMAGES, VAL, EPOCHS = 64, 16, 3


@pytest.fixture(scope="module")
def items(tmp_path_factory: Any) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("images")
    made = []
    for each in draw_sample(count=IMAGES, seed=5):
        path = folder / f"{Path(each.filename).stem}.png"
        path.write_bytes(each.png)
        made.append({"path": str(path), "captions": [each.caption, f"here is {each.caption}"]})
    return made


def train(folder: Path, items: list[dict[str, Any]], base: Path | None, **params: Any) -> Child:
    (folder / "work").mkdir(exist_ok=True)
    config = {
        "job_id": "probe",
        "params": {"model": "clip-browser-small", "epochs": EPOCHS, "batch_size": 8, **params},
        "base": f"local-dir:{base}" if base else "",
        "train": items[VAL:],
        "val": items[:VAL],
        "work_dir": str(folder / "work"),
        "runs_dir": str(folder / "runs"),
        "weights_dir": str(folder / "weights"),
        "device": "cpu",
        "lineage": {"snapshot_id": "abc", "augmentation": {"method": "synonyms", "rows": 9}},
    }
    child = Child("training.child", config, folder).finish(280)
    assert child.closing["event"] == "result", (child.closing, child.named("log")[-5:])
    return child


@pytest.fixture(scope="module")
def base(tmp_path_factory: Any) -> Path:
    return write_tiny(tmp_path_factory.mktemp("base") / "base", seed=1)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: Any, items: list[dict[str, Any]], base: Path) -> Child:
    """A run from a model of one's own that is sure to become better."""
    return train(
        tmp_path_factory.mktemp("tuned"), items, base, pretrained="base-model", lr=3e-3, epochs=12
    )


def measure(folder: Path, state: dict[str, torch.Tensor], items: list[dict[str, Any]]) -> Any:
    loaded: LoadedClip = create_clip(f"local-dir:{folder}", None)
    loaded.model.load_state_dict(state)
    data = make_validation(
        [shrink(loaded, open_rgb(Path(item["path"]))) for item in items],
        [item["captions"] for item in items],
        loaded.tokenizer,
        input_shape(loaded.model),
        8,
    )
    assert data is not None
    return evaluate(loaded.model, data, "cpu", nullcontext, partial(cut_text, loaded.model))


def test_a_run_ends_with_eleven_blends_whose_ends_are_the_two_models(tuned: Child) -> None:
    result = tuned.closing
    assert result["best_epoch"] > 0
    blends = result["blends"]
    assert [blend["alpha"] for blend in blends] == list(ALPHAS)
    for blend, recall, probe in (
        (blends[0], result["recall_before"], result["forgetting"]["before"]),
        (blends[-1], result["recall_after"], result["forgetting"]["after"]),
    ):
        assert {name: blend[name] for name in RECALLS} == recall
        assert blend["forgetting"] == probe["t2i_r1"]
    assert result["best_alpha"] == choose_best(blends)


def test_a_blend_is_what_loading_and_measuring_the_weights_between_gives(
    tuned: Child, base: Path, items: list[dict[str, Any]]
) -> None:
    folder = Path(tuned.closing["model_folder"])
    ends = [safetensors.torch.load_file(each / WEIGHTS_FILE) for each in (base, folder)]
    halfway = {name: (ends[0][name] + ends[1][name]) / 2 for name in ends[0]}
    measured = measure(folder, halfway, items[:VAL])
    blend = next(each for each in tuned.closing["blends"] if each["alpha"] == 0.5)
    for name in RECALLS:
        assert blend[name] == pytest.approx(measured[name], abs=1 / VAL + 1e-9), name


def test_the_probe_is_measured_at_epoch_0_and_at_the_end(tuned: Child) -> None:
    result = tuned.closing
    assert result["forgetting"]["images"] == 200
    before, after = result["forgetting"]["before"], result["forgetting"]["after"]
    assert tuned.series("forgetting/t2i_r1") == [
        (0, before["t2i_r1"]),
        (result["steps"], after["t2i_r1"]),
    ]
    said = [note for note in result["notes"] if note.startswith("General knowledge")]
    assert len(said) == 1
    assert said[0] in [each["text"] for each in tuned.named("note")]


def test_the_record_and_the_card_tell_it_all(tuned: Child) -> None:
    folder = Path(tuned.closing["model_folder"])
    record = json.loads((folder / "training.json").read_text())
    assert record["metrics"]["blends"] == tuned.closing["blends"]
    assert record["lineage"]["base_model"] == "base-model"
    assert record["pretrained"] == "base-model"
    assert set(record["versions"]) >= {"clip-browser", "open_clip_torch", "torch"}
    card = (folder / "README.md").read_text()
    for words in ("trained from base-model", "What it has forgotten", "WiSE-FT", "| 0.5 |",
                  "snapshot of the captions", "method synonyms, rows 9", "local-dir:"):  # fmt: skip
        assert words in card, words


def test_a_run_from_scratch_has_the_probes_figures_and_nothing_between(
    tmp_path: Path, items: list[dict[str, Any]]
) -> None:
    result = train(tmp_path, items, None, pretrained="", epochs=1).closing
    assert result["blends"] is None
    assert result["best_alpha"] is None
    assert set(result["forgetting"]["before"]) == {"t2i_r1", "t2i_r5", "i2t_r1", "i2t_r5"}
    assert not any("knowledge" in note or "blend" in note for note in result["notes"])
    record = json.loads((Path(result["model_folder"]) / "training.json").read_text())
    assert record["lineage"]["base_model"] is None


class Points:
    """Keeps the figures that it is given."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def add_point(self, name: str, value: float, step: int, epoch: int) -> None:
        self.seen.append((name, step))


@pytest.fixture
def concluded(tmp_path: Path, base: Path, items: list[dict[str, Any]]) -> Any:
    """conclude() of a proof whose two models have different weights."""
    loaded = create_clip(f"local-dir:{base}", None)
    save_weights(loaded.model, tmp_path / "base.safetensors")
    for parameter in loaded.model.parameters():
        parameter.data += 0.01 * torch.randn_like(parameter)
    save_weights(loaded.model, tmp_path / "tuned.safetensors")
    pixels = [shrink(loaded, open_rgb(Path(item["path"]))) for item in items[:VAL]]
    captions = [item["captions"] for item in items[:VAL]]
    data = make_validation(pixels, captions, loaded.tokenizer, input_shape(loaded.model), 8)
    evaluator = make_evaluator(loaded, "cpu", "fp32", data, lambda _: None)
    proof = Proof(Emitter((tmp_path / "events").open("w")), Points(), tmp_path, evaluator, False)
    recall = dict.fromkeys(RECALLS, 0.0)

    def conclude(trained_s: float = 1000.0, base_name: str = "base.safetensors") -> Any:
        return proof.conclude(
            tmp_path / base_name,
            tmp_path / "tuned.safetensors",
            step=9,
            trained_s=trained_s,
            before={"epoch": 0, **recall},
            after={"epoch": 2, **recall},
        )

    return conclude


def test_without_time_fewer_blends_are_measured_and_that_is_said(
    concluded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof_module, "AT_LEAST_S", 0.0)
    found = concluded(trained_s=1e-6)
    assert [blend["alpha"] for blend in found.blends] == [0.0, 0.5, 1.0]
    assert any("1 of the 9 blends" in note for note in found.notes)


def test_a_stop_ends_the_measuring_and_keeps_what_was_found(
    concluded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    child_io.stop_event().set()
    try:
        found = concluded()
    finally:
        child_io.stop_event().clear()
    assert found.blends is None
    assert any("its weights are whole" in note for note in found.notes)


def test_figures_that_were_lost_are_measured_again_and_lost_weights_end_nothing(
    concluded: Any,
) -> None:
    assert concluded().forgetting["before"] is not None
    found = concluded(base_name="gone.safetensors")
    assert (found.forgetting, found.blends) == (None, None)


def test_blends_keep_a_batch_norm_model_finite() -> None:
    loaded = create_clip("clip-browser-small", None)
    state = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}
    other = create_clip("clip-browser-small", None).model.state_dict()
    from workers.gpu.proof.blends import interpolate

    loaded.model.load_state_dict(interpolate(state, other, 0.3))
    loaded.model.eval()
    with torch.inference_mode():
        made = loaded.model.encode_image(torch.randn(2, 3, 64, 64))
    assert np.isfinite(made.numpy()).all()
