from __future__ import annotations

from typing import Any

from workers.gpu.models.card import write_card

RECALL = {f"{way}_r{cut}": cut / 20 for way in ("t2i", "i2t") for cut in (1, 5, 10)}
PROBE = {"t2i_r1": 0.625, "t2i_r5": 0.8, "i2t_r1": 0.6, "i2t_r5": 0.7}


def trained(**changed: Any) -> dict[str, Any]:
    return {
        "architecture": "ViT-B-32-quickgelu",
        "pretrained": "openai",
        "params": {"epochs": 10, "lr": 1e-5},
        "data": {"rows": 4000, "images": 1000, "val_images": 250},
        "metrics": {
            "best_epoch": 4,
            "epochs_done": 10,
            "steps": 310,
            "took_s": 50.0,
            "recall_before": RECALL,
            "recall_after": {**RECALL, "t2i_r1": 0.5},
            "forgetting": {"images": 200, "before": PROBE, "after": {**PROBE, "t2i_r1": 0.48}},
            "blends": [
                {"alpha": 0.0, **RECALL, "forgetting": 0.625},
                {"alpha": 0.6, **RECALL, "forgetting": None},
            ],
            "best_alpha": 0.6,
        },
        "lineage": {
            "base_model": "ViT-B-32/openai",
            "snapshot_id": "0123456789abcdef",
            "caption_seq": 812,
            "augmentation": {"method": "llm", "added": 3000, "examples": ["no", "list"]},
            "trained_by": "anna|bert\n",
        },
        "notes": ["Few images."],
        "device": "NVIDIA H100 (80 GB)",
        "versions": {"torch": "2.13.0", "commit": "f" * 40},
        **changed,
    }


def test_the_card_tells_figures_lineage_settings_and_versions() -> None:
    card = write_card("20261120-101500_boats", trained())
    for words in (
        "trained from ViT-B-32/openai on 1,000 images with 4,000 captions",
        "| Text to image, recall@1 | 5.0% | 50.0% |",
        "| Text to image, recall@1 | 62.5% | 48.0% |",
        "| 0.6 | 5.0% | 5.0% |  | best |",
        "| snapshot of the captions (SHA-256, first 16 digits) | 0123456789abcdef |",
        "| caption changes up to the snapshot | 812 |",
        "| augmentation | added 3000, method llm |",
        "| lr | 1e-05 |",
        "f" * 40,
        "- Few images.",
        'create_model_and_transforms("local-dir:20261120-101500_boats")',
    ):
        assert words in card, words


def test_no_value_breaks_out_of_its_cell() -> None:
    card = write_card("m", trained())
    assert "| trained by | anna/bert |" in card


def test_the_card_of_a_blend_says_between_what_it_lies() -> None:
    lineage = {"base_model": "ViT-B-32/openai", "blend_of": "20261120-101500_boats", "alpha": 0.3}
    card = write_card("m", trained(lineage=lineage))
    assert "the weights 30% of the way from ViT-B-32/openai to 20261120-101500_boats" in card


def test_the_card_of_an_imported_model_leaves_out_what_nobody_knows() -> None:
    bare = {
        "architecture": "own-ViT", "pretrained": "", "params": {}, "metrics": {},
        "lineage": {"imported_from": "m.zip", "imported_by": "anna"},
    }  # fmt: skip
    card = write_card("m", bare)
    assert "imported into CLIP Browser" in card
    assert "| imported from | m.zip |" in card
    for absent in ("None", "## Settings", "## Notes", "forgotten", "WiSE"):
        assert absent not in card


def test_a_model_whose_untuned_weights_were_the_best_says_so() -> None:
    metrics = {**trained()["metrics"], "best_epoch": 0, "blends": None}
    assert "these are the weights it began with" in write_card("m", trained(metrics=metrics))
