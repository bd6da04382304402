"""The registry in the terminal: list, name, tag, bring in, blend, choose, download, delete."""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cli.images.batches import Upload
from cli.images.sending import send_portions
from cli.jobs.params import Misuse, read_value
from cli.jobs.progress import bytes_bar, show_job
from cli.lookups import find_dataset
from cli.terminal import Terminal, table
from common.errors import InvalidInput

COLUMNS = (
    "model",
    "name",
    "architecture",
    "tags",
    "default for",
    "indexed",
    "recall@1",
    "forgetting",
)


def list_models(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """The registry: models of one's own, then the catalogue."""
    wanted = {"tag": arguments.tag, "q": arguments.find}
    found = list(terminal.client.items("/models", **wanted))
    terminal.answer(found, table(COLUMNS, [_row(item) for item in found]))
    return 0


def _row(item: dict[str, Any]) -> list[str]:
    name = "" if item["name"] == item["id"] else item["name"]
    lists = (", ".join(item[each]) for each in ("tags", "is_default_for", "indexes"))
    metrics = item["metrics"] or {}
    gain = _change(metrics, "recall_before", "recall_after")
    return [
        item["id"],
        name,
        item["architecture"],
        *lists,
        gain,
        _change(metrics.get("forgetting") or {}, "before", "after"),
    ]


def _change(figures: dict[str, Any], before: str, after: str) -> str:
    """Text-to-image recall@1 before and after training: `31% -> 58%`."""
    shares = [(figures.get(name) or {}).get("t2i_r1") for name in (before, after)]
    return " -> ".join(f"{share:.0%}" for share in shares if isinstance(share, int | float))


def rename(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Another name; the id stays."""
    return _change_model(terminal, arguments.model, {"name": arguments.name})


def note(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Another note."""
    return _change_model(terminal, arguments.model, {"note": arguments.text})


def tag(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Add tags, take some away with --remove."""
    model = terminal.client.get(_path(arguments.model))
    named = {word.strip().casefold() for word in arguments.tags}
    if arguments.remove:
        tags = [each for each in model["tags"] if each.casefold() not in named]
    else:
        tags = [*model["tags"], *arguments.tags]
    return _change_model(terminal, arguments.model, {"tags": tags})


def _change_model(terminal: Terminal, model_id: str, change: dict[str, Any]) -> int:
    model = terminal.client.patch(_path(model_id), change)
    facts = [f"{model['id']}: {model['name']}", *(f"tag {each}" for each in model["tags"])]
    terminal.answer(model, "\n  ".join([*facts, *([model["note"]] if model["note"] else [])]))
    return 0


def delete(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Delete a model of one's own; with --force also when something uses it."""
    terminal.client.delete(_path(arguments.model) + ("?force=1" if arguments.force else ""))
    terminal.answer({"deleted": arguments.model}, f"{arguments.model} is deleted.")
    return 0


def download(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Write a model's folder as a zip; an existing file is replaced only when the new one is whole."""
    out: Path = arguments.out
    with bytes_bar(terminal, f"receiving {arguments.model}", None) as advance:
        terminal.client.download(f"{_path(arguments.model)}/download", out, advance)
    size_bytes = out.stat().st_size
    facts = {"model": arguments.model, "file": str(out), "size_bytes": size_bytes}
    terminal.answer(facts, f"{out}: {size_bytes / 1e6:,.1f} MB")
    return 0


def bring_in(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Bring in a model folder or a zip of one, in portions that go on where they broke off."""
    source: Path = arguments.source
    with tempfile.TemporaryDirectory() as scratch:
        packed = _pack(source, Path(scratch)) if source.is_dir() else source
        if not packed.is_file():
            raise InvalidInput(f"There is no folder or file {source}.", remedy="Check the path.")
        upload = Upload(packed.name, packed, packed.stat().st_size)
        with bytes_bar(terminal, f"sending {upload.name}", upload.size_bytes) as advance:
            upload_id = send_portions(terminal, upload, advance)
    body = {"upload": upload_id, **({"name": arguments.name} if arguments.name else {})}
    return show_job(terminal, terminal.client.post("/models", body)["job"], arguments.follow)


def _pack(folder: Path, scratch: Path) -> Path:
    """The folder's files as a zip; weights hardly shrink, so nothing is compressed."""
    out = scratch / f"{folder.resolve().name}.zip"
    with zipfile.ZipFile(out, "w", strict_timestamps=False) as archive:
        for file in sorted(path for path in folder.iterdir() if path.is_file()):
            archive.write(file, f"{folder.resolve().name}/{file.name}")
    return out


def blend(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Register the weights between a tuned model and what it began with."""
    alpha = read_value(arguments.alpha)
    body = {"alpha": alpha, **({"name": arguments.name} if arguments.name else {})}
    answer = terminal.client.post(f"{_path(arguments.model)}/blend", body)
    return show_job(terminal, answer["job"], arguments.follow)


def choose(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """The model that a dataset is searched with; with --none the one that was indexed last."""
    if (arguments.model is None) != arguments.none:
        raise Misuse("default needs a model or --none.", remedy="Give one of the two.")
    dataset = find_dataset(terminal.client, arguments.dataset)
    path = f"/datasets/{quote(dataset['id'])}/model"
    made = terminal.client.put(path, {"model_id": arguments.model})
    chosen = made["model_id"] or "the model that was indexed last"
    terminal.answer(made, f"{made['id']} is searched with {chosen}.")
    return 0


def _path(model_id: str) -> str:
    return f"/models/{quote(model_id)}"
