"""`make bench-way`: the whole way, step by step, timed: caption, split, augment, train, index, search.

python -m bench.way                         the sample dataset with default settings
python -m bench.way --images DIR --captions FILE [--epochs N ...]   images of your own
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.stack import Stack, running_stack

QUERIES = ("a red circle", "a blue square", "a green triangle", "a yellow star")


def main() -> None:
    """Start a stack in a temporary folder, walk the way, print a table and JSON."""
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="clip-browser-way-") as folder:
        with running_stack(Path(folder) / "data") as stack:
            report = walk(stack, arguments)
    for name, value in report.items():
        print(f"{name:34} {value}")
    print(json.dumps(report))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, help="zip of images (default: the sample)")
    parser.add_argument("--captions", type=Path, help="CSV with their captions")
    parser.add_argument("--no-augment", action="store_true")
    parser.add_argument("--train", type=json.loads, default={}, help="training params as JSON")
    parser.add_argument("--query", action="append", help="a search to time and show")
    return parser


def walk(stack: Stack, arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each step, recall before and after."""
    report: dict[str, Any] = {"stack ready (s)": round(stack.ready_s, 1)}

    def timed(name: str, step: Callable[[], Any]) -> Any:
        began = time.monotonic()
        outcome = step()
        report[f"{name} (s)"] = round(time.monotonic() - began, 1)
        return outcome

    began = time.monotonic()
    dataset = timed("import", lambda: _import(stack, arguments))
    facts = stack.call("GET", f"/datasets/{dataset}")
    report["images"], report["captioned"] = facts["counts"]["images"], facts["counts"]["captioned"]
    split = timed("split", lambda: stack.run_job(dataset, "split"))["result"]
    report["train / val images"] = f"{split['train_images']} / {split['val_images']}"
    if not arguments.no_augment:
        augmented = timed("augment", lambda: stack.run_job(dataset, "augment"))["result"]
        report["training rows"] = augmented["rows"]
    trained = timed("train", lambda: stack.run_job(dataset, "train", **arguments.train))["result"]
    report["epochs"] = trained["epochs_done"]
    for when in ("before", "after"):
        recall = trained[f"recall_{when}"]
        shown = " / ".join(f"{100 * recall[f't2i_r{k}']:.1f} %" for k in (1, 5, 10))
        report[f"text-to-image recall@1/5/10 {when}"] = shown
    model = trained["model_id"]
    timed("index", lambda: stack.run_job(dataset, "index", model=model))
    queries = arguments.query or list(QUERIES)
    timed("first search", lambda: _search(stack, dataset, model, queries[0]))
    found = [_search(stack, dataset, model, query) for query in queries]
    report["search, warm (ms)"] = [round(answer["took_ms"]) for answer in found]
    report["whole way (s)"] = round(time.monotonic() - began, 1)
    for query, answer in zip(queries, found, strict=True):
        report[f"top of {query!r}"] = [hit["caption"] for hit in answer["hits"][:3]]
    return report


def _import(stack: Stack, arguments: argparse.Namespace) -> str:
    if arguments.images is None:
        made = stack.call("POST", "/datasets/sample", json={})
        stack.succeeded(made["job"]["id"])
        return str(made["dataset"]["id"])
    dataset = stack.call("POST", "/datasets", json={"name": arguments.images.stem})["id"]
    with arguments.images.open("rb") as archive:
        upload = {"files": (arguments.images.name, archive)}
        job = stack.call("POST", f"/datasets/{dataset}/images", files=upload)["job"]
    stack.succeeded(job["id"])
    if arguments.captions is not None:
        with arguments.captions.open("rb") as table:
            upload = {"file": (arguments.captions.name, table)}
            job = stack.call("POST", f"/datasets/{dataset}/captions", files=upload)["job"]
        stack.succeeded(job["id"])
    return str(dataset)


def _search(stack: Stack, dataset: str, model: str, query: str) -> dict[str, Any]:
    params = {"q": query, "model": model, "k": 10}
    answer: dict[str, Any] = stack.call("GET", f"/datasets/{dataset}/search", params=params)
    return answer


if __name__ == "__main__":
    main()
