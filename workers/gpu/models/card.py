"""The model card: what a tuned model is, what it was made from, and how good it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Rows = list[tuple[str, Any]]
_WAYS = (("t2i", "Text to image"), ("i2t", "Image to text"))
# training.json's own names of what a model was made from, in people's words.
_LINEAGE = {
    "base_model": "began with",
    "dataset_id": "dataset",
    "snapshot_id": "snapshot of the captions (SHA-256, first 16 digits)",
    "caption_seq": "caption changes up to the snapshot",
    "train_rows": "rows of train.csv",
    "augmentation": "augmentation",
    "trained_by": "trained by",
    "blend_of": "blend of",
    "alpha": "alpha (0: untuned, 1: tuned)",
    "imported_from": "imported from",
    "imported_by": "imported by",
}


def write_card(name: str, training: dict[str, Any]) -> str:
    """README.md of a model folder, in Markdown. training: the content of training.json.

    A model from elsewhere may lack figures and settings; what is not known is left out.
    """
    metrics = training["metrics"]
    parts = [
        f"# {name}",
        _summary(training),
        "## Recall on the validation images",
        _recall_table(metrics),
        *_section("What it has forgotten", _forgetting(metrics)),
        *_section("Between untuned and tuned (WiSE-FT)", _blends(metrics)),
        "## Use",
        _usage(name),
        "## Made from",
        _table(_facts(training)),
        *_section("Settings", _table(sorted(training["params"].items()))),
        *_section("Notes", "\n".join(f"- {note}" for note in training.get("notes") or [])),
    ]
    return "\n\n".join(parts) + "\n"


def _section(title: str, content: str) -> list[str]:
    return [f"## {title}", content] if content else []


def _summary(training: dict[str, Any]) -> str:
    lineage, architecture = training["lineage"], training["architecture"]
    if "imported_from" in lineage:
        return f"A CLIP model of the architecture {architecture}, imported into CLIP Browser."
    base = lineage.get("base_model") or "random weights"
    if "alpha" in lineage:
        return (
            f"A CLIP model of the architecture {architecture}: the weights {lineage['alpha']:.0%} of the "
            f"way from {base} to {lineage['blend_of']}, which was trained from it by CLIP Browser."
        )
    data = training["data"]
    text = (
        f"A CLIP model of the architecture {architecture}, trained from {base} on "
        f"{data['images']:,} images with {data['rows']:,} captions by CLIP Browser."
    )
    if training["metrics"]["best_epoch"] == 0:
        text += (
            " No epoch was better than the untuned model, so these are the weights it began with."
        )
    return text


def _recall_table(metrics: dict[str, Any]) -> str:
    before, after = metrics.get("recall_before") or {}, metrics.get("recall_after") or {}
    if not after:
        return "Not measured: there were no validation images."
    lines = ["| | before | after |", "| --- | --- | --- |"]
    for key, label in _WAYS:
        for cut in (1, 5, 10):
            figure = f"{key}_r{cut}"
            lines.append(
                f"| {label}, recall@{cut} | {_share(before, figure)} | {_share(after, figure)} |"
            )
    return "\n".join(lines)


def _share(figures: Mapping[str, Any], name: str) -> str:
    value = figures.get(name)
    return "" if value is None else f"{value:.1%}"


def _forgetting(metrics: dict[str, Any]) -> str:
    found = metrics.get("forgetting")
    if not found:
        return ""
    lines = [
        f"Recall on {found['images']} pictures of everyday things that were not trained on:",
        "",
        "| | before | after |",
        "| --- | --- | --- |",
    ]
    for key, label in _WAYS:
        for figure, cut in ((f"{key}_r1", 1), (f"{key}_r5", 5)):
            before, after = (_share(found[when], figure) for when in ("before", "after"))
            lines.append(f"| {label}, recall@{cut} | {before} | {after} |")
    return "\n".join(lines)


def _blends(metrics: dict[str, Any]) -> str:
    blends = metrics.get("blends")
    if not blends:
        return ""
    lines = [
        "| alpha | text to image, recall@1 | image to text, recall@1 | probe, recall@1 | |",
        "| --- | --- | --- | --- | --- |",
    ]
    for blend in blends:
        best = "best" if blend["alpha"] == metrics.get("best_alpha") else ""
        shares = " | ".join(_share(blend, name) for name in ("t2i_r1", "i2t_r1", "forgetting"))
        lines.append(f"| {blend['alpha']:g} | {shares} | {best} |")
    return "\n".join(lines)


def _usage(name: str) -> str:
    return (
        "```python\nimport open_clip\n\n"
        f'model, _, preprocess = open_clip.create_model_and_transforms("local-dir:{name}")\n'
        f'tokenizer = open_clip.get_tokenizer("local-dir:{name}")\n```'
    )


def _facts(training: dict[str, Any]) -> Rows:
    metrics, data, lineage = training["metrics"], training.get("data") or {}, training["lineage"]
    told = [(label, lineage.get(key)) for key, label in _LINEAGE.items()]
    other = [(key, value) for key, value in sorted(lineage.items()) if key not in _LINEAGE]
    rows = [
        *((label, _augmentation(value)) for label, value in told),
        *other,
        ("training images", data.get("images")),
        ("training captions", data.get("rows")),
        ("validation images", data.get("val_images")),
        ("epochs done", metrics.get("epochs_done")),
        ("best epoch", metrics.get("best_epoch")),
        ("steps", metrics.get("steps")),
        ("seconds", metrics.get("took_s")),
        ("peak GPU memory in GB", metrics.get("peak_memory_gb")),
        ("device", training.get("device")),
        *sorted((training.get("versions") or {}).items()),
    ]
    return [(label, value) for label, value in rows if value is not None]


def _augmentation(value: Any) -> Any:
    """How captions were varied, in a line; any other value as it is."""
    if not isinstance(value, Mapping):
        return value
    plain = {key: each for key, each in value.items() if isinstance(each, (str, int, float))}
    return ", ".join(f"{key} {each}" for key, each in sorted(plain.items()))


def _table(rows: Rows) -> str:
    if not rows:
        return ""
    lines = ["| | |", "| --- | --- |"]
    lines += [f"| {_cell(key)} | {_cell(value)} |" for key, value in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    """One line, without what would end a table's cell."""
    return " ".join(str(value).replace("|", "/").split())
