"""The model card: what a tuned model is, what it was made from, and how good it is."""

from __future__ import annotations

from typing import Any

_FIGURES = (
    ("t2i", "Text to image"),
    ("i2t", "Image to text"),
)


def write_card(name: str, training: dict[str, Any]) -> str:
    """README.md of a model folder, in Markdown. training: the content of training.json."""
    parts = [
        f"# {name}",
        _summary(training),
        "## Recall on the validation images",
        _recall_table(training),
        "## Use",
        _usage(name),
        "## Made from",
        _table(_facts(training)),
        "## Settings",
        _table(sorted(training["params"].items())),
    ]
    if training.get("notes"):
        parts += ["## Notes", "\n".join(f"- {note}" for note in training["notes"])]
    return "\n\n".join(parts) + "\n"


def _summary(training: dict[str, Any]) -> str:
    base = training["pretrained"] or "random weights"
    text = (
        f"A CLIP model of the architecture {training['architecture']}, trained from {base} on "
        f"{training['data']['images']:,} images with {training['data']['rows']:,} captions by CLIP Browser."
    )
    if training["metrics"]["best_epoch"] == 0:
        text += (
            " No epoch was better than the untuned model, so these are the weights it began with."
        )
    return text


def _recall_table(training: dict[str, Any]) -> str:
    before, after = training["metrics"]["recall_before"], training["metrics"]["recall_after"]
    if not after:
        return "There were no validation images."
    lines = ["| | before | after |", "| --- | --- | --- |"]
    for key, label in _FIGURES:
        for cut in (1, 5, 10):
            figure = f"{key}_r{cut}"
            lines.append(f"| {label}, recall@{cut} | {before[figure]:.1%} | {after[figure]:.1%} |")
    return "\n".join(lines)


def _usage(name: str) -> str:
    return (
        "```python\nimport open_clip\n\n"
        f'model, _, preprocess = open_clip.create_model_and_transforms("local-dir:{name}")\n'
        f'tokenizer = open_clip.get_tokenizer("local-dir:{name}")\n```'
    )


def _facts(training: dict[str, Any]) -> list[tuple[str, Any]]:
    metrics, data = training["metrics"], training["data"]
    return [
        *sorted(training.get("lineage", {}).items()),
        ("validation images", data["val_images"]),
        ("epochs done", metrics["epochs_done"]),
        ("best epoch", metrics["best_epoch"]),
        ("steps", metrics["steps"]),
        ("seconds", metrics["took_s"]),
        ("device", training["device"]),
        *sorted(training["versions"].items()),
    ]


def _table(rows: list[tuple[str, Any]]) -> str:
    lines = ["| | |", "| --- | --- |"]
    lines += [f"| {key} | {str(value).replace('|', '/')} |" for key, value in rows]
    return "\n".join(lines)
